"""What was made of people's words, noted when it is made, so that it can go when one of them withdraws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.errors import one_of
from core.services.people.access import Grant
from core.store.kept_files import RESPONDENTS, remember_files

#: What can be made of a person: a question to a model (its key), an input kept for `rerun` (its hash), a persona
#: ("population/number"), a run of this person alone, one that others are in too, and a file.
TRACES = ("call", "input", "persona", "result", "run", "file")


def trace(grant: Grant, kind: str, references: Sequence[str]) -> None:
    """Note that each of these was made of every person of the grant."""
    one_of(kind, TRACES, what="trace", where="respondents")
    rows = [
        {"subject_id": name, "kind": kind, "reference": reference}
        for name in grant.subject_ids
        for reference in dict.fromkeys(references)
    ]
    with grant.tables.transaction():
        known = grant.tables.read("subject_traces", subject_id=list(grant.subject_ids), kind=kind)
        there = set(zip(known["subject_id"], known["reference"], strict=True))
        grant.tables.append(
            "subject_traces", [row for row in rows if (row["subject_id"], row["reference"]) not in there]
        )


def trace_files(grant: Grant, paths: Sequence[Path], canary: str) -> None:
    """Note files that hold the words of the people of a grant, before they are written; each carries the canary."""
    with grant.tables.transaction():
        remember_files(grant.tables.store, paths, RESPONDENTS, canary)
        trace(grant, "file", [str(path.absolute()) for path in paths])
