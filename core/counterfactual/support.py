"""Whether a hypothetical policy resembles anything the calibration was trained on.

The distance of a day's policy to training is the mean absolute difference of the indicators' intensities (0 to 100) to
the nearest training day. Beyond the training days' own stringency range, or far from each of them, a counterfactual
rests on the engine's assumptions alone. Only the policy is compared: the same measures after a longer time under
restrictions, or in another epidemic, count as seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

#: Mean difference per indicator, in points of intensity, beyond which a policy counts as unlike any training day: half
#: a step of a four-level indicator in each of them. For scale: nine in ten training days of the two shipped studies
#: find another training day, more than a month away, within 13.9 (Meridia) and 13.6 (UAE) points. Assumption.
FAR = 12.5
#: Points of stringency beyond the training range that are still the same thing: less than one level of the finest
#: indicator in the index of nine (2.8), more than the flag of one with three or four levels (1.9 and 1.4).
SLACK = 2.5


@dataclass(frozen=True)
class Support:
    """Training's policies: `intensities` (unique days × indicators, 0 to 1), on how many training `days` each was in
    force, and the range of the index."""

    intensities: np.ndarray
    days: np.ndarray
    lowest: float
    highest: float

    @classmethod
    def of(cls, intensities: pd.DataFrame, stringency: pd.Series) -> Support:
        """The support of training days: their intensities (days × indicators, 0 to 1) and index (days,)."""
        unique, days = np.unique(intensities.to_numpy(float), axis=0, return_counts=True)
        return cls(unique, days, float(stringency.min()), float(stringency.max()))

    def distance(self, intensities: np.ndarray) -> np.ndarray:
        """Distance of each row to the nearest training day, in points of intensity (0 to 100), shape (rows,)."""
        return np.asarray(self._distances(intensities).min(axis=1))

    def similar_days(self, intensities: np.ndarray) -> np.ndarray:
        """How many training days had a policy within `FAR` of each row's, shape (rows,)."""
        return np.asarray((self._distances(intensities) <= FAR) @ self.days)

    def outside(self, intensities: np.ndarray, stringency: np.ndarray) -> np.ndarray:
        """Whether each row lies outside the support of training, shape (rows,)."""
        return np.asarray(self.beyond(stringency) | (self.distance(intensities) > FAR))

    def beyond(self, stringency: np.ndarray) -> np.ndarray:
        """Whether each value of the index lies beyond the training range, shape (rows,)."""
        return np.asarray((stringency < self.lowest - SLACK) | (stringency > self.highest + SLACK))

    def _distances(self, intensities: np.ndarray) -> np.ndarray:
        """Each row to each unique training policy, (rows, unique), rounded where only the last bits differ."""
        rows, place = np.unique(np.asarray(intensities, dtype=float), axis=0, return_inverse=True)
        gaps = 100.0 * np.abs(rows[:, None, :] - self.intensities[None, :, :]).mean(axis=2)
        return np.asarray(gaps.round(9)[place.reshape(-1)])
