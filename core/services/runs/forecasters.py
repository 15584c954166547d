"""The twin, its ablations and its rivals on one split, each told the same and no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from core.calibration.calibrators import CALIBRATORS, calibrators_beside
from core.calibration.calibrators.paper import PaperCalibrator
from core.calibration.linear import LinearCalibrator
from core.calibration.pace import pace_of
from core.calibration.problem import Problem, build_problem
from core.calibration.twin import fit_lines, twin_forecast, upper_bounds, window_activity
from core.cognition.engine import ResponseEngine
from core.content_cache import Remembered
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.forecasting.baselines import (
    BASELINES,
    BaselineInputs,
    baseline_forecasts,
    baseline_label,
    forget_baselines,
    run_baselines,
)
from core.people.personas import Population
from core.records import content_hash
from core.services.populations.synthesis import identical_personas, make_population
from core.services.studies.inputs import StudyInputs
from core.simulation.measurement import error_scale
from core.simulation.simulate import simulate
from core.study import Step

#: The twin and its ablations; a calibrator that makes a forecast of its own is one too.
_TWINS: dict[str, str] = {
    "twin": "The calibrated twin",
    "twin_announced_calendar": "The twin, knowing the working week only as announced by the origin",
    "twin_unanchored": "The twin without anchoring at the last observed weeks",
    **{name: CALIBRATORS[name].label for name in calibrators_beside()},
    "single_persona": "The twin with one persona",
    "identical_personas": "The twin with identical personas",
}
TWINS = tuple(_TWINS)
#: What each row of the leaderboard is, in words for the screen.
FORECASTERS: dict[str, str] = {**_TWINS, **{name: BASELINES[name].label for name in run_baselines()}}
TWIN, ABLATION, BASELINE = "twin", "ablation", "baseline"


def label(forecaster: str, step: Step = Step.DAY) -> str:
    """A forecaster in words; a name nobody knows stays as it is."""
    if forecaster == "twin_unanchored" and step is not Step.DAY:
        return f"The twin without anchoring at the last observed {step}s"
    return _TWINS.get(forecaster) or baseline_label(forecaster, step)


def in_sentence(forecaster: str, step: Step = Step.DAY) -> str:
    """A forecaster in words, inside a sentence."""
    text = label(forecaster, step)
    return text[:1].lower() + text[1:]


def family(forecaster: str) -> str:
    """Whether a forecaster is the twin, one of its ablations, or a baseline."""
    if forecaster == "twin":
        return TWIN
    return ABLATION if forecaster in TWINS else BASELINE


@dataclass(frozen=True)
class Ablations:
    """Forecasts of the horizon by name, the paper's calibrator, and how far its search ended above least squares."""

    forecasts: dict[str, pd.DataFrame]
    paper: PaperCalibrator


