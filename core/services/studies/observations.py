"""Observations for commands: how far published indices are from recomputed ones, and fetching files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.datasets.column_names import ColumnNames
from core.datasets.fetch import fetch_uae
from core.datasets.files import RawFile
from core.datasets.tables import policy_table
from core.errors import InputError
from core.policy.indices import IndexComparison, compare_indices, lacking_values
from core.settings import user_data
from core.study import load_codebook


@dataclass(frozen=True)
class StringencyReport:
    """The indices of a policy file, recomputed: `rows` read, what was compared, on how many rows a column `lacks` what an
    index needs, and why other indices of the file were `left_out`."""

    file: str
    rows: int
    compared: tuple[IndexComparison, ...]
    lacks: Mapping[str, int]
    left_out: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON; an error is null where no day could be compared."""
        return {
            "file": self.file,
            "rows": self.rows,
            "max_abs_error": {item.name: item.largest for item in self.compared},
            "days_compared": {item.name: item.compared for item in self.compared},
            "days_published": {item.name: item.published for item in self.compared},
            "missing": dict(self.lacks),
            "left_out": dict(self.left_out),
        }


def stringency_report(path: Path) -> StringencyReport:
    """Each index of a policy file recomputed from its indicators, and what could not be. Raises InputError."""
    raw = RawFile(path)
    policy = policy_table(raw).frame
    book = load_codebook()
    try:
        compared = compare_indices(policy, book)
    except InputError as wrong:
        raise InputError(wrong.problem, where=path.name, allowed=wrong.allowed, nearest=wrong.nearest) from None
    done = {item.name for item in compared}
    named = ColumnNames(raw.columns)
    used = {named.find([name]) for name in done}
    left_out = {}
    for column in raw.columns:
        if "index" not in column.lower() or column in used:
            continue
        lacking = [code for code in book.indices.get(column, ()) if code not in policy.columns]
        if lacking:
            left_out[column] = f"the file has no {', '.join(lacking)}"
        elif column.endswith("_Average"):
            left_out[column] = "an average over the vaccinated and others, which the columns read do not tell apart"
        else:
            left_out[column] = "not an index of the codebook"
    return StringencyReport(path.name, len(policy), compared, lacking_values(policy, book), left_out)


def fetch_observations(folder: Path | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Fetch the UAE case into `folder` (default: the user's data folder) and say what came."""
    named: set[str] = set()

    def progress(label: str, done: int, total: int | None) -> None:
        if label not in named:
            named.add(label)
            say(f"fetching {label}" + ("" if total is None else f" ({total / 1e6:.1f} MB)"))

    fetched = fetch_uae(folder or user_data() / "observed", progress=progress)
    return {
        "folder": str(fetched.folder),
        "files": sorted(fetched.files),
        "downloaded": fetched.downloaded,
    }
