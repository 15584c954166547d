"""Cells to values: dates, numbers, and the daily sequence of each place, with the row of every fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from core.datasets.files import RawTable
from core.datasets.findings import Findings
from core.study import Step

NUMBER = r"^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?$"
#: Days, or months and years by their first day.
PERIODS = "periods"
DATE_PATTERNS = {
    "%Y-%m-%d": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "%Y%m%d": r"^[0-9]{8}$",
    PERIODS: r"^[0-9]{4}(-[0-9]{2}){0,2}$",
}
DATE_WORDS = {
    "%Y-%m-%d": "days written yyyy-mm-dd",
    "%Y%m%d": "days written yyyymmdd",
    PERIODS: "days, months or years written yyyy-mm-dd, yyyy-mm or yyyy",
}
#: No study lies outside these; spreadsheets and databases write other days for "none".
EARLIEST, LATEST = np.datetime64("1900-01-02"), np.datetime64("2150-12-31")
#: Longest piece of a bad cell that a message repeats.
SHOWN = 40
#: Characters of a code, a name, a day or a number.
LONGEST_CELL = 1_000


@dataclass(frozen=True)
class Labels:
    """A text column as positions in the list of its distinct values; position -1 is an empty cell."""

    positions: np.ndarray
    values: tuple[str, ...]

    @property
    def empty(self) -> np.ndarray:
        """Where cells are empty, boolean."""
        return self.positions < 0

    def at(self, index: int) -> str:
        """The text of one cell, "" where it is empty."""
        position = int(self.positions[index])
        return self.values[position] if position >= 0 else ""

    def spread(self, per_value: np.ndarray, otherwise: object) -> np.ndarray:
        """One entry per cell from one entry per distinct value; `otherwise` for empty cells."""
        return np.append(per_value, np.array([otherwise], dtype=per_value.dtype))[self.positions]

    def texts(self) -> np.ndarray:
        """The text of every cell, "" where it is empty (an array of objects)."""
        return self.spread(np.array([*self.values], dtype=object), "")

    def take(self, kept: np.ndarray) -> Labels:
        """The cells at these places; values that no cell has any more are dropped."""
        positions = self.positions[kept]
        used = np.flatnonzero(np.bincount(positions[positions >= 0], minlength=len(self.values)))
        renumbered = np.full(len(self.values) + 1, -1, dtype=np.int64)
        renumbered[used] = np.arange(len(used))
        return Labels(renumbered[positions], tuple(self.values[position] for position in used))

    def rename(self, name: Callable[[str], str]) -> Labels:
        """The same cells under other values; `name` must keep distinct values distinct."""
        return Labels(self.positions, tuple(name(value) for value in self.values))


def labels_of(texts: pd.Series) -> Labels:
    """Labels from a series of text, missing where it is missing."""
    positions, values = pd.factorize(texts)
    return Labels(positions.astype(np.int64), tuple(str(value) for value in values))


def labels(raw: RawTable, column: str, findings: Findings) -> Labels:
    """A column as text, white space trimmed; empty cells are missing. Nested or binary cells are refused."""
    values = raw.table[column]
    try:
        coded = values if pa.types.is_dictionary(values.type) else values.cast(pa.string()).dictionary_encode()
        # Texts stand once each: what is done to them is done to the distinct ones, however many cells have them.
        one = pa.concat_arrays(coded.unify_dictionaries().chunks) if coded.num_chunks else None
        words = pa.array([], pa.string()) if one is None else pc.utf8_trim_whitespace(one.dictionary.cast(pa.string()))
    except pa.ArrowException:
        findings.stop(f"holds {values.type} values", column=column, allowed="text, numbers or days")
    longest = pc.max(pc.utf8_length(words)).as_py() or 0
    if longest > LONGEST_CELL:
        findings.stop(f"a cell has {longest:,} characters", column=column, allowed=f"{LONGEST_CELL:,} at most")
    empty = pc.or_kleene(pc.is_null(words), pc.equal(words, "")).fill_null(True)
    distinct = pc.if_else(empty, None, words).dictionary_encode()
    renumbered = np.append(_positions(distinct.indices), -1)
    positions = renumbered[_positions(one.indices)] if one is not None else np.zeros(0, dtype=np.int64)
    return Labels(positions, tuple(distinct.dictionary.to_pylist())).take(np.arange(len(positions)))


def _positions(indices: pa.Array) -> np.ndarray:
    return np.asarray(indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False))


def blank(raw: RawTable, column: str, findings: Findings) -> np.ndarray:
    """Where the cells of a column are empty (a number that is NaN is), boolean."""
    values = raw.table[column]
    if pa.types.is_floating(values.type) or pa.types.is_integer(values.type):
        return np.asarray(values.is_null(nan_is_null=True).to_numpy(zero_copy_only=False), dtype=bool)
    return labels(raw, column, findings).empty


def days(raw: RawTable, column: str, style: str, findings: Findings) -> np.ndarray:
    """A column of days, datetime64[us]; `style` is the format of text cells.

    Days of a Parquet table may be timestamps: the first moment of a day, in their own time zone where they have one.
    An unreadable or empty day is a fault, and so is one far from any study; NaT where faults are collected.
    """
    values, allowed = raw.table[column], DATE_WORDS[style]
    if pa.types.is_dictionary(values.type) and pa.types.is_temporal(values.type.value_type):
        values = values.cast(values.type.value_type)
    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        found, timed, cell = _calendar_days(values, column, findings)
    else:
        texts = labels(raw, column, findings)
        distinct = pd.Series(texts.values, dtype="str")
        fits = distinct.str.match(DATE_PATTERNS[style]).to_numpy(dtype=bool)
        words = distinct.where(fits)
        if style == PERIODS:
            words, style = words + words.str.len().map({4: "-01-01", 7: "-01"}).fillna(""), "%Y-%m-%d"
        parsed = pd.to_datetime(words, format=style, errors="coerce").to_numpy(dtype="datetime64[D]")
        found, timed = texts.spread(parsed, np.datetime64("NaT", "D")), np.zeros(len(texts.positions), dtype=bool)

        def cell(index: int) -> str:
            return texts.at(index)[:SHOWN]

    def unreadable(index: int) -> str:
        return f"'{cell(index)}' is not a day" if cell(index) else "an empty day"

    findings.rows(np.isnat(found), raw.rows, unreadable, column=column, allowed=allowed)
    findings.rows(timed, raw.rows, lambda index: f"'{cell(index)}' has a time of day", column=column, allowed=allowed)
    distant = ~np.isnat(found) & ~timed & ((found < EARLIEST) | (found > LATEST))
    findings.rows(
        distant, raw.rows, lambda index: f"{found[index]} is no day", column=column, allowed=f"{EARLIEST} to {LATEST}"
    )
    return np.asarray(np.where(timed | distant, np.datetime64("NaT", "D"), found).astype("datetime64[us]"))


def _calendar_days(
    values: pa.ChunkedArray, column: str, findings: Findings
) -> tuple[np.ndarray, np.ndarray, Callable[[int], str]]:
    """The local day of each timestamp or date, which of them do not begin a day, and what a cell shows."""
    zone = values.type.tz if pa.types.is_timestamp(values.type) else None
    try:
        nanoseconds = pa.types.is_timestamp(values.type) and values.type.unit == "ns"
        moments = values.cast(pa.timestamp("us", zone), safe=not nanoseconds)
        # A day begins at midnight, but for the days on which clocks skip it.
        before = pc.subtract(moments, pa.scalar(1, pa.duration("us")))
        local, eve = (part if zone is None else pc.local_timestamp(part) for part in (moments, before))
    except (pa.ArrowException, OverflowError):
        words = f"holds {values.type} values" if zone is None else f"its time zone '{zone[:SHOWN]}' is not known"
        findings.stop(words, column=column, allowed="days without a time of day or a zone")
    found, last = (part.to_numpy(zero_copy_only=False).astype("datetime64[us]") for part in (local, eve))
    day = found.astype("datetime64[D]")
    return day, ~np.isnat(found) & (day == last.astype("datetime64[D]")), lambda index: _moment(found[index])


def _moment(when: np.datetime64) -> str:
    return "" if np.isnat(when) else str(when.astype("datetime64[s]")).replace("T", " ")


def numbers(
    raw: RawTable,
    column: str,
    findings: Findings,
    *,
    lower: float | None = None,
    upper: float | None = None,
    whole: bool = False,
    allowed: str = "a number, or an empty cell where nothing was published",
) -> np.ndarray:
    """A column of numbers as floats, NaN where the cell is empty.

    Text, infinities, values outside the range and, where asked for, values that are not whole are faults. `lower` and
    `upper` belong to the range. Faulty cells come back as NaN where faults are collected.
    """
    values = raw.table[column]
    if pa.types.is_temporal(values.type):
        findings.stop(f"holds {values.type} values", column=column, allowed=allowed)
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_null(values.type):
        found = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(float)
        wrong = np.zeros(len(found), dtype=bool)

        def cell(index: int) -> str:
            return f"{found[index]:g}"
    else:
        texts = labels(raw, column, findings)
        words = pa.array(texts.values, type=pa.string())
        fits = pc.match_substring_regex(words, NUMBER).to_numpy(zero_copy_only=False).astype(bool)
        parsed = np.array([float(word) if fit else np.nan for word, fit in zip(texts.values, fits, strict=True)], float)
        found = texts.spread(parsed, np.nan)
        wrong = ~texts.spread(fits, True)

        def cell(index: int) -> str:
            return texts.at(index)[:SHOWN]

    report = [
        (wrong, "is not a number"),
        (np.isinf(found), "is not a finite number"),
    ]
    if whole:
        report.append((np.isfinite(found) & (found != np.floor(found)), "is not a whole number"))
    if lower is not None:
        report.append((np.isfinite(found) & (found < lower), f"is below {lower:g}"))
    if upper is not None:
        report.append((np.isfinite(found) & (found > upper), f"is above {upper:g}"))
    faulty = np.zeros(len(found), dtype=bool)
    for bad, why in report:
        bad = bad & ~faulty
        findings.rows(bad, raw.rows, lambda index, why=why: f"'{cell(index)}' {why}", column=column, allowed=allowed)  # type: ignore[misc]
        faulty |= bad
    return np.where(faulty, np.nan, found)


#: Periods are counted from the one that this day lies in.
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class DailyOrder:
    """What the days of each place look like: `order` sorts records by place and day."""

    order: np.ndarray
    duplicates: int
    gaps: dict[str, int]


def check_days(
    places: Labels,
    when: np.ndarray,
    rows: np.ndarray,
    date_column: str,
    findings: Findings,
    *,
    gaps_are_faults: bool,
    step: Step = Step.DAY,
) -> DailyOrder:
    """Sort by place and period; a (place, period) that comes twice is a fault, and so is a missing one where asked.

    `gaps` maps a place to the number of periods missing inside its range.
    """
    filled = pd.DatetimeIndex(np.where(np.isnat(when), np.datetime64(EPOCH), when))
    day_number = step.places(filled, EPOCH)
    # Places sort by name, whatever order the file has them in.
    rank = np.argsort(np.argsort(np.array(places.values, dtype=object), kind="stable"), kind="stable")
    usable = np.flatnonzero(~np.isnat(when) & ~places.empty)
    order = usable[np.lexsort((rows[usable], day_number[usable], rank[places.positions[usable]]))]
    code, day = places.positions[order], day_number[order]
    passed = np.diff(day)
    same = np.diff(code) == 0
    again = np.append(False, same & (passed == 0))
    skipped = np.append(0, np.where(same & (passed > 1), passed - 1, 0))

    def named(number: int) -> str:
        return step.text(step.after(EPOCH, int(number)))

    def label(index: int) -> str:
        return places.values[code[index]]

    findings.rows(
        again,
        rows[order],
        lambda index: f"{named(day[index])} of {label(index)} was already given in row {rows[order[index - 1]]}",
        column=date_column,
        allowed=f"each {step} of a place once",
    )
    if gaps_are_faults:
        findings.rows(
            skipped > 0,
            rows[order],
            lambda index: _gap(label(index), day[index - 1], day[index], step, named),
            column=date_column,
            allowed=f"every {step} from the first to the last (leave the cells of a {step} without data empty)",
        )
    counted: dict[str, int] = {}
    for position in np.flatnonzero(skipped):
        counted[label(int(position))] = counted.get(label(int(position)), 0) + int(skipped[position])
    return DailyOrder(order, int(again.sum()), counted)


def _gap(place: str, before: int, after: int, step: Step, named: Callable[[int], str]) -> str:
    first, last = named(before + 1), named(after - 1)
    missing = after - before - 1
    span = f"{first} is missing" if missing == 1 else f"{missing} {step}s are missing ({first} to {last})"
    return f"{span} in {place}, before {named(after)}"
