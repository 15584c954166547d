"""Validated access to the tables: append, read, delete, replace, and transactions.

Names of tables and columns are checked against the open database and quoted; everything else is bound as a parameter or
handed over as Arrow. No text from a file, a model or a person ever becomes SQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from core.errors import InputError, StoreError, nearest
from core.store.connections import SharedConnection, owner_only
from core.store.failures import explained
from core.store.frames import Rows, bindable, to_arrow, to_frame
from core.store.schema import RESPONDENT_TABLES, RUN_TABLES, Table, table_named

_STAGED = "staged_rows"


class TableAccess:
    """Reads and writes rows of one open database. Safe to share between threads.

    Every call works on its own cursor, or on that of the transaction its thread is in. A write outside a transaction is
    one by itself. Transactions wait for one another; reads wait for nobody and see only what is committed.
    """

    #: Whether these are what people said and agreed to, which only access with a grant may read.
    respondents = False

    def __init__(self, shared: SharedConnection) -> None:
        self._shared = shared
        self._closed = False

    @property
    def name(self) -> str:
        """The file's path, or "the store in memory"."""
        return self._shared.name

    @property
    def tables(self) -> Mapping[str, Table]:
        """Every table with its columns, as the open database describes them."""
        return self._shared.tables

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor inside a transaction: committed at the end, rolled back when anything is raised.

        Within one thread a transaction inside another joins it, and `append`, `read`, `replace` and `delete` take part
        without being told. If an inner one fails, the outer one cannot be committed any more (StoreError).
        """
        self._check_open()
        if self._shared.refuses_writes:
            raise StoreError(f"{self.name} is open for reading only: nothing is kept, changed or deleted here.")
        current = self._shared.current
        if current.cursor is not None:
            try:
                yield current.cursor
            except BaseException:
                current.doomed = True
                raise
            return
        with self._shared.writer, explained(self.name), self._fresh_cursor() as cursor:
            cursor.execute("BEGIN TRANSACTION")
            current.cursor, current.doomed = cursor, False
            try:
                yield cursor
                if current.doomed:
                    raise StoreError(
                        f"{self.name}: a part of the transaction failed, so that nothing of it was stored."
                    )
                with owner_only():
                    cursor.execute("COMMIT")
                    self._shared.commits += 1
            except BaseException:
                # DuckDB has already rolled back where the failure was its own.
                with suppress(duckdb.Error):
                    cursor.execute("ROLLBACK")
                raise
            finally:
                current.cursor = None

    def append(
        self,
        table: str,
        rows: Rows,
        *,
        cursor: duckdb.DuckDBPyConnection | None = None,
        constants: Mapping[str, Any] | None = None,
    ) -> int:
        """Adds rows to a table, by the names of their columns, and returns how many.

        `rows` is a frame (a named index counts as columns), an Arrow table, or a list of mappings. JSON columns take
        Python objects. Columns that may be missing can be left out. `constants` fills columns with one value each.
        Raises InputError for an unknown table or column, for values a column cannot hold, and for a key that exists.
        """
        described = self._described(table)
        staged = to_arrow(rows, described, constants=constants)
        self._check_open()
        if staged.num_rows == 0:
            return 0
        if cursor is not None:
            self._insert(cursor, described, staged)
        else:
            with self.transaction() as own:
                self._insert(own, described, staged)
        return int(staged.num_rows)

    def read(
        self,
        table: str,
        /,
        *,
        columns: Sequence[str] | None = None,
        unfinished: bool = False,
        **equals: Any,
    ) -> pd.DataFrame:
        """Rows of a table whose columns equal what is given, ordered by the table's key.

        A list, set or array means any of its values; None and NaN mean missing. `columns` chooses columns. Of tables
        that hold a run's results only rows of complete runs are given, unless `unfinished`. Text is `str`, days and
        times `datetime64[us]`, JSON Python objects, lists arrays; missing numbers are NaN.
        Raises InputError for an unknown table or column and for a value of another type than its column.
        """
        arrow = self.read_arrow(table, columns=columns, unfinished=unfinished, **equals)
        return to_frame(arrow, table_named(self.tables, table))

    def read_arrow(
        self,
        table: str,
        /,
        *,
        columns: Sequence[str] | None = None,
        unfinished: bool = False,
        **equals: Any,
    ) -> pa.Table:
        """`read` without the conversion to pandas (JSON stays text): for tables with many rows."""
        described = self._described(table)
        names = list(described.columns) if columns is None else [described.column(name).name for name in columns]
        where, parameters = self._conditions(described, equals)
        if described.name in RUN_TABLES and not unfinished:
            where.append("run_id IN (SELECT run_id FROM runs WHERE status = 'complete')")
        query = f"SELECT {_quoted(names)} FROM {_quoted([described.name])}"  # noqa: S608 (names are the schema's own)
        query += f" WHERE {' AND '.join(where)}" if where else ""
        query += f" ORDER BY {_quoted(described.key)}"
        self._check_open()
        with explained(self.name):
            current = self._shared.current.cursor
            if current is not None:
                return current.sql(query, params=parameters).to_arrow_table()
            with self._fresh_cursor() as cursor:
                return cursor.sql(query, params=parameters).to_arrow_table()

    def delete(self, table: str, /, **equals: Any) -> int:
        """Deletes the rows whose columns equal what is given (as in `read`), and returns how many.

        Raises InputError where nothing is given: no call empties a table by accident.
        """
        described = self._described(table)
        if not equals:
            raise InputError("no condition is given", where=f"deletion in {table}", allowed="column=value")
        where, parameters = self._conditions(described, equals)
        query = f"DELETE FROM {_quoted([described.name])} WHERE {' AND '.join(where)}"  # noqa: S608 (as in read_arrow)
        with self.transaction() as cursor:
            row = cursor.execute(query, parameters).fetchone()
        return int(row[0]) if row else 0

    def replace(self, table: str, rows: Rows, /, **equals: Any) -> int:
        """Deletes the rows that equal what is given and appends `rows`, in one transaction."""
        with self.transaction():
            self.delete(table, **equals)
            return self.append(table, rows)

    def _described(self, name: str) -> Table:
        described = table_named(self.tables, name)
        if described.name in RESPONDENT_TABLES and not self.respondents:
            raise InputError(f"table {name} holds what people said", where="store", allowed="core.services.people")
        return described

    def _insert(self, cursor: duckdb.DuckDBPyConnection, table: Table, staged: pa.Table) -> None:
        names = _quoted(staged.column_names)
        query = f"INSERT INTO {_quoted([table.name])} ({names}) SELECT {names} FROM {_STAGED}"  # noqa: S608 (as above)
        with explained(f"table {table.name}", self.name):
            cursor.register(_STAGED, staged)
            try:
                cursor.execute(query)
            finally:
                with suppress(duckdb.Error):
                    cursor.unregister(_STAGED)

    def _conditions(self, table: Table, equals: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
        where: list[str] = []
        parameters: list[Any] = []
        for name, wanted in equals.items():
            column = table.column(name)
            many = not isinstance(wanted, str | bytes | Mapping) and hasattr(wanted, "__iter__")
            values = [
                bindable(value, column, where=f"table {table.name}") for value in (list(wanted) if many else [wanted])
            ]
            present = [value for value in values if value is not None]
            choices = []
            if present:
                choices.append(f"{_quoted([name])} IN ({', '.join('?' * len(present))})")
                parameters += present
            if len(present) < len(values):
                choices.append(f"{_quoted([name])} IS NULL")
            where.append(f"({' OR '.join(choices)})" if choices else "FALSE")
        return where, parameters

    @contextmanager
    def _fresh_cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._shared.in_use():
            with explained(self.name):
                cursor = self._shared.cursor()
            try:
                yield cursor
            finally:
                with suppress(duckdb.Error):
                    cursor.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self.name} is closed.")

    def _nearest(self, value: str, table: str, column: str) -> str | None:
        return nearest(value, self.read(table, columns=[column], unfinished=True)[column])


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
