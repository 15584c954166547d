"""The life of a run: begun, worked on in chunks, complete, or ended early and resumed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import pandas as pd

from core.errors import InputError, PolicyTwinError, one_of
from core.records import RUN_KINDS, RunRecord, encode_json
from core.store.frames import Rows
from core.store.responses import responses_array
from core.store.schema import CONTENT_TABLES, RUN_TABLES
from core.store.tables import TableAccess

RUNNING, COMPLETE = "running", "complete"
#: How a run can end without results. What it has stored stays, and it can be resumed.
ENDED_EARLY = ("failed", "cancelled", "interrupted")
#: Lists of runs that are remembered between two writes.
MOST_LISTS = 64
RUN_STATUSES = (RUNNING, COMPLETE, *ENDED_EARLY)


@dataclass(frozen=True)
class StoredRun:
    """A run as the store knows it. Times are UTC; `seconds` is how long the work took."""

    record: RunRecord
    status: str
    summary: Any
    created_at: datetime
    finished_at: datetime | None
    seconds: float | None
    message: str | None
    inputs_hash: str

    @property
    def run_id(self) -> str:
        return self.record.run_id

    @property
    def complete(self) -> bool:
        return self.status == COMPLETE

    @property
    def rerun(self) -> str | None:
        """The command that makes it again; None where nothing can."""
        return f"policytwin rerun {self.run_id}" if self.complete and self.record.result_hash else None

    def as_dict(self) -> dict[str, Any]:
        """In JSON's own types."""
        record = json.loads(self.record.to_json())
        names = {"kind": record["kind"], "study": record["study_id"], "status": self.status, "message": self.message}
        more = {"inputs_hash": self.inputs_hash, "rerun": self.rerun, "summary": self.summary, "record": record}
        return {"run_id": self.run_id, **names, **more}


@dataclass(frozen=True)
class Chunk:
    """The weighted sums of one finished chunk of personas, in the shape they were given; `axes` says what they mean."""

    chunk: int
    personas: int
    sums: np.ndarray
    axes: Any


