"""Learn from many places how far the effect of a policy that came about differs from the one that was simulated.

At origins of the past, the twin said what changes of policy since then would do; the weeks that followed showed what
happened beside that. Per place and behaviour the ratio of the two is a slope; how widely the slopes of places spread, less
what they would spread by chance alone, is how wrong a simulated effect can be. Whatever else happened at the same time is
in it too, so that it is rather too large than too small.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from core.forecasting.teachers import WEEK, Teachers, weekly

#: The interquartile range of a normal distribution in standard deviations.
QUARTILES_APART = 1.349
#: A place tells something about a behaviour only where the simulated effects add up to this many squared points.
FEWEST_SQUARED_POINTS = 200.0
#: Fewer places than this say nothing about how they spread.
FEWEST_PLACES = 10


def weekly_effects(teachers: Teachers, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weekly means of what the twin missed and of what it simulated of changes of policy, of days that have both."""
    both = np.isfinite(errors) & np.isfinite(teachers.policy_effect)
    missed, simulated = (weekly(np.where(both, values, np.nan)) for values in (errors, teachers.policy_effect))
    return missed, simulated


def effect_spread(
    teachers: Teachers, missed: np.ndarray, simulated: np.ndarray, weight: np.ndarray, known_until: date
) -> dict[str, tuple[float, float, int]]:
    """Per behaviour the median ratio of effects that came about to simulated ones, the ratio's standard deviation between
    places, and the number of places; from weeks up to `known_until` alone.

    `missed` and `simulated` are `weekly_effects`; `weight` (origins,) is the share of the simulated effect that the forecasts
    behind them have followed already.
    """
    known = (np.arange(missed.shape[2]) + 1) * WEEK <= teachers.known_days(known_until)[:, None]
    told = np.isfinite(missed) & known[..., None]
    x = np.where(told, simulated, 0.0).astype(float)
    y = np.where(told, missed, 0.0) + weight[:, None, None] * x
    squares = (x**2).sum(axis=(1, 2))
    enough = squares >= FEWEST_SQUARED_POINTS
    slopes = np.divide((x * y).sum(axis=(1, 2)), squares, out=np.full(squares.shape, np.nan), where=enough)
    # The standard error of a slope with origins as clusters.
    left = (x * (y - slopes[:, None, None, :] * x)).sum(axis=2)
    chance = np.sqrt((left**2).sum(axis=1)) / np.where(enough, squares, 1.0)
    found = {}
    for column, behaviour in enumerate(teachers.behaviours):
        own = enough[:, column]
        if own.sum() < FEWEST_PLACES:
            continue
        low, median, high = np.quantile(slopes[own, column], [0.25, 0.5, 0.75])
        by_chance = float(np.median(chance[own, column]))
        spread = np.sqrt(max(((high - low) / QUARTILES_APART) ** 2 - by_chance**2, 0.0))
        found[behaviour] = (float(median), float(spread), int(own.sum()))
    return found
