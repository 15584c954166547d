"""One connection per process and file, shared by every `Store` on that file."""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from core.errors import StoreError
from core.store.blocks import is_duckdb
from core.store.copying import backup_before_migration, copy_store
from core.store.failures import damaged, explained, first_line, refusal
from core.store.migrations import migrate
from core.store.schema import Table, describe

# The store holds text from files, models and people. SQL never names a file or a Python variable, and nothing is ever
# fetched, so the database may do neither.
_CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}

#: Seconds that closing waits for what other threads are doing; DuckDB itself refuses at once.
CLOSING = 30.0

_GUARD = threading.Lock()
_UMASK = threading.RLock()
_OPEN: dict[Path, SharedConnection] = {}


class _Current(threading.local):
    """The transaction that this thread is in, if any."""

    cursor: duckdb.DuckDBPyConnection | None = None
    doomed: bool = False
    #: Cursors that this thread has open.
    open: int = 0


@dataclass
class SharedConnection:
    """An open file (or a database in memory, with `path` None) and what all who use it in this process share.

    `writer` serialises transactions: two that change one row would conflict. `owner` marks the runs this process works
    on; the file's lock makes sure that all others' are over. `lists` are rows that were read after so many `commits`: nobody
    else writes to an open file.
    """

    connection: duckdb.DuckDBPyConnection
    path: Path | None
    tables: Mapping[str, Table]
    holders: int = 1
    commits: int = 0
    refuses_writes: bool = False
    lists: dict[object, tuple[int, object]] = field(default_factory=dict)
    pid: int = field(default_factory=os.getpid)
    owner: str = field(default_factory=lambda: f"{os.getpid()}-{secrets.token_hex(6)}")
    writer: threading.RLock = field(default_factory=threading.RLock)
    current: _Current = field(default_factory=_Current)
    gate: threading.Condition = field(default_factory=threading.Condition)
    cursors: int = 0
    swapping: bool = False

    @property
    def name(self) -> str:
        return "the store in memory" if self.path is None else str(self.path)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A new cursor. Raises StoreError in a forked process, which must not touch its parent's connection."""
        if os.getpid() != self.pid:
            raise _forked(self.name)
        return self.connection.cursor()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Inside, the file stays as it is; waits while it is being replaced (not where this thread is inside already)."""
        with self.gate:
            while self.swapping and not self.current.open:
                self.gate.wait()
            self.cursors += 1
            self.current.open += 1
        try:
            yield
        finally:
            with self.gate:
                self.cursors -= 1
                self.current.open -= 1
                self.gate.notify_all()


def acquire(path: Path | None) -> tuple[SharedConnection, bool]:
    """The process's connection to `path` (None: a new one in memory), and whether it was opened just now.

    Creates the file and its parents, and migrates it. Raises StoreError where the file cannot be used.
    """
    if path is None:
        return _connect(None), True
    path = path.expanduser().resolve()
    with _GUARD:
        shared = _OPEN.get(path)
        if shared is not None:
            if shared.pid != os.getpid():
                raise _forked(shared.name)
            shared.holders += 1
            return shared, False
        shared = _OPEN[path] = _connect(path)
        return shared, True


def release(shared: SharedConnection) -> None:
    """Gives the connection back; the last holder closes it."""
    with _GUARD:
        shared.holders -= 1
        if shared.holders > 0 or os.getpid() != shared.pid:
            return
        if shared.path is not None:
            _OPEN.pop(shared.path, None)
        _close(shared)


def rewrite(shared: SharedConnection) -> None:
    """Writes the file anew, without what deleted rows left in it, under all who share it; they go on with the new one.

    Raises StoreError inside a transaction, and where another thread reads for longer than `CLOSING`; DiskFull and StoreDamaged as
    `copy_store`. Then the file is as it was. A process that is killed leaves the old file or the new one under its name.
    """
    if shared.path is None:
        return
    if shared.current.cursor is not None:
        raise StoreError(f"{shared.name} cannot be written anew inside a transaction.")
    with (
        shared.writer,
        tempfile.TemporaryDirectory(dir=shared.path.parent, prefix=".policytwin-") as folder,
        owner_only(),
    ):
        new = Path(folder) / shared.path.name
        copy_store(shared.connection, new, where=shared.name)
        with shared.gate:
            shared.swapping = True
            idle = shared.gate.wait_for(lambda: shared.cursors == 0, timeout=CLOSING)
            try:
                if not idle:
                    raise StoreError(f"{shared.name} cannot be written anew while another thread works with it.")
                shared.connection.close()
                os.replace(new, shared.path)
                shared.path.with_name(f"{shared.path.name}.wal").unlink(missing_ok=True)
                shared.connection = connect_file(shared.path)
                shared.commits += 1
            finally:
                shared.swapping = False
                shared.gate.notify_all()


def _close(shared: SharedConnection) -> None:
    """Closes the connection once what another thread reads or writes at this moment is done."""
    until = time.monotonic() + CLOSING
    while True:
        try:
            with owner_only():
                shared.connection.close()
            return
        except duckdb.ResourceInUseException:
            if time.monotonic() > until:
                raise StoreError(f"{shared.name} cannot be closed while another thread works with it.") from None
            time.sleep(0.01)


@contextmanager
def owner_only() -> Iterator[None]:
    """Files that are made inside can be read by their owner alone: DuckDB has no setting for it, and makes its log anew
    after every checkpoint."""
    with _UMASK:
        before = os.umask(0o077)
        try:
            yield
        finally:
            os.umask(before)


def connect_file(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """An open file as it is, created with its folders where absent, not migrated. Raises StoreError and DiskFull."""
    where = str(path)
    try:
        with owner_only():
            path.parent.mkdir(parents=True, exist_ok=True)
            return duckdb.connect(where, read_only=read_only, config=_CONFIGURATION)
    except OSError as wrong:
        raise StoreError(f"{where} cannot be created ({wrong.strerror}). Use another file with --db.") from wrong
    except duckdb.Error as wrong:
        if "not a valid DuckDB database" in str(wrong):
            if is_duckdb(path):
                raise damaged(where, "its first block") from wrong
            raise StoreError(f"{where} is not a DuckDB file. Use another file with --db.") from wrong
        raise refusal(where, wrong) from wrong


def _connect(path: Path | None) -> SharedConnection:
    where = "the store in memory" if path is None else str(path)
    connection = duckdb.connect(":memory:", config=_CONFIGURATION) if path is None else connect_file(path)
    try:
        with owner_only(), explained(where):
            if path is not None:
                backup_before_migration(connection, path)
            migrate(connection, where=where)
            return SharedConnection(connection, path, describe(connection))
    except duckdb.Error as wrong:
        connection.close()
        raise StoreError(f"{where} cannot be brought up to date ({first_line(wrong)}).") from wrong
    except BaseException:
        connection.close()
        raise


def _forked(where: str) -> StoreError:
    return StoreError(
        f"{where} was opened by the parent process: a worker returns its results and never opens the store."
    )
