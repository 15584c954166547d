"""What a search for a goal found: the policy to take, the trade-off, and how sure it is."""

from __future__ import annotations

import pandas as pd

from core.policy.interventions import level_in_words
from core.records import RunRecord
from core.report.document import Document, Figure, Paragraph, Table, signed
from core.report.figures.goals import front_figure
from core.report.reproduction import Reproduction, reproduction
from core.report.sentences.counterfactuals import why_not_reproducible
from core.services.counterfactuals.goals import GoalCandidate, GoalRequest, GoalResult, seek_goal
from core.services.runs.fits import told_again
from core.study import Study

CHANCE_TEXT = (
    "The chance is the share of draws of the effect interval in which the goal is met. It holds what the engine and the "
    "calibration leave open, not the ups and downs of the days to come."
)


def goal_document(result: GoalResult, study: Study) -> Document:
    """The answer first, then the trade-off."""
    return Document(
        f"Which measures {goal_words(result, study)} in {study.place}?",
        (
            Paragraph(goal_sentence(result, study)),
            Paragraph(in_force_sentence(result, study)),
            front_block(result, study),
            Table.of(front_table(result, study), f"The front, mean of {result.start} to {result.end}.", digits=1),
            Paragraph(tried_sentence(result)),
            Paragraph(CHANCE_TEXT),
        ),
        result.fictional,
        study.citation,
    )


def goal_words(result: GoalResult, study: Study) -> str:
    """The goal as part of a sentence."""
    label = study.behaviour(result.behaviour).label.lower()
    return f"keep {label} {'at or above' if result.at_least else 'at or below'} {signed(result.goal)}"


def goal_sentence(result: GoalResult, study: Study) -> str:
    """The policy to take, or that there is none."""
    if result.best is None:
        nearest = max if result.at_least else min
        closest = nearest(result.front, key=lambda item: item.value)
        return (
            f"No combination of these measures does: the nearest comes to {signed(closest.value)} "
            f"({levels_words(closest, study)})."
        )
    best = result.front[result.best]
    kind = "The most policy that still does" if result.strictest else "The least policy that does"
    sure = "" if best.chance is None else f", with a chance of {best.chance:.0%}"
    return f"{kind}: {levels_words(best, study)}. It comes to {signed(best.value)}{sure}."


def in_force_sentence(result: GoalResult, study: Study) -> str:
    """What the policy in force comes to."""
    item = result.in_force
    meets = "meets the goal" if item.meets else "does not meet it"
    return f"The policy in force comes to {signed(item.value)} and {meets}."


def tried_sentence(result: GoalResult) -> str:
    """How the answer was looked for."""
    if result.complete:
        return f"All {result.tried:,} combinations of levels were tried."
    return f"{result.tried:,} combinations were tried, proposed by a search (NSGA-II); a better one may be among the others."


def levels_words(item: GoalCandidate, study: Study) -> str:
    """The levels of a candidate in words."""
    parts = []
    for code, level in item.levels.items():
        measure = study.indicator(code)
        told = (
            "none" if level == measure.none else f"{level:g} {measure.amount.unit}" if measure.amount
            else f"level {level:g}"
        )  # fmt: skip
        parts.append(f"{measure.name.lower()}: {told}")
    return "; ".join(parts)


def level_texts(item: GoalCandidate, study: Study) -> list[str]:
    """Each level with its meaning from the codebook."""
    return [
        f"{study.indicator(code).name}: {level_in_words(level, study.indicator(code))}"
        for code, level in item.levels.items()
    ]


def front_table(result: GoalResult, study: Study) -> pd.DataFrame:
    """The front as it is read: measures by name, how much policy, what it comes to, the chance."""
    rows = [
        {
            **{study.indicator(code).name: level for code, level in item.levels.items()},
            "How much policy": item.burden,
            study.behaviour(result.behaviour).label: item.value,
            "Chance": None if item.chance is None else f"{item.chance:.0%}",
        }
        for item in result.front
    ]
    return pd.DataFrame(rows)


def front_block(result: GoalResult, study: Study) -> Figure:
    """The trade-off, drawn."""
    label = study.behaviour(result.behaviour).label
    table = result.frame().assign(words=[levels_words(item, study) for item in result.front])
    return Figure(
        f"goal-{result.study}-{result.behaviour}",
        lambda: front_figure(
            table, goal=result.goal, best=result.best, in_force=(result.in_force.burden, result.in_force.value), label=label,
            unit=study.metric_unit,
        ),
        f"How much policy against {label.lower()}, with the goal and the policy in force.",
        table,
    )  # fmt: skip


def reproduce_goal(
    record: RunRecord, result: GoalResult, dates: pd.DatetimeIndex, data: str | None = None
) -> Reproduction:
    """The lines that seek the same goal from nothing."""
    request = GoalRequest(
        told_again(record, data), result.behaviour, result.measures,
        at_least=result.goal if result.at_least else None, at_most=None if result.at_least else result.goal,
        start=dates[0].date(), end=dates[-1].date(),
    )  # fmt: skip
    return reproduction("goal", request, seek_goal, note=why_not_reproducible(record))
