"""Importers: what they read, what they report, and the real files."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dataset_cases import GOOD_POLICY, LENIENT, POLICY_COLUMNS, UAE, own_study, refused, wide, write, write_own
from hypothesis import given
from hypothesis import strategies as st
from provider_files import google_csv, tracker_csv

from core.datasets import check_file, load_observed, read_cases, read_mobility, read_policy
from core.datasets.layouts import MOBILITY_COLUMNS
from core.datasets.places import countries
from core.policy.indices import policy_index
from core.study import Source, load_codebook, load_study


def test_google_csv_gives_countries_or_regions(tmp_path: Path) -> None:
    path = write(
        tmp_path, google_csv(date(2020, 2, 15), date(2020, 2, 20), regions=(("Dubai", "AE-DU"), ("Ajman", "")))
    )
    countries_only = read_mobility(path)
    assert list(countries_only.columns) == ["place", "date", *MOBILITY_COLUMNS]
    assert set(countries_only["place"]) == {"ARE"} and len(countries_only) == 6
    assert str(countries_only["date"].dtype) == "datetime64[us]"
    assert (countries_only.dtypes.iloc[2:] == "float64").all()
    assert list(read_mobility(path, regions=True)["place"].unique()) == ["AE-DU", "AE: Ajman"]
    assert len(read_mobility(path, regions=True, place="ajman")) == 6
    assert len(read_mobility(path, regions=True, place="ARE")) == 12
    for name in ("AE", "are", "United Arab Emirates"):
        pd.testing.assert_frame_equal(read_mobility(path, place=name), countries_only)


def test_the_trackers_csv_gives_national_rows_by_country(tmp_path: Path) -> None:
    path = write(tmp_path, tracker_csv(date(2020, 1, 30), date(2020, 2, 3)))
    policy = read_policy(path)
    assert list(policy["place"].unique()) == ["ARE", "OMN"]
    assert {"C1", "C1_Flag", "C8", "H8_Flag", "StringencyIndex"} <= set(policy.columns)
    assert "C8_Flag" not in policy.columns
    assert ((policy["C1"] == 0) == policy["C1_Flag"].isna()).all()
    cases = read_cases(path, place="Oman")
    assert cases["new_cases"].isna().tolist() == [True, False, False, False, False]
    raw = pd.read_csv(path)
    counts = raw.loc[raw["CountryCode"] == "OMN", "ConfirmedCases"].diff().tolist()
    assert cases["new_cases"].tolist()[1:] == counts[1:]


def test_the_trackers_later_layout_is_read_by_its_majority_columns(tmp_path: Path) -> None:
    content = tracker_csv(date(2020, 1, 30), date(2020, 2, 3))
    later = content
    for code in ("C1", "C2", "C3", "C4", "C5", "C6", "C7", "H6", "H8"):
        later = later.replace(f"{code}_", f"{code}M_")
    later = later.replace("C8_", "C8EV_").replace("StringencyIndex,", "StringencyIndex_Average,")
    before = read_policy(write(tmp_path, content)).drop(columns="StringencyIndex")
    after = read_policy(write(tmp_path, later)).drop(columns="StringencyIndex_Average")
    pd.testing.assert_frame_equal(before, after)


def test_a_users_own_file_may_hold_several_places_in_any_order(tmp_path: Path) -> None:
    rows = [["B", "2031-01-02", 2], ["A", "2031-01-01", ""], ["B", "2031-01-01", 1], ["A", "2031-01-02", -4.5]]
    path = write(tmp_path, wide(["place", "date", "parks"], rows))
    table = read_mobility(path)
    assert table["place"].tolist() == ["A", "A", "B", "B"]
    assert table["parks"].isna().tolist() == [True, False, False, False]
    assert table["parks"].tolist()[1:] == [-4.5, 1.0, 2.0]
    assert read_mobility(path, place="B")["parks"].tolist() == [1.0, 2.0]
    assert set(read_mobility(path, place=["A", "B"])["place"]) == {"A", "B"}


def test_the_caller_names_the_place_of_a_file_that_does_not(tmp_path: Path) -> None:
    path = write(tmp_path, wide(["date", "new_cases"], [["2031-01-01", 4], ["2031-01-02", -1]]))
    assert read_cases(path, place="Meridia")["place"].tolist() == ["Meridia"] * 2
    refused(lambda: read_cases(path, place=["A", "B"]), "does not say which places")


def test_spreadsheets_ways_of_saving_are_understood(tmp_path: Path) -> None:
    plain = wide(["date", "parks"], [["2031-01-01", 1], ["2031-01-02", ""]])
    expected = read_mobility(write(tmp_path, plain))
    for content in (
        b"\xef\xbb\xbf" + plain.encode(),
        plain.replace("\n", "\r\n").encode(),
        (plain + "\n\n,\n").encode(),
        plain.replace("2031-01-02", ' "2031-01-02"').replace(' "', '"').encode(),
        plain.rstrip("\n").encode(),
    ):
        pd.testing.assert_frame_equal(read_mobility(write(tmp_path, content)), expected)


def test_parquet_tables_are_read_whatever_type_holds_the_days(tmp_path: Path) -> None:
    rows = {"iso3": ["ARE"] * 2, **{name: [1, None] for name in MOBILITY_COLUMNS}}
    expected = None
    for dates in (
        [date(2020, 2, 15), date(2020, 2, 16)],
        pd.to_datetime(["2020-02-15", "2020-02-16"]),
        ["2020-02-15", "2020-02-16"],
    ):
        path = tmp_path / "t.parquet"
        pd.DataFrame({**rows, "date": dates}).to_parquet(path)
        table = read_mobility(path)
        expected = table if expected is None else expected
        pd.testing.assert_frame_equal(table, expected)
    assert expected is not None and expected["parks"].isna().tolist() == [False, True]


@given(
    st.lists(
        st.lists(
            st.none() | st.floats(-100, 1e6, allow_nan=False).map(lambda value: round(value, 3)), min_size=6, max_size=6
        ),
        min_size=1,
        max_size=30,
    ),
    st.dates(date(2000, 1, 1), date(2090, 1, 1)),
    st.randoms(use_true_random=False),
)
@LENIENT
def test_a_written_table_reads_back(tmp_path: Path, values: list[list[float | None]], first: date, shuffle) -> None:  # type: ignore[no-untyped-def]
    dates = pd.date_range(first, periods=len(values), unit="us")
    rows = [
        [day.date().isoformat(), *("" if cell is None else cell for cell in row)]
        for day, row in zip(dates, values, strict=True)
    ]
    shuffle.shuffle(rows)
    table = read_mobility(write(tmp_path, wide(["date", *MOBILITY_COLUMNS], rows)), place="X")
    expected = pd.DataFrame(np.array(values, dtype=float), columns=list(MOBILITY_COLUMNS))
    pd.testing.assert_frame_equal(table.drop(columns=["place", "date"]), expected)
    assert table["date"].tolist() == dates.tolist()


def test_the_report_has_every_problem_and_what_the_file_holds(tmp_path: Path) -> None:
    rows = [list(item) for item in GOOD_POLICY]
    rows[1][1], rows[2][3], rows[3][2] = 9, "x", 7
    del rows[6]
    rows.append(list(rows[0]))
    report = check_file(write(tmp_path, wide(POLICY_COLUMNS, rows)))
    assert (report.kind, report.layout, report.rows, report.records) == ("policy", "wide_csv", 10, 10)
    assert (report.start, report.end) == ("2031-01-01", "2031-01-10")
    assert report.duplicates == 1 and report.gaps == {"unnamed": 1}
    assert report.problem_count == len(report.problems) == 5
    for says in (
        "row 3: '9' is above 3",
        "row 4: 'x' is not",
        "row 5: '7' is above 1",
        "row 8: 2031-01-07 is missing",
        "row 11: 2031-01-01",
    ):
        assert any(says in problem for problem in report.problems), report.problems
    assert report.missing["C1"] == pytest.approx(0.1)
    assert json.loads(json.dumps(report.as_dict()))["ok"] is False
    assert "5 problems" in report.as_text()


def test_the_report_of_a_hopeless_file_is_short(tmp_path: Path) -> None:
    rows = [[day, 9, 9, 9] for day in pd.date_range("2031-01-01", periods=500).strftime("%Y-%m-%d")]
    report = check_file(write(tmp_path, wide(POLICY_COLUMNS, rows)))
    assert report.problem_count == 1500
    assert len(report.problems) <= 50
    assert sum("495 more faults" in problem for problem in report.problems) == 3


def test_the_report_of_a_sound_file_has_no_problems(tmp_path: Path) -> None:
    report = check_file(write(tmp_path, wide(POLICY_COLUMNS, GOOD_POLICY)))
    assert report.ok and re.fullmatch(r"[0-9a-f]{64}", report.sha256)
    assert report.places == ("unnamed",) and report.missing["C1_Flag"] == pytest.approx(0.2)
    assert "no problems" in report.as_text()
    refused(lambda: check_file(tmp_path / "table.csv", kind="polcy"), "Nearest valid: policy")


def test_a_study_is_laid_out_day_by_day(tmp_path: Path) -> None:
    write_own(tmp_path)
    observed = load_observed(own_study(tmp_path), tmp_path)
    days = pd.date_range("2020-03-01", "2020-04-30", unit="us", name="date")
    assert observed.mobility.index.equals(days) and observed.mobility.index.name == "date"
    assert tuple(observed.mobility.columns) == UAE.behaviour_ids
    assert observed.mobility.iloc[:4].isna().all(axis=None) and observed.mobility.iloc[4:].notna().all(axis=None)
    assert observed.policy.index[0] == pd.Timestamp("2020-01-01") and observed.policy.index[-1] == days[-1]
    assert observed.cases.index[0] == pd.Timestamp("2020-02-20") and observed.cases.index[-1] == days[-1]
    assert observed.cases.loc["2020-04-11":].isna().all() and observed.cases.loc[:"2020-04-10"].notna().all()
    assert set(observed.hashes) == {"mobility.csv", "policy.csv", "cases.csv"}
    assert str(observed.policy.index.dtype) == str(observed.cases.index.dtype) == "datetime64[us]"


def test_a_study_without_cases_has_none(tmp_path: Path) -> None:
    write_own(tmp_path)
    study = own_study(tmp_path)
    observed = load_observed(
        dataclasses.replace(study, sources={k: v for k, v in study.sources.items() if k != "cases"}), tmp_path
    )
    assert observed.cases.empty and isinstance(observed.cases.index, pd.DatetimeIndex)


def test_what_a_study_lacks_is_said(tmp_path: Path) -> None:
    refused(lambda: load_observed(own_study(tmp_path), tmp_path), "holds no mobility", "mobility.csv")
    refused(lambda: load_observed(own_study(tmp_path), tmp_path / "x"), "is not a folder")
    refused(lambda: load_observed(own_study(tmp_path)), "no folder of observations is known", "--data")
    write_own(tmp_path, policy_to="2020-04-29")
    refused(
        lambda: load_observed(own_study(tmp_path), tmp_path),
        "policy.csv: the policy is given from 2019-11-01 to 2020-04-29",
        "2020-03-01 to 2020-04-30",
    )
    write_own(tmp_path, policy_from="2020-03-02")
    refused(lambda: load_observed(own_study(tmp_path), tmp_path), "the policy is given from 2020-03-02")
    write_own(tmp_path, drop="C8")
    refused(lambda: load_observed(own_study(tmp_path), tmp_path), "policy.csv: has no column 'C8'")
    write_own(tmp_path)
    write(tmp_path, wide(["date", "parks"], [["2020-03-01", 1]]), "mobility.csv")
    refused(lambda: load_observed(own_study(tmp_path), tmp_path), "has no column 'retail_and_recreation'", "retail")


def test_a_pattern_reads_files_one_after_the_other(tmp_path: Path) -> None:
    write_own(tmp_path)
    study = own_study(tmp_path)
    pattern = Source("mob_*.csv", "wide_csv", "Here")
    study = dataclasses.replace(study, sources={**study.sources, "mobility": pattern})
    days = [[str(day.date()), *[1] * 6] for day in pd.date_range("2020-03-01", "2020-04-30")]
    header = ["date", *MOBILITY_COLUMNS]
    write(tmp_path, wide(header, days[30:]), "mob_b.csv")
    write(tmp_path, wide(header, days[:30]), "mob_a.csv")
    observed = load_observed(study, tmp_path)
    assert observed.mobility.notna().all(axis=None)
    assert {"mob_a.csv", "mob_b.csv"} < set(observed.hashes)
    write(tmp_path, wide(header, days[:31]), "mob_a.csv")
    refused(lambda: load_observed(study, tmp_path), "mob_a.csv + mob_b.csv", "2020-03-31 of Here was already given")
    write(tmp_path, wide(header, days[:29]), "mob_a.csv")
    refused(lambda: load_observed(study, tmp_path), "2020-03-30 is missing in Here")
    assert load_observed(study, tmp_path, allow_gaps=True).mobility["parks"].isna().sum() == 1


def test_the_shipped_study_brings_its_own_observations() -> None:
    study = load_study("meridia")
    assert study.shipped
    observed = load_observed(study)
    assert tuple(observed.mobility.columns) == study.behaviour_ids
    assert len(observed.mobility) == (study.end - study.start).days + 1
    assert observed.mobility.notna().mean().min() > 0.9
    assert policy_index(observed.policy, study.index).notna().all()
    for path in observed.files:
        assert check_file(path).ok, check_file(path).as_text()


def test_countries_are_told_apart() -> None:
    table = countries()
    assert len(table) == 250
    assert len({item.iso2 for item in table.values()}) == len({item.name for item in table.values()}) == 250
    assert all(re.fullmatch("[A-Z]{2}", item.iso2) and re.fullmatch("[A-Z]{3}", item.iso3) for item in table.values())


@pytest.mark.real_data
def test_every_real_table_is_sound(real_data: Path) -> None:
    kinds = {
        "google_mobility_national.parquet": ("mobility", "google_table", 112),
        "google_mobility_regions.parquet": ("mobility", "google_regions_table", 218),
        "2020_AE_Region_Mobility_Report.csv": ("mobility", "google_csv", 1),
        "2021_AE_Region_Mobility_Report_to_2021-06-19.csv": ("mobility", "google_csv", 1),
        "AE_national_Mobility_Report_2020-02-15_2022-10-13.csv": ("mobility", "google_csv", 1),
        "oxcgrt_national.parquet": ("policy", "oxcgrt_table", 162),
        "OxCGRT_nat_latest_ARE.csv": ("policy", "oxcgrt_csv", 1),
        "cases_deaths_jhu.parquet": ("cases", "jhu_table", 161),
    }
    for name, expected in kinds.items():
        report = check_file(real_data / name)
        assert report.ok, report.as_text()
        assert (report.kind, report.layout, len(report.places)) == expected
    gaps = check_file(real_data / "google_mobility_national.parquet").gaps
    assert gaps == {"AFG": 45, "ATG": 6, "CPV": 3, "GEO": 45, "GNB": 25, "PNG": 3, "REU": 25, "SRB": 45}


@pytest.mark.real_data
def test_the_codes_of_countries_are_those_of_the_real_tables(real_data: Path) -> None:
    google = pd.read_parquet(real_data / "google_mobility_national.parquet", columns=["country_region_code", "iso3"])
    pairs = google.drop_duplicates().astype(str)
    assert len(pairs) == 112
    for iso2, iso3 in pairs.itertuples(index=False):
        assert countries()[iso3].iso2 == iso2
    tracker = pd.read_parquet(real_data / "oxcgrt_national.parquet", columns=["CountryCode"])["CountryCode"].astype(str)
    assert set(tracker) <= set(countries())


@pytest.mark.real_data
def test_the_uae_is_complete_and_begins_and_ends_as_published(real_data: Path) -> None:
    observed = load_observed(UAE, real_data)
    assert observed.mobility.shape == (972, 6) and observed.mobility.notna().all(axis=None)
    rows = observed.mobility.astype(int).to_numpy().tolist()
    assert rows[:2] == [[0, 4, 5, 0, 2, 1], [1, 4, 4, 1, 2, 1]]
    assert rows[-2:] == [[24, 47, 10, 36, 18, 6], [14, 36, 4, 32, 19, 8]]
    assert observed.policy.index[0] == pd.Timestamp("2020-01-01")
    assert observed.policy.index[-1] == pd.Timestamp(UAE.end)
    codes = list(UAE.indicator_codes)
    in_study = observed.policy.loc[pd.Timestamp(UAE.start) :]
    assert len(in_study[codes].drop_duplicates()) == 57
    assert len(in_study.drop(columns=UAE.index).drop_duplicates()) == 63
    assert (policy_index(observed.policy, UAE.index) - observed.policy[UAE.index]).abs().max() <= 0.006
    assert observed.cases.loc[pd.Timestamp(UAE.start) :].notna().all()


@pytest.mark.real_data
def test_one_place_is_read_in_a_fifth_of_a_second(real_data: Path) -> None:
    for read, name in (
        (read_mobility, "google_mobility_national.parquet"),
        (read_policy, "oxcgrt_national.parquet"),
        (read_cases, "cases_deaths_jhu.parquet"),
    ):
        times = []
        for _ in range(3):
            started = time.process_time()
            read(real_data / name, place="ARE")
            times.append(time.process_time() - started)
        assert min(times) < 0.2, (name, times)


@pytest.mark.real_data
def test_googles_own_files_agree_with_the_table(real_data: Path) -> None:
    table = read_mobility(real_data / "google_mobility_national.parquet", place="ARE").set_index("date")
    rows = 0
    for name in (
        "2020_AE_Region_Mobility_Report.csv",
        "2021_AE_Region_Mobility_Report_to_2021-06-19.csv",
        "AE_national_Mobility_Report_2020-02-15_2022-10-13.csv",
    ):
        own = read_mobility(real_data / name).set_index("date")
        pd.testing.assert_frame_equal(own, table.loc[own.index])
        rows += len(own)
    assert rows == 321 + 170 + 972
    emirates = read_mobility(real_data / "2020_AE_Region_Mobility_Report.csv", regions=True)
    regions = read_mobility(real_data / "google_mobility_regions.parquet", place="AE")
    both = emirates.merge(regions, on=["place", "date"], suffixes=("", "_table"))
    assert len(both) == len(emirates) == 2240
    for column in MOBILITY_COLUMNS:
        pd.testing.assert_series_equal(both[column], both[f"{column}_table"], check_names=False)


@pytest.mark.real_data
def test_the_trackers_csv_agrees_with_the_table(real_data: Path) -> None:
    own = read_policy(real_data / "OxCGRT_nat_latest_ARE.csv")
    table = read_policy(real_data / "oxcgrt_national.parquet", place="ARE")
    # The averaged indices come from the final release of the tracker, which the layout of the CSV predates.
    assert set(table.columns) - set(own.columns) == {
        f"{name}_Average" for name in ("StringencyIndex", "GovernmentResponseIndex", "ContainmentHealthIndex")
    }
    # Indices are single precision in the table.
    pd.testing.assert_frame_equal(own, table[list(own.columns)], atol=1e-5, rtol=0)
    levels = [item.code for item in load_codebook().indicators]
    assert (own[levels] == table[levels]).all(axis=None)


@pytest.mark.real_data
def test_cases_of_the_tracker_and_of_johns_hopkins_are_the_same_counts(real_data: Path) -> None:
    counted = read_cases(real_data / "cases_deaths_jhu.parquet", place="ARE").set_index("date")["new_cases"]
    for name in ("oxcgrt_national.parquet", "OxCGRT_nat_latest_ARE.csv"):
        derived = read_cases(real_data / name, place="ARE").set_index("date")["new_cases"]
        both = pd.concat([counted, derived], axis=1, keys=["jhu", "tracker"], sort=True).dropna()
        assert len(both) == 1074 and (both["jhu"] == both["tracker"]).all()
    everywhere = read_cases(real_data / "cases_deaths_jhu.parquet")
    assert everywhere["place"].nunique() == 161 and (everywhere["new_cases"] < 0).sum() > 100
