"""What validation found, in words. Every word follows from a figure: turn the figures round, and the words turn round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.forecasting.backtest_scores import TWIN
from core.report.sentences.domain import stretches
from core.report.sentences.runs import unobserved_note
from core.services.evaluation.results import Measured
from core.services.evaluation.skill import (
    ALIKE,
    ALIKE_WITHIN,
    ALL,
    BETTER,
    UNSURE,
    WORSE,
    SkillComparison,
    judged,
)
from core.services.runs.forecasters import in_sentence
from core.services.runs.results import RunResult
from core.study import Step

Cells = Mapping[tuple[str, int], SkillComparison]

MIXED = "it depends"
#: The classes of policy change that a hurried reader is told about: where policy moved, and where it hardly did.
MOVED, STILL = ">=15", "<5"
WHERE: dict[str, str] = {
    ALL: "over all rows",
    "<5": "where policy hardly moved",
    "5-15": "where it moved by 5 to 15 points",
    ">=15": "where it moved by 15 points or more",
}


@dataclass(frozen=True)
class Statement:
    """A finding for a hurried reader: whose question it answers, the verdict, the figures in short, and a sentence."""

    title: str
    verdict: str
    figure: str
    text: str


def run_statement(result: RunResult, unit: str = "points", step: Step = Step.DAY) -> Statement:
    """This study's run: the twin against the best baseline on the hold-out, by RMSE."""
    twin = result.macro_rmse["twin"]
    best, other = next(iter(result.baselines().items()), ("", None))
    if other is None:
        text = f"The twin misses by {twin:.1f} {unit}; no baseline was scored."
        return Statement("This study", UNSURE, f"{twin:.1f}", text)
    skill = 1 - twin / other
    found = result.differences.get(best)
    verdict = ALIKE if abs(skill) < ALIKE_WITHIN else UNSURE if found is None else found.verdict
    relation = "about as much as" if verdict == ALIKE else "less than" if skill > 0 else "more than"
    doubt = f", which other {stretches(step)} like these could turn round" if verdict == UNSURE else ""
    return Statement(
        "This study",
        verdict,
        f"{twin:.1f} vs {other:.1f}",
        f"The twin misses by {twin:.1f} {unit} on average, {relation} the best simple forecast "
        f"({in_sentence(best, step)}){doubt}. {unobserved_note(result)}".strip(),
    )


def class_statement(cells: Cells, change: str, title: str) -> Statement:
    """One class of policy change (or "all") over the countries, at each horizon."""
    found = by_horizon(cells, change)
    if not found:
        return Statement(title, UNSURE, "not measured", "No row of the backtest is of this kind.")
    rows = sum(item.rows for item in found.values())
    figure = " · ".join(shortly(item.skill).removesuffix("%") for item in found.values()) + "%"
    change = changes([item.skill for item in found.values()])
    text = f"Mean error {change} the best single baseline's, over {rows:,} rows. {verdicts(found)}".strip()
    return Statement(title, overall([item.verdict for item in found.values()]), figure, text)


def answer(cells: Cells) -> str:
    """Over the countries, in two or three sentences: where the twin helps, where it does not, and where that is open."""
    every = by_horizon(cells, ALL)
    if not every:
        return "No backtest has been measured."
    countries = max(item.countries for item in every.values())
    said = {
        BETTER: "the twin misses by less than the best single baseline",
        ALIKE: "the best single baseline misses about as little as the twin",
        WORSE: "the best single baseline misses by less than the twin",
        UNSURE: "it is not certain whether the twin or the best single baseline misses by less",
    }
    parts = [f"{text} at {_days(every, verdict)}" for verdict, text in said.items() if _days(every, verdict)]
    first = f"Over {countries} countries, {'; '.join(parts)}."
    split = {(change, horizon): item for (change, horizon), item in cells.items() if change != ALL}
    notes = [
        _places(split, ALIKE, "A simple forecast is about as good"),
        _places(split, WORSE, "A simple forecast is better"),
        _places(split, UNSURE, "Too little was measured to tell"),
    ]
    if not any(notes):
        won = all(item.verdict == BETTER for item in split.values())
        notes = ["That holds whether policy moved or not."] if won and split else []
    return " ".join([first, *filter(None, notes)])


def by_horizon(cells: Cells, change: str) -> dict[int, SkillComparison]:
    """The comparisons of one class, by horizon."""
    return {
        horizon: cells[change, horizon] for name, horizon in sorted(cells, key=lambda key: key[1]) if name == change
    }


def overall(found: Sequence[str]) -> str:
    """One verdict where all agree, else that it depends."""
    return found[0] if len(set(found)) == 1 else MIXED


