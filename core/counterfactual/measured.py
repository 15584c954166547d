"""From simulated activity to the metric with a calibration as it was fitted: line, clip, anchor, measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.calibration.anchoring import anchored
from core.simulation.measurement import SMALLEST_BASELINE, MeasurementModel


@dataclass(frozen=True)
class Calibration:
    """Slope `a`, intercept `b`, bounds and the `gap` at the origin per behaviour, and the `baseline` week (7, behaviours)
    of the population it was fitted on.

    Either one calibration, with arrays (behaviours,) and one measurement model, or a stack of draws, with arrays
    (draws, 1, behaviours), a baseline (draws, 7, behaviours) and a measurement model per draw.
    """

    a: np.ndarray
    b: np.ndarray
    lower: float
    upper: np.ndarray
    gap: Mapping[bool, np.ndarray]
    baseline: np.ndarray
    measurements: tuple[MeasurementModel, ...]

    def affine(self, dates: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
        """Offset and scale of the metric: (days, behaviours), or (draws, days, behaviours)."""
        pairs = [item.affine(dates) for item in self.measurements]
        if self.a.ndim == 1:
            return pairs[0]
        return np.stack([offset for offset, _ in pairs]), np.stack([scale for _, scale in pairs])

    def relative(self, means: np.ndarray, week: np.ndarray, context: np.ndarray, dates: pd.DatetimeIndex) -> np.ndarray:
        """Activity of days as if the people's baseline week were that of the calibrated population.

        `means` is (…, contexts, behaviours), `week` and `context` are rows of it for the baseline week and the days.
        """
        own = np.maximum(means[..., week, :], SMALLEST_BASELINE)
        share = np.maximum(self.baseline, SMALLEST_BASELINE) / own
        return np.asarray(means[..., context, :] * share[..., dates.day_of_week, :])

    def metric(
        self,
        activity: np.ndarray,
        dates: pd.DatetimeIndex,
        day_types: np.ndarray,
        origin: pd.Timestamp,
        half_life: float,
    ) -> np.ndarray:
        """The metric of days after `origin`, in the order of the forecast; `activity` is (…, days, behaviours)."""
        line = np.clip(activity * self.a + self.b, self.lower, self.upper)
        moved = anchored(line, dates, day_types, origin, dict(self.gap), half_life)
        offset, scale = self.affine(dates)
        return np.asarray(offset + scale * np.clip(moved, self.lower, self.upper))

    def bounds(self, dates: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
        """The least and the most that the metric can be on each day, each (days, behaviours)."""
        offset, scale = self.affine(dates)
        return offset + scale * self.lower, offset + scale * self.upper
