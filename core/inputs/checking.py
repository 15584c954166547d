"""From plain values to a checked model: pydantic decides, and what it finds wrong becomes one InputError of one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from core.errors import InputError, nearest
from core.printable import printable, quoted

#: The error type under which our own checks tell pydantic what is wrong, in `wrong`'s context.
_OURS = "written"
#: Names in a list of what is allowed; more would not fit a line.
_MOST_NAMES = 20
#: By which key an entry of a list is called in a message, the first of these that it has.
_NAMES = ("name", "id", "code", "attribute")

Model = TypeVar("Model", bound="WrittenModel")


class WrittenModel(BaseModel):
    """A table of a file that somebody wrote: no other keys than these, no value turned into another kind."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, raw: Any) -> Any:
        """A misspelt key is said before what it leaves missing."""
        if isinstance(raw, Mapping):
            known = list(cls.model_fields)
            for key in raw:
                if key not in known:
                    raise wrong(f"unknown key {quoted(key)}", ", ".join(known), nearest(str(key), known))
            for name, field in cls.model_fields.items():
                if field.is_required() and name not in raw:
                    raise wrong(f"the key '{name}' is missing", ", ".join(known))
        return raw


def wrong(problem: str, allowed: str | None = None, near: str | None = None, *, key: str = "") -> PydanticCustomError:
    """What a validator raises: the problem as it is to be told, what is allowed, the nearest valid value. `key` names the
    key of a table where the check is one of the whole table."""
    return PydanticCustomError(_OURS, "{problem}", {"problem": problem, "allowed": allowed, "near": near, "key": key})


def checked(
    model: type[Model], raw: Any, where: str, *, origin: Callable[[Sequence[str | int]], str] | None = None
) -> Model:
    """`raw` as a `model`, or an InputError that names the place in it.

    `where` is the file; `origin` says which file is to blame for a place, where several were merged.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as failed:
        details = failed.errors(include_url=False)
        first = min(details, key=_rank)
        location = _location(first, raw)
        file = where if origin is None else origin(location)
        key = first.get("ctx", {}).get("key")
        location += [str(key)] if key else []
        problem, allowed, near = _told(first)
        place = ", ".join([file, *_named(location, raw)])
        raise InputError(problem, where=place, allowed=allowed, nearest=near) from None


def choice_of(value: str, choices: Sequence[str], what: str) -> str:
    """`value` if it is one of `choices`; else the error that a validator raises."""
    if value in choices:
        return value
    more = len(choices) - _MOST_NAMES
    shown = ", ".join(choices[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    raise wrong(f"unknown {what} {quoted(value)}", shown, nearest(value, choices))


def _rank(error: ErrorDetails) -> tuple[int, int]:
    """A misspelt key explains most, and a key that is missing the least."""
    problem = str(error.get("ctx", {}).get("problem", ""))
    kind = 0 if problem.startswith("unknown key") else 2 if problem.endswith("is missing") else 1
    return kind, len(error["loc"])


def _location(error: ErrorDetails, raw: Any) -> list[str | int]:
    """The place in `raw`: pydantic also names the arms of unions and the keys of mappings, which are no places."""
    location: list[str | int] = []
    here = raw
    for part in error["loc"]:
        in_list = isinstance(here, list | tuple) and isinstance(part, int) and part < len(here)
        if in_list or (isinstance(here, Mapping) and part in here):
            here = here[part]
            location.append(part)
    return location


def _named(location: Sequence[str | int], raw: Any) -> list[str]:
    """The place in words: entries of a list by name or number, as in `marginal age_by_sex, table`."""
    said: list[str] = []
    here = raw
    for part in location:
        if isinstance(part, int):
            here = here[part]
            name = next((here[key] for key in _NAMES if key in here), None) if isinstance(here, Mapping) else None
            called = printable(name)[:60] if isinstance(name, str) and name.strip() else str(part + 1)
            said[-1:] = [f"{_singular(said[-1])} {called}" if said else f"entry {called}"]
        else:
            here = here[part] if isinstance(here, Mapping) and part in here else None
            said.append(printable(part)[:60])
    return said


def _singular(noun: str) -> str:
    if noun.endswith("ies"):
        return f"{noun[:-3]}y"
    return noun[:-1] if noun.endswith("s") else noun


#: What is allowed by pydantic's type of error, in our words.
_ALLOWED: dict[str, str] = {
    "string_type": "text, in quotes",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table of keys and values",
    "model_type": "a table of keys and values",
    "greater_than": "above {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "below {lt}",
    "less_than_equal": "{le} or less",
    "too_long": "{max_length} at most",
    "too_short": "{min_length} or more",
    "string_too_long": "up to {max_length} characters",
    "string_too_short": "text of {min_length} characters or more",
    "literal_error": "{expected}",
}


def _told(error: ErrorDetails) -> tuple[str, str | None, str | None]:
    """An error as problem, what is allowed and the nearest valid value."""
    context = error.get("ctx", {})
    if error["type"] == _OURS:
        return str(context["problem"]), context.get("allowed"), context.get("near")
    limits = {name: _number(value) for name, value in context.items()}
    allowed = _ALLOWED[error["type"]].format(**limits) if error["type"] in _ALLOWED else error["msg"]
    given = error["input"]
    if error["type"] in ("too_short", "too_long") and isinstance(given, Mapping | list | tuple):
        return f"has {len(given):,} entries" if len(given) else "is empty", allowed, None
    if error["type"] == "string_too_long":
        return f"has {len(str(given)):,} characters", allowed, None
    if error["type"] == "string_too_short" and not str(given).strip():
        return "is empty", allowed, None
    return f"is {quoted(given)}", allowed, limits.get("ge", limits.get("le"))


def _number(value: Any) -> str:
    """A limit as people write numbers: 100,000 and 0.5."""
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return f"{int(value):,}" if whole else str(value)