class RunAccess(TableAccess):
    """Runs and what they leave. A reader of results sees complete runs only, whole."""

    def begin_run(self, record: RunRecord) -> None:
        """Stores the run as running. Raises InputError where a run of that id exists."""
        row = {
            "run_id": record.run_id,
            "kind": record.kind,
            "study_id": record.study_id,
            "population_id": record.population_id,
            "timeline_id": record.timeline_id,
            "engine": record.engine,
            "status": RUNNING,
            "inputs_hash": record.inputs_hash(),
            "owner": self._shared.owner,
            "record": record,
            "created_at": record.created_at,
        }
        with self.transaction():
            if len(self.read("runs", columns=["run_id"], run_id=record.run_id)):
                raise InputError(f"the run '{record.run_id}' exists already", where=self.name)
            self.append("runs", [row])

    def save_chunk(
        self,
        run_id: str,
        chunk: int,
        sums: np.ndarray,
        *,
        personas: int,
        axes: Any = None,
        responses: Rows | None = None,
    ) -> None:
        """Stores one finished chunk of a running run in one transaction; the same chunk again replaces the first.

        `sums` has any shape (64-bit floats) and comes back from `chunks` in it; `axes` is JSON that says what the shape
        means; `personas` is how many the sums are over. `responses` are rows for the table of that name, without run
        and chunk. Raises InputError where the run is not running, as after it was cancelled.
        """
        sums = np.asarray(sums, dtype=np.float64)
        row = {"personas": personas, "shape": list(sums.shape), "axes": axes, "sums": sums.reshape(-1)}
        place = {"run_id": run_id, "chunk": chunk}
        with self.transaction():
            self._expect_running(run_id)
            self.delete("responses", **place)
            self.delete("response_chunks", **place)
            if responses is not None:
                self.append("responses", responses, constants=place)
            self.append("response_chunks", [row], constants=place)

    def chunks(self, run_id: str) -> list[Chunk]:
        """The stored chunks of a run in order. A complete run keeps none. Raises InputError for an unknown run."""
        self.run(run_id)
        found = self.read("response_chunks", unfinished=True, run_id=run_id)
        return [
            Chunk(int(chunk), int(personas), np.asarray(sums).reshape(shape), axes)
            for chunk, personas, sums, shape, axes in zip(
                found["chunk"], found["personas"], found["sums"], found["shape"], found["axes"], strict=True
            )
        ]

    def finish_run(
        self,
        run_id: str,
        tables: Mapping[str, Rows],
        summary: Any = None,
        *,
        seconds: float | None = None,
        record: RunRecord | None = None,
    ) -> None:
        """Stores a run's results and marks it complete, last, in one transaction: all of it or nothing.

        `tables` maps tables to rows, without `run_id`; what the run had stored in them before is replaced. `record`
        takes the place of the one it began with (for a result hash or a higher rung) and must have equal inputs. The
        sums of chunks, which serve a resumed run only, are dropped. Raises InputError where the run is not running, a
        table is not a result table, or rows do not fit.
        """
        with self.transaction() as cursor:
            stored = self._expect_running(run_id)
            for table, rows in tables.items():
                one_of(table, RUN_TABLES, what="result table", where=f"run {run_id}")
                self.delete(table, run_id=run_id)
                self.append(table, rows, constants={"run_id": run_id})
            self.delete("response_chunks", run_id=run_id)
            if record is not None:
                if record.run_id != run_id or record.inputs_hash() != stored.inputs_hash:
                    raise InputError("the record is that of a run with other inputs", where=f"run {run_id}")
                cursor.execute("UPDATE runs SET record = ? WHERE run_id = ?", [encode_json(record), run_id])
            cursor.execute(
                "UPDATE runs SET summary = ?, seconds = ?, finished_at = ?, message = NULL, status = ? "
                "WHERE run_id = ?",
                [None if summary is None else encode_json(summary), seconds, _utc_now(), COMPLETE, run_id],
            )

    def fail_run(self, run_id: str, status: str, message: str) -> None:
        """Ends a run early: "failed", "cancelled" or "interrupted", and why. What it stored stays.

        Raises InputError for another status, an unknown run, and a complete run.
        """
        one_of(status, ENDED_EARLY, what="status", where=f"run {run_id}")
        with self.transaction() as cursor:
            if self.run(run_id).complete:
                raise InputError(f"is complete and cannot become {status}", where=f"run {run_id}")
            cursor.execute(
                "UPDATE runs SET status = ?, message = ?, finished_at = ? WHERE run_id = ?",
                [status, message, _utc_now(), run_id],
            )

    def end_early(self, run_id: str, status: str, message: str) -> None:
        """`fail_run` after an error that is to be raised: one of the store itself, as on a full disk, does not hide it.

        What is not marked now is marked interrupted when the file is opened the next time.
        """
        with suppress(PolicyTwinError):
            if not self.run(run_id).complete:
                self.fail_run(run_id, status, message)

    def resume_run(self, run_id: str) -> StoredRun:
        """Takes a run that ended early up again: it is running, and this process's.

        Raises InputError for an unknown run and for one that is complete or running.
        """
        with self.transaction() as cursor:
            status = self.run(run_id).status
            if status not in ENDED_EARLY:
                raise InputError(
                    f"is {status}", where=f"run {run_id}", allowed=f"runs that are {', '.join(ENDED_EARLY)}"
                )
            cursor.execute(
                "UPDATE runs SET status = ?, owner = ?, message = NULL, finished_at = NULL WHERE run_id = ?",
                [RUNNING, self._shared.owner, run_id],
            )
            return self.run(run_id)

    def find_resumable(self, inputs_hash: str) -> StoredRun | None:
        """The latest run with these inputs that ended early, or None."""
        found = self._runs(inputs_hash=inputs_hash, status=list(ENDED_EARLY))
        return self.run(str(found["run_id"].iloc[0])) if len(found) else None

    def find_complete(self, inputs_hash: str) -> StoredRun | None:
        """The latest complete run with these inputs, or None."""
        found = self._runs(inputs_hash=inputs_hash, status=COMPLETE)
        return self.run(str(found["run_id"].iloc[0])) if len(found) else None

    def mark_interrupted(self) -> int:
        """Marks runs whose process is gone as interrupted, and returns how many. Done whenever a file is opened.

        The file's lock admits one process, so a run that is running and not this process's has nobody at work on it.
        """
        with self.transaction() as cursor:
            row = cursor.execute(
                "UPDATE runs SET status = 'interrupted', finished_at = ?, message = ? WHERE status = ? AND owner <> ?",
                [_utc_now(), "the process that worked on it ended", RUNNING, self._shared.owner],
            ).fetchone()
        return int(row[0]) if row else 0

    def run(self, run_id: str) -> StoredRun:
        """The run of that id. Raises InputError with the nearest id where there is none."""
        found = self.read("runs", run_id=run_id)
        if not len(found):
            raise InputError(
                f"unknown run '{run_id}'", where=self.name, nearest=self._nearest(run_id, "runs", "run_id")
            )
        row = found.iloc[0]
        return StoredRun(
            record=RunRecord.from_dict(row["record"]),
            status=row["status"],
            summary=row["summary"],
            created_at=_aware(row["created_at"]),
            finished_at=None if pd.isna(row["finished_at"]) else _aware(row["finished_at"]),
            seconds=None if pd.isna(row["seconds"]) else float(row["seconds"]),
            message=None if pd.isna(row["message"]) else str(row["message"]),
            inputs_hash=row["inputs_hash"],
        )

    def runs(
        self,
        *,
        kind: str | None = None,
        study_id: str | None = None,
        status: str | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Runs of any status, newest first, with the columns of the table `runs` (without owner)."""
        chosen: dict[str, Any] = {}
        if kind is not None:
            chosen["kind"] = one_of(kind, RUN_KINDS, what="kind of run")
        if status is not None:
            chosen["status"] = one_of(status, RUN_STATUSES, what="status of a run")
        if study_id is not None:
            chosen["study_id"] = study_id
        found = self._runs(**chosen)
        return found if limit is None else found.head(limit)

    def read_result(self, table: str, run_id: str, /, **equals: Any) -> pd.DataFrame:
        """Rows of a result table of one complete run, as `read` gives them.

        Raises InputError for an unknown run, one that is not complete, and a table that holds no results.
        """
        one_of(table, RUN_TABLES, what="result table", where=self.name)
        self._expect_complete(run_id)
        return self.read(table, run_id=run_id, **equals)

    def read_responses(
        self, run_id: str, *, unfinished: bool = False, **equals: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The persona-level answers of a run: probabilities (contexts, personas, behaviours), context ids, persona ids.

        Empty where the run kept none. `equals` narrows as in `read`. Raises InputError for an unknown run and, unless
        `unfinished`, for one that is not complete; StoreError where a context lacks a persona.
        """
        if unfinished:
            self.run(run_id)
        else:
            self._expect_complete(run_id)
        columns = ["context_id", "persona_id", "probabilities"]
        return responses_array(
            self.read_arrow("responses", columns=columns, unfinished=unfinished, run_id=run_id, **equals)
        )

    def delete_run(self, run_id: str) -> None:
        """Deletes a run and all it stored, in one transaction, and what it was made from where no other run names that.

        Raises InputError for an unknown run and for one that is running.
        """
        with self.transaction() as cursor:
            stored = self.run(run_id)
            if stored.status == RUNNING:
                raise InputError("is running: cancel it first", where=f"run {run_id}")
            for table in (*RUN_TABLES, "runs"):
                self.delete(table, run_id=run_id)
            self.delete("labels", object_id=run_id)
            named = stored.record.to_json()
            for table in CONTENT_TABLES:
                # Hashes of inputs stand in several places of a record: as its study, its inputs and its scenarios.
                cursor.execute(
                    f"DELETE FROM {table} WHERE content_hash IN ("  # noqa: S608 (names of our own)
                    f"SELECT content_hash FROM (SELECT DISTINCT content_hash FROM {table}) WHERE contains(?, content_hash) "
                    "AND NOT EXISTS (SELECT 1 FROM runs WHERE contains(CAST(record AS VARCHAR), content_hash)))",
                    [named],
                )

    def _runs(self, **equals: Any) -> pd.DataFrame:
        """Read anew only after something was written: every page asks for lists of runs, whose records take long to decode."""
        self._check_open()
        key, commits = repr(sorted(equals.items(), key=lambda item: item[0])), self._shared.commits
        kept = self._shared.lists.get(key)
        if kept is not None and kept[0] == commits and self._shared.current.cursor is None:
            return cast(pd.DataFrame, kept[1]).copy()
        found = self.read("runs", **equals).drop(columns="owner")
        found = found.sort_values(["created_at", "run_id"], ascending=False, ignore_index=True)
        if self._shared.current.cursor is None:
            if len(self._shared.lists) >= MOST_LISTS:
                self._shared.lists.clear()
            self._shared.lists[key] = commits, found
            return found.copy()
        return found

    def _expect_running(self, run_id: str) -> StoredRun:
        stored = self.run(run_id)
        if stored.status != RUNNING:
            raise InputError(f"is {stored.status} and takes no results", where=f"run {run_id}", allowed="a running run")
        return stored

    def _expect_complete(self, run_id: str) -> None:
        stored = self.run(run_id)
        if not stored.complete:
            reason = f" ({stored.message})" if stored.message else ""
            raise InputError(f"is {stored.status}, not complete{reason}", where=f"run {run_id}")


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _aware(value: pd.Timestamp) -> datetime:
    return value.to_pydatetime().replace(tzinfo=UTC)
