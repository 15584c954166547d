"""The twin's forecast: simulated activity, calibrated, measured, and anchored at the origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.calibration.anchoring import FLOOR, activity_gap, anchored
from core.calibration.linear import LinearCalibrator
from core.calibration.problem import Problem, Window
from core.simulation.measurement import MeasurementModel, measurement_model

#: Bounds of what a forecast needs beside the engine: both in days, searched on a log scale.
FORECAST_BOUNDS: dict[str, tuple[float, float]] = {"half_life": (7.0, 1000.0), "memory_days": (60.0, 2000.0)}
FORECAST_DEFAULTS: dict[str, float] = {"half_life": 180.0, "memory_days": 365.0}


@dataclass(frozen=True)
class TwinForecast:
    """`structural` covers training and horizon (days × behaviours, metric units), `forecast` the horizon alone."""

    calibrator: LinearCalibrator
    gap: dict[bool, np.ndarray]
    structural: pd.DataFrame
    forecast: pd.DataFrame


def measurement_for(problem: Problem, means: np.ndarray) -> MeasurementModel:
    """The study's measurement model over the simulated baseline week; `means` is (contexts, behaviours)."""
    return measurement_model(problem.study.metric, means[problem.baseline_context])


def calibrator_for(problem: Problem, means: np.ndarray, memory_days: float | None) -> LinearCalibrator:
    """An unfitted calibrator with the study's bounds of activity."""
    measurement = measurement_for(problem, means)
    multiples = np.array([item.upper for item in problem.study.behaviours])
    return LinearCalibrator(measurement, lower=0.0, upper=measurement.upper(multiples), memory_days=memory_days)


def simulated(problem: Problem, means: np.ndarray, contexts: np.ndarray, dates: pd.DatetimeIndex) -> pd.DataFrame:
    """Simulated activity of days: (days × behaviours)."""
    return pd.DataFrame(means[contexts], index=dates, columns=list(problem.study.behaviour_ids))


def twin_forecast(
    problem: Problem,
    window: Window,
    means: np.ndarray,
    parameters: Mapping[str, float],
    *,
    calibrator: LinearCalibrator | None = None,
    anchor: bool = True,
) -> TwinForecast:
    """Fit on the window's training days (or take a calibrator already fitted) and forecast its horizon.

    `means` is simulated activity, (contexts, behaviours); `parameters` holds half_life and memory_days.
    """
    train = simulated(problem, means, window.train_context, window.train)
    horizon = simulated(problem, means, window.horizon_context, window.horizon)
    observed = problem.observed.reindex(window.train)
    if calibrator is None:
        calibrator = calibrator_for(problem, means, parameters["memory_days"]).fit(train, observed)
    both = pd.concat([train, horizon])
    structural = calibrator.predict(both)
    measurement = measurement_for(problem, means)
    offset, scale = measurement.affine(window.train)
    floor = FLOOR * measurement.upper(np.ones(train.shape[1]))
    gap = activity_gap(
        (observed.to_numpy(float) - offset) / scale, calibrator.activity(train).to_numpy(), window.train_types, floor
    )
    if not anchor:
        return TwinForecast(calibrator, gap, structural, structural.loc[window.horizon])
    moved = anchored(
        calibrator.activity(horizon).to_numpy(),
        window.horizon,
        window.horizon_types,
        pd.Timestamp(window.origin),
        gap,
        parameters["half_life"],
    )
    upper = np.inf if calibrator.upper is None else calibrator.upper
    offset, scale = measurement.affine(window.horizon)
    values = offset + scale * np.clip(moved, 0.0, upper)
    return TwinForecast(calibrator, gap, structural, pd.DataFrame(values, index=window.horizon, columns=train.columns))
