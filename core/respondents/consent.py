"""What a person agreed to, who looks, and whether that may be: the one rule that every use of a person's words goes through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from core.errors import InputError, one_of

#: Who looks, from the least: aggregates alone; individual answers for an approved purpose; transcripts, consents and withdrawal.
TIERS = ("open", "reviewed", "steward")
#: What a person can agree to, in the words of a consent form.
SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "aggregate": "counts and shares in which I am one of ten or more",
        "individual": "my single answers, seen by approved researchers",
        "open_questions": "my words given to a model that answers questions as I might",
        "tuning": "my answers used to train a model",
        "export": "my redacted interview or answers in a file",
        "contact": "being asked again",
    }
)
REAL, FICTIONAL, RENDERED = KINDS = ("real", "fictional", "rendered")


@dataclass(frozen=True)
class Action:
    """A use of people's words: the lowest tier that may, and the scope that each person must have agreed to ("": none)."""

    tier: str
    scope: str
    individual: bool = True


ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "count": Action("open", "", individual=False),
        "aggregate": Action("open", "aggregate", individual=False),
        "list": Action("reviewed", "individual"),
        "answers": Action("reviewed", "individual"),
        "ask": Action("reviewed", "open_questions"),
        "tune": Action("reviewed", "tuning"),
        "export": Action("reviewed", "export"),
        "transcript": Action("steward", ""),
        "consent": Action("steward", ""),
        "import": Action("steward", ""),
        "interview": Action("steward", ""),
        "withdraw": Action("steward", ""),
        "access-log": Action("steward", ""),
        "approve": Action("steward", ""),
    }
)


@dataclass(frozen=True)
class Viewer:
    """Who looks, at which tier and for what. Whoever reaches a dashboard from another machine sees no real people unless its
    owner said so (`real`)."""

    name: str
    tier: str = "open"
    purpose: str = ""
    real: bool = True

    def __post_init__(self) -> None:
        one_of(self.tier, TIERS, what="tier", where="viewer")

    @property
    def rank(self) -> int:
        return TIERS.index(self.tier)


@dataclass(frozen=True)
class Consent:
    """What a person agreed to: scopes, the lowest tier that may see the person alone, from when to when, and on what ground; a
    person who has died needs a second one."""

    scope: tuple[str, ...]
    tier: str
    basis: str
    valid_from: datetime
    valid_to: datetime | None = None
    second_basis: str = ""

    def __post_init__(self) -> None:
        one_of(self.tier, TIERS, what="tier", where="consent")
        for name in self.scope:
            one_of(name, SCOPES, what="scope", where="consent")
        if not self.basis.strip():
            raise InputError(
                "says no ground", where="consent", allowed="--basis TEXT, such as 'signed form, version 2'"
            )


@dataclass(frozen=True)
class Standing:
    """What is known of a person when somebody wants to look: what it is, and the latest consent (None without one)."""

    kind: str
    deceased: bool
    consent: Consent | None
    withdrawn: bool = False


def refusal(viewer: Viewer, action: str, standing: Standing, now: datetime) -> str | None:
    """Why this viewer may not use this person so now; None where it is allowed. Times are UTC without a zone."""
    rule = ACTIONS[one_of(action, ACTIONS, what="action", where="access")]
    if standing.withdrawn:
        return "has withdrawn"
    if standing.kind == REAL and not viewer.real:
        return "is not shown beyond this machine"
    if viewer.rank < TIERS.index(rule.tier):
        return f"needs tier {rule.tier}"
    if rule.individual and viewer.tier == "reviewed" and not viewer.purpose:
        return "needs an approved purpose"
    if not rule.scope:
        return None
    consent = standing.consent
    if consent is None or not consent.valid_from <= now or (consent.valid_to is not None and now >= consent.valid_to):
        return "has no consent that holds today"
    if rule.scope not in consent.scope:
        return f"did not agree to '{rule.scope}'"
    if standing.deceased and not consent.second_basis.strip():
        return "has died, and there is no second ground"
    if rule.individual and viewer.rank < TIERS.index(consent.tier):
        return f"agreed to tier {consent.tier} alone"
    return None
