"""Intervals from what forecasts have missed before: split conformal on rolling-origin errors, pooled over places.

The errors of past origins, in units of how much each place's behaviours move about their weekday's mean, give a width per
behaviour and class of horizon; widths never shrink with the horizon. Only errors of days up to the origin count. Source:
Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World, with places in the place of draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

#: Forecasters with past errors, and so with intervals.
WITH_INTERVALS = ("twin", "seasonal_naive")
LEVELS = (50, 80, 95)
#: Classes of horizon by their last day ahead.
CLASSES = (7, 14, 28, 56, 91, 126, 182)
#: Days that tell how much a place's behaviours move.
SCALE_DAYS = 28
#: A class with fewer past errors than this borrows the width of the class before, grown with the root of the horizon.
FEWEST_ERRORS = 200


@dataclass(frozen=True)
class PastErrors:
    """Observed minus forecast at origins of the past: by forecaster (origins, days ahead, behaviours), NaN where not
    observed, and the `scales` (origins, behaviours) of that time."""

    behaviours: tuple[str, ...]
    origins: tuple[date, ...]
    scales: np.ndarray
    errors: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Widths:
    """Half-widths in units of the scale: {behaviour: (levels, classes)}."""

    by_behaviour: Mapping[str, np.ndarray]

    def of(self, behaviour: str, ahead: np.ndarray) -> np.ndarray:
        """Half-widths of days ahead, (levels, days). Beyond the last class they grow with the root of the horizon."""
        place = np.minimum(np.searchsorted(CLASSES, ahead), len(CLASSES) - 1)
        beyond = np.sqrt(np.maximum(ahead / CLASSES[-1], 1.0))
        return np.asarray(self.by_behaviour[behaviour][:, place] * beyond)


def place_scale(observations: pd.DataFrame, origin: date) -> pd.Series:
    """How much each behaviour moves about its weekday's mean in the last 28 days, for widths that suit the place."""
    recent = observations.loc[: pd.Timestamp(origin)].iloc[-SCALE_DAYS:]
    weekday = recent.groupby(pd.DatetimeIndex(recent.index).day_of_week).transform("mean")
    return (recent - weekday).abs().mean().clip(lower=1.0).fillna(1.0)


def interval_ends(
    forecast: pd.DataFrame, widths: Widths, scale: pd.Series, origin: date, lowest: float
) -> dict[int, tuple[pd.DataFrame, pd.DataFrame]]:
    """Ends of the intervals around a forecast (days × behaviours), by level; never below what the metric can be."""
    ahead = (pd.DatetimeIndex(forecast.index) - pd.Timestamp(origin)).days.to_numpy(float)
    half = {name: widths.of(str(name), ahead) * float(scale[name]) for name in forecast.columns}
    found = {}
    for place, level in enumerate(LEVELS):
        size = pd.DataFrame({name: values[place] for name, values in half.items()}, index=forecast.index)
        found[level] = ((forecast - size).clip(lower=lowest), forecast + size)
    return found


def conformal_widths(past: Sequence[PastErrors], forecaster: str, origin: date) -> Widths:
    """Widths known at `origin`, from the errors of all places on days up to it."""
    pooled: dict[str, list[list[np.ndarray]]] = {}
    starts = (0, *CLASSES[:-1])
    for item in past:
        for number, begun in enumerate(item.origins):
            known = (origin - begun).days
            if known < 1:
                continue
            for column, behaviour in enumerate(item.behaviours):
                classes = pooled.setdefault(behaviour, [[] for _ in CLASSES])
                sizes = np.abs(item.errors[forecaster][number, :known, column]) / item.scales[number, column]
                for place, (first, last) in enumerate(zip(starts, CLASSES, strict=True)):
                    part = sizes[first:last]
                    classes[place].append(part[np.isfinite(part)])
    return Widths({behaviour: _quantiles(classes) for behaviour, classes in pooled.items()})


def _quantiles(classes: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """(levels, classes); growing with the class."""
    widths = np.full((len(LEVELS), len(CLASSES)), np.nan)
    for place, parts in enumerate(classes):
        sizes = np.concatenate(parts) if parts else np.empty(0)
        if len(sizes) >= FEWEST_ERRORS:
            # The conformal rank: with n errors the ⌈(n + 1)·level⌉-th covers a new one with that probability.
            ranks = np.minimum(np.ceil((len(sizes) + 1) * np.array(LEVELS) / 100) / len(sizes), 1.0)
            widths[:, place] = np.quantile(sizes, ranks)
        elif place:
            widths[:, place] = widths[:, place - 1] * np.sqrt(CLASSES[place] / CLASSES[place - 1])
    return np.maximum.accumulate(np.nan_to_num(widths, nan=0.0), axis=1)


def interval_score(level: int, miss: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Gneiting and Raftery's interval score of symmetric intervals: width plus the price of what lies outside.

    `miss` is |observed − forecast| and `half` the half-width, same shape.
    """
    alpha = 1.0 - level / 100
    return np.asarray(2 * half + (2 / alpha) * np.maximum(miss - half, 0.0))
