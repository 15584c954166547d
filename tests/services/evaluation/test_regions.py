"""Accuracy by region: what a region's past, the country's past and nothing at all say about it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from behaviour_cases import spec

from core.cli import main
from core.datasets.regions import country_of, read_regions, study_regions
from core.errors import InputError
from core.execution.executor import Executor
from core.forecasting.backtest import forecast_place
from core.forecasting.places import places_from_tables
from core.people.personas import synthesise
from core.report.renderers.terminal import terminal_text
from core.report.sentences.regions import regions_document
from core.services.audits.group_results import RegionalAccuracy
from core.services.audits.groups import country_with_regions, regional_accuracy
from core.services.audits.groups import region_table as region_table_of
from core.services.audits.requests import RegionsRequest
from core.services.populations.synthesis import make_population
from core.services.studies.inputs import open_study
from core.study import load_codebook, load_study
from core.synthetic.meridia import generate
from core.validity.region_summary import rank_correlation, region_summary, region_table
from core.validity.regions import (
    NATIONAL,
    NATIONAL_NAIVE,
    PEOPLE,
    TWIN,
    Country,
    RegionScore,
    countries_of,
    forecast_regions,
    latest_origin,
    region_rows,
    shared_behaviours,
)

ORIGIN = date(2020, 9, 30)
CALM, NOISY, REAL = "DE-BE", "DE-BY", "DE-HH"
NAMES = {CALM: "Berlin", NOISY: "Bavaria", REAL: "Hamburg"}
SIGMA = 10.0
VALUES = [item.column for item in load_study("meridia").behaviours]


@lru_cache(maxsize=1)
def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Three regions of Germany, its policy, and the country as a whole (that of Hamburg, in fact Meridia ten years ago).

    Nothing ever happens in Berlin; in Bavaria nothing but noise does.
    """
    world, study = generate(), load_study("meridia")
    shift = pd.Timedelta(weeks=-522)  # ten years, and the weekdays stay
    columns = {item.id: item.column for item in study.behaviours}
    moved = world.mobility.rename(columns=columns)[VALUES].loc[: pd.Timestamp("2031-06-30")]
    moved.index = moved.index + shift
    noise = np.random.default_rng(7).normal(0.0, SIGMA, moved.shape)
    regions = [
        pd.DataFrame(values, moved.index, VALUES).assign(place=place)
        for place, values in ((CALM, np.zeros(moved.shape)), (NOISY, noise), (REAL, moved.to_numpy(float)))
    ]
    region_table_ = pd.concat(regions).rename_axis("date").reset_index()
    national = moved.assign(place="DEU").rename_axis("date").reset_index()
    policy = world.policy.assign(date=world.policy.index + shift, place="DEU").reset_index(drop=True)
    return region_table_, policy, national


def germany(regions: pd.DataFrame | None = None, national: pd.DataFrame | None = None) -> Country:
    table, policy, whole = tables()
    found, left_out = countries_of(
        table if regions is None else regions, NAMES, policy, whole if national is None else national
    )
    assert left_out == {} and [item.code for item in found] == ["DEU"]
    return found[0]


@lru_cache(maxsize=1)
def people() -> pd.DataFrame:
    return synthesise(spec("world"), 60, 0).personas


@lru_cache(maxsize=1)
def forecasts() -> dict[str, dict[str, pd.DataFrame]]:
    return {item.region: dict(item.forecasts) for item in forecast_regions(germany(), people(), ORIGIN, 90).regions}


