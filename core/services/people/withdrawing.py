"""Withdrawal: everything of a person goes, from the store, its copies and the files made of it, and the store's file is
written anew.

A row `withdrawing` is written first, from which on nobody may use the person, and `done` last. Each step may be done twice,
so that a process that is killed anywhere is made good by the next: files and copies first, for what is looked for in them
is known from the store's rows; then the rows, in one transaction; then the file, in which deleted text would stay.
"""

from __future__ import annotations

import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError, StoreDamaged, StoreError, nearest
from core.records import content_hash
from core.respondents.consent import Viewer
from core.result import Result
from core.services.people.access import allow
from core.services.people.audit import last_hash, now, record
from core.store.database import Store
from core.store.erasure import MARK, copies_beside, erase_from_copy, leftovers
from core.store.kept_files import ANSWERS, BACKUP, RUN, file_digest
from core.store.respondents import RespondentTables

WITHDRAWING, REWRITING, DONE = "withdrawing", "rewriting", "done"
#: The stages in their order, as `step` is told them.
STAGES = ("begun", "files", "copies", "rows", "file", "done")
_SYSTEM = Viewer("policytwin", "steward", "withdrawal")


@dataclass(frozen=True, kw_only=True)
class WithdrawalPlan(Result):
    """What will go: rows by table, files and copies of the store by their paths, and runs that stay and are marked."""

    subject: str
    label: str
    rows: dict[str, int]
    files: tuple[str, ...]
    copies: tuple[str, ...]
    marked_runs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Receipt(Result):
    """What went, without any of it: the participant keeps this. `left` names files that were changed since and could not be
    told to be ours, `log_hash` is the log's last hash."""

    subject: str
    started_at: str
    ended_at: str
    rows: dict[str, int]
    files: int
    copies: int
    marked_runs: int
    left: tuple[str, ...]
    receipt_hash: str
    log_hash: str


@dataclass(frozen=True)
class _Files:
    """Files to delete, those that cannot be told to be ours any more, and copies of the store to look into; `backups` of them
    were made by its commands."""

    ours: tuple[Path, ...]
    changed: tuple[Path, ...]
    copies: tuple[Path, ...] = ()
    backups: tuple[Path, ...] = ()


class _PlanOnly(Exception):
    """Takes a planned deletion back."""


def plan_withdrawal(store: Store, viewer: Viewer, subject_id: str, code: str | None = None) -> WithdrawalPlan:
    """What a withdrawal would take, changing nothing but the log."""
    tables = allow(store, viewer, "withdraw", [subject_id], query="plan", code=code).tables
    label = tables.read("subjects", subject_id=subject_id)["label"].iloc[0]
    rows, marked = _tried(tables, subject_id)
    found = _files(tables, subject_id, rows, marked)
    return WithdrawalPlan(
        subject=subject_id, label=str(label), rows=dict(sorted(rows.items())),
        files=tuple(map(str, (*found.ours, *found.changed))), copies=tuple(map(str, found.copies)), marked_runs=tuple(marked),
    )  # fmt: skip


def withdraw(
    store: Store,
    viewer: Viewer,
    subject_id: str,
    code: str | None = None,
    step: Callable[[str], None] = lambda stage: None,
) -> Receipt:
    """Take a person out for good, or go on where an earlier withdrawal was cut off; for a steward, or the person by the code.

    `step` is told each stage that was reached. Raises AccessRefused; InputError where the person has withdrawn before;
    StoreError where a copy of the store is open elsewhere: then nobody can use the person, and the same call goes on.
    """
    tables = RespondentTables(store)
    state = tables.read("withdrawals", subject_id=subject_id)
    if not state.empty and state["state"].iloc[0] == DONE:
        raise InputError("has withdrawn already", where=subject_id, allowed="`policytwin access-log show --subject`")
    if state.empty:
        allow(store, viewer, "withdraw", [subject_id], code=code)
        tables.append("withdrawals", [{"subject_id": subject_id, "state": WITHDRAWING, "started_at": now()}])
    step("begun")
    return _finish(tables, subject_id, step)