def verdicts(found: Mapping[int, SkillComparison]) -> str:
    """Which horizons have which verdict, where they differ."""
    if len({item.verdict for item in found.values()}) == 1:
        return ""
    parts = [
        f"{verdict} at {_days(found, verdict)}" for verdict in (BETTER, ALIKE, WORSE, UNSURE) if _days(found, verdict)
    ]
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def shortly(skill: float) -> str:
    """A skill in as few characters as say the direction: −12% is an error 12% below the baseline's."""
    change = round(-100 * skill)
    return "0%" if change == 0 else f"{change:+d}%".replace("-", "−")


def in_words(skill: float) -> str:
    """ "12% below", "3% above" or "level with" (the baseline's error)."""
    size = round(100 * abs(skill))
    return "level with" if size == 0 else f"{size}% {'below' if skill > 0 else 'above'}"


def coverage_words(table: pd.DataFrame, level: int) -> str:
    """How honest the twin's intervals are at one nominal level, from `interval_table`."""
    own = table[(table["forecaster"] == TWIN) & (table["level"] == level)]
    if own.empty:
        return "No intervals were measured."
    nominal = level / 100
    found = own.set_index("horizon")["coverage"].astype(float)
    said = [f"{value:.0%} at {horizon} days" for horizon, value in found.items()]
    judgement = {horizon: judged(value, nominal) for horizon, value in found.items()}
    text = f"An interval that promises {level}% held {listed(said)} of what was observed."
    if len(set(judgement.values())) == 1:
        return f"{text} That is {next(iter(judgement.values()))}."
    kinds = dict.fromkeys(judgement.values())
    parts = [f"{kind} at {listed([str(h) for h, own in judgement.items() if own == kind])} days" for kind in kinds]
    return f"{text} That is {', and '.join(parts)}."


def sharpness_words(table: pd.DataFrame, level: int) -> str:
    """The twin's interval score against the seasonal-naive one's, from `interval_table`."""
    wide = table[table["level"] == level].pivot(index="horizon", columns="forecaster", values="score")  # noqa: PD010
    others = [name for name in wide.columns if name != TWIN]
    if wide.empty or TWIN not in wide or not others:
        return ""
    change = 1 - wide[TWIN].astype(float) / wide[others[0]].astype(float)
    days = listed([str(horizon) for horizon in change.index])
    return (
        f"Width and misses together (the interval score, lower is better): at {days} days the twin's {level}% interval scores "
        f"{changes(list(change))} one of the same kind around {in_sentence(others[0])}."
    )


def where_from(what: str, measured: Measured[Any], size: str) -> str:
    """Which measurement is shown, when it was made, and by which code."""
    header = measured.header
    source = f"kept in this store as {measured.run_id}" if measured.run_id else "shipped with PolicyTwin"
    own = "the version running now" if measured.current else "not the version running now, whose figures can differ"
    return f"{what} {source}: measured on {header.made_at:%-d %B %Y} by version {header.code_version} ({own}); {size}"


def listed(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _days(found: Mapping[int, SkillComparison], verdict: str) -> str:
    chosen = [str(horizon) for horizon, item in found.items() if item.verdict == verdict]
    return f"{listed(chosen)} days" if chosen else ""


def changes(skills: Sequence[float]) -> str:
    """ "12%, 12% and 11% below", or one by one where they do not all point the same way."""
    said = [in_words(skill) for skill in skills]
    for direction in (" below", " above"):
        if all(text.endswith(direction) for text in said):
            return listed([text.removesuffix(direction) for text in said]) + direction
    return listed(said)


def _places(split: Cells, verdict: str, text: str) -> str:
    """Where among the classes of policy change a verdict holds, as a sentence; "" where nowhere."""
    where = []
    for change in dict.fromkeys(name for name, _ in split):
        days = _days(by_horizon(split, change), verdict)
        where += [f"{WHERE[change]}, at {days}"] if days else []
    return f"{text} {'; '.join(where)}." if where else ""


def kept_out_statement(cells: Cells) -> str:
    """The countries that had no say in the form of the forecast, from contrasts over them alone."""
    found = by_horizon(cells, ALL)
    if not found:
        return "None of the countries measured was kept out when the form of the forecast was chosen."
    count = max(item.countries for item in found.values())
    said = [f"{in_words(item.skill)} at {horizon} days (90% range {_range(item)})" for horizon, item in found.items()]
    return (
        f"{count} of the countries had no say when the form of the forecast was chosen. On them alone, set against the best "
        f"single baseline's, the twin's error is {listed(said)}."
    )


def _range(item: SkillComparison) -> str:
    if not np.isfinite([item.low, item.high]).all():
        return "not known"
    return f"{shortly(item.high)} to {shortly(item.low)}"
