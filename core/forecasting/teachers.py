"""Many places' forecasts from origins of the past side by side: what all that is learned from them is learned from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from core.calibration.transfer_prior import LONGEST, warming
from core.errors import InputError
from core.forecasting.past import PastForecasts, PastParts, measured

WEEK = 7


def is_held_out(place: str) -> bool:
    """Whether a country is among the fifth from which nothing is ever learned: decided by its code alone."""
    return int(hashlib.sha256(f"pt{place}".encode()).hexdigest(), 16) % 5 == 0


@dataclass(frozen=True, kw_only=True)
class Teachers(PastParts):
    """Forecasts of places from common origins, (places, origins, days ahead, behaviours), NaN where a place has none.
    `twin_scale` and `naive_scale` are the scales of errors, `warm` (places, origins, days ahead) is `warming`."""

    places: tuple[str, ...]
    twin_scale: np.ndarray
    naive_scale: np.ndarray
    warm: np.ndarray

    def without(self, place: str | None) -> Teachers:
        """The others, as though this place did not exist; all for None."""
        if place is None:
            return self
        others = np.array([name != place for name in self.places])
        arrays = {
            item.name: getattr(self, item.name)[others]
            for item in fields(self)
            if isinstance(getattr(self, item.name), np.ndarray)
        }
        return replace(self, places=tuple(np.array(self.places)[others].tolist()), **arrays)

    def errors(self, weight: np.ndarray, drift: np.ndarray | float = 0.0) -> np.ndarray:
        """The twin's errors with each origin's policy weight, (origins,), and a drift of the arrays' shape."""
        drift = np.broadcast_to(np.asarray(drift, dtype=np.float32), self.truth.shape)
        upper = self.upper[:, None, None, :]
        return self.truth - measured(
            self.base, self.effect, self.offset, self.scale, upper, weight.astype(np.float32), drift
        )

    def months(self, known_until: date) -> float:
        """Months of history behind what may be known by a day."""
        return (known_until - self.origins[0]).days / 30.4

    def known_days(self, known_until: date) -> np.ndarray:
        """How many days ahead of each origin lie up to a day, (origins,)."""
        days = [(known_until - origin).days for origin in self.origins]
        return np.clip(days, 0, self.truth.shape[2])


def teachers_of(past: Sequence[PastForecasts]) -> Teachers:
    """The places with any forecast side by side, in their order. InputError where there is none."""
    past = [item for item in past if item.origins]
    if not past:
        raise InputError("no place has a forecast from an origin of the past", where="learning")
    behaviours = tuple(dict.fromkeys(name for item in past for name in item.behaviours))
    origins = tuple(sorted({origin for item in past for origin in item.origins}))
    longest = max(item.longest for item in past)
    shape = (len(past), len(origins), longest, len(behaviours))
    names = ("truth", "naive", "base", "effect", "offset", "scale", "policy_effect", "twin_scale", "naive_scale")
    arrays = {name: np.full(shape, np.nan, dtype=np.float32) for name in names}
    upper = np.full((len(past), len(behaviours)), np.inf, dtype=np.float32)
    warm = np.zeros(shape[:3], dtype=np.float32)
    for number, item in enumerate(past):
        columns = [behaviours.index(name) for name in item.behaviours]
        rows = [origins.index(origin) for origin in item.origins]
        place = np.ix_([number], rows, range(item.longest), columns)
        twin, naive = item.scales()
        for name in names:
            values = {"twin_scale": twin, "naive_scale": naive}.get(name)
            arrays[name][place] = getattr(item, name) if values is None else values
        upper[number, columns] = item.upper
        for row, origin in enumerate(origins):
            days = pd.date_range(origin + timedelta(days=1), periods=longest, freq="D")
            warm[number, row] = warming(origin, days, item.latitude)
    places = tuple(item.place for item in past)
    return Teachers(places=places, behaviours=behaviours, origins=origins, warm=warm, upper=upper, **arrays)


def weekly(values: np.ndarray) -> np.ndarray:
    """Means over whole weeks ahead of what is not missing, (…, weeks, behaviours), from (…, days ahead, behaviours)."""
    weeks = min(values.shape[-2], LONGEST) // WEEK
    parts = values[..., : weeks * WEEK, :].reshape(*values.shape[:-2], weeks, WEEK, values.shape[-1])
    count = np.isfinite(parts).sum(axis=-2)
    return np.where(count > 0, np.nansum(parts, axis=-2) / np.maximum(count, 1), np.nan)
