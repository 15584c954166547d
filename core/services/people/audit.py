"""The log of who used whose words: rows that are only added, each hashed with the one before, which a participant may read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from core.respondents.consent import Viewer
from core.result import Result
from core.store.respondents import RespondentTables

#: What the first row is hashed with.
START = "0" * 64
GRANTED = "granted"
_HASHED = (
    "sequence",
    "used_at",
    "viewer",
    "tier",
    "purpose",
    "action",
    "subjects",
    "subjects_root",
    "query",
    "outcome",
)


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """A use, or one that was refused (`outcome` says why). `query` is what was asked, without values of anybody."""

    sequence: int
    at: str
    viewer: str
    tier: str
    purpose: str
    action: str
    subjects: int
    query: str
    outcome: str
    hash: str


@dataclass(frozen=True, kw_only=True)
class AccessLog(Result):
    """Rows of the log, the oldest first; of one person where `subject` is not None."""

    subject: str | None
    entries: tuple[LogEntry, ...]


@dataclass(frozen=True, kw_only=True)
class LogCheck(Result):
    """So many rows; the sequence of the first that does not fit (None where all do), and the last hash, which a later check
    can be given. `problem` is what does not fit: "hash", "order", "subjects" or "anchor"."""

    rows: int
    first_broken: int | None
    problem: str | None
    last_hash: str

    @property
    def sound(self) -> bool:
        return self.first_broken is None and self.problem is None


def now() -> datetime:
    """The time in UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def record(
    tables: RespondentTables,
    viewer: Viewer,
    action: str,
    subject_ids: Sequence[str],
    outcome: str = GRANTED,
    query: str = "",
) -> int:
    """Add a row, with the people it is about, and return its sequence. Raises StoreError where the store takes no writes."""
    people = sorted(set(subject_ids))
    with tables.transaction():
        before, previous = tables.last_log_row() or (0, START)
        sequence = before + 1
        row: dict[str, Any] = {
            "sequence": sequence,
            "used_at": now(),
            "viewer": viewer.name,
            "tier": viewer.tier,
            "purpose": viewer.purpose,
            "action": action,
            "subjects": len(people),
            "subjects_root": _root(sequence, people),
            "query": query,
            "outcome": outcome,
            "previous_hash": previous,
        }
        tables.append("audit_log", [{**row, "hash": _hash(row)}])
        tables.append("audit_subjects", [{"sequence": sequence, "subject_id": name} for name in people])
    return sequence


def verify(tables: RespondentTables, last_hash: str | None = None) -> LogCheck:
    """Whether every row fits the one before it and the people it names. A `last_hash` that somebody kept must be in it: without
    one, rows cut off at the end are not seen."""
    rows = tables.read("audit_log")
    people = tables.read("audit_subjects")
    named: dict[int, list[str]] = {}
    for key, name in zip(people["sequence"], people["subject_id"], strict=True):
        named.setdefault(int(key), []).append(str(name))
    before, expected = START, 1
    for row in rows.to_dict("records"):
        sequence = int(row["sequence"])
        problem = None
        if sequence != expected:
            problem = "order"
        elif row["previous_hash"] != before or row["hash"] != _hash(row):
            problem = "hash"
        elif _root(sequence, sorted(named.pop(sequence, []))) != row["subjects_root"]:
            problem = "subjects"
        if problem:
            return LogCheck(rows=len(rows), first_broken=expected, problem=problem, last_hash=before)
        before, expected = str(row["hash"]), expected + 1
    if named:
        return LogCheck(rows=len(rows), first_broken=min(named), problem="subjects", last_hash=before)
    if last_hash is not None and last_hash not in {START, *rows["hash"]}:
        return LogCheck(rows=len(rows), first_broken=None, problem="anchor", last_hash=before)
    return LogCheck(rows=len(rows), first_broken=None, problem=None, last_hash=before)


def entries(tables: RespondentTables, subject_id: str | None = None) -> AccessLog:
    """The whole log, or the rows that are about one person."""
    rows = tables.read("audit_log")
    if subject_id is not None:
        about = tables.read("audit_subjects", subject_id=subject_id)["sequence"]
        rows = rows[rows["sequence"].isin(set(about))]
    return AccessLog(subject=subject_id, entries=tuple(_entries(rows)))


def _entries(rows: pd.DataFrame) -> Iterable[LogEntry]:
    for row in rows.to_dict("records"):
        yield LogEntry(
            at=f"{row['used_at']:%Y-%m-%d %H:%M:%S}",
            **{name: row[name] for name in ("viewer", "tier", "purpose", "action", "query", "outcome", "hash")},
            sequence=int(row["sequence"]),
            subjects=int(row["subjects"]),
        )


def last_hash(tables: RespondentTables) -> str:
    """The hash of the last row, which every export carries."""
    return (tables.last_log_row() or (0, START))[1]


def _hash(row: Mapping[Any, Any]) -> str:
    said = {name: row[name] for name in _HASHED}
    said |= {
        "sequence": int(row["sequence"]),
        "subjects": int(row["subjects"]),
        "used_at": pd.Timestamp(row["used_at"]).isoformat(),
    }
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(f"{row['previous_hash']}\n{text}".encode()).hexdigest()


def _root(sequence: int, people: Sequence[str]) -> str:
    return hashlib.sha256(f"{sequence}\n{chr(10).join(people)}".encode()).hexdigest()
