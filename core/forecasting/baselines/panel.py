"""Baselines that learn from other places what one place alone cannot tell: a common drift, what a policy goes with.

All but boosting say how a behaviour moves (`_Moves`), and lie on the place itself as it was at the origin: on its level of
the last periods and, where the step is a day, its weekdays of the last weeks. Without a pool a place is its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from core.calibration.pace import PACES, Pace
from core.forecasting.baselines import BaselineInputs, baseline
from core.study import Step

#: Time is counted from here.
EPOCH = date(2000, 1, 1)
#: Periods over which a place's own drift is measured.
DRIFT = {Step.DAY: 56, Step.WEEK: 8, Step.MONTH: 12, Step.YEAR: 10}
#: A share of the periods that the slopes of a pooled regression are drawn to zero by: levers that never move alone.
RIDGE = 1e-4
#: Between the periods ahead on which pooled boosting learns: all of a week are alike.
AHEAD_STEP = {Step.DAY: 7, Step.WEEK: 1, Step.MONTH: 1, Step.YEAR: 1}
LONGEST_LEARNED = {Step.DAY: 182, Step.WEEK: 26, Step.MONTH: 24, Step.YEAR: 10}


@dataclass(frozen=True)
class _Moves:
    """What a regression found, by behaviour: a slope per lever and per further column."""

    levers: pd.DataFrame
    others: pd.DataFrame


def learn_drift(pool: Sequence[BaselineInputs]) -> pd.DataFrame:
    """The mean over places of each behaviour's drift a period, one row."""
    return pd.DataFrame([pd.Series(_drift_of(item), item.observed.columns) for item in pool]).mean().to_frame().T


def learn_differences(pool: Sequence[BaselineInputs]) -> _Moves:
    """Changes over as many periods as tell the level, on changes of levers and their number."""
    codes, slopes, others = list(_indicators(pool[0]).columns), {}, {}
    for name in _behaviours(pool):
        parts = []
        for item in (item for item in pool if name in item.observed):
            lag = _pace(item).level
            both = np.column_stack([item.observed[name].to_numpy(float), _levers(item)[: len(item.observed)]])
            parts.append(np.column_stack([both[lag:] - both[:-lag], np.full(max(len(both) - lag, 0), float(lag))]))
        changes = np.vstack(parts)
        changes = changes[np.isfinite(changes).all(axis=1)]
        found = _ridge(changes[:, 1:], changes[:, 0])
        slopes[name], others[name] = found[:-1], found[-1:]
    return _Moves(pd.DataFrame(slopes, codes), pd.DataFrame(others))


def learn_effects(pool: Sequence[BaselineInputs]) -> _Moves:
    """Least squares within places: each column less its mean in the place."""
    codes, slopes, others = list(_indicators(pool[0]).columns), {}, {}
    for name in _behaviours(pool):
        parts = []
        for item in (item for item in pool if name in item.observed):
            trained = len(item.observed)
            columns = [item.observed[name].to_numpy(float), _levers(item)[:trained], _calendar(item)[:trained]]
            both = np.column_stack(columns)
            both = both[np.isfinite(both).all(axis=1)]
            parts.append(both - both.mean(axis=0) if len(both) else both)
        inside = np.vstack(parts)
        found = _ridge(inside[:, 1:], inside[:, 0])
        slopes[name], others[name] = found[: len(codes)], found[len(codes) :]
    return _Moves(pd.DataFrame(slopes, codes), pd.DataFrame(others))


