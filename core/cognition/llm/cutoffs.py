"""Up to when a model has read: a small dated table that ships with the project, and what it means for a period.

A model that knows how a period went may remember it instead of simulating it; one whose knowledge ends before it answers
as people did before. No month is ever guessed: a model that is not in the table has an unknown cut-off.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from core.errors import InputError, nearest
from core.settings import shipped_data

COLUMNS = ("model", "engine", "cutoff", "date", "source")
#: The period against the cut-off.
KNOWN, ACROSS, AFTER, UNKNOWN = "before", "across", "after", "unknown"


@dataclass(frozen=True)
class Cutoff:
    """The month (its first day) up to which a model has read, as read on the day `as_of` at `source`.

    `model` is a name or a pattern (`*`, `?`), without regard to case; `engine` may be `*`.
    """

    model: str
    engine: str
    month: date
    as_of: date
    source: str


def load_cutoffs(path: Path | None = None) -> list[Cutoff]:
    """The shipped table, or the one at `path`. InputError, with file and line, for what is no such table."""
    path = path or shipped_data() / "model_cutoffs.csv"
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            for name in COLUMNS:
                if name not in (reader.fieldnames or ()):
                    raise InputError(
                        f"column '{name}' is absent",
                        where=str(path),
                        allowed=", ".join(COLUMNS),
                        nearest=nearest(name, list(reader.fieldnames or ())),
                    )
            return [_cutoff(row, f"{path}, line {reader.line_num}") for row in reader]
    except OSError as wrong:
        raise InputError(f"cannot be read ({wrong.strerror})", where=str(path), allowed="a CSV file") from None
    except (UnicodeDecodeError, csv.Error) as wrong:
        raise InputError(f"is no CSV text ({wrong})", where=str(path), allowed="a CSV file in UTF-8") from None


def cutoff_of(engine: str, models: Sequence[str], table: Sequence[Cutoff]) -> Cutoff | None:
    """The cut-off of a model by its names, of which the first that is known counts; None where none is.

    `models` are the ids that the provider returned and the name asked for. Longer patterns go before shorter ones.
    """
    for model in models:
        name = model.lower().removeprefix("models/").rpartition("/")[2]
        fits = [row for row in table if row.engine in (engine, "*") and fnmatchcase(name, row.model.lower())]
        if fits:
            return max(fits, key=lambda row: (not set("*?[") & set(row.model), len(row.model)))
    return None


def period_against(cutoff: Cutoff | None, start: date, end: date) -> str:
    """Whether the period (both ends included) lies before the end of the cut-off's month, across it, or after it."""
    if cutoff is None:
        return UNKNOWN
    after = date(cutoff.month.year + cutoff.month.month // 12, cutoff.month.month % 12 + 1, 1)
    if end < after:
        return KNOWN
    return AFTER if start >= after else ACROSS


def _cutoff(row: dict[str, str | None], where: str) -> Cutoff:
    if None in row or any(not (row.get(name) or "").strip() for name in COLUMNS):
        raise InputError("a cell is empty, or there is one too many", where=where, allowed=", ".join(COLUMNS))
    text = {name: str(row[name]).strip() for name in COLUMNS}
    try:
        month = date.fromisoformat(f"{text['cutoff']}-01")
    except ValueError:
        raise InputError(f"cutoff is '{text['cutoff']}'", where=where, allowed="YYYY-MM") from None
    try:
        as_of = date.fromisoformat(text["date"])
    except ValueError:
        raise InputError(f"date is '{text['date']}'", where=where, allowed="YYYY-MM-DD") from None
    return Cutoff(text["model"], text["engine"], month, as_of, text["source"])
