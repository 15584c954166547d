"""Results about a study's own run that ship, so that a page has something to show before anything was measured."""

from __future__ import annotations

from typing import TypeVar

from core.result import Result
from core.services.evaluation.results import Measured
from core.validity.measured import Header, ShownResult, read_measured

R = TypeVar("R", bound=Result)
#: What names a run of the store where it was made.
_OF_STORE = ("run_id", "of_run")


def shown_name(kind: str, study: str) -> str:
    """The name of its file."""
    return f"shown_{kind}_{study}"


def as_shown(result: Result, study: str, header: Header) -> ShownResult:
    """What is kept of a result."""
    told = result.as_dict()
    return ShownResult(header, result.kind, study, told | {name: "" for name in _OF_STORE if name in told})


def shown_result(kind: type[R], study: str) -> Measured[R] | None:
    """The shipped result of this class about a study, or None. InputError for a file that is none."""
    found = read_measured(ShownResult, shown_name(kind.kind, study))
    return None if found is None else Measured(kind.from_dict(found.result), found.header)
