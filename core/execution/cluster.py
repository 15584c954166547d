"""Workers of other machines, or of this one, by dask.distributed: an optional package.

Nothing but what travels with the work is shared: no disk, no store. A worker needs PolicyTwin and the packages it computes
with in the same versions, and says so where it has others, for then its answers could differ in their last bits. (Another kind of
processor may change them too.)
"""

from __future__ import annotations

import asyncio
import logging
import platform
import re
import shutil
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, ExitStack
from functools import cache
from typing import Any, Generic, TypeVar

from core.content_cache import content_digest
from core.errors import Cancelled, InputError
from core.execution.executor import CLOSED, POLL, Executor, Task, WorkerLost
from core.execution.local import start_server, worker_context
from core.execution.payload import Parcels, perform
from core.execution.threads import end_with_parent, ignore_interrupts
from core.records import RECORDED_PACKAGES, code_version, package_versions
from core.settings import shipped_data

try:
    import dask
    from distributed import Client, LocalCluster, Worker, get_worker
    from distributed import Future as DaskFuture
    from distributed.scheduler import KilledWorker
except ModuleNotFoundError as _missing:
    raise InputError(
        f"the package {_missing.name} is not installed", where="--cluster", allowed="pip install policytwin[cluster]"
    ) from None

R = TypeVar("R")

ADDRESSES = "tcp://HOST:PORT or tls://HOST:PORT of a dask scheduler, or local:N for N worker processes of this machine"
#: Seconds within which a scheduler has to answer, to have a first worker, and one of this machine to have started.
CONNECT, FIRST_WORKER, STARTING = 5.0, 10.0, 60.0
#: Seconds after which a cluster without any worker is given up.
DESERTED = 30.0
LOST = "The connection to the cluster's scheduler was lost. What was finished is kept."
HERE = "127.0.0.1"
_LOCAL = re.compile(r"local:(\d+)")
_REMOTE = re.compile(r"(tcp|tls)://[^\s/:]+(:[^\s/:]+)*:\d+|(tcp|tls)://\[[0-9a-fA-F:]+\]:\d+")


class DaskCluster(Executor):
    """The workers of a dask scheduler at `address` (see ADDRESSES). Those that come later take part; the work of one that
    is lost is done again by another, three times at most by dask's own default. Where the scheduler was lost, later work
    looks for it again.

    InputError for an address that is none, a scheduler that does not answer in seconds or has no workers, and workers that
    have another PolicyTwin, or none.
    """

    def __init__(self, address: str) -> None:
        # Shared values are part of the graph on purpose: a lost one can be made again from there.
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"})
        self.closed = False
        self._lock = threading.Lock()
        self._own: _OwnWorkers | None = None
        self._deserted_at: float | None = None
        local = _LOCAL.fullmatch(address)
        if local is not None:
            self._own = _OwnWorkers(int(local[1]))
            address = self._own.address
        elif not _REMOTE.fullmatch(address):
            guess = f"tcp://{address}" if _REMOTE.fullmatch(f"tcp://{address}") else None
            raise InputError(f"'{address}' is no address", where="--cluster", allowed=ADDRESSES, nearest=guess)
        self._address = address
        with ExitStack() as failing:
            if self._own is not None:
                failing.callback(self._own.close)
            self._connect()
            failing.pop_all()

    @property
    def workers(self) -> int:
        return max(1, sum(self._threads().values()))

    def submit(self, work: Callable[..., R], *arguments: Any) -> Task[R]:
        if self.closed:
            raise Cancelled(CLOSED)
        with self._lock:
            if self._client.status != "running":
                self._client.close(timeout=1)
                self._connect()
        if self._own is not None:
            self._own.complete()
        content, needs = self._parcels.packed((work, arguments))
        places = {key: parcel.place for key, parcel in needs.items()}
        future = self._client.submit(_perform, environment(), content, places, pure=False, key=f"work-{uuid.uuid4()}")
        return _ClusterTask(self, future)

    def share(self, *values: object) -> AbstractContextManager[None]:
        return self._parcels.sharing(values)

    def start(self) -> None:
        return

    def close(self) -> None:
        self.closed = True
        self._client.close()
        if self._own is not None:
            self._own.close()

    def check_alive(self) -> None:
        """Raises WorkerLost where the scheduler is gone, or has had no worker for long."""
        if self._own is not None and not self.closed:
            self._own.complete()
        now = time.monotonic()
        self._deserted_at = None if self._threads() else self._deserted_at or now
        if self._deserted_at is not None and now - self._deserted_at > DESERTED:
            raise WorkerLost(f"The cluster has had no workers for {DESERTED:.0f} s. What was finished is kept.")

    def _put(self, content: bytes) -> Any:
        return self._client.submit(bytes, content, pure=False, key=f"shared-{uuid.uuid4()}")

    def _threads(self) -> dict[str, int]:
        """The threads of each worker; WorkerLost where the scheduler is gone, Cancelled where this was closed."""
        if self.closed:
            raise Cancelled(CLOSED)
        try:
            if self._client.status == "running":
                return dict(self._client.nthreads())
        except (OSError, TimeoutError, ValueError):  # it went just now: what dask says of it is of many kinds
            pass
        raise WorkerLost(LOST)

    def _connect(self) -> None:
        self._client = client = _connected(self._address)
        self._parcels = Parcels(self._put, DaskFuture.release, travel=True)
        with ExitStack() as failing:
            failing.callback(client.close)
            self._check_workers(client)
            failing.pop_all()

    def _check_workers(self, client: Client) -> None:
        try:
            client.wait_for_workers(1, timeout=FIRST_WORKER if self._own is None else STARTING)
        except TimeoutError:
            raise InputError(
                f"the scheduler at {self._address} has no workers",
                where="--cluster",
                allowed=f"dask worker {self._address}",
            ) from None
        for worker, theirs in client.run(environment, on_error="return").items():
            if isinstance(theirs, BaseException):
                raise InputError(
                    f"the worker {worker} cannot import PolicyTwin ({theirs})",
                    where="--cluster",
                    allowed=f"PolicyTwin {code_version()} on every worker",
                )
            check_same(environment(), theirs, worker)


