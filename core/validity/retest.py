"""How well answers given for people agree with theirs, against how well people agree with themselves when asked again.

Of item j the agent agrees a_j and people with themselves c_j, each the mean over people who answered. Normalised is
mean_j a_j / mean_j c_j. The retest is a reference and no ceiling: who predicts well may hit an answer more often than people
repeat it. Normalised accuracy after Park et al. 2024 (arXiv 2411.10109), who leave open which ratio; intervals are over people,
whose whole rows are drawn, for agent and retest alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.statistics.bootstrap import MANY_DRAWS, unit_counts
from core.statistics.levels import JUDGED, central


@dataclass(frozen=True)
class Agreement:
    """Of answers with people's own, (people, items), NaN where one is missing: `exact` the same (0 or 1), `partial`
    1 − |difference| / (choices − 1); `correlation` (items,) over people, NaN where people all said the same, 0 where only the
    agent did; `variance_ratio` (items,) of the agent's answers to people's."""

    exact: np.ndarray
    partial: np.ndarray
    correlation: np.ndarray
    variance_ratio: np.ndarray
    told_apart: bool

    @property
    def mean_exact(self) -> float:
        return mean_of_items(self.exact)

    @property
    def mean_partial(self) -> float:
        return mean_of_items(self.partial)

    @property
    def mean_correlation(self) -> float | None:
        """None where the agent answers every item alike for everybody."""
        return float(np.nanmean(self.correlation)) if self.told_apart else None


def agreement(given: np.ndarray, truth: np.ndarray, choices: np.ndarray, levels: np.ndarray | None = None) -> Agreement:
    """Of answers (people, items) with people's; `levels` are correlated in place of the answers, where given."""
    both = ~np.isnan(given) & ~np.isnan(truth)
    exact = np.where(both, given == truth, np.nan)
    partial = np.where(both, 1 - np.abs(given - truth) / np.maximum(choices - 1, 1), np.nan)
    levels = given if levels is None else levels
    covariance, ours, theirs = _moments(np.where(both, levels, 0.0), np.where(both, truth, 0.0), both)
    varies = theirs > 1e-9
    told = varies & (ours > 1e-9)
    correlation = np.where(varies, 0.0, np.nan)
    np.divide(covariance, np.sqrt(ours * theirs), out=correlation, where=told)
    spread = _moments(np.where(both, given, 0.0), np.where(both, truth, 0.0), both)[1]
    ratio = np.divide(spread, theirs, out=np.full_like(spread, np.nan), where=varies)
    return Agreement(exact, partial, correlation, ratio, bool(told.any()))


def mean_agreement(parts: Sequence[Agreement]) -> Agreement:
    """The mean of several, as of several draws."""
    return Agreement(
        np.mean([part.exact for part in parts], axis=0), np.mean([part.partial for part in parts], axis=0),
        np.mean([part.correlation for part in parts], axis=0), np.mean([part.variance_ratio for part in parts], axis=0),
        any(part.told_apart for part in parts),
    )  # fmt: skip


def mean_of_items(matrix: np.ndarray) -> float:
    """The mean over items of the mean over people (people, items); an item that nobody answered does not count."""
    return float(drawn_means(matrix, np.ones((1, len(matrix))))[0])


def drawn_means(matrix: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """`mean_of_items` where people count so often, (draws, people): (draws,). NaN where nobody who counts answered."""
    seen = ~np.isnan(matrix)
    total, people = counts @ np.where(seen, matrix, 0.0), counts @ seen.astype(float)
    items = np.maximum((people > 0).sum(axis=1), 1)
    means = np.divide(total, people, out=np.zeros_like(total), where=people > 0).sum(axis=1) / items
    return np.asarray(np.where((people > 0).any(axis=1), means, np.nan))


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float


class RetestDraws:
    """The same draws of people for every agent, so that agents can be compared."""

    def __init__(self, retest: Agreement, *, seed: int = 0, draws: int = MANY_DRAWS, level: int = JUDGED) -> None:
        self.counts = unit_counts(len(retest.exact), draws, seed)
        self.retest, self.level = retest, level
        self._reference = drawn_means(retest.exact, self.counts)

    def normalised(self, agent: Agreement) -> Interval:
        """Normalised exact agreement."""
        low, high = central(self._drawn(agent), self.level)
        return Interval(agent.mean_exact / self.retest.mean_exact, float(low), float(high))

    def lead(self, agent: Agreement, other: Agreement) -> Interval:
        """Normalised exact agreement of one agent less that of another."""
        low, high = central(self._drawn(agent) - self._drawn(other), self.level)
        return Interval((agent.mean_exact - other.mean_exact) / self.retest.mean_exact, float(low), float(high))

    def _drawn(self, agent: Agreement) -> np.ndarray:
        return drawn_means(agent.exact, self.counts) / self._reference


def log_score(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Mean −ln of the probability (people, items, choices) of what people answered, over all answers."""
    people, items = np.nonzero(~np.isnan(truth))
    held = probabilities[people, items, truth[people, items].astype(int) - 1]
    return float(-np.log(np.maximum(held, 1e-9)).mean())


def _moments(one: np.ndarray, other: np.ndarray, both: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariance and variances over people, (items,)."""
    count = np.maximum(both.sum(axis=0), 1)
    ours, theirs = (np.where(both, part - part.sum(axis=0) / count, 0.0) for part in (one, other))
    return (ours * theirs).sum(axis=0) / count, (ours**2).sum(axis=0) / count, (theirs**2).sum(axis=0) / count
