"""Kinds of value that people write in files, as pydantic types: days, names, sentences, numbers."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from core.inputs.checking import wrong
from core.printable import quoted

#: Days beyond these are slips of the hand: nothing was counted before, and nothing is planned after.
FIRST_DAY, LAST_DAY = date(1800, 1, 1), date(2199, 12, 31)
LONGEST_NAME, LONGEST_LINE, LONGEST_TEXT = 64, 400, 5_000
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)
_A_DAY = "a day such as 2021-06-30"


def as_any_day(value: Any) -> date:
    """A day of a file: a TOML date, or its ISO text. A moment is none: in another time zone it may be another day."""
    if isinstance(value, datetime):
        raise wrong(f"is {quoted(value.isoformat())}", f"{_A_DAY}, without a time")
    if isinstance(value, str) and _DAY.fullmatch(value.strip()):
        try:
            value = date.fromisoformat(value.strip())
        except ValueError:
            raise wrong(f"is {quoted(value)}, which is not a date", _A_DAY) from None
    if not isinstance(value, date):
        raise wrong(f"is {quoted(value)}, which is not a date", _A_DAY)
    return value


def as_day(value: Any) -> date:
    """A day of a file within FIRST_DAY and LAST_DAY."""
    value = as_any_day(value)
    if not FIRST_DAY <= value <= LAST_DAY:
        raise wrong(f"is {value}", f"{FIRST_DAY} to {LAST_DAY}", str(FIRST_DAY if value < FIRST_DAY else LAST_DAY))
    return value


def _visible(text: str, keep: str = "") -> str:
    if text.isprintable():
        return text
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in keep:
            raise wrong(f"has the invisible character {quoted(character)}", "text that can be seen")
    return text


def _line(text: str) -> str:
    if not text.strip():
        raise wrong("is empty", "text")
    return _visible(text)


def _identifier(text: str) -> str:
    if not _ID.fullmatch(text):
        raise wrong(f"is {quoted(text)}", "letters, digits, - and _, such as my-study")
    return text


def _several(value: Any) -> Any:
    """One text stands for a list of one."""
    return [value] if isinstance(value, str) else value


#: A calendar day of whatever year: for what is announced since ever, and where other bounds hold.
AnyDay = Annotated[date, BeforeValidator(as_any_day)]
#: A calendar day.
Day = Annotated[date, BeforeValidator(as_day)]
#: Text on one line that says something.
Line = Annotated[str, Field(max_length=LONGEST_LINE), AfterValidator(_line)]
#: Text of any number of lines, or none.
Text = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(lambda text: _visible(text, "\n\r\t"))]
#: A name that stands in addresses, files and tables.
Identifier = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_identifier)]
#: One text or a list of them.
Lines = Annotated[list[Line], BeforeValidator(_several)]
#: The name of a file or folder.
FileName = Annotated[str, Field(max_length=LONGEST_LINE), AfterValidator(_line)]
#: A share of a whole.
Share = Annotated[float, Field(ge=0, le=1)]
