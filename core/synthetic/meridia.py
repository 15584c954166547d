"""Meridia, the fictional country whose truth is known: its data, and what any other policy would have done to them.

Frames follow the project's conventions: days as `DatetimeIndex` named `date`; mobility has one column per behaviour id,
in percent change against the same weekday of the baseline; policy has one column per indicator code and per flag.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from core.errors import InputError, one_of
from core.synthetic.meridia_process import (
    DAYS,
    Course,
    Floats,
    Government,
    autoregressive,
    normals,
    ordinary_week,
    run,
    uniforms,
)
from core.synthetic.meridia_truth import (
    ACTIVITY_ORDER,
    BASELINE_END,
    BASELINE_START,
    STUDY_END,
    STUDY_START,
    TRUTH,
    UNPUBLISHED,
    MeridiaTruth,
    known_effects,
)

__all__ = [
    "COLUMNS",
    "SEED",
    "MeridiaTruth",
    "MeridiaWorld",
    "expected_cases",
    "expected_mobility",
    "generate",
    "known_effects",
    "true_effect",
    "write",
]

#: The seed of the data that ship.
SEED = 2030
#: Behaviour id -> column of the shipped `mobility.csv`.
COLUMNS = {
    "retail": "retail_and_recreation",
    "grocery": "grocery_and_pharmacy",
    "parks": "parks",
    "transit": "transit_stations",
    "workplaces": "workplaces",
    "residential": "residential",
}
MODES = ("held", "free")

_INDEX = pd.DatetimeIndex(pd.to_datetime(list(DAYS)).astype("datetime64[us]"), name="date")
_STUDY = slice(DAYS.index(STUDY_START), DAYS.index(STUDY_END) + 1)
_BASELINE = slice(DAYS.index(BASELINE_START), DAYS.index(BASELINE_END) + 1)


@dataclass(frozen=True)
class MeridiaWorld:
    """One realisation of Meridia.

    `mobility` (days of the study × behaviours): published whole percentages, NaN where `UNPUBLISHED`. `expected`: the
    same days without noise and gaps. `policy` (days from 2029-12-01 × codes and flags, a flag NaN where its level is
    0). `cases`: new reported cases of Karsk fever, the days of `policy`.
    """

    seed: int
    mobility: pd.DataFrame
    policy: pd.DataFrame
    cases: pd.Series[float]
    expected: pd.DataFrame


def generate(seed: int = SEED, truth: MeridiaTruth = TRUTH) -> MeridiaWorld:
    """The country under this seed; the same on every platform. `SEED` gives what ships in `data/meridia`."""
    behaviour, published, reports, postponements = np.random.SeedSequence(seed).spawn(4)
    empty = np.zeros((len(DAYS), len(truth.levers)))
    government = Government(truth, uniforms(postponements, (len(DAYS) // 7 + 1, len(truth.levers))))
    course = run(truth, empty, empty, report_factors=_report_factors(truth, reports), government=government)

    shape = (len(DAYS), len(truth.activities))
    own, common = np.split(normals(behaviour, (shape[0], shape[1] + 1)), [shape[1]], axis=1)
    shocks = np.sqrt(truth.noise_common) * common + np.sqrt(1.0 - truth.noise_common) * own
    noise = autoregressive(shocks, truth.noise_persistence) * np.array([item.noise for item in truth.activities])
    expected, noisy = _metric(truth, course.visits), _metric(truth, course.visits * (1.0 + noise))
    spread = [_activity_noise(truth, name) for name in COLUMNS]
    mobility = (noisy + normals(published, (len(DAYS), len(COLUMNS))) * spread).round()
    for name, first, last in UNPUBLISHED:
        mobility.loc[pd.Timestamp(first) : pd.Timestamp(last), name] = np.nan
    return MeridiaWorld(
        seed=seed,
        mobility=mobility.iloc[_STUDY] + 0.0,  # turns −0 into 0
        policy=_policy_frame(truth, course),
        cases=pd.Series(course.cases, index=_INDEX, name="new_cases"),
        expected=expected.iloc[_STUDY],
    )


def expected_mobility(
    policy: pd.DataFrame,
    cases: pd.Series[float] | None = None,
    *,
    epidemic: Literal["held", "free"] = "held",
    dates: pd.DatetimeIndex | None = None,
    seed: int = SEED,
    truth: MeridiaTruth = TRUTH,
) -> pd.DataFrame:
    """The noise-free mobility under any policy path (dates × behaviours, % change; default: the days of the study).

    `policy`: consecutive days × codes (and flags; a missing flag counts as general). Before its first day nothing is
    in force, after its last day the last policy stays. People react to a change up to three days ahead of it.
    `epidemic="held"`: reported cases are `cases` (none before its first day, its last value after its last), or those
    of the world of `seed`: the direct effect of policy. `epidemic="free"`: Karsk fever responds, with the reporting
    noise of `seed`; the policy path is taken as given, the government does not react again. Under the world's own
    policy both give the world's `expected`.

    Raises InputError for missing or invalid levels, gaps, dates outside the history, or `cases` with "free".
    """
    course = _course(policy, cases, epidemic, seed, truth)
    days = _INDEX[_STUDY] if dates is None else dates
    if not days.isin(_INDEX).all():
        raise InputError("days outside Meridia's history are asked for", allowed=f"{DAYS[0]} to {DAYS[-1]}")
    return _metric(truth, course.visits).loc[days]


def expected_cases(policy: pd.DataFrame, *, seed: int = SEED, truth: MeridiaTruth = TRUTH) -> pd.Series[float]:
    """Reported cases if Karsk fever runs under this policy path, with the reporting noise of `seed` (whole history)."""
    return pd.Series(_course(policy, None, "free", seed, truth).cases, index=_INDEX, name="new_cases")


def true_effect(
    policy: pd.DataFrame,
    reference: pd.DataFrame,
    dates: pd.DatetimeIndex | None = None,
    *,
    cases: pd.Series[float] | None = None,
    epidemic: Literal["held", "free"] = "held",
    seed: int = SEED,
    truth: MeridiaTruth = TRUTH,
) -> pd.DataFrame:
    """The true contrast `policy` − `reference` (dates × behaviours, percentage points); see `expected_mobility`."""
    one, other = (
        expected_mobility(path, cases, epidemic=epidemic, dates=dates, seed=seed, truth=truth)
        for path in (policy, reference)
    )
    return one - other


def write(folder: str | Path, seed: int = SEED, truth: MeridiaTruth = TRUTH) -> tuple[Path, Path, Path]:
    """Write `mobility.csv`, `policy.csv` and `cases.csv` in the `wide_csv` layout: integers, empty where missing."""
    world, folder = generate(seed, truth), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "mobility.csv": world.mobility.rename(columns=COLUMNS),
        "policy.csv": world.policy,
        "cases.csv": world.cases.to_frame(),
    }
    for name, table in tables.items():
        table.astype("Int64").to_csv(folder / name, date_format="%Y-%m-%d", lineterminator="\n")
    return folder / "mobility.csv", folder / "policy.csv", folder / "cases.csv"


def _course(
    policy: pd.DataFrame, cases: pd.Series[float] | None, epidemic: str, seed: int, truth: MeridiaTruth
) -> Course:
    one_of(epidemic, MODES, what="epidemic mode", where="Meridia")
    if epidemic == "free" and cases is not None:
        raise InputError("cases cannot be given where the epidemic runs", where="Meridia", allowed="epidemic='held'")
    levels, flags = _policy_arrays(truth, policy)
    if epidemic == "free":
        reports = np.random.SeedSequence(seed).spawn(4)[2]
        return run(truth, levels, flags, report_factors=_report_factors(truth, reports))
    reported = _world_cases(seed, truth) if cases is None else _case_array(cases)
    return run(truth, levels, flags, cases=reported)


@lru_cache(maxsize=32)
def _world_cases(seed: int, truth: MeridiaTruth) -> Floats:
    return np.asarray(generate(seed, truth).cases, dtype=np.float64)


@lru_cache(maxsize=32)
def _baseline(truth: MeridiaTruth) -> Floats:
    """Median by weekday (7 × behaviours) of the baseline period without measures, illness and noise."""
    nothing = np.zeros((len(DAYS), len(truth.levers)))
    quantities = _quantities(truth, run(truth, nothing, nothing, cases=np.zeros(len(DAYS))).visits).iloc[_BASELINE]
    weekday = pd.DatetimeIndex(quantities.index).day_of_week
    return np.vstack([quantities[weekday == day].median().to_numpy() for day in range(7)])


def _quantities(truth: MeridiaTruth, visits: Floats) -> pd.DataFrame:
    """Visits per 1,000 people, and hours at home: a product of powers of the visits relative to an ordinary January."""
    frame = pd.DataFrame(visits, index=_INDEX, columns=list(ACTIVITY_ORDER))
    relative = visits / ordinary_week(truth)[_INDEX.day_of_week]
    lengthened = np.prod(relative ** -np.array([item.home_elasticity for item in truth.activities]), axis=1)
    frame["residential"] = np.minimum(np.array(truth.home_hours)[_INDEX.day_of_week] * lengthened, truth.home_limit)
    return frame[list(COLUMNS)]


def _metric(truth: MeridiaTruth, visits: Floats) -> pd.DataFrame:
    """Percent change against the same weekday of the baseline (whole history × behaviours)."""
    quantities, baseline = _quantities(truth, visits), _baseline(truth)[_INDEX.day_of_week]
    return quantities.div(baseline).sub(1.0).mul(100.0)


def _activity_noise(truth: MeridiaTruth, behaviour: str) -> float:
    if behaviour == "residential":
        return truth.home_reporting_noise
    return truth.activities[ACTIVITY_ORDER.index(behaviour)].reporting_noise


def _report_factors(truth: MeridiaTruth, source: np.random.SeedSequence) -> Floats:
    return np.maximum(1.0 + truth.report_noise * normals(source, (len(DAYS),)), 0.0)


def _policy_frame(truth: MeridiaTruth, course: Course) -> pd.DataFrame:
    columns: dict[str, Floats] = {}
    for item, lever in enumerate(truth.levers):
        columns[lever.code] = course.levels[:, item]
        if lever.has_flag:
            columns[f"{lever.code}_Flag"] = np.where(course.levels[:, item] > 0, course.flags[:, item], np.nan)
    return pd.DataFrame(columns, index=_INDEX)


def _policy_arrays(truth: MeridiaTruth, policy: pd.DataFrame) -> tuple[Floats, Floats]:
    """Levels and flags over the whole history (T × levers) from a policy frame."""
    index = _consecutive(policy.index, "policy")
    codes = [lever.code for lever in truth.levers]
    for code in codes:
        if code not in policy.columns:
            raise InputError(f"the indicator {code} is missing", where="Meridia's policy", allowed=", ".join(codes))
    given = policy.set_axis(index, axis=0)
    levels = given[codes].to_numpy(dtype=np.float64)
    maxima = np.array([lever.maximum for lever in truth.levers])
    wrong = ~((levels >= 0) & (levels <= maxima))
    if wrong.any():
        row, item = (int(place) for place in np.argwhere(wrong)[0])
        raise InputError(
            f"{codes[item]} is {levels[row, item]:g} on {index[row]:%Y-%m-%d}",
            where="Meridia's policy",
            allowed=f"0 to {truth.levers[item].maximum}",
        )
    flags = np.ones_like(levels)
    for item, code in enumerate(codes):
        if f"{code}_Flag" in given.columns:
            flags[:, item] = given[f"{code}_Flag"].fillna(1.0).to_numpy(dtype=np.float64)
    whole = pd.DataFrame(np.hstack([levels, flags]), index=index).reindex(_INDEX, method="ffill").fillna(0.0)
    split = np.hsplit(whole.to_numpy(), 2)
    return split[0], split[1]


def _case_array(cases: pd.Series[float]) -> Floats:
    given = cases.set_axis(_consecutive(cases.index, "cases"))
    values = given.to_numpy(dtype=np.float64)
    if not (values >= 0).all():
        row = int(np.argmin(values >= 0))
        raise InputError(
            f"new_cases is {values[row]:g} on {given.index[row]:%Y-%m-%d}", where="Meridia's cases", allowed="0 or more"
        )
    return np.asarray(given.reindex(_INDEX, method="ffill").fillna(0.0), dtype=np.float64)


def _consecutive(index: pd.Index, what: str) -> pd.DatetimeIndex:
    days = pd.DatetimeIndex(index)
    if not len(days) or not (days[1:] - days[:-1] == pd.Timedelta(days=1)).all():
        raise InputError("the days are not consecutive", where=f"Meridia's {what}", allowed="one row a day, no gaps")
    if days[0] > _INDEX[-1]:
        raise InputError(f"the first day is {days[0]:%Y-%m-%d}", where=f"Meridia's {what}", allowed=f"to {DAYS[-1]}")
    return days
