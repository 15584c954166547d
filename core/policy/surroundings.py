"""What people live with beside policy, as far as it is known on a day: the classes of a study's context variables over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from core.errors import InputError
from core.study import ContextVariable, Step


@dataclass(frozen=True)
class Spell:
    """A class that holds from `start` until the next spell, known from the end of `announced` on."""

    start: date
    level: int
    announced: date


@dataclass(frozen=True)
class Surroundings:
    """One context variable over time: its spells in order, the first of which holds before it too."""

    code: str
    spells: tuple[Spell, ...]

    def levels(self, dates: pd.DatetimeIndex, known_by: date | None = None) -> np.ndarray:
        """The class on each day, (days,) of int: after `known_by` (None: with hindsight) that of the last spell known then."""
        known = [item for item in self.spells if known_by is None or item.announced <= known_by] or self.spells[:1]
        starts = np.array([item.start for item in known], dtype="datetime64[D]")
        place = np.searchsorted(starts, dates.to_numpy().astype("datetime64[D]"), side="right") - 1
        return np.array([item.level for item in known])[np.maximum(place, 0)]

    def to_dict(self) -> dict[str, Any]:
        """In JSON's types; `from_dict` reads it back."""
        spells = [[item.start.isoformat(), item.level, item.announced.isoformat()] for item in self.spells]
        return {"code": self.code, "spells": spells}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Surroundings:
        spells = (
            Spell(date.fromisoformat(start), int(level), date.fromisoformat(told))
            for start, level, told in raw["spells"]
        )
        return cls(str(raw["code"]), tuple(spells))


def surroundings_of(variable: ContextVariable, values: pd.Series, step: Step, where: str) -> Surroundings:
    """A variable's classes from its values by period. InputError where a value is missing: unknown is no class."""
    lacking = values.index[values.isna()]
    if len(lacking):
        raise InputError(
            f"the context variable {variable.code} has no value in {step.text(lacking[0].date())}",
            where=where,
            allowed=f"a number in column '{variable.column}' for every {step} of the study",
        )
    levels = np.digitize(values.to_numpy(float), variable.thresholds)
    changed = np.flatnonzero(np.diff(levels, prepend=levels[0] - 1))
    told = dict(variable.announced)
    spells = []
    for row in changed.tolist():
        first = values.index[row].date()
        # What is frozen at an origin is known in its own period; what is known ahead and never announced, since ever.
        usual = date(1900, 1, 1) if variable.ahead else first
        spells.append(Spell(first, int(levels[row]), told.get(first, usual)))
    return Surroundings(variable.code, tuple(spells))
