"""Whether a model remembers the figures that a twin is tested on, and does not need to simulate them.

It is asked for published figures of dated months. One who knows nothing of the dates can at best say the same for every
month; one who remembers is closer than that, and closer with the months as they are than with the months exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.statistics.bootstrap import generator_of
from core.validity.persona_audit import UNKNOWN, Estimate, mean_estimate

PERMUTATIONS = 1999
#: Fewer months than this cannot be told from chance.
FEWEST_MONTHS = 5


@dataclass(frozen=True)
class Memory:
    """How close recalled figures come, in units of the metric.

    error: mean absolute error. naive: that of the mean over the other months, which needs no memory of a month but
    more than a model should know. gain: what the recall is closer by, naive less error, over months. p: how often months
    that are exchanged at random fit as well. months: how many counted.
    """

    error: float
    naive: float
    gain: Estimate
    p: float
    months: int

    @property
    def remembered(self) -> bool:
        """Whether the recall beats the naive guess, and the right months beat exchanged ones, beyond chance."""
        return bool(self.gain.lower > 0 and self.p < 0.05)


def memory(recalled: np.ndarray, truth: np.ndarray, *, seed: int = 0) -> Memory:
    """Judge `recalled` against `truth`, both (months, behaviours) with NaN where there is none, in units of the metric.

    Months in which nothing was recalled or observed do not count; of fewer than FEWEST_MONTHS the interval and p are
    NaN. The p is that of a permutation test of whole months on the mean absolute error, each behaviour's divided by its
    naive error, so that none decides alone. Months next to each other are alike: the interval is that of independent ones.
    """
    known = np.isfinite(recalled) & np.isfinite(truth)
    used = known.any(axis=1)
    said, seen = (np.where(known, values, np.nan)[used] for values in (recalled, truth))
    months = int(used.sum())
    if months < 2:
        return Memory(float("nan"), float("nan"), UNKNOWN, float("nan"), months)
    count, total = np.isfinite(seen).sum(axis=0), np.nansum(seen, axis=0)
    others = (total - np.nan_to_num(seen)) / np.maximum(count - 1, 1)
    naive = np.where(count > 1, np.abs(others - seen), np.nan)
    error = np.where(np.isfinite(naive), np.abs(said - seen), np.nan)
    by_month = _row_means(naive - error)
    gain = mean_estimate(by_month, np.ones(months), seed=seed)
    figures = float(np.nanmean(error)), float(np.nanmean(naive))
    if months < FEWEST_MONTHS:
        return Memory(*figures, Estimate(gain.value, float("nan"), float("nan")), float("nan"), months)
    scale = np.array([_mean(column) for column in naive.T])
    scale = np.where(scale > 0, scale, np.nan)
    own = _mean(np.abs(said - seen) / scale)
    generator = generator_of(seed)
    as_good = sum(
        _mean(np.abs(said[generator.permutation(months)] - seen) / scale) <= own * (1.0 + 1e-9)
        for _ in range(PERMUTATIONS)
    )
    return Memory(*figures, gain, (1 + as_good) / (1 + PERMUTATIONS), months)


def _row_means(values: np.ndarray) -> np.ndarray:
    return np.array([_mean(row) for row in values])


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
