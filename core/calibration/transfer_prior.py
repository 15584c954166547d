"""What other places' past says about the months after an origin: recovery with time, and the season.

Twins of many countries, forecasting from origins of the past with nothing but their gap and the policy, missed in the
same way: people came back slowly, and went out more as it got warmer. Two numbers per behaviour say how much, learned
from errors on days up to `known_until` alone (`core.forecasting.transfer_prior_learning`); an origin is given those of the last
such day before it. The season counts by warmth: from −1 at the coldest time of a place's year to +1 at the warmest, in
proportion to how far it lies from the tropics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

import numpy as np
import pandas as pd

from core.calibration.learned import known_rows
from core.study import Step, Study

#: The table's name in the folder of what was learned.
DRIFT_FILE = "drift.csv"
#: That of a panel's places, which learn a damped drift from each other.
TREND_FILE = "trend.csv"
#: Days of the year (3 August on the northern half) with the warmest weather, and the year's length.
WARMEST_DAY = 215.0
YEAR = 365.25
#: Latitudes up to this have no season here; at TEMPERATE it counts in full, further out at most SEASON_LIMIT times.
TROPICAL, TEMPERATE, SEASON_LIMIT = 25.0, 50.0, 1.2
#: Recovery is learned up to half a year ahead, and stays where it is beyond.
LONGEST = 182
#: The gap at the origin is the mean of the last weeks: it stands for the day in their middle.
GAP_AGE = timedelta(days=10)


class Prior(Protocol):
    """What is expected beside policy of the periods after an origin."""

    def of(self, dates: pd.DatetimeIndex) -> np.ndarray:
        """Change of relative activity in each period, (periods, behaviours)."""
        ...


class Priors(Protocol):
    """What may be known of other places at any origin, where it is not in the study's tables."""

    def after(self, origin: date) -> Prior: ...

    def parameters(self, origin: date) -> Mapping[str, float]:
        """As `core.calibration.twin.forecast_defaults`."""
        ...


@dataclass(frozen=True)
class DampedTrend:
    """A drift a period, (behaviours,), of relative activity, of which each period after the origin has the share `damping` of
    the one before."""

    origin: date
    step: Step
    drift: np.ndarray
    damping: float

    def of(self, dates: pd.DatetimeIndex) -> np.ndarray:
        """Change of relative activity, (periods, behaviours)."""
        return damped(self.step.places(dates, self.origin), self.damping)[:, None] * self.drift


def damped(ahead: np.ndarray, damping: float) -> np.ndarray:
    """How many whole drifts add up over so many periods: damping + damping² + …"""
    ahead = np.maximum(ahead, 0)
    if damping == 1.0:
        return ahead.astype(float)
    return np.asarray(damping * (1.0 - damping**ahead) / (1.0 - damping))


@dataclass(frozen=True)
class TransferPrior:
    """Expected change of relative activity after `origin`, beside what the policy does.

    `recovery` (behaviours,) is the change after half a year, `season` (behaviours,) that from the coldest day to half-way
    to the warmest at the latitude where the season counts in full; `known_until` is the last day that they have seen of
    any place (None: nothing is known, and the change is 0).
    """

    origin: date
    known_until: date | None
    latitude: float | None
    recovery: np.ndarray
    season: np.ndarray

    def of(self, dates: pd.DatetimeIndex) -> np.ndarray:
        """Change of relative activity on each day, (days, behaviours)."""
        ahead = (dates - pd.Timestamp(self.origin)).days.to_numpy(float)
        grown = np.clip(ahead, 0.0, LONGEST) / LONGEST
        return grown[:, None] * self.recovery + warming(self.origin, dates, self.latitude)[:, None] * self.season


def warming(origin: date, dates: pd.DatetimeIndex, latitude: float | None) -> np.ndarray:
    """How much warmer each day's time of year is than that of the weeks before the origin, (days,); 0 in the tropics and
    where the latitude is not known."""
    if latitude is None:
        return np.zeros(len(dates))
    size = min(max((abs(latitude) - TROPICAL) / (TEMPERATE - TROPICAL), 0.0), SEASON_LIMIT)

    def warmth(days: pd.DatetimeIndex) -> np.ndarray:
        return np.asarray(np.cos(2 * np.pi * (days.day_of_year.to_numpy(float) - WARMEST_DAY) / YEAR))

    before = warmth(pd.DatetimeIndex([pd.Timestamp(origin - GAP_AGE)]))
    return np.asarray(np.sign(latitude) * size * (warmth(dates) - before))


def transfer_prior_after(study: Study, origin: date) -> Prior:
    """What may be known at `origin` about the periods after it in this place."""
    if study.is_panel:
        return _trend_after(study, origin)
    rows, day = known_rows(study, DRIFT_FILE, ("recovery", "season"), origin)
    learned = {} if day is None else dict(zip(rows["behaviour"], rows[["recovery", "season"]].to_numpy(), strict=True))
    pairs = np.array([learned.get(name, (0.0, 0.0)) for name in study.behaviour_ids])
    return TransferPrior(origin, day, study.latitude, pairs[:, 0], pairs[:, 1])


def _trend_after(study: Study, origin: date) -> DampedTrend:
    rows, day = known_rows(study, TREND_FILE, ("drift", "damping"), origin)
    found = {} if day is None else dict(zip(rows["behaviour"], rows["drift"], strict=True))
    drift = np.array([float(found.get(name, 0.0)) for name in study.behaviour_ids])
    return DampedTrend(origin, study.step, drift, 1.0 if day is None else float(rows["damping"].iloc[0]))
