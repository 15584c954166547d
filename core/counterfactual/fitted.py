"""A calibrated twin, ready to answer what if: population, engine and calibration are held, only the policy moves.

Nothing here refits. An edited population is expressed relative to its own baseline week, as the metric is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from core.calibration.anchoring import anchored
from core.calibration.linear import LinearCalibrator
from core.calibration.problem import Problem
from core.calibration.uncertainty import bootstrap_lines
from core.cognition.engine import DAY_TYPE, EPIDEMIC, RESTRICTED_DAYS, ResponseEngine
from core.counterfactual.support import Support
from core.policy.timeline import PolicyTimeline
from core.simulation.contexts import baseline_week, situations, unique_contexts
from core.simulation.measurement import SMALLEST_BASELINE
from core.simulation.simulate import EVERYONE, Aggregates, simulate

BOOTSTRAP_DRAWS = 200
#: Groups whose baseline activity is below this are not shown: a percent change of next to nothing means nothing.
SMALLEST_GROUP_BASELINE = 0.01


@dataclass(frozen=True)
class FittedTwin:
    """What a finished run leaves behind.

    `baseline` (7, behaviours) is the simulated baseline week of the population the calibration was fitted on; `lines`
    are bootstrap draws of (a, b), each (draws, behaviours); `support` the policies of training.
    """

    problem: Problem
    timeline: PolicyTimeline
    personas: pd.DataFrame
    attributes: tuple[str, ...]
    engine: ResponseEngine
    calibrator: LinearCalibrator
    gap: Mapping[bool, np.ndarray]
    half_life: float
    baseline: np.ndarray
    lines: tuple[np.ndarray, np.ndarray]
    support: Support
    cases: pd.Series | None

    @property
    def origin(self) -> date:
        return self.problem.final.origin

    def with_personas(self, personas: pd.DataFrame) -> FittedTwin:
        """The same calibration over an edited population."""
        return replace(self, personas=personas)


@dataclass(frozen=True)
class Path:
    """Metric of days under one policy path.

    `metric` (days × behaviours), `lower` and `upper` its 80% interval (calibration and the sampling of personas),
    `groups` {(attribute, category): (days × behaviours)}, `distance` (days,) to training, `outside` (days,) bool.
    """

    metric: pd.DataFrame
    draws: np.ndarray
    groups: dict[tuple[str, str], pd.DataFrame]
    stringency: pd.Series
    distance: pd.Series
    outside: pd.Series

    def interval(self, mean: bool = False) -> tuple[pd.DataFrame | pd.Series, pd.DataFrame | pd.Series]:
        """10th and 90th percentile of the draws: per day, or of the mean over the days."""
        if mean:
            low, high = np.quantile(self.draws.mean(axis=1), [0.1, 0.9], axis=0)
            return pd.Series(low, self.metric.columns), pd.Series(high, self.metric.columns)
        low, high = np.quantile(self.draws, [0.1, 0.9], axis=0)
        return (
            pd.DataFrame(low, self.metric.index, self.metric.columns),
            pd.DataFrame(high, self.metric.index, self.metric.columns),
        )


def training_lines(
    problem: Problem, calibrator: LinearCalibrator, means: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Bootstrap draws of the calibration's lines; `means` is simulated activity, (contexts, behaviours)."""
    window = problem.final
    measurement = calibrator.measurement
    assert measurement is not None
    offset, scale = measurement.affine(window.train)
    memory = calibrator.memory_days
    age = (window.train.max() - window.train).days.to_numpy(dtype=float)
    weight = np.ones(len(age)) if memory is None else np.exp2(-age / memory)
    observed = problem.observed.reindex(window.train).to_numpy(float)
    return bootstrap_lines(
        means[window.train_context], observed, offset, scale, weight, draws=BOOTSTRAP_DRAWS, seed=seed
    )


def situation_days(twin: FittedTwin, timeline: PolicyTimeline, dates: pd.DatetimeIndex) -> pd.DataFrame:
    """One row per day under `timeline`, with cases and calendar as known at the origin."""
    return situations(
        timeline, dates, twin.problem.study, twin.cases, cases_until=twin.origin, calendar_known_by=twin.origin
    )


def held_days(twin: FittedTwin, dates: pd.DatetimeIndex, policy: Mapping[str, float]) -> pd.DataFrame:
    """One row per day under a constant policy, with the epidemic and the fatigue of the origin held."""
    days = situation_days(twin, twin.timeline, dates)
    at_origin = situation_days(twin, twin.timeline, pd.DatetimeIndex([pd.Timestamp(twin.origin)])).iloc[0]
    held = {**policy, EPIDEMIC: at_origin[EPIDEMIC], RESTRICTED_DAYS: at_origin[RESTRICTED_DAYS]}
    return days.assign(**held)


