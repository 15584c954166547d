"""Rows of one database file into a new one: backups, a file written anew, and what can be read of a damaged file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from core.errors import StoreDamaged, StoreError
from core.store import migrations
from core.store.failures import explained
from core.store.migrations import migrate, version_of
from core.store.schema import KEYS

#: Rows that are read at a time, and the fewest that are given up where some cannot be: what DuckDB itself reads at once.
BATCH, FEWEST = 122_880, 2_048
_STAGED = "copied_rows"


@dataclass(frozen=True)
class CopiedTable:
    """How many rows a table had and how many were copied; `lost` are the ranges of row numbers that could not be read."""

    name: str
    rows: int
    copied: int
    lost: tuple[tuple[int, int], ...] = ()

    @property
    def whole(self) -> bool:
        return self.rows == self.copied


def backup_path(path: Path, word: str) -> Path:
    """A new name beside a store: its own, a word and the time, so that no backup takes another's place."""
    stem = f"{path.stem}-{word}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    found, number = path.with_name(f"{stem}{path.suffix}"), 1
    while found.exists():
        found, number = path.with_name(f"{stem}-{number}{path.suffix}"), number + 1
    return found


def backup_before_migration(connection: duckdb.DuckDBPyConnection, path: Path) -> Path | None:
    """A copy beside a store that newer code is about to change; None for a new store and one that stays as it is.

    Raises StoreDamaged where not all of it can be read, and DiskFull: then nothing was changed.
    """
    version = version_of(connection)
    if not 0 < version < len(migrations.MIGRATIONS):
        return None
    target = backup_path(path, f"version-{version}")
    copy_store(connection, target, where=str(path))
    os.chmod(path, 0o600)
    return target


def copy_store(
    source: duckdb.DuckDBPyConnection, target: Path, *, where: str, salvage: bool = False
) -> list[CopiedTable]:
    """Every row of an open store into a new file at `target`, with the tables of the source's version.

    The file appears under its name when it is complete. With `salvage` rows that cannot be read are left out; else they
    raise StoreDamaged. Raises DiskFull, and StoreError where `target` exists.
    """
    if target.exists():
        raise StoreError(f"{target} exists already. Name another file.")
    beside = target.with_name(f".policytwin-{os.getpid()}-{target.name}")
    log = beside.with_name(f"{beside.name}.wal")
    try:
        # The rows are the source's, but room is lacking where they are written.
        with explained(str(target)):
            new = duckdb.connect(str(beside))
            try:
                migrate(new, where=str(target), newest=version_of(source))
                copied = list(_copied(source, new, where, target, salvage))
                new.execute("CHECKPOINT")
            finally:
                new.close()
        os.chmod(beside, 0o600)
        os.rename(beside, target)
    finally:
        for left in (beside, log):
            left.unlink(missing_ok=True)
    return copied


def _copied(
    source: duckdb.DuckDBPyConnection, new: duckdb.DuckDBPyConnection, where: str, target: Path, salvage: bool
) -> Iterator[CopiedTable]:
    cursor = source.cursor()
    try:
        if not salvage:
            # One moment of the store, whatever others write meanwhile. After a damaged block a transaction is over.
            cursor.execute("BEGIN TRANSACTION")
        for name in tables_in(cursor):
            new.execute("BEGIN TRANSACTION")
            if name == "schema_version":
                new.execute("DELETE FROM schema_version")
            yield _copied_table(cursor, new, name, where, target, salvage)
            new.execute("COMMIT")
    finally:
        cursor.close()


def tables_in(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The store's tables that a database has."""
    found = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY table_name").fetchall()
    return [name for (name,) in found if name in KEYS or name == "schema_version"]


def _copied_table(
    source: duckdb.DuckDBPyConnection,
    new: duckdb.DuckDBPyConnection,
    name: str,
    where: str,
    target: Path,
    salvage: bool,
) -> CopiedTable:
    copied, lost = 0, []
    for begin, end, part in readable_parts(source, name, where, salvage=salvage):
        if part is None:
            lost.append((begin, end))
        elif part.num_rows:
            with explained(str(target)):
                new.register(_STAGED, part)
                columns = ", ".join(f'"{column}"' for column in part.column_names)
                new.execute(f'INSERT INTO "{name}" ({columns}) SELECT {columns} FROM {_STAGED}')  # noqa: S608
                new.unregister(_STAGED)
            copied += part.num_rows
    return CopiedTable(name, extent(source, name)[0], copied, tuple(lost))


def readable_parts(
    source: duckdb.DuckDBPyConnection, name: str, where: str, *, salvage: bool = True
) -> Iterator[tuple[int, int, Any]]:
    """Ranges of row numbers of a table, in order, each with its rows as an Arrow table, or None where they cannot be read.

    Without `salvage` the first that cannot be read raises StoreDamaged.
    """
    _, ends = extent(source, name)
    waiting = [(begin, min(begin + BATCH, ends)) for begin in range(0, ends, BATCH)][::-1]
    while waiting:
        begin, end = waiting.pop()
        try:
            with explained(where):
                part = rows_between(source, name, begin, end)
        except StoreDamaged:
            if not salvage:
                raise
            if end - begin <= FEWEST:
                yield begin, end, None
            else:
                middle = begin + max(FEWEST, (end - begin) // 2 // FEWEST * FEWEST)
                waiting += [(middle, end), (begin, middle)]
            continue
        yield begin, end, part


def extent(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[int, int]:
    """How many rows a table has, and the row number after its last: rows that were deleted leave gaps."""
    query = f'SELECT count(*), coalesce(max(rowid), -1) + 1 FROM "{name}"'  # noqa: S608 (the schema's own names)
    ((rows, end),) = connection.execute(query).fetchall()
    return int(rows), int(end)


def rows_between(connection: duckdb.DuckDBPyConnection, name: str, begin: int, end: int, columns: str = "*") -> Any:
    """The rows of a table from a row number up to another, as an Arrow table."""
    query = f'SELECT {columns} FROM "{name}" WHERE rowid >= ? AND rowid < ?'  # noqa: S608 (the schema's own names)
    return connection.sql(query, params=[begin, end]).to_arrow_table()
