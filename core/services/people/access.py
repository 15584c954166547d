"""Access to people's words: the one function that every use goes through, and what it gives to read with."""

from __future__ import annotations

import getpass
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from core.errors import InputError, nearest
from core.respondents.consent import ACTIONS, REAL, TIERS, Consent, Standing, Viewer, refusal
from core.services.people.audit import GRANTED, now, record
from core.settings import RESPONDENTS_VARIABLE
from core.store.database import Store
from core.store.respondents import RespondentTables

#: Everybody who reaches a served dashboard is one viewer: what two of them were told can be put together.
VISITOR = "visitor"


class AccessRefused(InputError):
    """This viewer may not do this with these people; the refusal is in the log."""


@dataclass(frozen=True)
class Grant:
    """What was allowed: to whom, what, of whom; `sequence` is its row in the log. Readers take one and give nothing else."""

    tables: RespondentTables
    viewer: Viewer
    action: str
    subject_ids: tuple[str, ...]
    sequence: int


def local_viewer(name: str | None = None, tier: str | None = None, purpose: str = "") -> Viewer:
    """Who works on this machine: its user, who has the file, as steward unless they ask to be less."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "this machine's user"
    return Viewer(name or user, tier or "steward", purpose)


def page_viewer(opened_from_here: bool) -> Viewer:
    """Who looks at a page: this machine's user, else a visitor, who sees aggregates alone, and of real people only where the
    dashboard was opened with that said."""
    if opened_from_here:
        return local_viewer()
    return Viewer(VISITOR, "open", real=os.environ.get(RESPONDENTS_VARIABLE) == "open")


def allow(
    store: Store,
    viewer: Viewer,
    action: str,
    subject_ids: Sequence[str] | None = None,
    *,
    query: str = "",
    code: str | None = None,
) -> Grant:
    """What this viewer may use of these people (None: of all who can be used so), written into the log either way.

    With people named, all must be allowed; else those who are not are left out. A participant's own `code` allows the log and
    withdrawal of that one person. Raises AccessRefused, which does not tell a person who may not be seen from one who is not
    there; StoreError where the store takes no writes, for no use goes without a row.
    """
    tables = RespondentTables(store)
    own = _is_own(tables, action, subject_ids, code)
    standing = _standings(tables, subject_ids)
    if not own:
        why = _unapproved(tables, viewer)
        if why is None and viewer.rank < TIERS.index(ACTIONS[action].tier):
            why = f"needs tier {ACTIONS[action].tier}"
        if why is not None:
            _refuse(tables, viewer, action, subject_ids or [], query, why, standing)
    at = now()
    reasons = {
        name: None if own and not item.withdrawn else refusal(viewer, action, item, at)
        for name, item in standing.items()
    }
    if subject_ids is None:
        allowed = tuple(name for name, why in reasons.items() if why is None)
        return Grant(tables, viewer, action, allowed, record(tables, viewer, action, allowed, query=query))
    wanted = list(dict.fromkeys(subject_ids))
    hidden = [name for name in wanted if name not in standing or (not viewer.real and standing[name].kind == REAL)]
    if hidden:
        near = nearest(hidden[0], standing) if viewer.tier == "steward" else None
        _refuse(tables, viewer, action, wanted, query, f"no person is called '{hidden[0]}' here", standing, near)
    refused = next(((name, why) for name, why in reasons.items() if why is not None), None)
    if refused is not None:
        _refuse(tables, viewer, action, wanted, query, f"{refused[0]} {refused[1]}", standing)
    if own:
        viewer = Viewer("participant", viewer.tier, viewer.purpose, viewer.real)
    return Grant(tables, viewer, action, tuple(wanted), record(tables, viewer, action, wanted, query=query))


def new_code() -> tuple[str, str]:
    """A participant's code, told once, and the hash of it that is kept."""
    import secrets

    code = secrets.token_urlsafe(15)
    return code, hashlib.sha256(code.encode()).hexdigest()


def _is_own(tables: RespondentTables, action: str, subject_ids: Sequence[str] | None, code: str | None) -> bool:
    if code is None or subject_ids is None or len(subject_ids) != 1 or action not in ("access-log", "withdraw"):
        return False
    kept = tables.read("subjects", columns=["code_hash"], subject_id=subject_ids[0])["code_hash"]
    given = hashlib.sha256(code.strip().encode()).hexdigest()
    return len(kept) == 1 and hmac.compare_digest(given, str(kept.iloc[0]))


def _unapproved(tables: RespondentTables, viewer: Viewer) -> str | None:
    """Why a reviewed viewer is none; None for others."""
    if viewer.tier != "reviewed":
        return None
    row = tables.read("viewers", viewer=viewer.name)
    if row.empty:
        return f"'{viewer.name}' is not approved"
    if row["expires_at"].iloc[0] <= pd.Timestamp(now()):
        return f"the approval of '{viewer.name}' ended on {row['expires_at'].iloc[0]:%Y-%m-%d}"
    if viewer.purpose != row["purpose"].iloc[0]:
        return f"'{viewer.name}' is approved for another purpose"
    return None


def _refuse(
    tables: RespondentTables,
    viewer: Viewer,
    action: str,
    subject_ids: Sequence[str],
    query: str,
    why: str,
    known: Mapping[str, Standing],
    near: str | None = None,
) -> None:
    # Whoever was meant and is there sees that it was tried.
    record(tables, viewer, action, [name for name in subject_ids if name in known], f"refused: {why}"[:300], query)
    raise AccessRefused(f"{action} is refused: {why}", where="respondents", nearest=near)


def _standings(tables: RespondentTables, subject_ids: Sequence[str] | None) -> Mapping[str, Standing]:
    equals: dict[str, Any] = {} if subject_ids is None else {"subject_id": list(subject_ids)}
    people = tables.read("subjects", columns=["subject_id", "kind", "deceased"], **equals)
    gone = set(tables.read("withdrawals", columns=["subject_id"])["subject_id"])
    consents = latest_consents(tables, subject_ids)
    return {
        name: Standing(kind, bool(deceased), consents.get(name), name in gone)
        for name, kind, deceased in zip(people["subject_id"], people["kind"], people["deceased"], strict=True)
    }


def latest_consents(tables: RespondentTables, subject_ids: Sequence[str] | None = None) -> dict[str, Consent]:
    """The consent that holds of each person: the latest version."""
    equals: dict[str, Any] = {} if subject_ids is None else {"subject_id": list(subject_ids)}
    rows = tables.read("consents", **equals).sort_values("version")
    return {
        row["subject_id"]: Consent(
            tuple(row["scope"]), row["tier"], row["basis"], _moment(row["valid_from"]) or datetime.min,
            _moment(row["valid_to"]), row["second_basis"],
        )
        for row in rows.to_dict("records")
    }  # fmt: skip


def _moment(value: Any) -> datetime | None:
    return None if pd.isna(value) else pd.Timestamp(value).to_pydatetime()


__all__ = [
    "GRANTED",
    "VISITOR",
    "AccessRefused",
    "Grant",
    "allow",
    "latest_consents",
    "local_viewer",
    "new_code",
    "page_viewer",
]
