"""What is said of people who were asked, of their consent, of who used their words, and of withdrawal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.report.document import Block, Code, Details, Document, Heading, Items, Paragraph, Table
from core.respondents.consent import REAL, SCOPES
from core.services.people.audit import AccessLog, LogCheck
from core.services.people.consents import Approval, ConsentShown, NewCode
from core.services.people.exporting import ExportedPeople
from core.services.people.importing import ImportReport
from core.services.people.interviewing import Session
from core.services.people.reading import Answers, Bank, GivenAnswer, ListedPerson, PersonShown, Shares
from core.services.people.withdrawing import Receipt, WithdrawalPlan

#: What a withdrawal cannot reach; a consent form should say it too.
OUT_OF_REACH = (
    "Out of reach are the file that was imported, what somebody copied away, what a model's provider keeps, and what the disk "
    "keeps of deleted files."
)
NOT_REAL = {"fictional": "invented: nobody was asked", "rendered": "written from answers: nobody said these words"}
KINDS = {"real": "Real", "fictional": "Fictional", "rendered": "Rendered"}


def kind_note(kind: str) -> str:
    """What a person of this kind is, where nobody was asked; "" for real people."""
    return NOT_REAL.get(kind, "")


def counted(counts: Mapping[str, int]) -> str:
    """Counts by kind in words."""
    return ", ".join(f"{count:,} {kind.lower()}" for kind, count in counts.items()) or "nothing"


def import_document(report: ImportReport) -> Document:
    """What was taken in or would be, what was taken out of it, and the first turns of a preview."""
    count = len(report.people)
    people = f"{count:,} {'person' if count == 1 else 'people'}"
    title = f"Would take in {people}; nothing was stored." if report.preview else f"Took in {people}."
    blocks: list[Block] = []
    if kind_note(report.people_kind):
        blocks.append(Paragraph(f"They are {kind_note(report.people_kind)}.", "caution"))
    blocks.append(Paragraph(f"Taken out before storing: {counted(report.redactions)}."))
    blocks.append(Paragraph(f"Consent: {', '.join(report.scope) or 'none'}; seen alone from tier {report.tier}."))
    head: tuple[str, ...] = ("Person", "Id", "Code (told once)", "Turns", "Words", "Answers", "Taken out")
    rows: tuple[tuple[Any, ...], ...] = tuple(
        (item.label, item.subject, item.code, item.turns, item.words, item.answers, counted(item.redactions))
        for item in report.people
    )
    if report.preview:
        head, rows = (head[0], *head[3:]), tuple((row[0], *row[3:]) for row in rows)
    blocks.append(Table(head, rows, digits=0))
    for item in report.people[:3]:
        if item.shown:
            blocks += [Heading(item.label), Items(tuple(f"{turn.speaker}: {turn.text}" for turn in item.shown))]
    return Document(title, tuple(blocks))


def bank_document(bank: Bank) -> Document:
    """Who is in the bank."""
    about = "" if bank.tier == "steward" else " (to the nearest five; below ten, none is said)" * (bank.tier == "open")
    title = f"{bank.total:,} people{about}, {bank.items:,} questions."
    blocks: list[Block] = []
    if bank.pending:
        blocks.append(
            Paragraph(f"Withdrawals begun and not finished: {bank.pending}. Any of these commands goes on.", "bad")
        )
    if bank.people:
        head = ("Person", "Id", "Kind", "Interviews", "Words", "Answers", "Agreed to", "From tier", "Until")
        blocks.append(Table(head, tuple(_row(item) for item in bank.people), digits=0))
    return Document(title, tuple(blocks))


def session_document(session: Session) -> Document:
    """Where an interview stands, and how to go on."""
    said = sum(turn.speaker == "subject" for turn in session.turns)
    state = "has ended" if session.ended else f"is at question {session.question} of {session.questions}"
    go_on = Code(f"policytwin respondents interview --go-on {session.interview}", "bash")
    return Document(
        f"{session.interview} {state}: {said} answers of {session.subject}.", () if session.ended else (go_on,)
    )


def _row(item: ListedPerson) -> tuple[object, ...]:
    return (
        item.label, item.subject, KINDS[item.kind], item.interviews, item.words, item.answers, ", ".join(item.scope),
        item.tier, item.until or "",
    )  # fmt: skip


def person_document(shown: PersonShown) -> Document:
    """All that the bank has of a person."""
    person = shown.person
    blocks: list[Block] = []
    if kind_note(person.kind):
        blocks.append(Paragraph(f"{person.label} is {kind_note(person.kind)}.", "caution"))
    blocks.append(Paragraph(f"Agreed to: {', '.join(person.scope) or 'nothing'} ({shown.basis or 'no ground'})."))
    if shown.attributes:
        blocks.append(Items(tuple(f"{name}: {value}" for name, value in shown.attributes.items())))
    for interview in shown.interviews:
        blocks.append(Heading(f"{interview.interview} ({interview.mode})"))
        blocks.append(Items(tuple(f"{turn.position} {turn.speaker}: {turn.text}" for turn in interview.turns)))
    if shown.answers:
        blocks.append(Details("Answers", (_answers_table(shown.answers),)))
    return Document(f"{person.label} ({person.subject})", tuple(blocks))


def answers_document(found: Answers) -> Document:
    """Single answers."""
    return Document(f"{len(found.answers):,} answers.", (_answers_table(found.answers),))


def _answers_table(answers: Sequence[GivenAnswer]) -> Table:
    rows = tuple((item.subject, item.item, item.occasion, item.code, item.text or "") for item in answers)
    return Table(("Person", "Question", "Occasion", "Code", "Answer"), rows, digits=0)


def shares_document(found: Shares) -> Document:
    """Counts by group, and what is not said."""
    blocks: list[Block] = [Table(("Group", "People", *found.options), shares_rows(found), digits=0)]
    notes = []
    if found.people_kind == "fictional":
        notes.append("These people are invented.")
    if found.suppressed:
        notes.append("“–” is not said: fewer than ten people, or they could be had from it.")
    if found.rounded:
        notes.append("Counts are to the nearest five.")
    blocks += [Paragraph(" ".join(notes), "caution")] if notes else []
    return Document(found.wording, tuple(blocks))


def shares_rows(found: Shares) -> tuple[tuple[object, ...], ...]:
    """Rows of the table of counts."""
    return tuple(
        (
            cell.group,
            "–" if cell.people is None else cell.people,
            *("–" if count is None else count for count in cell.counts or (None,) * len(found.codes)),
        )
        for cell in found.cells
    )


def export_document(done: ExportedPeople) -> Document:
    """Where people's words were written."""
    return Document(
        f"Wrote what {done.people:,} people agreed to.",
        (
            Items(done.files),
            Paragraph(f"Canary {done.canary}; last hash of the log {done.log_hash}. A withdrawal deletes these files."),
        ),
    )