def test_a_calm_region_is_forecast_without_error_and_a_noisy_one_misses_by_its_noise() -> None:
    rows = region_rows(forecast_regions(germany(), people(), ORIGIN, 90).regions, [90])
    by_region = {row.region: row for row in rows}
    calm, noisy = (by_region[code].shared_rmse for code in (CALM, NOISY))
    assert calm["last_7_days"] == 0.0 and calm["seasonal_naive"] == 0.0
    # A mean of n days of white noise misses by √(1 + 1/n) of its deviation.
    assert noisy["last_7_days"] == pytest.approx(SIGMA * np.sqrt(1 + 1 / 7), rel=0.1)
    assert noisy["seasonal_naive"] == pytest.approx(SIGMA * np.sqrt(1 + 1 / 4), rel=0.1)
    assert calm[TWIN] < noisy[TWIN]
    assert by_region[CALM].name == "Berlin" and by_region[CALM].observed > 0.99
    part = region_summary(rows).by_country["DEU"]["90"]
    for name in (TWIN, "last_7_days", "seasonal_naive"):
        parity = part.parity[name]
        assert parity is not None
        assert parity.best == "Berlin" or name == TWIN  # the twin expects of Berlin what other places did
        scores = {code: by_region[code].shared_rmse[name] for code in NAMES}
        assert parity.difference == pytest.approx(max(scores.values()) - min(scores.values()), abs=2e-4)
        assert part.mean[name] == pytest.approx(np.mean(list(scores.values())), abs=2e-4)


def test_the_national_forecast_is_right_about_the_region_that_is_the_nation() -> None:
    found = forecasts()
    own, national = found[REAL][TWIN], found[REAL][NATIONAL]
    assert np.array_equal(own.to_numpy(), national.to_numpy())
    assert found[CALM][NATIONAL].equals(national) and not found[CALM][TWIN].equals(national)
    assert found[REAL][NATIONAL_NAIVE].equals(found[REAL]["seasonal_naive"])


def test_a_region_is_forecast_as_a_place_of_the_backtest_is() -> None:
    table, policy, _ = tables()
    for code in (NOISY, REAL):
        alone = table[table["place"] == code].assign(place="DEU")
        (place,), _ = places_from_tables(alone, policy, None)
        backtest = forecast_place(place, people(), [ORIGIN], 90, ("last_7_days", "seasonal_naive")).forecasts[ORIGIN]
        for name in (TWIN, "last_7_days", "seasonal_naive"):
            assert np.array_equal(forecasts()[code][name].to_numpy(), backtest[name].to_numpy()), (code, name)


@pytest.mark.parametrize("change", ["inflated", "gone"])
def test_nothing_observed_after_the_origin_reaches_a_forecast(change: str) -> None:
    table, _, whole = (item.copy() for item in tables())
    for frame in (table, whole):
        later = frame["date"] > pd.Timestamp(ORIGIN)
        frame.loc[later, VALUES] = np.nan if change == "gone" else frame.loc[later, VALUES] * 5 + 90
    found = forecast_regions(germany(table, whole), people(), ORIGIN, 90).regions
    assert {item.region for item in found} == set(NAMES)
    for item in found:
        for name, frame in item.forecasts.items():
            assert frame.to_numpy().tobytes() == forecasts()[item.region][name].to_numpy().tobytes(), name


def test_the_past_of_a_region_reaches_its_own_forecasts_and_no_national_one() -> None:
    """Without this the test above could not fail."""
    table = tables()[0].copy()
    past = (table["place"] == NOISY) & (table["date"] <= pd.Timestamp(ORIGIN))
    table.loc[past, VALUES] += 25.0
    found = {item.region: item.forecasts for item in forecast_regions(germany(table), people(), ORIGIN, 90).regions}
    for name in (TWIN, "last_7_days", "seasonal_naive"):
        assert not np.array_equal(found[NOISY][name].to_numpy(), forecasts()[NOISY][name].to_numpy())
        assert np.array_equal(found[CALM][name].to_numpy(), forecasts()[CALM][name].to_numpy())
    for name in (NATIONAL, NATIONAL_NAIVE):
        assert np.array_equal(found[NOISY][name].to_numpy(), forecasts()[NOISY][name].to_numpy())


def test_without_the_country_nothing_national_is_said() -> None:
    regions, policy, _ = tables()
    (country,), _ = countries_of(regions, NAMES, policy, None)
    assert not country.observed
    for item in forecast_regions(country, people(), ORIGIN, 30).regions:
        assert set(item.forecasts) == {TWIN, "last_7_days", "seasonal_naive"}


