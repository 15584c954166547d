"""Care of a store's file: read all of it, copy it, write it anew, and take what can be saved into its place.

All of it needs the file for itself: nothing may have it open, in this process or another.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from core.errors import DiskFull, InputError, StoreDamaged, StoreError
from core.files_out import is_full
from core.store.blocks import damaged_parts, is_duckdb, mend
from core.store.connections import connect_file, owner_only
from core.store.copying import CopiedTable, backup_path, copy_store, extent, readable_parts, tables_in
from core.store.failures import explained
from core.store.kept_files import remember_backup
from core.store.migrations import version_of
from core.store.salvage import Losses, settle_losses


@dataclass(frozen=True)
class StoreCheck:
    """What a store's file holds and what of it can be read. `damaged` says where damaged parts begin, in bytes; `opens`
    whether DuckDB opens it as it is; `tables` what of each can be read, empty where it does not open."""

    path: Path
    bytes: int
    opens: bool
    problem: str | None
    damaged: tuple[int, ...]
    tables: tuple[CopiedTable, ...]

    @property
    def sound(self) -> bool:
        return self.opens and not self.damaged and all(table.whole for table in self.tables)

    def as_dict(self) -> dict[str, object]:
        """In JSON's own types; tables without rows are left out."""
        return {
            "file": str(self.path),
            "bytes": self.bytes,
            "sound": self.sound,
            "opens": self.opens,
            "problem": self.problem,
            "damaged_at": self.damaged,
            "tables": [
                {"table": item.name, "rows": item.rows, "readable": item.copied} for item in self.tables if item.rows
            ],
        }


@dataclass(frozen=True)
class Restored:
    """A store that was put in place. `kept` is where the file that stood there before is now; `mended` says where damaged
    parts began that were put right; `log_lost`, that what was written last, and not yet part of the file, is lost."""

    path: Path
    source: Path
    kept: Path | None
    tables: tuple[CopiedTable, ...]
    mended: tuple[int, ...]
    log_lost: bool
    losses: Losses

    def as_dict(self) -> dict[str, object]:
        """In JSON's own types; tables without rows are left out."""
        return {
            "file": str(self.path),
            "from": str(self.source),
            "kept": None if self.kept is None else str(self.kept),
            "mended_at": self.mended,
            "log_lost": self.log_lost,
            "tables": [
                {"table": item.name, "rows": item.rows, "saved": item.copied} for item in self.tables if item.rows
            ],
            "runs_with_losses": self.losses.runs,
            "gone": self.losses.gone,
        }


def check_store(path: Path) -> StoreCheck:
    """Read every table and every block of a file, changing nothing. InputError where there is none; StoreError where another
    process has it open, or it is no DuckDB file."""
    _expect_file(path)
    problem, tables = None, []
    try:
        connection = connect_file(path, read_only=True)
    except StoreDamaged as wrong:
        problem = str(wrong)
    else:
        try:
            with explained(str(path)):
                for name in tables_in(connection):
                    parts = list(readable_parts(connection, name, str(path)))
                    read = sum(part.num_rows for _, _, part in parts if part is not None)
                    lost = tuple((begin, end) for begin, end, part in parts if part is None)
                    tables.append(CopiedTable(name, extent(connection, name)[0], read, lost))
        except StoreDamaged as wrong:
            problem = str(wrong)
        finally:
            connection.close()
    return StoreCheck(path, path.stat().st_size, problem is None, problem, tuple(damaged_parts(path)), tuple(tables))


def backup_store(path: Path, to: Path | None = None) -> Path:
    """Every row of a store in a new file (default: beside it, with the time in its name). Raises StoreDamaged where not all of
    it can be read, DiskFull, and StoreError where `to` exists."""
    _expect_file(path)
    target = backup_path(path, "backup") if to is None else to
    with _opened(path) as connection:
        with _written_at(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        if target.resolve().parent != path.resolve().parent:
            # One beside the store is found there.
            remember_backup(connection, target)
        copy_store(connection, target, where=str(path))
    return target


def compact_store(path: Path) -> tuple[int, int]:
    """Write a store anew, without what deleted runs left. Returns its bytes before and after. Raises as `backup_store`; then
    the file is as it was."""
    _expect_file(path)
    before = path.stat().st_size
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".policytwin-") as folder:
        new = Path(folder) / path.name
        with _opened(path) as connection:
            copy_store(connection, new, where=str(path))
        os.replace(new, path)
    return before, path.stat().st_size


