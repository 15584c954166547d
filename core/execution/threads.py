"""Work in worker processes: one thread of linear algebra each, and none that outlives its parent."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import lru_cache, wraps
from multiprocessing import parent_process
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

P = ParamSpec("P")
R = TypeVar("R")


def one_thread(work: Callable[P, R]) -> Callable[P, R]:
    """`work`, done with a single thread of BLAS and OpenMP wherever it runs.

    Processes that each start as many threads as there are cores wait for each other; and as the number of threads decides
    the order of sums, a limit in worker processes only would change the last bits of a result with their number.
    """

    @wraps(work)
    def limited(*arguments: P.args, **named: P.kwargs) -> R:
        with _libraries(len(sys.modules)).limit(limits=1):
            return work(*arguments, **named)

    return limited


def limit_threads() -> None:
    """A single thread of BLAS and OpenMP from now on, for a process that does nothing but such work."""
    _libraries(len(sys.modules)).limit(limits=1)


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """The libraries loaded, looked for again (milliseconds) only where modules were imported since."""
    return ThreadpoolController()


def ignore_interrupts() -> None:
    """Ctrl-C goes to all processes of a terminal; the one that handed in the work decides what becomes of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def end_with_parent(then: Callable[[], object] = lambda: None) -> None:
    """Let a worker process end when its parent does, after `then`.

    Where the parent is killed nobody else tells its workers to stop: they would go on, and then wait for work for ever.
    """
    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        then()
        os._exit(1)

    threading.Thread(target=wait, name="end-with-parent", daemon=True).start()
