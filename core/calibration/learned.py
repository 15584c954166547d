"""Tables of what other places' past taught (`policytwin learn`), and which of their rows a study may know.

Each table has a row per `without` (the place whose past had no say in it, by its ISO 3166-1 alpha-3 code; empty where all
teachers had), `known_until` (the last day that had a say) and what the table is about. A study is given the rows that were
learned without itself, so that no place ever teaches itself, and of those the last that were known at its origin. What is
read is kept by the file's content. The places of a panel teach each other in the same way, by their names, and have fewer tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from core.content_cache import cached_by_content
from core.datasets.places import countries, iso3_of
from core.errors import InputError
from core.study import Study

WITHOUT, KNOWN_UNTIL = "without", "known_until"
#: The table that has a row for every teacher left out, whatever the others lack.
WEIGHTS_FILE = "policy_weights.csv"
#: Rows that all teachers had a say in.
ALL_TEACHERS = ""


def own_code(study: Study) -> str | None:
    """The study's own country among those that teach: as its file says, else by the place of its mobility, else by its
    calendar. None where none of these is a country: an unknown or fictional place is nobody's teacher. Of a panel, the place."""
    if study.code is not None:
        return study.code
    if study.is_panel:
        return study.sources["mobility"].place
    source = study.sources.get("mobility")
    named = (None if source is None else source.place, study.calendar.country)
    for name in named:
        if name is not None and (name in countries() or name in iso3_of()):
            return iso3_of().get(name, name)
    return None


def known_rows(study: Study, file: str, columns: Sequence[str], origin: date) -> tuple[pd.DataFrame, date | None]:
    """The rows of a table that may be known in this place at `origin`, and the last day that had a say in them; no rows and
    None where nothing was learned by then.

    `columns` are the table's numbers, all finite. InputError for a file that is not such a table.
    """
    if study.learned is None or (study.is_panel and file != WEIGHTS_FILE and not (study.learned / file).is_file()):
        return pd.DataFrame(), None
    code = own_code(study) or ALL_TEACHERS
    teaches = code in _teachers(study.learned / WEIGHTS_FILE)
    by_day = _by_day(study.learned / file, tuple(columns), code if teaches else ALL_TEACHERS)
    known = [day for day in by_day if day <= origin]
    return (by_day[max(known)], max(known)) if known else (pd.DataFrame(), None)


@dataclass(frozen=True)
class Teaching:
    """The other places behind what a study may know of a table, `fewest` to `most` by behaviour, on days up to `known_until`."""

    fewest: int
    most: int
    known_until: date

    def __str__(self) -> str:
        count = f"{self.most}" if self.fewest == self.most else f"{self.fewest} to {self.most}"
        return f"{count} other places"


def teaching(study: Study, file: str, origin: date) -> Teaching | None:
    """Who taught a study what a table says, as known at `origin`; None where nothing was learned by then."""
    rows, day = known_rows(study, file, ("places",), origin)
    return None if day is None else Teaching(int(rows["places"].min()), int(rows["places"].max()), day)


@cached_by_content()
def _teachers(path: Path) -> frozenset[str]:
    """The places that had a say. One of them is never given rows of all, not even where the others were too few to teach."""
    return frozenset(_table(path, ("weight",))[WITHOUT]) - {ALL_TEACHERS}


@cached_by_content(keep=256)
def _by_day(path: Path, columns: tuple[str, ...], without: str) -> dict[date, pd.DataFrame]:
    table = _table(path, columns)
    rows = table[table[WITHOUT] == without]
    days = sorted(set(rows[KNOWN_UNTIL]))
    return {day: rows[rows[KNOWN_UNTIL] == day].reset_index(drop=True) for day in days}


@cached_by_content()
def _table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    needed = [WITHOUT, KNOWN_UNTIL, *columns]
    try:
        # As text: the code of no country is taken for a missing value.
        text = dict.fromkeys((WITHOUT, KNOWN_UNTIL, "behaviour"), "str")
        table = pd.read_csv(path, dtype=text, keep_default_na=False)
        missing = [name for name in needed if name not in table]
        if missing:
            raise ValueError(f"no column {missing[0]}")
        table[KNOWN_UNTIL] = [date.fromisoformat(day) for day in table[KNOWN_UNTIL]]
        values = table[list(columns)].astype(float)
        if not np.isfinite(values.to_numpy()).all():
            raise ValueError("a number is missing")
        return table.assign(**{name: values[name] for name in columns})
    except FileNotFoundError:
        raise InputError("no such file", where=str(path)) from None
    except (KeyError, TypeError, ValueError) as wrong:
        raise InputError(
            f"cannot be read as a table of what was learned ({wrong})",
            where=str(path),
            allowed=f"columns {', '.join(needed)}, with a number in each of the last {len(columns)}",
        ) from None
