"""What is read of people who were asked: lists, transcripts, single answers and shares, each for a viewer and through `allow`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.errors import one_of
from core.respondents.consent import KINDS, Viewer
from core.respondents.disclosure import exposes, rounded, suppressed
from core.respondents.interviews import CLOSED
from core.result import Result
from core.services.people.access import AccessRefused, Grant, allow, latest_consents
from core.services.people.audit import AccessLog, LogCheck, entries, record, verify
from core.store.database import Store
from core.store.respondents import RespondentTables

#: A group, and those of it who gave an answer; None is all of it.
_Cell = tuple[str, float | None]


@dataclass(frozen=True, kw_only=True)
class ListedPerson:
    """A person of the bank without anything that was said."""

    subject: str
    label: str
    kind: str
    study: str | None
    interviews: int
    turns: int
    words: int
    answers: int
    scope: tuple[str, ...]
    tier: str
    until: str | None


@dataclass(frozen=True, kw_only=True)
class Bank(Result):
    """Who is in the bank, as far as the viewer may know; `total` is exact for stewards alone, else to the nearest five, and 0
    below ten. `pending` counts withdrawals that were begun and not finished."""

    viewer: str
    tier: str
    total: int
    people: tuple[ListedPerson, ...]
    items: int
    pending: int


@dataclass(frozen=True, kw_only=True)
class SaidTurn:
    position: int
    speaker: str
    text: str
    topic: str | None
    question: str | None


@dataclass(frozen=True, kw_only=True)
class GivenAnswer:
    """An answer to an item on an occasion: its code and, where the item has options, the words of it."""

    subject: str
    item: str
    occasion: int
    code: float | None
    text: str | None


@dataclass(frozen=True, kw_only=True)
class InterviewShown:
    interview: str
    mode: str
    status: str
    script: str | None
    turns: tuple[SaidTurn, ...]
    redactions: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class PersonShown(Result):
    """All that the bank has of a person; `kind` says whether anybody was asked."""

    person: ListedPerson
    attributes: dict[str, str]
    basis: str
    interviews: tuple[InterviewShown, ...]
    answers: tuple[GivenAnswer, ...]


@dataclass(frozen=True, kw_only=True)
class Answers(Result):
    """Single answers of people who agreed to that."""

    answers: tuple[GivenAnswer, ...]


@dataclass(frozen=True, kw_only=True)
class ShareCell:
    """Of a group's people so many gave each code, in the order of `codes`; None where it is not said, for fewer than ten are in
    it or could be had from it."""

    group: str
    people: int | None
    counts: tuple[int | None, ...] | None


@dataclass(frozen=True, kw_only=True)
class Shares(Result):
    """How people answered a closed question, by an attribute where asked for; `rounded`: counts are to the nearest five."""

    item: str
    wording: str
    people_kind: str
    codes: tuple[float, ...]
    options: tuple[str, ...]
    by: str | None
    cells: tuple[ShareCell, ...]
    rounded: bool
    suppressed: int


def list_people(store: Store, viewer: Viewer) -> Bank:
    """Who is in the bank. A viewer of tier open learns a rounded number."""
    open_tier = viewer.tier == "open"
    grant = allow(store, viewer, "count" if open_tier else "list")
    tables = grant.tables
    people: tuple[ListedPerson, ...] = ()
    total = len(grant.subject_ids)
    if viewer.tier == "steward":
        grant = Grant(tables, viewer, "list", tuple(tables.read("subjects")["subject_id"]), grant.sequence)
        total = len(grant.subject_ids)
    if open_tier:
        total = rounded(total) if total >= 10 else 0
    else:
        people = _listed(grant)
    pending = (
        (tables.read("withdrawals", columns=["state"])["state"] != "done").sum() if viewer.tier == "steward" else 0
    )
    return Bank(
        viewer=viewer.name, tier=viewer.tier, total=total, people=people, items=len(tables.read("items")),
        pending=int(pending),
    )  # fmt: skip


def show_person(store: Store, viewer: Viewer, subject_id: str) -> PersonShown:
    """All of a person, for a steward."""
    grant = allow(store, viewer, "transcript", [subject_id])
    tables = grant.tables
    (row,) = tables.read("subjects", subject_id=subject_id).to_dict("records")
    consent = latest_consents(tables, [subject_id]).get(subject_id)
    spoken = transcripts(grant)
    interviews = tuple(
        InterviewShown(
            interview=item["interview_id"], mode=item["mode"], status=item["status"], script=_text(item["script_id"]),
            turns=spoken.get(item["interview_id"], ()), redactions=dict(item["redactions"]),
        )
        for item in tables.read("interviews", subject_id=subject_id).sort_values("started_at").to_dict("records")
    )  # fmt: skip
    (listed,) = _listed(grant)
    return PersonShown(
        person=listed, attributes={str(name): str(value) for name, value in row["attributes"].items()},
        basis="" if consent is None else consent.basis, interviews=interviews, answers=given_answers(grant),
    )  # fmt: skip


def transcripts(grant: Grant) -> dict[str, tuple[SaidTurn, ...]]:
    """Turns by interview, of the people of a grant for `transcript`, `ask`, `tune` or `export`."""
    one_of(grant.action, ("transcript", "ask", "tune", "export"), what="action", where="transcripts")
    rows = grant.tables.read("turns", subject_id=list(grant.subject_ids))
    return {
        str(key): tuple(
            SaidTurn(
                position=int(row["position"]), speaker=row["speaker"], text=row["text"], topic=_text(row["topic"]),
                question=_text(row["question_id"]),
            )
            for row in part.sort_values("position").to_dict("records")
        )
        for key, part in rows.groupby("interview_id", sort=True)
    }  # fmt: skip


def given_answers(grant: Grant) -> tuple[GivenAnswer, ...]:
    """Answers of the people of a grant that tells of individuals."""
    one_of(grant.action, ("answers", "transcript", "ask", "tune", "export"), what="action", where="answers")
    tables = grant.tables
    options = {row["item_id"]: list(row["options"]) for row in tables.read("items").to_dict("records")}
    return tuple(
        GivenAnswer(
            subject=row["subject_id"], item=row["item_id"], occasion=int(row["occasion"]),
            code=None if pd.isna(row["code"]) else float(row["code"]),
            text=_text(row["text"]) or _option(options.get(row["item_id"], []), row["code"]),
        )
        for row in tables.read("answers", subject_id=list(grant.subject_ids)).to_dict("records")
    )  # fmt: skip


def read_answers(store: Store, viewer: Viewer, subject_ids: Sequence[str] | None = None) -> Answers:
    """Single answers, of people who agreed to that, for a viewer who is approved."""
    return Answers(answers=given_answers(allow(store, viewer, "answers", subject_ids)))


def shares(
    store: Store,
    viewer: Viewer,
    item_id: str,
    by: str | None = None,
    where: Mapping[str, str] | None = None,
    kind: str | None = None,
) -> Shares:
    """How people answered a closed question on the first occasion: all, those for whom every `where` holds, or by an attribute.

    Real people, invented ones and those rendered from answers are never counted together: of one `kind`, by default the first
    of these that answered.

    InputError for an unknown question, attribute or value; AccessRefused where the counts, with those this viewer was told
    before, would tell of one to nine people. A steward, who may read everybody's answers, is held to small cells alone.
    """
    tables = RespondentTables(store)
    catalogue = {row["item_id"]: row for row in tables.read("items", kind=CLOSED).to_dict("records")}
    one_of(item_id, catalogue, what="question", where="shares")
    query = json.dumps({"item": item_id, "by": by, "where": sorted(where or {})}, sort_keys=True)
    grant = allow(store, viewer, "aggregate", query=query)
    answered = set(tables.read("answers", columns=["subject_id"], item_id=item_id, occasion=1)["subject_id"])
    people = tables.read("subjects", subject_id=list(grant.subject_ids))
    kinds = set(people["kind"][people["subject_id"].isin(answered)])
    if kind is None:
        kind = next((name for name in KINDS if name in kinds), KINDS[0])
    people = people[people["kind"] == one_of(kind, KINDS, what="kind", where="shares")]
    attributes = {row["subject_id"]: dict(row["attributes"]) for row in people.to_dict("records")}
    names = sorted({name for found in attributes.values() for name in found})
    for name in (*(where or {}), *([by] if by else [])):
        one_of(name, names, what="attribute", where="shares")
    for name, value in (where or {}).items():
        one_of(value, sorted({str(found.get(name)) for found in attributes.values()}), what=name, where="shares")
    rows = tables.read("answers", subject_id=list(attributes), item_id=item_id, occasion=1).dropna(subset=["code"])
    options = list(catalogue[item_id]["options"])
    # Those that anybody might give: which ones a small group gave is not said.
    codes = tuple(map(float, range(1, len(options) + 1))) if options else tuple(sorted(rows["code"].unique()))
    meant = [
        all(str(attributes[name].get(key)) == value for key, value in (where or {}).items())
        for name in rows["subject_id"]
    ]
    rows = rows[np.array(meant, dtype=bool)]
    label = rows["subject_id"].map(lambda name: str(attributes[name].get(by, "not known")) if by else "all")
    groups = {str(key): frozenset(part["subject_id"]) for key, part in rows.groupby(label)}
    said = {
        (key, code): frozenset(rows["subject_id"][(label == key) & (rows["code"] == code)])
        for key in groups
        for code in codes
    }
    hidden = suppressed({key: len(group) for key, group in groups.items()})
    small = {
        (key, code)
        for key in groups
        for code in codes
        if key in hidden or f"{code}" in suppressed({f"{other}": len(said[key, other]) for other in codes})
    }
    asked: dict[_Cell, frozenset[str]] = {(key, None): group for key, group in groups.items() if key not in hidden}
    asked |= {cell: group for cell, group in said.items() if cell not in small and group}
    told = frozenset(asked) if viewer.tier == "steward" else _told(tables, viewer, item_id, asked)
    if asked and not any(code is None for _, code in told):
        why = "with what was told before, it would tell of fewer than ten people"
        record(tables, viewer, "aggregate", [], f"refused: {why}", query)
        raise AccessRefused(f"aggregate is refused: {why}", where="respondents", allowed="larger groups")

    def count(cell: _Cell, group: frozenset[str]) -> int | None:
        if cell not in told and (group or cell in small):
            return None
        return rounded(len(group)) if viewer.tier == "open" else len(group)

    cells = [
        ShareCell(
            group=key,
            people=count((key, None), group),
            counts=tuple(count((key, code), said[key, code]) for code in codes),
        )
        if (key, None) in told
        else ShareCell(group=key, people=None, counts=None)
        for key, group in sorted(groups.items())
    ]
    return Shares(
        item=item_id, people_kind=kind, wording=str(catalogue[item_id]["wording"]), codes=codes,
        options=tuple(_option(options, code) or f"{code:g}" for code in codes), by=by, cells=tuple(cells),
        rounded=viewer.tier == "open", suppressed=sum(cell.counts is None or None in cell.counts for cell in cells),
    )  # fmt: skip


def _told(
    tables: RespondentTables, viewer: Viewer, item_id: str, asked: Mapping[_Cell, frozenset[str]]
) -> frozenset[_Cell]:
    """The cells that may be told beside all that this viewer was told of the question; they are noted. The others, which would
    tell of a few people by adding and taking away, are not said."""
    told = set()
    with tables.transaction():
        before = tables.read("released_groups", viewer=viewer.name, item_id=item_id)
        known = {frozenset(members) for members in before["members"]}
        rows: list[dict[str, object]] = []
        for cell, group in asked.items():
            if group not in known:
                if exposes(list(known), [group]):
                    continue
                known.add(group)
                place = f"{len(before) + len(rows)}"
                rows.append({"viewer": viewer.name, "item_id": item_id, "group_id": place, "members": sorted(group)})
            told.add(cell)
        tables.append("released_groups", rows)
    return frozenset(told)


def catalogue(store: Store, viewer: Viewer) -> tuple[dict[str, str], tuple[str, ...]]:
    """Closed questions with their wording, and attributes of the people whose counts this viewer may see."""
    grant = allow(store, viewer, "count", query="catalogue")
    items = grant.tables.read("items", columns=["item_id", "wording"], kind=CLOSED)
    people = grant.tables.read("subjects", columns=["attributes"], subject_id=list(grant.subject_ids))
    names = sorted({str(name) for found in people["attributes"] for name in found})
    return dict(zip(items["item_id"], items["wording"], strict=True)) if len(people) else {}, tuple(names)


def bank_state(store: Store) -> tuple[int, ...]:
    """What changes whenever somebody comes, goes, agrees or says something; it tells nothing of them."""
    return RespondentTables(store).counts()


def access_log(store: Store, viewer: Viewer, subject_id: str | None = None, code: str | None = None) -> AccessLog:
    """The log, for a steward; the rows about one person for that person too, by the code. InputError for nobody's id."""
    tables = RespondentTables(store)
    if subject_id is not None and viewer.tier == "steward":
        gone = set(tables.read("audit_subjects", columns=["subject_id"])["subject_id"])
        if subject_id in gone and tables.read("subjects", subject_id=subject_id).empty:
            return entries(tables, subject_id)
    allow(store, viewer, "access-log", [] if subject_id is None else [subject_id], code=code)
    return entries(tables, subject_id)


