"""Intervals from what forecasts have missed before: split conformal on rolling-origin errors, pooled over places.

The errors of past origins, in units of a scale, give a width per behaviour and class of horizon; widths never shrink with
the horizon. The scale of a day is larger where a behaviour moves much about its weekday's mean, and where the simulation
says that changes of policy since the origin matter much on that day: there a forecast has more to get wrong. Only errors
of days up to the origin count. Source: Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World, with
places in the place of draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
from scipy.stats import norm

#: Forecasters with past errors, and so with intervals.
WITH_INTERVALS = ("twin", "seasonal_naive")
LEVELS = (50, 80, 95)
#: Classes of horizon by their last day ahead.
CLASSES = (7, 14, 28, 56, 91, 126, 182)
#: Days that tell how much a place's behaviours move, and what such moves weigh. The power, and the share of a policy's
#: simulated effect (a mean over EFFECT_DAYS), were chosen by coverage and interval score on 85 countries.
SCALE_DAYS = 28
SCALE_POWER, USUAL_MOVES = 0.7, 4.0
POLICY_SHARE, EFFECT_DAYS = 0.45, 14
#: A class with fewer past errors than this borrows the width of the class before, grown with this power of the horizon: as
#: known by the end of 2020 and later, widths of 85 countries grow from 91 to 182 days with its 0.16th to 0.18th power on
#: average (0.03 to 0.42 by behaviour and level).
FEWEST_ERRORS = 200
BORROWED_GROWTH = 0.15


@dataclass(frozen=True)
class PastErrors:
    """Observed minus forecast at origins of the past, NaN where not observed, and the scales of these days: both by
    forecaster, (origins, days ahead, behaviours); and `policy_effect`, of that shape, what the twin's simulation said that
    changes of policy since the origin do (points). `left_out` says of each origin without errors why."""

    behaviours: tuple[str, ...]
    origins: tuple[date, ...]
    scales: Mapping[str, np.ndarray]
    errors: Mapping[str, np.ndarray]
    policy_effect: np.ndarray
    left_out: Mapping[date, str] = field(default_factory=dict)


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
    """How much each behaviour moves about its weekday's mean in the last 28 days, in points, drawn towards USUAL_MOVES:
    behaviours that move ten times as much are missed by five times as much."""
    recent = observations.loc[: pd.Timestamp(origin)].iloc[-SCALE_DAYS:]
    weekday = recent.groupby(pd.DatetimeIndex(recent.index).day_of_week).transform("mean")
    moves = (recent - weekday).abs().mean().clip(lower=1.0).fillna(1.0)
    return moves**SCALE_POWER * USUAL_MOVES ** (1.0 - SCALE_POWER)


def day_scales(place: pd.Series, policy_effect: pd.DataFrame) -> pd.DataFrame:
    """The scale of each day (days × behaviours): the place's, and a share of what the simulation says that changes of
    policy since the origin do (`policy_effect`, days × behaviours in points)."""
    smooth = policy_effect.abs().rolling(EFFECT_DAYS, min_periods=1, center=True).mean()
    squares: pd.DataFrame = (POLICY_SHARE * smooth) ** 2 + place[policy_effect.columns] ** 2
    return squares**0.5


def interval_ends(
    forecast: pd.DataFrame,
    widths: Widths,
    scales: pd.DataFrame,
    origin: date,
    lowest: float,
    beside: pd.DataFrame | None = None,
) -> dict[int, tuple[pd.DataFrame, pd.DataFrame]]:
    """Ends of the intervals around a forecast (days × behaviours), by level; never below what the metric can be.

    `beside` are standard deviations of what past errors cannot hold, in the forecast's shape; the two are taken to be
    independent.
    """
    ahead = (pd.DatetimeIndex(forecast.index) - pd.Timestamp(origin)).days.to_numpy(float)
    half = {name: widths.of(str(name), ahead) * scales[name].to_numpy(float) for name in forecast.columns}
    found = {}
    for place, level in enumerate(LEVELS):
        size = pd.DataFrame({name: values[place] for name, values in half.items()}, index=forecast.index)
        if beside is not None:
            size = np.hypot(size, norm.ppf(0.5 + level / 200) * beside)
        found[level] = ((forecast - size).clip(lower=lowest), forecast + size)
    return found


def conformal_widths(past: Sequence[PastErrors], forecaster: str, origin: date, fewest: int = FEWEST_ERRORS) -> Widths:
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
                sizes = np.abs(item.errors[forecaster][number, :known, column])
                sizes = sizes / item.scales[forecaster][number, :known, column]
                for place, (first, last) in enumerate(zip(starts, CLASSES, strict=True)):
                    part = sizes[first:last]
                    classes[place].append(part[np.isfinite(part)])
    return Widths({behaviour: _quantiles(classes, fewest) for behaviour, classes in pooled.items()})


def _quantiles(classes: Sequence[Sequence[np.ndarray]], fewest: int) -> np.ndarray:
    """(levels, classes); growing with the class."""
    widths = np.full((len(LEVELS), len(CLASSES)), np.nan)
    for place, parts in enumerate(classes):
        sizes = np.concatenate(parts) if parts else np.empty(0)
        if len(sizes) >= fewest:
            # The conformal rank: with n errors the ⌈(n + 1)·level⌉-th covers a new one with that probability.
            ranks = np.minimum(np.ceil((len(sizes) + 1) * np.array(LEVELS) / 100) / len(sizes), 1.0)
            widths[:, place] = np.quantile(sizes, ranks)
        elif place:
            widths[:, place] = widths[:, place - 1] * (CLASSES[place] / CLASSES[place - 1]) ** BORROWED_GROWTH
        if place:
            widths[:, place] = np.fmax(widths[:, place], widths[:, place - 1])
    return np.nan_to_num(widths, nan=0.0)


def interval_score(level: int, miss: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Gneiting and Raftery's interval score of symmetric intervals: width plus the price of what lies outside.

    `miss` is |observed − forecast| and `half` the half-width, same shape.
    """
    alpha = 1.0 - level / 100
    return np.asarray(2 * half + (2 / alpha) * np.maximum(miss - half, 0.0))
