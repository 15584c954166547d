"""Interviews and answers taken in: redacted before anything is stored, with consent, and shown first where that is asked for."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path

from core.errors import InputError, one_of
from core.options import option
from core.records import content_hash
from core.respondents.consent import FICTIONAL, KINDS, REAL, RENDERED, SCOPES, Consent, Viewer
from core.respondents.interviews import Item, Redacted, redacted
from core.respondents.layouts import LAYOUTS, read_people
from core.respondents.redaction import Roster
from core.result import Result
from core.services.people.access import Grant, allow, new_code
from core.services.people.audit import now
from core.store.database import Store

#: Turns of the first people that a preview shows.
SHOWN = 6
#: Words of an interview that nobody says again by chance.
OWN_WORDS = 15


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"'{text}' is no day", where="--until", allowed="YYYY-MM-DD") from None


@dataclass(frozen=True)
class ImportRequest:
    """People of a file or folder, what they agreed to, and what is known that must be taken out of their words."""

    path: Path = option("file or folder of interviews or answers", positional=True)
    layout: str = option(f"how they are laid out: {', '.join(LAYOUTS)}", word="NAME")
    kind: str = option("real, fictional, or rendered from answers (default real)", REAL, word="KIND")
    basis: str = option("ground of the consent, such as 'signed form, version 2'", "", word="TEXT")
    scope: tuple[str, ...] = option(
        f"what they agreed to: {', '.join(SCOPES)}", ("aggregate",), parse=_words, word="A,B"
    )
    tier: str = option("the lowest tier that may see one of them alone: open, reviewed, steward", "reviewed")
    until: date | None = option("last day of the consent", None, parse=_day, word="DATE")
    roster: Path | None = option("names to take out: a name to a line, or KIND,name; never stored", None, word="FILE")
    items: Path | None = option("the questions of a table of answers", None, word="FILE")
    people: Path | None = option("attributes of the people, a row each, by the same ids", None, word="FILE")
    study: str | None = option("the study that they belong to", None, word="STUDY")
    language: str = option("language of the interviews (default en)", "en", word="CODE")
    licence: str = option("licence of the interviews", "", word="TEXT")

    def __post_init__(self) -> None:
        one_of(self.kind, KINDS, what="kind", where="--kind")
        if self.kind == REAL and not self.basis.strip():
            raise InputError("people were asked, and no consent is named", where="import", allowed="--basis TEXT")

    def consent(self) -> Consent:
        """What is stored of their consent; invented people agree to all."""
        invented = self.kind != REAL
        return Consent(
            tuple(SCOPES) if invented else self.scope,
            "open" if invented else self.tier,
            self.basis.strip() or f"{self.kind}: nobody was asked",
            now(),
            None if self.until is None else datetime.combine(self.until, time.max),
        )


@dataclass(frozen=True, kw_only=True)
class PreviewTurn:
    """A turn as it would be stored."""

    speaker: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ImportedPerson:
    """A person of an import: the id and code (both "" in a preview; the code is told this once), and what there is of them."""

    subject: str
    label: str
    code: str
    turns: int
    words: int
    answers: int
    redactions: dict[str, int]
    shown: tuple[PreviewTurn, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ImportReport(Result):
    """What was taken in, or with `preview` what would be; `redactions` are counts by kind over all."""

    preview: bool
    people_kind: str
    layout: str
    people: tuple[ImportedPerson, ...]
    items: int
    redactions: dict[str, int]
    scope: tuple[str, ...]
    tier: str


def preview_import(request: ImportRequest) -> ImportReport:
    """What an import would store. Nothing is written, not even a row in the log."""
    found, items = _read(request)
    people = tuple(_reported(item, f"Person {place}", shown=SHOWN) for place, item in enumerate(found, start=1))
    return _report(request, people, found, items, preview=True)


def import_people(store: Store, request: ImportRequest, viewer: Viewer) -> ImportReport:
    """Take people in, all or none. Raises InputError as `read_people` and where an interview is in the bank already;
    AccessRefused where the viewer is no steward."""
    found, items = _read(request)
    grant = allow(store, viewer, "import", [], query=request.layout)
    return _report(request, store_people(grant, request, found, items), found, items, preview=False)


def import_fictional(store: Store, viewer: Viewer) -> ImportReport:
    """Take in Meridia's sixty fictional interviews with their answers on two occasions. Raises as `import_people`."""
    from core.synthetic.meridia_interviews import fictional_interviews

    made = fictional_interviews()
    request = ImportRequest(Path("Meridia"), "turns", FICTIONAL, study="meridia", licence="MIT")
    found = [redacted(person) for person in made.people]
    grant = allow(store, viewer, "import", [], query=FICTIONAL)
    return _report(request, store_people(grant, request, found, made.items), found, made.items, preview=False)


