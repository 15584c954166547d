"""How often the next of two actions is foreseen: per person, from the second step of a session on, then the mean over people.

Macro averages, so that who acted more often does not count more. People are drawn whole for intervals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.statistics.bootstrap import MANY_DRAWS, unit_counts
from core.statistics.levels import JUDGED, central
from core.validity.retest import Interval


@dataclass(frozen=True)
class ActionScores:
    """`accuracy` with its ends; `last_f1` of the last action of a session (of both actions, mean); `share_error` the mean over
    people of |share foreseen − share acted|; `correlation` of these shares over people, None where the engine tells nobody apart
    or people do not differ; `log_score` the mean −ln of the probability of what was done."""

    accuracy: float
    low: float
    high: float
    last_f1: float | None
    share_error: float
    correlation: float | None
    log_score: float


def action_scores(
    probabilities: np.ndarray, acted: np.ndarray, scored: np.ndarray, last: np.ndarray, *, seed: int = 0
) -> ActionScores:
    """Of the probability of action 1, (people, steps), where `scored`; `last` are the last steps.
    Each person has a scored step."""
    hits = per_person((probabilities > 0.5) == (acted == 1), scored)
    low, high = central(_drawn(hits, seed), JUDGED)
    foreseen, done = per_person(probabilities, scored), per_person(acted, scored)
    held = np.where(acted == 1, probabilities, 1 - probabilities)
    varied = min(np.ptp(foreseen), np.ptp(done)) > 1e-9
    return ActionScores(
        float(hits.mean()), float(low), float(high), _macro_f1(probabilities[last] > 0.5, acted[last] == 1),
        float(np.abs(foreseen - done).mean()), float(np.corrcoef(foreseen, done)[0, 1]) if varied else None,
        float(per_person(-np.log(np.maximum(held, 1e-9)), scored).mean()),
    )  # fmt: skip


def lead(
    one: np.ndarray, other: np.ndarray, acted: np.ndarray, scored: np.ndarray, *, seed: int = 0
) -> Interval:  # fmt: skip
    """The accuracy of one engine's probabilities less another's, over the same draws of people."""
    hits = [per_person((part > 0.5) == (acted == 1), scored) for part in (one, other)]
    low, high = central(_drawn(hits[0] - hits[1], seed), JUDGED)
    return Interval(float((hits[0] - hits[1]).mean()), float(low), float(high))


def per_person(values: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """The mean over a person's scored steps, (people,)."""
    return np.asarray(np.where(scored, values, 0.0).sum(axis=1) / scored.sum(axis=1))


def _drawn(values: np.ndarray, seed: int) -> np.ndarray:
    return np.asarray(unit_counts(len(values), MANY_DRAWS, seed) @ values / len(values))


def _macro_f1(foreseen: np.ndarray, acted: np.ndarray) -> float | None:
    """The mean over both actions of 2·both / (foreseen + acted); None where an action neither was foreseen nor done."""
    if not len(acted):
        return None
    parts = [(foreseen == value, acted == value) for value in (False, True)]
    if any(not (one.any() or other.any()) for one, other in parts):
        return None
    return float(np.mean([2 * (one & other).sum() / (one.sum() + other.sum()) for one, other in parts]))
