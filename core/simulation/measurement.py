"""Measurement models: from simulated activity to what the provider reports.

A metric is an affine function of activity, day by day: metric = offset + scale · activity. That is all a calibrator
needs to know, so that its parameters keep a closed form whatever the metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from core.errors import one_of

PERCENT = 100.0
#: Baseline activity below this share is no baseline to divide by.
SMALLEST_BASELINE = 1e-3


class MeasurementModel(Protocol):
    """From activity, shape (days, behaviours), to the metric and back."""

    def affine(self, dates: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
        """(offset, scale), each (days, behaviours)."""
        ...

    def upper(self, multiples: np.ndarray) -> np.ndarray:
        """The most that activity can be, shape (behaviours,), from multiples of the ordinary level."""
        ...


@dataclass(frozen=True)
class SameWeekdayChange:
    """Percent change against the same weekday of a fixed baseline: metric = 100 · (activity / baseline[weekday] − 1).

    `baseline` is the simulated activity of an ordinary week of the baseline period, shape (7, behaviours), Monday
    first, under the working week *of that period*: a day of rest that later becomes a working day reads far above zero.
    Source: the definition of Google's Community Mobility Reports.
    """

    baseline: np.ndarray

    def affine(self, dates: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
        same_weekday = np.maximum(self.baseline, SMALLEST_BASELINE)[dates.day_of_week]
        return np.full_like(same_weekday, -PERCENT), PERCENT / same_weekday

    def upper(self, multiples: np.ndarray) -> np.ndarray:
        return multiples * np.maximum(self.baseline, SMALLEST_BASELINE).mean(axis=0)


@dataclass(frozen=True)
class Level:
    """The metric is activity itself, in units of `unit_per_activity` (visits per person, hours)."""

    unit_per_activity: np.ndarray

    def affine(self, dates: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
        shape = (len(dates), len(self.unit_per_activity))
        return np.zeros(shape), np.broadcast_to(self.unit_per_activity, shape).copy()

    def upper(self, multiples: np.ndarray) -> np.ndarray:
        return multiples


@dataclass(frozen=True)
class Share:
    """The metric is the percent of people who do it."""

    behaviours: int

    def affine(self, dates: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
        shape = (len(dates), self.behaviours)
        return np.zeros(shape), np.full(shape, PERCENT)

    def upper(self, multiples: np.ndarray) -> np.ndarray:
        return np.minimum(multiples, 1.0)


def measurement_model(kind: str, baseline: np.ndarray) -> MeasurementModel:
    """The model a study names; `baseline` is the simulated activity of the baseline week, shape (7, behaviours)."""
    one_of(kind, ("same_weekday_change", "level", "share"), what="measurement model", where="study [measurement]")
    if kind == "same_weekday_change":
        return SameWeekdayChange(baseline)
    return Level(np.ones(baseline.shape[1])) if kind == "level" else Share(baseline.shape[1])
