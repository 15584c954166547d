"""Rolling origins over many places: the twin and its rivals, told the same, scored on what came next.

A row is a place, an origin and a horizon. It needs observations on at least 85% of the horizon's days, and counts the
behaviours of which no more than 30% is missing there and in the 28 days before the origin. Scores are the mean over
these behaviours of the root mean squared error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from core.calibration.pace import PACES, pace_of
from core.calibration.problem import build_problem
from core.calibration.search import choose_calibrators
from core.calibration.transfer_prior import Priors
from core.calibration.twin import TwinForecast, forecast_defaults, twin_forecast
from core.cognition.coefficients import load_coefficients
from core.cognition.rules import RulesEngine
from core.errors import TooLittleObserved
from core.forecasting.backtest_scores import TWIN, BacktestRow, IntervalScores
from core.forecasting.baselines import BASELINES, backtest_baselines, learned_from
from core.forecasting.intervals import (
    WITH_INTERVALS,
    PastErrors,
    Widths,
    conformal_widths,
    day_scales,
    interval_score,
    place_scale,
)
from core.forecasting.learned_widths import widths_after
from core.forecasting.metrics import macro_rmse
from core.forecasting.past import known_at, past_errors
from core.forecasting.places import Place, last_observed
from core.simulation.measurement import IN_POINTS, ErrorScale, error_scale
from core.simulation.simulate import simulate
from core.statistics.levels import LEVELS
from core.study import Step

SEEN_SHARE = 0.85
MISSING_SHARE = 0.30
AFTER_THE_DATA = "nothing was observed after this day: the data end on {last}"
HARDLY_AHEAD = "fewer than {share:.0%} of these days were observed"
NO_BEHAVIOUR = "no behaviour was observed on enough of these days and of the four weeks before"
#: Where nothing was learned, widths come from the other places of the backtest: of fewer than this they are not known.
FEWEST_OTHERS = 10


@dataclass(frozen=True)
class PlaceForecasts:
    """What one place gives: forecasts by origin and forecaster (days × behaviours, to the longest horizon), the `scales` of
    their errors for those with intervals (the same shape), the `widths` that were learned for them by forecaster and origin,
    and, where some were not, the past errors that those of other places can be made from; `left_out` says of every origin
    without a forecast why."""

    place: str
    title: str
    forecasts: dict[date, dict[str, pd.DataFrame]]
    scales: dict[date, dict[str, pd.DataFrame]]
    widths: Mapping[tuple[str, date], Widths]
    past: PastErrors | None
    observations: pd.DataFrame
    stringency: pd.Series
    left_out: Mapping[date, str] = field(default_factory=dict)
    step: Step = Step.DAY
    errors: ErrorScale = IN_POINTS

    def ahead(self, origin: date, horizon: int) -> pd.DatetimeIndex:
        """The periods of a horizon."""
        return self.step.periods(self.step.after(origin, 1), self.step.after(origin, horizon))


def forecast_place(
    place: Place,
    personas: pd.DataFrame,
    origins: Sequence[date],
    longest: int,
    rivals: Sequence[str] | None = None,
    learned: Mapping[date, Mapping[str, Any]] | None = None,
    priors: Priors | None = None,
    past: PastErrors | None = None,
) -> PlaceForecasts:
    """The twin and the `rivals` (None: all of a backtest) at every origin that the place's data reach; and at
    origins of the past, where no widths were learned and none of its `past` errors are given. `learned` is what rivals take
    from many places by origin, `priors` what the twin may know of others.

    A plain function of its arguments, so that a worker process can run it. Nothing observed after an origin is used.
    """
    rivals = backtest_baselines(place.study.step) if rivals is None else rivals
    engine = _engine(place)
    last = last_observed(place)
    found: dict[date, dict[str, pd.DataFrame]] = {}
    scales: dict[date, dict[str, pd.DataFrame]] = {}
    left_out: dict[date, str] = {}
    for origin in origins:
        if origin >= last:
            left_out[origin] = AFTER_THE_DATA.format(last=last)
            continue
        try:
            twin = _twin(place, engine, personas, origin, longest, priors)
        except TooLittleObserved as why:
            left_out[origin] = why.problem
            continue
        forecast = twin.forecast
        known = known_at(place, origin, pd.DatetimeIndex(forecast.index), (learned or {}).get(origin))
        found[origin] = {TWIN: forecast, **{name: BASELINES[name](known) for name in rivals}}
        scales[origin] = _scales(place, origin, twin.policy_effect)
    widths = {(name, origin): widths_after(place.study, origin, name) for name in WITH_INTERVALS for origin in found}
    if past is None and any(item is None for item in widths.values()):
        past = past_errors(place, personas, min(last, max(origins)), longest)
    return PlaceForecasts(
        place.study.id,
        place.study.title,
        found,
        scales,
        {which: item for which, item in widths.items() if item is not None},
        past,
        place.observations,
        place.published,
        left_out,
        place.study.step,
        error_scale(place.study),
    )


def learn_rivals(places: Sequence[Place], origin: date, longest: int) -> dict[str, Any]:
    """What rivals take from these places at an origin, by name: of each, what was observed up to it."""
    pool = []
    for place in places:
        step = place.study.step
        if place.study.start <= origin and len(place.observations.loc[: pd.Timestamp(origin)].dropna(how="all")) > 1:
            horizon = step.periods(step.after(origin, 1), step.after(origin, longest))
            pool.append(known_at(place, origin, horizon))
    return learned_from(pool) if pool else {}


def _engine(place: Place) -> RulesEngine:
    return RulesEngine.for_study(place.study, load_coefficients(place.study.coefficients_file))


def _scales(place: Place, origin: date, policy_effect: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The scales of errors on the days after `origin`; a seasonal-naive forecast knows of no policy."""
    step = place.study.step
    usual = place_scale(error_scale(place.study).of(place.observations), origin, step)
    return {
        TWIN: day_scales(usual, policy_effect, step),
        "seasonal_naive": day_scales(usual, 0.0 * policy_effect, step),
    }


