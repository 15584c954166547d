"""How far contrasts miss in worlds whose truth is known: measured, kept in the store if asked, and the newest of them."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, date, datetime

from core.cognition.coefficients import load_coefficients
from core.cognition.registry import DEFAULT_ENGINE
from core.cognition.rules import RulesEngine
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter, each_of
from core.records import RunRecord, code_version, content_hash
from core.services.evaluation.requests import WorldsRequest
from core.services.evaluation.results import Measured, WorldsResult
from core.services.studies.inputs import study_hash
from core.services.studies.stored_inputs import save_engine_texts
from core.store.database import Store
from core.study import Study, load_study
from core.synthetic.worlds import HORIZONS, KINDS, MERIDIA, ORLO, PATTERN
from core.validity.known_worlds import measure_world
from core.validity.measured import Header, KnownWorlds, domain_of, read_measured
from core.validity.world_scores import CLEAR_EFFECT, WorldsSummary, summary_of

#: Everything that can be asked for.
WORLDS = (*KINDS, MERIDIA)
#: How the result is called among the studies of a store.
STUDY_ID = "known_worlds"


def known_worlds(
    request: WorldsRequest,
    store: Store | None = None,
    *,
    watch: ProgressReporter | None = None,
    again: bool = False,
    executor: Executor = IN_THIS_PROCESS,
) -> WorldsResult:
    """Measure the twin's contrasts and its rivals' against the truth of generated worlds and of Meridia.

    With a `store` the result is kept, and where it is there already it is that which is returned, unless `again`. Worlds are
    measured in parallel where there is an executor; the result does not depend on it. Cancelled when the watch says stop.
    """
    began = time.perf_counter()
    watch = watch or ProgressReporter()
    kinds = request.kinds or WORLDS
    record = None if store is None else _record(store, request, kinds)
    same = None if store is None or record is None or again else store.find_complete(record.inputs_hash())
    if same is not None:
        watch.found(same.run_id)
        return WorldsResult.from_dict(same.summary)
    work = [(kind, seed, request.personas, request.trials) for kind in kinds for seed in range(request.seeds)]
    rows = [row for part in each_of(measure_world, work, watch, "validate", "worlds", executor) for row in part]
    result = WorldsResult(
        worlds=kinds,
        seeds=request.seeds,
        horizon=HORIZONS[load_study(_pattern(kinds)).step],
        clear_effect=CLEAR_EFFECT,
        engine=DEFAULT_ENGINE,
        personas=request.personas,
        trials=request.trials,
        summary=summary_of(rows),
        rows=tuple(rows),
        code_version=code_version(),
        seconds=round(time.perf_counter() - began, 2),
        run_id="" if record is None else record.run_id,
    )
    if store is not None and record is not None:
        finished = replace(record, result_hash=content_hash(rows))
        with store.transaction():
            # While worlds were measured, the deletion of the only run that named them may have taken them away.
            save_engine_texts(store, load_study(_pattern(kinds)))
            store.begin_run(record)
            store.finish_run(record.run_id, {}, result.as_dict(), seconds=result.seconds, record=finished)
    watch.finish("store", "done")
    return result


def measured_worlds(result: WorldsResult, made_at: date | None = None) -> Measured[WorldsResult]:
    """A measurement, of today where that is not said, with where it comes from."""
    command = f"policytwin rerun {result.run_id}" if result.run_id else "policytwin worlds"
    day, domain = made_at or datetime.now(UTC).date(), domain_of(load_study(PATTERN))
    return Measured(result, Header(command, result.code_version, day, domain, {}, result.seconds))


def read_worlds(store: Store, run_id: str) -> Measured[WorldsResult]:
    """A kept measurement."""
    run = store.run(run_id)
    about = {"code_version": run.record.code_version, **run.summary, "run_id": run.run_id}
    return measured_worlds(WorldsResult.from_dict(about), run.created_at.date())


def newest_worlds(store: Store, study: Study | None = None) -> Measured[WorldsResult] | None:
    """The newest measurement of the store in the domain of `study` (None: the pandemic), else the shipped one, of which there are
    the scores; None where neither is there."""
    of_orlo = study is not None and study.folder == ORLO
    for run_id in store.runs(kind=WorldsResult.kind, study_id=STUDY_ID, status="complete")["run_id"]:
        measured = read_worlds(store, str(run_id))
        if (measured.result.worlds == (ORLO,)) == of_orlo:
            return measured
    shipped = None if of_orlo else read_measured(KnownWorlds, "worlds")
    if shipped is None:
        return None
    result = WorldsResult(
        worlds=tuple(shipped.kinds),
        seeds=shipped.seeds,
        clear_effect=shipped.clear_effect,
        engine=shipped.engine,
        summary=WorldsSummary(
            overall=shipped.overall,
            by_world=shipped.by_world,
            by_distance=shipped.by_distance,
            working_week=shipped.working_week,
        ),
    )
    return Measured(result, shipped.header)


def _pattern(kinds: tuple[str, ...]) -> str:
    """The study whose engine answers in these worlds."""
    return ORLO if kinds == (ORLO,) else PATTERN


def _record(store: Store, request: WorldsRequest, kinds: tuple[str, ...]) -> RunRecord:
    """The record of these worlds, with the engine's tables kept in the store."""
    study = load_study(_pattern(kinds))
    return RunRecord(
        kind=WorldsResult.kind,
        study_id=STUDY_ID,
        study_hash=study_hash(study),
        engine=DEFAULT_ENGINE,
        engine_version=RulesEngine.for_study(study, load_coefficients(study.coefficients_file)).version,
        seed=0,
        personas=request.personas,
        input_hashes=save_engine_texts(store, study),
        parameters={
            "worlds": list(kinds),
            "seeds": request.seeds,
            "trials": request.trials,
            "horizon": HORIZONS[study.step],
        },
        calibrator="twin",
    )
