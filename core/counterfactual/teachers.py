"""How many countries a table of what was learned rests on, as a study may know it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date

from core.study import Study


@dataclass(frozen=True)
class Teachers:
    """The countries behind a table, `fewest` to `most` by behaviour, on days up to `known_until`."""

    fewest: int
    most: int
    known_until: date

    def __str__(self) -> str:
        return f"{self.most} countries" if self.fewest == self.most else f"{self.fewest} to {self.most} countries"


def teachers_of(study: Study, file: str, origin: date) -> Teachers | None:
    """Who taught a study what a table says, as known at `origin`; None where nothing had been learned by then."""
    if study.learned is None:
        return None
    with (study.learned / file).open(encoding="utf-8", newline="") as handle:
        rows = [(date.fromisoformat(row["known_until"]), int(row["countries"])) for row in csv.DictReader(handle)]
    known = max((day for day, _ in rows if day <= origin), default=None)
    counts = [count for day, count in rows if day == known]
    return None if known is None else Teachers(min(counts), max(counts), known)
