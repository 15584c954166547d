"""Interviews that are held here, by a script and without a model: each answer is redacted and stored before the next question."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import InputError
from core.records import content_hash
from core.respondents.consent import FICTIONAL, REAL, SCOPES, Consent, Viewer
from core.respondents.interviews import INTERVIEWER, LONGEST_TURN, SUBJECT, Turn
from core.respondents.redaction import Redactor, Roster
from core.respondents.scripts import NextTurn, Script, load_script, next_turn
from core.result import Result
from core.services.people.access import allow, new_code
from core.services.people.audit import now
from core.services.people.importing import consent_row
from core.store.database import Store
from core.store.respondents import RespondentTables

OPEN, DONE = "open", "done"
#: How many of a script's questions are sensitive ones is kept beside its id.
_SENSITIVE = "+sensitive"


@dataclass(frozen=True, kw_only=True)
class SpokenTurn:
    position: int
    speaker: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Session(Result):
    """An interview as it stands: its turns, the last of which is the question to be answered unless `ended`. `code` is the
    person's, told when the interview begins and "" afterwards; `question` of `questions` is being asked."""

    interview: str
    subject: str
    script: str
    title: str
    turns: tuple[SpokenTurn, ...]
    ended: bool
    question: int
    questions: int
    code: str = ""


def start_interview(
    store: Store,
    viewer: Viewer,
    script: str | Path,
    scope: Sequence[str],
    basis: str,
    *,
    tier: str = "reviewed",
    kind: str = REAL,
    sensitive: bool = False,
) -> Session:
    """A new person and an interview with the first question. The consent, typed or by a form, is stored before it.

    InputError for an unknown script, scope or tier, and without a ground; AccessRefused for who is no steward.
    """
    known = load_script(script, sensitive=sensitive)
    consent = Consent(tuple(scope) if kind != FICTIONAL else tuple(SCOPES), tier, basis, now())
    grant = allow(store, viewer, "interview", [], query=known.id)
    tables, at = grant.tables, now()
    subject_id, interview_id = f"subject-{secrets.token_hex(8)}", f"interview-{secrets.token_hex(8)}"
    code, code_hash = new_code()
    with tables.transaction():
        label = f"Person {len(tables.read('subjects', columns=['subject_id'])) + 1}"
        tables.append(
            "subjects",
            [
                {
                    "subject_id": subject_id, "label": label, "kind": kind, "deceased": False, "attributes": {},
                    "code_hash": code_hash, "created_at": at,
                }
            ],
        )  # fmt: skip
        tables.append("consents", [consent_row(subject_id, consent, 1)])
        tables.append(
            "interviews",
            [
                {
                    "interview_id": interview_id, "subject_id": subject_id, "script_hash": known.content_hash,
                    "script_id": f"{script}{_SENSITIVE * sensitive}", "mode": "person", "status": OPEN, "language": "en",
                    "started_at": at, "words": 0, "redactions": {}, "content_hash": content_hash(interview_id),
                    "source": "held here", "licence": "",
                }
            ],
        )  # fmt: skip
        _append(tables, interview_id, subject_id, [], next_turn(known, []))
    return replace(_session(tables, interview_id), code=code)


def interview_session(store: Store, viewer: Viewer, interview_id: str) -> Session:
    """An interview as it stands, to go on with after a reload. AccessRefused as for transcripts."""
    tables = RespondentTables(store)
    subject = _row(tables, interview_id)["subject_id"]
    return _session(allow(store, viewer, "transcript", [subject], query="session").tables, interview_id)