def restore_store(source: Path, path: Path, *, replace: bool = False) -> Restored:
    """Take all that can be read of `source`, a backup or a damaged store, into the place `path`, which may be the same file.

    A file that stands there is kept under another name; one that is sound is not touched unless `replace`. Raises InputError
    then and where there is no `source`, StoreDamaged where nothing can be saved, StoreError where one of them is open.
    """
    _expect_file(source)
    same = path.exists() and path.samefile(source)
    if path.exists() and not same and not replace and check_store(path).sound:
        raise InputError(
            "is a sound store, and would be replaced", where=str(path), allowed="another --db, or --replace, which keeps "
            "the file under another name",
        )  # fmt: skip
    if path.exists():
        _expect_free(path)
    with _written_at(path), owner_only():
        path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".policytwin-") as folder:
        copy, new = Path(folder) / f"copy-{path.name}", Path(folder) / f"new-{path.name}"
        with _written_at(path):
            shutil.copyfile(source, copy)
            if _log(source).exists():
                shutil.copyfile(_log(source), _log(copy))
        mended, _ = mend(copy)
        connection, log_lost = _opened_without_log(copy, source)
        try:
            tables = copy_store(connection, new, where=str(source), salvage=True)
            losses = _settled(connection, new, tables, source)
            _carry_withdrawals(path, new)
        finally:
            connection.close()
        kept = None
        if path.exists():
            kept = backup_path(path, "before-restore")
            os.rename(path, kept)
            if _log(path).exists():
                os.rename(_log(path), _log(kept))
        os.rename(new, path)
    return Restored(path, source, kept, tuple(tables), tuple(mended), log_lost, losses)


def _settled(connection: duckdb.DuckDBPyConnection, new: Path, tables: list[CopiedTable], source: Path) -> Losses:
    if all(table.whole for table in tables):
        return Losses((), ())
    with _opened(new) as copy:
        return settle_losses(connection, copy, tables, str(source))


def _carry_withdrawals(path: Path, new: Path) -> None:
    """Who has withdrawn from the store that is replaced withdraws from the one that takes its place: a backup of before has them
    still, and the next use takes them out."""
    try:
        connection = connect_file(path, read_only=True) if path.exists() else None
    except StoreDamaged:
        return
    if connection is None:
        return
    try:
        if not connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'withdrawals'").fetchall():
            return
        gone = [name for (name,) in connection.execute("SELECT subject_id FROM withdrawals").fetchall()]
    finally:
        connection.close()
    with _opened(new) as copy:
        if gone and copy.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'withdrawals'").fetchall():
            copy.execute(
                "INSERT INTO withdrawals SELECT name, 'withdrawing', now() AT TIME ZONE 'UTC', NULL, NULL "
                "FROM (SELECT unnest(?) AS name) WHERE name IN (SELECT subject_id FROM subjects) "
                "ON CONFLICT (subject_id) DO UPDATE SET state = 'withdrawing'",
                [gone],
            )


def _opened_without_log(copy: Path, source: Path) -> tuple[duckdb.DuckDBPyConnection, bool]:
    """The copy, opened; without the log of what was written last where that is what is damaged."""
    try:
        return _store_in(copy), False
    except StoreDamaged:
        if _log(copy).exists():
            _log(copy).unlink()
            try:
                return _store_in(copy), True
            except StoreDamaged:
                pass
    raise StoreDamaged(
        f"{source} is damaged where it says what is in it, so that nothing of it can be read. Restore a backup instead: "
        "`policytwin store restore BACKUP`."
    )


def _store_in(path: Path) -> duckdb.DuckDBPyConnection:
    connection = connect_file(path)
    try:
        with explained(str(path)):
            if not version_of(connection):
                raise StoreError("The file is a DuckDB file, but not a PolicyTwin store. Use another file.")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _opened(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = _store_in(path)
    try:
        with owner_only():
            yield connection
            with explained(str(path)):
                connection.execute("CHECKPOINT")
    finally:
        connection.close()


@contextmanager
def _written_at(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as wrong:
        if is_full(wrong):
            raise DiskFull(str(path)) from None
        raise InputError(
            f"cannot be written ({wrong.strerror or wrong})", where=str(path), allowed="a file in a folder that can be"
        ) from None


def _expect_file(path: Path) -> None:
    if not path.is_file():
        raise InputError("there is no such file", where=str(path), allowed="a store")
    if not is_duckdb(path):
        raise StoreError(f"{path} is not a DuckDB file, or nothing of its headers is left. Use another file.")


def _expect_free(path: Path) -> None:
    """Raises StoreError where another process has the file open; a damaged one nobody can have."""
    try:
        connect_file(path, read_only=True).close()
    except StoreDamaged:
        return


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")
