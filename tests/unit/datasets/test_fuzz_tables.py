"""Thousands of mutated tables: what comes out is what an independent reading of the same file says, or one line of error.

The reference for CSV is Python's `csv` module and a strict number; for Parquet it is the values that were written.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core import study
from core.datasets import check_file, checks, read_cases, read_mobility, read_policy, tables
from core.datasets.layouts import MOBILITY_COLUMNS
from core.errors import InputError

COLUMNS = ("retail_and_recreation", "parks", "residential")
Meaning = dict[tuple[str, date], tuple[float | None, ...]]
Grid = list[list[str]]

NUMBER_CELLS = (
    "", " ", "0", "-0", "+3", "7.", ".5", "-100", "-100.1", "1e2", "1E-2", "1e999", "-1e5", "inf", "NaN", "nan", "NA", "null",
    "12,5", "1,234", "1 000", "-45%", "45 %", "\u221245", "\uff11\uff12", "0x10", "1_0", "--3", "TRUE", "=1+1", "'5", "a\nb", '"',
    "9" * 400, "1e-400", "  8  ", "\u00a09", "3\u200b",
)  # fmt: skip
DAY_CELLS = (
    "", "2020-02-30", "2020-2-1", "20200203", "03/02/2020", "02-03-2020", "43864", "2020-02-03 00:00", "2020-02-03T00:00Z",
    "0000-00-00", "9999-12-31", "1899-12-30", "0001-01-01", "2020-02-03", "2020-02-09", "2021-02-03", " 2020-02-03 ",
    "\uff12020-02-03", "nan", "today",
)  # fmt: skip
PLACE_CELLS = ("NA", "nan", "", "A", "B", " A ", "a", "NULL", "x" * 500, "A\nB", "\u202eA", "None", "\x1b[2J")


@pytest.fixture(autouse=True)
def codebook_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The codebook is parsed at each reading, which would take most of the time here."""
    once = cache(study.load_codebook)
    for module in (tables, checks):
        monkeypatch.setattr(module, "load_codebook", once)


def grid(rng: np.random.Generator) -> Grid:
    """A sound table of one or two places, some of its cells empty."""
    places, days = int(rng.integers(1, 3)), int(rng.integers(2, 12))
    rows: Grid = [["place", "date", *COLUMNS]]
    for place in ("NA", "B")[:places]:
        for step in range(days):
            day = date(2020, 2, 1) + timedelta(days=step)
            cells = [
                "" if rng.random() < 0.1 else f"{value}" for value in rng.integers(-90, 90, size=len(COLUMNS)).tolist()
            ]
            rows.append([place, day.isoformat(), *cells])
    return rows


