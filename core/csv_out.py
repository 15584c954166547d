"""Tables as CSV for users: no cell of an exported or downloaded file starts a formula where it is opened.

A spreadsheet takes text that begins with certain marks for a formula, which can send the sheet away or start a program
(OWASP, "CSV Injection"). Names of categories come from users' files, reasons from language models.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

#: What a formula may begin with; the wide forms are taken for the plain ones by some programs.
MARKS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_safe(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose text, in cells, column names and index, gets an apostrophe in front where it would start a formula.

    Text that is a number, such as "-3.5", stays as it is, as do numbers, days and missing values. A carriage return becomes a
    line feed.
    """
    safe = table.copy()
    for position in range(safe.shape[1]):
        if _may_hold_text(safe.dtypes.iloc[position]):
            safe.isetitem(position, _column(safe.iloc[:, position]).array)
    safe.columns = _labels(safe.columns)
    safe.index = _labels(safe.index)
    return safe


def csv_text(table: pd.DataFrame, *, index: bool = False) -> str:
    """A table as CSV, safe to open; lines end in a line feed."""
    return str(csv_safe(table).to_csv(index=index, lineterminator="\n"))


def write_csv(table: pd.DataFrame, path: Path, *, index: bool = False) -> None:
    """Writes a table as CSV, safe to open. Raises OSError."""
    csv_safe(table).to_csv(path, index=index, lineterminator="\n")


#: Rows that are called so in a table with others were observed.
OBSERVED_ROWS = frozenset({"Observed", "Observed data", "observed"})
_RUN = re.compile(r"\b[a-z_]+-\d{8}-[0-9a-f]{10}\b")


def stamped(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """A table of simulated values that says so: columns `simulated` (False for rows whose name says that they were observed) and
    `run_id`, the run that its `source` names. One whose source names no run stays as it is."""
    found = _RUN.search(source)
    if found is None or "run_id" in table or "simulated" in table:
        return table
    named = next((table[name] for name in ("name", "forecaster", "label") if name in table), None)
    observed = False if named is None else named.astype(str).isin(OBSERVED_ROWS)
    return table.assign(simulated=True if named is None else ~observed, run_id=found.group(0))


def _column(values: pd.Series) -> pd.Series:
    """A column of text, each different text looked at once."""
    try:
        changed = {text: _cell(text) for text in values.unique() if _cell(text) is not text}
    except TypeError:  # what cannot be told apart, as lists
        return values.map(_cell)
    return values.map(lambda value: changed.get(value, value)) if changed else values


def _may_hold_text(kind: Any) -> bool:
    return bool(
        pd.api.types.is_object_dtype(kind)
        or pd.api.types.is_string_dtype(kind)
        or isinstance(kind, pd.CategoricalDtype)
    )


def _labels(labels: pd.Index) -> pd.Index:
    if isinstance(labels, pd.MultiIndex):
        rows = [tuple(_cell(part) for part in row) for row in labels]
        return pd.MultiIndex.from_tuples(rows, names=[_cell(name) for name in labels.names])
    named = _cell(labels.name)
    return labels.map(_cell).rename(named) if _may_hold_text(labels.dtype) else labels.rename(named)


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # pandas does not quote it, and programs begin a new row there, whose first cell could be a formula.
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    if not value.startswith(MARKS):
        return value
    try:
        float(value)
    except ValueError:
        pass
    else:
        if value[0] in "+-":
            return value
    return f"'{value}"
