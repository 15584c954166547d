"""One thread of linear algebra per piece of work: processes are what makes work parallel here."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
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
