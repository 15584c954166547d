"""Search, by Optuna's TPE, of what has no closed form; a and b are profiled out by least squares inside each trial.

A trial is scored by forecasting from rolling origins *inside* training: one score per behaviour, and the macro score
(their mean), which alone is minimised. The order of a search:
1. ask a batch of fixed size (so that the number of workers changes nothing);
2. evaluate it, in any order;
3. tell the results in the order asked.
With the parameters found, each behaviour follows the calibrator (`slope_shares`) that forecasts it best from the same origins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from core.calibration.calibrators import slope_shares
from core.calibration.problem import Problem
from core.calibration.trials import TrialLog, macro_study
from core.calibration.twin import SLOPE_SHRINKAGE, forecast_bounds, forecast_defaults, twin_forecast
from core.cognition.engine import ResponseEngine, with_own
from core.errors import Cancelled, InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.simulation.simulate import simulate
from core.study import Study

BATCH = 8
#: Shares of the way from the starting point to the mean of the good trials, tried in this order.
STEPS = (0.25, 0.5, 0.75)
#: The search simulates at most this many personas, spread evenly over the population; the fit uses everyone.
SEARCH_PERSONAS = 500


@dataclass(frozen=True)
class SearchResult:
    """`parameters`, as little of a move from the starting point as scores well, with the calibrators chosen; all trials; and
    the parameters' score (inner rolling-origin RMSE)."""

    parameters: dict[str, float]
    log: TrialLog
    score: float


def search_bounds(engine: ResponseEngine, study: Study, origin: date) -> dict[str, tuple[float, float]]:
    """What is searched for this engine: its own parameters (the rules engine's) and those of the forecast from `origin`."""
    return {**engine.bounds, **forecast_bounds(study, origin)}


def score_parameters(
    problem: Problem, engine: ResponseEngine, personas: pd.DataFrame, parameters: Mapping[str, float]
) -> list[float]:
    """Mean over inner origins of each behaviour's RMSE, (behaviours,); NaN for one that no horizon observed."""
    return score_means(problem, simulate(with_own(engine, parameters), personas, problem.contexts).everyone, parameters)


def score_means(
    problem: Problem, means: np.ndarray, parameters: Mapping[str, float], *, anchor: bool = True
) -> list[float]:
    """`score_parameters` where everyone's simulated activity, (contexts, behaviours), is known already; without `anchor` of
    forecasts by the fitted lines alone."""
    scores = []
    for window in problem.inner:
        forecast = twin_forecast(problem, window, means, parameters, anchor=anchor).forecast
        error = forecast.to_numpy() - problem.observed.reindex(window.horizon).to_numpy(float)
        scores.append(np.sqrt(_mean_of_seen(error**2)))
    return [float(value) for value in _mean_of_seen(np.array(scores))]


def choose_calibrators(problem: Problem, means: np.ndarray, parameters: Mapping[str, float]) -> dict[str, float]:
    """The parameters, with the calibrator of each behaviour that forecasts it best from the origins inside training.

    `means` is everyone's simulated activity, (contexts, behaviours). A behaviour that no inner horizon has seen, and every
    one where training is too short for inner origins, keeps the fitted line.
    """
    names, shares = problem.study.behaviour_ids, list(slope_shares())
    if not problem.inner or problem.study.forecast.slope is not None:
        return dict(parameters)
    alike = [{**parameters, **{SLOPE_SHRINKAGE + name: share for name in names}} for share in shares]
    scores = np.array([score_means(problem, means, item) for item in alike])
    best = np.where(np.isfinite(scores), scores, np.inf).argmin(axis=0)
    return {**parameters, **{SLOPE_SHRINKAGE + name: shares[place] for name, place in zip(names, best, strict=True)}}


def _mean_of_seen(values: np.ndarray) -> np.ndarray:
    """Mean over axis 0 of what is not missing; NaN where everything is."""
    count = np.isfinite(values).sum(axis=0)
    return np.divide(np.nansum(values, axis=0), count, out=np.full(count.shape, np.nan), where=count > 0)


