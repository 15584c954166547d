"""The twin's forecast: simulated activity, calibrated, anchored at the origin, and measured.

1. activity of each day relative to the same kind of day without policy and epidemic (`relative_activity`), with days off
   as public holidays in training showed them (`attendance`);
2. observed metric turned into relative activity, and a line per behaviour fitted to it (`LinearCalibrator`);
3. the share of the policy's change since the origin that is trusted, plus the gap at the origin (`anchoring`), plus the
   recovery and season that other places' past lets expect (`drift`);
4. clipped to what activity can be, and measured as the provider does.

In step 3 a behaviour may follow another calibrator than the fitted line (`slope_shares`): the one that forecast best from
origins inside training. That serves the forecast alone, as trust does. What another policy changes is always said with the
fitted slope, which comes nearer to the effects of worlds whose truth is known (`policytwin worlds`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from core.calibration.anchoring import OriginResidual, follow_policy, measure_origin_residual
from core.calibration.attendance import calendar_shift_sign, days_off_correction, moved_scale, never_seen
from core.calibration.calibrators import slope_shares
from core.calibration.learned import WEIGHTS_FILE, teaching
from core.calibration.linear import LinearCalibrator
from core.calibration.pace import pace_of
from core.calibration.policy_effect_weight import known_policy_weight
from core.calibration.problem import Problem, Window
from core.calibration.untold import baseline_activity, ordinary_activity
from core.simulation.measurement import IN_POINTS, SMALLEST_ACTIVITY, ErrorScale, error_scale, measurement_model
from core.study import Study

#: Among the parameters of a forecast, the calibrator a behaviour follows goes by this and the behaviour's id.
SLOPE_SHRINKAGE = "slope_shrinkage."


def forecast_defaults(study: Study, origin: date) -> dict[str, float]:
    """What a forecast needs beside the engine, as other places' past taught it by `origin`."""
    return {"policy_effect_weight": known_policy_weight(study, origin).value}


def forecast_bounds(study: Study, origin: date) -> dict[str, tuple[float, float]]:
    """The range of each of `forecast_defaults` that a search may choose from."""
    return {"policy_effect_weight": known_policy_weight(study, origin).bounds}


def priors_of(study: Study, origins: Sequence[date]) -> str:
    """What forecasts of this place from these origins have learned from other places, for the run record."""
    found = {teaching(study, WEIGHTS_FILE, origin) for origin in origins}
    taught = sorted((item for item in found if item is not None), key=lambda item: item.known_until)
    if not taught:
        return "none"
    days = ", ".join(str(item.known_until) for item in taught)
    what = "policy weight, drift" if study.is_panel else "policy weight, recovery, season"
    return f"{what} and interval widths as learned from {taught[-1]} on days up to {days}"


@dataclass(frozen=True)
class RelativeActivity:
    """Simulated activity of days relative to the same kind of day without policy, (days, behaviours), as the days are and
    with the origin's policy (`frozen_policy`); `offset` and `scale` turn relative activity into the metric. Where errors are in
    logarithms activity is too, and `offset` and `scale` lead to the scale of the `errors`. `days_off` (…, behaviours) is the
    factor on the engine's activity of days off that the scale takes in (see `attendance`)."""

    actual: np.ndarray
    frozen_policy: np.ndarray
    offset: np.ndarray
    scale: np.ndarray
    days_off: np.ndarray
    errors: ErrorScale = IN_POINTS

    def part(self, days: slice) -> RelativeActivity:
        """Some of the days alone."""
        actual, frozen_policy, offset, scale = (
            values[..., days, :] for values in (self.actual, self.frozen_policy, self.offset, self.scale)
        )
        return RelativeActivity(actual, frozen_policy, offset, scale, self.days_off, self.errors)

    def metric(self, activity: np.ndarray, days: slice) -> np.ndarray:
        """The metric of relative activity on some of the days."""
        return np.asarray(self.errors.back(self.offset[..., days, :] + self.scale[..., days, :] * activity))


@dataclass(frozen=True)
class TwinForecast:
    """`calibrator` has the fitted lines, `forecast_calibrator` those of the forecast; `days_off` (behaviours,) is the factor
    on what the engine says of days off. `structural` covers training and horizon (days × behaviours, metric units),
    `forecast` the horizon alone, and so does `policy_effect`: what the calibrated simulation says that changes of policy
    since the origin do, on the scale of the errors; `novel_calendar_days` is how much metric there is on days of a kind that
    their weekday never had in training, and 0 elsewhere."""

    calibrator: LinearCalibrator
    forecast_calibrator: LinearCalibrator
    origin_residual: OriginResidual
    days_off: np.ndarray
    structural: pd.DataFrame
    forecast: pd.DataFrame
    policy_effect: pd.DataFrame
    novel_calendar_days: pd.DataFrame


