"""Importers: what they refuse, and how they say it."""

from __future__ import annotations

import contextlib
import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dataset_cases import GOOD_POLICY, LENIENT, POLICY_COLUMNS, refused, wide, write
from hypothesis import given
from hypothesis import strategies as st
from provider_files import google_csv

from core.datasets import check_file, read_cases, read_mobility, read_policy
from core.datasets.layouts import GOOGLE_SUFFIX, MOBILITY_COLUMNS
from core.errors import InputError


@pytest.mark.parametrize(
    ("column", "row", "cell", "says"),
    [
        ("C1", 4, "4", "'4' is above 3. Allowed: whole levels 0 to 3 of C1 (School closing)"),
        ("C1", 4, "-1", "'-1' is below 0"),
        ("C1", 4, "1.5", "'1.5' is not a whole number"),
        ("C1", 4, "two", "'two' is not a number"),
        ("C1", 4, "a\nb", "'a b' is not a number"),
        ("C1", 4, "NA", "'NA' is not a number"),
        ("C1", 4, "inf", "'inf' is not a number"),
        ("C8", 2, "1e999", "'1e999' is not a finite number"),
        ("C8", 2, "5", "'5' is above 4"),
        ("C1_Flag", 5, "2", "'2' is above 1. Allowed: 0, 1 or an empty cell"),
        ("C1_Flag", 5, "0.5", "'0.5' is not a whole number"),
        ("date", 7, "2031-13-01", "'2031-13-01' is not a day. Allowed: days written yyyy-mm-dd"),
        ("date", 7, "06/01/2031", "'06/01/2031' is not a day"),
        ("date", 7, "", "an empty day"),
        ("date", 7, "2031-02-30", "is not a day"),
        ("date", 7, "2031-01-05", "2031-01-05 of unnamed was already given in row 6"),
    ],
)
def test_a_bad_cell_is_named_by_file_column_and_row(
    tmp_path: Path, column: str, row: int, cell: str, says: str
) -> None:
    rows = [list(item) for item in GOOD_POLICY]
    rows[row - 2][POLICY_COLUMNS.index(column)] = cell
    path = write(tmp_path, wide(POLICY_COLUMNS, rows), "my policy.csv")
    refused(lambda: read_policy(path), f"my policy.csv, column {column}, row {row}: ", says)


def test_a_missing_day_is_named_by_the_row_after_it(tmp_path: Path) -> None:
    path = write(tmp_path, wide(POLICY_COLUMNS, [*GOOD_POLICY[:3], *GOOD_POLICY[5:]]))
    refused(
        lambda: read_policy(path),
        "table.csv, column date, row 5: 2 days are missing (2031-01-04 to 2031-01-05) in unnamed, before 2031-01-06",
    )
    assert len(read_policy(path, allow_gaps=True)) == 8


def test_rows_are_counted_as_a_spreadsheet_does(tmp_path: Path) -> None:
    lines = wide(POLICY_COLUMNS, GOOD_POLICY).splitlines()
    lines.insert(3, "")
    lines[6] = lines[6].replace("2031-01-05,1", "2031-01-05,9")
    path = write(tmp_path, "\r\n".join(lines))
    refused(lambda: read_policy(path), "column C1, row 7: '9' is above 3")


def test_many_faults_of_a_kind_are_counted_in_one_error(tmp_path: Path) -> None:
    rows = [[day, 9, 1, 0] for day, *_ in GOOD_POLICY]
    refused(
        lambda: read_policy(write(tmp_path, wide(POLICY_COLUMNS, rows))), "row 2: '9' is above 3 (and 9 more like it)"
    )


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (["dat", "C1", "C1_Flag", "C8"], "Nearest valid: date"),
        (["date", "C1", "C1_flg", "C8"], "Nearest valid: C1_Flag"),
        (["date", "C1", "C1_Flag", "C9"], "column 4 is called 'C9'"),
        (["date", "C1", "C1_Flag", "C1"], "two columns have this name"),
        (["date", "C1", "C2_Flag", "C8"], "has no column 'C1_Flag'"),
    ],
)
def test_wrong_columns_are_named_with_what_was_meant(tmp_path: Path, columns: list[str], says: str) -> None:
    path = write(tmp_path, wide(columns, GOOD_POLICY))
    refused(lambda: read_policy(path), "table.csv", "row 1", says)


def test_a_column_missing_from_a_providers_layout_is_named(tmp_path: Path) -> None:
    content = google_csv(date(2020, 2, 15), date(2020, 2, 17)).replace(f"parks{GOOGLE_SUFFIX}", f"park{GOOGLE_SUFFIX}")
    refused(
        lambda: read_mobility(write(tmp_path, content)),
        f"has no column 'parks{GOOGLE_SUFFIX}' (there is 'park{GOOGLE_SUFFIX}')",
        f"Nearest valid: parks{GOOGLE_SUFFIX}",
    )


