"""What a society shows: what each arm changes, for whom, how sure that is, and what may be said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.report.document import Block, Details, Document, Figure, Heading, Items, Paragraph, Table, signed
from core.report.figures.society import SHOWN, effect_dots
from core.report.reproduction import Reproduction, reproduction
from core.services.library.archive import SCENARIO_FILE
from core.services.society.requests import AblateRequest, CompareRequest, SocietyRequest
from core.services.society.results import ARMS, ENGINE, SIGNS, ArmSummary, SocietyResult
from core.services.society.run import ablate_society, compare_arms, run_society
from core.services.society.scenarios import ScenarioSummary
from core.society import load
from core.society.arms import BASE, MONEY, Contrast
from core.society.scenario import scenario_hash
from core.society.shipped import shipped_scenarios

#: How the engine is called wherever a figure is shown: nobody asked a language model.
ENGINE_WORDS = "Society rules (no language model)"


@dataclass(frozen=True)
class QuantityWords:
    """How a quantity is called, what it is counted in, and digits of a difference of it."""

    label: str
    unit: str
    digits: int = 2


#: Of all places a day, and of a household and day.
WORDS: Mapping[str, QuantityWords] = {
    "sales": QuantityWords("Sales", "a day", 0),
    "visits": QuantityWords("Visits", "a day", 1),
    "turned_away": QuantityWords("Turned away", "a day", 2),
    "posts_about": QuantityWords("Posts about places", "a day", 1),
    "spending_out": QuantityWords("Spending out", "a household-day"),
    "spending_home": QuantityWords("Spending on food at home", "a household-day"),
    "spending_other": QuantityWords("Other spending", "a household-day"),
    "trips": QuantityWords("Trips", "a household-day", 3),
    "km": QuantityWords("Kilometres", "a household-day"),
    "km_a_trip": QuantityWords("Kilometres a trip", "there and back"),
    "cash": QuantityWords("Cash", "a household", 1),
    "posts": QuantityWords("Posts", "a household-day", 3),
    "stress_hunger": QuantityWords("Stress: hunger", "of 1", 4),
    "stress_fatigue": QuantityWords("Stress: fatigue", "of 1", 4),
    "stress_crowd": QuantityWords("Stress: crowds", "of 1", 4),
    "stress_money": QuantityWords("Stress: money", "of 1", 4),
    "stress_sleep": QuantityWords("Stress: sleep", "of 1", 4),
    "stress_social": QuantityWords("Stress: what is read", "of 1", 4),
}
#: What a sentence on an arm tells, where it is clear of chance, in this order.
TOLD = ("spending_out", "visits", "turned_away", "trips", "km", "posts")
GROUPS = {"income_quartile": "By income quartile (1 is the lowest)", "district": "By district", "place": "By place"}
FOUND_IN_MODEL = "Found in this model; it says nothing of a real place."


def shown_value(quantity: str, value: float | None) -> float | None:
    """A value as it is shown: money in whole units instead of cents."""
    return value / 100 if value is not None and quantity in MONEY else value


def size_sentence(result: SocietyResult) -> str:
    """How large it was, and how often it was run."""
    made = "Invented people in an invented town. " if result.fictional else ""
    return (
        f"{made}{result.households:,} households, {result.days} days after {result.warm_up_days} of warm-up, each arm in the "
        f"same {len(result.seeds)} world{'s' * (len(result.seeds) > 1)} of chance. Engine: {engine_words(result)}."
    )


def engine_words(result: SocietyResult) -> str:
    """Who decided: rules, or the language model that was asked."""
    return ENGINE_WORDS if result.engine == ENGINE else f"{result.engine} (its answers are not those of people)"


def contrast_words(item: Contrast) -> str:
    """A difference with its interval and the share of worlds of its sign."""
    how = WORDS[item.quantity]
    value, low, high = (shown_value(item.quantity, part) for part in (item.mean, item.low, item.high))
    sure = "one world: no interval"
    if low is not None and high is not None:
        same = round(item.same_sign * item.seeds)
        sure = (
            f"95%: {signed(low, how.digits)} to {signed(high, how.digits)}, same sign in {same} of {item.seeds} worlds"
        )
    return f"{how.label.lower()} {signed(value or 0.0, how.digits)} {how.unit} ({sure})"


def arm_sentence(result: SocietyResult, arm: ArmSummary) -> str:
    """What an arm changes overall, as far as it is told from chance."""
    first = result.since[arm.id]
    days = "" if not first else f" from day {first + 1} on"
    found = [result.of(arm.id, name) for name in TOLD]
    clear = [item for item in found if item.sign]
    if all(item.mean == 0 for item in result.contrasts if item.arm == arm.id):
        return f"{arm.title}: nothing changes{days}, in any world."
    if not clear:
        return f"{arm.title}: nothing{days} that is told from chance; {contrast_words(found[0])}."
    return f"{arm.title}{days}: {'; '.join(map(contrast_words, clear[:3]))}."


def society_document(result: SocietyResult, record: tuple[Block, ...] = ()) -> Document:
    """What was asked, what each arm changes and for whom, then what it rests on."""
    others = [arm for arm in result.arms if arm.id != result.against]
    against = "" if result.against == BASE else f" Every arm is held against “{result.arm(result.against).title}”."
    blocks: list[Block] = [Paragraph(size_sentence(result) + against)]
    if others:
        blocks += [Items(tuple(arm_sentence(result, arm) for arm in others)), Paragraph(FOUND_IN_MODEL, "caution")]
        blocks.append(effects_block(result))
        blocks += [Heading("Registered directions"), tests_table(result)] if result.tests else []
    else:
        blocks.append(Table(("", "mean", ""), _means(result), "The scenario as it stands", 3))
    for arm in others:
        blocks += [Heading(arm.title), contrast_table(result, arm.id)]
        blocks += [
            Details(title, (contrast_table(result, arm.id, group),))
            for group, title in GROUPS.items()
            if any(item.group == group for item in result.contrasts)
        ]
    return Document(
        result.question or result.title,
        (*blocks, society_reproduction(result).details(), *record),
        result.fictional,
        f"scenario {result.scenario}",
        result.run_id,
    )


def effects_block(result: SocietyResult) -> Figure:
    """What every arm changes of a few quantities, in percent of the mean of what it is held against."""
    rows = [
        (WORDS[name].label, arm.title, *(100 * part / item.reference for part in _ends(item)))
        for name in SHOWN
        for arm in result.arms
        if arm.id != result.against and (item := result.of(arm.id, name)).reference
    ]
    data = pd.DataFrame(rows, columns=["label", "arm", "mean", "low", "high"])
    told = "Change by each arm, in percent of the mean without it, with 95% intervals over worlds."
    return Figure("effects", lambda: effect_dots(data, f"society lab, scenario {result.scenario}"), told, data)


def _ends(item: Contrast) -> tuple[float, float, float]:
    low, high = (item.mean if end is None else end for end in (item.low, item.high))
    return item.mean, low, high


def tests_table(result: SocietyResult) -> Table:
    """The registered directions with what came of them."""
    rows = tuple(
        (
            test.title,
            "up" if test.expected > 0 else "down",
            *(_change(test.quantity, value) for value in (test.mean, test.low, test.high)),
            f"{test.same_sign:.0%}",
            test.verdict,
        )
        for test in result.tests
    )
    return Table(("registered direction", "expected", "change", "95% from", "to", "same sign", "verdict"), rows)


def _change(quantity: str, value: float | None) -> str:
    return "" if value is None else signed(shown_value(quantity, value) or 0.0, WORDS[quantity].digits)


def scenario_lines(found: ScenarioSummary) -> list[str]:
    """What a scenario holds, line by line."""
    places = ", ".join(f"{name} ({kind})" for name, kind in found.places.items())
    return [
        f"{found.id}: {found.title}",
        f"{found.households:,} households, {found.days} days after {found.warm_up_days} of warm-up, in steps of "
        f"{found.step_hours} h",
        f"Places: {places}",
        f"Levers: {', '.join(found.levers) or 'none'}; shocks: {', '.join(found.shocks) or 'none'}",
        *(f"Arm {name}: {title}" for name, title in found.arms.items()),
        *(f"Arm {name} changes nothing." for name in found.alike),
        f"Hash {found.scenario_hash}",
    ]


def contrast_table(result: SocietyResult, arm: str, group: str = "all") -> Table:
    """An arm's contrasts in a group, a row for each quantity and level."""
    rows = [item for item in result.contrasts if item.arm == arm and item.group == group]
    order = list(WORDS)
    rows.sort(key=lambda item: (order.index(item.quantity), item.level))
    head = ("", *(("level",) if group != "all" else ()), "before", "change", "95% from", "to", "same sign")
    return Table(
        head,
        tuple(
            (
                f"{WORDS[item.quantity].label}, {WORDS[item.quantity].unit}",
                *((item.level,) if group != "all" else ()),
                f"{shown_value(item.quantity, item.reference) or 0.0:,.{WORDS[item.quantity].digits}f}",
                *(_change(item.quantity, value) for value in (item.mean, item.low, item.high)),
                f"{item.same_sign:.0%}",
            )
            for item in rows
        ),
        strong=frozenset(at for at, item in enumerate(rows) if item.sign),
    )


