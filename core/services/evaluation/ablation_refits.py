"""Fitting what is left of a twin: the same steps as a run, with one part taken away.

A refit is honest where everything that remains is fitted anew on the same training days: the parameters are searched
again with as many trials from the same seed, the lines refitted, and the hold-out forecast. With nothing taken away a
refit is the run itself, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from core.calibration.problem import Problem, Window, build_problem
from core.calibration.search import (
    BATCH,
    choose_calibrators,
    least_move,
    score_means,
    search,
    search_bounds,
    search_sample,
)
from core.calibration.transfer_prior import transfer_prior_after
from core.calibration.trials import TrialLog, macro_study
from core.calibration.twin import forecast_defaults, twin_forecast
from core.cognition.engine import EPIDEMIC, RESTRICTED_DAYS, ResponseEngine, with_own
from core.people.personas import synthesise
from core.people.spec import PopulationSpec
from core.policy.calendar import Calendar
from core.services.studies.inputs import StudyInputs
from core.simulation.contexts import no_policy
from core.simulation.simulate import simulate
from core.study import Study


@dataclass(frozen=True)
class Redraw:
    """People to be drawn where they are needed: `personas` of a population, with a seed."""

    spec: PopulationSpec
    personas: int
    seed: int

    def people(self) -> pd.DataFrame:
        return synthesise(self.spec, self.personas, self.seed).personas


@dataclass(frozen=True)
class Refit:
    """A twin to be fitted: `engine` as the study gives it, `trials` 0 for its own parameters as they are.

    Without `anchor` the forecast is the model alone.
    """

    problem: Problem
    engine: ResponseEngine
    people: pd.DataFrame | Redraw
    trials: int
    seed: int
    anchor: bool = True


def refit_forecast(refit: Refit) -> pd.DataFrame:
    """Search, simulate, fit and forecast: the metric on the hold-out, (days × behaviours). A plain function, so that a
    worker process can run it."""
    people = refit.people.people() if isinstance(refit.people, Redraw) else refit.people
    parameters = found_parameters(refit, people)
    problem = refit.problem.final_only()
    means = simulate(with_own(refit.engine, parameters), people, problem.contexts).everyone
    return twin_forecast(problem, problem.final, means, parameters, anchor=refit.anchor).forecast


def found_parameters(refit: Refit, people: pd.DataFrame) -> dict[str, float]:
    """The parameters of engine and forecast that the search inside training ends with."""
    if not refit.trials:
        return {**refit.engine.parameters, **forecast_defaults(*_known(refit))}
    if refit.anchor:
        found = search(refit.problem, refit.engine, people, trials=refit.trials, seed=refit.seed)
        return dict(found.parameters)
    return _search_otherwise(refit, search_sample(people))


def _search_otherwise(refit: Refit, sample: pd.DataFrame) -> dict[str, float]:
    """As `core.calibration.search.search`, with other bounds or scoring other forecasts than the twin's."""
    bounds = search_bounds(refit.engine, *_known(refit))
    start = {**refit.engine.parameters, **forecast_defaults(*_known(refit))}
    study = macro_study(refit.seed)
    study.enqueue_trial({name: start[name] for name in bounds})
    log = TrialLog("twin")

    def scores(point: Mapping[str, float]) -> list[float]:
        means = simulate(with_own(refit.engine, point), sample, refit.problem.contexts).everyone
        return score_means(refit.problem, means, point, anchor=refit.anchor)

    while len(log.rows) < refit.trials:
        batch = [study.ask() for _ in range(min(BATCH, refit.trials - len(log.rows)))]
        points = [{name: trial.suggest_float(name, *bounds[name]) for name in bounds} for trial in batch]
        for trial, point in zip(batch, points, strict=True):
            values = scores(point)
            macro = float(np.nanmean(values))
            study.tell(trial, macro)
            log.add(point, values, macro)
    found = least_move(log.rows, lambda point: float(np.nanmean(scores(point))))
    if not refit.anchor:
        return found
    means = simulate(with_own(refit.engine, found), sample, refit.problem.contexts).everyone
    return choose_calibrators(refit.problem, means, found)


def blind_to_policy(problem: Problem) -> Problem:
    """The problem of people who never hear of any policy."""
    return _knowing(problem, **no_policy(problem.study), **{RESTRICTED_DAYS: 0})


def blind_to_epidemic(problem: Problem) -> Problem:
    """The problem of people who never hear of an epidemic."""
    return _knowing(problem, **{EPIDEMIC: 0})


def without_fatigue(problem: Problem) -> Problem:
    """The problem of people to whom every day under restrictions is the first: no effect of policy wears off."""
    return _knowing(problem, **{RESTRICTED_DAYS: 0})


def _knowing(problem: Problem, **columns: float) -> Problem:
    contexts = problem.contexts
    changed = {name: pd.Series(value, contexts.index, contexts[name].dtype) for name, value in columns.items()}
    return replace(problem, contexts=contexts.assign(**changed))


def without_priors(problem: Problem) -> Problem:
    """The problem of a forecast that was told nothing about other places' recovery and season."""
    study = replace(problem.study, learned=None)

    def told(window: Window) -> Window:
        return replace(window, transfer_prior=transfer_prior_after(study, window.origin))

    inner = tuple(told(window) for window in problem.inner)
    return replace(problem, study=study, final=told(problem.final), inner=inner)


def ordinary_days(calendar: Calendar, baseline: date) -> Calendar:
    """Every day is its weekday's ordinary kind under the working week of the day `baseline`: no holiday, no Ramadan."""
    before = [week for week in calendar.working_weeks if week.start <= baseline]
    week = before[-1] if before else calendar.working_weeks[0]
    return replace(calendar, working_weeks=(week,), holidays=(), ramadan=())


def without_holidays(calendar: Calendar) -> Calendar:
    """The same weeks and Ramadan, and no public holiday."""
    return replace(calendar, holidays=())


def problem_under(
    inputs: StudyInputs, problem: Problem, *, calendar: Calendar | None = None, announced_only: bool = False
) -> Problem:
    """The problem of the same split with another calendar, or with the working week known only once announced."""
    timeline = inputs.timeline if calendar is None else replace(inputs.timeline, calendar=calendar)
    final = problem.final
    return build_problem(
        inputs.study,
        timeline,
        inputs.observations,
        inputs.cases,
        final.origin,
        final.dates[-1].date(),
        announced_only=announced_only,
    )


def _known(refit: Refit) -> tuple[Study, date]:
    """Which place's forecast from which origin, for what may be known at it."""
    return refit.problem.study, refit.problem.final.origin
