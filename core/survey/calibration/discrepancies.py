"""Seven discrepancies of predicted shares from people's, as scores and as objectives (arXiv 2604.07513, section 7).

Shares are (questions, options). KS, ℓ1 and ℓ2 compare distribution functions, so options must have an order; those without one
("Refused") are put last, and left out of these three after the rest is made to sum to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

#: Shares below this count as this where they divide.
LEAST = 1e-6


@dataclass(frozen=True)
class Discrepancy:
    """`of(p, q)` (questions,) from people's p to predicted q, convex in q; `slope(p, q)` (questions, options) a subgradient of it
    in q. `ordered`: of distribution functions."""

    label: str
    of: Callable[[np.ndarray, np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ordered: bool = False


def _above(q: np.ndarray) -> np.ndarray:
    return np.maximum(q, LEAST)


def _gap(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.cumsum(q - p, axis=1)


def _summed(slope: np.ndarray) -> np.ndarray:
    """From a slope in the distribution function to one in the shares."""
    return np.cumsum(slope[:, ::-1], axis=1)[:, ::-1]


def _largest(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    gap = _gap(p, q)
    place = np.abs(gap).argmax(axis=1)
    rows = np.arange(len(gap))
    found = np.zeros_like(gap)
    found[rows, place] = np.sign(gap[rows, place])
    return _summed(found)


def _log_ratio(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.where(p > 0, np.log(np.maximum(p, 1e-300) / _above(q)), 0.0)


DISCREPANCIES: Mapping[str, Discrepancy] = {
    "tv": Discrepancy("total variation", lambda p, q: 0.5 * np.abs(q - p).sum(1), lambda p, q: 0.5 * np.sign(q - p)),
    "chi2": Discrepancy("χ²", lambda p, q: (p**2 / _above(q)).sum(1) - 1, lambda p, q: -((p / _above(q)) ** 2)),
    "kl": Discrepancy("Kullback–Leibler", lambda p, q: (p * _log_ratio(p, q)).sum(1), lambda p, q: -p / _above(q)),
    "hellinger": Discrepancy(
        "Hellinger", lambda p, q: 1 - np.sqrt(p * q).sum(1), lambda p, q: -0.5 * np.sqrt(p / _above(q))
    ),
    "ks": Discrepancy("Kolmogorov–Smirnov", lambda p, q: np.abs(_gap(p, q)).max(1), _largest, ordered=True),
    "l1": Discrepancy(
        "ℓ1 of distribution functions", lambda p, q: np.abs(_gap(p, q)).sum(1),
        lambda p, q: _summed(np.sign(_gap(p, q))), ordered=True,
    ),
    "l2": Discrepancy(
        "ℓ2 of distribution functions", lambda p, q: (_gap(p, q) ** 2).sum(1), lambda p, q: _summed(2 * _gap(p, q)),
        ordered=True,
    ),
}  # fmt: skip


def scores(p: np.ndarray, q: np.ndarray, ordered: int) -> dict[str, np.ndarray]:
    """Each discrepancy by question. The first `ordered` options have an order; the three of distribution functions are of those
    alone."""
    ranked = [table[:, :ordered] / np.maximum(table[:, :ordered].sum(1, keepdims=True), LEAST) for table in (p, q)]
    return {name: item.of(*(ranked if item.ordered else (p, q))) for name, item in DISCREPANCIES.items()}
