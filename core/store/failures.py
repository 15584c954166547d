"""What the database raises, in words: whose fault it is, what can be done, and what can be saved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from core.errors import DiskFull, InputError, PolicyTwinError, StoreDamaged, StoreError

#: How DuckDB says that a file is not what it wrote. It has no class of errors for it.
_DAMAGE = re.compile(
    r"corrupt|checksum|deserializ|serialization error|not a valid duckdb|could not read (enough|all) bytes|"
    r"malformed|unexpected end of|failed to load metadata|failure while replaying wal|error in wal",
    re.IGNORECASE,
)
_FULL = re.compile(r"no space left|disk quota|disk full|not enough space|max_temp_directory_size", re.IGNORECASE)
#: DuckDB's own words; "block", "clock" and the like hold the letters too.
_IN_USE = re.compile(r"could not set lock|conflicting lock|used by another process", re.IGNORECASE)


@contextmanager
def explained(where: str, file: str | None = None) -> Iterator[None]:
    """Turns what DuckDB raises about data or the file into PolicyTwin's errors, and a Ctrl-C during a query into
    KeyboardInterrupt; other errors stay as they are.

    `where` is what was being done to, `file` the store's file where that is something else. Raises InputError, StoreError,
    StoreDamaged or DiskFull.
    """
    try:
        yield
    except duckdb.Error as wrong:
        raise _in_words(wrong, where, file or where) from wrong
    except RuntimeError as wrong:
        # What DuckDB makes of a Ctrl-C that comes while it works.
        if str(wrong) == "Query interrupted":
            raise KeyboardInterrupt from wrong
        raise


def _in_words(wrong: duckdb.Error, where: str, file: str) -> BaseException:
    message = str(wrong)
    if isinstance(wrong, duckdb.InterruptException):
        return KeyboardInterrupt()
    if isinstance(wrong, (duckdb.ConstraintException, duckdb.ConversionException)):
        return InputError(first_line(wrong), where=where)
    if isinstance(wrong, duckdb.ConnectionException):
        return StoreError(f"{where} is closed.")
    if _FULL.search(message):
        return DiskFull(file)
    if isinstance(wrong, (duckdb.SerializationException, duckdb.InternalException)) or _DAMAGE.search(message):
        return damaged(file, message)
    if isinstance(wrong, duckdb.TransactionException):
        return StoreError(f"{where}: {first_line(wrong)}")
    if isinstance(wrong, (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.FatalException)):
        return StoreError(f"{file} cannot be used: {first_line(wrong)}. Free disk or memory, then restart.")
    return wrong


def refusal(file: str, wrong: duckdb.Error) -> PolicyTwinError:
    """Why a file could not be opened."""
    message = str(wrong)
    if _IN_USE.search(message):
        holder = re.search(r"PID (\d+)", message)
        process = f"process {holder.group(1)}" if holder else "another process"
        return StoreError(
            f"{file} is in use by {process}: one process at a time can open a store. "
            "Go on in the running app, close it, or use another store with --db."
        )
    if _FULL.search(message):
        return DiskFull(file)
    if _DAMAGE.search(message) or isinstance(wrong, (duckdb.SerializationException, duckdb.InternalException)):
        return damaged(file, message)
    return StoreError(f"{file} cannot be opened ({first_line(message)}). Use another file with --db.")


def damaged(file: str, message: str) -> StoreDamaged:
    """The file is damaged: what DuckDB saw, and what can be saved."""
    found = re.search(r"block at location (\d+)", message)
    what = "a part of it cannot be read"
    if "checksum" in message:
        what = f"the checksum of its block at byte {int(found.group(1)):,} is wrong" if found else "a checksum is wrong"
    return StoreDamaged(
        f"{file} is damaged ({what}). `policytwin store check --db {file}` says what can be saved; "
        f"`policytwin store restore FROM --db {file}` takes that, or a backup, into its place."
    )


def first_line(wrong: object) -> str:
    """The first line of an error's text, without its full stop."""
    return str(wrong).strip().splitlines()[0].rstrip(".")
