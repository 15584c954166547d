"""Kinds of files that were taken wrongly: each is read for what it means, or refused in one line that says what it is."""

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
from dataset_cases import own_study, refused, wide, write, write_own
from provider_files import google_csv, tracker_csv

from core.datasets import check_file, load_observed, read_cases, read_mobility, read_policy
from core.datasets.cases import reports_per_day
from core.datasets.layouts import MOBILITY_COLUMNS
from core.report.renderers.terminal import terminal_text
from core.report.sentences.policies import stringency_document
from core.services.studies.observations import stringency_report
from core.simulation.contexts import epidemic_levels

FIRST, LAST = date(2020, 2, 15), date(2020, 3, 30)
DAYS = pd.date_range(FIRST, LAST)


def tables(folder: Path, dates: object, name: str = "t.parquet") -> Path:
    """A table of mobility whose column `date` is this Arrow array or series."""
    days = dates if isinstance(dates, pa.Array) else pa.array(dates)  # type: ignore[call-overload]
    cells = {column: list(range(len(days))) for column in MOBILITY_COLUMNS}
    pq.write_table(pa.table({"iso3": ["ARE"] * len(days), "date": days, **cells}), folder / name)
    return folder / name


# --- days ---


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


# --- what a file is ---


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


# --- units ---


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


# --- cases ---


