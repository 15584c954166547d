"""Why an answer is what it is: a forecast or a contrast split into parts that add up to it exactly.

What two courses do otherwise is divided into groups (each measure, how long restrictions have lasted, the epidemic, what people
live with besides, the calendar). A group's part is its Shapley value over courses that take some groups from the one and the
rest from the other (Shapley 1953); with more groups than `EXACT` the mean over the order in which the study lists them and its
reverse stands for all orders. Either way the parts sum to the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd

from core.cognition.engine import CONTEXT, DAY_TYPE, EFFECT, EPIDEMIC, RAMADAN, RESTRICTED_DAYS, SEASON
from core.counterfactual.contrast import as_asked
from core.counterfactual.fitted import FittedTwin, situation_days
from core.counterfactual.trajectories import PathContexts, path_metric, path_relative, path_tables
from core.policy.timeline import PolicyTimeline
from core.simulation.contexts import without_policy
from core.simulation.simulate import simulate

#: Up to so many groups every order counts: 5 groups are 32 courses.
EXACT = 5
MEASURE, FATIGUE, CASES, AROUND, CALENDAR, FITTED, ANCHOR = (
    "measure", "fatigue", "epidemic", "context", "calendar", "fitted", "anchor",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """What one group adds: `kind`, the `name` of its measure or variable ("" where there is one of the kind), and points by
    behaviour."""

    kind: str
    name: str
    points: pd.Series


@dataclass(frozen=True)
class Explanation:
    """From `start` to `end` (by behaviour, mean over the days) by `parts`, which sum to their difference. `exact` says whether
    the parts are Shapley values over all orders."""

    start: pd.Series
    end: pd.Series
    parts: tuple[Part, ...]
    exact: bool


def explain_contrast(
    twin: FittedTwin,
    scenario: PolicyTimeline,
    dates: pd.DatetimeIndex,
    reference: PolicyTimeline | None = None,
    person: int | None = None,
) -> Explanation:
    """A scenario's difference from `reference` (default: the observed policy) by what it does otherwise, in points of the metric;
    of one `person` (a position), in percentage points of probability before calibration."""
    base, target = (
        situation_days(twin, as_asked(twin, item), dates) for item in (reference or twin.timeline, scenario)
    )
    value = _metric_means(twin, dates) if person is None else _person_means(twin, dates, person)
    return _explained(twin, base, target, value)


def explain_forecast(twin: FittedTwin, dates: pd.DatetimeIndex) -> Explanation:
    """The forecast of `dates` under the policy in force, in points of the metric, from the baseline's ordinary week (0): the
    kinds of day, the fitted level of an ordinary day, each measure, the epidemic, fatigue, and what the last days before the
    forecast say."""
    target = situation_days(twin, twin.timeline, dates)
    base = without_policy(target, twin.problem.study)
    names = list(twin.problem.study.behaviour_ids)
    structural = _explained(twin, base, target, _structural_means(twin, dates))
    contexts, tables = path_tables(twin, [target], dates)
    means = simulate(twin.engine, twin.personas, contexts).everyone
    relative = path_relative(twin, means, tables[0], dates, twin.fitted)
    ordinary = pd.Series(relative.metric(np.asarray(relative.errors.activity(1.0)), slice(None)).mean(axis=0), names)
    forecast = pd.Series(path_metric(twin, means, tables[0], dates).mean(axis=0), names)
    parts = (
        Part(CALENDAR, "", ordinary),
        Part(FITTED, "", structural.start - ordinary),
        *structural.parts,
        Part(ANCHOR, "", forecast - structural.end),
    )
    return Explanation(ordinary * 0.0, forecast, parts, structural.exact)


_Value = Callable[[Sequence[pd.DataFrame]], np.ndarray]


def _explained(twin: FittedTwin, base: pd.DataFrame, target: pd.DataFrame, value: _Value) -> Explanation:
    names = list(twin.problem.study.behaviour_ids)
    groups = [
        (key, columns)
        for key, columns in _groups(twin, base).items()
        if any(not base[column].equals(target[column]) for column in columns)
    ]
    exact = len(groups) <= EXACT
    places = tuple(range(len(groups)))
    orders = list(permutations(places)) if exact else [places, places[::-1]]
    wanted = list(dict.fromkeys(frozenset(order[:size]) for order in orders for size in range(len(order) + 1)))
    courses = [_mixed(base, target, [groups[place][1] for place in chosen]) for chosen in wanted]
    values = dict(zip(wanted, value(courses), strict=True))
    points = np.zeros((len(groups), len(names)))
    for order in orders:
        for size, place in enumerate(order):
            points[place] += values[frozenset(order[: size + 1])] - values[frozenset(order[:size])]
    points /= len(orders)
    parts = tuple(Part(*key, pd.Series(row, names)) for (key, _), row in zip(groups, points, strict=True))
    start, end = values[frozenset()], values[frozenset(places)]
    return Explanation(pd.Series(start, names), pd.Series(end, names), parts, exact)


def _groups(twin: FittedTwin, days: pd.DataFrame) -> Mapping[tuple[str, str], list[str]]:
    """The groups and their columns in the rows of days, in the order of the study."""
    study = twin.problem.study
    found = {(MEASURE, code): [code, f"{code}_Flag", f"{code}{EFFECT}"] for code in study.indicator_codes}
    found |= {
        (CASES, ""): [EPIDEMIC],
        (FATIGUE, ""): [RESTRICTED_DAYS],
        **{(AROUND, item.code): [f"{item.code}{CONTEXT}"] for item in study.context},
        (CALENDAR, ""): [DAY_TYPE, RAMADAN, SEASON],
    }
    return {key: [column for column in columns if column in days] for key, columns in found.items()}


def _mixed(base: pd.DataFrame, target: pd.DataFrame, groups: Sequence[list[str]]) -> pd.DataFrame:
    taken = [column for columns in groups for column in columns]
    return base.assign(**{column: target[column] for column in taken})


def _metric_means(twin: FittedTwin, dates: pd.DatetimeIndex) -> _Value:
    return _means_of(twin, dates, lambda means, table: path_metric(twin, means, table, dates))


def _structural_means(twin: FittedTwin, dates: pd.DatetimeIndex) -> _Value:
    """The metric by the fitted lines alone, without what came just before the forecast."""

    def of(means: np.ndarray, table: PathContexts) -> np.ndarray:
        fitted = twin.fitted
        relative = path_relative(twin, means, table, dates, fitted)
        activity = np.clip(relative.actual * fitted.lines.a + fitted.lines.b, fitted.lower, fitted.upper)
        return relative.metric(activity, slice(None))

    return _means_of(twin, dates, of)


def _means_of(
    twin: FittedTwin, dates: pd.DatetimeIndex, of: Callable[[np.ndarray, PathContexts], np.ndarray]
) -> _Value:
    def value(courses: Sequence[pd.DataFrame]) -> np.ndarray:
        contexts, tables = path_tables(twin, courses, dates)
        means = simulate(twin.engine, twin.personas, contexts).everyone
        return np.stack([of(means, table).mean(axis=0) for table in tables])

    return value


def _person_means(twin: FittedTwin, dates: pd.DatetimeIndex, person: int) -> _Value:
    def value(courses: Sequence[pd.DataFrame]) -> np.ndarray:
        contexts, tables = path_tables(twin, courses, dates)
        answers = twin.engine.respond(twin.personas.iloc[[person]], contexts)[0].astype(float)
        return np.stack([100.0 * answers[table.actual].mean(axis=0) for table in tables])

    return value