def ablation_forecasts(
    inputs: StudyInputs,
    problem: Problem,
    population: Population,
    start: ResponseEngine,
    fitted: ResponseEngine,
    means: np.ndarray,
    parameters: Mapping[str, float],
    test_end: date,
    seed: int,
    paper_trials: int,
    left_out: Collection[str] = (),
    executor: Executor = IN_THIS_PROCESS,
) -> Ablations:
    """The twin's ablations on the final window, but for those `left_out`; longer periods have no working week.

    `start` is the engine as the study gives it, `fitted` the one with the parameters found; `means` (contexts,
    behaviours) is what `fitted` simulates. One persona and identical personas keep the twin's parameters and refit
    their own lines; `uncalibrated` and `paper` start from the engine as given, which knows nothing of the data.
    """
    window, study = problem.final, inputs.study
    attributes, traits = tuple(item.name for item in population.spec.attributes), population.spec.trait_names
    raw = simulate(start, population.personas, problem.contexts, executor=executor).everyone
    relative = window_activity(problem, window, raw, holidays_tell=False)
    simulated = pd.DataFrame(raw[window.actual], window.dates, list(study.behaviour_ids))
    observed = problem.observed.reindex(window.train)
    fewest, least = pace_of(study).fewest_observed, error_scale(study).least
    paper = _paper(simulated.loc[window.train], observed, paper_trials, seed, fewest)

    others = {
        "single_persona": lambda: make_population(study, 1, seed, population.spec).personas,
        "identical_personas": lambda: identical_personas(population.personas, attributes, traits),
    }
    forecasts = {
        "twin_unanchored": twin_forecast(problem, window, means, parameters, anchor=False).forecast,
        "paper": paper.predict(simulated.loc[window.horizon]),
    }
    for name in (item for item in calibrators_beside() if item != "paper"):
        kind = CALIBRATORS[name]
        if kind.on_metric:
            fitted_here = _of_pace(kind.make(None), fewest).fit(simulated.loc[window.train], observed)
            forecasts[name] = fitted_here.predict(simulated.loc[window.horizon])
        else:
            fitted_here = fit_lines(
                problem, window, relative, _of_pace(kind.make(upper_bounds(problem)), fewest, least)
            )
            horizon = slice(window.train_days, None)
            activity = pd.DataFrame(relative.actual[horizon], window.horizon, list(study.behaviour_ids))
            predicted = fitted_here.predict(activity)
            forecasts[name] = pd.DataFrame(
                relative.metric(predicted.to_numpy(float), horizon), predicted.index, predicted.columns
            )
    for name, people in others.items():
        if name not in left_out:
            theirs = simulate(fitted, people(), problem.contexts, executor=executor).everyone
            forecasts[name] = twin_forecast(problem, window, theirs, parameters).forecast
    if "twin_announced_calendar" in left_out or study.step is not Step.DAY:
        return Ablations(forecasts, paper)
    announced = build_problem(
        study,
        inputs.timeline,
        inputs.observations,
        inputs.cases,
        window.origin,
        test_end,
        announced_only=True,
        inner=False,
        seasons=problem.seasons,
    )
    known = simulate(fitted, population.personas, announced.contexts, executor=executor).everyone
    forecasts["twin_announced_calendar"] = twin_forecast(announced, announced.final, known, parameters).forecast
    return Ablations(forecasts, paper)


def _of_pace(calibrator: LinearCalibrator, fewest: int, lower: float = 0.0) -> LinearCalibrator:
    """A calibrator that asks for as few periods as the study's step allows, and gives no less than `lower` where errors are in
    logarithms, where those are parameters of its."""
    given = {"fewest": fewest, **({"lower": lower} if lower else {})}
    return calibrator.set_params(**{name: value for name, value in given.items() if name in calibrator.get_params()})


def _paper(simulated: pd.DataFrame, observed: pd.DataFrame, trials: int, seed: int, fewest: int) -> PaperCalibrator:
    """The published calibration, which another search of the same people does not change."""
    key = (content_hash([simulated, observed, trials, seed, fewest]), PaperCalibrator)
    found = _papers.get(key)
    if found is None:
        found = PaperCalibrator(trials=trials, seed=seed, fewest=fewest).fit(simulated, observed)
        _papers.put(key, found)
    return found


_papers: Remembered[PaperCalibrator] = Remembered(16)


def forget_rivals() -> None:
    """The next run fits its rivals anew, as the first of a process does."""
    _papers.clear()
    forget_baselines()


def rival_forecasts(
    inputs: StudyInputs, problem: Problem, executor: Executor = IN_THIS_PROCESS
) -> dict[str, pd.DataFrame]:
    """Every baseline's forecast of the final window."""
    return baseline_forecasts(baseline_inputs(inputs, problem), executor)


def baseline_inputs(inputs: StudyInputs, problem: Problem) -> BaselineInputs:
    """What a baseline may know of the final window."""
    window, errors = problem.final, error_scale(inputs.study)
    return BaselineInputs(
        observed=errors.of(problem.observed.reindex(window.train)),
        horizon=window.horizon,
        stringency=inputs.stringency,
        indicators=inputs.timeline.levels()[list(inputs.study.indicator_codes)],
        cases=None if inputs.cases is None else inputs.cases.loc[: pd.Timestamp(window.origin)],
        step=inputs.study.step,
        errors=errors,
    )
