"""One DuckDB file that keeps studies, populations, timelines, runs and their results."""

from __future__ import annotations

from core.store.database import Store
from core.store.responses import responses_array, responses_table
from core.store.runs import COMPLETE, ENDED_EARLY, RUN_STATUSES, RUNNING, Chunk, StoredRun

__all__ = [
    "COMPLETE",
    "ENDED_EARLY",
    "RUNNING",
    "RUN_STATUSES",
    "Chunk",
    "Store",
    "StoredRun",
    "responses_array",
    "responses_table",
]