def relative_activity(
    problem: Problem,
    dates: pd.DatetimeIndex,
    day_types: np.ndarray,
    actual: np.ndarray,
    no_policy: np.ndarray,
    frozen_policy: np.ndarray,
    week: np.ndarray,
    *,
    days_off: np.ndarray,
) -> RelativeActivity:
    """From simulated activity of days, (…, days, behaviours), and of the baseline week, (…, 7, behaviours)."""
    ordinary, untold = ordinary_activity(problem, no_policy, week)
    offset, scale = measurement_model(
        problem.study.metric,
        baseline_activity(problem, week),
        problem.study.step,
        amounts_of(problem, week),
    ).affine(dates, ordinary)
    if problem.compares_weekdays:
        scale = scale * moved_scale(days_off, calendar_shift_sign(dates, day_types, problem.baseline_off))
    errors = error_scale(problem.study)
    actual, frozen_policy = (errors.activity((item + untold) / ordinary) for item in (actual, frozen_policy))
    return RelativeActivity(actual, frozen_policy, *errors.affine(offset, scale), days_off, errors)


def amounts_of(problem: Problem, week: np.ndarray) -> np.ndarray:
    """How much of a level there is where everybody does it, (…, behaviours): as the study says, or such that relative activity
    was 1 in the last periods of training."""
    if not problem.study.own_level:
        return np.array([item.amount for item in problem.study.behaviours])
    last = problem.observed.ffill().iloc[-pace_of(problem.study).level :].mean().to_numpy(float)
    return np.asarray(last / np.maximum(week.mean(axis=-2), SMALLEST_ACTIVITY))


def novel_calendar_days(problem: Problem, window: Window, dates: pd.DatetimeIndex, day_types: np.ndarray) -> np.ndarray:
    """`calendar_shift_sign` on days of a kind that their weekday never had in the window's training, 0 elsewhere, (days,):
    there what the engine says of days off against working days is all that is known."""
    if not problem.compares_weekdays:
        return np.zeros(len(dates))
    unseen = never_seen(dates, day_types, window.train, window.types[: window.train_days])
    return calendar_shift_sign(dates, day_types, problem.baseline_off) * unseen


def window_activity(
    problem: Problem, window: Window, means: np.ndarray, *, holidays_tell: bool = True
) -> RelativeActivity:
    """Relative activity of a window's days; `means` is simulated activity, (…, contexts, behaviours).

    Unless `holidays_tell`, days off are what the engine says, whatever was observed on public holidays.
    """
    rows = (window.actual, window.no_policy, window.frozen_policy, problem.baseline_context)
    actual, no_policy, frozen_policy, week = (means[..., row, :] for row in rows)

    def with_days_off(factor: np.ndarray) -> RelativeActivity:
        return relative_activity(
            problem, window.dates, window.types, actual, no_policy, frozen_policy, week, days_off=factor
        )

    plain = with_days_off(np.ones(means.shape[:-2] + means.shape[-1:]))
    if not (problem.compares_weekdays and holidays_tell):
        return plain
    observed = observed_activity(problem, window, plain)
    known = window.types[: window.train_days]
    return with_days_off(days_off_correction(observed, window.train, known, problem.baseline_off))


def observed_activity(problem: Problem, window: Window, relative: RelativeActivity) -> np.ndarray:
    """What the observed metric of the training days means as relative activity, (days, behaviours)."""
    train = slice(window.train_days)
    observed = relative.errors.of(problem.observed.reindex(window.train).to_numpy(float))
    return np.asarray((observed - relative.offset[..., train, :]) / relative.scale[..., train, :])


def slope_shrinkage(problem: Problem, parameters: Mapping[str, float]) -> np.ndarray:
    """Which calibrator each behaviour follows, as shares (behaviours,); the fitted line where the parameters do not say."""
    return np.array([float(parameters.get(SLOPE_SHRINKAGE + name, 1.0)) for name in problem.study.behaviour_ids])


def usual_slope(problem: Problem) -> float:
    """How far lines go from the engine's own slope (0) to the fitted one (1), where no calibrator was chosen."""
    said = problem.study.forecast.slope
    return 1.0 if said is None else said


def chosen_calibrators(parameters: Mapping[str, float], behaviours: Sequence[str]) -> dict[str, str]:
    """The calibrator that the forecast of each behaviour follows, by name."""
    labels = slope_shares()
    return {name: labels[float(parameters.get(SLOPE_SHRINKAGE + name, 1.0))] for name in behaviours}


def upper_bounds(problem: Problem) -> np.ndarray:
    """The most that relative activity can be, or its logarithm, (behaviours,)."""
    return np.asarray(error_scale(problem.study).activity(np.array([item.upper for item in problem.study.behaviours])))


def line_of(problem: Problem, share: float | np.ndarray) -> LinearCalibrator:
    """A calibrator within what relative activity can be, with such a share of the fitted slope."""
    return LinearCalibrator(
        lower=error_scale(problem.study).least, upper=upper_bounds(problem), share=share,
        fewest=pace_of(problem.study).fewest_observed,
    )  # fmt: skip


