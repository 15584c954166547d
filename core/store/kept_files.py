"""Files that were made of a store and lie elsewhere: where they are, and what tells each from another file of that name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from core.store.database import Store

BACKUP, RUN, ANSWERS, RESPONDENTS = "backup", "run", "answers", "respondents"


def file_digest(path: Path) -> str:
    """SHA-256 of a file; "" where there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remember_files(store: Store, paths: Sequence[Path], kind: str, canary: str = "") -> None:
    """Note files of a `kind` ("run:ID" of a run's export). Call it before they are written where they carry a `canary`, and after
    where they are known by their content."""
    if store.path is None:
        return
    rows = [
        {
            "path": str(path.absolute()), "kind": kind, "sha256": file_digest(path), "canary": canary,
            "made_at": datetime.now(UTC).replace(tzinfo=None),
        }
        for path in paths
    ]  # fmt: skip
    store.replace("kept_files", rows, path=[row["path"] for row in rows])


def remember_backup(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Note in an open store, before it is copied, where its backup will lie; nothing in one of an earlier version."""
    known = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'kept_files'").fetchall()
    if known:
        connection.execute(
            "INSERT OR IGNORE INTO kept_files VALUES (?, ?, '', '', now() AT TIME ZONE 'UTC')",
            [str(path.absolute()), BACKUP],
        )