def search(
    problem: Problem,
    engine: ResponseEngine,
    personas: pd.DataFrame,
    *,
    trials: int,
    seed: int,
    executor: Executor = IN_THIS_PROCESS,
    on_batch: Callable[[list[dict[str, Any]]], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    remembered: Mapping[int, list[float]] | None = None,
) -> SearchResult:
    """Run `trials` trials, the first at the starting point, and return as little of a move from there as scores well
    (`least_move`). Raises Cancelled when told to stop.

    `remembered` holds objectives of trials that an earlier, interrupted search with the same inputs has evaluated: the
    sampler is told them again instead of paying for them twice, so the resumed search is the same search.
    `on_batch` sees each batch of trials once it is told. An engine without parameters of its own, as a language model is,
    answers the same in every trial: it is asked once, before the first, and here, whatever the `executor`.
    """
    if trials < 1:
        raise InputError(f"{trials} trials", where="calibration", allowed="1 or more")
    if not problem.inner:
        raise InputError(
            "the training period is too short to choose parameters on", where="calibration", allowed="180 days or more"
        )
    known = problem.study, problem.final.origin
    bounds = search_bounds(engine, *known)
    sample = search_sample(personas)
    study = macro_study(seed)
    start = {**engine.parameters, **forecast_defaults(*known)}
    study.enqueue_trial({name: start[name] for name in bounds})
    means = None if engine.parameters else simulate(engine, sample, problem.contexts).everyone
    log = TrialLog("twin")

    def check() -> None:
        if should_stop():
            raise Cancelled("the calibration was stopped")

    with executor.share(problem, engine, sample):
        while len(log.rows) < trials:
            check()
            batch = [study.ask() for _ in range(min(BATCH, trials - len(log.rows)))]
            points = [{name: trial.suggest_float(name, *bounds[name]) for name in bounds} for trial in batch]
            if means is None:
                results = _evaluated(problem, engine, sample, points, len(log.rows), remembered or {}, executor, check)
            else:
                results = [score_means(problem, means, point) for point in points]
            for trial, point, values in zip(batch, points, results, strict=True):
                macro = float(np.nanmean(values))
                study.tell(trial, macro)
                log.add(point, values, macro)
            if on_batch is not None:
                on_batch(log.rows[-len(batch) :])

    def answers(point: Mapping[str, float]) -> np.ndarray:
        return simulate(with_own(engine, point), sample, problem.contexts).everyone if means is None else means

    parameters = least_move(log.rows, lambda point: float(np.nanmean(score_means(problem, answers(point), point))))
    answered = answers(parameters)
    parameters = choose_calibrators(problem, answered, parameters)
    scores = score_means(problem, answered, parameters)
    return SearchResult(parameters, log, float(np.nanmean(scores)))


def good_trials(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The trials as good as the best: those whose macro score lies within one standard error of it.

    The error is that of the best trial's gain over the starting point (`rows[0]`), taken over behaviours: a few rolling
    origins cannot tell such trials apart.
    Source: Hastie, Tibshirani and Friedman (2009), The Elements of Statistical Learning, section 7.10.
    """
    limit = _good_enough(rows)
    return [row for row in rows if row["macro"] <= limit]


def _good_enough(rows: Sequence[Mapping[str, Any]]) -> float:
    """The macro score of the best trial plus one standard error."""
    best = min(rows, key=lambda row: (row["macro"], row["number"]))
    gain = np.asarray(rows[0]["objectives"], dtype=float) - np.asarray(best["objectives"], dtype=float)
    gain = gain[np.isfinite(gain)]
    return float(best["macro"]) + (float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else 0.0)


def mean_of_good(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The mean of the parameters of the good trials: one of them alone depends on the sampler's luck."""
    good = good_trials(rows)
    return {name: float(np.mean([row["parameters"][name] for row in good])) for name in rows[0]["parameters"]}


def least_move(rows: Sequence[Mapping[str, Any]], score: Callable[[dict[str, float]], float]) -> dict[str, float]:
    """The starting point (`rows[0]`) where it is as good as the best trial, else the first step from it to the mean of the
    good trials that is: the simplest model within one standard error, of which the starting point, known from elsewhere,
    is the simplest.

    `score` gives the macro score of a point. The rule was chosen among about two dozen, by the error of forecasts of the
    countries that teach (`policytwin backtest`) and of contrasts in half of the worlds of known truth (`policytwin worlds`):
    what these measure of it flatters it somewhat.
    """
    start, found, limit = rows[0]["parameters"], mean_of_good(rows), _good_enough(rows)
    if rows[0]["macro"] <= limit:
        return dict(start)
    for share in STEPS:
        point = {name: start[name] + share * (found[name] - start[name]) for name in found}
        if score(point) <= limit:
            return point
    return found


def _evaluated(
    problem: Problem,
    engine: ResponseEngine,
    personas: pd.DataFrame,
    points: list[dict[str, float]],
    first: int,
    remembered: Mapping[int, list[float]],
    executor: Executor,
    check: Callable[[], None],
) -> list[list[float]]:
    """Objectives of each point, in order; those remembered are not evaluated again."""
    numbered = list(enumerate(points, start=first))
    new = [(problem, engine, personas, point) for number, point in numbered if number not in remembered]
    results = executor.map(score_parameters, new, check=check)
    return [remembered[number] if number in remembered else next(results) for number, _ in numbered]


def search_sample(personas: pd.DataFrame, most: int = SEARCH_PERSONAS) -> pd.DataFrame:
    """An evenly spread part of the population, `most` at most, each kept persona standing for its neighbours' weight too."""
    if len(personas) <= most:
        return personas
    edges = np.linspace(0, len(personas), most + 1).astype(int)
    kept = personas.iloc[edges[:-1]].copy()
    kept["weight"] = np.add.reduceat(personas["weight"].to_numpy(), edges[:-1])
    return kept
