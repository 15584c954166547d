"""Consents as they are given and changed, participants' codes, and who is approved to see single answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from core.errors import InputError
from core.respondents.consent import Consent, Viewer
from core.result import Result
from core.services.people.access import allow, latest_consents, new_code
from core.services.people.audit import now
from core.services.people.importing import consent_row
from core.store.database import Store


@dataclass(frozen=True, kw_only=True)
class ConsentShown(Result):
    """What a person agreed to; `version` counts changes, `until` is the last day or None."""

    subject: str
    version: int
    scope: tuple[str, ...]
    tier: str
    basis: str
    second_basis: str
    since: str
    until: str | None
    deceased: bool


@dataclass(frozen=True, kw_only=True)
class NewCode(Result):
    """A participant's code, which is told this once: with it the person reads the log about them, and withdraws."""

    subject: str
    code: str


@dataclass(frozen=True, kw_only=True)
class Approval(Result):
    """Somebody who may see single answers, for one purpose and until a day."""

    viewer: str
    purpose: str
    until: str


def show_consent(store: Store, viewer: Viewer, subject_id: str) -> ConsentShown:
    """The consent that holds. InputError where there is none."""
    tables = allow(store, viewer, "consent", [subject_id], query="show").tables
    rows = tables.read("consents", subject_id=subject_id)
    if rows.empty:
        raise InputError("has no consent", where=subject_id, allowed="`policytwin consent grant`")
    deceased = bool(tables.read("subjects", subject_id=subject_id)["deceased"].iloc[0])
    return _shown(subject_id, int(rows["version"].max()), latest_consents(tables, [subject_id])[subject_id], deceased)


def grant_consent(
    store: Store,
    viewer: Viewer,
    subject_id: str,
    scope: Sequence[str],
    tier: str,
    basis: str,
    *,
    until: date | None = None,
    deceased: bool = False,
    second_basis: str = "",
) -> ConsentShown:
    """A new version of a person's consent, which holds from now on in place of the one before, wider or narrower."""
    consent = Consent(
        tuple(dict.fromkeys(scope)), tier, basis, now(), None if until is None else datetime.combine(until, time.max),
        second_basis,
    )  # fmt: skip
    tables = allow(store, viewer, "consent", [subject_id], query="grant").tables
    with tables.transaction():
        version = int(tables.read("consents", subject_id=subject_id)["version"].max() or 0) + 1
        tables.append("consents", [consent_row(subject_id, consent, version)])
        (row,) = tables.read("subjects", subject_id=subject_id).to_dict("records")
        deceased = deceased or bool(row["deceased"])
        tables.replace("subjects", [{**row, "deceased": deceased}], subject_id=subject_id)
    return _shown(subject_id, version, consent, deceased)


def renew_code(store: Store, viewer: Viewer, subject_id: str) -> NewCode:
    """A new code for a person; the one before is void."""
    tables = allow(store, viewer, "consent", [subject_id], query="code").tables
    code, code_hash = new_code()
    with tables.transaction():
        (row,) = tables.read("subjects", subject_id=subject_id).to_dict("records")
        tables.replace("subjects", [{**row, "code_hash": code_hash}], subject_id=subject_id)
    return NewCode(subject=subject_id, code=code)


def approve(store: Store, viewer: Viewer, name: str, purpose: str, until: date) -> Approval:
    """Let somebody see single answers of those who agreed to it, for a purpose and until a day."""
    if not name.strip() or not purpose.strip():
        raise InputError(
            "a name and a purpose are needed", where="approval", allowed="NAME --purpose TEXT --until DATE"
        )
    tables = allow(store, viewer, "approve", [], query=name[:80]).tables
    end = datetime.combine(until, time.max)
    row = {"viewer": name, "tier": "reviewed", "purpose": purpose, "expires_at": end}
    tables.replace("viewers", [row], viewer=name)
    return Approval(viewer=name, purpose=purpose, until=f"{until}")


def _shown(subject_id: str, version: int, consent: Consent, deceased: bool) -> ConsentShown:
    return ConsentShown(
        subject=subject_id, version=version, scope=consent.scope, tier=consent.tier, basis=consent.basis,
        second_basis=consent.second_basis, since=f"{consent.valid_from:%Y-%m-%d}",
        until=None if consent.valid_to is None else f"{consent.valid_to:%Y-%m-%d}", deceased=deceased,
    )  # fmt: skip