def learn_boosting(pool: Sequence[BaselineInputs]) -> dict[str, Any]:
    """A model by behaviour; none where no origin of the past leaves enough before it and anything after."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    found: dict[str, Any] = {}
    for name in _behaviours(pool):
        parts = [part for item in pool if name in item.observed for part in _past_pairs(item, name)]
        if not parts:
            continue
        columns, moved = (np.concatenate(values) for values in zip(*parts, strict=True))
        seen = np.isfinite(moved)
        if seen.sum() >= 40:  # two leaves of the smallest size
            model = HistGradientBoostingRegressor(random_state=0, early_stopping=False)
            found[name] = model.fit(columns[seen], moved[seen])
    return found


@baseline("The mean of the last 12 weeks", order=44, long_label="The mean of the last 12 periods", in_runs=False)
def mean_of_12(known: BaselineInputs) -> pd.DataFrame:
    """The mean of the last twelve periods, or weeks where the step is a day."""
    mean = known.observed.iloc[-12 * (7 if known.step is Step.DAY else 1) :].mean().to_numpy(float)
    return _frame(known, np.tile(mean, (len(known.horizon), 1)))


@baseline("The last level, going on as it did", order=110, in_runs=False)
def own_drift(known: BaselineInputs) -> pd.DataFrame:
    """The level of the last periods, moving on as it did from a while before."""
    return _anchored(known, _times(known)[:, None] * _drift_of(known))


@baseline("The last level, going on as all places did", order=120, in_runs=False, learn=learn_drift)
def pooled_drift(known: BaselineInputs) -> pd.DataFrame:
    """The level of the last periods, moving on as places did on average."""
    drift = known.learned_by("pooled_drift", learn_drift)
    return _anchored(known, _times(known)[:, None] * _of(known, drift))


@baseline("Changes on changes of policy, over all places", order=130, in_runs=False, learn=learn_differences)
def first_differences(known: BaselineInputs) -> pd.DataFrame:
    """The level of the last periods, plus what changes of each lever went with in all places and a common drift, both by
    least squares on first differences."""
    learned = known.learned_by("first_differences", learn_differences)
    return _anchored(known, _structure(known, learned, _times(known)[:, None]))


@baseline("Panel regression with place effects, anchored", order=140, in_runs=False, learn=learn_effects)
def panel_effects(known: BaselineInputs) -> pd.DataFrame:
    """Least squares on each lever and the place in the cycle (years: the year) over all places, each with a level of its own,
    and what was left over in the last periods."""
    learned = known.learned_by("panel_effects", learn_effects)
    return _anchored(known, _structure(known, learned, _calendar(known)))


@baseline("Gradient boosting over all places", order=150, in_runs=False, learn=learn_boosting)
def pooled_boosting(known: BaselineInputs) -> pd.DataFrame:
    """Histogram gradient boosting over all places on each lever at the origin and on the day, the level and drift at the
    origin, how far ahead the day is, and its place in the cycle; it forecasts how far the day is from the level."""
    learned = known.learned_by("pooled_boosting", learn_boosting)
    naive = _anchored(known, np.zeros((len(_days(known)), len(known.observed.columns))))
    ahead = np.arange(1, len(known.horizon) + 1)
    moved = {
        name: learned[name].predict(_pairs(known, name, len(known.observed), ahead)[0]) if name in learned else 0.0
        for name in naive.columns
    }
    return naive + pd.DataFrame(moved, known.horizon)


def _past_pairs(item: BaselineInputs, name: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What boosting learns from a place: origins of its past, each with the days after it that are over."""
    pace, trained = _pace(item), len(item.observed)
    for origin in range(pace.past_training, trained, pace.past_step):
        ahead = np.arange(1, min(trained - origin, LONGEST_LEARNED[item.step]) + 1, AHEAD_STEP[item.step])
        yield _pairs(item, name, origin, ahead)


