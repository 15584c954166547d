"""What models were asked and what they answered: one row per question, kept for ever and used by every later run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from core.errors import StoreError
from core.records import decode_json
from core.store.failures import explained
from core.store.frames import Rows, to_arrow, to_frame
from core.store.schema import table_named
from core.store.tables import TableAccess

ANSWERED, FAILED = "ok", "failed"

#: Columns of what a call took.
_TAKEN = ("attempts", "seconds", "tokens_in", "tokens_out")
_WANTED, _STAGED = "wanted_keys", "staged_calls"


class CallAccess(TableAccess):
    """The table `llm_calls`: many keys are looked up at once, many answers are written at once."""

    def find_llm_calls(
        self, keys: Iterable[str], *, columns: Sequence[str] | None = None, status: str | None = ANSWERED
    ) -> pd.DataFrame:
        """The calls of these keys, in one query however many there are; keys that are unknown have no row.

        `status` chooses "ok" (the default) or "failed" calls, None both; `columns` chooses columns. Rows are ordered by
        key. Raises InputError for an unknown column.
        """
        table = table_named(self.tables, "llm_calls")
        names = list(table.columns) if columns is None else [table.column(name).name for name in columns]
        wanted = pa.table({"key": pa.array(list(dict.fromkeys(keys)), pa.string())})
        chosen = ", ".join(f'llm_calls."{name}"' for name in names)
        query = f"SELECT {chosen} FROM llm_calls JOIN {_WANTED} USING (key)"  # noqa: S608 (names are the schema's own)
        parameters = []
        if status is not None:
            query += " WHERE status = ?"
            parameters = [status]
        query += " ORDER BY key"
        self._check_open()
        with explained(self.name):
            current = self._shared.current.cursor
            if current is not None:
                return to_frame(_joined(current, wanted, query, parameters), table)
            with self._fresh_cursor() as cursor:
                return to_frame(_joined(cursor, wanted, query, parameters), table)

    def keep_llm_calls(self, rows: Rows, *, constants: Mapping[str, Any] | None = None) -> int:
        """Stores calls in one transaction, and returns how many were new or took the place of a failure.

        An answer that is stored stays as it is: the same key again changes nothing, and a failure never replaces an
        answer. A failed call is replaced by any later call of its key; what it took is added where both are of one run, so
        that a run's calls and tokens are all counted. Of several rows of one key the first answer
        counts, or where there is none the last failure. Raises InputError for rows that do not fit the table.
        """
        table = table_named(self.tables, "llm_calls")
        staged = to_arrow(rows, table, constants=constants)
        if staged.num_rows == 0:
            self._check_open()
            return 0
        staged = _one_per_key(staged)
        names = ", ".join(f'"{name}"' for name in staged.column_names)
        updates = ", ".join(f'"{name}" = {_later(name, staged)}' for name in table.columns if name != "key")
        query = (
            f"INSERT INTO llm_calls ({names}) SELECT {names} FROM {_STAGED} "  # noqa: S608 (names are the schema's own)
            f"ON CONFLICT (key) DO UPDATE SET {updates} WHERE llm_calls.status = '{FAILED}'"
        )
        with self.transaction() as cursor, explained("table llm_calls", self.name):
            cursor.register(_STAGED, staged)
            try:
                row = cursor.execute(query).fetchone()
            finally:
                with suppress(duckdb.Error):
                    cursor.unregister(_STAGED)
        return int(row[0]) if row else 0

    def forget_llm_calls(self, keys: Iterable[str]) -> int:
        """Deletes the calls of these keys, and returns how many there were."""
        wanted = pa.table({"key": pa.array(list(dict.fromkeys(keys)), pa.string())})
        with self.transaction() as cursor, explained("table llm_calls", self.name):
            cursor.register(_WANTED, wanted)
            try:
                row = cursor.execute(
                    f"DELETE FROM llm_calls WHERE key IN (SELECT key FROM {_WANTED})"  # noqa: S608 (a constant)
                ).fetchone()
            finally:
                with suppress(duckdb.Error):
                    cursor.unregister(_WANTED)
        return int(row[0]) if row else 0

    def llm_calls_summary(self) -> pd.DataFrame:
        """One row per engine, model, base_url, prompt_version, design and status.

        Columns besides these: `calls`, `attempts`, `tokens_in`, `tokens_out`, `model_ids` (how many distinct ids
        answered), `first_asked` and `last_asked` (UTC). Tokens are NaN where no reply gave them.
        """
        query = (
            "SELECT engine, model, base_url, prompt_version, design, status, count(*) AS calls, "
            "sum(attempts)::BIGINT AS attempts, sum(tokens_in)::DOUBLE AS tokens_in, "
            "sum(tokens_out)::DOUBLE AS tokens_out, count(DISTINCT model_id) AS model_ids, "
            "min(asked_at) AS first_asked, max(asked_at) AS last_asked FROM llm_calls "
            "GROUP BY ALL ORDER BY engine, model, base_url, prompt_version, design, status"
        )
        self._check_open()
        with explained(self.name), self._fresh_cursor() as cursor:
            return cursor.sql(query).df()

    def llm_recordings(self) -> pd.DataFrame:
        """The ways in which models were asked that can be replayed: one row for each that has answers, the latest first.

        Columns: engine, model, base_url, parameters (a dict: temperature, max_output_tokens, seed), prompt_version, design,
        `samples` (how many of each question at most), `answers`, `last_asked` (UTC).
        """
        query = (
            "SELECT engine, model, base_url, parameters::VARCHAR AS parameters, prompt_version, design, "
            "max(sample) + 1 AS samples, count(*) AS answers, max(asked_at) AS last_asked FROM llm_calls "
            "WHERE status = ? GROUP BY ALL ORDER BY last_asked DESC, model, design"
        )
        self._check_open()
        with explained(self.name), self._fresh_cursor() as cursor:
            found = cursor.sql(query, params=[ANSWERED]).df()
        return found.assign(parameters=[decode_json(text) for text in found["parameters"]])

    def check_apart(self) -> None:
        """Raises StoreError where this thread is inside a transaction, for which another thread's write would wait."""
        self._check_open()
        if self._shared.current.cursor is not None:
            raise StoreError(f"{self.name}: models cannot be asked inside a transaction.")