def finish_withdrawals(store: Store, step: Callable[[str], None] = lambda stage: None) -> tuple[Receipt, ...]:
    """Finish every withdrawal that was begun: what a killed process, or a restored backup, left undone."""
    tables = RespondentTables(store)
    rows = tables.read("withdrawals")
    return tuple(_finish(tables, name, step) for name in rows[rows["state"] != DONE]["subject_id"])


def pending_withdrawals(store: Store) -> tuple[str, ...]:
    """People whose withdrawal was begun and is not finished."""
    rows = RespondentTables(store).read("withdrawals", columns=["subject_id", "state"])
    return tuple(rows[rows["state"] != DONE]["subject_id"])


def receipt_of(store: Store, subject_id: str) -> Receipt:
    """The receipt of somebody who has withdrawn. InputError where nobody of this id has."""
    rows = RespondentTables(store).read("withdrawals", state=DONE)
    rows = rows[rows["receipt"].notna()]
    found = rows[rows["subject_id"] == subject_id]
    if found.empty:
        raise InputError(
            f"nobody called '{subject_id}' has withdrawn",
            where="respondents",
            nearest=nearest(subject_id, rows["subject_id"]),
        )
    return Receipt.from_dict(found["receipt"].iloc[0])


def _finish(tables: RespondentTables, subject_id: str, step: Callable[[str], None]) -> Receipt:
    (state,) = tables.read("withdrawals", subject_id=subject_id).to_dict("records")
    begun = state["state"] == WITHDRAWING
    done = _take_out(tables, subject_id, step) if begun else dict(state["receipt"])
    path = tables.store.path
    if path is not None:
        for item in leftovers([path]):
            _remove(item)
    tables.rewrite_file()
    step("file")
    ended = now()
    receipt = Receipt(
        subject=subject_id, started_at=f"{state['started_at']:%Y-%m-%d %H:%M:%S}", ended_at=f"{ended:%Y-%m-%d %H:%M:%S}",
        rows=done["rows"], files=int(done["files"]), copies=int(done["copies"]), marked_runs=int(done["marked_runs"]),
        left=tuple(done["left"]), receipt_hash="", log_hash="",
    )  # fmt: skip
    receipt_hash = content_hash({**asdict(receipt), "left": list(receipt.left)})
    with tables.transaction():
        record(tables, _SYSTEM, "withdrawn", [subject_id], query=receipt_hash)
        receipt = Receipt(**{**asdict(receipt), "receipt_hash": receipt_hash, "log_hash": last_hash(tables)})
        tables.replace(
            "withdrawals",
            [
                {
                    "subject_id": subject_id, "state": DONE, "started_at": state["started_at"], "ended_at": ended,
                    "receipt": receipt.as_dict(),
                }
            ],
            subject_id=subject_id,
        )  # fmt: skip
    step("done")
    return receipt


def _take_out(tables: RespondentTables, subject_id: str, step: Callable[[str], None]) -> dict[str, Any]:
    """Files, copies and rows; what is told of them is in the row of the withdrawal from then on."""
    stand_in = f"gone-{secrets.token_hex(8)}"
    said = tables.own_pieces(subject_id)
    rows, marked = _tried(tables, subject_id)
    found = _files(tables, subject_id, rows, marked)
    for path in found.ours:
        for item in (path, *_interrupted(path)):
            _remove(item)
    step("files")
    for item in leftovers([*filter(None, [tables.store.path]), *found.copies]):
        _remove(item)
    copies, left = 0, list(map(str, found.changed))
    for path in found.copies:
        try:
            copies += erase_from_copy(path, subject_id, said, stand_in)
        except StoreDamaged:
            left += _without_damaged(path, tables)
        except StoreError:
            # What is ours must go; another store beside ours, which somebody works with, is named.
            if path in found.backups or _named_after(path, tables):
                raise
            left.append(str(path))
    step("copies")
    done: dict[str, Any] = {
        "files": len(found.ours), "copies": copies, "marked_runs": len(marked), "left": left,
    }  # fmt: skip
    (state,) = tables.read("withdrawals", subject_id=subject_id).to_dict("records")
    with tables.transaction():
        gone = tables.erase(subject_id, said, stand_in)
        done["rows"] = dict(sorted(gone.items()))
        tables.delete("kept_files", path=[str(path) for path in found.ours] or [""])
        row = {"subject_id": subject_id, "state": REWRITING, "started_at": state["started_at"], "receipt": done}
        tables.replace("withdrawals", [row], subject_id=subject_id)
    step("rows")
    return done