def _twin(
    place: Place, engine: RulesEngine, personas: pd.DataFrame, origin: date, longest: int, priors: Priors | None
) -> TwinForecast:
    """The twin's forecast after `origin`. Raises TooLittleObserved where some behaviour was hardly observed before it."""
    end = min(place.study.step.after(origin, longest), place.study.end)
    problem = build_problem(
        place.study,
        place.timeline,
        place.observations,
        place.cases,
        origin,
        end,
        inner=place.study.forecast.slope is None,
        fewest=pace_of(place.study).past_training,
        priors=priors,
    )
    means = simulate(engine, personas, problem.contexts).everyone
    weight = forecast_defaults(place.study, origin) if priors is None else priors.parameters(origin)
    parameters = choose_calibrators(problem, means, weight)
    return twin_forecast(problem, problem.final, means, parameters)


def counted_behaviours(
    observations: pd.DataFrame, origin: date, days: pd.DatetimeIndex, step: Step = Step.DAY
) -> list[str]:
    """Behaviours that count in a row, or none where the horizon was hardly observed at all."""
    ahead = observations.reindex(days)
    if _hardly_seen(ahead):
        return []
    recent = observations.loc[: pd.Timestamp(origin)].iloc[-PACES[step].profile :]
    fine = (ahead.isna().mean() <= MISSING_SHARE) & (recent.isna().mean() <= MISSING_SHARE)
    return [str(name) for name in observations.columns[fine]]


def why_not_counted(observations: pd.DataFrame, days: pd.DatetimeIndex) -> str:
    """Why `counted_behaviours` finds none on these days."""
    return HARDLY_AHEAD.format(share=SEEN_SHARE) if _hardly_seen(observations.reindex(days)) else NO_BEHAVIOUR


def _hardly_seen(ahead: pd.DataFrame) -> bool:
    return bool(ahead.notna().any(axis=1).mean() < SEEN_SHARE)


def stringency_change(stringency: pd.Series, origin: date, days: pd.DatetimeIndex, step: Step = Step.DAY) -> float:
    """How far mean stringency over the horizon lies from that of the 28 days before (of longer steps, the last periods)."""
    recent = stringency.loc[: pd.Timestamp(origin)].iloc[-PACES[step].profile :]
    return float(abs(stringency.reindex(days).mean() - recent.mean()))