def weekly(folder: Path, weekday: str, *, blank: str = "", totals: bool = False) -> tuple[pd.Series, pd.Series]:
    """Cases day by day, and as read where only one day a week has the week's (or the running) total."""
    rng = np.random.default_rng(11)
    days = pd.date_range("2020-03-01", "2020-09-30")
    daily = pd.Series(rng.poisson(300 + 280 * np.sin(np.arange(len(days)) / 25)), days).astype(float)
    counted = daily.cumsum() if totals else daily.resample(f"W-{weekday}").sum().reindex(days)
    counted = counted.where(days.day_of_week == ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"].index(weekday))
    cells = [blank if np.isnan(value) else value for value in counted]
    if totals:
        table = {"CountryCode": "ARE", "date": days.date, "ConfirmedCases": counted.to_numpy()}
        levels = {
            name: 0.0
            for item in load_codes()
            for name in ((item.code, f"{item.code}_Flag") if item.has_flag else (item.code,))
        }
        pd.DataFrame({**table, **levels}).to_parquet(folder / "c.parquet")
        path = folder / "c.parquet"
    else:
        path = write(folder, wide(["date", "new_cases"], [[d.date(), c] for d, c in zip(days, cells, strict=True)]))
    return daily, read_cases(path, place="ARE").set_index("date")["new_cases"]


def load_codes():  # type: ignore[no-untyped-def]
    from core.study import load_codebook

    return load_codebook().indicators


@pytest.mark.parametrize("totals", [False, True])
@pytest.mark.parametrize("weekday", ["MON", "WED", "SUN"])
def test_weekly_reports_are_the_epidemic_of_the_days_they_cover(tmp_path: Path, weekday: str, totals: bool) -> None:
    study = own_study(tmp_path, inhabitants=3_000_000)
    daily, reported = weekly(tmp_path, weekday, totals=totals)
    days = daily.index[28:]
    truth = epidemic_levels(daily, days, study)
    seen = epidemic_levels(reported, days, study)
    assert set(truth) == {0, 1, 2}
    # A week's total comes with the week's end, so that a change of level is known some days late, and no more.
    assert (truth != seen).mean() < 0.12
    zero = epidemic_levels(reported.fillna(0.0), days, study) if not totals else seen
    assert (zero != seen).mean() < 0.02


def test_a_report_after_silence_covers_the_silent_days() -> None:
    days = pd.date_range("2020-03-02", periods=10)
    reports = pd.Series([10, 10, 10, 10, np.nan, np.nan, 30, 10, 10, np.nan], days)
    assert reports_per_day(reports).tolist()[:9] == pytest.approx([10] * 4 + [np.nan] * 2 + [10] * 3, nan_ok=True)
    daily = pd.Series([np.nan, 3, 4, 5, np.nan], days[:5])
    pd.testing.assert_series_equal(reports_per_day(daily), daily)


def test_totals_up_to_each_day_are_not_new_cases(tmp_path: Path) -> None:
    rows = [[day.date(), 10 * step] for step, day in enumerate(pd.date_range("2020-03-01", periods=90))]
    path = write(tmp_path, wide(["date", "new_cases"], rows))
    refused(lambda: read_cases(path), "column new_cases: the counts of unnamed never fall", "totals up to each day")
    rows[50][1] = 3
    assert len(read_cases(write(tmp_path, wide(["date", "new_cases"], rows)))) == 90


def test_totals_below_nothing_are_refused_and_falling_ones_are_corrections(tmp_path: Path) -> None:
    table = pd.read_csv(io.StringIO(tracker_csv(date(2020, 1, 30), date(2020, 2, 3))), dtype=str, keep_default_na=False)
    table = table[table["CountryCode"] == "OMN"].assign(ConfirmedCases=["0", "9", "7", "8", "8"])
    path = write(tmp_path, table.to_csv(index=False))
    assert read_cases(path)["new_cases"].tolist()[1:] == [9.0, -2.0, 1.0, 0.0]
    assert "1 counts are below 0" in check_file(path, kind="cases").as_text()
    path = write(tmp_path, table.assign(ConfirmedCases=["0", "9", "-5", "8", "8"]).to_csv(index=False))
    refused(lambda: read_cases(path), "column ConfirmedCases, row 4: '-5' is below 0")


def test_what_cases_do_not_say_is_said(tmp_path: Path) -> None:
    write_own(tmp_path)
    rows = [[day.date(), "" if day.day % 3 else 5] for day in pd.date_range("2020-03-10", "2020-04-10")]
    write(tmp_path, wide(["date", "new_cases"], rows), "cases.csv")
    notes = " ".join(load_observed(own_study(tmp_path), tmp_path).notes)
    assert "from 2020-03-12 on: on the first 12 days" in notes
    assert "up to 2020-04-09" in notes and "days between reports" in notes
    assert "taken to be of all days since the one before" in check_file(tmp_path / "cases.csv").as_text()


# --- policy ---


def test_a_flag_missing_at_a_level_is_named_by_check_and_run(tmp_path: Path) -> None:
    write_own(tmp_path)
    table = pd.read_csv(tmp_path / "policy.csv", dtype=str, keep_default_na=False)
    rows = np.flatnonzero((table["date"] >= "2020-03-10") & (table["C2"] > "0"))[:3]
    table.loc[rows, "C2_Flag"] = ""
    table.to_csv(tmp_path / "policy.csv", index=False)
    says = f"policy.csv, column C2_Flag, row {rows[0] + 2}: no flag at level 1"
    refused(lambda: load_observed(own_study(tmp_path), tmp_path), says, "and 2 more like it")
    assert says in check_file(tmp_path / "policy.csv").as_text()
    table.loc[rows, "C2"] = ""
    table.to_csv(tmp_path / "policy.csv", index=False)
    says = f"policy.csv, column C2, row {rows[0] + 2}: no level"
    refused(lambda: load_observed(own_study(tmp_path), tmp_path), says)
    assert says in check_file(tmp_path / "policy.csv").as_text()


def test_flags_of_other_places_and_days_keep_nobody_from_running(tmp_path: Path) -> None:
    write_own(tmp_path)
    table = pd.read_csv(tmp_path / "policy.csv", dtype=str, keep_default_na=False)
    late = table["date"] > "2020-05-01"
    table.loc[late, "C1_Flag"] = ""
    table.to_csv(tmp_path / "policy.csv", index=False)
    assert len(load_observed(own_study(tmp_path), tmp_path).policy)


def renamed(kind: str) -> str:
    head, rest = tracker_csv(FIRST, LAST).split("\n", 1)
    columns = head.split(",")
    how = {
        "R": lambda name: name.replace(" ", ".").replace("/", "."),
        "small": str.lower,
        "Stata": lambda name: name.replace(" ", "").replace("/", "").lower()[:32],
        "old flags": lambda name: name.replace("_Flag", "_IsGeneral"),
        "spaces": lambda name: f" {name.replace('_', ' ')} ",
    }[kind]
    return ",".join(how(name) for name in columns) + "\n" + rest


@pytest.mark.parametrize("kind", ["R", "small", "Stata", "old flags", "spaces"])
def test_a_tracker_file_is_read_whatever_became_of_its_names(tmp_path: Path, kind: str) -> None:
    expected = read_policy(write(tmp_path, tracker_csv(FIRST, LAST)))
    path = write(tmp_path, renamed(kind))
    pd.testing.assert_frame_equal(read_policy(path), expected)
    assert check_file(path).layout == "oxcgrt_csv"


@pytest.mark.parametrize("suffix", ["E", "NV", "V"])
def test_the_raw_release_is_named_in_one_line(tmp_path: Path, suffix: str) -> None:
    content = tracker_csv(FIRST, LAST)
    for code in ("C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "H6", "H8"):
        content = content.replace(f"{code}_", f"{code}{suffix}_")
    path = write(tmp_path, content)
    refused(lambda: read_policy(path), "is the tracker's raw release", "OxCGRT_compact_national_v1.csv")
    assert check_file(path).problem_count == 1


def test_a_table_of_other_columns_takes_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, wide(["date", *(f"S{n}_Measure" for n in range(60))], [["2020-03-01", *[0] * 60]]))
    assert check_file(path).problem_count == 1
    refused(lambda: read_policy(path), "60 of 61 columns are none that is known here")


def test_stringency_counts_what_it_could_not_compute(tmp_path: Path) -> None:
    table = pd.read_csv(io.StringIO(tracker_csv(FIRST, LAST)), dtype=str, keep_default_na=False)
    table["StringencyIndex"], table["StringencyIndexForDisplay"] = "50", "50"
    codes = [name for name in table.columns if name.startswith("C1_Flag")]
    known = stringency_report(write(tmp_path, table.to_csv(index=False))).as_dict()
    assert known["days_compared"] == {"StringencyIndex": 90} and known["missing"] == {}
    assert known["left_out"] == {"StringencyIndexForDisplay": "not an index of the codebook"}
    table[codes] = ""
    found = stringency_report(write(tmp_path, table.to_csv(index=False)))
    levels = (table.loc[table["CountryCode"] != "USA", "C1_School closing"] != "0.00").sum()
    assert found.as_dict()["missing"] == {"C1_Flag": levels}
    assert found.as_dict()["days_compared"] == {"StringencyIndex": 90 - levels}
    said = terminal_text(stringency_document(found))
    assert f"{90 - levels} of 90" in said and f"C1_Flag on {levels}" in said and "StringencyIndexForDisplay" in said


def test_a_file_without_any_day_to_compare_has_no_error(tmp_path: Path) -> None:
    codes = ["C1", "C1_Flag", "C2", "C2_Flag", "C3", "C3_Flag", "C4", "C4_Flag", "C5", "C5_Flag", "C6", "C6_Flag"]
    columns = ["date", *codes, "C7", "C7_Flag", "C8", "H1", "H1_Flag", "StringencyIndex"]
    rows = [["2020-03-01", *("" if name.endswith("Flag") else 1 for name in columns[1:-1]), 50]]
    found = stringency_report(write(tmp_path, wide(columns, rows)))
    assert found.as_dict()["max_abs_error"] == {"StringencyIndex": None}
    assert "none could" in terminal_text(stringency_document(found))


def test_a_category_never_published_is_said(tmp_path: Path) -> None:
    rows = [[day.date(), 3, ""] for day in DAYS]
    report = check_file(write(tmp_path, wide(["date", "workplaces", "parks"], rows)))
    assert report.ok and "nothing was published of parks" in report.as_text()