def test_the_people_of_a_region_are_everybody_where_everybody_lives_there() -> None:
    """The national twin over the region's people is the national twin if all people are the region's."""
    inputs = open_study("meridia")
    population = make_population(inputs.study, 60)
    nation = replace(germany().nation, study=inputs.study, timeline=inputs.timeline, observations=inputs.observations,
                     cases=inputs.cases, published=inputs.stringency)  # fmt: skip
    region = replace(germany().regions[0], observations=inputs.observations, category="norvale")
    country = Country(nation, (region,), observed=True, attribute="region")
    origin = date(2031, 3, 31)
    mixed = forecast_regions(country, population.personas, origin, 60).regions[0].forecasts
    assert not np.allclose(mixed[PEOPLE], mixed[NATIONAL])
    alone = forecast_regions(country, population.personas.assign(region="norvale"), origin, 60).regions[0].forecasts
    assert np.allclose(alone[PEOPLE], alone[NATIONAL], atol=1e-4)


def test_regions_are_compared_by_what_all_of_them_have() -> None:
    everything = ("a", "b", "c", "d", "e")
    assert shared_behaviours([everything, ("a", "b", "c"), everything]) == ["a", "b", "c"]
    assert shared_behaviours([everything, ("a", "b"), ("a", "c", "d", "e")]) == ["a", "c", "d", "e"]
    assert shared_behaviours([("a", "b"), ("a", "b")]) == ["a", "b"]
    assert shared_behaviours([(), ()]) == [] and shared_behaviours([]) == []


def test_a_region_without_enough_behaviours_is_named_and_left_out_of_the_comparison() -> None:
    table = tables()[0].copy()
    table.loc[table["place"] == CALM, VALUES[1:]] = np.nan
    rows = region_rows(forecast_regions(germany(table), people(), ORIGIN, 90).regions, [90])
    calm = next(row for row in rows if row.region == CALM)
    assert calm.behaviours == ("retail",) and calm.shared_rmse is None and len(calm.macro_rmse) > 2
    compared, incomplete = region_table(rows, "DEU", 90)
    assert set(compared.index) == {NOISY, REAL} and incomplete == ["Berlin"]


def test_a_region_hardly_observed_by_the_origin_is_not_forecast_though_it_is_later() -> None:
    table = tables()[0].copy()
    early = (table["place"] == CALM) & (table["date"] <= pd.Timestamp(ORIGIN) - pd.Timedelta(days=30))
    table.loc[early, VALUES] = np.nan
    found = forecast_regions(germany(table), people(), ORIGIN, 30)
    assert {item.region for item in found.regions} == {NOISY, REAL}
    assert found.left_out == {f"{CALM} after {ORIGIN}": "no behaviour was observed on 60 days by then"}


def test_a_country_hardly_observed_by_the_origin_says_nothing_of_its_regions_and_is_named() -> None:
    whole = tables()[2].copy()
    whole.loc[whole["date"] <= pd.Timestamp(ORIGIN) - pd.Timedelta(days=3), VALUES] = np.nan
    found = forecast_regions(germany(national=whole), people(), ORIGIN, 30)
    assert all(NATIONAL not in item.forecasts for item in found.regions) and len(found.regions) == 3
    assert list(found.left_out) == [f"DEU as a whole after {ORIGIN}"]


def test_what_is_broken_is_not_taken_for_too_little_observed(tmp_path: Path) -> None:
    """A table of what was learned that cannot be read stops the work: no region is left out for it."""
    (tmp_path / "policy_weights.csv").write_text("without,known_until,weight,places\n")
    (tmp_path / "drift.csv").write_text("known_until,behaviour\n2020-01-01,retail\n")
    country = germany()
    broken = replace(country, nation=replace(country.nation, study=replace(country.nation.study, learned=tmp_path)))
    with pytest.raises(InputError, match=r"drift\.csv: cannot be read as a table of what was learned"):
        forecast_regions(broken, people(), ORIGIN, 30)


