"""Widths of intervals as learned from many places, kept in a table with the day up to which each row knows anything."""

from __future__ import annotations

import csv
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.forecasting.intervals import CLASSES, LEVELS, Widths
from core.study import Study

WIDTHS_FILE = "widths.csv"


def widths_rows(widths: Widths, known_until: date) -> list[dict[str, object]]:
    """Rows known_until, behaviour, level, days_ahead (the class's last), half_width (in units of the scale)."""
    return [
        {
            "known_until": str(known_until),
            "behaviour": behaviour,
            "level": level,
            "days_ahead": last,
            "half_width": round(float(values[row, column]), 4),
        }
        for behaviour, values in widths.by_behaviour.items()
        for row, level in enumerate(LEVELS)
        for column, last in enumerate(CLASSES)
    ]


def widths_after(study: Study, origin: date) -> Widths | None:
    """The widths that may be known at `origin`; None where nothing was learned by then for all of the study's behaviours."""
    table = {} if study.learned is None else learned_widths(study.learned / WIDTHS_FILE)
    known = [day for day in table if day <= origin]
    if not known:
        return None
    widths = table[max(known)]
    return widths if set(study.behaviour_ids) <= set(widths.by_behaviour) else None


@cache
def learned_widths(path: Path) -> dict[date, Widths]:
    """The table as widths by the day up to which they know. Raises InputError for a file that is not such a table."""
    found: dict[date, dict[str, np.ndarray]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle):
                of_day = found.setdefault(date.fromisoformat(row["known_until"]), {})
                values = of_day.setdefault(row["behaviour"], np.full((len(LEVELS), len(CLASSES)), np.nan))
                place = LEVELS.index(int(row["level"])), CLASSES.index(int(row["days_ahead"]))
                values[place] = float(row["half_width"])
    except FileNotFoundError:
        raise InputError("no such file", where=str(path)) from None
    except (KeyError, TypeError, ValueError) as wrong:
        raise InputError(
            f"cannot be read as a table of learned widths ({wrong})",
            where=str(path),
            allowed="columns known_until, behaviour, level, days_ahead, half_width",
        ) from None
    for day, of_day in found.items():
        gaps = [name for name, values in of_day.items() if np.isnan(values).any()]
        if gaps:
            raise InputError(
                f"lacks widths of {gaps[0]} known by {day}", where=str(path), allowed="every level and class"
            )
    return {day: Widths(of_day) for day, of_day in found.items()}
