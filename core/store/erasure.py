"""One person's traces out of a store's tables, and out of copies of a store.

What was made of a person is known in two ways: `subject_traces` names it, and what the person said is looked for, piece by
piece, in every other table. Deleted text stays in a DuckDB file until the file is written anew, so a copy is marked in the
same transaction in which rows go, and the mark goes with the new file: a killed process leaves no copy that looks done.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb

from core.errors import StoreDamaged
from core.store.blocks import is_duckdb
from core.store.connections import connect_file, owner_only
from core.store.copying import copy_store
from core.store.failures import explained
from core.store.migrations import version_of
from core.store.schema import RESPONDENT_TABLES, RUN_TABLES

#: What stands where a withdrawn person's words were quoted.
WITHDRAWN = "[withdrawn]"
#: What a run says that a withdrawn person's answers went into.
MARK = "used answers of a person who has since withdrawn; make it again"
#: Characters of a piece of text that is looked for: a shorter one may be anybody's.
SHORTEST_PIECE = 20
#: Pieces looked for at once.
_TOGETHER = 200
#: Rows that name a withdrawn person by a random id and hold nothing that was said.
_KEPT = ("audit_subjects", "withdrawals")
REWRITING = "rewriting"
_PREFIX = ".policytwin-"


def pieces(texts: Iterable[str]) -> tuple[str, ...]:
    """The parts of texts that stand alike in plain text and inside JSON, sentence by sentence, the longest first."""
    found = {
        part.strip() for text in texts for part in re.split(r"[^ !#-\[\]-~]+|(?<=[.!?])\s+", text) if part is not None
    }
    return tuple(sorted((part for part in found if len(part) >= SHORTEST_PIECE), key=lambda part: (-len(part), part)))


def own_pieces(cursor: duckdb.DuckDBPyConnection, subject_id: str) -> tuple[str, ...]:
    """What this person alone said, in pieces; what others said in the same words is not looked for."""
    found = pieces(_said(cursor, subject_id))
    if not found:
        return ()
    # Interviewers' questions and stock phrases are in many interviews.
    others = cursor.execute(
        "SELECT piece FROM (SELECT unnest(?) AS piece) WHERE EXISTS "
        "(SELECT 1 FROM turns WHERE (subject_id <> ? OR speaker <> 'subject') AND contains(text, piece))",
        [list(found), subject_id],
    ).fetchall()
    shared = {piece for (piece,) in others}
    return tuple(piece for piece in found if piece not in shared)


def _said(cursor: duckdb.DuckDBPyConnection, subject_id: str) -> list[str]:
    found = cursor.execute(
        "SELECT text FROM turns WHERE subject_id = ? AND speaker = 'subject' UNION "
        "SELECT text FROM answers WHERE subject_id = ? AND text IS NOT NULL",
        [subject_id, subject_id],
    ).fetchall()
    return sorted(text for (text,) in found)


def erase(cursor: duckdb.DuckDBPyConnection, subject_id: str, said: Sequence[str], stand_in: str) -> Counter[str]:
    """Delete a person's rows, and what is traced to the person, inside a transaction; rows gone or changed by table.

    `stand_in` takes the person's place in groups whose counts were released: their size must stay known, so that no later
    count shows by its difference whose answer went. Runs that others went into too stay, and are marked.
    """
    gone: Counter[str] = Counter()
    tables = _columns(cursor)
    texts = _said(cursor, subject_id)
    traces: dict[str, list[str]] = {}
    for kind, reference in cursor.execute(
        "SELECT kind, reference FROM subject_traces WHERE subject_id = ?", [subject_id]
    ).fetchall():
        traces.setdefault(kind, []).append(reference)
    for kind, (table, column) in {"call": ("llm_calls", "key"), "input": ("input_texts", "content_hash")}.items():
        gone[table] += _delete(cursor, table, column, traces.get(kind, []))
    gone["observations"] += _delete(cursor, "observations", "content_hash", traces.get("input", []))
    for reference in traces.get("persona", []):
        gone.update(_erase_persona(cursor, *reference.rsplit("/", 1)))
    for run_id in traces.get("result", []):
        for table in (*RUN_TABLES, "runs"):
            gone[table] += _delete(cursor, table, "run_id", [run_id])
    _mark(cursor, traces.get("run", []))
    for table, columns in tables.items():
        if "subject_id" in columns and table not in _KEPT:
            gone[table] += _delete(cursor, table, "subject_id", [subject_id])
    cursor.execute(
        "UPDATE released_groups SET members = replace(members::VARCHAR, ?, ?)::JSON",
        [f'"{subject_id}"', f'"{stand_in}"'],
    )
    gone.update(_erase_words(cursor, tables, said, texts))
    return Counter({table: count for table, count in gone.items() if count})


def erase_from_copy(path: Path, subject_id: str, said: Sequence[str], stand_in: str) -> bool:
    """Take a person out of a backup or an old file of a store and write it anew; whether it held anything of the person.

    False for what is no store with respondents. Raises StoreError where another process has it open, StoreDamaged where it cannot
    be read as a whole: then it is as it was.
    """
    if not path.is_file() or not is_duckdb(path):
        return False
    connection = connect_file(path)
    try:
        with owner_only(), explained(str(path)):
            # What a killed process wrote last is in the log beside, which goes when the connection closes.
            if not version_of(connection) or "withdrawals" not in _columns(connection):
                return False
            if not _holds(connection, subject_id):
                return False
            connection.execute("BEGIN TRANSACTION")
            erase(connection, subject_id, (*said, *own_pieces(connection, subject_id)), stand_in)
            connection.execute("DELETE FROM withdrawals WHERE subject_id = ?", [subject_id])
            connection.execute(
                "INSERT INTO withdrawals VALUES (?, ?, now() AT TIME ZONE 'UTC', NULL, NULL)", [subject_id, REWRITING]
            )
            connection.execute("COMMIT")
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=".policytwin-") as folder:
                new = Path(folder) / path.name
                copy_store(connection, new, where=str(path))
                connection.execute("CHECKPOINT")
                connection.close()
                _settle(new, subject_id)
                os.replace(new, path)
    finally:
        connection.close()
    return True


def _settle(path: Path, subject_id: str) -> None:
    """Mark a new copy as done, before it takes its place."""
    connection = connect_file(path)
    try:
        connection.execute("UPDATE withdrawals SET state = 'done' WHERE subject_id = ?", [subject_id])
        connection.execute("CHECKPOINT")
    finally:
        connection.close()


def _holds(connection: duckdb.DuckDBPyConnection, subject_id: str) -> bool:
    (held,) = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM subjects WHERE subject_id = ?) OR EXISTS (SELECT 1 FROM turns WHERE subject_id = ?) "
        "OR EXISTS (SELECT 1 FROM answers WHERE subject_id = ?) "
        "OR EXISTS (SELECT 1 FROM withdrawals WHERE subject_id = ? AND state <> 'done')",
        [subject_id] * 4,
    ).fetchall()[0]
    return bool(held)


def copies_beside(path: Path) -> list[Path]:
    """Every other DuckDB file in a store's folder."""
    near = [item for item in path.parent.iterdir() if item.is_file() and not item.is_symlink()]
    return sorted(item for item in near if item != path and not item.name.startswith(_PREFIX) and _is_duckdb(item))


