"""Intervals of one study's forecast: how far forecasts like it have missed, by days ahead.

Widths come from what was learned of other countries up to the origin; where nothing was, from this study's own errors at
origins inside its training. Either way no day after the origin is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.calibration.problem import Problem
from core.calibration.search import search_sample
from core.calibration.twin import TwinForecast
from core.counterfactual.engine_error import known_days_off_spread
from core.counterfactual.fitted import FittedTwin
from core.counterfactual.forecast_parts import forecast_parts
from core.errors import InputError
from core.forecasting.backtest import past_errors
from core.forecasting.intervals import (
    LEVELS,
    Widths,
    conformal_widths,
    day_scales,
    interval_ends,
    interval_score,
    place_scale,
)
from core.forecasting.learned_widths import widths_after
from core.forecasting.places import Place
from core.services.counterfactuals import fitted_twin
from core.services.progress import Watch
from core.services.studies import StudyInputs
from core.store.database import Store

LEARNED = "other countries' errors on days up to {day}"
OWN = "this study's own errors at origins inside its training"
#: One place has few errors: about six origins' worth of a week.
FEWEST_OWN = 40
LOWEST = {"same_weekday_change": -100.0, "level": 0.0, "share": 0.0}


@dataclass(frozen=True)
class RunIntervals:
    """Ends by level, each (days × behaviours) in units of the metric, and where the widths come from, in words."""

    ends: dict[int, tuple[pd.DataFrame, pd.DataFrame]]
    source: str

    def rows(self) -> pd.DataFrame:
        """One row per behaviour, day and level, for the store."""
        parts = []
        for level, (lower, upper) in self.ends.items():
            tall = [
                frame.rename_axis(index="date").melt(ignore_index=False, var_name="behaviour", value_name=name)
                for name, frame in (("lower", lower), ("upper", upper))
            ]
            parts.append(tall[0].assign(upper=tall[1]["upper"].to_numpy(), level=level).reset_index())
        return pd.concat(parts, ignore_index=True)

    def scores(self, truth: pd.DataFrame) -> dict[str, Any]:
        """By level: the share of observed values inside, the mean width and the mean interval score (points)."""
        found = {}
        for level, (lower, upper) in self.ends.items():
            seen = truth.reindex(index=lower.index, columns=lower.columns).to_numpy(float)
            low, high = lower.to_numpy(float), upper.to_numpy(float)
            known = np.isfinite(seen)
            middle, half = (low + high) / 2, (high - low) / 2
            found[str(level)] = {
                "coverage": round(float(((low <= seen) & (seen <= high))[known].mean()), 4),
                "width": round(float((high - low).mean()), 3),
                "score": round(float(interval_score(level, np.abs(seen - middle)[known], half[known]).mean()), 3),
            }
        return found


def run_intervals(
    inputs: StudyInputs, problem: Problem, personas: pd.DataFrame, twin: TwinForecast, watch: Watch
) -> RunIntervals:
    """Intervals of the final window's forecast at 50, 80 and 95%."""
    study, origin = inputs.study, problem.final.origin
    watch.check()
    widths = widths_after(study, origin)
    source = OWN
    if widths is None:
        widths = _own_widths(inputs, problem, personas)
    else:
        source = LEARNED.format(day=problem.final.drift.known_until)
    scales = day_scales(place_scale(problem.observed, origin), twin.policy_effect)
    moved = twin.unseen_moves * known_days_off_spread(study, origin)
    ends = interval_ends(twin.forecast, widths, scales, origin, LOWEST[study.metric], moved)
    assert set(ends) == set(LEVELS)
    return RunIntervals(ends, source)


def _own_widths(inputs: StudyInputs, problem: Problem, personas: pd.DataFrame) -> Widths:
    origin = problem.final.origin
    cut = pd.Timestamp(origin)
    cases = None if inputs.cases is None else inputs.cases.loc[:cut]
    place = Place(inputs.study, inputs.timeline, problem.observed, cases, inputs.stringency)
    longest = min(len(problem.final.horizon), (origin - inputs.study.start).days)
    return conformal_widths([past_errors(place, search_sample(personas), origin, longest)], "twin", origin, FEWEST_OWN)


def stored_intervals(store: Store, run_id: str) -> dict[int, tuple[pd.DataFrame, pd.DataFrame]]:
    """Ends of a run's intervals by level, each (days × behaviours)."""
    kept = store.read_result("intervals", run_id)
    found = {}
    for level, part in kept.groupby("level"):
        lower, upper = (part.pivot_table(index="date", columns="behaviour", values=name) for name in ("lower", "upper"))
        found[int(str(level))] = (lower, upper)
    return found


def interval_values(
    store: Store, run_id: str, data: str | Path | None = None, twin: FittedTwin | None = None
) -> dict[str, Any]:
    """What a run's intervals held on the hold-out, and what they are made of: `levels`, `source` and `parts`.

    InputError for a run that is not complete, or was made before runs kept intervals.
    """
    run = store.run(run_id)
    about = run.summary.get("intervals") if run.complete and isinstance(run.summary, dict) else None
    if not about:
        raise InputError("keeps no intervals", where=f"run {run_id}", allowed="a complete run of this version")
    twin = twin or fitted_twin(store, run_id, data)
    lower, upper = stored_intervals(store, run_id)[80]
    order = list(twin.problem.study.behaviour_ids)
    parts = forecast_parts(twin, ((upper - lower) / 2)[order])
    return {"run_id": run_id, "engine": run.record.engine, **about, "parts": parts.round(4).to_dict("records")}
