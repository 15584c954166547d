"""Activity as it was simulated: what a calibration has to beat."""

from __future__ import annotations

import numpy as np

from core.calibration.calibrators import CALIBRATORS, Calibrator
from core.calibration.linear import LinearCalibrator


class IdentityCalibrator(LinearCalibrator):
    """No calibration: activity as simulated (the ablation `uncalibrated`)."""

    def _solve(self, activity: np.ndarray, observed: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.ones(activity.shape[1]), np.zeros(activity.shape[1])


CALIBRATORS.register(
    Calibrator(
        name="uncalibrated",
        order=50,
        label="The twin without any calibration",
        help="No line is fitted: simulated activity is taken for what people do.",
        make=lambda upper: IdentityCalibrator(upper=upper),
    )
)
