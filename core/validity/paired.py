"""Whether one method errs more than another, or only seemed to here: the paired bootstrap, in one place.

The same units are drawn for every method (`core.statistics.bootstrap`): a hard week is hard for all of them and drops out of
their difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from core.statistics.bootstrap import MANY_DRAWS, block_starts, unit_counts
from core.statistics.levels import VERDICT, central

#: Weeks of a test below which nothing is said of how weeks differ.
FEWEST_WEEKS = 6
#: What is said of two methods.
BETTER, WORSE, UNSURE = "better", "worse", "not certain"


@dataclass(frozen=True)
class Difference:
    """What one method's error is less another's, in units of the metric (below zero: it errs less), with the interval of level
    `VERDICT` over `units`; ends None where there are too few units to tell. The `verdict` follows from these: better or worse
    only where the interval lies on one side of zero."""

    value: float
    lower: float | None
    upper: float | None
    units: int
    verdict: str = ""

    def __post_init__(self) -> None:
        verdict = UNSURE
        if self.lower is not None and self.upper is not None and not self.lower <= 0.0 <= self.upper:
            verdict = BETTER if self.upper < 0.0 else WORSE
        object.__setattr__(self, "verdict", verdict)

    def as_dict(self) -> dict[str, float | int | str | None]:
        """As JSON gives it back."""
        return asdict(self)


def rmse_difference(
    one: np.ndarray, other: np.ndarray, units: Sequence[object], strata: Sequence[object], *, seed: int = 0
) -> Difference:
    """The root mean squared error of one method less another's on the same rows, from their errors (rows,).

    `units` and `strata` label each row: whole units are drawn, within their stratum, as a kind of world is chosen and not
    drawn. A stratum of a single unit says nothing of the spread between its units: then there are no ends.
    """
    labels = list(dict.fromkeys(zip(strata, units, strict=True)))
    place = {label: number for number, label in enumerate(labels)}
    row = np.array([place[label] for label in zip(strata, units, strict=True)], dtype=int)
    squares = np.stack([np.bincount(row, error**2, len(labels)) for error in (one, other)])
    sizes = np.bincount(row, minlength=len(labels)).astype(float)
    root = np.sqrt(squares.sum(axis=1) / max(sizes.sum(), 1.0))
    value, kinds = float(root[0] - root[1]), [label[0] for label in labels]
    if not labels or min(kinds.count(kind) for kind in set(kinds)) < 2:
        return Difference(value, None, None, len(labels))
    counts = unit_counts(len(labels), MANY_DRAWS, seed, kinds)
    # Not BLAS: the last bit of its sums depends on how many threads the machine gives it.
    drawn = np.sqrt(np.einsum("du,mu->md", counts, squares) / np.einsum("du,u->d", counts, sizes))
    low, high = central(drawn[0] - drawn[1], VERDICT)
    return Difference(value, float(low), float(high), len(labels))


def macro_draws(forecasts: Sequence[pd.DataFrame], observed: pd.DataFrame, *, draws: int, seed: int) -> np.ndarray:
    """Macro RMSE of each forecast in each draw of the test weeks, (forecasts, draws), in units of the metric.

    All frames are (days × behaviours) with the same days and behaviours; NaN in `observed` is left out. The macro score
    is the mean over behaviours of the root mean squared error; a behaviour of which a draw has no observation does not
    count in it. Blocks are consecutive weeks from the first day, the last one shorter where the days do not divide.
    """
    truth = observed.to_numpy(float)
    errors = np.stack([frame.to_numpy(float) for frame in forecasts]) - truth
    starts = block_starts(len(truth))
    squares = np.add.reduceat(np.where(np.isfinite(truth), errors, 0.0) ** 2, starts, axis=1)
    counts = np.add.reduceat(np.isfinite(truth).astype(float), starts, axis=0)
    drawn = unit_counts(len(starts), draws, seed)
    # Not BLAS: the last bit of its sums depends on how many threads the machine gives it.
    total, days = np.einsum("dw,fwb->fdb", drawn, squares), np.einsum("dw,wb->db", drawn, counts)
    seen = days > 0
    scores = np.sqrt(np.divide(total, days, out=np.zeros_like(total), where=np.broadcast_to(seen, total.shape)))
    return np.asarray(scores.sum(axis=2) / np.maximum(seen.sum(axis=1), 1))


def macro_differences(
    ours: pd.DataFrame, others: Mapping[str, pd.DataFrame], observed: pd.DataFrame, *, seed: int
) -> dict[str, Difference]:
    """The macro RMSE of one forecast less that of each other, over the weeks of `observed`; frames as in `macro_draws`.

    Fewer than `FEWEST_WEEKS` weeks say nothing of how weeks differ.
    """
    seen = observed.loc[:, observed.notna().any()]
    frames = [frame[seen.columns] for frame in (ours, *others.values())]
    scores = [float(np.sqrt(((frame - seen) ** 2).mean()).mean()) for frame in frames]
    weeks = len(block_starts(len(seen)))
    if weeks < FEWEST_WEEKS:
        return {
            name: Difference(scores[0] - score, None, None, weeks)
            for name, score in zip(others, scores[1:], strict=True)
        }
    drawn = macro_draws(frames, seen, draws=MANY_DRAWS, seed=seed)
    ends = central(drawn[0] - drawn[1:], VERDICT, axis=1)
    return {
        name: Difference(scores[0] - score, float(low), float(high), weeks)
        for name, score, low, high in zip(others, scores[1:], *ends, strict=True)
    }
