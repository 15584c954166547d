"""Worker processes of this machine, forked from a server that has imported what they compute with."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import threading
import uuid
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, suppress
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, Generic, TypeVar

from core.errors import Cancelled
from core.execution.executor import CLOSED, Executor, Task, WorkerLost
from core.execution.payload import Parcels, perform
from core.execution.threads import end_with_parent, ignore_interrupts

R = TypeVar("R")

if "forkserver" in get_all_start_methods():
    from multiprocessing import forkserver, popen_forkserver, reduction, spawn, util
    from multiprocessing.context import ForkServerContext, ForkServerProcess, set_spawning_popen

    class _Popen(popen_forkserver.Popen):
        """As the standard one, without the main script: a worker that ran it anew would be the page whose visitor came last,
        or the user's script that has started this work."""

        _fds: list[int]

        def _launch(self, process_obj: Any) -> None:
            about = spawn.get_preparation_data(process_obj._name)
            buffer = io.BytesIO()
            set_spawning_popen(self)
            try:
                reduction.dump({name: about[name] for name in about if not name.startswith("init_main")}, buffer)
                reduction.dump(process_obj, buffer)
            finally:
                set_spawning_popen(None)
            self.sentinel, write_end = forkserver.connect_to_new_process(self._fds)
            # The worker sees by this copy's end that its parent is gone.
            self.finalizer = util.Finalize(self, _close_ends, (os.dup(write_end), self.sentinel))
            with open(write_end, "wb", closefd=True) as pipe:
                pipe.write(buffer.getbuffer())
            self.pid = forkserver.read_signed(self.sentinel)

    def _close_ends(*ends: int) -> None:
        for end in ends:
            os.close(end)

    class _Worker(ForkServerProcess):
        @staticmethod
        def _Popen(process_obj: Any) -> _Popen:
            return _Popen(process_obj)

    class _ForkServer(ForkServerContext):
        Process = _Worker


def worker_context() -> BaseContext:
    """How worker processes are started: forked from a server that has imported what they need, or spawned where there is no
    such thing (a script that starts them is then run anew by each, unless it is guarded)."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = _ForkServer()
    context.set_forkserver_preload(["core.execution.preload"])
    return context


def start_server() -> None:
    """Start the process that workers are forked from, where there is one and it does not run; returns while it imports."""
    if "forkserver" in get_all_start_methods():
        worker_context()
        forkserver.ensure_running()


class LocalProcesses(Executor):
    """Worker processes of this machine, started when work first finds none idle and replaced where one was killed.

    A killed worker takes along what was handed in beside it: that ends with WorkerLost. `niceness` is how far workers stand
    back for other processes (no effect on Windows).
    """

    def __init__(self, workers: int, *, niceness: int = 0) -> None:
        self._workers = workers
        self._niceness = niceness
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()
        self.closed = False
        self._folder = str(Path(tempfile.gettempdir(), f"policytwin-{uuid.uuid4().hex}"))
        self._tidy = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._parcels = Parcels(self._put, _remove, travel=False)
        # An interpreter that ends waits for the work of its pools, and asks nobody else before.
        threading._register_atexit(_close, weakref.ref(self))  # type: ignore[attr-defined]

    @property
    def workers(self) -> int:
        return self._workers

    def submit(self, work: Callable[..., R], *arguments: Any) -> Task[R]:
        content, needs = self._parcels.packed((work, arguments))
        places = {key: parcel.place for key, parcel in needs.items()}
        while True:
            pool = self._running()
            try:
                return _PoolTask(self, pool.submit(perform, content, places))
            except BrokenProcessPool:
                self._replace(pool)

    def share(self, *values: object) -> AbstractContextManager[None]:
        return self._parcels.sharing(values)

    def start(self) -> None:
        start_server()

    def close(self) -> None:
        with self._lock:
            self.closed, pool, self._pool = True, self._pool, None
        if pool is not None:
            _end(pool)
        self._tidy()

    def _running(self) -> ProcessPoolExecutor:
        with self._lock:
            if self.closed:
                raise Cancelled(CLOSED)
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    self._workers, worker_context(), initializer=_begin, initargs=(self._niceness, self._folder)
                )
            return self._pool

    def _replace(self, broken: ProcessPoolExecutor) -> None:
        """Forget a broken pool; by now there may be a new one, which stays."""
        with self._lock:
            if self._pool is broken:
                self._pool = None
        _end(broken)

    def _put(self, content: bytes) -> str:
        path = Path(self._folder, uuid.uuid4().hex)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_bytes(content)
        return str(path)


class _PoolTask(Generic[R]):
    def __init__(self, executor: LocalProcesses, future: Future[R]) -> None:
        self._executor, self._future = executor, future

    def wait(self, seconds: float) -> bool:
        return bool(wait([self._future], seconds).done)

    def result(self) -> R:
        try:
            return self._future.result()
        except BrokenProcessPool:
            raise Cancelled(CLOSED) if self._executor.closed else WorkerLost() from None
        except CancelledError:
            raise Cancelled(CLOSED) from None

    def cancel(self) -> None:
        self._future.cancel()


def _end(pool: ProcessPoolExecutor) -> None:
    """End a pool's workers at once: their work answers from its arguments alone, so that nothing is left half-done."""
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()


def _close(executor: weakref.ref[LocalProcesses]) -> None:
    found = executor()
    if found is not None:
        found.close()


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _begin(niceness: int, folder: str) -> None:
    ignore_interrupts()
    if niceness and hasattr(os, "nice"):
        os.nice(niceness)
    end_with_parent(lambda: shutil.rmtree(folder, ignore_errors=True))
