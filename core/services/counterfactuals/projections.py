"""Beyond the last observed period: the calibrated twin of a run, fitted once more on everything observed, under policies to come.

The parameters are those that the run's search found; the lines are fitted anew on all observations, and the forecast starts
from the last of them. Nothing is there to test it on: beside it stands what the run's own forecast missed on its hold-out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pandas as pd

from core.calibration.pace import pace_of
from core.calibration.problem import Problem, build_problem
from core.calibration.twin import TwinForecast, twin_forecast
from core.cognition.engine import ResponseEngine, with_own
from core.counterfactual.assemble import fitted_from
from core.counterfactual.contrast import Contrast, as_asked, contrasts
from core.counterfactual.fitted import FittedTwin
from core.counterfactual.trajectories import simulate_timeline
from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.forecasting.baselines import BASELINES
from core.forecasting.intervals import Widths
from core.forecasting.places import last_observed
from core.options import option
from core.policy.held import held_until
from core.policy.scenario import load_scenario
from core.policy.timeline import PolicyTimeline
from core.records import RUNGS, frame_hash
from core.services.counterfactuals.projection_results import (
    HELD,
    Course,
    ProjectedPolicy,
    ProjectionResult,
    TrackRecord,
)
from core.services.counterfactuals.run import about_twin, keep
from core.services.language.engines import engine_of_run
from core.services.populations.synthesis import load_population
from core.services.runs.finished import finished_run
from core.services.runs.forecasters import baseline_inputs
from core.services.runs.intervals import RunIntervals, intervals_around, known_widths
from core.services.runs.results import RunResult, WidthSource
from core.services.studies.inputs import StudyInputs, open_study
from core.services.studies.requests import RunRequest
from core.services.studies.stored_inputs import save_text
from core.simulation.simulate import simulate
from core.store.database import Store
from core.study import Step, Study

LEVEL = 80
#: Periods ahead where nobody says how many, and the most: twice as far as widths of intervals have classes.
USUAL_AHEAD = {Step.DAY: 91, Step.WEEK: 13, Step.MONTH: 12, Step.YEAR: 3}
#: Periods of the past that are drawn before a projection, as a multiple of those ahead.
PAST_SHOWN = 2


@dataclass(frozen=True)
class ProjectRequest:
    """A run's twin from the last observed period to `until`, under the policy in force then and under that of each scenario file,
    whose edits come after that period."""

    run: RunRequest
    until: date | None = option("last period ahead (default: about a quarter, a year of months, three years)", None)
    scenario: tuple[Path, ...] = option("TOML or JSON; repeat", (), repeat=True)


@dataclass(frozen=True)
class Ahead:
    """A run's twin at the last observed period: `inputs` and `problem` reach to the end of what is projected, `twin` is fitted on
    all observations, `forecast` is its forecast under the policy held."""

    run_id: str
    inputs: StudyInputs
    problem: Problem
    twin: FittedTwin
    engine: ResponseEngine
    forecast: TwinForecast
    parameters: Mapping[str, float]
    widths: Widths
    source: WidthSource

    @property
    def held(self) -> PolicyTimeline:
        return self.inputs.timeline

    @property
    def dates(self) -> pd.DatetimeIndex:
        return self.problem.final.horizon


def furthest(study: Study, origin: date) -> date:
    """The last period that may be projected."""
    return study.step.after(origin, 2 * pace_of(study).classes[-1])


def usual_end(study: Study, origin: date) -> date:
    """The last period that is projected where nobody says which."""
    return study.step.after(origin, USUAL_AHEAD[study.step])


def extended(inputs: StudyInputs, until: date | None = None) -> StudyInputs:
    """The study reaching to `until`, with its policy held from where it is known. InputError for a period that is observed, or
    further ahead than makes sense."""
    study, origin = inputs.study, last_observed(inputs)
    until = usual_end(study, origin) if until is None else study.step.first_day(until)
    first, last = study.step.after(origin, 1), furthest(study, origin)
    if not first <= until <= last:
        raise InputError(
            f"to {study.step.text(until)}", where="projection", allowed=f"{study.step.text(first)} to {study.step.text(last)}",
            nearest=study.step.text(min(max(until, first), last)),
        )  # fmt: skip
    return replace(inputs, study=replace(study, end=until), timeline=held_until(inputs.timeline, study, until))


def look_ahead(
    store: Store,
    run_id: str,
    inputs: StudyInputs,
    until: date | None = None,
    executor: Executor = IN_THIS_PROCESS,
    watch: ProgressReporter | None = None,
) -> Ahead:
    """The twin of a run, fitted on all of `inputs`, which may reach further than those that the run was made from.

    InputError for a run that is not complete, and for a period that cannot be projected. A language model's answers come from the
    store, and what is not there is refused (`NotAsked`).
    """
    run = store.run(run_id)
    if not run.complete or run.record.kind != RunResult.kind:
        raise InputError(
            f"is a {run.record.kind} that is {run.status}", where=f"run {run_id}", allowed="a complete run"
        )
    longer, origin = extended(inputs, until), last_observed(inputs)
    engine = engine_of_run(store, run_id, inputs=longer, watch=watch)
    problem = build_problem(
        longer.study, longer.timeline, longer.observations, longer.cases, origin, longer.study.end, inner=False,
        seasons=engine.asks_model,
    )  # fmt: skip
    assert run.record.population_id is not None
    population = load_population(store, run.record.population_id)
    parameters = RunResult.of(run).parameters
    assembled = fitted_from(
        problem, longer.timeline, population.personas, tuple(item.name for item in population.spec.attributes), engine,
        parameters, longer.cases, run.record.seed, executor,
    )  # fmt: skip
    widths, source = known_widths(longer, problem, population.personas)
    source = replace(source, by_rules=engine.asks_model)
    return Ahead(run_id, longer, problem, assembled.twin, engine, assembled.forecast, parameters, widths, source)


def projected(ahead: Ahead, store: Store, scenarios: Sequence[PolicyTimeline] = ()) -> ProjectionResult:
    """The policy held, and each scenario. InputError for a scenario that changes what is observed already."""
    study, dates = ahead.inputs.study, ahead.dates
    for scenario in scenarios:
        check_ahead(ahead, scenario)
    found = contrasts(ahead.twin, scenarios, dates) if scenarios else []
    base = found[0].reference if found else simulate_timeline(ahead.twin, ahead.held, dates)
    policies = [
        ProjectedPolicy(
            name=HELD, timeline_id=ahead.held.id, mean_stringency=round(float(base.stringency.mean()), 3),
            outside_support=int(base.outside.sum()), courses=_courses(base.metric, _around(ahead, ahead.forecast, base.metric)),
            difference={}, lower={}, upper={},
        )
    ]  # fmt: skip
    policies += [_scenario(ahead, item, timeline) for item, timeline in zip(found, scenarios, strict=True)]
    run = store.run(ahead.run_id)
    tested = RunResult.of(run)
    best = next(iter(tested.baselines()), "")
    seen = ahead.problem.observed[list(study.behaviour_ids)]
    last, past = seen.iloc[-pace_of(study).level :].mean(), seen.iloc[-PAST_SHOWN * len(dates) :]
    result = ProjectionResult(
        **vars(about_twin(ahead.twin, ahead.run_id, run.record.engine, RUNGS[0])),
        periods=tuple(day.date() for day in dates),
        policies=tuple(policies),
        simple=_simple(ahead, best) if best else {},
        recent={name: _number(last[name]) for name in study.behaviour_ids},
        past=tuple(pd.Timestamp(day).date() for day in past.index),
        observed={name: tuple(_number(value) for value in past[name]) for name in study.behaviour_ids},
        record=_track_record(tested, best),
        widths=ahead.source,
    )
    return replace(result, result_hash=frame_hash(result.frame()))


def check_ahead(ahead: Ahead, scenario: PolicyTimeline) -> None:
    """InputError where a scenario is not of the periods to come alone."""
    first = ahead.dates[0].date()
    early = [item.start for item in scenario.level_changes(ahead.held) if item.start < first]
    if early:
        step = ahead.inputs.study.step
        raise InputError(
            f"changes the policy in {step.text(min(early))}, which is observed", where=f"scenario '{scenario.name}'",
            allowed=f"changes from {step.text(first)} on", nearest=step.text(first),
        )  # fmt: skip


def kept_projection(
    store: Store, result: ProjectionResult, scenarios: Sequence[PolicyTimeline], began: float, *, again: bool = False
) -> ProjectionResult:
    """Keep a projection as a run of its own; where the store has the same one, that is returned, unless `again`."""
    parent = store.run(result.of_run).record
    for timeline in scenarios:
        save_text(store, timeline.id, "scenario", timeline.to_dict())
    parameters = {
        "of_run": result.of_run, "until": str(result.until), "origin": str(result.origin),
        "scenarios": [item.id for item in scenarios],
    }  # fmt: skip
    record = parent.about(
        "projection", parameters, personas=result.personas, population_id=parent.population_id,
        population_hash=parent.population_hash,
    )  # fmt: skip
    finished = replace(record, result_hash=result.result_hash)
    frame = result.frame().rename(columns={"policy": "forecaster"}).assign(phase="projection")
    return keep(store, record, finished, {"forecasts": frame}, result, began, None, again)


def project(
    request: ProjectRequest,
    store: Store,
    *,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    again: bool = False,
) -> ProjectionResult:
    """The projection that was asked for, of the run that it is about: one that is in the store, else a new one."""
    began = time.perf_counter()
    inputs = open_study(request.run.study, request.run.data)
    held = extended(inputs, request.until).timeline
    scenarios = [load_scenario(path, held) for path in request.scenario]
    run_id, _ = finished_run(request.run, store, watch=watch, executor=executor)
    ahead = look_ahead(store, run_id, inputs, request.until, executor, watch)
    return kept_projection(store, projected(ahead, store, scenarios), scenarios, began, again=again)


def kept_projections(store: Store, study_id: str) -> list[ProjectionResult]:
    """The complete projections of a study, newest first."""
    found = store.runs(kind=ProjectionResult.kind, study_id=study_id, status="complete")
    rows = zip(found["run_id"], found["summary"], strict=True)
    return [ProjectionResult.from_dict({**summary, "run_id": str(run_id)}) for run_id, summary in rows]


def _scenario(ahead: Ahead, item: Contrast, timeline: PolicyTimeline) -> ProjectedPolicy:
    study, policy = ahead.inputs.study, as_asked(ahead.twin, timeline)
    problem = build_problem(
        study, policy, ahead.inputs.observations, ahead.inputs.cases, ahead.twin.origin, study.end, inner=False,
        seasons=ahead.problem.seasons,
    )  # fmt: skip
    means = simulate(with_own(ahead.engine, ahead.parameters), ahead.twin.personas, problem.contexts).everyone
    forecast = twin_forecast(problem, problem.final, means, ahead.parameters)
    return ProjectedPolicy(
        name=item.name, timeline_id=timeline.id, changes=tuple(item.changes),
        mean_stringency=round(float(item.path.stringency.mean()), 3), outside_support=item.outside_days,
        courses=_courses(item.path.metric, _around(ahead, forecast, item.path.metric)),
        **{name: _rounded(getattr(item, name)) for name in ("difference", "lower", "upper")},
    )  # fmt: skip


def _around(ahead: Ahead, forecast: TwinForecast, metric: pd.DataFrame) -> RunIntervals:
    """Forecast intervals around a course: as wide as those of the forecast under its policy."""
    return intervals_around(ahead.problem, replace(forecast, forecast=metric), ahead.widths, ahead.source)


def _courses(metric: pd.DataFrame, intervals: RunIntervals) -> dict[str, Course]:
    lower, upper = intervals.ends[LEVEL]
    return {
        str(name): Course(
            value=tuple(round(float(value), 4) for value in metric[name]),
            lower=tuple(_number(value) for value in lower[name]),
            upper=tuple(_number(value) for value in upper[name]),
        )
        for name in metric
    }


def _simple(ahead: Ahead, best: str) -> dict[str, tuple[float | None, ...]]:
    """The simple forecast that did best on the run's hold-out, from the same origin, told of the policy held."""
    found = BASELINES[best](baseline_inputs(ahead.inputs, ahead.problem))
    return {str(name): tuple(_number(value) for value in found[name]) for name in found}


def _track_record(tested: RunResult, best: str) -> TrackRecord:
    held = None if tested.intervals is None else tested.intervals.levels.get(str(LEVEL))
    return TrackRecord(
        train_end=tested.train_end, test_end=tested.test_end, twin=tested.macro_rmse["twin"], best=best,
        best_error=tested.macro_rmse.get(best), held=None if held is None else held.coverage,
    )  # fmt: skip


def _number(value: float) -> float | None:
    return None if pd.isna(value) else round(float(value), 4)


def _rounded(values: pd.Series) -> dict[str, float]:
    return {str(name): round(float(value), 4) for name, value in values.items()}
