"""Start a forecast from where the world is.

The last observations before the origin say how far people's activity lies above or below the model: a level from the last
week, and a profile by weekday and kind of day from the last four (of longer steps see `core.calibration.pace`). A forecast
keeps that gap. Of what the model says about changes of policy since the origin it follows a share, the *policy trust*,
between persistence (0) and the model alone (1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.calibration.pace import PACES, Pace
from core.study import Step

#: With this many public holidays in training, half of their own gap is believed.
HOLIDAYS_BELIEVED = 5
HOLIDAY = "holiday"
DAYS_OFF = ("weekend", "rest", HOLIDAY)


def follow_policy(frozen_policy: np.ndarray, actual: np.ndarray, trust: float) -> np.ndarray:
    """Activity that follows the share `trust` of what the policy changed since the origin, (…, days, behaviours).

    `frozen_policy` is activity on the same kinds of day with the origin's policy, `actual` with the day's own.
    """
    return np.asarray(frozen_policy + trust * (actual - frozen_policy))


@dataclass(frozen=True)
class OriginResidual:
    """Observed minus modelled activity at the origin.

    `by_weekday` is (…, 2, 7, behaviours) for working days (0) and days off (1), Monday first; of longer steps the places in
    the cycle (`Step.cycle`) take the place of weekdays. One that was not of that kind in the observed periods has the mean of
    its kind. `on_holidays` (…, behaviours) is for public holidays.
    """

    by_weekday: np.ndarray
    on_holidays: np.ndarray
    step: Step = Step.DAY

    def of(self, dates: pd.DatetimeIndex, day_types: np.ndarray) -> np.ndarray:
        """The gap of each day by its weekday and kind, (…, days, behaviours)."""
        ordinary = self.by_weekday[..., is_off(day_types).astype(int), self.step.in_cycle(dates), :]
        return np.where((day_types == HOLIDAY)[:, None], self.on_holidays[..., None, :], ordinary)


def is_off(day_types: np.ndarray) -> np.ndarray:
    """Whether each day is a day off, (days,) of bool."""
    return np.isin(day_types, DAYS_OFF)


def measure_origin_residual(
    observed: np.ndarray,
    modelled: np.ndarray,
    fitted: np.ndarray,
    dates: pd.DatetimeIndex,
    day_types: np.ndarray,
    step: Step = Step.DAY,
    pace: Pace | None = None,
) -> OriginResidual:
    """The gap at the end of the training days `dates`; arrays are (…, days, behaviours), NaN where not observed.

    `modelled` is what the forecast would say of these days, `fitted` the calibrated simulation: holidays are too rare
    to be found in the last weeks, so their gap is the mean over all of training, shrunk towards that of other days off.
    A behaviour that was not observed in these weeks has no gap (0).
    """
    pace = pace or PACES[step]
    recent = slice(-pace.profile, None)
    holiday = day_types == HOLIDAY
    none = np.zeros(observed.shape[:-2] + observed.shape[-1:])
    gap = np.where(holiday[recent][:, None], np.nan, observed[..., recent, :] - modelled[..., recent, :])
    off, weekday = is_off(day_types[recent]), step.in_cycle(dates[recent])
    overall = mean_of_seen(gap, none)
    profile = np.zeros((*observed.shape[:-2], 2, step.cycle, observed.shape[-1]))
    for kind in (0, 1) if pace.profiled else ():
        of_kind = mean_of_seen(gap[..., off == kind, :], overall)
        for day in range(step.cycle):
            profile[..., kind, day, :] = mean_of_seen(gap[..., (off == kind) & (weekday == day), :], of_kind)
    rest = gap - profile[..., off.astype(int), weekday, :]
    level = mean_of_seen(rest[..., -pace.level :, :], none)
    ordinary = profile + level[..., None, None, :]
    missed = (observed - fitted)[..., holiday, :]
    count = np.isfinite(missed).sum(axis=-2)
    belief = count / (count + HOLIDAYS_BELIEVED)
    usual = ordinary[..., 1, :, :].mean(axis=-2)
    return OriginResidual(ordinary, belief * mean_of_seen(missed, none) + (1.0 - belief) * usual, step)


def mean_of_seen(values: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    """Mean over the days of what is not missing, (…, behaviours) of (…, days, behaviours); `fallback` where everything is."""
    seen = np.isfinite(values)
    count = seen.sum(axis=-2)
    return np.where(count > 0, np.where(seen, values, 0.0).sum(axis=-2) / np.maximum(count, 1), fallback)
