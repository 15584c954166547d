"""Long work beside the page: one thread per job, a pool of worker processes for the sums, state that outlives a reload.

A job's thread talks to the store; the workers never do. What a job has finished is in the store, so that a job that was
stopped, or whose process died, goes on from there.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

from core.errors import Cancelled, PolicyTwinError
from core.services.progress import Progress, Watch

WAITING, RUNNING, DONE, STOPPED, FAILED = "waiting", "running", "done", "stopped", "failed"
#: Finished jobs kept in memory; their results are in the store anyway.
REMEMBERED = 20


@dataclass
class Job:
    """A piece of long work: `kind` and `subject` say what it is; `result` is what its function returned."""

    id: str
    kind: str
    subject: str
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

    def stop(self) -> None:
        """Ask the job to stop after the step it is in."""
        self._stop.set()


class JobBoard:
    """The jobs of one server process. At most one job of a kind and subject is active at a time."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or min(4, os.cpu_count() or 1)
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._count = 0

    def start(self, kind: str, subject: str, work: Callable[[Watch, Executor], Any]) -> Job:
        """Start `work(watch, executor)` in a thread and return its job, or the active job of that kind and subject."""
        with self._lock:
            for job in self._jobs.values():
                if job.active and (job.kind, job.subject) == (kind, subject):
                    return job
            self._count += 1
            job = Job(f"job-{self._count}", kind, subject)
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

    def active(self) -> list[Job]:
        """Jobs that are waiting or running, oldest first."""
        with self._lock:
            return [job for job in self._jobs.values() if job.active]

    def warm(self) -> None:
        """Start the workers now, so that the first job does not wait for them."""
        self._executor().submit(os.getpid)

    def close(self) -> None:
        """Stop every job and the workers."""
        for job in self.active():
            job.stop()
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _executor(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ProcessPoolExecutor(max_workers=self.workers, mp_context=get_context("spawn"))
            return self._pool

    def _drop_pool(self) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _work(self, job: Job, work: Callable[[Watch, Executor], Any]) -> None:
        def report(progress: Progress) -> None:
            job.progress = progress

        job.status = RUNNING
        status = FAILED
        try:
            job.result = work(Watch(report, job._stop.is_set), self._executor())
            status = DONE
        except Cancelled as stopped:
            status, job.message = STOPPED, str(stopped)
        except PolicyTwinError as wrong:
            job.message = str(wrong)
        except BrokenProcessPool:
            # A killed worker breaks the pool for good; the next job gets a new one.
            self._drop_pool()
            job.message = "A worker process was killed. What was finished is kept; start again to go on from there."
        except Exception as wrong:  # a defect of ours: the page says so in words, the log has the rest
            job.message = f"Something went wrong inside PolicyTwin ({type(wrong).__name__}: {wrong})."
            import traceback

            traceback.print_exc()
        finally:
            job.ended = time.monotonic()
            job.status = status
