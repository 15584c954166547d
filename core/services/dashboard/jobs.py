"""Long work beside the page: one thread per job, a pool of worker processes for the sums, state that outlives a reload.

A job's thread talks to the store; the workers never do. What a job has finished is in the store, so that a job that was
stopped, or whose process died, goes on from there.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from core.errors import Cancelled, PolicyTwinError
from core.execution import open_executor
from core.execution.executor import Executor
from core.execution.local import LocalProcesses
from core.execution.progress import Progress, ProgressReporter
from core.settings import CLUSTER_VARIABLE

WAITING, RUNNING, DONE, STOPPED, FAILED = "waiting", "running", "done", "stopped", "failed"
#: How far workers stand back for the server, so that a click is answered while they work (no effect on Windows).
NICENESS = 10
#: Finished jobs kept in memory; their results are in the store anyway.
REMEMBERED = 20


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
            "ProgressReporter it, and start yours when it is done."
        )
        self.job = job


class JobBoard:
    """The jobs of one server process. At most one job of a kind and subject is active at a time."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._count = 0

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

    def close(self) -> None:
        """Stop every job and the workers, for good."""
        for job in self.active():
            job.stop()
        self.executor.close()

    def _work(self, job: Job, work: Callable[[ProgressReporter, Executor], Any]) -> None:
        def report(progress: Progress) -> None:
            job.progress = progress

        job.status = RUNNING
        status = FAILED
        try:
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
            job.ended = time.monotonic()
            job.status = status


def _one_line(wrong: BaseException) -> str:
    return " ".join(str(wrong).split())
