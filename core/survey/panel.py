"""Whom a question is put to where not everybody is asked: people evenly spread over the population."""

from __future__ import annotations

import numpy as np

from core.errors import InputError


def evenly_spread(weights: np.ndarray, most: int | None) -> tuple[np.ndarray, np.ndarray]:
    """(rows, weights) of at most `most` personas; everybody with their own weights where it is None or enough.

    Systematic sampling with probability proportional to size (Madow 1949, Annals of Mathematical Statistics 20, 333):
    the personas at the middles of `most` equal slices of the inhabitants, in the order of the population, which is
    sorted by who people are. Each stands for the slices it was met in, so that weights still sum to all inhabitants and
    few personas weigh as evenly as they can. InputError for fewer than one.
    """
    weights = np.asarray(weights, dtype=np.float64)
    if most is not None and most < 1:
        raise InputError(f"{most} personas", where="question", allowed="1 and above", nearest="1")
    if most is None or most >= len(weights):
        return np.arange(len(weights)), weights
    total = weights.sum()
    points = (np.arange(most) + 0.5) / most * total
    met = np.searchsorted(np.cumsum(weights), points, side="right")
    rows, counts = np.unique(np.minimum(met, len(weights) - 1), return_counts=True)
    return rows, counts * (total / most)