def reply(store: Store, viewer: Viewer, interview_id: str, text: str, roster: Roster | None = None) -> Session:
    """Take in an answer, redacted, and ask the next question, both or neither. InputError where the interview has ended, and
    for an empty answer."""
    tables = RespondentTables(store)
    row = _row(tables, interview_id)
    if row["status"] != OPEN:
        raise InputError("has ended", where=interview_id, allowed="a new interview")
    if not text.strip() or len(text) > LONGEST_TURN:
        raise InputError(
            "says nothing" if not text.strip() else "is a book", where="answer", allowed="an answer, 'skip' or 'stop'"
        )
    grant = allow(store, viewer, "interview", [row["subject_id"]], query="answer")
    script = _script(row)
    with grant.tables.transaction():
        turns = _turns(tables, interview_id)
        redactor = Redactor(roster)
        redactor.go_on_after(turn.text for turn in turns)
        asked = turns[-1]
        said = Turn(len(turns) + 1, SUBJECT, redactor.redact(text.strip()), asked.topic, asked.question_id, None, now())
        turns = [*turns, said]
        following = next_turn(script, turns)
        counts = Counter(row["redactions"]) + redactor.counts
        words = sum(len(turn.text.split()) for turn in turns if turn.speaker == SUBJECT)
        done: dict[str, Any] = {}
        if following.ended:
            done = {"status": DONE, "ended_at": now(), "content_hash": content_hash([turn.text for turn in turns])}
        tables.replace(
            "interviews", [{**row, "redactions": dict(counts), "words": words, **done}], interview_id=interview_id
        )
        tables.append("turns", [{**vars(said), "interview_id": interview_id, "subject_id": row["subject_id"]}])
        _append(tables, interview_id, row["subject_id"], turns, following)
    return _session(tables, interview_id)


def open_sessions(store: Store, viewer: Viewer) -> tuple[Session, ...]:
    """The interviews that were begun and have not ended, the latest first."""
    tables = allow(store, viewer, "interview", [], query="open").tables
    rows = tables.read("interviews", status=OPEN).sort_values("started_at", ascending=False)
    gone = set(tables.read("withdrawals", columns=["subject_id"])["subject_id"])
    return tuple(
        _session(tables, row["interview_id"]) for row in rows.to_dict("records") if row["subject_id"] not in gone
    )


def _append(
    tables: RespondentTables, interview_id: str, subject_id: str, turns: Sequence[Turn], following: NextTurn
) -> None:
    question = following.question
    before = next((turn.position for turn in reversed(turns) if turn.speaker == INTERVIEWER), None)
    turn = Turn(
        len(turns) + 1, INTERVIEWER, following.text, None if question is None else question.topic,
        None if question is None else question.id, before if following.follow_up else None, now(),
    )  # fmt: skip
    tables.append("turns", [{**vars(turn), "interview_id": interview_id, "subject_id": subject_id}])


def _turns(tables: RespondentTables, interview_id: str) -> list[Turn]:
    def known(value: Any) -> Any:
        return None if pd.isna(value) else value

    return [
        Turn(
            int(row["position"]), row["speaker"], row["text"], known(row["topic"]), known(row["question_id"]),
            known(row["follow_up_of"]),
        )
        for row in tables.read("turns", interview_id=interview_id).to_dict("records")
    ]  # fmt: skip


def _row(tables: RespondentTables, interview_id: str) -> dict[str, Any]:
    rows = tables.read("interviews", interview_id=interview_id).to_dict("records")
    if not rows:
        raise InputError(f"no interview is called '{interview_id}'", where="respondents")
    return {
        str(name): None if name in ("ended_at", "script_id") and pd.isna(value) else value
        for name, value in rows[0].items()
    }


def _script(row: dict[str, Any]) -> Script:
    name = str(row["script_id"])
    script = load_script(name.removesuffix(_SENSITIVE), sensitive=name.endswith(_SENSITIVE))
    if script.content_hash != row["script_hash"]:
        raise InputError(
            "was changed since the interview began", where=f"script {script.id}", allowed="a new interview"
        )
    return script


def _session(tables: RespondentTables, interview_id: str) -> Session:
    row, turns = _row(tables, interview_id), _turns(tables, interview_id)
    script = _script(row)
    ids = [item.id for item in script.questions]
    asked = next((turn.question_id for turn in reversed(turns) if turn.question_id in ids), ids[0])
    return Session(
        interview=interview_id, subject=row["subject_id"], script=script.id, title=script.title,
        turns=tuple(SpokenTurn(position=turn.position, speaker=turn.speaker, text=turn.text) for turn in turns),
        ended=row["status"] != OPEN, question=ids.index(str(asked)) + 1, questions=len(ids),
    )  # fmt: skip