def test_a_region_that_misses_an_origin_is_not_compared_with_those_that_have_it() -> None:
    rows = [
        RegionScore(
            country="DEU",
            region=region,
            name="n",
            origin=origin,
            horizon=30,
            behaviours=("a",),
            observed=1.0,
            rmse={},
            macro_rmse={},
            shared=("a",),
            shared_rmse={TWIN: value, "seasonal_naive": 1.0},
        )
        for region, origin, value in (("x", "1", 2.0), ("x", "2", 4.0), ("y", "1", 9.0))
    ]
    table, incomplete = region_table(rows, "DEU", 30)
    assert table[TWIN].to_dict() == {"x": 3.0} and incomplete == ["n"]
    assert region_summary(rows).by_country["DEU"]["30"].parity[TWIN] is None


def test_rank_correlations_by_hand() -> None:
    rising = pd.Series([1.0, 2.0, 5.0, 9.0])
    assert rank_correlation(rising, rising**2) == 1.0 and rank_correlation(rising, -rising) == -1.0
    assert rank_correlation(rising[:3], rising[:3]) is None
    assert rank_correlation(rising, pd.Series([1.0] * 4)) is None


def test_the_latest_origin_is_an_end_of_a_month_with_enough_after_it() -> None:
    origin = latest_origin(germany(), 100)
    assert origin is not None and (origin + timedelta(days=1)).day == 1
    last = germany().regions[0].observations.index.max().date()
    assert timedelta(days=85) <= last - origin < timedelta(days=85 + 31)
    assert latest_origin(germany(), 10_000) is None


def test_countries_of_regions() -> None:
    assert (country_of("AE-DU"), country_of("AE: Dubai"), country_of("XX-1"), country_of("Dubai")) == (
        "ARE", "ARE", None, None,
    )  # fmt: skip
    regions, policy, _ = tables()
    with pytest.raises(InputError, match=r"unknown country with regions 'DEX'.*Nearest valid: DEU"):
        countries_of(regions, NAMES, policy, None, ["DEX"])
    stray = pd.concat([regions, regions[regions["place"] == CALM].assign(place="Atlantis")])
    found, left_out = countries_of(stray, NAMES, policy, None)
    assert len(found) == 1 and left_out == {"Atlantis": "of no known country"}
    empty = regions.copy()
    empty.loc[empty["place"] == CALM, VALUES] = np.nan
    (country,), left_out = countries_of(empty, NAMES, policy, None)
    assert len(country.regions) == 2 and "never observed" in left_out[CALM]


def written(folder: Path) -> tuple[Path, Path, Path]:
    """The three tables as Parquet files in the providers' layouts."""
    regions, policy, national = tables()
    own = regions.rename(columns={"place": "iso_3166_2_code"}).assign(country_region_code="DE")
    own.assign(sub_region_1=own["iso_3166_2_code"].map(NAMES)).to_parquet(folder / "regions.parquet")
    national.rename(columns={"place": "iso3"}).assign(country_region="Germany").to_parquet(folder / "national.parquet")
    oxford = policy.rename(columns={"place": "CountryCode"}).assign(CountryName="Germany")
    for item in load_codebook().indicators:
        if item.code not in oxford:
            oxford[item.code] = 0.0
            oxford[f"{item.code}_Flag"] = np.nan
    oxford.to_parquet(folder / "policy.parquet")
    return folder / "regions.parquet", folder / "policy.parquet", folder / "national.parquet"


