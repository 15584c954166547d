"""Intervals of one study's forecast: how far forecasts like it have missed, by days ahead.

Widths come from what was learned of other places up to the origin; where nothing was, from this study's own errors at
origins inside its training, if they are enough. Either way no day after the origin is looked at. Where no width is known
there is no interval, and the result says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.calibration.learned import teaching
from core.calibration.problem import Problem
from core.calibration.search import search_sample
from core.calibration.twin import TwinForecast
from core.counterfactual.effect_uncertainty import known_days_off_spread
from core.counterfactual.fitted import FittedTwin
from core.counterfactual.forecast_parts import forecast_parts
from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.forecasting.intervals import day_scales, interval_ends, interval_score, place_scale
from core.forecasting.learned_widths import WIDTHS_FILE, widths_after
from core.forecasting.own_widths import FEWEST_BLOCKS, OwnWidths, own_widths
from core.forecasting.past import past_errors
from core.forecasting.places import Place
from core.services.runs.fitted import fitted_twin
from core.services.studies.inputs import StudyInputs
from core.store.database import Store

LEARNED = "the errors of {taught} on days up to {day}"
OWN = "this study's own errors at origins inside its training ({fewest} to {most} independent ones)"
NO_WIDTHS = (
    "nothing was learned from other places by then, and its own past has fewer than {fewest} independent origins"
)
NO_SCALE = "too little was observed in the last four weeks of training"
LOWEST = {"same_weekday_change": -100.0, "level": 0.0, "share": 0.0}


@dataclass(frozen=True)
class RunIntervals:
    """Ends by level, each (days × behaviours) in units of the metric, NaN where there is no interval; where the widths come
    from, in words; and by behaviour why there is none."""

    ends: dict[int, tuple[pd.DataFrame, pd.DataFrame]]
    source: str
    unknown: dict[str, str]

    def rows(self) -> pd.DataFrame:
        """One row per behaviour, day and level that has an interval, for the store."""
        parts = []
        for level, (lower, upper) in self.ends.items():
            tall = [
                frame.rename_axis(index="date").melt(ignore_index=False, var_name="behaviour", value_name=name)
                for name, frame in (("lower", lower), ("upper", upper))
            ]
            parts.append(tall[0].assign(upper=tall[1]["upper"].to_numpy(), level=level).reset_index())
        return pd.concat(parts, ignore_index=True).dropna(subset=["lower", "upper"])

    def scores(self, truth: pd.DataFrame) -> dict[str, Any]:
        """By level: the share of observed values inside, the mean width and the mean interval score (points), of days that
        have an interval; a level without any is left out."""
        found = {}
        for level, (lower, upper) in self.ends.items():
            seen = truth.reindex(index=lower.index, columns=lower.columns).to_numpy(float)
            low, high = lower.to_numpy(float), upper.to_numpy(float)
            drawn = np.isfinite(low) & np.isfinite(high)
            known = np.isfinite(seen) & drawn
            if not known.any():
                continue
            middle, half = (low + high) / 2, (high - low) / 2
            found[str(level)] = {
                "coverage": round(float(((low <= seen) & (seen <= high))[known].mean()), 4),
                "width": round(float((high - low)[drawn].mean()), 3),
                "score": round(float(interval_score(level, np.abs(seen - middle)[known], half[known]).mean()), 3),
            }
        return found

    def about(self, truth: pd.DataFrame) -> dict[str, Any]:
        """What a run's summary keeps: `source`, `levels` (`scores`), and `unknown` where some behaviour has no interval."""
        unknown = {"unknown": self.unknown} if self.unknown else {}
        return {"source": self.source, "levels": self.scores(truth), **unknown}


def run_intervals(
    inputs: StudyInputs, problem: Problem, personas: pd.DataFrame, twin: TwinForecast, watch: ProgressReporter
) -> RunIntervals:
    """Intervals of the final window's forecast at 50, 80 and 95%."""
    study, origin = inputs.study, problem.final.origin
    watch.check()
    widths, taught = widths_after(study, origin), teaching(study, WIDTHS_FILE, origin)
    if widths is not None and taught is not None:
        source = LEARNED.format(taught=taught, day=taught.known_until)
    else:
        own = _own_widths(inputs, problem, personas)
        widths, source = own.widths, _own_source(own)
    usual = place_scale(problem.observed, origin)
    scales = day_scales(usual, twin.policy_effect)
    moved = twin.novel_calendar_days * known_days_off_spread(study, origin)
    ends = interval_ends(twin.forecast, widths, scales, origin, LOWEST[study.metric], moved)
    drawn = {name: any(bool(lower[name].notna().any()) for lower, _ in ends.values()) for name in twin.forecast}
    unknown = {
        str(name): NO_SCALE if np.isnan(usual[str(name)]) else NO_WIDTHS.format(fewest=FEWEST_BLOCKS)
        for name, has in drawn.items()
        if not has
    }
    return RunIntervals(ends, source, unknown)


def _own_source(own: OwnWidths) -> str:
    counts = [int(count) for blocks in own.blocks.values() for count in blocks if count >= FEWEST_BLOCKS]
    return OWN.format(fewest=min(counts), most=max(counts)) if counts else "nothing"


def _own_widths(inputs: StudyInputs, problem: Problem, personas: pd.DataFrame) -> OwnWidths:
    origin = problem.final.origin
    cut = pd.Timestamp(origin)
    cases = None if inputs.cases is None else inputs.cases.loc[:cut]
    place = Place(inputs.study, inputs.timeline, problem.observed, cases, inputs.stringency)
    longest = min(len(problem.final.horizon), (origin - inputs.study.start).days)
    return own_widths(past_errors(place, search_sample(personas), origin, longest), "twin", origin)


def stored_intervals(store: Store, run_id: str) -> dict[int, tuple[pd.DataFrame, pd.DataFrame]]:
    """Ends of a run's intervals by level, each (days × behaviours)."""
    kept = store.read_result("intervals", run_id)
    found = {}
    for level, part in kept.groupby("level"):
        lower, upper = (part.pivot_table(index="date", columns="behaviour", values=name) for name in ("lower", "upper"))
        found[int(str(level))] = (lower, upper)
    return found


def interval_values(
    store: Store,
    run_id: str,
    data: str | Path | None = None,
    twin: FittedTwin | None = None,
    executor: Executor = IN_THIS_PROCESS,
) -> dict[str, Any]:
    """What a run's intervals held on the hold-out, and what they are made of: `levels`, `source` and `parts`.

    InputError for a run that is not complete, or was made before runs kept intervals.
    """
    run = store.run(run_id)
    about = run.summary.get("intervals") if run.complete and isinstance(run.summary, dict) else None
    if not about:
        raise InputError("keeps no intervals", where=f"run {run_id}", allowed="a complete run of this version")
    twin = twin or fitted_twin(store, run_id, data, executor=executor)
    kept = stored_intervals(store, run_id)
    if 80 not in kept:
        why = "; ".join(sorted(set(about.get("unknown", {}).values())))
        raise InputError(f"has no 80% interval ({why})", where=f"run {run_id}")
    lower, upper = kept[80]
    order = list(twin.problem.study.behaviour_ids)
    parts = forecast_parts(twin, ((upper - lower) / 2)[order], executor=executor)
    return {"run_id": run_id, "engine": run.record.engine, **about, "parts": parts.round(4).to_dict("records")}
