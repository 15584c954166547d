"""Intervals from what forecasts have missed before: split conformal on rolling-origin errors, pooled over places.

The errors of past origins, in units of a scale, give a width per behaviour and class of horizon; widths never shrink with
the horizon. The scale of a day is larger where a behaviour moves much about its weekday's mean, and where the simulation
says that changes of policy since the origin matter much on that day: there a forecast has more to get wrong. Only errors
of days up to the origin count. Source: Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World, with
places in the place of draws. Where there is one place alone, see `core.forecasting.own_widths`.

A width that is not known is NaN, and so are the ends of its interval: it is neither drawn nor scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
from scipy.stats import norm

from core.calibration.pace import PACES
from core.statistics.levels import LEVELS
from core.study import Step

#: Forecasters with past errors, and so with intervals.
WITH_INTERVALS = ("twin", "seasonal_naive")
#: Classes of horizon by their last day ahead; of longer steps see `core.calibration.pace`, as of how many periods tell how
#: much a place's behaviours move and smooth a policy's effect.
CLASSES = PACES[Step.DAY].classes
#: What such moves weigh. The power, and the share of a policy's simulated effect, were chosen by coverage and interval score on
#: the countries that are not kept for exams.
SCALE_POWER, USUAL_MOVES = 0.7, 4.0
POLICY_SHARE = 0.45
#: A class with too few past errors borrows the width of the class before, grown with this power of the horizon, as
#: widths of the countries that are not kept for exams were measured to grow.
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
    step: Step = Step.DAY


@dataclass(frozen=True)
class Widths:
    """Half-widths in units of the scale: {behaviour: (levels, classes)}, NaN where not known, of `classes` of horizon."""

    by_behaviour: Mapping[str, np.ndarray]
    classes: tuple[int, ...] = CLASSES

    def of(self, behaviour: str, ahead: np.ndarray) -> np.ndarray:
        """Half-widths of days ahead, (levels, days). Beyond the last class they grow with the root of the horizon."""
        place = np.minimum(np.searchsorted(self.classes, ahead), len(self.classes) - 1)
        beyond = np.sqrt(np.maximum(ahead / self.classes[-1], 1.0))
        known = self.by_behaviour.get(behaviour, np.full((len(LEVELS), len(self.classes)), np.nan))
        return np.asarray(known[:, place] * beyond)


def place_scale(observations: pd.DataFrame, origin: date, step: Step = Step.DAY) -> pd.Series:
    """How much each behaviour moves about its weekday's mean in the last 28 days (of longer steps, about the mean of the last
    periods), in points, drawn towards USUAL_MOVES: behaviours that move ten times as much are missed by five times as much. NaN
    where too few were seen."""
    pace = PACES[step]
    recent = observations.loc[: pd.Timestamp(origin)].iloc[-pace.scale :]
    alike = pd.DatetimeIndex(recent.index).day_of_week if step is Step.DAY else np.zeros(len(recent))
    moves = (recent - recent.groupby(alike).transform("mean")).abs().mean()
    moves = moves.clip(lower=1.0).where(recent.notna().sum() >= pace.fewest_scale)
    return moves**SCALE_POWER * USUAL_MOVES ** (1.0 - SCALE_POWER)


def day_scales(place: pd.Series, policy_effect: pd.DataFrame, step: Step = Step.DAY) -> pd.DataFrame:
    """The scale of each day (days × behaviours): the place's, and a share of what the simulation says that changes of
    policy since the origin do (`policy_effect`, days × behaviours in points)."""
    smooth = policy_effect.abs().rolling(PACES[step].effect, min_periods=1, center=True).mean()
    squares: pd.DataFrame = (POLICY_SHARE * smooth) ** 2 + place[policy_effect.columns] ** 2
    return squares**0.5


def interval_ends(
    forecast: pd.DataFrame,
    widths: Widths,
    scales: pd.DataFrame,
    origin: date,
    lowest: float,
    beside: pd.DataFrame | None = None,
    step: Step = Step.DAY,
) -> dict[int, tuple[pd.DataFrame, pd.DataFrame]]:
    """Ends of the intervals around a forecast (days × behaviours), by level; never below what the metric can be, NaN where
    no width is known.

    `beside` are standard deviations of what past errors cannot hold, in the forecast's shape; the two are taken to be
    independent.
    """
    ahead = step.places(pd.DatetimeIndex(forecast.index), origin).astype(float)
    half = {name: widths.of(str(name), ahead) * scales[name].to_numpy(float) for name in forecast.columns}
    found = {}
    for place, level in enumerate(LEVELS):
        size = pd.DataFrame({name: values[place] for name, values in half.items()}, index=forecast.index)
        if beside is not None:
            size = np.hypot(size, norm.ppf(0.5 + level / 200) * beside)
        found[level] = ((forecast - size).clip(lower=lowest), forecast + size)
    return found


def conformal_widths(past: Sequence[PastErrors], forecaster: str, origin: date) -> Widths:
    """Widths known at `origin`, from the errors of all these places on days up to it."""
    pooled: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for item in past:
        known = np.array([item.step.between(begun, origin) for begun in item.origins])
        for column, behaviour in enumerate(item.behaviours):
            sizes = np.abs(item.errors[forecaster][..., column]) / item.scales[forecaster][..., column]
            pooled.setdefault(behaviour, []).append((sizes, known))
    pace = PACES[past[0].step if past else Step.DAY]
    classes, fewest = pace.classes, pace.fewest_errors
    return Widths({behaviour: pooled_widths(parts, classes, fewest) for behaviour, parts in pooled.items()}, classes)


def pooled_widths(
    parts: Sequence[tuple[np.ndarray, np.ndarray]],
    classes: tuple[int, ...] = CLASSES,
    fewest: int = PACES[Step.DAY].fewest_errors,
) -> np.ndarray:
    """Half-widths (levels, classes), growing with the class and known with `fewest` errors, from sizes of errors in units
    of their scale, (…, origins, days ahead) with NaN for none, and how many days ahead of each origin are over, (origins,)."""
    widths = np.full((len(LEVELS), len(classes)), np.nan)
    starts = (0, *classes[:-1])
    for place, (first, last) in enumerate(zip(starts, classes, strict=True)):
        found = [_over(sizes, known, first, last) for sizes, known in parts]
        errors = np.concatenate(found) if found else np.empty(0)
        if len(errors) >= fewest:
            # The conformal rank: with n errors the ⌈(n + 1)·level⌉-th covers a new one with that probability.
            ranks = np.minimum(np.ceil((len(errors) + 1) * np.array(LEVELS) / 100) / len(errors), 1.0)
            widths[:, place] = np.quantile(errors, ranks)
    return borrowed(widths, BORROWED_GROWTH, classes)


def _over(sizes: np.ndarray, known: np.ndarray, first: int, last: int) -> np.ndarray:
    """The sizes on days ahead first + 1 to last that are over and were observed, in one row."""
    part = sizes[..., first:last]
    over = np.arange(first + 1, first + part.shape[-1] + 1) <= known[:, None]
    return np.asarray(part[np.isfinite(part) & over])


def borrowed(widths: np.ndarray, growth: float, classes: tuple[int, ...] = CLASSES) -> np.ndarray:
    """Half-widths (levels, classes) with those not known taken from the class before, grown with this power of the horizon;
    the first classes take the next one known, which is wider than theirs would be. They never shrink with the class, nor
    with the level; NaN stays where no class of a level is known."""
    filled = widths.copy()
    for place in range(1, len(classes)):
        before = filled[:, place - 1]
        grown = before * (classes[place] / classes[place - 1]) ** growth
        filled[:, place] = np.fmax(np.where(np.isnan(filled[:, place]), grown, filled[:, place]), before)
    for place in range(len(classes) - 2, -1, -1):
        filled[:, place] = np.where(np.isnan(filled[:, place]), filled[:, place + 1], filled[:, place])
    known = np.isfinite(filled)
    return np.where(known, np.maximum.accumulate(np.where(known, filled, -np.inf), axis=0), np.nan)


def interval_score(level: int, miss: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Gneiting and Raftery's interval score of symmetric intervals: width plus the price of what lies outside.

    `miss` is |observed − forecast| and `half` the half-width, same shape.
    """
    alpha = 1.0 - level / 100
    return np.asarray(2 * half + (2 / alpha) * np.maximum(miss - half, 0.0))
