"""Long work beside the page: one thread per job, a pool of worker processes for the sums, state that outlives a reload.

A job's thread talks to the store; the workers never do. What a job has finished is in the store, so that a job that was
stopped, or whose process died, goes on from there.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.machinery import ModuleSpec
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from core.errors import Cancelled, PolicyTwinError
from core.execution.progress import Progress, ProgressReporter
from core.execution.threads import end_with_parent

WAITING, RUNNING, DONE, STOPPED, FAILED = "waiting", "running", "done", "stopped", "failed"
KILLED = "A worker process was killed. What was finished is kept; start again to go on from there."
CLOSED = "PolicyTwin was closed; what was finished is kept, and the same work resumes from there"
#: How far workers stand back for the server, so that a click is answered while they work (no effect on Windows).
NICENESS = 10
#: Finished jobs kept in memory; their results are in the store anyway.
REMEMBERED = 20


#: A process runs its parent's main script anew unless that is a package's; Streamlit calls the page a visitor is on that.
_NO_SCRIPT = ModuleSpec("policytwin.__main__", None)
_starting = threading.Lock()


class _Worker(SpawnProcess):
    """A worker that starts with nothing but what its work imports, and not with the page whose visitor came first."""

    def start(self) -> None:
        with _starting:
            main = sys.modules["__main__"]
            if main.__spec__ is not None:
                super().start()
                return
            main.__spec__ = _NO_SCRIPT
            try:
                super().start()
            finally:
                main.__spec__ = None


class _Spawn(SpawnContext):
    Process = _Worker


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
    ended: float | None = None
    _stop: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def active(self) -> bool:
        return self.status in (WAITING, RUNNING)

    @property
    def seconds(self) -> float:
        """How long the job has run, or ran."""
        return (self.ended or time.monotonic()) - self.started

    @property
    def stopping(self) -> bool:
        """Whether it has been asked to stop and is still in its last step."""
        return self.active and self._stop.is_set()

    def stop(self) -> None:
        """Ask the job to stop after the step it is in."""
        self._stop.set()


class OtherJobRuns(PolicyTwinError):
    """Another request on the same subject is being worked on, so that this one was not started."""

    def __init__(self, job: Job, *, own: bool) -> None:
        whose = "You started" if own else "Another visitor started"
        what = f" ({job.what})" if job.what else ""
        super().__init__(
            f"Not started. {whose} other work on this{what} at {job.began_at:%H:%M} UTC, and it is still running. "
            "ProgressReporter it, and start yours when it is done."
        )
        self.job = job


class JobBoard:
    """The jobs of one server process. At most one job of a kind and subject is active at a time."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or min(4, os.cpu_count() or 1)
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._count = 0
        self._closed = False

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
        """Start `work(watch, executor)` in a thread and return its job, or the active job that does the same.

        `what` is the request in words, `key` tells it from others of the kind and subject, `by` is the session that asks.
        Raises OtherJobRuns where the active job of that kind and subject does something else.
        """
        with self._lock:
            for job in self._jobs.values():
                if job.active and (job.kind, job.subject) == (kind, subject):
                    if job.key != key:
                        raise OtherJobRuns(job, own=job.by == by)
                    return job
            self._count += 1
            job = Job(f"job-{self._count}", kind, subject, what, by, key)
            self._jobs[job.id] = job
            finished = [item.id for item in self._jobs.values() if not item.active]
            for old in finished[:-REMEMBERED]:
                del self._jobs[old]
        threading.Thread(target=self._work, args=(job, work), name=job.id, daemon=True).start()
        return job

    def latest(self, kind: str, subject: str) -> Job | None:
        """The newest job of this kind and subject, active or not."""
        with self._lock:
            found = [job for job in self._jobs.values() if (job.kind, job.subject) == (kind, subject)]
        return found[-1] if found else None

    def forget(self, job: Job) -> None:
        """Say no more of a job that has ended. Does nothing where it is active."""
        with self._lock:
            if not job.active:
                self._jobs.pop(job.id, None)

    def active(self) -> list[Job]:
        """Jobs that are waiting or running, oldest first."""
        with self._lock:
            return [job for job in self._jobs.values() if job.active]

    def warm(self) -> None:
        """Start all workers now, so that the first job does not wait for them."""
        pool = self._executor()
        # A pool starts a worker for each piece of work that finds none idle.
        for _ in range(self.workers):
            pool.submit(os.getpid)

    def close(self) -> None:
        """Stop every job and the workers, for good."""
        for job in self.active():
            job.stop()
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _executor(self) -> ProcessPoolExecutor:
        """The pool, or a new one where a worker was killed while nothing ran."""
        with self._lock:
            if self._closed:
                raise Cancelled(CLOSED)
            if self._pool is not None:
                try:
                    self._pool.submit(os.getpid)
                except BrokenProcessPool:
                    self._pool.shutdown(wait=False, cancel_futures=True)
                    self._pool = None
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    max_workers=self.workers, mp_context=_Spawn(), initializer=_begin_worker
                )
            return self._pool

    def _drop(self, pool: ProcessPoolExecutor | None) -> None:
        """Forget a broken pool; another job may have a new one by now, which stays."""
        with self._lock:
            if pool is not None and self._pool is pool:
                self._pool = None
                pool.shutdown(wait=False, cancel_futures=True)

    def _work(self, job: Job, work: Callable[[ProgressReporter, Executor], Any]) -> None:
        def report(progress: Progress) -> None:
            job.progress = progress

        job.status = RUNNING
        status, pool = FAILED, None
        try:
            pool = self._executor()
            job.result = work(ProgressReporter(report, job._stop.is_set), pool)
            status = DONE
        except Cancelled as stopped:
            status, job.message = STOPPED, str(stopped)
        except PolicyTwinError as wrong:
            job.message = _one_line(wrong)
        except BrokenProcessPool:
            # A killed worker breaks the pool for good; the next job gets a new one.
            self._drop(pool)
            job.message = KILLED
        except BaseException as wrong:  # whatever it was, the thread ends here, and the page must hear of it
            if self._closed:
                # Work handed to workers that are gone; nobody is left to show a defect to.
                status, job.message = STOPPED, CLOSED
            else:
                job.message = f"Something went wrong inside PolicyTwin ({type(wrong).__name__}: {_one_line(wrong)})."
                traceback.print_exc()
        finally:
            job.ended = time.monotonic()
            job.status = status


def _one_line(wrong: BaseException) -> str:
    return " ".join(str(wrong).split())


def _begin_worker() -> None:
    """Let a worker give way to the page, and end when the server does."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    end_with_parent()
