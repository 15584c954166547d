"""What lost rows mean: results that are no longer whole are said to be so, and nothing is left that half belongs to others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from core.errors import StoreError
from core.store.copying import CopiedTable, rows_between
from core.store.failures import explained
from core.store.runs import COMPLETE
from core.store.schema import KEYS, RESPONDENT_TABLES, RUN_TABLES

MESSAGE = "rows of it were lost when the store was damaged"


@dataclass(frozen=True)
class Losses:
    """Runs that lost rows and are marked failed, and what else is gone: populations, timelines and the like, by id."""

    runs: tuple[str, ...]
    gone: tuple[str, ...]


def settle_losses(
    source: duckdb.DuckDBPyConnection,
    new: duckdb.DuckDBPyConnection,
    tables: Sequence[CopiedTable],
    where: str,
) -> Losses:
    """Mark and clear, in a copy that lost rows, what they belonged to.

    Whose rows were lost is read from the source where that column can still be; else it is taken to be those whose rows
    stood next to them, and those of which none are left.
    """
    runs: set[str] = set()
    gone: set[str] = set()
    for table in tables:
        if not table.lost or len(KEYS.get(table.name, ())) < 2:
            continue
        if table.name in RESPONDENT_TABLES:
            if table.name == "consents":
                # An earlier consent, which may be wider, must not hold in place of one that was lost: all are asked for anew.
                new.execute("DELETE FROM consents")
                gone.add("all consents")
            continue
        owner = KEYS[table.name][0]
        owners, unknown = _owners(source, table, owner, where)
        if owner == "run_id":
            runs |= owners | (_without_rows(new, table.name) if unknown else set())
            continue
        for parent in (name for name, key in KEYS.items() if key == (owner,) and _has(new, name)):
            if unknown:
                query = f'SELECT {owner} FROM "{parent}" WHERE {owner} NOT IN (SELECT {owner} FROM "{table.name}")'  # noqa: S608
                owners |= {str(key) for (key,) in new.execute(query).fetchall()}
            new.execute(f'DELETE FROM "{parent}" WHERE list_contains(?, {owner})', [sorted(owners)])  # noqa: S608
        new.execute(f'DELETE FROM "{table.name}" WHERE list_contains(?, {owner})', [sorted(owners)])  # noqa: S608
        gone |= owners
    for name in RUN_TABLES:
        if _has(new, name):
            new.execute(f'DELETE FROM "{name}" WHERE run_id NOT IN (SELECT run_id FROM runs)')  # noqa: S608
    marked = new.execute(
        "UPDATE runs SET status = 'failed', message = ? WHERE status = ? AND list_contains(?, run_id) RETURNING run_id",
        [MESSAGE, COMPLETE, sorted(runs)],
    ).fetchall()
    return Losses(tuple(sorted(str(key) for (key,) in marked)), tuple(sorted(gone)))


def _owners(source: duckdb.DuckDBPyConnection, table: CopiedTable, owner: str, where: str) -> tuple[set[str], bool]:
    """Whose rows were lost, and whether some of that had to be guessed."""
    owners: set[str] = set()
    unknown = False
    for begin, end in table.lost:
        found = _read_owners(source, table.name, owner, begin, end, where)
        if found is None:
            unknown = True
            before = _read_owners(source, table.name, owner, max(0, begin - 1), begin, where) or set()
            after = _read_owners(source, table.name, owner, end, end + 1, where) or set()
            found = before | after
        owners |= found
    return owners, unknown


def _read_owners(
    source: duckdb.DuckDBPyConnection, name: str, owner: str, begin: int, end: int, where: str
) -> set[str] | None:
    try:
        with explained(where):
            return {str(key) for key in rows_between(source, name, begin, end, owner).column(owner).to_pylist()}
    except StoreError:
        return None


def _without_rows(new: duckdb.DuckDBPyConnection, name: str) -> set[str]:
    """Complete runs of a kind that has rows in this table, or of the kind "run", that have none."""
    query = (
        f'SELECT run_id FROM runs WHERE status = ? AND run_id NOT IN (SELECT run_id FROM "{name}") AND (kind = ? OR '  # noqa: S608
        f'kind IN (SELECT kind FROM runs WHERE run_id IN (SELECT run_id FROM "{name}")))'
    )
    return {str(key) for (key,) in new.execute(query, [COMPLETE, "run"]).fetchall()}


def _has(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    found = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [name]).fetchall()
    return bool(found[0][0])
