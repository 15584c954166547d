"""The whole job on one split: search, simulate, calibrate, forecast, score, store. The order is the list of steps below.

1. ingest: read the study and its observations, make or load the population;
2. calibrate: search engine and forecast parameters on rolling origins inside training;
3. simulate: the population on all contexts with the parameters found, block by block into the store;
4. fit the lines on all training days and forecast the hold-out;
5. validate: ablations, baselines and scores on the hold-out;
6. store everything in one transaction, the run marked complete last.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from core.calibration.problem import Problem, build_problem
from core.calibration.search import SearchResult, search, search_sample
from core.calibration.twin import priors_of, twin_forecast
from core.cognition.engine import ResponseEngine
from core.counterfactual.coherence import behaves_coherently
from core.errors import Cancelled, InputError
from core.forecasting.baselines import BASELINES
from core.forecasting.metrics import MACRO, score_frame
from core.people.personas import Population
from core.records import RUNGS, RunRecord, content_hash
from core.services.forecasters import ablation_forecasts, rival_forecasts
from core.services.populations import load_population, make_population, save_population
from core.services.progress import Watch
from core.services.run_intervals import run_intervals
from core.services.run_tables import (
    by_behaviour,
    calibration_rows,
    context_rows,
    forecast_rows,
    packed,
    results_hash,
    rounded,
    unpacked,
)
from core.services.specification import KEEP_RESPONSES_UP_TO, RunRequest, RunSummary
from core.services.studies import StudyInputs, engine_for, open_study
from core.services.timelines import save_timeline
from core.simulation.simulate import (
    Aggregates,
    aggregate_frame,
    block_count,
    combine,
    simulate_blocks,
    size_of_blocks,
)
from core.store.database import Store
from core.store.responses import responses_table

T = TypeVar("T")

#: Trials of the paper's calibrator per behaviour: its lines have a closed-form start, so few are needed.
PAPER_TRIALS = 60


@dataclass(frozen=True)
class Prepared:
    """A run about to start: everything read, nothing computed."""

    request: RunRequest
    inputs: StudyInputs
    population: Population
    problem: Problem
    engine: ResponseEngine
    attributes: tuple[str, ...]
    seconds: float


def prepare(request: RunRequest, store: Store | None = None) -> Prepared:
    """Step 1. InputError where the study, the split or the population is not possible."""
    started = time.perf_counter()
    inputs = open_study(request.study, request.data)
    study = inputs.study
    train_end, test_end = request.train_end or study.train_end, request.test_end or study.end
    if request.population_id is not None and store is not None:
        population = load_population(store, request.population_id)
    else:
        population = make_population(
            study, study.personas if request.personas is None else request.personas, request.seed
        )
    engine = engine_for(study, request.engine)
    problem = build_problem(study, inputs.timeline, inputs.observations, inputs.cases, train_end, test_end)
    if not inputs.observations.reindex(problem.final.horizon).notna().to_numpy().any():
        raise InputError(
            f"nothing was observed after {train_end} up to {test_end}",
            where=f"study {study.id}",
            allowed="a test period with observations",
        )
    request = replace(request, train_end=train_end, test_end=test_end, personas=population.size)
    attributes = tuple(item.name for item in population.spec.attributes)
    return Prepared(request, inputs, population, problem, engine, attributes, time.perf_counter() - started)


@contextmanager
def worker_pool(workers: int) -> Iterator[Executor | None]:
    """A pool of worker processes, or None for one worker: then the work is done here."""
    if workers < 1:
        raise InputError(f"{workers} workers", allowed="1 and above", nearest="1")
    if workers == 1:
        yield None
        return
    with ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn")) as pool:
        yield pool


def run_study(
    request: RunRequest, store: Store, watch: Watch | None = None, executor: Executor | None = None
) -> RunSummary:
    """The whole job. With the same inputs, the results have the same hash, however many workers there are.

    A run with equal inputs that ended early is taken up where it stopped. Raises Cancelled when the watch says stop:
    what was finished stays in the store. `executor` may be a pool that outlives the run.
    """
    watch = watch or Watch()
    watch.report("ingest", 0, 1, "reading the study")
    prepared = prepare(request, store)
    record = record_of(prepared, store)
    resumable = store.find_resumable(record.inputs_hash())
    if resumable is None:
        store.begin_run(record)
    else:
        record = store.resume_run(resumable.run_id).record
    try:
        if executor is not None:
            return _work(prepared, record, store, watch, executor)
        with worker_pool(request.workers) as pool:
            return _work(prepared, record, store, watch, pool)
    except Cancelled as stopped:
        store.fail_run(record.run_id, "cancelled", str(stopped))
        raise
    except BaseException as wrong:
        if not store.run(record.run_id).complete:
            # A key pressed, or a process told to end, is no failure of the work.
            status = "failed" if isinstance(wrong, Exception) else "interrupted"
            store.fail_run(record.run_id, status, f"{type(wrong).__name__}: {wrong}".rstrip(": "))
        raise


def ensure_run(request: RunRequest, store: Store, watch: Watch | None = None) -> str:
    """The id of a complete run with these inputs: one that is there, else a new one."""
    wanted = record_of(prepare(request, store), store).inputs_hash()
    for row in store.runs(kind="run", status="complete").itertuples():
        if row.inputs_hash == wanted:
            return str(row.run_id)
    return run_study(request, store, watch).run_id


def record_of(prepared: Prepared, store: Store) -> RunRecord:
    """The run record, with population and timeline kept in the store."""
    request, inputs, population = prepared.request, prepared.inputs, prepared.population
    study = inputs.study
    save_study(store, inputs)
    return RunRecord(
        kind="run",
        study_id=study.id,
        study_hash=content_hash(study),
        engine=prepared.engine.name,
        engine_version=prepared.engine.version,
        model_id=prepared.engine.model_id,
        seed=request.seed,
        personas=population.size,
        input_hashes=inputs.hashes,
        population_id=save_population(store, study, population, f"{population.size:,} personas"),
        population_hash=population.content_hash,
        timeline_id=save_timeline(store, inputs.study, inputs.timeline),
        timeline_hash=inputs.timeline.id,
        parameters={
            "trials": request.trials,
            "paper_trials": PAPER_TRIALS,
            "block": size_of_blocks(population.size),
            "study": str(request.study),
            "keep_responses": request.keep_responses,
        },
        train_end=request.train_end,
        test_end=request.test_end,
        calibrator="twin",
        priors=priors_of(prepared.problem),
    )


def save_study(store: Store, inputs: StudyInputs) -> None:
    """Keep the study and its observations as they are now."""
    study = inputs.study
    spec = json.loads(json.dumps({"title": study.title, "place": study.place, "summary": study.summary}))
    row = {"study_id": study.id, "title": study.title, "fictional": study.fictional, "spec": spec}
    tall = inputs.observations.rename_axis(index="date").melt(
        ignore_index=False, var_name="behaviour", value_name="value"
    )
    with store.transaction():
        store.replace("studies", [{**row, "spec_hash": content_hash(study)}], study_id=study.id)
        store.replace("observations", tall.reset_index().assign(study_id=study.id), study_id=study.id)


def _work(prepared: Prepared, record: RunRecord, store: Store, watch: Watch, executor: Executor | None) -> RunSummary:
    seconds = {"ingest": prepared.seconds}
    found, seconds["calibrate"] = _timed(lambda: _search(prepared, record, store, watch, executor))
    own = {name: value for name, value in found.parameters.items() if name in prepared.engine.parameters}
    fitted = prepared.engine.with_parameters(own) if own else prepared.engine
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
        prepared.request.test_end, prepared.request.seed, PAPER_TRIALS,
    )  # fmt: skip
    watch.report("validate", 1, 2, "baselines")
    forecasts = {"twin": twin.forecast, **ablations.forecasts, **rival_forecasts(prepared.inputs, problem, executor)}
    truth = prepared.inputs.observations.reindex(problem.final.horizon)
    scores = pd.concat([score_frame(name, forecast, truth) for name, forecast in forecasts.items()], ignore_index=True)
    intervals = run_intervals(prepared.inputs, problem, prepared.population.personas, twin, watch)
    seconds["validate"] = time.perf_counter() - started
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
    result_hash = results_hash(tables)
    macro = scores[(scores["behaviour"] == MACRO) & (scores["metric"] == "rmse")].set_index("forecaster")["value"]
    rung = _rung(fitted, prepared, macro)
    values: dict[str, Any] = {
        "study": study.id,
        "fictional": study.fictional,
        "engine": prepared.engine.name,
        "personas": prepared.population.size,
        "days": len(problem.final.train) + len(problem.final.horizon),
        "contexts": len(problem.contexts),
        "behaviours": len(study.behaviours),
        "train_end": str(problem.final.origin),
        "test_end": str(prepared.request.test_end),
        "macro_rmse": {name: rounded(value) for name, value in macro.items()},
        "rmse": by_behaviour(scores, "rmse"),
        "mae": by_behaviour(scores, "mae"),
        "calibration_gap": ablations.paper.gap_,
        "intervals": {"source": intervals.source, "levels": intervals.scores(truth)},
        "parameters": found.parameters,
        "inner_score": found.score,
        "largest_marginal_error": prepared.population.largest_error,
        "result_hash": result_hash,
        "rung": rung,
    }
    stored = replace(record, result_hash=result_hash, rung=rung)
    seconds["store"] = time.perf_counter() - started
    seconds["total"] = sum(seconds.values())
    values["seconds"] = {name: round(value, 3) for name, value in seconds.items()}
    values["peak_memory_mb"] = round(peak_memory_mb(), 1)
    values["run_id"] = record.run_id
    store.finish_run(record.run_id, tables, values, seconds=seconds["total"], record=stored)
    watch.finish("store", "done")
    return RunSummary(values, tables)


def _rung(engine: ResponseEngine, prepared: Prepared, macro: pd.Series) -> str:
    """The highest claim this run can stand on: that a pattern was reproduced needs both coherent agents and an error on
    the hold-out below that of every baseline. That the mechanism is valid is never claimed by a run."""
    if not behaves_coherently(engine, search_sample(prepared.population.personas), prepared.inputs.study):
        return RUNGS[0]
    reproduced = bool((macro["twin"] < macro[list(BASELINES)]).all())
    return RUNGS[2] if reproduced else RUNGS[1]


def _search(
    prepared: Prepared, record: RunRecord, store: Store, watch: Watch, executor: Executor | None
) -> SearchResult:
    """Step 2; trials are kept as they come, and a resumed run does not evaluate them again."""
    kept = store.read("trials", unfinished=True, run_id=record.run_id, calibrator="twin")
    remembered = {
        int(number): [float(value) for value in objectives]
        for number, objectives in zip(kept["number"], kept["objectives"], strict=True)
    }
    total = prepared.request.trials

    def on_batch(rows: list[dict[str, Any]]) -> None:
        fresh = [row for row in rows if row["number"] not in remembered]
        if fresh:
            store.append("trials", [{**row, "run_id": record.run_id} for row in fresh])
        watch.report("calibrate", rows[-1]["number"] + 1, total, "trials")

    watch.report("calibrate", 0, total, "trials")
    return search(
        prepared.problem,
        prepared.engine,
        prepared.population.personas,
        trials=total,
        seed=prepared.request.seed,
        executor=executor,
        on_batch=on_batch,
        should_stop=watch.should_stop,
        remembered=remembered,
    )


def simulate_stored(
    prepared: Prepared,
    engine: ResponseEngine,
    record: RunRecord,
    store: Store,
    watch: Watch,
    executor: Executor | None,
) -> Aggregates:
    """Step 3; a block that the store has is not simulated again."""
    people, contexts = prepared.population.personas, prepared.problem.contexts
    total = block_count(len(people))
    done = [unpacked(chunk.chunk, chunk.sums, chunk.axes) for chunk in store.chunks(record.run_id)]
    keep = prepared.request.keep_responses
    keep = len(people) <= KEEP_RESPONSES_UP_TO if keep is None else keep
    blocks = list(done)
    watch.report("simulate", len(blocks), total, "blocks of personas")
    for item in simulate_blocks(
        engine,
        people,
        contexts,
        prepared.attributes,
        done=frozenset(block.block for block in done),
        keep_responses=keep,
        executor=executor,
        workers=prepared.request.workers,
    ):
        sums, axes = packed(item)
        rows = None
        size = min(size_of_blocks(len(people)), len(people) - item.first)
        if item.responses is not None:
            rows = responses_table(
                item.responses.transpose(1, 0, 2), persona_ids=np.arange(item.first, item.first + size)
            )
        store.save_chunk(record.run_id, item.block, sums, personas=size, axes=axes, responses=rows)
        blocks.append(replace(item, responses=None))
        watch.report("simulate", len(blocks), total, "blocks of personas")
    return combine(blocks)


def peak_memory_mb() -> float:
    """The most memory this process has held, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024.0 * 1024.0) if sys.platform == "darwin" else peak / 1024.0


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started
