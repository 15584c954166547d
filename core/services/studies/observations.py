"""Observations for commands: how far published indices are from recomputed ones, and fetching files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from humanize import naturalsize

from core.datasets.column_names import ColumnNames
from core.datasets.fetch import Fetched, fetch_uae
from core.datasets.files import RawFile
from core.datasets.tables import policy_table
from core.errors import InputError
from core.policy.indices import compare_indices, lacking_values
from core.result import Result
from core.settings import user_data
from core.study import load_codebook


@dataclass(frozen=True, kw_only=True)
class StringencyReport(Result):
    """The indices of a policy file, recomputed from its `rows`: by index the largest error (None where no day could be compared),
    on how many days of those published; on how many rows a column is `missing` what an index needs, and why other indices of
    the file were `left_out`."""

    file: str
    rows: int
    max_abs_error: Mapping[str, float | None]
    days_compared: Mapping[str, int]
    days_published: Mapping[str, int]
    missing: Mapping[str, int]
    left_out: Mapping[str, str]


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
    return StringencyReport(
        file=path.name,
        rows=len(policy),
        max_abs_error={item.name: item.largest for item in compared},
        days_compared={item.name: item.compared for item in compared},
        days_published={item.name: item.published for item in compared},
        missing=lacking_values(policy, book),
        left_out=left_out,
    )


def fetch_observations(folder: Path | None, say: Callable[[str], None]) -> Fetched:
    """Fetch the UAE case into `folder` (default: the user's data folder) and say what came."""
    named: set[str] = set()

    def progress(label: str, done: int, total: int | None) -> None:
        if label not in named:
            named.add(label)
            say(f"fetching {label}" + ("" if total is None else f" ({naturalsize(total)})"))

    return fetch_uae(folder or user_data() / "observed", progress=progress)