def meaning(content: bytes) -> Meaning | None:
    """What a CSV file says, read without any code of ours; None where it says nothing that can be relied on."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except (csv.Error, UnicodeDecodeError):
        return None
    header = [name.strip() for name in rows[0]] if rows else []
    if "date" not in header or len(set(header)) < len(header):
        return None
    found: Meaning = {}
    for row in rows[1:]:
        if not "".join(row).strip():
            continue
        if len(row) != len(header):
            return None
        cells = dict(zip(header, (cell.strip() for cell in row), strict=True))
        day, place = cells["date"], cells.get("place", "X")
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day, re.ASCII) or not place:
            return None
        try:
            key = (place, date.fromisoformat(day))
        except ValueError:
            return None
        values = tuple(number(cells[name]) for name in MOBILITY_COLUMNS if name in header)
        if key in found or "wrong" in values:
            return None
        found[key] = values  # type: ignore[assignment]
    return found or None


def number(cell: str) -> float | str | None:
    if not cell:
        return None
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", cell, re.ASCII):
        return "wrong"
    value = float(cell)
    return value if -100 <= value < float("inf") else "wrong"


def written(rows: Grid, rng: np.random.Generator) -> bytes:
    """The table in one of the ways that programs write CSV."""
    out = io.StringIO()
    ends = ("\n", "\r\n", "\r")[int(rng.integers(3))]
    quoting = csv.QUOTE_ALL if rng.random() < 0.3 else csv.QUOTE_MINIMAL
    csv.writer(out, lineterminator=ends, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
    text = out.getvalue()
    if rng.random() < 0.2:
        text = text.rstrip("\r\n")
    elif rng.random() < 0.2:
        text += ends * 2 + "," * (len(rows[0]) - 1) + ends
    return (b"\xef\xbb\xbf" if rng.random() < 0.3 else b"") + text.encode()


def other_order(rows: Grid, rng: np.random.Generator) -> Grid:
    body = [rows[1 + int(position)] for position in rng.permutation(len(rows) - 1)]
    columns = rng.permutation(len(rows[0])).tolist()
    return [[row[column] for column in columns] for row in [rows[0], *body]]


def read(
    path: Path, reader: Callable[..., pd.DataFrame] = read_mobility, **options: object
) -> pd.DataFrame | InputError:
    """What the reader gives; an error must be one printable line that names the file."""
    try:
        frame = reader(path, **options)
    except InputError as wrong:
        assert str(wrong).isprintable() and len(str(wrong)) < 4000 and path.name in str(wrong), str(wrong)
        return wrong
    assert len(frame) and frame["date"].notna().all() and not frame.duplicated(["place", "date"]).any()
    assert frame.equals(frame.sort_values(["place", "date"], kind="stable"))
    values = frame.iloc[:, 2:].to_numpy(dtype=float)
    assert not np.isinf(values).any()
    return frame


def same(frame: pd.DataFrame, expected: Meaning) -> None:
    assert list(frame.columns[2:]) == [name for name in MOBILITY_COLUMNS if name in frame.columns]
    found = {
        (str(row[1]), row[2].date()): tuple(None if pd.isna(cell) else cell for cell in row[3:])
        for row in frame.itertuples()
    }
    assert found == expected


def test_the_same_table_in_any_dialect_is_the_same_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(101)
    path = tmp_path / "t.csv"
    for _ in range(250):
        rows = grid(rng)
        path.write_bytes(written(rows, np.random.default_rng(0)))
        expected = read_mobility(path)
        path.write_bytes(written(other_order(rows, rng), rng))
        pd.testing.assert_frame_equal(read_mobility(path), expected)


def changed(rows: Grid, rng: np.random.Generator) -> None:
    """One change to one cell, row or column name."""
    row, kind = int(rng.integers(1, len(rows))), int(rng.integers(9))

    def pick(cells: tuple[str, ...]) -> str:
        return cells[int(rng.integers(len(cells)))]

    if kind <= 4 and len(rows[row]) < len(rows[0]):
        return
    if kind <= 2:
        rows[row][int(rng.integers(2, len(rows[0])))] = pick(NUMBER_CELLS)
    elif kind == 3:
        rows[row][1] = pick(DAY_CELLS)
    elif kind == 4:
        rows[row][0] = pick(PLACE_CELLS)
    elif kind == 5:
        del rows[row]
    elif kind == 6:
        rows.insert(int(rng.integers(1, len(rows))), list(rows[row]))
    elif kind == 7:
        column = int(rng.integers(len(rows[0])))
        rows[0][column] = pick(
            ("", "date", "Date", "parks", "PARKS ", "workplaces", "x", "par\nks", "\x1b[1m", rows[0][column])
        )
    else:
        rows[row] = rows[row][: int(rng.integers(0, 5))] if rng.random() < 0.5 else [*rows[row], pick(NUMBER_CELLS)]


def test_a_changed_csv_is_read_as_it_says_or_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(102)
    path = tmp_path / "t.csv"
    accepted = refused = 0
    for turn in range(1200):
        rows = grid(rng)
        for _ in range(int(rng.integers(1, 3))):
            if len(rows) > 1:
                changed(rows, rng)
        content = written(rows, rng)
        path.write_bytes(content)
        expected = meaning(content)
        found = read(path, allow_gaps=True)
        if isinstance(found, InputError):
            refused += 1
        else:
            assert expected is not None, (content, found)
            same(found, expected)
            accepted += 1
        if turn % 10 == 0:
            report = check_file(path)
            json.dumps(report.as_dict(), allow_nan=False)
            assert all(problem.isprintable() for problem in report.problems)
    assert accepted > 200 and refused > 300


def test_changed_bytes_of_csv_are_read_as_they_say_or_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(103)
    path = tmp_path / "t.csv"
    accepted = 0
    pieces = (b"\0", b'"', b",", b"\n", b"\r", b"\xff", b";", b"1", b"-", b"\xef\xbb\xbf", b" ", b"PAR1", b"")
    for _ in range(700):
        content = bytearray(written(grid(rng), rng))
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(len(content)))
            content[at : at + int(rng.integers(0, 3))] = pieces[int(rng.integers(len(pieces)))]
        if rng.random() < 0.1:
            del content[int(rng.integers(len(content))) :]
        path.write_bytes(bytes(content))
        found = read(path, allow_gaps=True, place="X" if b"place" not in content else None)
        if not isinstance(found, InputError):
            expected = meaning(bytes(content))
            assert expected is not None, (bytes(content), found)
            same(found, expected)
            accepted += 1
    assert accepted > 20


def stored(days: list[date], rng: np.random.Generator) -> pa.Array:
    """The same days in one of the types in which programs store them."""
    texts = pa.array([day.isoformat() for day in days])
    kind = int(rng.integers(7))
    if kind < 5:
        return (texts, texts.dictionary_encode(), texts.cast(pa.large_string()), texts.cast(pa.date32()),
                texts.cast(pa.date32()).cast(pa.date64()))[kind]  # fmt: skip
    zone = (None, "UTC", "Asia/Dubai", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Apia", "-03:00")[
        int(rng.integers(7))
    ]
    unit = ("s", "ms", "us", "ns")[int(rng.integers(4))]
    return pa.array(pd.DatetimeIndex(days).tz_localize(zone).as_unit(unit))  # type: ignore[arg-type]


def kept(values: list[int | None], rng: np.random.Generator) -> pa.Array:
    """The same numbers in one of the types in which programs store them."""
    plain = pa.array(values, pa.int16())
    texts = pa.array([None if value is None else str(value) for value in values], pa.string())
    many = (
        *(plain.cast(kind) for kind in (pa.int8(), pa.int32(), pa.int64(), pa.float32(), pa.float64())),
        pa.array([None if value is None else Decimal(value) for value in values], pa.decimal128(7, 2)),
        pa.array([np.nan if value is None else float(value) for value in values]),
        texts,
        texts.dictionary_encode(),
        texts.cast(pa.large_string()),
    )
    return many[int(rng.integers(len(many)))]


def odd(column: pa.Array, rng: np.random.Generator) -> pa.Array:
    """Something that is no column of days, numbers or places."""
    size = len(column)
    many = (
        pa.array([[1]] * size),
        pa.array([{"a": 1}] * size),
        pa.array([b"\xff\xfe"] * size),
        pa.array([True] * size),
        pa.array([None] * size),
        pa.array([datetime(2020, 2, 1, 12)] * size),
        pa.array([10**17] * size),
        pa.array([float("inf")] * size),
        pa.array([timedelta(days=1)] * size),
        pa.array([10**18] * size, pa.timestamp("ms")),
        pa.array([-(10**6)] * size, pa.date32()),
    )
    return many[int(rng.integers(len(many)))]


def parquet(rng: np.random.Generator, path: Path) -> tuple[dict[str, pa.Array], Meaning]:
    size = int(rng.integers(2, 30))
    days = [date(2020, 2, 1) + timedelta(days=step) for step in rng.permutation(size).tolist()]
    cells = {
        name: [None if rng.random() < 0.1 else int(value) for value in rng.integers(-90, 90, size=size)]
        for name in MOBILITY_COLUMNS
    }
    columns = {"iso3": pa.array(["NAM"] * size), "date": stored(days, rng)}
    columns |= {name: kept(values, rng) for name, values in cells.items()}
    if rng.random() < 0.3:
        columns["iso3"] = columns["iso3"].dictionary_encode()
    expected = {
        ("NAM", day): tuple(None if cells[name][row] is None else float(cells[name][row]) for name in MOBILITY_COLUMNS)  # type: ignore[arg-type]
        for row, day in enumerate(days)
    }
    return columns, expected  # type: ignore[return-value]


def test_parquet_of_any_types_says_the_same_or_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(104)
    path = tmp_path / "t.parquet"
    for turn in range(250):
        columns, expected = parquet(rng, path)
        names = rng.permutation(list(columns)).tolist()
        how = {
            "compression": ("none", "snappy", "zstd", "gzip")[int(rng.integers(4))],
            "use_dictionary": bool(rng.integers(2)),
            "row_group_size": int(rng.integers(1, 20)),
            "data_page_version": ("1.0", "2.0")[int(rng.integers(2))],
        }
        pq.write_table(pa.table({name: columns[name] for name in names}), path, **how)  # type: ignore[arg-type]
        found = read(path)
        assert isinstance(found, pd.DataFrame), found
        same(found, expected)
        if turn % 2 == 0:
            name = names[int(rng.integers(len(names)))]
            pq.write_table(pa.table({**columns, name: odd(columns[name], rng)}), path)
            odd_one = read(path)
            if isinstance(odd_one, pd.DataFrame):
                # Only a column without any value may be read as one.
                assert name in MOBILITY_COLUMNS and (odd_one[name].isna().all() or odd_one[name].eq(10**17).all()), name
            json.dumps(check_file(path).as_dict(), allow_nan=False)


def test_changed_bytes_of_parquet_end_in_a_table_or_one_line(tmp_path: Path) -> None:
    rng = np.random.default_rng(105)
    path = tmp_path / "t.parquet"
    for turn in range(400):
        if turn % 20 == 0:
            columns, _ = parquet(rng, path)
            pq.write_table(pa.table(columns), path, compression="zstd" if turn % 40 else "none")
            sound = path.read_bytes()
        content = bytearray(sound)
        for _ in range(int(rng.integers(1, 6))):
            at = int(rng.integers(4, len(content)))
            content[at : at + int(rng.integers(0, 4))] = rng.bytes(int(rng.integers(0, 4)))
        path.write_bytes(bytes(content))
        read(path)
        check_file(path)


def test_no_reader_takes_the_file_of_another_kind(tmp_path: Path) -> None:
    rng = np.random.default_rng(106)
    path = tmp_path / "t.csv"
    for _ in range(60):
        path.write_bytes(written(grid(rng), rng))
        for reader in (read_policy, read_cases):
            assert isinstance(read(path, reader), InputError)
