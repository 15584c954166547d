"""What a place would have been like without what happened to it alone: a weighted mean of donor places, fitted before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from core.datasets.tables import read_mobility
from core.errors import InputError, in_range, one_of
from core.options import option
from core.result import Result
from core.statistics.levels import SHOWN
from core.survey.calibration.base import TWIN_METHODS
from core.survey.calibration.places import synthetic_place

#: Days whose mean takes the week out; days before the event that are needed; the longest gap that is bridged.
WEEK, FEWEST_DAYS, LONGEST_GAP, FEWEST_DONORS = 7, 60, 14, 5
#: Weights below this are not named.
NAMED = 0.005


@dataclass(frozen=True)
class DonorsRequest:
    """A place, the last day before something happened there, and how long after is looked at."""

    mobility: Path = option("observed mobility by country")
    place: str = option("the place, as the file names it (ISO-3)", word="CODE")
    day: date = option("the last day before it")
    metric: str = option("what is looked at", "workplaces")
    days: int = option("days after it", 90)
    method: str = option("how donors are weighted", "synthetic_control")
    donors: tuple[str, ...] | None = option("only these as donors (default: all)", None, word="A,B,…")

    def __post_init__(self) -> None:
        TWIN_METHODS.named(self.method, where="--method")
        in_range(self.days, 1, 730, f"{self.days} days", where="--days")


@dataclass(frozen=True, kw_only=True)
class DonorsResult(Result):
    """Means over the days after `day`, of weekly means: `actual`, `synthetic` (made of donors) and their difference `effect`.
    Each donor was made of the others in turn, as if it had happened there: the interval of `level` percent is as wide as these
    placebos were off, and `placebo_share` is the share of places, this one too, whose error grew as much. `errors` are root
    mean squares after the day, of the synthetic place and of what needs no weights."""

    place: str
    metric: str
    day: date
    days: int
    method: str
    actual: float
    synthetic: float
    effect: float
    lower: float
    upper: float
    level: int
    placebo_share: float
    error_before: float
    errors: Mapping[str, float]
    weights: Mapping[str, float]
    donors: int
    days_before: int
    left_out: Mapping[str, str] = field(default_factory=dict)


def donors(request: DonorsRequest) -> DonorsResult:
    """Make a place of its donors. InputError for a file that cannot be read, an unknown place or metric, and too few days or
    donors."""
    frame = read_mobility(request.mobility, allow_gaps=True)
    metrics = [name for name in frame.columns if name not in ("place", "date")]
    one_of(request.metric, metrics, what="metric", where=str(request.mobility))
    wide = frame.pivot_table(index="date", columns="place", values=request.metric)
    one_of(request.place, wide.columns, what="place", where=str(request.mobility))
    for name in request.donors or ():
        one_of(name, wide.columns, what="place", where="--donors")
    last = pd.Timestamp(request.day)
    wide = wide.loc[: last + pd.Timedelta(days=request.days)].interpolate(limit=LONGEST_GAP, limit_area="inside")
    weekly = wide.rolling(WEEK).mean().iloc[WEEK - 1 :]
    chosen = [request.place, *(name for name in request.donors or wide.columns if name != request.place)]
    gaps = weekly[chosen].isna().any()
    left_out = {str(name): "has days without a value" for name in chosen[1:] if gaps[name]}
    if gaps[request.place]:
        raise InputError("has days without a value", where=f"place {request.place}", allowed="a place with all days")
    weekly = weekly[[name for name in chosen if not gaps[name]]]
    before, after = int((weekly.index <= last).sum()), int((weekly.index > last).sum())
    if before < FEWEST_DAYS or after < 1:
        raise InputError(f"{before} days before and {after} after {request.day}", where=str(request.mobility),
                         allowed=f"{FEWEST_DAYS} or more before, 1 or more after")  # fmt: skip
    if weekly.shape[1] <= FEWEST_DONORS:
        raise InputError(f"{weekly.shape[1] - 1} donors have all days", where=str(request.mobility),
                         allowed=f"{FEWEST_DONORS} or more")  # fmt: skip
    table = weekly.to_numpy()
    weights, own = synthetic_place(table, 0, before, request.method)
    missed = [table[:, 0] - own]
    # A donor is not made of the place itself: what happened there would be in it.
    others = table[:, 1:]
    missed += [
        others[:, place] - synthetic_place(others, place, before, request.method)[1] for place in range(others.shape[1])
    ]
    errors_before, errors_after = (
        np.array([float(np.sqrt((item[part] ** 2).mean())) for item in missed])
        for part in (slice(None, before), slice(before, None))
    )
    growth = errors_after / np.maximum(errors_before, 1e-9)
    effects = np.array([float(item[before:].mean()) for item in missed])
    count = len(effects) - 1
    reach = float(np.quantile(np.abs(effects[1:]), min(np.ceil((count + 1) * SHOWN / 100) / count, 1.0)))
    actual = table[before:, 0]
    plain = {
        "synthetic": own[before:], "last_week": np.full(len(actual), table[before - 1, 0]),
        "donor_mean": others[before:].mean(axis=1),
    }  # fmt: skip
    return DonorsResult(
        place=request.place, metric=request.metric, day=request.day, days=after, method=request.method,
        actual=round(float(actual.mean()), 4), synthetic=round(float(own[before:].mean()), 4), effect=round(effects[0], 4),
        lower=round(effects[0] - reach, 4), upper=round(effects[0] + reach, 4), level=SHOWN,
        placebo_share=round(float((growth >= growth[0]).mean()), 4), error_before=round(errors_before[0], 4),
        errors={name: round(float(np.sqrt(((actual - item) ** 2).mean())), 4) for name, item in plain.items()},
        weights={
            str(weekly.columns[place]): round(float(weights[place]), 4)
            for place in np.argsort(-np.abs(weights)) if abs(weights[place]) >= NAMED
        },
        donors=count, days_before=before, left_out=left_out,
    )  # fmt: skip
