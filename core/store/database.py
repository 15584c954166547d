"""The store: one DuckDB file with studies, populations, timelines, runs and their results."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from core.store.connections import acquire, release
from core.store.llm_calls import CallAccess
from core.store.runs import RunAccess


class Store(RunAccess, CallAccess):
    """An open store.

    One process at a time can open a file; within it, every `Store` on that file shares one connection, and every thread
    may use any of them. Worker processes return their results and never open the store. Close each Store that was
    opened (it is a context manager); the last one closes the file.

    While a file is open, nothing else in the process may open it as a plain file: on POSIX, closing that handle would
    give up DuckDB's lock.
    """

    def __init__(self, path: str | Path) -> None:
        """Opens the file at `path`, creates it and its folders where absent, and migrates it.

        Runs whose process died are marked interrupted. Raises StoreError where the file is held by another process, was
        written by a newer PolicyTwin, or is no store.
        """
        self._open(Path(path))

    @classmethod
    def memory(cls) -> Store:
        """A new, empty store in memory, gone when it is closed."""
        store = cls.__new__(cls)
        store._open(None)
        return store

    @property
    def path(self) -> Path | None:
        """The resolved path of the file; None in memory."""
        return self._shared.path

    def refuse_writes(self) -> None:
        """From now on everything that would change the file is refused (StoreError), by all who share it in this process."""
        self._shared.refuses_writes = True

    def close(self) -> None:
        """Gives the store back. Closing twice is allowed; any other use afterwards raises StoreError."""
        if not self._closed:
            self._closed = True
            release(self._shared)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, path: Path | None) -> None:
        shared, fresh = acquire(path)
        super().__init__(shared)
        if fresh:
            try:
                self.mark_interrupted()
            except BaseException:
                self.close()
                raise
