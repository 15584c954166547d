"""The long stages of a run, block by block into the store, so that a run that was stopped goes on from there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from core.calibration.search import SearchResult, search
from core.cognition.engine import ResponseEngine
from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.records import RunRecord
from core.services.runs.tables import packed, unpacked
from core.services.studies.requests import KEEP_RESPONSES_UP_TO
from core.simulation.simulate import Aggregates, block_count, combine, simulate_blocks, size_of_blocks
from core.store.database import Store
from core.store.responses import responses_table

if TYPE_CHECKING:
    from core.services.runs.preparing import Prepared


def search_stored(
    prepared: Prepared, record: RunRecord, store: Store, watch: ProgressReporter, executor: Executor
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
    watch: ProgressReporter,
    executor: Executor,
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


def forget_work(store: Store, run_id: str) -> None:
    """Drop the trials and blocks that an earlier attempt at a run has left."""
    with store.transaction():
        for table in ("trials", "responses", "response_chunks"):
            store.delete(table, run_id=run_id)
