"""Forecasts from origins of the past, kept in parts, so that what was learned from other places can be put in or left out.

An origin lies every four weeks from 75 days of training on (of longer steps see `core.calibration.pace`). A forecast is kept
as what it says before a policy weight and a drift are chosen (`core.calibration.twin.ForecastParts`); its errors under any
weight and drift follow without simulating again. The twin follows the fitted lines: choosing calibrators at each origin too
would take several times as long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from core.calibration.pace import pace_of
from core.calibration.policy_effect_weight import known_policy_weight
from core.calibration.problem import build_problem
from core.calibration.transfer_prior import Prior, transfer_prior_after
from core.calibration.twin import ForecastParts, forecast_in_parts
from core.cognition.coefficients import load_coefficients
from core.cognition.rules import RulesEngine
from core.errors import TooLittleObserved
from core.forecasting.baselines import BaselineInputs
from core.forecasting.baselines.persistence import seasonal_naive
from core.forecasting.intervals import PastErrors, day_scales, place_scale
from core.forecasting.places import Place
from core.simulation.measurement import error_scale
from core.simulation.simulate import simulate
from core.study import Step


@dataclass(frozen=True, kw_only=True)
class PastParts:
    """Forecasts from `origins`: float32 (…, origins, days ahead, behaviours), NaN where nothing was forecast or, in `truth` and
    `naive` (errors of the seasonal-naive forecast), observed. `base` to `scale` and `policy_effect` are those of
    `ForecastParts`, `upper` (…, behaviours) too. All are on the scale of the errors."""

    behaviours: tuple[str, ...]
    origins: tuple[date, ...]
    truth: np.ndarray
    naive: np.ndarray
    base: np.ndarray
    effect: np.ndarray
    offset: np.ndarray
    scale: np.ndarray
    policy_effect: np.ndarray
    upper: np.ndarray


@dataclass(frozen=True, kw_only=True)
class PastForecasts(PastParts):
    """Forecasts of one place; `usual` (origins, behaviours) is `place_scale`. `left_out` says which origins have no forecast,
    and why."""

    place: str
    latitude: float | None
    usual: np.ndarray
    left_out: Mapping[date, str]
    step: Step = Step.DAY
    lower: float = 0.0

    @property
    def longest(self) -> int:
        return int(self.truth.shape[1])

    def errors(self, weight: np.ndarray, drift: np.ndarray) -> np.ndarray:
        """Observed minus the twin's forecast with the policy weight of each origin, (origins,), and a drift of relative
        activity, (origins, days ahead, behaviours)."""
        parts = (self.base, self.effect, self.offset, self.scale, self.upper)
        return self.truth - measured(*parts, weight, drift, self.lower)

    def scales(self) -> tuple[np.ndarray, np.ndarray]:
        """Scales of the twin's errors and of the seasonal-naive ones, each in the shape of `truth`."""
        days = pd.RangeIndex(self.longest)
        twin, naive = np.empty_like(self.truth), np.empty_like(self.truth)
        for number in range(len(self.origins)):
            usual = pd.Series(self.usual[number], list(self.behaviours))
            effect = pd.DataFrame(self.policy_effect[number], days, list(self.behaviours))
            twin[number] = day_scales(usual, effect, self.step).to_numpy(np.float32)
            naive[number] = self.usual[number]
        return twin, naive


def measured(
    base: np.ndarray,
    effect: np.ndarray,
    offset: np.ndarray,
    scale: np.ndarray,
    upper: np.ndarray,
    weight: np.ndarray,
    drift: np.ndarray,
    lower: float = 0.0,
) -> np.ndarray:
    """The metric of forecasts in parts, (…, origins, days ahead, behaviours), with the weight of each origin, (origins,)."""
    activity = base + weight[:, None, None] * effect + drift
    return np.asarray(offset + scale * np.clip(activity, lower, upper))


