"""What one answer says, in the order of reading: the effect, how sure, who is moved, and how far to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from core.counterfactual.contrast import Contrast
from core.records import RUNGS
from core.report.document import signed
from core.report.sentences.domain import periods
from core.services.counterfactuals.answers import MovedGroup
from core.services.runs.results import RunResult
from core.study import Study
from core.validity.paired import UNSURE

#: The four rungs as they are drawn: reached or not.
RUNGS_SHORT = ("Ran", "Coherent", "Met the data", "Proven")
EFFECT_INTERVAL = "80% effect interval"
#: Groups whose differences are this near are not told apart, as a share of the largest.
ALIKE = 0.15


@dataclass(frozen=True)
class Rung:
    """One rung of the ladder of claims: its short name, the whole of it, and whether a run stands on it or above."""

    name: str
    text: str
    reached: bool


def effect_sentence(table: pd.DataFrame, behaviour: str) -> str:
    """What happens to one behaviour, in one sentence; `table` as `effects_table`."""
    row = next(item for item in table.to_dict("records") if item["behaviour"] == behaviour)
    label, value, low, high = (row[name] for name in ("label", "difference", "lower", "upper"))
    if low <= 0.0 <= high:
        return f"{label}: no clear difference ({EFFECT_INTERVAL} {signed(low)} to {signed(high)} points)."
    word = "higher" if value > 0 else "lower"
    ends = sorted((abs(low), abs(high)))
    return (
        f"{label} would have been **{abs(value):.1f} points {word}** "
        f"({EFFECT_INTERVAL} {ends[0]:.1f} to {ends[1]:.1f})."
    )


def support_sentence(study: Study, item: Contrast) -> str:
    """Whether the policy asked about is like any that the twin has seen."""
    return support_words(study, item.outside_days, len(item.path.dates))


def support_words(study: Study, outside: int, days: int) -> str:
    """The same of so many periods, of which so many are `outside`."""
    if outside == 0:
        return "Policies like this were in force in training."
    count = f"all {periods(study.step, days)}" if outside == days else f"{outside} of {periods(study.step, days)}"
    return f"Outside anything seen before on {count}: read it as direction, not size."


def trust_sentence(result: RunResult, study: Study) -> str:
    """How good the forecast was where it could be checked, beside the best simple one."""
    errors, best = result.macro_rmse, next(iter(result.baselines()), None)
    unseen = periods(study.step, study.step.between(result.train_end, result.test_end))
    if best is None:
        return f"On {unseen} it had not seen, the twin missed by {errors['twin']:.1f} points."
    gap = errors["twin"] / errors[best] - 1.0
    found = result.differences.get(best)
    chance = "" if found is not None and found.verdict != UNSURE else " That could be chance."
    said = f"{abs(gap):.0%} {'less' if gap < 0 else 'more'} than" if abs(gap) >= 0.005 else "as much as"
    return (
        f"On {unseen} it had not seen, it missed by **{said}** the best simple forecast ({errors['twin']:.1f} against "
        f"{errors[best]:.1f} points).{chance}"
    )


def ladder(rung: str) -> tuple[Rung, ...]:
    """The four rungs, those that a result stands on marked."""
    reached = RUNGS.index(rung)
    return tuple(
        Rung(name, text, position <= reached)
        for position, (name, text) in enumerate(zip(RUNGS_SHORT, RUNGS, strict=True))
    )


def moved_sentence(groups: Sequence[MovedGroup]) -> str:
    """Which group is moved most, and which least."""
    if not groups:
        return ""
    ordered = sorted(groups, key=lambda group: abs(group.difference))
    least, most = ordered[0], ordered[-1]
    if abs(most.difference - least.difference) < ALIKE * abs(most.difference):
        ends = sorted((least.difference, most.difference), key=abs)
        return f"All groups are moved much alike: {signed(ends[0])} to {signed(ends[1])} points."
    return f"Most: {_group(most)}. Least: {_group(least)}."


def _group(item: MovedGroup) -> str:
    return f"**{item.category}** ({item.attribute.lower()}, {signed(item.difference)} points)"


def person_sentence(row: pd.Series, label: str) -> str:
    """One of the people: who it is, and what becomes of one behaviour; `row` of `people_table`."""
    return (
        f"{row['text']} {label}: {row['before']:.0f}% → {row['after']:.0f}% on an average day. That is the engine's answer "
        "before calibration; nobody observed single people."
    )


def calendar_sentence(item: Contrast) -> str:
    """What a moved working week does to the metric; "" where both policies have the same days off."""
    if (item.path.table.day_types == item.reference.table.day_types).all():
        return ""
    return (
        "The working week differs. The metric compares each weekday with the same one of the baseline, so it moves more than "
        "people do."
    )


def truth_sentence(table: pd.DataFrame) -> str:
    """How near the answer comes to a truth that is known; "" where none is."""
    known = table.dropna(subset="truth")
    if known.empty:
        return ""
    inside = int(((known["lower"] <= known["truth"]) & (known["truth"] <= known["upper"])).sum())
    return f"This place is invented, so the truth is known: it lies inside {inside} of {len(known)} intervals."
