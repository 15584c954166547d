"""What is wrong with a file: raised as one error, or collected for a report."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import numpy as np

from core.errors import InputError

#: Problems a report spells out; the rest are counted.
PROBLEM_LIMIT = 50
#: Cells of one kind of fault in one column that a report spells out, so that one bad column does not fill the report.
CELL_LIMIT = 5
#: Longest piece of a column's name that a message repeats.
LONGEST_NAME = 80


class Findings:
    """Where checks put what they find in one file.

    A reader raises the first fault as an `InputError` and so returns nothing from a faulty file (`collect=False`). The
    report of `check_file` keeps going (`collect=True`): `problems` holds up to `PROBLEM_LIMIT` lines and `count` is the
    number of faults.
    Rows are numbered as a spreadsheet shows a CSV (the header is row 1); the first record of a Parquet table is row 1.
    """

    def __init__(self, file: str, *, collect: bool = False) -> None:
        self.file = file
        self.collect = collect
        self.problems: list[str] = []
        self.count = 0

    def where(self, column: str | None = None, row: int | None = None) -> str:
        """The place of a fault in words: file, column, row."""
        parts = [_one_line(self.file)]
        if column is not None:
            parts.append(f"column {_one_line(column)[:LONGEST_NAME]}")
        if row is not None:
            parts.append(f"row {row}")
        return ", ".join(parts)

    def add(
        self,
        problem: str,
        *,
        column: str | None = None,
        row: int | None = None,
        allowed: str | None = None,
        nearest: str | None = None,
        others: int = 0,
    ) -> None:
        """One fault; `others` is how many more of its kind there are, which a raised error only counts."""
        if not self.collect and others:
            problem = f"{problem} (and {others} more like it)"
        error = self._error(problem, column, row, allowed, nearest)
        if not self.collect:
            raise error
        self.count += 1
        if len(self.problems) < PROBLEM_LIMIT:
            self.problems.append(str(error))

    def stop(
        self,
        problem: str,
        *,
        column: str | None = None,
        row: int | None = None,
        allowed: str | None = None,
        nearest: str | None = None,
    ) -> NoReturn:
        """A fault after which the file cannot be read any further; always raised."""
        raise self._error(problem, column, row, allowed, nearest)

    def _error(
        self, problem: str, column: str | None, row: int | None, allowed: str | None, nearest: str | None
    ) -> InputError:
        said = [None if words is None else _one_line(words) for words in (allowed, nearest)]
        return InputError(_one_line(problem), where=self.where(column, row), allowed=said[0], nearest=said[1])

    def rows(
        self,
        bad: np.ndarray,
        rows: np.ndarray,
        describe: Callable[[int], str],
        *,
        column: str | None = None,
        allowed: str | None = None,
        nearest: Callable[[int], str | None] | None = None,
    ) -> None:
        """The faults at positions `bad` (boolean, one per record), in the file's order; `rows` are the row numbers."""
        positions = np.flatnonzero(bad)
        if not len(positions):
            return
        positions = positions[np.argsort(rows[positions], kind="stable")]
        shown = positions[: CELL_LIMIT if self.collect else 1]
        for position in shown:
            index = int(position)
            self.add(
                describe(index),
                column=column,
                row=int(rows[index]),
                allowed=allowed,
                nearest=nearest(index) if nearest else None,
                others=len(positions) - 1,
            )
        hidden = len(positions) - len(shown)
        if self.collect and hidden:
            self.count += hidden
            if len(self.problems) < PROBLEM_LIMIT:
                self.problems.append(f"{self.where(column)}: {hidden} more faults of this kind")


def _one_line(words: str) -> str:
    """Cells, headers and names of files may hold line breaks and control characters; a message does not."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in words).split())
