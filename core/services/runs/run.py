"""The whole job on one split: search, simulate, calibrate, forecast, score, store. The order is the list of steps below.

1. ingest: read the study and its observations, make or load the population; a language model is asked everything here;
2. calibrate: search engine and forecast parameters on rolling origins inside training;
3. simulate: the population on all contexts with the parameters found, block by block into the store;
4. fit the lines on all training days and forecast the hold-out;
5. validate: ablations, baselines and scores on the hold-out;
6. store everything in one transaction, the run marked complete last.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pandas as pd

from core.calibration.search import search_bounds
from core.calibration.twin import chosen_calibrators, twin_forecast
from core.calibration.untold import untold_kinds
from core.cognition.engine import with_own
from core.counterfactual.coherence import answered_coherence, judged_coherence
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.forecasting.baselines import BASELINES
from core.forecasting.metrics import MACRO, score_frame
from core.records import RUNGS, RunRecord
from core.services.language.usage import RunUsage
from core.services.runs.asking import ask_everything, left_out
from core.services.runs.endings import ending_kept
from core.services.runs.forecasters import ablation_forecasts, rival_forecasts
from core.services.runs.intervals import run_intervals
from core.services.runs.preparing import PAPER_TRIALS, Prepared, complete_run, prepare, record_of
from core.services.runs.results import RunResult
from core.services.runs.stages import forget_work, search_stored, simulate_stored
from core.services.runs.tables import (
    by_behaviour,
    calibration_rows,
    context_rows,
    forecast_rows,
    results_hash,
)
from core.services.studies.changes import LeftAttempt, begun_of_others, check_unedited
from core.services.studies.inputs import StudyInputs
from core.services.studies.requests import RunRequest
from core.simulation.measurement import is_possible
from core.simulation.simulate import aggregate_frame
from core.store.database import Store
from core.validity.paired import macro_differences

T = TypeVar("T")


def run_study(
    request: RunRequest,
    store: Store,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    inputs: StudyInputs | None = None,
) -> RunResult:
    """The whole job. With the same inputs, the results have the same hash, however many workers there are.

    A run with equal inputs that ended early is taken up where it stopped; where the code, a table or another input has
    changed since, a new one begins, and says so (`began_anew`). Raises InputError where a table is edited while the run
    goes on, which then keeps no result, and Cancelled when the watch says stop:
    what was finished stays in the store. `inputs` is the study where it was read already.
    """
    watch = watch or ProgressReporter()
    watch.report("ingest", 0, 1, "reading the study")
    prepared = prepare(request, store, inputs)
    anew = None
    # What the run is made from is kept together with the run: without it, another's deletion could take it away.
    with store.transaction():
        record = record_of(prepared, store)
        resumable = store.find_resumable(record.inputs_hash())
        if resumable is None:
            anew = begun_of_others(record, store)
            store.begin_run(record)
        else:
            record = store.resume_run(resumable.run_id).record
    if resumable is None:
        watch.report("ingest", 1, 1, "the study is read" if anew is None else f"{anew.run_id} is not taken up")
    with ending_kept(store, record.run_id):
        return _work(prepared, record, store, watch, executor, anew)


def run_once(
    request: RunRequest,
    store: Store,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    *,
    again: bool = False,
) -> RunResult:
    """The complete run with these inputs, where the store has one, else a new one; `again` always makes one."""
    watch = watch or ProgressReporter()
    found = None if again else complete_run(request, store)
    if found is None:
        return run_study(request, store, watch, executor)
    watch.found(found)
    return RunResult.of(store.run(found))


def ensure_run(
    request: RunRequest,
    store: Store,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
) -> str:
    """The id of a complete run with these inputs: one that is there, else a new one."""
    return complete_run(request, store) or run_study(request, store, watch, executor).run_id


def _work(
    prepared: Prepared,
    record: RunRecord,
    store: Store,
    watch: ProgressReporter,
    executor: Executor,
    anew: LeftAttempt | None,
) -> RunResult:
    seconds = {"ingest": prepared.seconds}
    asked: RunUsage | None = None
    if prepared.engine.asks_model:
        prepared, asked = ask_everything(prepared, record.run_id, store, watch)
        seconds["ask"] = asked.seconds
        # Answers may have come since an earlier attempt, so nothing that rests on them is taken over from it.
        forget_work(store, record.run_id)
    found, seconds["calibrate"] = _timed(lambda: search_stored(prepared, record, store, watch, executor))
    fitted = with_own(prepared.engine, found.parameters)
    prepared = replace(prepared, problem=prepared.problem.final_only())
    problem, study = prepared.problem, prepared.inputs.study
    aggregates, seconds["simulate"] = _timed(lambda: simulate_stored(prepared, fitted, record, store, watch, executor))
    means = aggregates.everyone
    twin, fitting = _timed(lambda: twin_forecast(problem, problem.final, means, found.parameters))
    seconds["calibrate"] += fitting
    watch.report("validate", 0, 2, "ablations")
    started = time.perf_counter()
    assert prepared.request.test_end is not None
    ablations = ablation_forecasts(
        prepared.inputs, problem, prepared.population, prepared.engine, fitted, means, found.parameters,
        prepared.request.test_end, prepared.request.seed, PAPER_TRIALS, left_out(prepared.engine), executor,
    )  # fmt: skip
    watch.report("validate", 1, 2, "baselines")
    forecasts = {"twin": twin.forecast, **ablations.forecasts, **rival_forecasts(prepared.inputs, problem, executor)}
    truth = prepared.inputs.observations.reindex(problem.final.horizon)
    scores = pd.concat([score_frame(name, forecast, truth) for name, forecast in forecasts.items()], ignore_index=True)
    intervals = run_intervals(prepared.inputs, problem, prepared.population.personas, twin, watch, by_rules=bool(asked))
    seconds["validate"] = time.perf_counter() - started
    check_unedited(prepared.inputs)
    watch.report("store", 0, 1, "writing the results")
    started = time.perf_counter()
    tables = {
        "contexts": context_rows(problem),
        "aggregates": aggregate_frame(aggregates, study.behaviour_ids),
        "calibrations": calibration_rows(problem, twin, ablations.paper, found.parameters, truth_of=prepared.inputs.observations),
        "trials": pd.concat([found.log.frame(), ablations.paper.log_.frame()], ignore_index=True),
        "forecasts": pd.concat([forecast_rows(twin.structural.loc[problem.final.train], "twin", "train")]
                               + [forecast_rows(frame, name, "test") for name, frame in forecasts.items()], ignore_index=True),
        "scores": scores,
        "intervals": intervals.rows(),
    }  # fmt: skip
    macro = scores[(scores["behaviour"] == MACRO) & (scores["metric"] == "rmse")].set_index("forecaster")["value"]
    others = {name: frame for name, frame in forecasts.items() if name != "twin"}
    coherence = (
        answered_coherence(problem.contexts, means, study)
        if asked
        else judged_coherence(fitted, prepared.population.personas, study)
    )
    untold = untold_kinds(problem, means)
    told = not untold and is_possible(twin.forecast, study.metric)
    result = RunResult(
        run_id=record.run_id,
        study=study.id,
        fictional=study.fictional,
        engine=prepared.engine.name,
        personas=prepared.population.size,
        days=len(problem.final.train) + len(problem.final.horizon),
        contexts=len(problem.contexts),
        behaviours=len(study.behaviours),
        train_end=problem.final.origin,
        test_end=prepared.request.test_end,
        macro_rmse={str(name): round(float(value), 4) for name, value in macro.items()},
        rmse=by_behaviour(scores, "rmse"),
        mae=by_behaviour(scores, "mae"),
        not_observed=tuple(truth.columns[truth.isna().all()]),
        calibration_gap=ablations.paper.gap_,
        differences=macro_differences(twin.forecast, others, truth, seed=prepared.request.seed),
        intervals=intervals.held(truth),
        parameters=found.parameters,
        bounds=search_bounds(prepared.engine, study, problem.final.origin),
        calibrators=chosen_calibrators(found.parameters, study.behaviour_ids),
        inner_score=found.score,
        largest_marginal_error=prepared.population.largest_error,
        contradicting_tables=tuple(prepared.population.conflicts),
        data_notes=tuple(prepared.inputs.notes),
        result_hash=results_hash(tables),
        rung=_rung(told and coherence.coherent, macro),
        coherence=coherence,
        began_anew=anew,
        left_out=left_out(prepared.engine),
        asking=None if asked is None else replace(asked, untold=untold),
        seconds=seconds,
        peak_memory_mb=round(peak_memory_mb(), 1),
    )
    seconds["store"] = time.perf_counter() - started
    seconds["total"] = sum(seconds.values())
    result = replace(result, seconds={name: round(value, 3) for name, value in seconds.items()})
    stored = replace(record, result_hash=result.result_hash, rung=result.rung, model_id=prepared.engine.model_id)
    store.finish_run(record.run_id, tables, result.as_dict(), seconds=seconds["total"], record=stored)
    watch.finish("store", "done")
    return result


def _rung(coherent: bool, macro: pd.Series) -> str:
    """The highest claim this run can stand on, where agents that are `coherent` have told enough for a forecast that can be:
    that a pattern was reproduced needs both coherent agents and an error on
    the hold-out below that of every baseline. That the mechanism is valid is never claimed by a run.

    A language model is judged by what it was asked anyway, on the policies that were in force: see `answered_coherence`.
    """
    if not coherent:
        return RUNGS[0]
    reproduced = bool((macro["twin"] < macro[macro.index.isin(list(BASELINES))]).all())
    return RUNGS[2] if reproduced else RUNGS[1]


def peak_memory_mb() -> float:
    """The most memory this process has held, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024.0 * 1024.0) if sys.platform == "darwin" else peak / 1024.0


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started
