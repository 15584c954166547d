"""How sure the calibration is of its lines: a block bootstrap of the training weeks.

Days next to each other err together, so whole weeks are drawn. The sums behind the normal equations are added up once
per week; a draw is then a weighted sum of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.statistics.bootstrap import DAYS_PER_BLOCK, block_starts, unit_counts


def bootstrap_lines(
    activity: np.ndarray,
    observed: np.ndarray,
    weight: np.ndarray,
    *,
    draws: int,
    seed: int | None,
    shares: Sequence[float | np.ndarray] = (1.0,),
    block: int = DAYS_PER_BLOCK,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each of `shares`, `draws` pairs of slopes and intercepts, each (draws, behaviours); fitted slopes are held at 0 or
    above.

    Inputs and shares as in `least_squares_lines`. Blocks are consecutive weeks of the training period, or as many periods as
    `block` says; without a seed each counts once in every draw.
    """
    counted = np.where(np.isfinite(observed), weight, 0.0)
    target = np.where(np.isfinite(observed), observed, 0.0)
    products = np.stack(
        [counted * activity**2, counted * activity, counted, counted * activity * target, counted * target]
    )
    starts = block_starts(len(activity), block)
    blocks = np.add.reduceat(products, starts, axis=1)
    counts = np.ones((draws, len(starts))) if seed is None else unit_counts(len(starts), draws, seed)
    s11, s12, s22, t1, t2 = np.einsum("dk,mkb->mdb", counts, blocks)
    determinant = s11 * s22 - s12**2
    flat = determinant <= 1e-12 * np.maximum(s11 * s22, 1e-300)
    a = np.maximum(np.where(flat, 0.0, (t1 * s22 - t2 * s12) / np.where(flat, 1.0, determinant)), 0.0)
    found = []
    for share in shares:
        slope = share * a + (1.0 - share)
        found.append((slope, (t2 - slope * s12) / np.where(s22 > 0, s22, 1.0)))
    return found