def fit_lines(
    problem: Problem, window: Window, relative: RelativeActivity, calibrator: LinearCalibrator
) -> LinearCalibrator:
    """Fit a calibrator on the window's training days; errors count in units of the metric."""
    train, columns = slice(window.train_days), list(problem.study.behaviour_ids)
    return calibrator.fit(
        pd.DataFrame(relative.actual[train], window.train, columns),
        pd.DataFrame(observed_activity(problem, window, relative), window.train, columns),
        relative.scale[train] ** 2,
    )


def twin_forecast(
    problem: Problem,
    window: Window,
    means: np.ndarray,
    parameters: Mapping[str, float],
    *,
    anchor: bool = True,
) -> TwinForecast:
    """Fit on the window's training days and forecast its horizon; without `anchor` by the fitted lines alone.

    `means` is simulated activity, (contexts, behaviours); `parameters` holds policy_effect_weight, and which
    calibrators to follow where some were chosen.
    """
    relative = window_activity(problem, window, means)
    calibrator = forecast_calibrator = fit_lines(problem, window, relative, line_of(problem, usual_slope(problem)))
    shares = slope_shrinkage(problem, parameters)
    if (shares < 1.0).any():
        forecast_calibrator = fit_lines(problem, window, relative, line_of(problem, shares))
    horizon = slice(window.train_days, None)
    line, frozen_policy = calibrator.line(relative.actual), calibrator.line(relative.frozen_policy)
    anchored, gap = _anchored(
        problem, window, relative, calibrator, forecast_calibrator, parameters["policy_effect_weight"]
    )
    activity = anchored + window.transfer_prior.of(window.horizon) if anchor else line[horizon]
    columns = list(problem.study.behaviour_ids)
    clipped = np.clip(activity, calibrator.lower, calibrator.upper)
    moves = np.abs(novel_calendar_days(problem, window, window.horizon, window.types[horizon]))
    return TwinForecast(
        calibrator,
        forecast_calibrator,
        gap,
        relative.days_off,
        pd.DataFrame(relative.metric(line, slice(None)), window.dates, columns),
        pd.DataFrame(relative.metric(clipped, horizon), window.horizon, columns),
        pd.DataFrame(relative.scale[horizon] * (line - frozen_policy)[horizon], window.horizon, columns),
        pd.DataFrame(relative.scale[horizon] * clipped * moves[:, None], window.horizon, columns),
    )


def _anchored(
    problem: Problem,
    window: Window,
    relative: RelativeActivity,
    calibrator: LinearCalibrator,
    forecast_calibrator: LinearCalibrator,
    trust: float,
) -> tuple[np.ndarray, OriginResidual]:
    """Relative activity of the horizon's days before drift and clipping, (days, behaviours), and the gap in it; both are
    linear in `trust`."""
    train, horizon = slice(window.train_days), slice(window.train_days, None)
    trusted = follow_policy(
        forecast_calibrator.line(relative.frozen_policy), forecast_calibrator.line(relative.actual), trust
    )
    observed = observed_activity(problem, window, relative)
    fitted = calibrator.line(relative.actual)[train]
    gap = measure_origin_residual(
        observed, trusted[train], fitted, window.train, window.types[train], problem.study.step, pace_of(problem.study)
    )
    return trusted[horizon] + gap.of(window.horizon, window.types[horizon]), gap


@dataclass(frozen=True)
class ForecastParts:
    """A forecast by the fitted lines in parts, each (days, behaviours): the metric of a day, on the scale of its errors, is
    offset + scale · clip(base + weight · effect + drift, lower, upper), with `upper` (behaviours,). `base` and `effect` are
    relative activity with none of what policy changed since the origin, and what all of it adds; `policy_effect` is
    `TwinForecast.policy_effect`."""

    base: np.ndarray
    effect: np.ndarray
    offset: np.ndarray
    scale: np.ndarray
    upper: np.ndarray
    policy_effect: np.ndarray
    lower: float = 0.0


def forecast_in_parts(problem: Problem, window: Window, means: np.ndarray) -> ForecastParts:
    """`twin_forecast` with the fitted lines, before a policy weight and a drift are chosen; `means` as there."""
    relative = window_activity(problem, window, means)
    lines = fit_lines(problem, window, relative, line_of(problem, usual_slope(problem)))
    horizon = slice(window.train_days, None)
    none, full = (_anchored(problem, window, relative, lines, lines, weight)[0] for weight in (0.0, 1.0))
    moved = (lines.line(relative.actual) - lines.line(relative.frozen_policy))[horizon]
    offset, scale = relative.offset[horizon], relative.scale[horizon]
    return ForecastParts(none, full - none, offset, scale, upper_bounds(problem), scale * moved, lines.lower)