class _ClusterTask(Generic[R]):
    def __init__(self, cluster: DaskCluster, future: DaskFuture) -> None:
        self._cluster, self._future = cluster, future
        self._cancelled, self._done = False, threading.Event()
        future.add_done_callback(lambda _: self._done.set())

    def wait(self, seconds: float) -> bool:
        if self._done.wait(seconds):
            return True
        self._cluster.check_alive()
        return False

    def result(self) -> R:
        while not self.wait(POLL):
            pass
        if self._cancelled or self._cluster.closed:
            raise Cancelled(CLOSED)
        try:
            found: R = self._future.result()
            return found
        except KilledWorker:
            raise WorkerLost(
                "Every worker of the cluster that began a piece of the work died at it. What was finished is kept."
            ) from None
        except CancelledError:
            raise WorkerLost(LOST) from None

    def cancel(self) -> None:
        self._cancelled = True
        self._future.cancel()
        self._done.set()


class _OwnWorkers(ExitStack):
    """A scheduler in this process, and worker processes that are replaced where they died."""

    def __init__(self, workers: int) -> None:
        super().__init__()
        if workers < 1:
            raise InputError(f"local:{workers}", where="--cluster", allowed="local:1 and above", nearest="local:1")
        start_server()
        self._folder = self.enter_context(tempfile.TemporaryDirectory(prefix="policytwin-", ignore_cleanup_errors=True))
        cluster = LocalCluster(
            n_workers=0, host=HERE, protocol="tcp://", dashboard_address=f"{HERE}:0", silence_logs=logging.ERROR
        )
        self.address = self.enter_context(cluster).scheduler_address
        self._processes: list[Any] = [None] * workers
        self.callback(self._end)
        self.complete()

    def complete(self) -> None:
        """Start a worker in place of each that is not there."""
        for place, process in enumerate(self._processes):
            if process is None or not process.is_alive():
                context: Any = worker_context()
                process = context.Process(target=_serve, args=(self.address, self._folder), daemon=True)
                process.start()
                self._processes[place] = process

    def _end(self) -> None:
        for process in self._processes:
            process.terminate()
            process.join()


def _serve(address: str, folder: str) -> None:
    """Be a worker until the scheduler or this process's parent is gone."""
    ignore_interrupts()
    end_with_parent(lambda: shutil.rmtree(folder, ignore_errors=True))
    logging.getLogger("distributed").setLevel(logging.ERROR)

    async def serve() -> None:
        about: dict[str, Any] = {"memory_limit": 0, "local_directory": folder, "dashboard_address": f"{HERE}:0"}
        async with Worker(address, host=HERE, nthreads=1, **about) as worker:
            await worker.finished()

    asyncio.run(serve())


def _connected(address: str) -> Client:
    try:
        # Dask's own client waits for ever on a port where something else listens. A scheduler speaks first, but for TLS.
        host, port = address.partition("://")[2].rsplit(":", 1)
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT) as probe:
            if address.startswith("tcp") and not probe.recv(1):
                raise ConnectionError("who listens there is no scheduler")
        return Client(address, timeout=CONNECT, set_as_default=False, name="policytwin")
    except (OSError, ValueError) as wrong:
        raise InputError(
            f"no dask scheduler answers at {address} within {CONNECT:g} s ({str(wrong).splitlines()[0]})",
            where="--cluster",
            allowed=ADDRESSES,
        ) from None


def _perform(theirs: Mapping[str, str], content: bytes, places: Mapping[str, bytes]) -> Any:
    """Work in a worker, which may have come after the others were looked at."""
    check_same(theirs, environment(), platform.node())
    return perform(content, places, get_worker().local_directory)


@cache
def environment() -> dict[str, str]:
    """What has to be the same on every machine for their answers to be."""
    versions = package_versions((*RECORDED_PACKAGES, "statsmodels", "dask", "distributed"))
    return {
        "PolicyTwin": code_version(),
        "Python": platform.python_version(),
        "PolicyTwin's data": content_digest(shipped_data())[:10],
        **versions,
    }


def check_same(here: Mapping[str, str], there: Mapping[str, str], worker: str) -> None:
    """InputError where a worker's environment is not the one that the work comes from."""
    for name, version in here.items():
        if there.get(name) != version:
            raise InputError(
                f"the worker {worker} has {name} {there.get(name, 'not installed')}, here is {version}",
                where="--cluster",
                allowed="the same versions on every worker",
            )