def leftovers(paths: Sequence[Path]) -> list[Path]:
    """What killed processes left beside these files of a store while they wrote them: files and folders that nobody reads.
    Whoever has the store open is the only one who can be writing one of them."""
    found = [item for path in paths if (item := path.with_name(f"{path.name}.tmp")).exists()]
    for folder in dict.fromkeys(path.parent for path in paths):
        for item in folder.glob(f"{_PREFIX}*"):
            inside = [item, *item.rglob("*")] if item.is_dir() else [item]
            if any(path.stem in part.name for part in inside for path in paths):
                found.append(item)
    return found


def _is_duckdb(path: Path) -> bool:
    try:
        return is_duckdb(path)
    except (OSError, StoreDamaged):
        return False


def _columns(cursor: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Columns of each table with their types."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in cursor.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
    ).fetchall():
        found.setdefault(table, {})[column] = kind
    return found


def _delete(cursor: duckdb.DuckDBPyConnection, table: str, column: str, values: Sequence[str]) -> int:
    if not values:
        return 0
    # Names are the schema's own; values are bound.
    return _changed(cursor, f'DELETE FROM "{table}" WHERE "{column}" IN (SELECT unnest(?))', [list(values)])  # noqa: S608


def _changed(cursor: duckdb.DuckDBPyConnection, query: str, values: list[Any]) -> int:
    """Rows that a statement deleted or changed."""
    return sum(int(count) for (count,) in cursor.execute(query, values).fetchall())


