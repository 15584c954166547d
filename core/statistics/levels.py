"""Levels of intervals, in percent, and the ends of an interval in draws."""

from __future__ import annotations

import numpy as np

#: The levels of a forecast's intervals.
LEVELS = (50, 80, 95)
#: The level that is shown where there is one.
SHOWN = 80
#: The level of an interval that has to lie on one side of zero before a method is called better.
VERDICT = 90
#: The level of what the personas and words of a language model are judged by.
JUDGED = 95


def tails(level: float) -> tuple[float, float]:
    """The shares of values below the ends of the central interval of `level` percent."""
    return (100 - level) / 200, (100 + level) / 200


def central(values: np.ndarray, level: float = SHOWN, axis: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the central interval of `level` percent of all values, or of those along an axis."""
    low, high = np.quantile(values, tails(level), axis=axis)
    return low, high
