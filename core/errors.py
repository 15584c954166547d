"""The errors users meet: what was given, where, what is allowed, and the nearest valid value."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TypeVar

from core.printable import printable, quoted, shortened

Number = TypeVar("Number", int, float)

#: Characters of each part of a message: what was given may be a book.
_LONGEST = {"problem": 300, "where": 320, "allowed": 600, "nearest": 120}


class PolicyTwinError(Exception):
    """Base of every error PolicyTwin raises on purpose. `exit_code` is what the command line returns."""

    exit_code = 1


class InputError(PolicyTwinError):
    """The user's input is wrong. The message is one line that says what, where, and what is allowed.

    `where` names file, column and row as far as they are known. `nearest` is a valid value to offer. Whatever the parts
    are made of, the message has no line break and no character that a terminal would obey.
    """

    exit_code = 2

    def __init__(
        self,
        problem: str,
        *,
        where: str | None = None,
        allowed: str | None = None,
        nearest: str | None = None,
    ) -> None:
        self.problem = _said(problem, "problem")
        self.where = None if where is None else _said(where, "where")
        self.allowed = None if allowed is None else _said(allowed, "allowed")
        self.nearest = None if nearest is None else _said(nearest, "nearest")
        parts = [self.problem if self.where is None else f"{self.where}: {self.problem}"]
        if self.allowed is not None:
            parts.append(f"Allowed: {self.allowed}.")
        if self.nearest is not None:
            parts.append(f"Nearest valid: {self.nearest}.")
        super().__init__(" ".join(part if part.endswith(".") else f"{part}." for part in parts))

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross from worker processes to the page; keyword-only arguments do not survive the default pickling.
        return (_rebuild_input_error, (type(self), self.problem, self.where, self.allowed, self.nearest))


class TooLittleObserved(InputError):
    """Nothing can be said of this place, day or horizon, because too little of it was observed. Where many are looked at
    such a one is left out, counted and named; every other InputError stops the work."""


def _said(text: str, part: str) -> str:
    return shortened(" ".join(printable(text).split()), _LONGEST[part])


def _rebuild_input_error(
    kind: type[InputError], problem: str, where: str | None, allowed: str | None, nearest: str | None
) -> InputError:
    return kind(problem, where=where, allowed=allowed, nearest=nearest)


class StoreError(PolicyTwinError):
    """The store cannot be used as it is: held by another process, or written by newer code."""

    exit_code = 2


class StoreDamaged(StoreError):
    """The store's file is not what was written to it."""


class DiskFull(PolicyTwinError):
    """There is no room for what was to be written; nothing half-written is left under its final name."""

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(f"{where}: the disk is full. Free some space, then give the command again.")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.where,))


class Cancelled(PolicyTwinError):
    """The user stopped the work; what was finished is kept and the run can be resumed."""


def nearest(value: str, valid: Iterable[str]) -> str | None:
    """The valid value that looks most like `value`, or None where nothing does."""
    by_lower = {str(item).lower(): str(item) for item in valid}
    found = get_close_matches(str(value).lower(), list(by_lower), n=1, cutoff=0.5)
    return by_lower[found[0]] if found else None


def one_of(value: str, valid: Iterable[str], *, what: str, where: str | None = None) -> str:
    """`value` if it is valid, else an InputError that names what is allowed and the nearest valid value."""
    choices = [str(item) for item in valid]
    if isinstance(value, str) and value in choices:
        return value
    shown = ", ".join(choices[:20]) + (f" and {len(choices) - 20} more" if len(choices) > 20 else "")
    raise InputError(f"unknown {what} {quoted(value, 80)}", where=where, allowed=shown, nearest=nearest(value, choices))


def in_range(value: Number, low: Number, high: Number, said: str, *, where: str | None = None) -> Number:
    """`value` if it lies in the range, ends included, else an InputError; `said` is what was given in words."""
    if not low <= value <= high:
        nearest = str(min(max(value, low), high))
        raise InputError(said, where=where, allowed=f"{low} to {high}", nearest=nearest)
    return value