def past_forecasts(place: Place, personas: pd.DataFrame, last: date, longest: int) -> PastForecasts:
    """Forecasts of up to `longest` days from origins up to a week before `last`; nothing observed after `last` is kept.
    An origin before which some behaviour was hardly observed is left out."""
    engine = RulesEngine.for_study(place.study, load_coefficients(place.study.coefficients_file))
    behaviours = tuple(map(str, place.observations.columns))
    on_scale = error_scale(place.study).of(place.observations)
    observations = on_scale.loc[: pd.Timestamp(last)]
    found: list[tuple[date, ForecastParts, np.ndarray, np.ndarray, np.ndarray]] = []
    left_out: dict[date, str] = {}
    step, pace = place.study.step, pace_of(place.study)
    origin = step.after(place.study.start, pace.past_training)
    while origin < step.after(last, -pace.level):
        end = min(step.after(origin, longest), place.study.end)
        try:
            problem = build_problem(
                place.study, place.timeline, place.observations, place.cases, origin, end,
                inner=False, fewest=pace.past_training,
            )  # fmt: skip
            means = simulate(engine, personas, problem.contexts).everyone
            parts = forecast_in_parts(problem, problem.final, means)
        except TooLittleObserved as why:
            left_out[origin] = why.problem
        else:
            days = step.periods(step.after(origin, 1), step.after(origin, longest))
            truth = observations.reindex(days).to_numpy(float)
            naive = truth - seasonal_naive(known_at(place, origin, days)).to_numpy(float)
            usual = place_scale(on_scale, origin, step)[list(behaviours)].to_numpy(float)
            found.append((origin, parts, truth, naive, usual))
        origin = step.after(origin, pace.past_step)
    shape = (len(found), longest, len(behaviours))

    def stacked(values: Sequence[np.ndarray]) -> np.ndarray:
        kept = np.full(shape, np.nan, dtype=np.float32)
        for number, item in enumerate(values):
            kept[number, : len(item)] = item
        return kept

    arrays = {
        name: stacked([getattr(item[1], name) for item in found])
        for name in ("base", "effect", "offset", "scale", "policy_effect")
    }
    return PastForecasts(
        place=place.study.id,
        latitude=place.study.latitude,
        behaviours=behaviours,
        origins=tuple(item[0] for item in found),
        truth=stacked([item[2] for item in found]),
        naive=stacked([item[3] for item in found]),
        usual=np.array([item[4] for item in found], dtype=np.float32).reshape(len(found), len(behaviours)),
        upper=found[0][1].upper if found else np.full(len(behaviours), np.inf),
        left_out=left_out,
        step=step,
        lower=found[0][1].lower if found else 0.0,
        **arrays,
    )


def known_at(
    place: Place, origin: date, horizon: pd.DatetimeIndex, learned: Mapping[str, Any] | None = None
) -> BaselineInputs:
    """What a baseline may know of a place at an origin; `learned` is what baselines took from many places by then."""
    cut, errors = pd.Timestamp(origin), error_scale(place.study)
    return BaselineInputs(
        observed=errors.of(place.observations.loc[:cut]),
        horizon=horizon,
        stringency=place.published,
        indicators=place.timeline.levels()[list(place.study.indicator_codes)],
        cases=None if place.cases is None else place.cases.loc[:cut],
        step=place.study.step,
        intensities=place.timeline.intensities(),
        learned=learned or {},
        errors=errors,
    )


def past_errors(place: Place, personas: pd.DataFrame, last: date, longest: int) -> PastErrors:
    """Errors of `past_forecasts`, each origin given the policy weight and drift that it could know."""
    past = past_forecasts(place, personas, last, longest)
    weight = np.array([known_policy_weight(place.study, origin).value for origin in past.origins])
    return errors_given(past, weight, [transfer_prior_after(place.study, origin) for origin in past.origins])


def errors_given(past: PastForecasts, weight: np.ndarray, priors: Sequence[Prior]) -> PastErrors:
    """Errors with the policy weight, (origins,), and the drift of each origin."""
    drift, step = np.zeros(past.truth.shape), past.step
    for number, (origin, prior) in enumerate(zip(past.origins, priors, strict=True)):
        drift[number] = prior.of(step.periods(step.after(origin, 1), step.after(origin, past.longest)))
    twin, naive = past.scales()
    return PastErrors(
        past.behaviours,
        past.origins,
        {"twin": twin, "seasonal_naive": naive},
        {"twin": past.errors(weight, drift).astype(np.float32), "seasonal_naive": past.naive},
        past.policy_effect,
        past.left_out,
        step,
    )
