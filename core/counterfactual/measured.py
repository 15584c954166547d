"""From simulated activity to the metric with a calibration as it was fitted, in the order of the forecast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.calibration.anchoring import OriginResidual, follow_policy
from core.calibration.transfer_prior import Prior
from core.calibration.twin import RelativeActivity


@dataclass(frozen=True)
class Lines:
    """Slopes and intercepts, arrays as those of the `Calibration` they belong to."""

    a: np.ndarray
    b: np.ndarray


@dataclass(frozen=True)
class Calibration:
    """The fitted `lines`, those of the forecast (`forecast_lines`) and their `share` of the fitted slopes, bounds, the `gap`
    at the origin, the `trust` in changes of policy, the `drift` after the origin, and the factor on what the engine says of
    `days_off`. `factor` is what an effect of another policy is multiplied by: 1, or what was drawn; `days_off_error` the same of
    `days_off` where training never showed such a day (`novel_calendar_days`).

    Either one calibration, with arrays (behaviours,), or a stack of draws, with arrays (draws, 1, behaviours), a gap by
    draw, and `days_off` and its error (draws, behaviours).
    """

    lines: Lines
    forecast_lines: Lines
    share: np.ndarray | float
    lower: float
    upper: np.ndarray
    origin_residual: OriginResidual
    trust: float
    transfer_prior: Prior
    days_off: np.ndarray
    factor: np.ndarray | float = 1.0
    days_off_error: np.ndarray | None = None

    def metric(
        self, relative: RelativeActivity, observed: np.ndarray, dates: pd.DatetimeIndex, day_types: np.ndarray
    ) -> np.ndarray:
        """The metric of days after the origin, (…, days, behaviours).

        `observed` is relative activity of the same kinds of day under the observed policy. What that policy changed since
        the origin counts as far as the forecast trusts it; what `relative` does otherwise counts in full, by the fitted lines.
        So the observed policy's path is the forecast itself, and a contrast is what the calibrated simulation says.
        """
        trusted = follow_policy(
            self._line(relative.frozen_policy, self.forecast_lines),
            self._line(observed, self.forecast_lines),
            self.trust,
        )
        forecast = trusted + self.origin_residual.of(dates, day_types) + self.transfer_prior.of(dates)
        effect = self._line(relative.actual, self.lines) - self._line(observed, self.lines)
        activity = forecast + self.factor * effect
        return relative.metric(np.clip(activity, self.lower, self.upper), slice(None))

    def bounds(self, relative: RelativeActivity) -> tuple[np.ndarray, np.ndarray]:
        """The least and the most that the metric can be on each day, each (days, behaviours)."""
        return relative.metric(np.asarray(self.lower), slice(None)), relative.metric(self.upper, slice(None))

    def _line(self, activity: np.ndarray, lines: Lines) -> np.ndarray:
        return np.asarray(np.clip(activity * lines.a + lines.b, self.lower, self.upper))