def test_places_that_are_none_are_refused_with_the_nearest(tmp_path: Path) -> None:
    content = google_csv(date(2020, 2, 15), date(2020, 2, 17))
    path = write(tmp_path, content)
    refused(lambda: read_mobility(path, place="Arab Emirates"), "holds no place", "Nearest valid: United Arab Emirates")
    refused(lambda: read_mobility(path, place="OMN"), "holds no place 'OMN'", "Allowed: ARE")
    lines = content.splitlines()
    lines[2] = lines[2].replace("AE,", "XX,", 1)
    refused(
        lambda: read_mobility(write(tmp_path, "\n".join(lines))),
        "column country_region_code, row 3: unknown place 'XX'",
    )


def test_mobility_cannot_fall_by_more_than_all_of_it(tmp_path: Path) -> None:
    path = write(tmp_path, wide(["date", "parks"], [["2031-01-01", -100], ["2031-01-02", -101]]))
    refused(lambda: read_mobility(path), "column parks, row 3: '-101' is below -100", "a number of -100 or more")
    assert read_mobility(path, lowest=None)["parks"].tolist() == [-100.0, -101.0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"date,parks\n", "holds no rows"),
        (b"date,parks", "holds no rows"),
        (b"date;parks\n2031-01-01;3\n", "columns are separated by ';'. Allowed: commas"),
        ("date,parks\n2031-01-01,3\n".encode("utf-16"), "is not UTF-8 text"),
        (b"date,parks\n2031-01-01,\xe9\n", "row 2: is not UTF-8 text"),
        (b"date,parks\n2031-01-01,\0\n", "holds binary data"),
        (b"date,parks\n2031-01-01,3\n2031-01-02\n", "row 3: has 1 cells. Allowed: 2, one for each column"),
        (b"date,parks\n2031-01-01,3,4\n", "row 2: has 3 cells"),
        (b"PAR1 but not really", "is not a readable Parquet file"),
        (b"hello\nworld\n", "Allowed: date, place, retail"),
    ],
)
def test_files_that_are_not_tables_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = write(tmp_path, content)
    message = refused(lambda: read_mobility(path), "table.csv", says)
    report = check_file(path)
    assert not report.ok and report.problem_count >= 1
    assert message in report.problems or says in " ".join(report.problems)


def test_paths_that_are_not_files_are_refused(tmp_path: Path) -> None:
    write(tmp_path, b"x", "mobility.csv")
    refused(lambda: read_mobility(tmp_path), "is a folder")
    refused(lambda: read_mobility(tmp_path / "mobilty.csv"), "no such file", "Nearest valid: mobility.csv")
    refused(lambda: check_file(tmp_path / "mobilty.csv"), "no such file")
    refused(lambda: read_mobility(write(tmp_path, b"date,parks\n", "a.parquet")), "is not a Parquet file")
    refused(lambda: read_mobility(tmp_path / "mobility.csv", layout="google_table"), "is not a Parquet file")
    refused(lambda: read_mobility(tmp_path / "mobility.csv", layout="google-csv"), "Nearest valid: google_csv")


def test_a_file_of_another_kind_is_recognised(tmp_path: Path) -> None:
    path = write(tmp_path, google_csv(date(2020, 2, 15), date(2020, 2, 17)))
    refused(lambda: read_policy(path), "holds mobility (layout google_csv), not policy")


def test_gaps_are_an_error_for_one_place_and_a_fact_for_many_of_googles(tmp_path: Path) -> None:
    lines = google_csv(date(2020, 2, 15), date(2020, 2, 20), regions=()).splitlines()
    oman = [line.replace("AE,United Arab Emirates", "OM,Oman") for line in lines[1:]]
    del oman[2]
    path = write(tmp_path, "\n".join([*lines, *oman]))
    table = read_mobility(path)
    assert table["place"].value_counts().to_dict() == {"ARE": 6, "OMN": 5}
    refused(lambda: read_mobility(path, allow_gaps=False), "2020-02-17 is missing in OMN")
    refused(lambda: read_mobility(path, place="OMN"), "row 10", "2020-02-17 is missing in OMN, before 2020-02-18")
    assert len(read_mobility(path, place="OMN", allow_gaps=True)) == 5
    report = check_file(path)
    assert report.ok and report.gaps == {"OMN": 1}


FAULTS = ("duplicate", "gap", "level", "date", "column", "text", "cell")