def test_the_command_and_the_service_agree_whoever_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], processes: Executor
) -> None:
    regions, policy, national = written(tmp_path)
    assert read_regions(regions).names == NAMES
    values = regional_accuracy(RegionsRequest(regions, policy, (ORIGIN,), national, (90, 30)), executor=processes)
    assert values.names == {"DEU": "Germany"} and values.left_out == {} and values.national
    assert [row.horizon for row in values.rows] == [30] * 3 + [90] * 3
    command = ["regions", "--mobility", str(regions), "--policy", str(policy), "--national", str(national),
               "--origins", str(ORIGIN), "--horizons", "30,90"]  # fmt: skip
    assert main([*command, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["rows"] == values.as_dict()["rows"] and printed["summary"]["by_country"]["DEU"]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert "Germany" in text and "Berlin" in text and "nothing else" in text
    alone = regional_accuracy(RegionsRequest(regions, policy, (ORIGIN,), horizons=(30,)))
    assert not alone.national and "--national" in terminal_text(regions_document(alone))
    assert RegionalAccuracy.from_dict(alone.as_dict()) == alone
    assert main([*command, "--countries", "DEX"]) == 2
    assert "Nearest valid: DEU" in capsys.readouterr().err
    assert main([*command, "--horizons", "0"]) == 2
    assert "1 to 365" in capsys.readouterr().err
    assert main([*command[:1], "--mobility", str(national), *command[3:]]) == 2
    assert "a table of regions" in capsys.readouterr().err


def test_an_origin_without_anything_after_it_is_said_so(tmp_path: Path) -> None:
    regions, policy, _ = written(tmp_path)
    values = regional_accuracy(RegionsRequest(regions, policy, (date(2021, 12, 1),), horizons=(30,)))
    assert values.rows == ()
    assert set(values.left_out) == {f"{code} after 2021-12-01, 30 days" for code in NAMES}
    assert "fewer than 85%" in " ".join(values.left_out.values())
    assert "No region was observed" in terminal_text(regions_document(values))


@pytest.mark.real_data
def test_seventeen_countries_have_regions_and_the_emirates_are_named(real_data: Path) -> None:
    found = read_regions(real_data / "google_mobility_regions.parquet")
    assert len({country_of(place) for place in found.names}) == 17 and len(found.names) == 218
    emirates = {place: name for place, name in found.names.items() if place.startswith("AE-")}
    assert sorted(emirates.values()) == ["Abu Dhabi", "Ajman", "Dubai", "Fujairah", "Ras al Khaimah", "Sharjah",
                                         "Umm Al Quawain"]  # fmt: skip
    assert set(emirates) == set(load_study("uae").regions.categories)  # type: ignore[union-attr]
    assert found.frame["place"].loc[[country_of(str(place)) == "ARE" for place in found.frame["place"]]].nunique() == 7


@pytest.mark.real_data
def test_googles_own_file_of_the_emirates_says_the_same(real_data: Path) -> None:
    table = read_regions(real_data / "google_mobility_regions.parquet", place="ARE")
    own = read_regions(real_data / "2020_AE_Region_Mobility_Report.csv")
    assert own.names == table.names
    both = [item.frame.set_index(["place", "date"]).sort_index() for item in (own, table)]
    assert both[0].equals(both[1].loc[both[1].index.get_level_values("date") <= "2020-12-31"])


@pytest.mark.real_data
def test_the_emirates_past_is_worth_something(real_data: Path) -> None:
    """Roughly right: errors of a few points, more at Umm Al Quwain than at Dubai without its own data, and less with."""
    inputs = open_study("uae", real_data)
    population = make_population(inputs.study, 60)
    table, lacking = region_table_of(inputs, real_data)
    assert table is not None and lacking == "" and set(table.hashes) == {"google_mobility_regions.parquet"}
    country = country_with_regions(table, inputs, population)
    assert latest_origin(country, 180) == date(2020, 12, 31)
    rows = region_rows(forecast_regions(country, population.personas, date(2020, 12, 31), 180).regions, [90, 180])
    assert {row.region for row in rows} == {item.code for item in country.regions} and len(rows) == 14
    part = region_summary(rows).by_country["uae"]["180"]
    assert part.regions == 7 and 2 < part.mean[TWIN] < 25
    assert part.mean[TWIN] < part.mean[NATIONAL] and PEOPLE in part.mean
    assert part.parity[NATIONAL].worst == "Umm Al Quawain"


@pytest.mark.real_data
def test_a_study_finds_the_regions_in_googles_own_files_too(real_data: Path, tmp_path: Path) -> None:
    name = "2020_AE_Region_Mobility_Report.csv"
    (tmp_path / name).symlink_to(real_data / name)
    found = study_regions(load_study("uae"), tmp_path)
    assert found is not None and len(found.names) == 7 and found.frame["date"].max() == pd.Timestamp("2020-12-31")
    assert study_regions(load_study("meridia"), tmp_path) is None
    with pytest.raises(InputError, match="holds no regions"):
        study_regions(load_study("uae"), tmp_path.parent)
