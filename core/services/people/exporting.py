"""Redacted interviews and answers in files, of people who agreed to that, each file with a canary by which it is found again."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.csv_out import write_csv
from core.files_out import written_together
from core.respondents.consent import Viewer
from core.respondents.interviews import SUBJECT
from core.result import Result
from core.services.people.access import allow
from core.services.people.audit import last_hash
from core.services.people.reading import given_answers, transcripts
from core.services.people.traces import trace_files
from core.store.database import Store
from core.store.kept_files import RESPONDENTS, remember_files

INTERVIEWS, ANSWERS, MANIFEST = FILES = ("interviews.jsonl", "answers.csv", "manifest.json")


@dataclass(frozen=True, kw_only=True)
class ExportedPeople(Result):
    """Where so many people's interviews and answers were written; `log_hash` is the log's last hash at that time."""

    files: tuple[str, ...]
    people: int
    canary: str
    log_hash: str


def export_people(
    store: Store, viewer: Viewer, folder: Path, subject_ids: Sequence[str] | None = None
) -> ExportedPeople:
    """Write interviews (chat layout) and answers of everybody who agreed to that, or of those named, all files or none.

    The store notes the files first, so that they go when one of the people withdraws, also where this is cut off.
    """
    grant = allow(store, viewer, "export", subject_ids, query="files")
    tables, canary = grant.tables, f"policytwin-{secrets.token_hex(12)}"
    kinds = dict(tables.read("subjects", columns=["subject_id", "kind"]).itertuples(index=False, name=None))
    owner = dict(tables.read("interviews", columns=["interview_id", "subject_id"]).itertuples(index=False, name=None))
    head = {"canary": canary, "log_hash": last_hash(tables)}
    trace_files(grant, [folder / name for name in FILES], canary)
    with written_together(folder, "an export of respondents", _is_export) as stage:
        with (stage / INTERVIEWS).open("w", encoding="utf-8") as file:
            for interview, turns in transcripts(grant).items():
                subject = owner[interview]
                messages = [
                    {"role": "user" if turn.speaker == SUBJECT else "assistant", "content": turn.text} for turn in turns
                ]
                line = {"id": subject, "kind": kinds[subject], "synthetic": kinds[subject] != "real", **head}
                file.write(json.dumps({**line, "messages": messages}, ensure_ascii=False) + "\n")
        rows = [{**vars(answer), "synthetic": kinds[answer.subject] != "real"} for answer in given_answers(grant)]
        columns = ["subject", "item", "occasion", "code", "text", "synthetic"]
        write_csv(pd.DataFrame(rows, columns=columns).assign(canary=canary), stage / ANSWERS)
        (stage / MANIFEST).write_text(json.dumps({**head, "people": len(grant.subject_ids)}) + "\n", encoding="utf-8")
    # A file without rows has no canary: it is known by its content.
    remember_files(store, [folder / name for name in FILES], RESPONDENTS, canary)
    return ExportedPeople(
        files=tuple(str(folder / name) for name in FILES), people=len(grant.subject_ids), **head
    )  # fmt: skip


def _is_export(folder: Path) -> bool:
    try:
        return "canary" in json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
