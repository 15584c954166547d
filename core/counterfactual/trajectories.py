"""The calibrated metric of days under one policy path, with its interval, its subgroups and its distance to training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.calibration.attendance import moved_scale
from core.calibration.twin import RelativeActivity, novel_calendar_days, relative_activity
from core.calibration.untold import ordinary_activity
from core.cognition.engine import DAY_TYPE, RAMADAN
from core.counterfactual.fitted import FittedTwin, at_origin, situation_days
from core.counterfactual.measured import Calibration
from core.counterfactual.uncertainty import Progress, drawn_category_means, drawn_means
from core.errors import one_of
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.policy.timeline import PolicyTimeline
from core.simulation.contexts import baseline_cycle, frozen_at, unique_contexts, without_policy
from core.simulation.simulate import EVERYONE
from core.statistics.levels import central

#: Groups whose baseline activity is below this are not shown: a percent change of next to nothing means nothing.
SMALLEST_GROUP_BASELINE = 0.01
#: Points of the metric that two equal answers may differ by: engines answer in 32-bit floats, whose last bit in an
#: activity of a few percent is worth about this much of the metric.
RESOLUTION = 1e-3
ROUNDING = 1e-9


@dataclass(frozen=True)
class PolicyDays:
    """Days under one policy: `days` as contexts' rows, the `intensities` (days × indicators, 0 to 1) and the index."""

    days: pd.DataFrame
    intensities: pd.DataFrame
    stringency: pd.Series


@dataclass(frozen=True)
class PathContexts:
    """The unique contexts of a path; `week` holds their rows for the baseline week. For each day: `actual` as it is, and
    the same kind of day `no_policy` (no policy, no epidemic), with the policy `frozen_policy` of the origin, and with the
    `observed` policy of the day."""

    contexts: pd.DataFrame
    week: np.ndarray
    actual: np.ndarray
    no_policy: np.ndarray
    frozen_policy: np.ndarray
    observed: np.ndarray
    day_types: np.ndarray


