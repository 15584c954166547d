"""The protocol of whoever does the work: this process, worker processes of this machine, or a cluster.

What computes for long takes an `Executor` and never asks which. It hands out work as plain functions of their arguments and
takes the answers in the order asked, so that the number of workers, their kind and the order in which they finish change
no bit of a result.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, Protocol, TypeVar

from core.errors import Cancelled, PolicyTwinError
from core.execution.threads import one_thread

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

#: Seconds between two looks at whether the user has asked to stop, while a worker is waited for.
POLL = 0.2
CLOSED = "PolicyTwin was closed; what was finished is kept, and the same work resumes from there"


class WorkerLost(PolicyTwinError):
    """A worker died at its work (killed, or out of memory), or the cluster it belonged to is gone. The executor can be used
    again, and a resumable computation goes on from what it had finished."""

    def __init__(
        self, problem: str = "A worker process was killed. What was finished is kept; start again to go on from there."
    ) -> None:
        super().__init__(problem)


class Task(Protocol[R_co]):
    """Work that was handed in."""

    def wait(self, seconds: float) -> bool:
        """Wait at most so long for it to end; whether `result` would not wait any more."""

    def result(self) -> R_co:
        """What the work returned; raises what it raised, WorkerLost where its worker is gone, and Cancelled where it was
        cancelled or the executor closed."""

    def cancel(self) -> None:
        """Do not begin it any more. What has begun ends in its own time, and nobody waits for it."""


class Executor(ABC):
    """Does work, here or elsewhere.

    Work is a function of a module that workers can import, and answers from its arguments alone: a worker may be another
    machine, and lost work may be done twice. Arguments, answers and errors are pickled. Files and folders that arguments
    name as a `Path` can be read by the work wherever it is done; no other file of this machine can. It runs with a single
    thread of linear algebra, for the number of threads decides the order of sums.

    Who opens an executor closes it, or uses it as a context manager. All methods may be called from several threads.
    """

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many pieces of work are done at a time, now."""

    @abstractmethod
    def submit(self, work: Callable[..., R], *arguments: Any) -> Task[R]:
        """Hand in `work(*arguments)`. Raises Cancelled where the executor was closed."""

    def share(self, *values: object) -> AbstractContextManager[None]:
        """While this is entered, each of these very objects goes to a worker once, however many tasks have it (or something
        that holds it) among their arguments. For what is large and the same for all; nobody may change it meanwhile.
        """
        return nullcontext()

    def map(
        self,
        work: Callable[..., R],
        arguments: Iterable[tuple[Any, ...]],
        *,
        in_flight: int | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> Iterator[R]:
        """`work(*item)` of each item in their order, each as soon as it and those before it are done.

        At most `in_flight` items are handed in ahead of the reader (default: all), where their answers are large.
        `check` is called time and again while a worker is waited for, and may raise. Whatever ends the reading, those not
        begun are given up: an executor that outlives the reader would go on with what nobody waits for.
        """
        tasks: deque[Task[R]] = deque()

        def first() -> R:
            check()
            while not tasks[0].wait(POLL):
                check()
            found = tasks[0].result()
            tasks.popleft()
            return found

        try:
            for item in arguments:
                tasks.append(self.submit(work, *item))
                if in_flight is not None and len(tasks) > in_flight:
                    yield first()
            while tasks:
                yield first()
        finally:
            for task in tasks:
                task.cancel()

    @abstractmethod
    def start(self) -> None:
        """Get ready in the background, so that the first work waits less. Returns at once."""

    @abstractmethod
    def close(self) -> None:
        """Give up what was handed in and end the workers that this executor has started, for good."""

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class InThisProcess(Executor):
    """The work is done here, one piece after the other, when its result is asked for."""

    workers = 1

    def submit(self, work: Callable[..., R], *arguments: Any) -> Task[R]:
        return _Deferred(one_thread(work), arguments)

    def start(self) -> None:
        return

    def close(self) -> None:
        return


class _Deferred(Generic[R]):
    def __init__(self, work: Callable[..., R], arguments: tuple[Any, ...]) -> None:
        self._work: Callable[..., R] | None = work
        self._arguments = arguments
        self._found: list[R] = []

    def wait(self, seconds: float) -> bool:
        return True

    def result(self) -> R:
        if not self._found:
            if self._work is None:
                raise Cancelled(CLOSED)
            self._found.append(self._work(*self._arguments))
            self._arguments = ()
        return self._found[0]

    def cancel(self) -> None:
        self._work = None


#: For one worker. It holds nothing, so that everybody may use the same.
IN_THIS_PROCESS = InThisProcess()
