"""What a run leaves in the store: rows of its tables, and blocks of personas as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from core.calibration.problem import Problem
from core.calibration.twin import SLOPE_SHRINKAGE, TwinForecast, slope_shrinkage
from core.forecasting.metrics import MACRO, rmse
from core.records import content_hash, frame_hash
from core.simulation.simulate import BlockResult


def packed(block: BlockResult) -> tuple[np.ndarray, dict[str, Any]]:
    """A block's sums, (groups, contexts, behaviours), and the rest as JSON."""
    axes = {
        "first": block.first,
        "groups": [list(group) for group in block.groups],
        "weights": block.weights.tolist(),
    }
    if block.answered is not None:
        axes["answered"] = block.answered.tolist()
    return block.sums, axes


def unpacked(number: int, sums: np.ndarray, axes: Mapping[str, Any]) -> BlockResult:
    """The block that `packed` took apart, without the persons' answers."""
    groups = tuple((str(attribute), str(category)) for attribute, category in axes["groups"])
    return BlockResult(
        block=number,
        first=int(axes["first"]),
        groups=groups,
        sums=sums,
        weights=np.asarray(axes["weights"], dtype=float),
        responses=None,
        answered=np.asarray(axes["answered"], dtype=float) if "answered" in axes else None,
    )


def context_rows(problem: Problem) -> pd.DataFrame:
    """Contexts with the number of days of the final window that each stands for."""
    window = problem.final
    days = np.bincount(window.actual, minlength=len(problem.contexts))
    plain = problem.contexts.astype(object).where(problem.contexts.notna(), None)
    return pd.DataFrame({"context_id": np.arange(len(days)), "days": days, "attributes": plain.to_dict("records")})


def calibration_rows(
    problem: Problem, twin: TwinForecast, paper: Any, parameters: Mapping[str, float], truth_of: pd.DataFrame
) -> pd.DataFrame:
    """The lines of the twin and of the published calibration, with the parameters found and the gaps at the origin.

    `truth_of` holds the observations (days × behaviours); the twin's training error is in units of the metric.
    """
    window = problem.final
    error = rmse(twin.structural.loc[window.train], truth_of.reindex(window.train))
    ours = twin.calibrator.table().assign(calibrator="twin", train_rmse=error.to_numpy())
    theirs = paper.table().assign(calibrator="paper", train_rmse=np.nan)
    both = pd.concat([ours, theirs], ignore_index=True).replace([np.inf], np.nan)
    working, off = twin.origin_residual.by_weekday.mean(axis=1)
    found = {name: value for name, value in parameters.items() if not name.startswith(SLOPE_SHRINKAGE)}
    shares = slope_shrinkage(problem, parameters)
    extra = [
        {
            **found,
            "slope_shrinkage": float(shares[place]),
            "gap_working": float(working[place]),
            "gap_off": float(off[place]),
        }
        for place in range(len(problem.study.behaviours))
    ]
    return both.assign(parameters=[*extra, *[{"gap": paper.gap_}] * len(theirs)])


def forecast_rows(frame: pd.DataFrame, forecaster: str, phase: str) -> pd.DataFrame:
    """One row per day and behaviour of a (days × behaviours) frame; `phase` is train or test."""
    tall = frame.rename_axis(index="date").melt(ignore_index=False, var_name="behaviour", value_name="value")
    return tall.reset_index().assign(forecaster=forecaster, phase=phase)


def rounded(value: float) -> float | None:
    """To four decimals; None for a missing value, for which JSON has no number."""
    return None if np.isnan(value) else round(float(value), 4)


def by_behaviour(scores: pd.DataFrame, metric: str) -> dict[str, dict[str, float | None]]:
    """Behaviour -> forecaster -> score, to four decimals; None where the behaviour was not observed in the test period."""
    rows = scores[(scores["metric"] == metric) & (scores["behaviour"] != MACRO)]
    found: dict[str, dict[str, float | None]] = {}
    for behaviour, name, value in zip(rows["behaviour"], rows["forecaster"], rows["value"], strict=True):
        found.setdefault(str(behaviour), {})[str(name)] = rounded(value)
    return found


def results_hash(tables: Mapping[str, pd.DataFrame]) -> str:
    """What two runs with the same inputs must agree on, to the last bit."""
    return content_hash({name: frame_hash(tables[name]) for name in ("aggregates", "forecasts", "scores")})