def code_document(done: NewCode) -> Document:
    """A participant's new code."""
    return Document(
        f"New code of {done.subject}: {done.code}", (Paragraph("It is told this once; the one before is void."),)
    )


def approval_document(done: Approval) -> Document:
    """Who may see single answers now."""
    return Document(f"{done.viewer} may see single answers until {done.until}, for: {done.purpose}", ())


def consent_document(found: ConsentShown) -> Document:
    """What a person agreed to, in the words of the form."""
    agreed = Items(tuple(f"{name}: {SCOPES[name]}" for name in found.scope)) if found.scope else Paragraph("Nothing.")
    until = f", until {found.until}" if found.until else ""
    died = f" Has died; second ground: {found.second_basis or 'none, so nothing is used'}." if found.deceased else ""
    return Document(
        f"{found.subject} agreed to, from {found.since}{until} (version {found.version}):",
        (agreed, Paragraph(f"Seen alone from tier {found.tier}. Ground: {found.basis}.{died}")),
    )


def plan_document(plan: WithdrawalPlan) -> Document:
    """What a withdrawal would take."""
    lines = [f"{count:,} rows of {table}" for table, count in plan.rows.items()]
    lines += [f"file {name}" for name in plan.files]
    lines += [f"looked into and written anew: {name}" for name in plan.copies]
    lines += [f"run {name} stays and is marked" for name in plan.marked_runs]
    return Document(
        f"{plan.label} would go with:",
        (Items(tuple(lines)), Paragraph(f"The store's file is written anew. {OUT_OF_REACH}", "caution")),
    )


def receipt_document(receipt: Receipt) -> Document:
    """The receipt that a participant keeps."""
    rows = sum(receipt.rows.values())
    lines = [
        f"{rows:,} rows ({', '.join(f'{count:,} of {name}' for name, count in receipt.rows.items())})",
        f"{receipt.files:,} files deleted, {receipt.copies:,} copies of the store written anew",
        f"{receipt.marked_runs:,} results marked, to be made again",
        f"begun {receipt.started_at}, done {receipt.ended_at} (UTC)",
        f"receipt {receipt.receipt_hash}",
        f"last hash of the log {receipt.log_hash}",
    ]
    left = tuple(f"could not be told to be ours, look at it: {name}" for name in receipt.left)
    blocks: list[Block] = [Items(tuple(lines))]
    blocks += [Paragraph("; ".join(left), "bad")] if left else []
    return Document(f"{receipt.subject} has withdrawn.", (*blocks, Paragraph(OUT_OF_REACH, "caution")))


def log_document(log: AccessLog) -> Document:
    """Who used whose words, when, for what and how that ended."""
    about = "" if log.subject is None else f" about {log.subject}"
    head = ("Row", "When (UTC)", "Who", "Tier", "What", "Purpose", "Asked", "People", "Outcome")
    rows = tuple(
        (
            item.sequence,
            item.at,
            item.viewer,
            item.tier,
            item.action,
            item.purpose,
            item.query,
            item.subjects,
            item.outcome,
        )
        for item in log.entries
    )
    return Document(f"{len(rows):,} uses{about}.", (Table(head, rows, digits=0),) if rows else ())


def log_check_document(found: LogCheck) -> Document:
    """Whether the log is whole."""
    if found.sound:
        text = f"The log is whole: {found.rows:,} rows."
        return Document(
            text, (Paragraph(f"Last hash {found.last_hash}. Kept elsewhere, it shows whether rows were cut off."),)
        )
    if found.problem == "anchor":
        return Document("The hash that was kept is not in the log: rows were cut off or written anew.", ())
    what = {
        "hash": "is not what was written",
        "order": "is missing",
        "subjects": "names other people than when it was written",
    }
    return Document(f"Row {found.first_broken} of the log {what[str(found.problem)]}.", ())


__all__ = ["OUT_OF_REACH", "REAL", "kind_note"]
