"""How far many worlds differ: the spread of an outcome, how many worlds a statement needs, and what was not seen yet."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from scipy import stats

LEVEL = 0.95


def t_half_width(values: np.ndarray, level: float = LEVEL) -> np.ndarray:
    """Half the width of the t interval of the mean (n - 1 degrees of freedom), along the last axis of n values; not a number for
    fewer than two."""
    n = values.shape[-1]
    if n < 2:
        return np.full(values.shape[:-1], np.nan)
    found: np.ndarray = stats.t.ppf(0.5 + level / 2, n - 1) * values.std(axis=-1, ddof=1) / np.sqrt(n)
    return found


@dataclass(frozen=True)
class Spread:
    """An outcome over W worlds: mean, sample standard deviation (None for one world), t interval of the mean at 95 %, and the
    worlds that would narrow the interval to `half_width` on either side."""

    worlds: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None
    worlds_needed: int | None


def spread_of(values: Sequence[float], half_width: float | None = None) -> Spread:
    """The spread of one value a world."""
    found = np.asarray(values, float)
    n = len(found)
    if n < 2:
        return Spread(n, float(found.mean()), None, None, None, None)
    sd = float(found.std(ddof=1))
    half = float(t_half_width(found))
    needed = None if half_width is None else max(2, ceil((1.96 * sd / half_width) ** 2))
    return Spread(n, float(found.mean()), sd, float(found.mean()) - half, float(found.mean()) + half, needed)


def same_sign(differences: Sequence[float]) -> float | None:
    """The share of paired differences with the sign that more of them have; None where all are zero."""
    signs = np.sign(np.asarray(differences, float))
    moved = signs[signs != 0]
    return None if not len(moved) else float(max((moved > 0).sum(), (moved < 0).sum()) / len(signs))


@dataclass(frozen=True)
class Unseen:
    """What a sample of kinds has not shown: the chance that the next is of a kind not seen (Good and Turing), and the number of
    kinds in all at least (Chao 1984)."""

    seen: int
    missing_mass: float
    kinds_at_least: float


def unseen(kinds: Sequence[Hashable]) -> Unseen:
    """From one kind a world. I. J. Good (1953); A. Chao (1984), its bias-corrected form."""
    counts: dict[Hashable, int] = {}
    for kind in kinds:
        counts[kind] = counts.get(kind, 0) + 1
    once, twice = (sum(count == times for count in counts.values()) for times in (1, 2))
    more = once * (once - 1) / (2 * (twice + 1))
    return Unseen(len(counts), once / len(kinds) if kinds else 1.0, len(counts) + more)