def store_people(
    grant: Grant, request: ImportRequest, found: Sequence[Redacted], items: Sequence[Item]
) -> tuple[ImportedPerson, ...]:
    """Write redacted people into the bank in one transaction."""
    tables, at, consent = grant.tables, now(), request.consent()
    stored = tables.read("interviews", columns=["content_hash", "source"])
    known, source = (
        set(stored["content_hash"]),
        f"{request.layout} {content_hash([item.content_hash for item in found])[:16]}",
    )
    if source in set(stored["source"]):
        raise InputError("is in the bank already", where=request.path.name)
    begun = len(tables.read("subjects", columns=["subject_id"]))
    reported = []
    rows: dict[str, list[dict[str, object]]] = {
        name: [] for name in ("subjects", "consents", "interviews", "turns", "answers")
    }
    for place, item in enumerate(found, start=1):
        person, key = item.person, item.content_hash
        if person.words >= OWN_WORDS and not person.rendered:
            # Few words, and codes, may well be said by two.
            if key in known:
                raise InputError("is in the bank already", where=f"{request.path.name}, person {place}")
            known.add(key)
        subject_id, interview_id = f"subject-{secrets.token_hex(8)}", f"interview-{secrets.token_hex(8)}"
        code, code_hash = new_code()
        label = f"Person {begun + place}"
        rows["subjects"].append(
            {
                "subject_id": subject_id, "label": label, "kind": request.kind, "study_id": request.study,
                "deceased": False, "attributes": dict(person.attributes), "code_hash": code_hash, "created_at": at,
            }
        )  # fmt: skip
        rows["consents"].append(consent_row(subject_id, consent, 1))
        rows["interviews"].append(
            {
                "interview_id": interview_id, "subject_id": subject_id,
                "mode": RENDERED if person.rendered else "imported", "status": "done", "language": request.language,
                "started_at": at, "ended_at": at, "words": person.words, "redactions": dict(item.counts),
                "content_hash": key, "source": source, "licence": request.licence,
            }
        )  # fmt: skip
        rows["turns"] += [
            {**vars(turn), "interview_id": interview_id, "subject_id": subject_id} for turn in person.turns
        ]
        rows["answers"] += [{**vars(answer), "subject_id": subject_id} for answer in person.answers]
        reported.append(replace(_reported(item, label), subject=subject_id, code=code))
    with tables.transaction():
        asked = set(tables.read("items", columns=["item_id"])["item_id"])
        tables.append(
            "items", [{**vars(item), "options": list(item.options)} for item in items if item.item_id not in asked]
        )
        for name, made in rows.items():
            tables.append(name, made)
    return tuple(reported)


def consent_row(subject_id: str, consent: Consent, version: int) -> dict[str, object]:
    """A consent as the store keeps it, with a hash of what it says."""
    said = {**vars(consent), "scope": list(consent.scope)}
    return {
        **said,
        "consent_id": f"consent-{secrets.token_hex(8)}",
        "subject_id": subject_id,
        "version": version,
        "signed_hash": content_hash({**said, "subject_id": subject_id, "version": version}),
    }


def _read(request: ImportRequest) -> tuple[list[Redacted], tuple[Item, ...]]:
    read = read_people(request.path, request.layout, request.items, request.people)
    roster = Roster()
    if request.roster is not None:
        if not request.roster.is_file():
            raise InputError("there is no such file", where=str(request.roster), allowed="a list of names")
        roster = Roster.from_text(request.roster.read_text(encoding="utf-8-sig"), request.roster.name)
    # What the file calls a person is a name that may stand in the words.
    return [redacted(person, roster) for person in read.people], read.items


def _reported(item: Redacted, label: str, shown: int = 0) -> ImportedPerson:
    person = item.person
    return ImportedPerson(
        subject="", label=label, code="", turns=len(person.turns), words=person.words, answers=len(person.answers),
        redactions=dict(item.counts),
        shown=tuple(PreviewTurn(speaker=turn.speaker, text=turn.text) for turn in person.turns[:shown]),
    )  # fmt: skip


def _report(
    request: ImportRequest,
    people: tuple[ImportedPerson, ...],
    found: Sequence[Redacted],
    items: Sequence[Item],
    *,
    preview: bool,
) -> ImportReport:
    counts: Counter[str] = Counter()
    for item in found:
        counts.update(item.counts)
    consent = request.consent()
    return ImportReport(
        preview=preview, people_kind=request.kind, layout=request.layout, people=people, items=len(items),
        redactions=dict(sorted(counts.items())), scope=consent.scope, tier=consent.tier,
    )  # fmt: skip
