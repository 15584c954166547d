"""Long work beside the page: a queue of jobs, a thread for each at work, state that outlives a reload and a restart.

A job's thread talks to the store; workers never do. What a job has finished is in the store, so that a job that was
stopped, or whose process died, goes on from there; and so is what became of it.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from core.errors import Cancelled, PolicyTwinError
from core.execution import open_executor
from core.execution.executor import Executor
from core.execution.local import LocalProcesses
from core.execution.progress import Progress, ProgressReporter
from core.settings import CLUSTER_VARIABLE, read_only
from core.store.database import Store

WAITING, RUNNING, DONE, STOPPED, FAILED = "waiting", "running", "done", "stopped", "failed"
#: How far workers stand back for the server, so that a click is answered while they work (no effect on Windows).
NICENESS = 10
#: Finished jobs kept in memory; their results are in the store anyway.
REMEMBERED = 20
#: Seconds between two writings of a job's progress into the store.
PROGRESS_EVERY = 5.0
#: Seconds of a step before its pace is told.
PACE_AFTER = 3.0
NOT_BEGUN = "stopped before its turn came"
CUT_OFF = "PolicyTwin ended while it was at work. What was finished is kept; start it again to go on from there."


@dataclass
class Job:
    """A piece of long work: `kind` and `subject` say what it is; `result` is what its function returned.

    `what` says in words what was asked for, `by` which session asked, and `began_at` when (UTC). `key` tells one request
    on a subject from another.
    """

    id: str
    kind: str
    subject: str
    what: str = ""
    by: str = ""
    key: str = ""
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    status: str = WAITING
    progress: Progress | None = None
    message: str = ""
    result: Any = None
    started: float = field(default_factory=time.monotonic)
    started_at: datetime | None = None
    ended: float | None = None
    manager: JobManager | None = field(default=None, repr=False)
    _stop: threading.Event = field(default_factory=threading.Event, repr=False)
    _stage_began: tuple[float, int] = field(default=(0.0, 0), repr=False)

    def hear(self, progress: Progress) -> None:
        """Take in how far the work is."""
        before = self.progress
        if before is None or (before.stage, before.text, before.total) != (
            progress.stage,
            progress.text,
            progress.total,
        ):
            self._stage_began = (time.monotonic(), progress.done)
        self.progress = progress

    @property
    def seconds_left(self) -> float | None:
        """How long its step will still take at the pace measured so far; None before a pace can be told."""
        if self.progress is None or not self.active:
            return None
        began, first = self._stage_began
        took, done = time.monotonic() - began, self.progress.done - first
        left = self.progress.total - self.progress.done
        return took / done * left if took >= PACE_AFTER and done and left > 0 else None

    @property
    def active(self) -> bool:
        return self.status in (WAITING, RUNNING)

    @property
    def seconds(self) -> float:
        """How long the job has run, or ran; how long it has waited where it has not begun."""
        return (self.ended or time.monotonic()) - self.started

    @property
    def stopping(self) -> bool:
        """Whether it has been asked to stop and is still in its last step."""
        return self.active and self._stop.is_set()

    @property
    def place(self) -> int:
        """Its place among those that wait, from 1; 0 where it does not wait."""
        return 0 if self.manager is None else self.manager.place_of(self)

    @property
    def cut_off(self) -> bool:
        """Whether it was at work, or waited, when an earlier server ended."""
        return self.message == CUT_OFF

    def stop(self) -> None:
        """Ask the job to stop after the step it is in; where it waits, it never begins."""
        self._stop.set()
        if self.manager is not None:
            self.manager.withdraw(self)


def background_executor() -> Executor:
    """Who works beside the pages: the cluster that the environment names, else processes of this machine that give way."""
    if os.environ.get(CLUSTER_VARIABLE):
        return open_executor()
    executor = LocalProcesses(min(4, os.cpu_count() or 1), niceness=NICENESS)
    executor.start()
    return executor


class OtherJobRuns(PolicyTwinError):
    """Another request on the same subject is being worked on, so that this one was not started."""

    def __init__(self, job: Job, *, own: bool) -> None:
        whose = "You started" if own else "Another visitor started"
        what = f" ({job.what})" if job.what else ""
        super().__init__(
            f"Not started. {whose} other work on this{what} at {job.began_at:%H:%M} UTC, and it is still running. "
            "Watch it, and start yours when it is done."
        )
        self.job = job


class JobManager:
    """The jobs of one server process on one store. At most one job of a kind and subject is active at a time, and at most
    `most` jobs are at work (default: as many as there are workers, and 2 at least, for some only wait for replies); the others
    wait in the order in which they were started. `executor` belongs to whoever opened it.

    Jobs that an earlier server left unfinished in the store are stopped ones here, until they are forgotten.
    """

    def __init__(self, executor: Executor, store: Store, most: int | None = None) -> None:
        self.executor, self.store = executor, store
        self._most = most or max(2, executor.workers)
        self._jobs: dict[str, Job] = {}
        self._waiting: list[tuple[Job, Callable[[ProgressReporter, Executor], Any]]] = []
        self._at_work = 0
        self._lock = threading.RLock()
        for row in store.read("jobs", state=[WAITING, RUNNING]).to_dict("records"):
            job = Job(str(row["job_id"]), row["kind"], row["subject"], row["title"], status=STOPPED, message=CUT_OFF)
            job.began_at, job.ended = row["created_at"].to_pydatetime().replace(tzinfo=UTC), job.started
            self._jobs[job.id] = job
            self._save(job, STOPPED)

    def start(
        self,
        kind: str,
        subject: str,
        work: Callable[[ProgressReporter, Executor], Any],
        *,
        what: str = "",
        key: str = "",
        by: str = "",
    ) -> Job:
        """Queue `work(watch, executor)`, to be done in a thread, and return its job, or the active job that does the same.

        `what` is the request in words, `key` tells it from others of the kind and subject, `by` is the session that asks.
        Raises OtherJobRuns where the active job of that kind and subject does something else.
        """
        if read_only():
            raise PolicyTwinError("Not started: this dashboard is for reading only.")
        with self._lock:
            for job in self._jobs.values():
                if job.active and (job.kind, job.subject) == (kind, subject):
                    if job.key != key:
                        raise OtherJobRuns(job, own=job.by == by)
                    return job
            job = Job(f"job-{secrets.token_hex(5)}", kind, subject, what, by, key, manager=self)
            self._save(job, WAITING)
            self._jobs[job.id] = job
            finished = [item.id for item in self._jobs.values() if not item.active]
            for old in finished[:-REMEMBERED]:
                del self._jobs[old]
            self._waiting.append((job, work))
            self._begin()
        return job

    def latest(self, kind: str, subject: str) -> Job | None:
        """The newest job of this kind and subject, active or not."""
        found = [job for job in self.all() if (job.kind, job.subject) == (kind, subject)]
        return found[-1] if found else None

    def forget(self, job: Job) -> None:
        """Say no more of a job that has ended. Does nothing where it is active."""
        with self._lock:
            if not job.active:
                self._jobs.pop(job.id, None)

    def all(self) -> list[Job]:
        """All jobs that can be told of, oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def active(self) -> list[Job]:
        """Jobs that are waiting or running, oldest first."""
        return [job for job in self.all() if job.active]

    def place_of(self, job: Job) -> int:
        """The job's place among those that wait, from 1; 0 where it does not wait."""
        with self._lock:
            return next((place for place, (item, _) in enumerate(self._waiting, start=1) if item is job), 0)

    def withdraw(self, job: Job) -> None:
        """Take a job that waits out of the queue; does nothing where it does not wait."""
        with self._lock:
            if self.place_of(job):
                self._waiting = [item for item in self._waiting if item[0] is not job]
                job.message = NOT_BEGUN
                self._end(job, STOPPED)

    def _begin(self) -> None:
        """Let those begin whose turn it is."""
        with self._lock:
            while self._waiting and self._at_work < self._most:
                job, work = self._waiting.pop(0)
                self._at_work += 1
                job.status, job.started, job.started_at = RUNNING, time.monotonic(), datetime.now(UTC)
                threading.Thread(target=self._work, args=(job, work), name=job.id, daemon=True).start()

    def _work(self, job: Job, work: Callable[[ProgressReporter, Executor], Any]) -> None:
        saved = time.monotonic()

        def report(progress: Progress) -> None:
            nonlocal saved
            job.hear(progress)
            if time.monotonic() - saved > PROGRESS_EVERY:
                saved = time.monotonic()
                self._save(job, RUNNING)

        status = FAILED
        try:
            self._save(job, RUNNING)
            job.result = work(ProgressReporter(report, job._stop.is_set), self.executor)
            status = DONE
        except Cancelled as stopped:
            status, job.message = STOPPED, str(stopped)
        except PolicyTwinError as wrong:
            job.message = _one_line(wrong)
        except BaseException as wrong:  # whatever it was, the thread ends here, and the page must hear of it
            job.message = f"Something went wrong inside PolicyTwin ({type(wrong).__name__}: {_one_line(wrong)})."
            traceback.print_exc()
        finally:
            self._end(job, status)
            with self._lock:
                self._at_work -= 1
                self._begin()

    def _end(self, job: Job, status: str) -> None:
        job.ended = time.monotonic()
        try:
            self._save(job, status)
        except PolicyTwinError as wrong:
            job.message = f"{job.message} How it ended could not be kept: {_one_line(wrong)}".strip()
        # The last thing: who sees that the job has ended finds its end in the store.
        job.status = status

    def _save(self, job: Job, state: str) -> None:
        row = {
            "job_id": job.id,
            "kind": job.kind,
            "subject": job.subject,
            "title": job.what,
            "state": state,
            "progress": None if job.progress is None else asdict(job.progress),
            "created_at": job.began_at,
            "started_at": job.started_at,
            "ended_at": None if state in (WAITING, RUNNING) else datetime.now(UTC),
            "message": job.message,
            "result_run_id": _run_id_of(job.result),
        }
        self.store.replace("jobs", [row], job_id=job.id)


def _run_id_of(result: Any) -> str | None:
    """The run that a job's work has made, where it returned its id, or values or a result with it."""
    first = result[0] if isinstance(result, tuple) and result else result
    found = first.get("run_id") if isinstance(first, Mapping) else getattr(first, "run_id", first)
    return found if isinstance(found, str) else None


def _one_line(wrong: BaseException) -> str:
    return " ".join(str(wrong).split())
