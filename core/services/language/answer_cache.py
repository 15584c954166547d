"""The cache of models' answers, for the command line and the dashboard: what is in it, and its file for others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.cache_file import FORMAT, export_cache, import_cache
from core.store.database import Store
from core.store.llm_calls import ANSWERED


def export_answers(store: Store, path: Path) -> dict[str, Any]:
    """Writes the store's answers to one file. Raises InputError where it cannot be written."""
    return {"file": str(path), "answers": export_cache(AnswerCache(store), path), "format": FORMAT}


def import_answers(store: Store, path: Path) -> dict[str, Any]:
    """Takes a file's answers into the store, all or none. Raises InputError for anything but a whole and right file."""
    found = import_cache(AnswerCache(store), path)
    return {"file": str(path), "answers": found.rows, "new": found.new, "known": found.rows - found.new}


def show_answers(store: Store) -> dict[str, Any]:
    """What the store's cache holds: `groups` by model, prompt version, way of asking and whether there is an answer."""
    frame = store.llm_calls_summary()
    groups = [{name: _plain(value) for name, value in row.items()} for row in frame.to_dict("records")]
    for group in groups:
        for name in ("tokens_in", "tokens_out"):
            group[name] = None if group[name] is None else int(group[name])
    good = [group["status"] == ANSWERED for group in groups]
    counts = [int(group["calls"]) for group in groups]
    return {
        "store": store.name,
        "answers": sum(count for count, answered in zip(counts, good, strict=True) if answered),
        "failures": sum(count for count, answered in zip(counts, good, strict=True) if not answered),
        "groups": groups,
    }


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, pd.Timestamp) else value
