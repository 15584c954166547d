"""Intervals of one study's forecast: how far forecasts like it have missed, by days ahead.

Widths come from what was learned of other places up to the origin; where nothing was, from this study's own errors at
origins inside its training, if they are enough. Either way no day after the origin is looked at. Where no width is known
there is no interval, and the result says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.calibration.learned import teaching
from core.calibration.problem import Problem
from core.calibration.search import search_sample
from core.calibration.twin import TwinForecast
from core.counterfactual.effect_uncertainty import known_days_off_spread
from core.execution.progress import ProgressReporter
from core.forecasting.intervals import Widths, day_scales, interval_ends, interval_score, place_scale
from core.forecasting.learned_widths import WIDTHS_FILE, widths_after
from core.forecasting.own_widths import FEWEST_BLOCKS, OwnWidths, own_widths
from core.forecasting.past import past_errors
from core.forecasting.places import Place
from core.services.runs.results import (
    HeldIntervals,
    IntervalLevel,
    WidthSource,
)
from core.services.studies.inputs import StudyInputs
from core.simulation.measurement import error_scale

#: Why a behaviour has no interval: nothing was learned from other places by then, and its own past has too few independent
#: origins; or too little was observed in the last four weeks of training.
NO_WIDTHS, NO_SCALE = "no_widths", "no_scale"


@dataclass(frozen=True)
class RunIntervals:
    """Ends by level, each (days × behaviours) in units of the metric, NaN where there is no interval; where the widths come
    from; and by behaviour why there is none."""

    ends: Mapping[int, tuple[pd.DataFrame, pd.DataFrame]]
    widths: WidthSource
    unknown: Mapping[str, str]

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

    def held(self, truth: pd.DataFrame) -> HeldIntervals:
        """What they held of the observations (days × behaviours); a level without any interval is left out."""
        found = {}
        for level, (lower, upper) in self.ends.items():
            seen = truth.reindex(index=lower.index, columns=lower.columns).to_numpy(float)
            low, high = lower.to_numpy(float), upper.to_numpy(float)
            drawn = np.isfinite(low) & np.isfinite(high)
            known = np.isfinite(seen) & drawn
            if not known.any():
                continue
            middle, half = (low + high) / 2, (high - low) / 2
            found[str(level)] = IntervalLevel(
                coverage=round(float(((low <= seen) & (seen <= high))[known].mean()), 4),
                width=round(float((high - low)[drawn].mean()), 3),
                score=round(float(interval_score(level, np.abs(seen - middle)[known], half[known]).mean()), 3),
            )
        return HeldIntervals(levels=found, unknown=self.unknown, widths=self.widths)


def run_intervals(
    inputs: StudyInputs,
    problem: Problem,
    personas: pd.DataFrame,
    twin: TwinForecast,
    watch: ProgressReporter,
    *,
    by_rules: bool = False,
) -> RunIntervals:
    """Intervals of the final window's forecast at 50, 80 and 95%; `by_rules` says that a language model made it, so that the
    errors are those of another engine."""
    watch.check()
    widths, source = known_widths(inputs, problem, personas)
    return intervals_around(problem, twin, widths, replace(source, by_rules=by_rules))


def known_widths(inputs: StudyInputs, problem: Problem, personas: pd.DataFrame) -> tuple[Widths, WidthSource]:
    """The widths that may be known at the final window's origin, and where they come from."""
    study, origin = inputs.study, problem.final.origin
    widths, taught = widths_after(study, origin), teaching(study, WIDTHS_FILE, origin)
    if widths is not None and taught is not None:
        source = WidthSource(of="places", fewest=taught.fewest, most=taught.most, known_until=taught.known_until)
        return widths, source
    own = _own_widths(inputs, problem, personas)
    return own.widths, _own_source(own)


def intervals_around(problem: Problem, twin: TwinForecast, widths: Widths, source: WidthSource) -> RunIntervals:
    """Intervals of these widths around a forecast of the final window."""
    study, origin = problem.study, problem.final.origin
    errors = error_scale(study)
    usual = place_scale(errors.of(problem.observed), origin, study.step)
    scales = day_scales(usual, twin.policy_effect, study.step)
    moved = twin.novel_calendar_days * known_days_off_spread(study, origin)
    lowest = study.lowest if errors.above is None else -np.inf
    around = interval_ends(errors.of(twin.forecast), widths, scales, origin, lowest, moved, study.step)
    ends = {level: (errors.back(lower), errors.back(upper)) for level, (lower, upper) in around.items()}
    drawn = {name: any(bool(lower[name].notna().any()) for lower, _ in ends.values()) for name in twin.forecast}
    unknown = {
        str(name): NO_SCALE if np.isnan(usual[str(name)]) else NO_WIDTHS for name, has in drawn.items() if not has
    }
    return RunIntervals(ends, source, unknown)


def _own_source(own: OwnWidths) -> WidthSource:
    counts = [int(count) for blocks in own.blocks.values() for count in blocks if count >= FEWEST_BLOCKS]
    return WidthSource(of="own", fewest=min(counts), most=max(counts)) if counts else WidthSource(of="nothing")


def _own_widths(inputs: StudyInputs, problem: Problem, personas: pd.DataFrame) -> OwnWidths:
    origin = problem.final.origin
    cut = pd.Timestamp(origin)
    cases = None if inputs.cases is None else inputs.cases.loc[:cut]
    place = Place(inputs.study, inputs.timeline, problem.observed, cases, inputs.stringency)
    longest = min(len(problem.final.horizon), (origin - inputs.study.start).days)
    return own_widths(past_errors(place, search_sample(personas), origin, longest), "twin", origin)
