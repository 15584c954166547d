"""What a place would have been like without what happened to it alone: a weighted mean of donor places, fitted before it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.datasets.tables import read_mobility
from core.errors import InputError, in_range, one_of
from core.execution.progress import ProgressReporter
from core.options import option
from core.records import RunRecord, content_hash
from core.result import Result
from core.services.evaluation.backtests import file_hash
from core.statistics.levels import SHOWN
from core.store.database import Store
from core.store.runs import StoredRun
from core.survey.calibration.base import TWIN_METHODS
from core.survey.calibration.places import synthetic_place

#: Days whose mean takes the week out; days before the event that are needed; the longest gap that is bridged.
WEEK, FEWEST_DAYS, LONGEST_GAP, FEWEST_DONORS = 7, 60, 14, 5
#: Weights below this are not named.
NAMED = 0.005
#: What stands for a study and an engine in lists of runs.
STUDY, ENGINE = "places", "donor places"
#: Where the folder of observations has it.
FILE = "google_mobility_national.parquet"


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


@dataclass(frozen=True)
class DonorsDay:
    """The mean of the week that ends on `day`, as it was and as the donors make it."""

    day: date
    actual: float
    synthetic: float


@dataclass(frozen=True, kw_only=True)
class DonorsResult(Result, kind="donors"):
    """Means over the days after `day`, of weekly means: `actual`, `synthetic` (made of donors) and their difference `effect`.
    Each donor was made of the others in turn, as if it had happened there: the interval of `level` percent is as wide as these
    placebos were off, and `placebo_share` is the share of places, this one too, whose error grew as much. `errors` are root mean
    squares after the day, of the synthetic place and of what needs no weights."""

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
    path: tuple[DonorsDay, ...] = ()
    mobility: str = ""
    run_id: str = ""
    result_hash: str = ""
    seconds: float = 0.0


def donors(request: DonorsRequest) -> DonorsResult:
    """Make a place of its donors. InputError for a file that cannot be read, an unknown place or metric, and too few days or
    donors."""
    began = time.perf_counter()
    frame = read_mobility(request.mobility, allow_gaps=True)
    metrics = metrics_of(frame)
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
        ends = sorted(wide[name].dropna().index.max() for name in chosen[1:] if wide[name].notna().any())
        until = f", as up to {ends[-FEWEST_DONORS]:%Y-%m-%d}" if len(ends) >= FEWEST_DONORS else ""
        raise InputError(f"{weekly.shape[1] - 1} donors have all days up to {weekly.index[-1]:%Y-%m-%d}",
                         where=str(request.mobility), allowed=f"{FEWEST_DONORS} or more{until}")  # fmt: skip
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
    result = DonorsResult(
        place=request.place, metric=request.metric, day=request.day, days=after, method=request.method,
        actual=round(float(actual.mean()), 4), synthetic=round(float(own[before:].mean()), 4), effect=round(effects[0], 4),
        lower=round(effects[0] - reach, 4), upper=round(effects[0] + reach, 4), level=SHOWN,
        placebo_share=round(float((growth >= growth[0]).mean()), 4), error_before=round(errors_before[0], 4),
        errors={name: round(float(np.sqrt(((actual - item) ** 2).mean())), 4) for name, item in plain.items()},
        weights={
            str(weekly.columns[place]): round(float(weights[place]), 4)
            for place in np.argsort(-np.abs(weights)) if abs(weights[place]) >= NAMED
        },
        donors=count, days_before=before, left_out=left_out, mobility=Path(request.mobility).name,
        path=tuple(
            DonorsDay(day.date(), round(float(seen), 3), round(float(made), 3))
            for day, seen, made in zip(weekly.index, table[:, 0], own, strict=True)
        ),
        seconds=round(time.perf_counter() - began, 3),
    )  # fmt: skip
    told = [result.effect, result.lower, result.upper, result.placebo_share, result.errors, result.weights]
    return replace(result, result_hash=content_hash(told))


def metrics_of(frame: pd.DataFrame) -> list[str]:
    """What a frame of places and days can be looked at by."""
    return [name for name in frame.columns if name not in ("place", "date")]


def record_of(request: DonorsRequest, key: str, name: str | None = None) -> RunRecord:
    """The record of a request whose file has the hash `key`, and a `name` of its own where it is an upload."""
    asked = asdict(request) | {"mobility": name or Path(request.mobility).name, "day": str(request.day)}
    return RunRecord(
        kind=DonorsResult.kind, study_id=STUDY, study_hash=content_hash(STUDY), engine=ENGINE, engine_version="", seed=0,
        personas=0, input_hashes={"mobility": key}, parameters=asked,
    )  # fmt: skip


def kept_donors(
    request: DonorsRequest, store: Store, *, again: bool = False, watch: ProgressReporter | None = None, name: str | None = None
) -> DonorsResult:  # fmt: skip
    """The result that the store has for this request, unless `again`, else a new one, which is kept."""
    watch = watch or ProgressReporter()
    record = record_of(request, file_hash(request.mobility), name)
    same = None if again else store.find_complete(record.inputs_hash())
    if same is not None:
        watch.found(same.run_id)
        return read_donors(same)
    watch.report("calibrate", 0, 1, "donors")
    result = replace(donors(request), run_id=record.run_id, mobility=str(record.parameters["mobility"]))
    finished = replace(record, result_hash=result.result_hash)
    with store.transaction():
        store.begin_run(record)
        store.finish_run(record.run_id, {}, result.as_dict(), seconds=result.seconds, record=finished)
    watch.finish("store", "done")
    return result


def read_donors(run: StoredRun) -> DonorsResult:
    """What a kept run found."""
    return DonorsResult.from_dict({**(run.summary or {}), "run_id": run.run_id})


def donors_again(record: RunRecord, mobility: Path) -> DonorsResult:
    """A kept record's result made again, from its file where it is now."""
    asked: dict[str, Any] = dict(record.parameters)
    named: Sequence[str] | None = asked["donors"]
    asked |= {
        "mobility": mobility, "day": date.fromisoformat(asked["day"]), "donors": None if named is None else tuple(named),
    }  # fmt: skip
    return donors(DonorsRequest(**asked))
