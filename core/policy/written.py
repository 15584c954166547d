"""What a scenario file may say: its keys, the edits with what each needs and may have, and the kinds of their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from core.errors import InputError, nearest
from core.inputs.checking import WrittenModel, checked, choice_of, wrong
from core.inputs.kinds import AnyDay, Line
from core.printable import quoted
from core.study import WEEKDAYS

#: Edits of one scenario; a policy of three years, written out change by change, has a few hundred.
MOST_EDITS = 5_000
#: AnyDays by which changes of policy can be moved, and levels by which measures can be tightened.
FARTHEST_SHIFT, MOST_STEPS = 3_660, 100


def _codes(value: Any) -> list[str]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not listed or not all(isinstance(item, str) for item in listed):
        raise wrong(f"{quoted(value)} is no indicator", "a code such as C1, or a list of codes")
    return list(listed)


def _weekday(value: str) -> str:
    return choice_of(value.lower(), WEEKDAYS, "weekday")


Codes = Annotated[list[str], BeforeValidator(_codes)]
Weekdays = Annotated[list[Annotated[str, AfterValidator(_weekday)]], Field(max_length=7)]
#: Of any size: which levels and flags there are is the indicator's own matter.
Level = Annotated[float, Field(ge=-1e9, le=1e9)]
Flag = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]


class _Span(WrittenModel):
    start: AnyDay | None = None
    end: AnyDay | None = None


class SetEdit(_Span):
    set: Codes
    level: Level
    flag: Flag | None = None


class AddEdit(_Span):
    add: Line
    level: Level
    flag: Flag | None = None


class RemoveEdit(_Span):
    remove: Codes


class ShiftEdit(_Span):
    shift: Annotated[int, Field(ge=-FARTHEST_SHIFT, le=FARTHEST_SHIFT)]
    indicators: Codes | None = None


class TightenEdit(_Span):
    tighten: Annotated[int, Field(ge=-MOST_STEPS, le=MOST_STEPS)]
    indicators: Codes | None = None


class WeekGroups(WrittenModel):
    rest_days: Weekdays = Field(default_factory=list)
    weekend_days: Weekdays = Field(default_factory=list)
    half_days: Weekdays = Field(default_factory=list)


class WorkingWeekEdit(WrittenModel):
    working_week: WeekGroups
    start: AnyDay
    end: AnyDay | None = None
    announced: AnyDay | None = None


class HolidayEdit(WrittenModel):
    holiday: Line
    day: AnyDay
    announced: AnyDay | None = None


class NoHolidayEdit(WrittenModel):
    no_holiday: AnyDay


#: An edit of a policy as a scenario file has it: the key that says what it does, and what that needs.
Edit: TypeAlias = dict[str, Any]
#: What an edit does -> what it needs and may have besides.
EDITS: dict[str, type[WrittenModel]] = {
    "set": SetEdit,
    "add": AddEdit,
    "remove": RemoveEdit,
    "shift": ShiftEdit,
    "tighten": TightenEdit,
    "working_week": WorkingWeekEdit,
    "holiday": HolidayEdit,
    "no_holiday": NoHolidayEdit,
}


class WrittenScenario(WrittenModel):
    """A scenario file; its edits are checked one by one, each where it is applied."""

    name: Annotated[str, Field(max_length=1_000)]
    parent: Annotated[str, Field(max_length=1_000)] = "observed"
    edits: Annotated[list[Any], Field(max_length=MOST_EDITS)] = Field(default_factory=list)


def checked_edit(raw: Any, where: str) -> WrittenModel:
    """One edit of a scenario as the model of what it does; InputError for what it cannot be."""
    if not isinstance(raw, Mapping):
        raise InputError(f"{quoted(raw)} is not an edit", where=where, allowed=", ".join(EDITS))
    verbs = [key for key in raw if key in EDITS]
    if len(verbs) != 1:
        near = next((found for key in raw if (found := nearest(str(key), EDITS))), None)
        raise InputError(
            f"names {len(verbs)} things to do ({', '.join(verbs)})" if verbs else "does not say what to do",
            where=where,
            allowed=f"one of {', '.join(EDITS)}",
            nearest=None if verbs else near,
        )
    return checked(EDITS[verbs[0]], raw, where)
