"""Kinds of files that were taken wrongly: days, what a file is, units."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_cases import DAYS, FIRST, LAST, refused, wide, write
from provider_files import google_csv, tracker_csv

from core.datasets import check_file, read_mobility, read_policy
from core.datasets.layouts import MOBILITY_COLUMNS


def tables(folder: Path, dates: object, name: str = "t.parquet") -> Path:
    """A table of mobility whose column `date` is this Arrow array or series."""
    days = dates if isinstance(dates, pa.Array) else pa.array(dates)  # type: ignore[call-overload]
    cells = {column: list(range(len(days))) for column in MOBILITY_COLUMNS}
    pq.write_table(pa.table({"iso3": ["ARE"] * len(days), "date": days, **cells}), folder / name)
    return folder / name


@pytest.mark.parametrize("zone", ["Asia/Dubai", "UTC", "America/New_York", "+05:30", "Pacific/Kiritimati"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_timestamp_at_local_midnight_is_its_local_day(tmp_path: Path, zone: str, unit: str) -> None:
    local = pd.date_range(FIRST, periods=40, tz=zone).as_unit(unit)
    table = read_mobility(tables(tmp_path, pa.array(local)))
    assert table["date"].dt.date.tolist() == [day.date() for day in local]


def test_a_day_begins_when_clocks_skip_midnight(tmp_path: Path) -> None:
    local = pd.DatetimeIndex(pd.date_range("2020-03-27", periods=5)).tz_localize(
        "Asia/Beirut", nonexistent="shift_forward"
    )
    assert local[2].hour == 1
    assert read_mobility(tables(tmp_path, pa.array(local)))["date"].dt.date.tolist() == [
        date(2020, 3, day) for day in range(27, 32)
    ]


@pytest.mark.parametrize(
    ("dates", "says"),
    [
        (
            pa.array(pd.date_range(FIRST, periods=9, tz="Asia/Dubai").tz_convert("UTC")),
            "'2020-02-14 20:00:00' has a time",
        ),
        (pa.array(pd.date_range("2020-02-15 12:00", periods=9)), "'2020-02-15 12:00:00' has a time of day"),
        (pa.array([1_600_000_000], pa.timestamp("s", "Mars/Phobos")), "its time zone 'Mars/Phobos' is not known"),
        (pa.array([10**18], pa.timestamp("ms")), "column date: holds timestamp"),
        (pa.array([0], pa.timestamp("s")).cast(pa.date32()), None),
        (pa.array([-40_000], pa.date32()), "1860-06-26 is no day"),
        (pa.array([43_876, 43_877], pa.int64()), "'43876' is not a day"),
        (pa.array([1.5e9]), "is not a day"),
        (pa.array([20200215]), "is not a day"),
        (pa.array(["15/02/2020"]), "is not a day"),
        (pa.array([5], pa.time32("s")), "is not a day"),
        (pa.array([[1]]), "holds list"),
    ],
)
def test_what_is_no_day_is_refused(tmp_path: Path, dates: pa.Array, says: str | None) -> None:
    path = tables(tmp_path, dates)
    if says is None:
        assert read_mobility(path)["date"].dt.date.tolist() == [date(1970, 1, 1)]
        return
    refused(lambda: read_mobility(path), "t.parquet", "column date", says)
    assert not check_file(path).ok


def test_days_of_any_type_are_the_same_days(tmp_path: Path) -> None:
    texts = pa.array([str(day.date()) for day in DAYS])
    expected = read_mobility(tables(tmp_path, texts))
    days = texts.cast(pa.date32())
    for dates in (
        texts.dictionary_encode(),
        texts.cast(pa.large_string()),
        days,
        days.cast(pa.date64()),
        days.cast(pa.timestamp("ns")),
        pa.array(pd.Categorical(texts.to_pylist())),
    ):
        pd.testing.assert_frame_equal(read_mobility(tables(tmp_path, dates)), expected)


@pytest.mark.parametrize(
    "cell",
    ["15/02/2020", "02/15/2020", "20-02-15", "20200215", "43876", "2020-02-15 00:00", "2020-02-15T00:00:00Z", "Feb 15"],
)
def test_days_written_otherwise_in_csv_are_refused_with_their_row(tmp_path: Path, cell: str) -> None:
    path = write(tmp_path, wide(["date", "parks"], [["2020-02-14", 1], [cell, 2]]))
    refused(lambda: read_mobility(path), f"column date, row 3: '{cell}' is not a day", "yyyy-mm-dd")


def _zip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


TABLE = b"date,parks\n2020-03-01,1\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (gzip.compress(TABLE, mtime=0), "is compressed (gzip)"),
        (lzma.compress(TABLE), "is compressed (xz)"),
        (_zip({"a.csv": TABLE}), "is compressed (a zip archive)"),
        (_zip({"../../a.csv": TABLE, **{f"{n}.csv": TABLE for n in range(500)}}), "is compressed (a zip archive)"),
        (_zip({"[Content_Types].xml": b"x", "xl/workbook.xml": b"x"}), "is an Excel workbook (xlsx)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is an old Excel workbook"),
        (b"  <!DOCTYPE html>\n<html></html>", "is a web page"),
        (b"\xef\xbb\xbf<html>", "is a web page"),
        (b"<?xml version='1.0'?><Error/>", "is a web page (HTML or XML)"),
        (b'{"date": "2020-03-01"}', "is JSON"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "is a Git LFS pointer"),
        ("date,parks\n2020-03-01,1\n".encode("utf-16-le"), "not UTF-8 text but UTF-16"),
        ("date,parks\n2020-03-01,1\n".encode("utf-16"), "not UTF-8 text but UTF-16"),
        (b"%PDF-1.7", "is a PDF"),
        (b"sep=;\ndate;parks\n", "columns are separated by ';'"),
        (b'date,parks\n2020-03-01,"1\n', "cannot be read as CSV"),
        (b"\xef\xbb\xbf", "is empty"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_file_that_is_no_table_is_called_what_it_is(tmp_path: Path, content: bytes, says: str, name: str) -> None:
    path = write(tmp_path, content, name)
    refused(lambda: read_mobility(path), says)
    assert says in check_file(path).as_text()


def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    refused(lambda: read_mobility(tmp_path / "pipe.csv"), "is a device or a pipe")
    refused(lambda: read_mobility("/dev/zero"), "is a device or a pipe")


def test_names_of_columns_and_files_cannot_break_a_message(tmp_path: Path) -> None:
    path = write(tmp_path, wide(["date", "par\nks\x1b[2J", "parks"], [["2020-03-01", 1, 1]]), "a\nb.csv")
    message = refused(lambda: read_mobility(path), "a b.csv")
    assert message.isprintable()
    assert all(problem.isprintable() for problem in check_file(path).problems)


@pytest.mark.parametrize(
    ("code", "meant"), [("UK", "GB"), ("EL", "GR"), ("GBR", "GB"), ("Germany", "DE"), ("UAE", "AE"), ("de", "DE")]
)
def test_a_wrong_country_code_is_answered_with_the_right_one(tmp_path: Path, code: str, meant: str) -> None:
    content = google_csv(FIRST, LAST, regions=()).replace("AE,United", f"{code},United")
    refused(lambda: read_mobility(write(tmp_path, content)), f"unknown place '{code}'", f"Nearest valid: {meant}.")
    content = tracker_csv(FIRST, LAST).replace(",OMN,", f",{code},")
    if code == "GBR":
        return
    iso3 = {"GB": "GBR", "GR": "GRC", "DE": "DEU", "AE": "ARE"}[meant]
    refused(lambda: read_policy(write(tmp_path, content)), f"unknown place '{code}'", f"Nearest valid: {iso3}.")


def test_namibia_is_a_place_in_every_reader(tmp_path: Path) -> None:
    path = write(tmp_path, google_csv(FIRST, LAST, regions=(("Khomas", "NA-KH"),)).replace("AE,United", "NA,United"))
    assert set(read_mobility(path)["place"]) == {"NAM"}
    assert set(read_mobility(path, regions=True, place="NA")["place"]) == {"NA-KH"}
    own = write(tmp_path, wide(["place", "date", "parks"], [["NA", "2020-03-01", 1], ["nan", "2020-03-01", 2]]))
    assert read_mobility(own)["place"].tolist() == ["NA", "nan"]


def mobility(folder: Path, change: object, *, columns: int = 6, days: int = 60, keep: int = 0) -> Path:
    rng = np.random.default_rng(3)
    cells = rng.integers(-80, 60, size=(days, columns)).astype(float)
    for column in range(keep, columns):
        cells[:, column] = change(cells[:, column])  # type: ignore[operator]
    dates = pd.date_range(FIRST, periods=days).strftime("%Y-%m-%d")
    rows = [[day, *row] for day, row in zip(dates, cells.tolist(), strict=True)]
    return write(folder, wide(["date", *MOBILITY_COLUMNS[:columns]], rows))


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        (lambda x: x / 100, {}, "these are fractions, not percents"),
        (lambda x: x / 100, {"columns": 1}, "these are fractions, not percents"),
        (lambda x: x / 100, {"keep": 5}, "column residential: all 60 values"),
        (lambda x: np.where(x > 40, x / 10, x / 100), {"keep": 0, "columns": 2}, None),
        (lambda x: 1 + x / 100, {}, "these are ratios, not percents"),
        (lambda x: x, {}, None),
        (lambda x: x + 0.5, {}, None),
        (lambda x: np.round(x / 100), {}, None),
    ],
)
def test_fractions_and_ratios_are_not_taken_for_percents(tmp_path: Path, change, options, says) -> None:  # type: ignore[no-untyped-def]
    path = mobility(tmp_path, change, **options)
    if says is None:
        assert len(read_mobility(path)) == 60 and check_file(path).ok
    else:
        refused(lambda: read_mobility(path), says)
        assert says in check_file(path).as_text()
    assert len(read_mobility(path, lowest=None)) == 60, "another metric may have any unit"


@pytest.mark.parametrize(
    "cell", ["12,5", "1,234", "-45%", "1 000", "1'000", "\u221245", "NaN", "n/a", "inf", "0x10", "1_000"]
)
def test_numbers_written_otherwise_are_refused_with_their_row(tmp_path: Path, cell: str) -> None:
    path = write(tmp_path, wide(["date", "parks"], [["2020-02-14", 1], ["2020-02-15", cell]]))
    refused(lambda: read_mobility(path), f"column parks, row 3: '{cell}' is not a number")


def test_an_index_between_0_and_1_is_a_fraction(tmp_path: Path) -> None:
    rows = [[day.date(), 2, 1, 0.44] for day in DAYS]
    path = write(tmp_path, wide(["date", "C1", "C1_Flag", "StringencyIndex"], rows))
    refused(lambda: read_policy(path), "column StringencyIndex: all 45 values lie within 0 and 1")
