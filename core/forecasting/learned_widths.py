"""Widths of intervals as learned from many places, kept in a table with the day up to which each row knows anything."""

from __future__ import annotations

from datetime import date

import numpy as np

from core.calibration.learned import known_rows
from core.calibration.pace import pace_of
from core.errors import InputError
from core.forecasting.intervals import CLASSES, Widths
from core.statistics.levels import LEVELS
from core.study import Study

WIDTHS_FILE = "widths.csv"
COLUMNS = tuple(str(last) for last in CLASSES)


def widths_rows(widths: Widths, forecaster: str, places: int) -> list[dict[str, object]]:
    """Rows forecaster, behaviour, level, places, and per class of days ahead (by its last) the half-width in units of the
    scale; a level with a width that is not known is left out."""
    return [
        {"forecaster": forecaster, "behaviour": behaviour, "level": level, "places": places}
        | {str(name): round(float(value), 3) for name, value in zip(widths.classes, values[row], strict=True)}
        for behaviour, values in widths.by_behaviour.items()
        for row, level in enumerate(LEVELS)
        if np.isfinite(values[row]).all()
    ]


def widths_after(study: Study, origin: date, forecaster: str = "twin") -> Widths | None:
    """The widths that may be known at `origin`; None where nothing was learned by then for all of the study's behaviours."""
    classes = pace_of(study).classes
    columns = tuple(map(str, classes))
    rows, day = known_rows(study, WIDTHS_FILE, ("level", *columns), origin)
    if day is None:
        return None
    found: dict[str, np.ndarray] = {}
    for behaviour, level, *values in rows.loc[
        rows["forecaster"] == forecaster, ["behaviour", "level", *columns]
    ].itertuples(index=False):
        if level not in LEVELS:
            raise InputError(f"a width of level {level:g}", where=WIDTHS_FILE, allowed=", ".join(map(str, LEVELS)))
        table = found.setdefault(behaviour, np.full((len(LEVELS), len(classes)), np.nan))
        table[LEVELS.index(int(level))] = values
    complete = {name: values for name, values in found.items() if np.isfinite(values).all()}
    return Widths(complete, classes) if set(study.behaviour_ids) <= set(complete) else None
