"""The store's file for commands: check, back up, restore, write anew; and the deletion of runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.store.database import Store
from core.store.upkeep import StoreCheck, check_store, restore_store


def check_values(path: Path) -> dict[str, Any]:
    """What `check_store` found, in JSON's own types, and what can be done about it."""
    found = check_store(path)
    return {
        "file": str(path),
        "bytes": found.bytes,
        "sound": found.sound,
        "opens": found.opens,
        "problem": found.problem,
        "damaged_at": list(found.damaged),
        "tables": [
            {"table": item.name, "rows": item.rows, "readable": item.copied} for item in found.tables if item.rows
        ],
        "advice": _advice(found),
    }


def _advice(found: StoreCheck) -> str | None:
    if found.sound:
        return None
    whole = found.opens and all(table.whole for table in found.tables)
    if whole:
        return (
            "Every row can be read: free space or an index is damaged. `policytwin store compact` writes the file anew."
        )
    if found.opens:
        return (
            f"`policytwin store restore {found.path} --db {found.path}` saves the rows that can be read and keeps this file "
            "under another name. Or restore a backup."
        )
    return (
        f"`policytwin store restore {found.path} --db {found.path}` saves what it can and keeps this file under another name. "
        "Where it can save nothing, restore a backup."
    )


def restore_values(source: Path, path: Path, *, replace: bool) -> dict[str, Any]:
    """What `restore_store` did, in JSON's own types."""
    done = restore_store(source, path, replace=replace)
    return {
        "file": str(done.path),
        "from": str(done.source),
        "kept": None if done.kept is None else str(done.kept),
        "mended_at": list(done.mended),
        "log_lost": done.log_lost,
        "tables": [{"table": item.name, "rows": item.rows, "saved": item.copied} for item in done.tables if item.rows],
        "runs_with_losses": list(done.losses.runs),
        "gone": list(done.losses.gone),
    }


def runs_on(store: Store, run_ids: Sequence[str]) -> list[str]:
    """The results that were made on these runs, and on those in turn; InputError for an unknown run."""
    for run_id in run_ids:
        store.run(run_id)
    found = store.runs()
    bases = {str(row["run_id"]): row["record"]["parameters"].get("of_run") for row in found.to_dict("records")}
    wanted, hanging = set(run_ids), list[str]()
    while True:
        more = [run_id for run_id, base in bases.items() if base in wanted and run_id not in wanted]
        if not more:
            return hanging
        wanted |= set(more)
        hanging += more


def delete_runs(store: Store, run_ids: Sequence[str], *, dependents: bool) -> dict[str, Any]:
    """Delete runs with all they stored, all or none; `dependents` deletes what was made on them too.

    A model's answers stay in the cache. InputError for an unknown run, one that is running, and without `dependents` one on
    which results were made.
    """
    run_ids = list(dict.fromkeys(run_ids))
    hanging = runs_on(store, run_ids)
    if hanging and not dependents:
        raise InputError(
            f"{len(hanging)} results were made on it: {', '.join(hanging[:5])}{' …' if len(hanging) > 5 else ''}",
            where=f"run {run_ids[0]}" if len(run_ids) == 1 else "these runs",
            allowed="--dependents, which deletes them too",
        )
    with store.transaction():
        for run_id in (*hanging, *run_ids):
            store.delete_run(run_id)
    return {"deleted": [*run_ids, *hanging]}
