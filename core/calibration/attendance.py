"""How much people do on days off, where a same-weekday metric cannot say: estimated from public holidays in training.

A metric that compares a day with the same weekday of a baseline period never shows how a weekly day of rest differs from
a working day, until the working week moves: then the ratio of the two is the whole answer. Public holidays on weekdays
that were working days do show it. Their observed activity against the working days around them, compared with what the
engine says of holidays, corrects what the engine says of days off.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.calibration.anchoring import HOLIDAY, HOLIDAYS_BELIEVED, is_off

#: Working days this many days before and after a holiday are what it is compared with.
AROUND = 21
#: A correction beyond these is taken for a holiday unlike a day of rest.
SMALLEST, LARGEST = 1 / 3, 3.0
#: A working day with less activity than this share of an ordinary one is nothing to compare with.
LEAST_ACTIVITY = 0.05


def days_off_correction(
    activity: np.ndarray, dates: pd.DatetimeIndex, day_types: np.ndarray, baseline_off: np.ndarray
) -> np.ndarray:
    """The factor on the engine's activity of days off, (…, behaviours); 1 where no holiday tells.

    `activity` is the observed metric of the training days as relative activity, (…, days, behaviours), NaN where not
    observed; `baseline_off` says of each weekday, Monday first, whether it was a day off in the baseline period. The
    factor is the median over holidays on former working days of their activity over the mean of the working days
    around, drawn towards 1 where holidays are few.
    """
    _, stacked = holiday_ratios(activity, dates, day_types, baseline_off)
    if not len(stacked):
        return np.ones(activity.shape[:-2] + activity.shape[-1:])
    count = np.isfinite(stacked).sum(axis=0)
    ordered = np.sort(np.where(np.isfinite(stacked), stacked, np.inf), axis=0)
    middle = np.take_along_axis(ordered, np.maximum(count - 1, 0)[None] // 2, axis=0)[0]
    factor = np.clip(np.where(count > 0, middle, 1.0), SMALLEST, LARGEST)
    return np.asarray(factor ** (count / (count + HOLIDAYS_BELIEVED)))


def holiday_ratios(
    activity: np.ndarray, dates: pd.DatetimeIndex, day_types: np.ndarray, baseline_off: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Places of the public holidays on former working days among `dates`, (holidays,), and their activity over the mean of
    the working days around, (holidays, …, behaviours); NaN where one of the two was not observed. `activity` is observed
    over simulated, so 1 where the engine is right about days off."""
    worked_then = ~baseline_off[dates.day_of_week]
    holidays = np.flatnonzero((day_types == HOLIDAY) & worked_then)
    plain = ~is_off(day_types) & worked_then
    ratios = np.empty((len(holidays), *activity.shape[:-2], activity.shape[-1]))
    for place, day in enumerate(holidays.tolist()):
        near = np.arange(max(day - AROUND, 0), min(day + AROUND + 1, len(dates)))
        usual = _mean(activity[..., near[plain[near]], :])
        ratios[place] = activity[..., day, :] / np.where(usual > LEAST_ACTIVITY, usual, np.nan)
    return holidays, ratios


def calendar_shift_sign(dates: pd.DatetimeIndex, day_types: np.ndarray, baseline_off: np.ndarray) -> np.ndarray:
    """1 on a former working day that is off, −1 on a former day off that is worked, 0 elsewhere; (days,)."""
    return is_off(day_types).astype(float) - baseline_off[dates.day_of_week].astype(float)


def moved_scale(correction: np.ndarray, power: np.ndarray) -> np.ndarray:
    """What the metric's scale is multiplied by on each day, (…, days, behaviours): the correction where a former working
    day is off, its inverse where a former day off is worked, 1 elsewhere. `power` is as of `calendar_shift_sign`."""
    return np.asarray(correction[..., None, :] ** power[:, None])


def never_seen(
    dates: pd.DatetimeIndex, day_types: np.ndarray, train: pd.DatetimeIndex, train_types: np.ndarray
) -> np.ndarray:
    """Whether each day's weekday was never, in training, of the day's kind (worked or off); (days,) of bool. Public holidays
    neither count as seen nor are asked about."""
    seen = np.zeros((2, 7), dtype=bool)
    ordinary = train_types != HOLIDAY
    seen[is_off(train_types[ordinary]).astype(int), train[ordinary].day_of_week] = True
    return np.asarray((day_types != HOLIDAY) & ~seen[is_off(day_types).astype(int), dates.day_of_week])


def _mean(values: np.ndarray) -> np.ndarray:
    seen = np.isfinite(values)
    count = seen.sum(axis=-2)
    return np.where(count > 0, np.where(seen, values, 0.0).sum(axis=-2) / np.maximum(count, 1), np.nan)
