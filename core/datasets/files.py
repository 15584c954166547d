"""From a path to a table of raw columns with row numbers and a hash. Knows CSV and Parquet, not what is in them."""

from __future__ import annotations

import csv
import hashlib
import io
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from core.datasets.bounds import LARGEST_FILE, MOST_COLUMNS, UNDAMAGED, check_footer, check_unpacked, has_dictionary
from core.datasets.containers import container_of
from core.datasets.findings import Findings
from core.errors import InputError, nearest

#: The header of a table is not longer.
LONGEST_HEADER = 1_000_000


@dataclass(frozen=True)
class RawTable:
    """Columns as they stand in the file: text from CSV, typed from Parquet. `rows` numbers the records for the user."""

    table: pa.Table
    rows: np.ndarray

    def take(self, positions: np.ndarray) -> RawTable:
        """The records at these positions, in this order."""
        if len(positions) == len(self.rows):
            return self
        return RawTable(self.table.take(pa.array(positions)), self.rows[positions])


class RawFile:
    """A data file held in memory: its container, its columns and its SHA-256.

    Raises InputError where there is no such file, it is no regular file, it is neither UTF-8 CSV nor Parquet (and then
    what it is), or it is a Parquet file that would become larger than any table that is read here.
    """

    def __init__(self, path: str | Path, findings: Findings | None = None) -> None:
        self.path = Path(path)
        self.findings = findings or Findings(self.path.name)
        self._bytes = _read_bytes(self.path)
        self.sha256 = hashlib.sha256(self._bytes).hexdigest()
        self.size = len(self._bytes)
        #: Records loaded so far, before any selection.
        self.records = 0
        self.container = container_of(self._bytes, self.findings)
        if self.container == "csv" and self.path.suffix.lower() in {".parquet", ".pq"}:
            self.findings.stop("is not a Parquet file", allowed="a Parquet file, or a CSV file with the ending .csv")
        self.columns = self._parquet_columns() if self.container == "parquet" else self._csv_header()

    def load(self, columns: Sequence[str]) -> RawTable:
        """These columns of every record. Wholly empty rows are skipped; a row of the wrong width is a fault."""
        loaded = self._load_parquet(columns) if self.container == "parquet" else self._load_csv(columns)
        self.records = len(loaded.rows)
        return loaded

    def _parquet_columns(self) -> tuple[str, ...]:
        check_footer(self._bytes, self.findings.file)
        try:
            with pq.ParquetFile(pa.BufferReader(self._bytes)) as file:
                self._metadata, schema = file.metadata, file.schema_arrow
        except (pa.ArrowException, OSError, ValueError) as wrong:
            self._unreadable(wrong)
        # Repeated texts stay one text each, whatever the number of rows.
        self._texts = [field.name for field in schema if _is_text(field.type)]
        self._named_once(schema.names)
        return tuple(schema.names)

    def _load_parquet(self, columns: Sequence[str]) -> RawTable:
        check_unpacked(self._bytes, self._metadata, set(columns), self.findings.file)
        texts = [name for name in self._texts if name in columns and has_dictionary(self._metadata, name)]
        try:
            table = pq.read_table(pa.BufferReader(self._bytes), columns=list(columns), read_dictionary=texts)
            table.validate(full=True)
        except (pa.ArrowException, OSError, ValueError) as wrong:
            self._unreadable(wrong)
        if set(columns) - set(table.column_names):
            self.findings.stop("holds columns of columns", allowed="a flat table")
        return RawTable(table, np.arange(1, table.num_rows + 1))

    def _unreadable(self, wrong: BaseException) -> NoReturn:
        self.findings.stop(f"is not a readable Parquet file ({_first_line(wrong)})", allowed=UNDAMAGED)

    def _named_once(self, columns: Sequence[str], row: int | None = None) -> None:
        counts = Counter(name for name in columns if name)
        twice = next((name for name in columns if counts[name] > 1), None)
        if twice is not None:
            self.findings.stop("two columns have this name", column=twice, row=row, allowed="each name once")
        if len(columns) > MOST_COLUMNS:
            self.findings.stop(f"has {len(columns):,} columns", allowed=f"{MOST_COLUMNS:,} at most")

    def _csv_header(self) -> tuple[str, ...]:
        try:
            text = self._bytes.decode("utf-8-sig")
        except UnicodeDecodeError as wrong:
            row = self._bytes[: wrong.start].count(b"\n") + 1
            self.findings.stop("is not UTF-8 text", row=row, allowed="UTF-8 (in a spreadsheet: save as CSV UTF-8)")
        if "\0" in text:
            self.findings.stop("holds binary data", allowed="a UTF-8 CSV file or a Parquet file")
        if text.count('"') % 2:
            self._unclosed(text)
        lines = io.StringIO(text[:LONGEST_HEADER], newline="")
        try:
            header = tuple(name.strip() for name in next(csv.reader(lines, strict=True), []))
        except csv.Error as wrong:
            self.findings.stop(
                f"the header cannot be read ({wrong})", row=1, allowed="column names separated by commas"
            )
        if not any(header):
            self.findings.stop("the first row is empty", row=1, allowed="a header with the names of the columns")
        if len(header) == 1:
            other = next((mark for mark in (";", "\t", "|") if mark in header[0]), None)
            if other is not None:
                shown = "a tab" if other == "\t" else f"'{other}'"
                self.findings.stop(f"columns are separated by {shown}", row=1, allowed="commas")
        self._named_once(header, row=1)
        return header

    def _unclosed(self, text: str) -> None:
        """Raises InputError where a quote is never closed: Arrow would take the rest of the file for one cell."""
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        row = 1
        try:
            for row, _ in enumerate(reader, start=2):  # noqa: B007  (where it stops is what is wanted)
                pass
        except csv.Error as wrong:
            self.findings.stop(
                f"cannot be read as CSV ({wrong})", row=row, allowed="a closing quote for each one opened"
            )

    def _load_csv(self, columns: Sequence[str]) -> RawTable:
        # Arrow looks columns up by name, and a header may hold names it would read otherwise (spaces, empty names).
        names = [f"column {position}" for position in range(len(self.columns))]
        wanted = [names[self.columns.index(column)] for column in columns]
        ragged: list[tuple[int, int]] = []

        def skip(row: pa_csv.InvalidRow) -> str:
            if row.text.strip(', \t\r\n"'):
                ragged.append((int(row.number), int(row.actual_columns)))
            dropped.append(int(row.number))
            return "skip"

        dropped: list[int] = []
        try:
            table = pa_csv.read_csv(
                pa.BufferReader(self._bytes),
                read_options=pa_csv.ReadOptions(
                    use_threads=False,  # Arrow numbers rows only when it reads in order
                    block_size=min(max(self.size + 1, 1 << 16), LARGEST_FILE),  # one block: no record straddles two
                    column_names=names,
                ),
                parse_options=pa_csv.ParseOptions(
                    newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=skip
                ),
                convert_options=pa_csv.ConvertOptions(
                    include_columns=wanted,
                    column_types=dict.fromkeys(wanted, pa.string()),
                    strings_can_be_null=False,
                ),
            )
        except (pa.ArrowException, OSError, ValueError, KeyError) as wrong:
            self.findings.stop(
                f"cannot be read as CSV ({_first_line(wrong)})", allowed="rows of comma-separated values"
            )
        rows = np.setdiff1d(np.arange(1, table.num_rows + len(dropped) + 1), np.asarray(dropped, dtype=int))
        for number, found in ragged[: 1 if not self.findings.collect else 5]:
            self.findings.add(
                f"has {found} cells",
                row=number,
                allowed=f"{len(self.columns)}, one for each column of the header",
                others=len(ragged) - 1,
            )
        # The header is the first record here, because the names were given.
        table, rows = table.slice(1).rename_columns(list(columns)), rows[1:]
        filled = np.zeros(table.num_rows, dtype=bool)
        for column in table.columns:
            filled |= pa.compute.not_equal(pa.compute.utf8_trim_whitespace(column), "").to_numpy(zero_copy_only=False)
        return RawTable(table, rows).take(np.flatnonzero(filled))


def _read_bytes(path: Path) -> bytes:
    where = str(path)
    if path.is_dir():
        raise InputError("is a folder", where=where, allowed="the path of a CSV or Parquet file")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError("is a device or a pipe", where=where, allowed="the path of a CSV or Parquet file")
        if status.st_size > LARGEST_FILE:
            raise InputError(f"has {status.st_size:,} bytes", where=where, allowed=f"{LARGEST_FILE:,} at most")
        return path.read_bytes()
    except FileNotFoundError:
        beside = [item.name for item in path.parent.iterdir() if item.is_file()] if path.parent.is_dir() else []
        raise InputError(
            "no such file", where=where, allowed="an existing CSV or Parquet file", nearest=nearest(path.name, beside)
        ) from None
    except (OSError, ValueError) as wrong:
        raise InputError(f"cannot be opened ({_first_line(wrong)})", where=where, allowed="a readable file") from None


def _is_text(kind: pa.DataType) -> bool:
    return any(
        test(kind)
        for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    )


def _first_line(wrong: BaseException) -> str:
    text = str(wrong).strip().splitlines()
    return text[0].rstrip(".")[:160] if text else type(wrong).__name__
