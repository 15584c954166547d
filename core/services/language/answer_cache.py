"""The cache of models' answers, for the command line and the dashboard: what is in it, and its file for others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.cache_file import FORMAT, export_cache, import_cache
from core.result import Result
from core.store.database import Store
from core.store.llm_calls import ANSWERED


@dataclass(frozen=True, kw_only=True)
class ExportedAnswers(Result):
    """So many answers in a file of this format."""

    file: str
    answers: int
    format: int


@dataclass(frozen=True, kw_only=True)
class ImportedAnswers(Result):
    """The answers of a file: `new` to the cache, and `known` already."""

    file: str
    answers: int
    new: int
    known: int


@dataclass(frozen=True, kw_only=True)
class CacheGroup:
    """Calls that asked one model in one way and ended alike, after so many `attempts`; tokens are None where no reply said them,
    `model_ids` is how many ids answered."""

    engine: str
    model: str
    base_url: str | None
    prompt_version: str
    design: str
    status: str
    calls: int
    attempts: int
    tokens_in: int | None
    tokens_out: int | None
    model_ids: int
    first_asked: str
    last_asked: str


@dataclass(frozen=True, kw_only=True)
class CacheContents(Result):
    """What the cache in `store` holds."""

    store: str
    answers: int
    failures: int
    groups: tuple[CacheGroup, ...]


def export_answers(store: Store, path: Path) -> ExportedAnswers:
    """Writes the store's answers to one file. Raises InputError where it cannot be written."""
    return ExportedAnswers(file=str(path), answers=export_cache(AnswerCache(store), path), format=FORMAT)


def import_answers(store: Store, path: Path) -> ImportedAnswers:
    """Takes a file's answers into the store, all or none. Raises InputError for anything but a whole and right file."""
    found = import_cache(AnswerCache(store), path)
    return ImportedAnswers(file=str(path), answers=found.rows, new=found.new, known=found.rows - found.new)


def show_answers(store: Store) -> CacheContents:
    """What the store's cache holds, by model, prompt version, way of asking and whether there is an answer."""
    rows = store.llm_calls_summary()
    for name in ("first_asked", "last_asked"):
        rows[name] = [value.isoformat() for value in rows[name]]
    rows = rows.astype(object)
    known = rows.where(pd.notna(rows), None).to_dict("records")
    groups = tuple(
        CacheGroup(
            **{str(name): value for name, value in row.items() if name not in ("tokens_in", "tokens_out")},
            tokens_in=None if row["tokens_in"] is None else int(row["tokens_in"]),
            tokens_out=None if row["tokens_out"] is None else int(row["tokens_out"]),
        )
        for row in known
    )
    answered = sum(group.calls for group in groups if group.status == ANSWERED)
    return CacheContents(
        store=store.name,
        answers=answered,
        failures=sum(group.calls for group in groups) - answered,
        groups=groups,
    )
