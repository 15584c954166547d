"""How long work tells what it is doing, and is told to stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeVar

from core.errors import Cancelled

#: What a stage is doing, for the screen.
STAGE_WORDS = {
    "ingest": "Reading the study",
    "ask": "Asking the model",
    "calibrate": "Searching parameters",
    "simulate": "Simulating everybody",
    "validate": "Testing on held-out days",
    "store": "Keeping the results",
    "found": "There already",
}

Found = TypeVar("Found")


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units of a stage; `text` says what the units are."""

    stage: str
    done: int
    total: int
    text: str


class ProgressReporter:
    """What a piece of work holds: a place to report to, and a flag that says stop."""

    def __init__(
        self,
        report: Callable[[Progress], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
        on_cost: Callable[[Any], None] = lambda _: None,
    ) -> None:
        self._report = report
        self.should_stop = should_stop
        #: Hears what asking a language model will cost, before it is asked.
        self.on_cost = on_cost

    def report(self, stage: str, done: int, total: int, text: str) -> None:
        """Say how far the stage is. Raises Cancelled where the user has asked to stop."""
        self.check()
        self._report(Progress(stage, done, total, text))

    def finish(self, stage: str, text: str) -> None:
        """Say that the work is done and kept. Never raises: what is complete cannot be stopped any more."""
        self._report(Progress(stage, 1, 1, text))

    def found(self, run_id: str) -> None:
        """Say that the result is in the store already, as this run."""
        self._report(Progress("found", 1, 1, run_id))

    def check(self) -> None:
        """Raises Cancelled where the user has asked to stop."""
        if self.should_stop():
            raise Cancelled("stopped; what was finished is kept, and the same run resumes from there")


def each_of(
    work: Callable[..., Found],
    arguments: Sequence[tuple[Any, ...]],
    watch: ProgressReporter,
    stage: str,
    units: str,
    executor: Executor | None = None,
) -> list[Found]:
    """`work(*item)` for each of `arguments`, in their order, in the workers of `executor` where there is one.

    The watch hears of each that is done. Where one fails, or the watch says stop, those that wait are given up: a pool that
    outlives this work would go on with what nobody waits for.
    """
    pending = [] if executor is None else [executor.submit(work, *item) for item in arguments]
    found = []
    try:
        for number, item in enumerate(arguments):
            watch.report(stage, number, len(arguments), units)
            found.append(pending[number].result() if executor else work(*item))
        watch.report(stage, len(arguments), len(arguments), units)
    finally:
        for future in pending:
            future.cancel()
    return found