def _mark(cursor: duckdb.DuckDBPyConnection, run_ids: Sequence[str]) -> None:
    if run_ids:
        cursor.execute("UPDATE runs SET message = ? WHERE run_id IN (SELECT unnest(?))", [MARK, list(run_ids)])


def _erase_persona(cursor: duckdb.DuckDBPyConnection, population_id: str, persona_id: str) -> Counter[str]:
    """A persona that stood for the person, with what it answered; the runs that it was in are marked."""
    gone: Counter[str] = Counter()
    named = [population_id, int(persona_id)]
    runs = [
        run_id
        for (run_id,) in cursor.execute("SELECT run_id FROM runs WHERE population_id = ?", [population_id]).fetchall()
    ]
    _mark(cursor, runs)
    gone["personas"] += _changed(cursor, "DELETE FROM personas WHERE population_id = ? AND persona_id = ?", named)
    for table in ("responses", "survey_answers"):
        query = f"DELETE FROM {table} WHERE persona_id = ? AND run_id IN (SELECT unnest(?))"  # noqa: S608 (constants)
        gone[table] += _changed(cursor, query, [int(persona_id), runs])
    return gone


def _erase_words(
    cursor: duckdb.DuckDBPyConnection, tables: dict[str, dict[str, str]], said: Sequence[str], texts: Sequence[str]
) -> Counter[str]:
    """What was said, out of the tables that name no person: a question to a model or an input goes as a whole, elsewhere the
    words alone. Rows are found by the pieces `said`; in them whole `texts` go first, so that no scraps stay between."""
    gone: Counter[str] = Counter()
    whole = ("llm_calls", "input_texts")
    quoted = {
        form for text in texts for form in (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    }
    words = [*sorted((text for text in quoted if len(text) >= SHORTEST_PIECE), key=len, reverse=True), *said]
    for begin in range(0, len(said), _TOGETHER):
        pattern = "|".join(re.sub(r"([^A-Za-z0-9 ])", r"\\\1", piece) for piece in said[begin : begin + _TOGETHER])
        for table, columns in tables.items():
            names = [name for name, kind in columns.items() if kind in ("VARCHAR", "JSON")]
            if not names or table in (*RESPONDENT_TABLES, "schema_version", "items"):
                continue
            # Names are the schema's own; what was said is bound.
            shown = [f'"{name}"::VARCHAR' for name in names]
            held = f'FROM "{table}" WHERE regexp_matches(concat_ws(chr(10), {", ".join(shown)}), $1)'
            if table in whole:
                gone[table] += _changed(cursor, f"DELETE {held}", [pattern])
                continue
            for row, *values in cursor.execute(f"SELECT rowid, {', '.join(shown)} {held}", [pattern]).fetchall():
                clean = [None if value is None else _without(value, words) for value in values]
                sets = ", ".join(f'"{name}" = ?' for name in names)
                gone[table] += _changed(cursor, f'UPDATE "{table}" SET {sets} WHERE rowid = ?', [*clean, row])  # noqa: S608
    return gone


def _without(text: str, words: Sequence[str]) -> str:
    for part in words:
        text = text.replace(part, WITHDRAWN)
    return text
