"""Answers go into the store as they come, from a thread of their own, so that asking never waits for the disk."""

from __future__ import annotations

import queue
import threading
import time

from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.types import ModelSpec, Question

#: An answer is stored when so many wait, or so many seconds after it came, whichever is first. What waits is paid for
#: and lost where the process is killed; a transaction takes about 10 ms, whatever it holds.
BATCH = 50
PATIENCE = 0.25


class AnswerWriter:
    """Stores outcomes in batches, each in one transaction. A process that is killed loses what waits, and no more.

    Use as a context manager: leaving it stores what waits. Whatever goes wrong while storing is raised by the next
    `put` and at the end, for answers that cannot be kept must not be paid for.
    """

    def __init__(self, cache: AnswerCache, spec: ModelSpec, run_id: str | None) -> None:
        self._cache, self._spec, self._run_id = cache, spec, run_id
        self._queue: queue.SimpleQueue[tuple[Question, Outcome] | None] = queue.SimpleQueue()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="keep-answers", daemon=True)

    def put(self, question: Question, outcome: Outcome) -> None:
        """Hands over an outcome. Raises what went wrong with an earlier one."""
        self.check()
        self._queue.put((question, outcome))

    def check(self) -> None:
        """Raises what went wrong while storing, if anything did."""
        if self._failed is not None:
            raise self._failed

    def __enter__(self) -> AnswerWriter:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._queue.put(None)
        self._thread.join()
        if error is None:
            self.check()

    def _work(self) -> None:
        waiting: list[tuple[Question, Outcome]] = []
        due = 0.0
        while True:
            try:
                item = self._queue.get(timeout=max(0.0, due - time.monotonic()) if waiting else None)
            except queue.Empty:
                waiting = self._store(waiting)
                continue
            if item is None:
                self._store(waiting)
                return
            if not waiting:
                due = time.monotonic() + PATIENCE
            waiting.append(item)
            if len(waiting) >= BATCH:
                waiting = self._store(waiting)

    def _store(self, waiting: list[tuple[Question, Outcome]]) -> list[tuple[Question, Outcome]]:
        try:
            if waiting and self._failed is None:
                self._cache.keep(self._spec, waiting, run_id=self._run_id)
        except BaseException as wrong:  # raised in the thread that asks
            self._failed = wrong
        return []
