"""Tables of cases and of policy that were taken wrongly."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dataset_cases import DAYS, FIRST, LAST, own_study, refused, wide, write, write_own
from provider_files import tracker_csv

from core.datasets import check_file, load_observed, read_cases, read_policy
from core.datasets.cases import reports_per_day
from core.report.renderers.terminal import terminal_text
from core.report.sentences.policies import stringency_document
from core.services.studies.observations import stringency_report
from core.simulation.contexts import epidemic_levels


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
