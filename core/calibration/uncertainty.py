"""How sure the calibration is of its lines: a block bootstrap of the training weeks.

Days next to each other err together, so whole weeks are drawn. The sums behind the normal equations are added up once
per week; a draw is then a weighted sum of them.
"""

from __future__ import annotations

import numpy as np

DAYS_PER_BLOCK = 7


def bootstrap_lines(
    activity: np.ndarray, observed: np.ndarray, weight: np.ndarray, *, draws: int, seed: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """`draws` pairs of slopes and intercepts, each (draws, behaviours); slopes are held at 0 or above.

    Inputs as in `least_squares_lines`. Blocks are consecutive weeks of the training period; without a seed each counts
    once in every draw.
    """
    share = np.where(np.isfinite(observed), weight, 0.0)
    target = np.where(np.isfinite(observed), observed, 0.0)
    products = np.stack([share * activity**2, share * activity, share, share * activity * target, share * target])
    starts = np.arange(0, len(activity), DAYS_PER_BLOCK)
    blocks = np.add.reduceat(products, starts, axis=1)
    counts = np.ones((draws, len(starts)), dtype=int)
    if seed is not None:
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
        counts = generator.multinomial(len(starts), np.full(len(starts), 1 / len(starts)), size=draws)
    s11, s12, s22, t1, t2 = np.einsum("dk,mkb->mdb", counts, blocks)
    determinant = s11 * s22 - s12**2
    flat = determinant <= 1e-12 * np.maximum(s11 * s22, 1e-300)
    a = np.maximum(np.where(flat, 0.0, (t1 * s22 - t2 * s12) / np.where(flat, 1.0, determinant)), 0.0)
    b = (t2 - a * s12) / np.where(s22 > 0, s22, 1.0)
    return a, b
