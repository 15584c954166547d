"""How long work tells what it is doing, and is told to stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from core.errors import Cancelled
from core.execution.executor import IN_THIS_PROCESS, Executor

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
    executor: Executor = IN_THIS_PROCESS,
) -> list[Found]:
    """`work(*item)` for each of `arguments`, in their order. The watch hears of each that is done, and may stop the rest."""
    watch.report(stage, 0, len(arguments), units)
    found = []
    for item in executor.map(work, arguments, check=watch.check):
        found.append(item)
        watch.report(stage, len(found), len(arguments), units)
    return found
