"""Kinds of day of which a language model says next to nothing, where a metric divides by what it says.

A percent change against the same weekday divides a day by the baseline's day of that weekday. Where a model says that
nobody does something on days of rest, and a day of rest has become a working day, that quotient has no bound, and means
nothing. So an ordinary day of any kind counts with at least a share of the busiest weekday; what is added to reach it is
activity that the model has not told of, and that no policy changes. The rules engine leaves out nothing: what it says is taken.
"""

from __future__ import annotations

import numpy as np

from core.calibration.problem import Problem
from core.cognition.engine import DAY_TYPE
from core.simulation.measurement import SMALLEST_ACTIVITY

#: The least share. In Google's Community Mobility Reports of the countries that teach even workplaces, which days off empty
#: most, are hardly ever less than a tenth as full as in the baseline, lockdowns and holidays included.
LEAST_SHARE = 0.1


def ordinary_activity(problem: Problem, no_policy: np.ndarray, week: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Activity of ordinary days of each day's kind, (…, days, behaviours), from what the engine says of them and of the
    baseline week, (…, 7, behaviours); and how much of it the engine has not told of: exactly 0 where it has told enough."""
    untold = np.zeros_like(no_policy)
    if _divides(problem):
        untold = np.maximum(_least(week) - no_policy, 0.0)
    return np.maximum(no_policy + untold, SMALLEST_ACTIVITY), untold


def baseline_activity(problem: Problem, week: np.ndarray) -> np.ndarray:
    """The baseline week as it is divided by, (…, 7, behaviours)."""
    return np.maximum(week, _least(week)) if _divides(problem) else week


def untold_kinds(problem: Problem, means: np.ndarray) -> dict[str, tuple[str, ...]]:
    """Behaviours of which the engine says next to nothing on some kinds of day, and those kinds; `means` is simulated activity,
    (contexts, behaviours)."""
    if not _divides(problem):
        return {}
    rows = np.unique(np.concatenate([problem.final.no_policy, problem.baseline_context]))
    kinds = problem.contexts[DAY_TYPE].to_numpy()[rows]
    lacking = means[rows] < _least(means[problem.baseline_context])
    found = {
        name: tuple(sorted({str(kind) for kind in kinds[lacking[:, place]]}))
        for place, name in enumerate(problem.study.behaviour_ids)
    }
    return {name: listed for name, listed in found.items() if listed}


def _divides(problem: Problem) -> bool:
    return problem.compares_weekdays and problem.asks_a_model


def _least(week: np.ndarray) -> np.ndarray:
    return np.asarray(LEAST_SHARE * week.max(axis=-2, keepdims=True))
