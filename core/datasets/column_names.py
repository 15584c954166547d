"""Finding a provider's columns under the names that other programs give them.

R writes `C1_School.closing`, Stata `c1_schoolclosing` and cuts names at 32 characters, databases small letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

#: Stata cuts names at this length.
CUT_AT = 32


class ColumnNames:
    """The columns of a file, found by name whatever became of capitals, spaces and marks."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._exact = frozenset(columns)
        self._by_key: dict[str, list[str]] = {}
        for column in columns:
            self._by_key.setdefault(_key(column), []).append(column)
        self._by_key.pop("", None)
        self._cut = [column for column in columns if len(column) == CUT_AT]

    def find(self, names: Iterable[str]) -> str | None:
        """The column that has one of these names, an earlier one before a later; None where none has, or several may."""
        names = tuple(names)
        for name in names:
            if name in self._exact:
                return name
        for name in names:
            found = self._by_key.get(_key(name), [])
            if len(found) == 1:
                return found[0]
        for name in names:
            cut = [column for column in self._cut if _key(name).startswith(_key(column))]
            if len(cut) == 1:
                return cut[0]
        return None


@lru_cache(maxsize=4096)
def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