def _pairs(item: BaselineInputs, name: str, origin: int, ahead: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns of the days so far after the first `origin` periods, and how far each was from the naive forecast (NaN where it
    is not known)."""
    pace, levers, when = _pace(item), _levers(item), _days(item)
    values = item.observed[name].to_numpy(float)
    before = values[:origin]
    places = item.step.in_cycle(when)
    profile, level = _left_over(before[:, None], places[:origin], item.step, pace)
    drift = _slope(before[:, None], item.step, pace)[0]
    rows = origin - 1 + ahead
    same = np.ones(len(rows))
    columns = np.column_stack(
        [
            np.tile(levers[origin - 1], (len(rows), 1)),
            levers[rows],
            same * level[0],
            same * drift,
            ahead,
            places[rows],
        ]
    )
    known = np.append(values, np.full(max(len(when) - len(values), 0), np.nan))[rows]
    return columns, known - (profile[places[rows] if item.step is Step.DAY else np.zeros(len(rows), int), 0] + level[0])


def _ridge(columns: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Slopes of least squares, drawn to zero a little."""
    return _solved(columns.T @ columns, columns.T @ target)


def _solved(gram: np.ndarray, right: np.ndarray) -> np.ndarray:
    penalty = RIDGE * max(float(np.trace(gram)) / len(gram), 1e-9)
    return np.linalg.solve(gram + penalty * np.eye(len(gram)), right)


def _structure(known: BaselineInputs, learned: _Moves, further: np.ndarray) -> np.ndarray:
    """What the slopes say of each period, (periods, behaviours)."""
    return _levers(known) @ _of(known, learned.levers) + further @ _of(known, learned.others)


def _anchored(known: BaselineInputs, structure: np.ndarray) -> pd.DataFrame:
    """Forecast by `structure` (periods up to the end of the horizon, behaviours), moved to where the place was at the origin."""
    trained = len(known.observed)
    places = known.step.in_cycle(_days(known))
    left = known.observed.to_numpy(float) - structure[:trained]
    profile, level = _left_over(left, places[:trained], known.step, _pace(known))
    ahead = places[trained:] if known.step is Step.DAY else np.zeros(len(known.horizon), dtype=int)
    return _frame(known, structure[trained:] + profile[ahead] + level)


def _left_over(left: np.ndarray, places: np.ndarray, step: Step, pace: Pace) -> tuple[np.ndarray, np.ndarray]:
    """The profile by weekday (one place, 0, where the step is longer), (places, behaviours), and the level beside it,
    (behaviours,), of what is left over, (periods, behaviours)."""
    recent, where = left[-pace.profile :], places[-pace.profile :]
    profile = np.zeros((step.cycle if step is Step.DAY else 1, left.shape[1]))
    if step is Step.DAY:
        frame = pd.DataFrame(recent)
        profile = frame.groupby(where).mean().reindex(range(step.cycle)).fillna(frame.mean()).fillna(0.0).to_numpy()
        recent = recent - profile[where]
    values = pd.DataFrame(recent)
    level = values.iloc[-pace.level :].mean().fillna(values.ffill().iloc[-1]).fillna(0.0)
    return profile, level.to_numpy(float)


def _drift_of(item: BaselineInputs) -> np.ndarray:
    """How much each behaviour moved a period, (behaviours,); 0 where the past is too short to say."""
    return _slope(item.observed.to_numpy(float), item.step, _pace(item))


def _slope(values: np.ndarray, step: Step, pace: Pace) -> np.ndarray:
    level = pace.level
    span = min(DRIFT[step], len(values) - level)
    if span <= 0:
        return np.zeros(values.shape[1])
    now, before = (pd.DataFrame(part).mean() for part in (values[-level:], values[-level - span :][:level]))
    return ((now - before) / span).fillna(0.0).to_numpy(float)


def _behaviours(pool: Sequence[BaselineInputs]) -> list[str]:
    return list(dict.fromkeys(str(name) for item in pool for name in item.observed.columns))


def _indicators(known: BaselineInputs) -> pd.DataFrame:
    return known.indicators if known.intensities is None else known.intensities


def _days(known: BaselineInputs) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(known.observed.index.append(known.horizon))


def _levers(known: BaselineInputs) -> np.ndarray:
    """How much of each lever is in force, (periods up to the end of the horizon, levers); beyond the policy's end as at it."""
    return _indicators(known).reindex(_days(known), method="ffill").bfill().to_numpy(float)


def _times(known: BaselineInputs) -> np.ndarray:
    return np.arange(len(_days(known)), dtype=float)


def _calendar(known: BaselineInputs) -> np.ndarray:
    """Where in the cycle each period is, as one column a place; where all are alike, its time in years, (periods, …)."""
    step, days = known.step, _days(known)
    passed = step.places(days, EPOCH)[:, None].astype(float)
    return passed if step.cycle == 1 else np.eye(step.cycle)[step.in_cycle(days)]


def _of(known: BaselineInputs, learned: pd.DataFrame) -> np.ndarray:
    return learned.reindex(columns=known.observed.columns).fillna(0.0).to_numpy(float)


def _pace(known: BaselineInputs) -> Pace:
    return PACES[known.step]


def _frame(known: BaselineInputs, values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(values, index=known.horizon, columns=known.observed.columns)
