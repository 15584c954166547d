"""Whether a hypothetical policy resembles anything the calibration was trained on.

The distance of a day's policy to training is the mean absolute difference of the indicators' intensities (0–100) to the
nearest training day. Beyond the training days' own stringency range, or far from each of them, a counterfactual rests
on the engine's assumptions alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

#: Mean difference per indicator, in points of intensity, beyond which a policy counts as unlike any training day.
#: Assumption: half a step of a four-level indicator in each of the ten.
FAR = 12.5
#: Points of stringency beyond the training range that are still the same thing.
SLACK = 2.5


@dataclass(frozen=True)
class Support:
    """Training's policies: `intensities` (unique days × indicators, 0–1) and the range of the index."""

    intensities: np.ndarray
    lowest: float
    highest: float

    @classmethod
    def of(cls, intensities: pd.DataFrame, stringency: pd.Series) -> Support:
        return cls(np.unique(intensities.to_numpy(float), axis=0), float(stringency.min()), float(stringency.max()))

    def distance(self, intensities: np.ndarray) -> np.ndarray:
        """Distance of each row to the nearest training day, in points of intensity (0–100), shape (rows,)."""
        gaps = np.abs(intensities[:, None, :] - self.intensities[None, :, :]).mean(axis=2)
        return np.asarray(100.0 * gaps.min(axis=1))

    def outside(self, intensities: np.ndarray, stringency: np.ndarray) -> np.ndarray:
        """Whether each row lies outside the support of training, shape (rows,)."""
        beyond = (stringency < self.lowest - SLACK) | (stringency > self.highest + SLACK)
        return np.asarray(beyond | (self.distance(intensities) > FAR))
