"""Measurement models: from simulated activity to what the provider reports.

Activity is counted relative to what the same kind of day would see with no policy and no epidemic: 1 is an ordinary
working day on a working day, and an ordinary day of rest on a day of rest. A metric is an affine function of relative
activity, day by day: metric = offset + scale · activity. That is all a calibrator needs to know, so that its parameters
keep a closed form whatever the metric, and a change of the calendar moves the scale, never the calibration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from core.errors import one_of
from core.study import MEASUREMENTS, Step, Study
from core.study.definition import CHANGES

PERCENT = 100.0
#: Activity below this share of people is nothing to divide by.
SMALLEST_ACTIVITY = 1e-3
#: What a logarithm of a metric is taken of at least.
SMALLEST_METRIC = 1e-9


class MeasurementModel(Protocol):
    """From relative activity, shape (days, behaviours), to the metric and back."""

    def affine(self, dates: pd.DatetimeIndex, no_policy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(offset, scale), each (…, days, behaviours), from activity without policy, of that shape."""
        ...


@dataclass(frozen=True)
class SamePeriodChange:
    """Percent change against the same period of a fixed baseline: metric = 100 · (activity · u / baseline[period] − 1).

    u is the activity without policy of the period's own kind, and `baseline` the simulated activity of the ordinary periods
    of one cycle of the baseline, shape (…, `Step.cycle`, behaviours). Where the step is a day that is a week, Monday first,
    under the working week *of that time*: a day of rest that later becomes a working day reads far above zero. Source: the
    definition of Google's Community Mobility Reports; reports of water use against the same month of 2013 have the same form.
    """

    baseline: np.ndarray
    step: Step

    def affine(self, dates: pd.DatetimeIndex, no_policy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        same_period = np.maximum(self.baseline, SMALLEST_ACTIVITY)[..., self.step.in_cycle(dates), :]
        scale = PERCENT * no_policy / same_period
        return np.full_like(scale, -PERCENT), scale


@dataclass(frozen=True)
class Level:
    """The metric is activity times what one does who does it, `unit_per_activity` (visits per person, packs) per behaviour."""

    unit_per_activity: np.ndarray

    def affine(self, dates: pd.DatetimeIndex, no_policy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        amounts = np.asarray(self.unit_per_activity)
        return np.zeros_like(no_policy), no_policy * (amounts if amounts.ndim == 1 else amounts[..., None, :])


@dataclass(frozen=True)
class Share:
    """The metric is the percent of people who do it."""

    def affine(self, dates: pd.DatetimeIndex, no_policy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros_like(no_policy), PERCENT * no_policy


@dataclass(frozen=True)
class ErrorScale:
    """The scale on which errors add up: the metric itself, or where it is multiplied, 100 times the logarithm of how far it lies
    above `above` (about percent). On that scale the metric is affine in the logarithm of relative activity."""

    above: float | None = None

    def of(self, metric: Any) -> Any:
        """A metric (array or frame of any shape) on the scale."""
        return metric if self.above is None else PERCENT * np.log(np.maximum(metric - self.above, SMALLEST_METRIC))

    def back(self, values: Any) -> Any:
        """What `of` was given."""
        return values if self.above is None else self.above + np.exp(values / PERCENT)

    def activity(self, relative: Any) -> Any:
        """Relative activity, or its logarithm."""
        return relative if self.above is None else np.log(np.maximum(relative, SMALLEST_ACTIVITY))

    def affine(self, offset: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A measurement model's (offset, scale), from `activity` to the scale."""
        if self.above is None:
            return offset, scale
        return PERCENT * np.log(np.maximum(scale, SMALLEST_METRIC)), np.full_like(scale, PERCENT)

    @property
    def least(self) -> float:
        """The least that `activity` can be."""
        return 0.0 if self.above is None else float(np.log(SMALLEST_ACTIVITY))


#: Errors that add up in points of the metric.
IN_POINTS = ErrorScale()


def error_scale(study: Study) -> ErrorScale:
    """The scale of a study's errors."""
    return ErrorScale(study.lowest) if study.log_errors else IN_POINTS


def measurement_model(
    kind: str, baseline: np.ndarray, step: Step = Step.DAY, amounts: np.ndarray | None = None
) -> MeasurementModel:
    """The model a study names; `baseline` is simulated activity of one cycle of the baseline, (…, `step.cycle`, behaviours), and
    `amounts` (behaviours,) those of a level (None: 1)."""
    one_of(kind, MEASUREMENTS, what="measurement model", where="study [measurement]")
    if kind in CHANGES:
        return SamePeriodChange(baseline, step)
    return Level(np.ones(baseline.shape[-1]) if amounts is None else amounts) if kind == "level" else Share()


def is_possible(metric: pd.DataFrame, kind: str) -> bool:
    """Whether every number of a metric, as a study names it, is one that it can be; a day without one is NaN."""
    lowest = -PERCENT if kind in CHANGES else 0.0
    values = metric.to_numpy(float)
    values = values[~np.isnan(values)]
    highest = PERCENT if kind == "share" else np.inf
    return bool(np.isfinite(values).all() and (values >= lowest - 1e-9).all() and (values <= highest + 1e-9).all())