def society_reproduction(result: SocietyResult) -> Reproduction:
    """The lines that make a result again. A scenario that does not ship is named as its own file, which an export has."""
    shipped = result.scenario in shipped_scenarios() and scenario_hash(load(result.scenario)) == result.scenario_hash
    scenario = result.scenario if shipped else SCENARIO_FILE
    note = (
        ""
        if shipped
        else f"The scenario is in {SCENARIO_FILE} of an export (policytwin export {result.run_id} --to DIR)."
    )
    size: dict[str, Any] = {"seeds": len(result.seeds), "households": result.households, "days": result.days}
    if result.what != ARMS:
        asked = AblateRequest(scenario, signs=result.what == SIGNS, **size)
        return reproduction("society ablate", asked, ablate_society, note=note)
    request = SocietyRequest(scenario, tuple(arm.id for arm in result.arms if arm.id != BASE), **size)
    if result.against == BASE:
        return reproduction("society run", request, run_society, note=note)
    return reproduction("society compare", CompareRequest(request, result.against), compare_arms, note=note)


def _means(result: SocietyResult) -> tuple[tuple[str, float | None, str], ...]:
    means = result.arm(result.against).means
    return tuple((how.label, shown_value(name, means.get(name)), how.unit) for name, how in WORDS.items())