def widths_from_others(done: Sequence[PlaceForecasts], place: PlaceForecasts) -> dict[tuple[str, date], Widths]:
    """The place's widths by forecaster and origin: learned ones, else from the errors of the other places of the backtest, of
    which there have to be FEWEST_OTHERS. A place never teaches itself."""
    return widths_known([item.past for item in done if item.past is not None and item.place != place.place], place)


def widths_known(others: Sequence[PastErrors], place: PlaceForecasts) -> dict[tuple[str, date], Widths]:
    """The same from the errors of `others`."""
    widths = dict(place.widths)
    if len(others) >= FEWEST_OTHERS:
        for which in ((name, origin) for name in WITH_INTERVALS for origin in place.forecasts):
            if which not in widths:
                widths[which] = conformal_widths(others, *which)
    return widths


def rows_of(
    place: PlaceForecasts, horizons: Sequence[int], widths: Mapping[tuple[str, date], Widths]
) -> list[BacktestRow]:
    """The rows of one place; `widths` are by forecaster and origin."""
    rows = []
    for origin, forecasts in place.forecasts.items():
        for horizon in horizons:
            days = place.ahead(origin, horizon)
            names = counted_behaviours(place.observations, origin, days, place.step)
            if not names:
                continue
            truth = place.observations.reindex(days)[names]
            scores = {name: macro_rmse(frame.reindex(days)[names], truth) for name, frame in forecasts.items()}
            rows.append(
                BacktestRow(
                    country=place.place,
                    origin=origin,
                    horizon=horizon,
                    stringency_change=stringency_change(place.stringency, origin, days, place.step),
                    categories=len(names),
                    macro_rmse=scores,
                    intervals=interval_scores(place, origin, days, truth, widths),
                )
            )
    return rows


def unscored(place: PlaceForecasts, horizons: Sequence[int]) -> dict[str, str]:
    """What of a place has no row, and why: an origin ("DEU after 2021-06-30"), a horizon of one ("…, 90 days"), and an
    origin of the past whose errors intervals could not learn from ("DEU, errors after 2020-05-01")."""
    code = place.place
    text = place.step.text
    found = {f"{code} after {text(origin)}": why for origin, why in place.left_out.items()}
    for origin in place.forecasts:
        for horizon in horizons:
            days = place.ahead(origin, horizon)
            if not counted_behaviours(place.observations, origin, days, place.step):
                found[f"{code} after {text(origin)}, {horizon} {place.step}s"] = why_not_counted(
                    place.observations, days
                )
    past = {} if place.past is None else place.past.left_out
    return found | {f"{code}, errors after {text(origin)}": why for origin, why in past.items()}


def interval_scores(
    place: PlaceForecasts,
    origin: date,
    days: pd.DatetimeIndex,
    truth: pd.DataFrame,
    widths: Mapping[tuple[str, date], Widths],
) -> dict[str, dict[str, IntervalScores]]:
    """Scores of the intervals around the forecasts of `truth` (days × behaviours), by forecaster and level."""
    ahead = place.step.places(days, origin)
    found: dict[str, dict[str, IntervalScores]] = {}
    for name in WITH_INTERVALS:
        if (name, origin) not in widths:
            continue
        forecast, of = place.forecasts[origin][name].reindex(days)[truth.columns], place.errors.of
        miss = (of(truth) - of(forecast)).abs().to_numpy(float)
        scale = place.scales[origin][name].reindex(days)[truth.columns].to_numpy(float)
        half = np.stack([widths[name, origin].of(str(column), ahead) for column in truth.columns], axis=-1) * scale
        for place_of, level in enumerate(LEVELS):
            known = np.isfinite(half[place_of])
            seen = known & np.isfinite(miss)
            if seen.any():
                held = float((miss[seen] <= half[place_of][seen]).mean())
                far, wide = miss, half[place_of]
                if place.errors.above is not None:  # the same in points of the metric
                    low, high = (place.errors.back(of(forecast).to_numpy(float) + sign * wide) for sign in (-1, 1))
                    far, wide = np.abs(truth.to_numpy(float) - (low + high) / 2), (high - low) / 2
                found.setdefault(name, {})[str(level)] = IntervalScores(
                    coverage=held,
                    width=float(2 * wide[known].mean()),
                    score=float(interval_score(level, far[seen], wide[seen]).mean()),
                )
    return found