@dataclass(frozen=True)
class ResponsePath:
    """Metric of days under one policy path.

    `metric` (days × behaviours); `draws` float32 (draws, days, behaviours); `group_values` (groups, days, behaviours)
    for `group_names`, pairs (attribute, category); per day `stringency`, `distance` to training in points of intensity
    (0 to 100), `similar` training days, and whether the policy lies `outside` what training saw; `bounded` says whether
    every value is finite and within what the metric can be.
    """

    metric: pd.DataFrame
    draws: np.ndarray
    group_names: tuple[tuple[str, str], ...]
    group_values: np.ndarray
    stringency: pd.Series
    distance: pd.Series
    similar: pd.Series
    outside: pd.Series
    bounded: bool
    table: PathContexts

    @property
    def dates(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(self.metric.index)

    @property
    def mean(self) -> pd.Series:
        """The mean over the days, by behaviour."""
        return self.metric.mean()

    def interval(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Ends of the 80% interval of each day."""
        _, low, high = block_summary(self.metric, self.draws, 1)
        return low, high

    def mean_interval(self) -> tuple[pd.Series, pd.Series]:
        """Ends of the 80% interval of the mean over the days."""
        return interval_of(mean_draws(self.draws), self.metric.columns)

    def group(self, attribute: str, category: str) -> pd.DataFrame:
        """The metric of one subgroup, days × behaviours; NaN where its baseline is next to nothing."""
        position = self.group_names.index((attribute, category))
        return pd.DataFrame(self.group_values[position], self.metric.index, self.metric.columns)

    def group_means(self) -> pd.DataFrame:
        """Means over the days: one row per (attribute, category), one column per behaviour."""
        index = pd.MultiIndex.from_tuples(self.group_names, names=["attribute", "category"])
        return pd.DataFrame(self.group_values.mean(axis=1), index=index, columns=self.metric.columns)

    def group_tall(self) -> pd.DataFrame:
        """`group_means` as rows: attribute, category, behaviour, mean."""
        means = self.group_means().reset_index()
        return means.melt(["attribute", "category"], var_name="behaviour", value_name="mean")


def block_summary(
    metric: pd.DataFrame, draws: np.ndarray, size: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Means of consecutive blocks of `size` days and the ends of their 80% intervals, indexed by each block's first day.

    `metric` is (days × behaviours), `draws` (draws, days, behaviours). The last block has the days that are left.
    """
    starts = np.arange(0, len(metric), size)
    counts = np.diff(np.append(starts, len(metric)))[:, None]
    index, columns = metric.index[starts], metric.columns
    mean = np.add.reduceat(metric.to_numpy(float), starts, axis=0) / counts
    low, high = central(np.add.reduceat(draws, starts, axis=1) / counts, axis=0)
    return pd.DataFrame(mean, index, columns), pd.DataFrame(low, index, columns), pd.DataFrame(high, index, columns)


def mean_draws(draws: np.ndarray) -> np.ndarray:
    """Draws of the mean over the days, (draws, behaviours), of draws (draws, days, behaviours)."""
    return np.asarray(draws.mean(axis=1, dtype=np.float64))


def interval_of(draws: np.ndarray, columns: pd.Index) -> tuple[pd.Series, pd.Series]:
    """Ends of the 80% interval of draws (draws, behaviours)."""
    low, high = central(draws, axis=0)
    return pd.Series(low, columns), pd.Series(high, columns)


def simulate_paths(
    twin: FittedTwin,
    policies: Sequence[PolicyDays],
    dates: pd.DatetimeIndex,
    progress: Progress | None = None,
    executor: Executor = IN_THIS_PROCESS,
) -> list[ResponsePath]:
    """The calibrated metric of `dates` under each policy; what several have in common is simulated once."""
    contexts, tables = path_tables(twin, [policy.days for policy in policies], dates)
    aggregates, drawn = drawn_means(
        twin.engine,
        twin.personas,
        contexts,
        twin.attributes,
        seed=twin.seed,
        progress=progress,
        executor=executor,
    )
    names = tuple(group for group in aggregates.groups if group != EVERYONE)
    groups = np.stack([aggregates.group(*name) for name in names]) if names else None
    paths = []
    for policy, table in zip(policies, tables, strict=True):
        values = path_metric(twin, aggregates.everyone, table, dates)
        least, most = twin.fitted.bounds(path_relative(twin, aggregates.everyone, table, dates, twin.fitted))
        intensities = policy.intensities.to_numpy(float)
        outside = twin.support.outside(intensities, policy.stringency.to_numpy(float))
        paths.append(
            ResponsePath(
                metric=pd.DataFrame(values, index=dates, columns=list(twin.problem.study.behaviour_ids)),
                draws=path_metric(twin, drawn, table, dates, drawn=True).astype(np.float32),
                group_names=names,
                group_values=_group_values(twin, groups, table, dates, values.shape),
                stringency=policy.stringency,
                distance=pd.Series(twin.support.distance(intensities), index=dates),
                similar=pd.Series(twin.support.similar_days(intensities), index=dates),
                outside=pd.Series(outside, index=dates),
                bounded=bool(((values >= least - ROUNDING) & (values <= most + ROUNDING)).all()),
                table=table,
            )
        )
    return paths


def path_tables(
    twin: FittedTwin, situated: Sequence[pd.DataFrame], dates: pd.DatetimeIndex
) -> tuple[pd.DataFrame, list[PathContexts]]:
    """The unique contexts of several courses over the same `dates`, and which of them each day of each course is; `situated` are
    rows as of `situation_days`."""
    study, moment = twin.problem.study, at_origin(twin)
    frames = [baseline_cycle(twin.timeline.calendar, study, seasons=twin.problem.seasons)]
    as_observed = situation_days(twin, twin.timeline, dates)
    for days in situated:
        kinds = {name: days[name] for name in (DAY_TYPE, RAMADAN)}
        frames += [days, without_policy(days, study), frozen_at(days, moment), as_observed.assign(**kinds)]
    together = unique_contexts(pd.concat(frames, ignore_index=True), pd.DatetimeIndex([]))
    week, *rows = np.split(together.day_context, np.cumsum([len(frame) for frame in frames])[:-1])
    tables = []
    for place, days in enumerate(situated):
        actual, free, frozen_policy, observed = rows[4 * place : 4 * place + 4]
        kinds_of_day = days[DAY_TYPE].to_numpy()
        tables.append(PathContexts(together.contexts, week, actual, free, frozen_policy, observed, kinds_of_day))
    return together.contexts, tables


def timeline_days(twin: FittedTwin, timeline: PolicyTimeline, dates: pd.DatetimeIndex) -> PolicyDays:
    """Days under a timeline; fatigue builds up and fades along it, the epidemic stays as known at the origin."""
    return PolicyDays(situation_days(twin, timeline, dates), timeline.intensities(dates), timeline.stringency(dates))


def simulate_timeline(
    twin: FittedTwin, timeline: PolicyTimeline, dates: pd.DatetimeIndex, executor: Executor = IN_THIS_PROCESS
) -> ResponsePath:
    """The calibrated metric of `dates` under a timeline."""
    return simulate_paths(twin, [timeline_days(twin, timeline, dates)], dates, executor=executor)[0]


def category_mean_draws(twin: FittedTwin, paths: Sequence[ResponsePath], attribute: str) -> list[dict[str, np.ndarray]]:
    """For each path, draws of the mean over its days for each category of an attribute: {category: (draws, behaviours)}.

    The paths must come from one call of `simulate_paths`. NaN where the category's baseline is next to nothing.
    Raises InputError for an unknown attribute.
    """
    one_of(attribute, twin.attributes, what="attribute", where="counterfactual")
    contexts = paths[0].table.contexts
    means = drawn_category_means(twin.engine, twin.personas, contexts, attribute, seed=twin.seed)
    found: list[dict[str, np.ndarray]] = []
    for path in paths:
        of_path = {}
        for category, drawn in means.items():
            values = mean_draws(path_metric(twin, drawn, path.table, path.dates, drawn=True))
            empty = np.isnan(path.group(attribute, category).to_numpy()).any(axis=0)
            of_path[category] = np.where(empty, np.nan, values)
        found.append(of_path)
    return found


def path_metric(
    twin: FittedTwin, means: np.ndarray, table: PathContexts, dates: pd.DatetimeIndex, *, drawn: bool = False
) -> np.ndarray:
    """The metric of days, (…, days, behaviours), from mean activity (…, contexts, behaviours)."""
    calibration = twin.drawn if drawn else twin.fitted
    relative = path_relative(twin, means, table, dates, calibration)
    ordinary, untold = ordinary_activity(twin.problem, means[..., table.no_policy, :], means[..., table.week, :])
    observed = relative.errors.activity((means[..., table.observed, :] + untold) / ordinary)
    return calibration.metric(relative, observed, dates, table.day_types)


def path_relative(
    twin: FittedTwin, means: np.ndarray, table: PathContexts, dates: pd.DatetimeIndex, calibration: Calibration
) -> RelativeActivity:
    rows = (table.actual, table.no_policy, table.frozen_policy, table.week)
    actual, no_policy, frozen_policy, week = (means[..., row, :] for row in rows)
    problem, types = twin.problem, table.day_types
    days_off, error = calibration.days_off, calibration.days_off_error
    found = relative_activity(problem, dates, types, actual, no_policy, frozen_policy, week, days_off=days_off)
    if error is None:
        return found
    unseen = novel_calendar_days(problem, problem.final, dates, types)
    return replace(found, scale=found.scale * moved_scale(error, unseen)) if unseen.any() else found


def _group_values(
    twin: FittedTwin, groups: np.ndarray | None, table: PathContexts, dates: pd.DatetimeIndex, shape: tuple[int, ...]
) -> np.ndarray:
    if groups is None:
        return np.empty((0, *shape))
    values = path_metric(twin, groups, table, dates)
    too_small = groups[:, table.week].mean(axis=1) < SMALLEST_GROUP_BASELINE
    return np.where(too_small[:, None, :], np.nan, values)


def moves_as_expected(signs: Sequence[int], looser: np.ndarray, stricter: np.ndarray) -> np.ndarray:
    """Whether going from `looser` to `stricter` moves each behaviour in its expected direction or not at all, on every
    day: (behaviours,) of bool, from two (days, behaviours). `signs` are -1 for less and +1 for more when stricter."""
    return np.asarray(((stricter - looser) * np.asarray(signs) >= -RESOLUTION).all(axis=0))
