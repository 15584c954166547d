"""Learn recovery and season (`core.calibration.drift`) from what twins of many places missed at origins of the past.

For each day up to which something may be known, errors of forecasts on days up to it are averaged over weeks ahead and
regressed on two things: how far ahead the week lies, and how much warmer its time of year is. The regression is a ridge:
an error's cause is shared by all places at a time, so few months of history tell little, however many places there are;
the penalty on recovery falls with the months seen. Penalties were chosen on the 85 countries that are not kept for exams.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from core.calibration.drift import LONGEST, warming
from core.errors import InputError
from core.forecasting.intervals import PastErrors
from core.simulation.measurement import PERCENT

#: Ridge penalties as shares of the number of errors: on recovery this much divided by the months seen, on season this.
RECOVERY_PENALTY = 3.0
SEASON_PENALTY = 0.1
#: Errors beyond these quantiles count as at them: a few places had weeks that no other had.
CLIPPED_AT = (0.02, 0.98)
WEEK = 7
DAYS_PER_MONTH = 30.4
#: Less history than this teaches nothing.
FEWEST_MONTHS = 1.5


@dataclass(frozen=True)
class PlaceErrors:
    """A place's errors (metric points) at origins of the past, of forecasts that know of no drift, and its latitude."""

    past: PastErrors
    latitude: float | None


def kept_for_exams(place: str) -> bool:
    """Whether a country is among the fifth from which nothing is ever learned: decided by its code alone."""
    return int(hashlib.sha256(f"pt{place}".encode()).hexdigest(), 16) % 5 == 0


def learn_drift(places: Sequence[PlaceErrors], known_until: date) -> dict[str, tuple[float, float]]:
    """(recovery, season) per behaviour in relative activity, from errors on days up to `known_until` alone.

    Raises InputError where there is too little history.
    """
    origins = [origin for item in places for origin in item.past.origins]
    months = (known_until - min(origins)).days / DAYS_PER_MONTH if origins else 0.0
    if months < FEWEST_MONTHS:
        raise InputError(
            f"errors up to {known_until} span {months:.1f} months",
            where="learning drift",
            allowed=f"{FEWEST_MONTHS} months or more",
        )
    penalty = np.array([RECOVERY_PENALTY / months, SEASON_PENALTY])
    learned = {}
    for behaviour in dict.fromkeys(name for item in places for name in item.past.behaviours):
        rows, errors = _weeks(places, behaviour, known_until)
        if not len(errors):
            continue
        errors = np.clip(errors, *np.quantile(errors, CLIPPED_AT))
        left = rows.T @ rows + np.diag(penalty * len(errors))
        recovery, season = np.linalg.solve(left, rows.T @ errors)
        learned[behaviour] = (float(recovery), float(season))
    return learned


def _weeks(places: Sequence[PlaceErrors], behaviour: str, known_until: date) -> tuple[np.ndarray, np.ndarray]:
    """Per week ahead that lies up to `known_until`: (share of half a year, warming), and the mean error as activity."""
    rows, errors = [], []
    for item in places:
        if behaviour not in item.past.behaviours:
            continue
        column = item.past.behaviours.index(behaviour)
        for number, origin in enumerate(item.past.origins):
            missed = item.past.errors["twin"][number, :, column]
            weeks = min((known_until - origin).days, LONGEST, len(missed)) // WEEK
            if weeks < 1:
                continue
            whole = missed[: weeks * WEEK].reshape(weeks, WEEK)
            seen = np.isfinite(whole)
            count = seen.sum(axis=1)
            mean = np.where(seen, whole, 0.0).sum(axis=1) / np.maximum(count, 1)
            middle = pd.date_range(origin + timedelta(days=4), periods=weeks, freq="7D")
            ahead = (np.arange(weeks) + 0.5) * WEEK / LONGEST
            part = np.column_stack([ahead, warming(origin, middle, item.latitude)])
            rows.append(part[count > 0])
            errors.append(mean[count > 0] / PERCENT)
    if not rows:
        return np.empty((0, 2)), np.empty(0)
    return np.concatenate(rows), np.concatenate(errors)


def drift_table(places: Sequence[PlaceErrors], days: Sequence[date]) -> pd.DataFrame:
    """What is learned up to each day: columns known_until, behaviour, recovery, season, countries."""
    rows: list[Mapping[str, object]] = []
    for day in days:
        for behaviour, (recovery, season) in learn_drift(places, day).items():
            rows.append(
                {
                    "known_until": str(day),
                    "behaviour": behaviour,
                    "recovery": round(recovery, 4),
                    "season": round(season, 4),
                    "countries": len(places),
                }
            )
    return pd.DataFrame(rows)
