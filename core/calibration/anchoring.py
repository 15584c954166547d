"""Start a forecast from where the world is, and let the structural model take over with the horizon.

The observed weeks before the origin say how far people's activity lies above or below the calibrated model, separately
for working days and days off. A forecast h days ahead keeps the share 2^(-h / half-life) of that gap, in log activity:
the anchored forecast is persistence at the origin and the structural model in the long run.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

#: Observed days before the origin that tell where the world is.
WINDOW = 28
#: Activity below this share of baseline counts as this much: a logarithm needs a floor.
FLOOR = 0.02
#: A gap is believed in full with this many days behind it, and in part with fewer.
FULL_BELIEF = 4
DAYS_OFF = ("weekend", "rest", "holiday")


def activity_gap(
    observed: np.ndarray, structural: np.ndarray, day_types: np.ndarray, floor: np.ndarray
) -> dict[bool, np.ndarray]:
    """Mean log gap between observed and structural activity at the end of training, for days off and working days.

    `observed` and `structural` are (days, behaviours) of activity, ending at the origin; `day_types` (days,). Returns
    {is day off: (behaviours,)}; a kind of day that was not observed falls back on all days.
    """
    recent = slice(-WINDOW, None)
    gap = np.log(np.maximum(observed[recent], floor) / np.maximum(structural[recent], floor))
    off = np.isin(day_types[recent], DAYS_OFF)
    overall = _mean(gap, np.zeros(gap.shape[1]))
    return {kind: _mean(gap[off == kind], overall) for kind in (False, True)}


def _mean(gap: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    count = np.isfinite(gap).sum(axis=0)
    mean = np.where(count > 0, np.nansum(gap, axis=0) / np.maximum(count, 1), fallback)
    belief = np.minimum(count / FULL_BELIEF, 1.0)
    return belief * mean + (1.0 - belief) * fallback


def anchored(
    structural: np.ndarray,
    dates: pd.DatetimeIndex,
    day_types: np.ndarray,
    origin: pd.Timestamp,
    gap: dict[bool, np.ndarray],
    half_life: float,
) -> np.ndarray:
    """Structural activity (days, behaviours) after `origin`, moved by the fading share of the gap at the origin."""
    horizon = (dates - origin).days.to_numpy(dtype=float)
    share = np.exp2(-horizon / half_life)[:, None]
    off = np.isin(day_types, DAYS_OFF)[:, None]
    return structural * np.exp(share * np.where(off, gap[True], gap[False]))