def follow(
    twin: FittedTwin,
    days: pd.DataFrame,
    dates: pd.DatetimeIndex,
    intensities: pd.DataFrame,
    stringency: pd.Series,
    *,
    groups: bool = True,
) -> Path:
    """The calibrated metric of `dates`, given what each day is like."""
    study = twin.problem.study
    week = baseline_week(twin.timeline.calendar, study)
    table = unique_contexts(pd.concat([week, days], ignore_index=True), dates)
    aggregates = simulate(twin.engine, twin.personas, table.contexts, twin.attributes if groups else ())
    week_context, context = table.day_context[: len(week)], table.day_context[len(week) :]
    day_types = days[DAY_TYPE].to_numpy()
    metric = _measured(twin, _relative(twin, aggregates.everyone, week_context, context, dates), dates, day_types)
    by_group = {}
    for position, group in enumerate(aggregates.groups):
        if group == EVERYONE:
            continue
        means = aggregates.means[position]
        values = _measured(twin, _relative(twin, means, week_context, context, dates), dates, day_types)
        too_small = means[week_context].mean(axis=0) < SMALLEST_GROUP_BASELINE
        values.loc[:, too_small] = np.nan
        by_group[group] = values
    outside = twin.support.outside(intensities.to_numpy(float), stringency.to_numpy(float))
    return Path(
        metric=metric,
        draws=_draws(twin, aggregates, week_context, context, dates, day_types),
        groups=by_group,
        stringency=stringency,
        distance=pd.Series(twin.support.distance(intensities.to_numpy(float)), index=dates),
        outside=pd.Series(outside, index=dates),
    )


def follow_timeline(
    twin: FittedTwin, timeline: PolicyTimeline, dates: pd.DatetimeIndex, *, groups: bool = True
) -> Path:
    """The calibrated metric of `dates` under a timeline."""
    days = situation_days(twin, timeline, dates)
    return follow(twin, days, dates, timeline.intensities(dates), timeline.stringency(dates), groups=groups)


def _relative(
    twin: FittedTwin, means: np.ndarray, week_context: np.ndarray, context: np.ndarray, dates: pd.DatetimeIndex
) -> np.ndarray:
    """Activity (days, behaviours) as if the group's baseline week were that of the calibrated population."""
    own = np.maximum(means[week_context], SMALLEST_BASELINE)
    return np.asarray(means[context] * (np.maximum(twin.baseline, SMALLEST_BASELINE) / own)[dates.day_of_week])


def _measured(
    twin: FittedTwin,
    activity: np.ndarray,
    dates: pd.DatetimeIndex,
    day_types: np.ndarray,
    a: np.ndarray | None = None,
    b: np.ndarray | None = None,
) -> pd.DataFrame:
    """Line, clip, anchor, measure: the same order as in the forecast."""
    calibrator = twin.calibrator
    a = calibrator.coef_ if a is None else a
    b = calibrator.intercept_ if b is None else b
    upper = np.inf if calibrator.upper is None else calibrator.upper
    line = np.clip(activity * a + b, calibrator.lower, upper)
    moved = anchored(line, dates, day_types, pd.Timestamp(twin.origin), dict(twin.gap), twin.half_life)
    assert calibrator.measurement is not None
    offset, scale = calibrator.measurement.affine(dates)
    values = offset + scale * np.clip(moved, calibrator.lower, upper)
    return pd.DataFrame(values, index=dates, columns=list(twin.problem.study.behaviour_ids))


def _draws(
    twin: FittedTwin,
    aggregates: Aggregates,
    week_context: np.ndarray,
    context: np.ndarray,
    dates: pd.DatetimeIndex,
    day_types: np.ndarray,
) -> np.ndarray:
    """Draws of the metric, (draws, days, behaviours): other training weeks, and other personas.

    A draw moves every context's mean by one standard error in the same direction: personas who are more active than
    others are so in every context.
    """
    slopes, intercepts = twin.lines
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(len(slopes))))
    shifts = generator.standard_normal(len(slopes))
    drawn = []
    for shift, a, b in zip(shifts, slopes, intercepts, strict=True):
        means = np.clip(aggregates.everyone + shift * aggregates.standard_error, 0.0, 1.0)
        activity = _relative(twin, means, week_context, context, dates)
        drawn.append(_measured(twin, activity, dates, day_types, a, b).to_numpy())
    return np.stack(drawn)


def expected_signs(behaviours: Sequence[int], first: np.ndarray, second: np.ndarray, tolerance: float = 1e-6) -> bool:
    """Whether moving from `first` to the stricter `second` moves each behaviour in its expected direction, or not at all."""
    return bool(np.all((second - first) * np.asarray(behaviours) >= -tolerance))