def check_log(store: Store, last_hash: str | None = None) -> LogCheck:
    """Whether the log is whole: anybody may know."""
    return verify(RespondentTables(store), last_hash)


def _listed(grant: Grant) -> tuple[ListedPerson, ...]:
    tables, ids = grant.tables, list(grant.subject_ids)
    people = tables.read("subjects", subject_id=ids)
    interviews = tables.read("interviews", columns=["subject_id", "words"], subject_id=ids)
    turns = Counter(tables.read("turns", columns=["subject_id"], subject_id=ids)["subject_id"])
    answers = Counter(tables.read("answers", columns=["subject_id"], subject_id=ids)["subject_id"])
    consents = latest_consents(tables, ids)
    spoken = interviews.groupby("subject_id")["words"].agg(["size", "sum"]).to_dict("index")
    found = []
    for row in people.to_dict("records"):
        name = row["subject_id"]
        consent = consents.get(name)
        talks = spoken.get(name, {"size": 0, "sum": 0})
        found.append(
            ListedPerson(
                subject=name, label=row["label"], kind=row["kind"], study=_text(row["study_id"]),
                interviews=int(talks["size"]), words=int(talks["sum"]), turns=turns[name], answers=answers[name],
                scope=() if consent is None else consent.scope, tier="" if consent is None else consent.tier,
                until=None if consent is None or consent.valid_to is None else f"{consent.valid_to:%Y-%m-%d}",
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda item: (len(item.label), item.label)))


def _option(options: Sequence[str], code: float | None) -> str | None:
    if code is None or pd.isna(code):
        return None
    place = int(code) - 1
    return options[place] if len(options) and 0 <= place < len(options) else None


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)