def _tried(tables: RespondentTables, subject_id: str) -> tuple[Counter[str], list[str]]:
    """What an erasure would take, and which runs it would mark, taken back."""
    said = tables.own_pieces(subject_id)
    found: tuple[Counter[str], list[str]] = (Counter(), [])
    before = set(tables.read("runs", columns=["run_id"], message=MARK)["run_id"])
    try:
        with tables.transaction():
            gone = tables.erase(subject_id, said, "gone")
            marked = sorted(set(tables.read("runs", columns=["run_id"], message=MARK)["run_id"]) - before)
            found = gone, marked
            raise _PlanOnly
    except _PlanOnly:
        return found


def _files(tables: RespondentTables, subject_id: str, rows: Counter[str], marked: Sequence[str]) -> _Files:
    traces = tables.read("subject_traces", subject_id=subject_id)
    named = {kind: list(part["reference"]) for kind, part in traces.groupby("kind")}
    notes = {row["path"]: row for row in tables.read("kept_files").to_dict("records")}
    runs = {f"{RUN}:{name}" for name in (*named.get("result", []), *named.get("run", []), *marked)}
    wanted = dict.fromkeys(named.get("file", []))
    wanted |= {
        name: None
        for name, row in notes.items()
        if row["kind"] in runs or (row["kind"] == ANSWERS and rows["llm_calls"])
    }
    ours: list[Path] = []
    changed: list[Path] = []
    for name in wanted:
        path = Path(name)
        if not path.is_file():
            ours.append(path)
            continue
        known = notes.get(name, {"sha256": "", "canary": ""})
        same = known["sha256"] == file_digest(path)
        carries = bool(known["canary"]) and known["canary"].encode() in path.read_bytes()
        (ours if same or carries else changed).append(path)
    own = tables.store.path
    if own is None:
        return _Files(tuple(ours), tuple(changed))
    made = [Path(name) for name, row in notes.items() if row["kind"] == BACKUP]
    backups = tuple(path for path in made if path.is_file() and path.resolve() != own)
    return _Files(tuple(ours), tuple(changed), tuple(dict.fromkeys((*copies_beside(own), *backups))), backups)


def _without_damaged(path: Path, tables: RespondentTables) -> list[str]:
    """A damaged copy that this store left behind cannot be written anew and goes; another's stays and is named."""
    if not _named_after(path, tables):
        return [str(path)]
    _remove(path)
    return []


def _named_after(path: Path, tables: RespondentTables) -> bool:
    """Whether a copy has a name that this store's commands give, or was left by one that was killed."""
    own = tables.store.path
    return own is not None and path.name.startswith(f"{own.stem}-")


def _interrupted(path: Path) -> list[Path]:
    """What a killed process left of files that it wrote together with this one."""
    beside = [item for item in path.parent.glob(".policytwin-*") if item.is_file() or (item / "stage").is_dir()]
    above = [item for item in path.parent.parent.glob(".policytwin-*") if (item / "stage").is_dir()]
    return [*beside, *above]


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
            path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
    except OSError as wrong:
        raise StoreError(
            f"{path} holds words of somebody who withdraws and cannot be deleted ({wrong.strerror}). Make that possible, then "
            "give the command again."
        ) from None


__all__ = [
    "STAGES",
    "Receipt",
    "WithdrawalPlan",
    "finish_withdrawals",
    "pending_withdrawals",
    "plan_withdrawal",
    "withdraw",
]
