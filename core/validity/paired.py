"""Whether one forecast errs more than another, or only seemed to in these weeks: a paired block bootstrap.

Errors of neighbouring days go together, so whole weeks of the test period are drawn with replacement. The same weeks are
drawn for every forecast: a hard week is hard for all of them and drops out of their difference.
Source: Künsch (1989), The jackknife and the bootstrap for general stationary observations, Annals of Statistics 17(3).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

DAYS_PER_BLOCK = 7
DRAWS = 1000
#: The central interval that is shown, in percent.
LEVEL = 80


def macro_draws(forecasts: Sequence[pd.DataFrame], observed: pd.DataFrame, *, draws: int, seed: int) -> np.ndarray:
    """Macro RMSE of each forecast in each draw of the test weeks, (forecasts, draws), in units of the metric.

    All frames are (days × behaviours) with the same days and behaviours; NaN in `observed` is left out. The macro score
    is the mean over behaviours of the root mean squared error; a behaviour of which a draw has no observation does not
    count in it. Blocks are consecutive weeks from the first day, the last one shorter where the days do not divide.
    """
    truth = observed.to_numpy(float)
    errors = np.stack([frame.to_numpy(float) for frame in forecasts]) - truth
    starts = np.arange(0, len(truth), DAYS_PER_BLOCK)
    squares = np.add.reduceat(np.where(np.isfinite(truth), errors, 0.0) ** 2, starts, axis=1)
    counts = np.add.reduceat(np.isfinite(truth).astype(float), starts, axis=0)
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    drawn = generator.multinomial(len(starts), np.full(len(starts), 1 / len(starts)), size=draws).astype(float)
    # Not BLAS: the last bit of its sums depends on how many threads the machine gives it.
    total, days = np.einsum("dw,fwb->fdb", drawn, squares), np.einsum("dw,wb->db", drawn, counts)
    seen = days > 0
    scores = np.sqrt(np.divide(total, days, out=np.zeros_like(total), where=np.broadcast_to(seen, total.shape)))
    return np.asarray(scores.sum(axis=2) / np.maximum(seen.sum(axis=1), 1))


def central(values: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """The ends of the central interval of `level` percent of all values."""
    tail = (100.0 - level) / 2.0
    low, high = np.percentile(values, [tail, 100.0 - tail])
    return float(low), float(high)