def _later(name: str, staged: pa.Table) -> str:
    """What a column of a failed call becomes, in SQL: the later call's own, and nothing of the failure but what it took."""
    if name not in staged.column_names:
        return "NULL"
    later = f'EXCLUDED."{name}"'
    if name not in _TAKEN or "run_id" not in staged.column_names:
        return later
    both = f'coalesce(llm_calls."{name}" + EXCLUDED."{name}", EXCLUDED."{name}", llm_calls."{name}")'
    return f"CASE WHEN llm_calls.run_id = EXCLUDED.run_id THEN {both} ELSE {later} END"


def _joined(cursor: duckdb.DuckDBPyConnection, wanted: pa.Table, query: str, parameters: list[Any]) -> pa.Table:
    cursor.register(_WANTED, wanted)
    try:
        return cursor.sql(query, params=parameters).to_arrow_table()
    finally:
        with suppress(duckdb.Error):
            cursor.unregister(_WANTED)


def _one_per_key(staged: pa.Table) -> pa.Table:
    # One statement may not change a row twice.
    chosen: dict[str, tuple[int, str]] = {}
    keys, statuses = staged.column("key").to_pylist(), staged.column("status").to_pylist()
    for position, (key, status) in enumerate(zip(keys, statuses, strict=True)):
        if key not in chosen or chosen[key][1] == FAILED:
            chosen[key] = (position, status)
    if len(chosen) == staged.num_rows:
        return staged
    return staged.take([position for position, _ in chosen.values()])