@given(st.integers(3, 25), st.sampled_from(FAULTS), st.data())
@LENIENT
def test_any_one_fault_in_a_valid_file_gives_an_error_that_names_it(
    tmp_path: Path, size: int, fault: str, data: st.DataObject
) -> None:
    columns = ["date", "C1", "C1_Flag", "C8", "E2"]
    days = [str(day.date()) for day in pd.date_range("2031-02-20", periods=size)]
    rows: list[list[object]] = [[day, 2, 0, 3, 1] for day in days]
    read_policy(write(tmp_path, wide(columns, rows)))
    at = data.draw(st.integers(1, size - 2))
    row, column = at + 2, "date"
    if fault == "duplicate":
        rows.insert(at, list(rows[at]))
        row = at + 3
    elif fault == "gap":
        del rows[at]
    elif fault == "date":
        rows[at][0] = data.draw(st.sampled_from(["31-02-2031", "2031-2-1", "soon", "2031-02-29", "20310201", ""]))
    elif fault == "column":
        position = data.draw(st.integers(0, len(columns) - 1))
        row, column = 1, ""
        columns[position] += "x"
    elif fault == "cell":
        row, column = at + 2, ""
        rows[at].append(1)
    else:
        column = data.draw(st.sampled_from(["C1", "C1_Flag", "C8", "E2"]))
        bad = data.draw(st.integers(6, 10**6) | st.integers(-(10**6), -1)) if fault == "level" else "x"
        rows[at][columns.index(column)] = bad
    path = write(tmp_path, wide(columns, rows))
    message = refused(lambda: read_policy(path), "table.csv", f"row {row}:")
    if column:
        assert f"column {column}," in message
    report = check_file(path)
    assert report.kind == "policy"
    # A row without a readable day, or of the wrong width, leaves its day missing, and a misspelt column leaves one out:
    # the report says that too.
    assert report.problem_count == 1 or (fault in {"date", "cell", "column"} and report.problem_count == 2)
    assert report.problems[0].split(":")[0] == message.split(":")[0]


@given(st.binary(max_size=400) | st.text(alphabet='date,C1\n"\r;0123456789-.xé', max_size=200).map(str.encode))
@LENIENT
def test_no_bytes_raise_anything_but_an_input_error(tmp_path: Path, content: bytes) -> None:
    for start in (b"", b"date,new_cases\n", b"date,C1,C1_Flag\n2031-01-01,1,1\n", b"PAR1"):
        path = write(tmp_path, start + content)
        for read in (read_mobility, read_policy, read_cases):
            try:
                table = read(path)
            except InputError:
                continue
            assert not table.empty and table["date"].notna().all()
        report = check_file(path)
        json.dumps(report.as_dict())
        assert report.as_text()


@given(st.integers(0, 10**6), st.integers(1, 60), st.binary(min_size=1, max_size=4))
@LENIENT
def test_damaged_provider_files_raise_nothing_but_an_input_error(
    tmp_path: Path, at: int, length: int, patch: bytes
) -> None:
    content = google_csv(date(2020, 2, 15), date(2020, 2, 17)).encode()
    start = at % len(content)
    path = write(tmp_path, content[:start] + patch + content[start + length :])
    with contextlib.suppress(InputError):
        read_mobility(path)
    json.dumps(check_file(path).as_dict())


def test_damaged_parquet_raises_nothing_but_an_input_error(tmp_path: Path) -> None:
    whole = tmp_path / "whole.parquet"
    rows = {
        "iso3": ["ARE"] * 50,
        "date": pd.date_range("2020-02-15", periods=50),
        **{name: range(50) for name in MOBILITY_COLUMNS},
    }
    pd.DataFrame(rows).to_parquet(whole)
    content = whole.read_bytes()
    rng = np.random.default_rng(4)
    for _ in range(150):
        damaged = bytearray(content)
        start = int(rng.integers(4, len(content)))
        damaged[start : start + int(rng.integers(1, 30))] = rng.bytes(int(rng.integers(0, 30)))
        path = write(tmp_path, bytes(damaged), "t.parquet")
        with contextlib.suppress(InputError):
            read_mobility(path)
        check_file(path)


def test_parquet_columns_of_the_wrong_type_are_refused(tmp_path: Path) -> None:
    good: dict[str, object] = {
        "iso3": ["ARE", "ARE"],
        "date": [date(2020, 2, 15), date(2020, 2, 16)],
        **{name: [1.0, 2.0] for name in MOBILITY_COLUMNS},
    }
    path = tmp_path / "t.parquet"
    for column, cells, says in (
        ("parks", ["1", "many"], "column parks, row 2: 'many' is not a number"),
        ("parks", [[1], [2]], "column parks: holds list"),
        ("parks", [1.0, float("inf")], "row 2: 'inf' is not a finite number"),
        ("date", [20200215, 2], "column date, row 1: '20200215' is not a day (and 1 more like it)"),
        ("iso3", ["ARE", "Emirates"], "column iso3, row 2: unknown place 'Emirates'"),
        ("iso3", ["ARE", None], "column iso3, row 2: unknown place ''"),
    ):
        pd.DataFrame({**good, column: cells}).to_parquet(path)
        refused(lambda: read_mobility(path), says)
    pd.DataFrame({"iso3": ["ARE"]}).to_parquet(path)
    refused(lambda: read_mobility(path), "holds no table of mobility that is known here")
