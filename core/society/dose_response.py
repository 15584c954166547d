"""How sales answer to a dose of posts, over worlds of chance: quadratic fits, two lines, and what goes with them.

Arrays are (R, D): R seeds, D doses; or (R, D, T) with T days. A seed is the unit of chance: means over seeds have t intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.statistics.bootstrap import generator_of, unit_counts
from core.statistics.levels import central
from core.statistics.spread import t_half_width

Floats = NDArray[np.float64]
Verdict = Literal["saturating", "inverted U", "not shown"]
SATURATING: Verdict = "saturating"
INVERTED_U: Verdict = "inverted U"
NOT_SHOWN: Verdict = "not shown"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean with its interval; None for what cannot be told from so few."""

    mean: float
    low: float | None
    high: float | None

    @property
    def above(self) -> bool:
        return self.low is not None and self.low > 0

    @property
    def below(self) -> bool:
        return self.high is not None and self.high < 0


@dataclass(frozen=True, kw_only=True)
class TwoLines:
    """Slopes of sales on the dose up to and from a breakpoint (posts an hour)."""

    breakpoint: float
    rising: Estimate
    falling: Estimate
    inverted_u: bool


def mean_over_seeds(values: Floats, level: float) -> Estimate:
    """The mean of one number a seed with its t interval; values that are no numbers are left out, and one at least is there."""
    known = values[np.isfinite(values)]
    mean = float(known.mean())
    if len(known) < 2:
        return Estimate(mean=mean, low=None, high=None)
    half = float(t_half_width(known, level))
    return Estimate(mean=mean, low=mean - half, high=mean + half)


def standardised(values: Floats) -> Floats:
    """Less the mean and over the standard deviation along the last axis; all 0 where nothing varies."""
    off = values - values.mean(axis=-1, keepdims=True)
    varies = np.ptp(values, axis=-1, keepdims=True) > 0
    return np.where(varies, off / np.where(varies, values.std(axis=-1, keepdims=True), 1.0), 0.0)


def quadratic(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """a and b of z(y) = a z(x)² + b z(x) + c by least squares along the last axis, which `x` (n,) and `y` (…, n) share.
    Both are exactly 0 where y does not vary."""
    z = standardised(np.asarray(x, float))
    solve = np.linalg.pinv(np.stack([z**2, z, np.ones_like(z)], axis=-1))
    found = standardised(np.asarray(y, float)) @ solve.T
    return found[..., 0], found[..., 1]


def two_lines(x: Floats, y: Floats, level: float) -> TwoLines:
    """Simonsohn's (2018) test of an inverted U, doi 10.1177/2515245918805755: one line up to a breakpoint and one from it.

    The Robin Hood rule: of the inner doses whose mean is within a standard error of the highest inner one, the median parts
    the doses; of the same doses that quantile does it at last which leaves more to the weaker line. With few doses, each in
    every seed, the means by dose take the place of a spline, and slopes are taken by seed, so that a seed is one case.
    """
    means, errors = y.mean(axis=0), y.std(axis=0, ddof=1) / np.sqrt(len(y))
    inner = np.arange(1, len(x) - 1)
    top = inner[means[inner].argmax()]
    flat = x[inner[means[inner] >= means[top] - errors[top]]]
    ways = [abs(_t_of(slopes)) for slopes in _slopes(x, y, float(np.median(flat)))]
    at = float(np.quantile(flat, ways[1] / sum(ways) if sum(ways) > 0 else 0.5))
    first, second = (mean_over_seeds(slopes, level) for slopes in _slopes(x, y, at))
    return TwoLines(breakpoint=at, rising=first, falling=second, inverted_u=first.above and second.below)


def _slopes(x: Floats, y: Floats, at: float) -> tuple[Floats, Floats]:
    """By seed, the slopes over the doses up to a breakpoint and from it, (R,) each."""
    found = []
    for side in (x <= at, x >= at):
        off = x[side] - x[side].mean()
        found.append((y[:, side] * off).sum(axis=1) / (off**2).sum())
    return found[0], found[1]


def _t_of(values: Floats) -> float:
    spread = values.std(ddof=1)
    return float(values.mean() / (spread / np.sqrt(len(values)))) if spread > 0 else 0.0


def verdict_of(a: Estimate, b: Estimate, lines: TwoLines) -> Verdict:
    """What may be said. A quadratic alone would call a logarithm an inverted U."""
    if lines.inverted_u:
        return INVERTED_U
    return SATURATING if b.above and a.below else NOT_SHOWN


def shuffled(x: Floats, y: Floats, times: int, level: float, seed: int) -> Estimate:
    """The mean b over seeds when each seed's doses change places at random, and the central range of so many shuffles."""
    order = generator_of(seed).random((times, *y.shape)).argsort(axis=-1)
    found = quadratic(x, np.take_along_axis(y[None], order, axis=-1))[1].mean(axis=1)
    low, high = central(found, 100 * level)
    return Estimate(mean=float(found.mean()), low=float(low), high=float(high))


def pooled_quadratic(x: Floats, y: Floats, draws: int, level: float, seed: int) -> tuple[Estimate, Estimate]:
    """a and b over all cases of (R, n) arrays at once, as the paper fits them, with intervals of a bootstrap of whole seeds."""
    a, b = quadratic(x.ravel(), y.ravel())
    counts = unit_counts(len(x), draws, seed).astype(int)
    found = np.array([quadratic(*(part[rows].ravel() for part in (x, y))) for rows in map(_repeated, counts)])
    ends = [central(found[:, at], 100 * level) for at in (0, 1)]
    return tuple(  # type: ignore[return-value]
        Estimate(mean=float(mean), low=float(low), high=float(high))
        for mean, (low, high) in zip((a, b), ends, strict=True)
    )


def _repeated(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(counts)), counts)


def correlations(x: Floats, y: Floats) -> Floats:
    """Pearson's r along the last axis over the cases that are known; not a number below three, or where nothing varies."""
    found = np.full(len(x), np.nan)
    for at, (one, other) in enumerate(zip(x.reshape(len(x), -1), y.reshape(len(y), -1), strict=True)):
        known = np.isfinite(one) & np.isfinite(other)
        if known.sum() > 2 and np.ptp(one[known]) > 0 and np.ptp(other[known]) > 0:
            found[at] = np.corrcoef(one[known], other[known])[0, 1]
    return found


def fisher_mean(r: Floats, level: float) -> Estimate | None:
    """The mean correlation over seeds with its interval, by Fisher's z; None where no seed has one."""
    if not np.isfinite(r).any():
        return None
    found = mean_over_seeds(np.arctanh(np.clip(r, -0.999999, 0.999999)), level)
    ends: Any = [None if end is None else float(np.tanh(end)) for end in (found.low, found.high)]
    return Estimate(mean=float(np.tanh(found.mean)), low=ends[0], high=ends[1])


def log_slopes(x: Floats, y: Floats) -> Floats:
    """By seed, the slope of log y on log x, both (R, k); not a number where something is 0 or x does not vary."""
    found = np.full(len(x), np.nan)
    for at, (one, other) in enumerate(zip(x, y, strict=True)):
        if len(one) > 1 and (one > 0).all() and (other > 0).all() and np.ptp(one) > 0:
            found[at] = np.polyfit(np.log(one), np.log(other), 1)[0]
    return found
