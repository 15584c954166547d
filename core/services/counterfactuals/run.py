"""What if: sweeps and contrasts on a finished run, with its calibration as it was fitted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from core.cognition.llm.memoising import model_engine
from core.counterfactual.contrast import Contrast, contrasts
from core.counterfactual.fitted import FittedTwin
from core.counterfactual.sweep import Sweep, stringency_sweep
from core.counterfactual.trajectories import ResponsePath, simulate_timeline
from core.counterfactual.uncertainty import Progress
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.people.personas import Population
from core.policy.scenario import load_scenario
from core.policy.timeline import PolicyTimeline
from core.records import RUNGS, RunRecord, frame_hash
from core.services.counterfactuals.projection_results import ProjectionResult
from core.services.counterfactuals.requests import CompareRequest, SweepRequest
from core.services.counterfactuals.results import (
    About,
    ComparisonResult,
    SweepResult,
    comparison_result,
    path_frame,
    sweep_frame,
    sweep_result,
)
from core.services.language.engines import usage_of
from core.services.policies.timelines import distinct_scenarios, save_timeline
from core.services.populations.synthesis import save_population
from core.services.runs.finished import finished_run
from core.services.runs.fitted import fitted_twin, horizon_dates
from core.services.studies.inputs import open_study
from core.services.studies.requests import ModelOptions
from core.services.studies.stored_inputs import save_text
from core.store.database import Store

Kept = TypeVar("Kept", SweepResult, ComparisonResult, ProjectionResult)


@dataclass(frozen=True)
class ReferencePoint:
    """What there is to hold a sweep against: the mean index that was in force, the twin's mean forecast under it with its
    80% interval, and the mean of what was observed on `observed_days` of the days (NaN where none was). `path` is the whole
    forecast."""

    path: ResponsePath
    stringency: float
    forecast: pd.Series
    lower: pd.Series
    upper: pd.Series
    observed: pd.Series
    observed_days: pd.Series


def reference_point(twin: FittedTwin, observations: pd.DataFrame, dates: pd.DatetimeIndex) -> ReferencePoint:
    """The forecast and the observations of `dates` under the policy that was in force."""
    path = simulate_timeline(twin, twin.timeline, dates)
    lower, upper = path.mean_interval()
    seen = observations.reindex(dates)[list(path.metric.columns)]
    return ReferencePoint(path, float(path.stringency.mean()), path.mean, lower, upper, seen.mean(), seen.notna().sum())


def run_sweep(
    store: Store,
    run_id: str,
    levels: Sequence[Any] | None = None,
    *,
    data: str | Path | None = None,
    start: date | None = None,
    end: date | None = None,
    twin: FittedTwin | None = None,
    population: Population | None = None,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    asks: bool = False,
    asking: ModelOptions | None = None,
    again: bool = False,
    lever: str | None = None,
) -> tuple[SweepResult, Sweep]:
    """Sweep a finished run's twin, the index or one `lever` (None: in even steps), and keep the result as a run of its own.

    A language model is asked what its run did not ask only with `asks`, see `fitted_twin`; `twin` goes before both.

    Where the store has the same sweep of the same run already, that is returned and nothing is stored, unless `again`.
    With `population` (an edited one) the calibration stays that of the run. Raises InputError for levels, days or a run
    that are not possible; then nothing is kept.
    """
    began = time.perf_counter()
    twin = twin or fitted_twin(store, run_id, data, asks=asks, asking=asking, watch=watch, executor=executor)
    twin = _over(twin, population)
    dates = horizon_dates(twin, start, end)
    sweep = stringency_sweep(twin, levels, dates, _told(watch), executor, lever)
    parameters = {
        "of_run": run_id,
        "levels": [item.policy.target for item in sweep.levels],
        "start": str(dates[0].date()),
        "end": str(dates[-1].date()),
        **({} if lever is None else {"lever": lever}),
    }
    record = _record(store, run_id, twin, "sweep", parameters, population)
    frame = sweep_frame(sweep)
    rung = RUNGS[1] if sweep.coherent else RUNGS[0]
    finished = replace(record, rung=rung, result_hash=frame_hash(frame))
    result = replace(sweep_result(sweep, about_twin(twin, run_id, record.engine, rung)), lever=lever or "")
    return keep(store, record, finished, {"sweeps": frame}, result, began, watch, again), sweep


def run_compare(
    store: Store,
    run_id: str,
    scenarios: Sequence[PolicyTimeline],
    *,
    data: str | Path | None = None,
    start: date | None = None,
    end: date | None = None,
    twin: FittedTwin | None = None,
    population: Population | None = None,
    reference: PolicyTimeline | None = None,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    asks: bool = False,
    asking: ModelOptions | None = None,
    again: bool = False,
) -> tuple[ComparisonResult, list[Contrast]]:
    """Contrast scenarios with a reference (default: the observed timeline) on a finished run's twin, and keep the result
    as a run of its own. The same scenario twice is one. Raises InputError for none, and as `run_sweep`."""
    began = time.perf_counter()
    twin = twin or fitted_twin(store, run_id, data, asks=asks, asking=asking, watch=watch, executor=executor)
    twin = _over(twin, population)
    dates = horizon_dates(twin, start, end)
    chosen = distinct_scenarios(scenarios)
    found = contrasts(twin, chosen, dates, reference, _told(watch), executor)
    parent = store.run(run_id).record
    for timeline in (*chosen, *([reference] if reference is not None else [])):
        save_timeline(store, twin.problem.study, timeline)
        # A scenario may be deleted; what a run was made from stays.
        save_text(store, timeline.id, "scenario", timeline.to_dict())
    ids = [item.id for item in chosen]
    parameters = {
        "of_run": run_id,
        "scenarios": ids,
        "reference": parent.timeline_id if reference is None else reference.id,
        "start": str(dates[0].date()),
        "end": str(dates[-1].date()),
    }
    record = _record(store, run_id, twin, "compare", parameters, population, timeline_id=chosen[0].id)
    frame = path_frame(found, ids)
    result = comparison_result(found, ids, about_twin(twin, run_id, record.engine, RUNGS[0]))
    finished = replace(record, result_hash=frame_hash(frame))
    return keep(store, record, finished, {"forecasts": frame}, result, began, watch, again), found


def sweep(
    request: SweepRequest,
    store: Store,
    *,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    again: bool = False,
) -> SweepResult:
    """The sweep that was asked for, of the run that it is about: one that is in the store, else a new one."""
    run_id, asking = finished_run(request.run, store, ask=request.ask, watch=watch, executor=executor)
    result, _ = run_sweep(
        store, run_id, request.levels, data=request.run.data, start=request.start, end=request.end, asks=request.ask,
        asking=asking, watch=watch, executor=executor, again=again, lever=request.lever,
    )  # fmt: skip
    return result


def compare(
    request: CompareRequest,
    store: Store,
    *,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    again: bool = False,
) -> ComparisonResult:
    """The comparison that was asked for, as `sweep`. InputError for a file that is no scenario of the study."""
    observed = open_study(request.run.study, request.run.data).timeline
    scenarios = [load_scenario(path, observed) for path in request.scenario]
    reference = None if request.reference is None else load_scenario(request.reference, observed)
    run_id, asking = finished_run(request.run, store, ask=request.ask, watch=watch, executor=executor)
    result, _ = run_compare(
        store, run_id, scenarios, data=request.run.data, start=request.start, end=request.end, reference=reference,
        asks=request.ask, asking=asking, watch=watch, executor=executor, again=again,
    )  # fmt: skip
    return result


def about_twin(twin: FittedTwin, run_id: str, engine: str, rung: str) -> About:
    """Whose answer a counterfactual of this twin of a run is."""
    study = twin.problem.study
    asked = usage_of(model_engine(twin.engine)) if twin.engine.asks_model else None
    return About(
        study=study.id, fictional=study.fictional, engine=engine, personas=len(twin.personas), of_run=run_id,
        origin=twin.origin, rung=rung, asking=asked,
    )  # fmt: skip


def kept_counterfactuals(store: Store, study_id: str, kind: str) -> pd.DataFrame:
    """Complete sweeps (`kind` "sweep") or comparisons ("compare") of a study, newest first.

    Columns run_id, created_at, of_run, personas, start, end, and parameters and summary as they were stored.
    """
    found = store.runs(kind=kind, study_id=study_id, status="complete")
    records = list(found["record"])
    parameters = [item["parameters"] for item in records]
    return pd.DataFrame(
        {
            "run_id": list(found["run_id"]),
            "created_at": list(found["created_at"]),
            "of_run": [item.get("of_run") for item in parameters],
            "population_id": [item["population_id"] for item in records],
            "personas": [item["personas"] for item in records],
            "start": [item.get("start") for item in parameters],
            "end": [item.get("end") for item in parameters],
            "parameters": parameters,
            "summary": list(found["summary"]),
        }
    )


def _over(twin: FittedTwin, population: Population | None) -> FittedTwin:
    return twin if population is None else twin.with_personas(population.personas)


def _told(watch: ProgressReporter | None) -> Progress | None:
    if watch is None:
        return None
    return lambda done, total: watch.report("simulate", done, total, "blocks of personas")


def _record(
    store: Store,
    run_id: str,
    twin: FittedTwin,
    kind: str,
    parameters: Mapping[str, Any],
    population: Population | None,
    *,
    timeline_id: str | None = None,
) -> RunRecord:
    """The record of a counterfactual on a run: the run's own inputs, other parameters, perhaps another population."""
    parent = store.run(run_id).record
    identifier, people_hash = parent.population_id, parent.population_hash
    if population is not None:
        identifier = save_population(
            store, twin.problem.study, population, "edited personas", parent_id=parent.population_id
        )
        people_hash = population.content_hash
    other = {} if timeline_id is None else {"timeline_id": timeline_id, "timeline_hash": timeline_id}
    return parent.about(
        kind, parameters, personas=len(twin.personas), population_id=identifier, population_hash=people_hash, **other
    )


def keep(
    store: Store,
    record: RunRecord,
    finished: RunRecord,
    tables: Mapping[str, pd.DataFrame],
    result: Kept,
    began: float,
    watch: ProgressReporter | None,
    again: bool,
) -> Kept:
    """Store a finished counterfactual and return it with its id and the time it took; or the same one in the store."""
    same = None if again else store.find_complete(record.inputs_hash())
    if same is not None and same.record.result_hash == finished.result_hash:
        if watch is not None:
            watch.found(same.run_id)
        return type(result).from_dict({**same.summary, "run_id": same.run_id})
    seconds = time.perf_counter() - began
    result = replace(result, run_id=record.run_id, seconds=round(seconds, 3))
    with store.transaction():
        store.begin_run(record)
        store.finish_run(record.run_id, tables, result.as_dict(), seconds=seconds, record=finished)
    return result
