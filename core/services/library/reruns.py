"""A run made again from the store alone: the same result, or what has changed since.

The run is made in a store in memory that is given what the run rested on, so that nothing is written to the user's.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import Cancelled, InputError, PolicyTwinError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.services.library.rerun_basis import Again, Unavailable, copy_basis
from core.services.library.rerun_kinds import MAKERS
from core.services.studies.changes import environment_changes
from core.store.database import Store
from core.store.runs import StoredRun


@dataclass(frozen=True)
class Rerun:
    """What came of making a run again. `again` is the new result's hash, None where it could not be made; `changes` says
    what is other than it was then, `notes` what else to know."""

    run_id: str
    kind: str
    result_hash: str
    again: str | None
    changes: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def same(self) -> bool:
        return self.again == self.result_hash

    def as_dict(self) -> dict[str, Any]:
        """In JSON's own types."""
        return {
            "run_id": self.run_id,
            "kind": self.kind,
            "same": self.same,
            "result_hash": self.result_hash,
            "rerun_hash": self.again,
            "changes": list(self.changes),
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }


def rerun(
    store: Store,
    run_id: str,
    *,
    data: Path | None = None,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
) -> Rerun:
    """Make a complete run again and compare the results' hashes. Nothing in `store` is changed.

    `data` is a folder with what the store does not hold: the files of a backtest, or the observations of a run of an
    earlier version. Raises InputError for an unknown run, one that is not complete or kept no hash, one that rests on a run
    that was deleted, and a backtest whose files are not there; Cancelled where the watch says stop.
    """
    began = time.perf_counter()
    run = store.run(run_id)
    if not run.complete:
        raise InputError(
            f"is {run.status}, so that there is no result", where=f"run {run_id}", allowed="a complete run"
        )
    if run.record.result_hash is None:
        raise InputError(
            f"was kept by {run.record.code_version} without a hash of its result, so that nothing can be compared",
            where=f"run {run_id}",
            allowed="a run of a newer version",
        )
    make = MAKERS.get(run.record.kind)
    if make is None:
        raise InputError(f"is a {run.record.kind}, which is not made again", where=f"run {run_id}")
    about = _about(store, run)
    with Store.memory() as scratch, tempfile.TemporaryDirectory() as folder:
        again = Again(store, run, about, scratch, Path(folder), data, watch or ProgressReporter(), executor)
        again.changes += environment_changes(run.record)
        copy_basis(again)
        found: str | None = None
        try:
            found = make(again)
        except (Cancelled, Unavailable):
            raise
        except PolicyTwinError as wrong:
            again.changes.append(" ".join(str(wrong).split()))
    return Rerun(
        run_id, run.record.kind, run.record.result_hash, found, tuple(again.changes), tuple(again.notes),
        time.perf_counter() - began,
    )  # fmt: skip


def _about(store: Store, run: StoredRun) -> StoredRun:
    """The run that this one is about, or itself."""
    of = run.record.parameters.get("of_run")
    if of is None:
        return run
    try:
        return store.run(str(of))
    except InputError:
        raise InputError(
            f"is about the run {of}, which was deleted",
            where=f"run {run.run_id}",
            allowed="a run whose own run is there",
        ) from None
