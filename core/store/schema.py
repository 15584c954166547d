"""The store's tables: what names their rows, what they hold, and what the database says they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from core.errors import InputError, one_of

#: The columns that name a row of each table; rows are read in their order. The tables with many rows carry no primary
#: key in the database, which would cost more than the insert itself.
KEYS: Mapping[str, tuple[str, ...]] = {
    "studies": ("study_id",),
    "populations": ("population_id",),
    "personas": ("population_id", "persona_id"),
    "timelines": ("timeline_id",),
    "interventions": ("timeline_id", "position"),
    "runs": ("run_id",),
    "contexts": ("run_id", "context_id"),
    "responses": ("run_id", "context_id", "persona_id"),
    "response_chunks": ("run_id", "chunk"),
    "aggregates": ("run_id", "attribute", "level", "context_id", "behaviour"),
    "input_texts": ("content_hash",),
    "observations": ("content_hash", "date", "variable"),
    "calibrations": ("run_id", "calibrator", "behaviour"),
    "trials": ("run_id", "calibrator", "number"),
    "forecasts": ("run_id", "forecaster", "behaviour", "date"),
    "intervals": ("run_id", "behaviour", "date", "level"),
    "scores": ("run_id", "forecaster", "behaviour", "metric"),
    "sweeps": ("run_id", "level", "attribute", "attribute_level", "behaviour"),
    "drafts": ("study_id", "parent_id"),
    "backtest_rows": ("run_id", "country", "origin", "horizon"),
    "backtest_scores": ("run_id", "country", "origin", "horizon", "forecaster"),
    "backtest_intervals": ("run_id", "country", "origin", "horizon", "forecaster", "level"),
    "llm_calls": ("key",),
    "survey_answers": ("run_id", "persona_id", "sample"),
    "society_worlds": ("run_id", "arm", "seed"),
    "society_days": ("run_id", "arm", "seed", "day", "place"),
    "society_groups": ("run_id", "arm", "seed", "day", "grouped_by", "level"),
    "society_steps": ("run_id", "arm", "seed", "step"),
    "society_ledger": ("run_id", "arm", "seed", "day", "purpose"),
    "jobs": ("job_id",),
    "labels": ("object_id",),
    "subjects": ("subject_id",),
    "consents": ("subject_id", "version", "consent_id"),
    "interviews": ("subject_id", "interview_id"),
    "turns": ("interview_id", "position"),
    "items": ("item_id",),
    "answers": ("subject_id", "item_id", "occasion"),
    "audit_log": ("sequence",),
    "audit_subjects": ("sequence", "subject_id"),
    "released_groups": ("viewer", "item_id", "group_id"),
    "withdrawals": ("subject_id",),
    "subject_traces": ("subject_id", "kind", "reference"),
    "viewers": ("viewer",),
    "kept_files": ("path",),
}

#: The tables that hold what a run gives, each with a `run_id`.
RUN_TABLES: tuple[str, ...] = tuple(name for name, key in KEYS.items() if key[0] == "run_id" and name != "runs")

#: The tables that hold what people said and agreed to, and who used it: read by `core.store.respondents` alone, whose only
#: user is `core.services.people`.
RESPONDENT_TABLES: tuple[str, ...] = (
    "subjects", "consents", "interviews", "turns", "answers", "audit_log", "audit_subjects", "released_groups",
    "withdrawals", "subject_traces", "viewers",
)  # fmt: skip

#: The tables that hold what runs were made from, by its content, which several runs may share.
CONTENT_TABLES: tuple[str, ...] = tuple(name for name, key in KEYS.items() if key[0] == "content_hash")


@dataclass(frozen=True)
class Column:
    """`type` is DuckDB's name of it. `required` columns never hold a missing value; `filled` ones have a default."""

    name: str
    type: str
    required: bool
    filled: bool


@dataclass(frozen=True)
class Table:
    """A table as the open database describes it. `key` names a row and orders the rows that are read."""

    name: str
    columns: Mapping[str, Column]
    key: tuple[str, ...]

    def column(self, name: str) -> Column:
        """The column of that name. Raises InputError with the nearest name where there is none."""
        return self.columns[one_of(name, self.columns, what="column", where=f"table {self.name}")]


def describe(connection: duckdb.DuckDBPyConnection) -> dict[str, Table]:
    """Every table of `KEYS` with its columns in order. One source of truth: what the migrations made."""
    found: dict[str, dict[str, Column]] = {name: {} for name in KEYS}
    rows = connection.execute(
        "SELECT table_name, column_name, data_type, is_nullable, column_default IS NOT NULL "
        "FROM duckdb_columns() WHERE NOT internal ORDER BY table_name, column_index"
    ).fetchall()
    for table, name, kind, nullable, filled in rows:
        if table in found:
            found[table][name] = Column(name, kind, required=not nullable, filled=bool(filled))
    return {name: Table(name, columns, KEYS[name]) for name, columns in found.items()}


def table_named(tables: Mapping[str, Table], name: str) -> Table:
    """The table of that name. Raises InputError with the nearest name where there is none."""
    if not isinstance(name, str):
        raise InputError(f"a table is named by text, not by a {type(name).__name__}", where="store")
    return tables[one_of(name, tables, what="table", where="store")]
