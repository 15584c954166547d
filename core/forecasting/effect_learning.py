"""Learn from many places how far the effect of a policy that came about differs from the one that was simulated.

At origins of the past, the twin said what changes of policy since then would do; the weeks that followed showed what
happened beside that. Per place and behaviour the ratio of the two is a slope; how widely the slopes of places spread, less
what they would spread by chance alone, is how wrong a simulated effect can be. Whatever else happened at the same time is
in it too, so that it is rather too large than too small. The slopes lie around 1: simulated effects are of the right size
on average.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from core.forecasting.intervals import PastErrors

WEEK = 7
#: The interquartile range of a normal distribution in standard deviations.
QUARTILES_APART = 1.349
#: A place tells something about a behaviour only where the simulated effects add up to this many squared points.
FEWEST_SQUARED_POINTS = 200.0
#: Fewer places than this say nothing about how they spread.
FEWEST_PLACES = 10


def effect_spread(places: Sequence[PastErrors], trust: float, known_until: date) -> dict[str, tuple[float, float, int]]:
    """Per behaviour the median ratio of effects that came about to simulated ones, the ratio's standard deviation between
    places, and the number of places; from errors on days up to `known_until` alone.

    `trust` is the share of the simulated effect that the forecasts behind these errors have followed already.
    """
    found = {}
    for behaviour in dict.fromkeys(name for item in places for name in item.behaviours):
        slopes, errors = [], []
        for item in places:
            if behaviour in item.behaviours:
                slope, error = _slope(item, behaviour, trust, known_until)
                if np.isfinite(slope):
                    slopes.append(slope)
                    errors.append(error)
        if len(slopes) < FEWEST_PLACES:
            continue
        low, median, high = np.quantile(slopes, [0.25, 0.5, 0.75])
        by_chance = float(np.median(errors))
        spread = np.sqrt(max(((high - low) / QUARTILES_APART) ** 2 - by_chance**2, 0.0))
        found[behaviour] = (float(median), float(spread), len(slopes))
    return found


def _slope(item: PastErrors, behaviour: str, trust: float, known_until: date) -> tuple[float, float]:
    """What came about per point simulated, and its standard error with origins as clusters; NaN where nothing is told."""
    column = item.behaviours.index(behaviour)
    simulated, seen = [], []
    for number, origin in enumerate(item.origins):
        effect = item.policy_effect[number, :, column]
        weeks = min((known_until - origin).days, len(effect)) // WEEK
        if weeks < 1:
            continue
        effect, missed = (
            values[: weeks * WEEK].reshape(weeks, WEEK) for values in (effect, item.errors["twin"][number, :, column])
        )
        ok = np.isfinite(effect) & np.isfinite(missed)
        days = ok.sum(axis=1)
        mean = [np.where(ok, values, 0.0).sum(axis=1)[days > 0] / days[days > 0] for values in (effect, missed)]
        simulated.append(mean[0])
        seen.append(mean[1] + trust * mean[0])
    squares = sum(float((part**2).sum()) for part in simulated)
    if squares < FEWEST_SQUARED_POINTS:
        return np.nan, np.nan
    slope = sum(float((x * y).sum()) for x, y in zip(simulated, seen, strict=True)) / squares
    left = [float((x * (y - slope * x)).sum()) for x, y in zip(simulated, seen, strict=True)]
    return slope, float(np.sqrt(np.sum(np.square(left))) / squares)
