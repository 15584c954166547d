"""Work in worker processes: one thread of linear algebra each, and none that outlives its parent."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import wraps
from multiprocessing import parent_process
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

P = ParamSpec("P")
R = TypeVar("R")


def one_thread(work: Callable[P, R]) -> Callable[P, R]:
    """`work`, done with a single thread of BLAS and OpenMP wherever it runs.

    Processes that each start as many threads as there are cores wait for each other; and as the number of threads decides
    the order of sums, a limit in worker processes only would change the last bits of a result with their number.
    """

    @wraps(work)
    def limited(*arguments: P.args, **named: P.kwargs) -> R:
        with threadpool_limits(limits=1):
            return work(*arguments, **named)

    return limited


def end_with_parent() -> None:
    """Let a worker process end when its parent does, as a pool's initializer.

    Where the parent is killed nobody else tells its workers to stop: they would go on, and then wait for work for ever.
    """
    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, name="end-with-parent", daemon=True).start()
