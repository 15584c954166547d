"""Measurements over a study's own panel, in the store: found where they were made of equal inputs, else kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from core.execution.progress import ProgressReporter
from core.records import RunRecord
from core.result import Result
from core.services.studies.stored_inputs import save_engine_texts, save_text
from core.store.database import Store
from core.study import Study

R = TypeVar("R", bound=Result)


def found_before(kind: type[R], store: Store | None, record: RunRecord, watch: ProgressReporter) -> R | None:
    """The result of this kind that the store has of a record's inputs; None where it has none, and without a store."""
    same = None if store is None else store.find_complete(record.inputs_hash())
    if same is None:
        return None
    watch.found(same.run_id)
    return kind.from_dict({**(same.summary or {}), "run_id": same.run_id})


def keep(
    store: Store,
    study: Study,
    given: Mapping[str, Any],
    finished: RunRecord,
    result: Result,
    seconds: float,
    watch: ProgressReporter,
) -> None:
    """Store a result under its finished record, with the study's file as `given` and the engine's tables."""
    with store.transaction():
        save_engine_texts(store, study)
        save_text(store, finished.study_hash, "study", given)
        store.begin_run(finished)
        store.finish_run(finished.run_id, {}, result.as_dict(), seconds=seconds, record=finished)
    watch.finish("store", "done")
