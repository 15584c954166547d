"""Backtests over many places: rows, rivals, intervals, and nothing from after the origin."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from backtest_cases import people, places, tables

from core.cli import main
from core.datasets.tables import read_mobility, read_policy
from core.errors import InputError
from core.forecasting.backtest import (
    PlaceForecasts,
    counted_behaviours,
    forecast_place,
    rows_of,
    stringency_change,
    widths_from_others,
)
from core.forecasting.backtest_scores import summary_of
from core.forecasting.baselines import BASELINES, BaselineInputs, backtest_baselines
from core.forecasting.baselines.lagged import exponential_smoothing, gradient_boosting_lags
from core.forecasting.intervals import (
    BORROWED_GROWTH,
    CLASSES,
    LEVELS,
    PastErrors,
    conformal_widths,
    interval_score,
)
from core.forecasting.own_widths import own_widths
from core.forecasting.past import known_at
from core.forecasting.places import Place, places_from_tables
from core.report.renderers.terminal import terminal_text
from core.report.sentences.backtests import backtest_document
from core.services.evaluation.backtests import measured_now
from core.services.evaluation.requests import BacktestRequest
from core.services.evaluation.results import BacktestResult
from core.study import load_codebook, load_study

ORIGIN = date(2020, 9, 30)
FEW = ("last_value", "seasonal_naive", "linear")


def test_places_are_studies_of_their_own() -> None:
    assert set(places()) == {"DEU", "ARE"}
    germany, emirates = places()["DEU"], places()["ARE"]
    saturday = pd.DatetimeIndex(["2020-07-04"])
    assert germany.timeline.calendar.days(saturday)["day_type"].iloc[0] in ("weekend", "rest")
    friday = pd.DatetimeIndex(["2020-07-03"])
    assert germany.timeline.calendar.days(friday)["day_type"].iloc[0] == "working"
    assert emirates.timeline.calendar.days(friday)["day_type"].iloc[0] in ("weekend", "rest")
    assert germany.study.title == "Germany" and germany.observations.columns.tolist() == list(
        germany.study.behaviour_ids
    )


def test_what_cannot_be_used_is_left_out_with_the_reason() -> None:
    mobility, policy, cases = tables()
    found, left_out = places_from_tables(mobility, policy[policy["place"] == "DEU"], cases)
    assert [item.study.id for item in found] == ["DEU"] and left_out == {"ARE": "no policy data"}
    empty = mobility.copy()
    empty.loc[empty["place"] == "ARE", list({"parks"} | set(empty.columns) - {"place", "date"})] = np.nan
    found, left_out = places_from_tables(empty, policy, cases)
    assert [item.study.id for item in found] == ["DEU"] and "enough observed days" in left_out["ARE"]
    with pytest.raises(InputError, match=r"unknown place 'DEX'.*Nearest valid: DEU"):
        places_from_tables(mobility, policy, cases, wanted=["DEX"])


def test_a_behaviour_that_was_hardly_observed_is_dropped_and_the_rest_forecast() -> None:
    mobility, policy, cases = tables()
    thin = mobility.copy()
    thin.loc[thin["place"] == "DEU", "parks"] = np.nan
    (place,), _ = places_from_tables(thin, policy, cases, wanted=["DEU"])
    assert "parks" not in place.observations and len(place.study.behaviours) == 5
    found = forecast_place(place, people(), [ORIGIN], 30, FEW)
    assert found.forecasts[ORIGIN]["twin"].shape == (30, 5)


def test_rows_count_what_was_seen() -> None:
    days = pd.date_range("2020-01-01", periods=60)
    frame = pd.DataFrame({"a": 1.0, "b": 1.0, "c": 1.0}, index=days)
    origin, ahead = date(2020, 1, 30), days[30:60]
    assert counted_behaviours(frame, origin, ahead) == ["a", "b", "c"]
    frame.loc[ahead[:10], "b"] = np.nan  # a third of the horizon
    frame.loc[days[10:20], "c"] = np.nan  # more than 30% of the last 28 days
    assert counted_behaviours(frame, origin, ahead) == ["a"]
    frame.loc[ahead[:5]] = np.nan  # 25 of 30 days are seen: under 85%
    assert counted_behaviours(frame, origin, ahead) == []


def test_stringency_change_is_that_of_means() -> None:
    days = pd.date_range("2020-01-01", periods=60)
    stringency = pd.Series(np.r_[np.full(2, 99.0), np.full(28, 40.0), np.full(30, 55.0)], days)
    assert stringency_change(stringency, date(2020, 1, 30), days[30:]) == pytest.approx(15.0)


def untaught(place: Place, rivals: tuple[str, ...] = FEW, origin: date = ORIGIN) -> PlaceForecasts:
    """Forecasts of a place of which nothing was learned elsewhere."""
    plain = replace(place, study=replace(place.study, learned=None))
    return forecast_place(plain, people(), [origin], 45, rivals)


def test_widths_that_were_not_learned_come_from_other_places_alone() -> None:
    done = [replace(untaught(places()["DEU"]), place=f"P{number}") for number in range(12)]
    assert not done[0].widths and done[0].past is not None
    past = done[0].past
    wild = replace(past, errors={name: 1e3 * values for name, values in past.errors.items()})
    odd = [replace(done[0], past=wild), *done[1:]]
    mine = widths_from_others(odd, odd[0])["twin", ORIGIN].by_behaviour["retail"]
    assert np.array_equal(mine, conformal_widths([past] * 11, "twin", ORIGIN).by_behaviour["retail"], equal_nan=True)
    theirs = widths_from_others(odd, odd[1])["twin", ORIGIN].by_behaviour["retail"]
    assert (theirs[-1] > 10 * mine[-1]).any(), "another place's errors count"
    assert widths_from_others(done[:10], done[0]) == {}, "nine others are too few"
    (row,) = rows_of(done[0], [30], {})
    assert row.coverage == {} and row.intervals == {}
    part = summary_of([row], FEW).by_horizon["30"]
    assert part.intervals == {"twin": {}, "seasonal_naive": {}}


def test_rows_and_their_summary() -> None:
    done = [forecast_place(place, people(), [ORIGIN], 60, FEW) for place in places().values()]
    assert all(item.past is None for item in done), "widths were learned: no past is needed"
    rows = [row for item in done for row in rows_of(item, [30, 60], widths_from_others(done, item))]
    assert len(rows) == 4
    for row in rows:
        assert set(row.macro_rmse) == {"twin", *FEW} and set(row.coverage) == {"50", "80", "95"}
        levels = [row.coverage[str(level)] for level in LEVELS]
        assert levels == sorted(levels) and levels[0] >= 0 and levels[-1] <= 1
    place = done[0]
    days = pd.date_range("2020-10-01", periods=30)
    error = place.forecasts[ORIGIN]["linear"].loc[days] - place.observations.loc[days]
    mine = next(row for row in rows if row.country == place.place and row.horizon == 30)
    assert mine.macro_rmse["linear"] == pytest.approx(np.sqrt((error**2).mean()).mean())
    summary = summary_of(rows, FEW)
    part = summary.by_horizon["30"]
    chosen = [row.macro_rmse for row in rows if row.horizon == 30]
    assert part.mean["twin"] == pytest.approx(np.mean([item["twin"] for item in chosen]), abs=1e-4)
    assert part.wins["linear"] == np.mean([item["twin"] < item["linear"] for item in chosen])
    json.dumps(asdict(summary), allow_nan=False)


@lru_cache(maxsize=1)
def of_germany(names: tuple[str, ...]) -> tuple[PlaceForecasts, PastErrors | None]:
    """What is forecast of Germany as it is, and the errors of its past where nothing was learned elsewhere."""
    own = places()["DEU"]
    return forecast_place(own, people(), [ORIGIN], 45, names), untaught(own, names).past


@pytest.mark.parametrize("change", ["shuffled", "inflated", "gone"])
def test_nothing_from_after_the_origin_reaches_a_forecast_or_an_interval(change: str) -> None:
    mobility, policy, cases = (table.copy() for table in tables())
    generator = np.random.default_rng(0)
    for table in (mobility, cases):
        later = table["date"] > pd.Timestamp(ORIGIN)
        values = [name for name in table.columns if name not in ("place", "date")]
        block = table.loc[later, values].to_numpy(float, copy=True)
        if change == "shuffled":
            generator.shuffle(block)
        elif change == "inflated":
            block = block * 3 + 50
        else:
            block[::2] = np.nan
        table.loc[later, values] = block
    (changed,), _ = places_from_tables(mobility, policy, cases, {"DEU": 4_200_000}, ["DEU"])
    names = tuple(name for name in backtest_baselines() if name != "ets")
    before, mine = of_germany(names)
    after, theirs = forecast_place(changed, people(), [ORIGIN], 45, names), untaught(changed, names).past
    assert mine is not None and theirs is not None
    for name in ("twin", *names):
        assert np.array_equal(before.forecasts[ORIGIN][name].to_numpy(), after.forecasts[ORIGIN][name].to_numpy()), name
    for name in ("twin", "seasonal_naive"):
        one, other = (item.widths[name, ORIGIN].by_behaviour for item in (before, after))
        assert all(np.array_equal(one[behaviour], other[behaviour]) for behaviour in one)
        one, other = (own_widths(past, name, ORIGIN).widths.by_behaviour for past in (mine, theirs))
        assert all(np.array_equal(one[behaviour], other[behaviour], equal_nan=True) for behaviour in one)


def test_conformal_widths_cover_what_they_promise_and_grow() -> None:
    generator = np.random.default_rng(1)
    origins = tuple(date(2020, 1, 1) + timedelta(days=28 * number) for number in range(12))
    growing = np.sqrt(np.arange(1, 183))[None, :, None]
    scales = np.repeat(generator.uniform(0.5, 4.0, (12, 1, 1)), 182, axis=1)
    errors = (generator.normal(size=(12, 182, 1)) * growing * scales).astype(np.float32)
    past = [PastErrors(("retail",), origins, {"twin": scales}, {"twin": errors}, 0 * errors) for _ in range(3)]
    widths = conformal_widths(past, "twin", date(2021, 12, 31))
    table = widths.by_behaviour["retail"]
    assert table.shape == (len(LEVELS), len(CLASSES))
    assert (np.diff(table, axis=1) >= 0).all() and (np.diff(table, axis=0) > 0).all()
    fresh = np.abs(generator.normal(size=(4000, 182)) * growing[:, :, 0])
    for position, level in enumerate(LEVELS):
        inside = (fresh <= widths.of("retail", np.arange(1, 183))[position]).mean()
        assert inside == pytest.approx(level / 100, abs=0.03)
    early = conformal_widths(past, "twin", date(2020, 4, 10)).by_behaviour["retail"]
    grown = early[:, -2] * (CLASSES[-1] / CLASSES[-2]) ** BORROWED_GROWTH
    assert early[:, -1] == pytest.approx(grown) and (early > 0).all(), "unseen horizons are grown"


def test_the_interval_score_by_hand() -> None:
    assert interval_score(80, np.array([1.0, 3.0]), np.array([2.0, 2.0])).tolist() == pytest.approx([4.0, 14.0])


def inputs(days: int = 120, ahead: int = 20) -> BaselineInputs:
    generator = np.random.default_rng(3)
    index = pd.date_range("2020-03-02", periods=days + ahead)
    observed = pd.DataFrame(
        {"a": np.tile(np.arange(7.0), 30)[:days], "b": generator.normal(size=days).cumsum()}, index[:days]
    )
    observed.iloc[5:8, 1] = np.nan
    stringency = pd.Series(generator.uniform(0, 100, days + ahead), index)
    return BaselineInputs(observed, index[days:], stringency, pd.DataFrame(index=index), None)


@pytest.mark.full
def test_boosting_on_lags_finds_a_weekly_pattern_and_recurs_past_the_first_week() -> None:
    known = inputs()
    forecast = gradient_boosting_lags(known)
    assert np.isfinite(forecast.to_numpy()).all()
    assert np.allclose(forecast["a"], np.tile(np.arange(7.0), 30)[120:140], atol=0.01)


def test_exponential_smoothing_is_that_of_statsmodels() -> None:
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    known = inputs()
    mine = exponential_smoothing(known)["b"].to_numpy()
    series = known.observed["b"].interpolate(limit_direction="both").to_numpy()
    model = ExponentialSmoothing(series, trend="add", damped_trend=True, seasonal="add", seasonal_periods=7)
    assert np.allclose(mine, model.fit().forecast(20))


@pytest.mark.real_data
def test_simple_baselines_agree_with_the_published_table(real_data: Path) -> None:
    """Means of macro RMSE over all places and four origins, as measured independently on the same data."""
    expected = {
        "last_value": (13.60, 16.60, 18.97),
        "last_7_days": (11.30, 15.09, 18.13),
        "seasonal_naive": (11.55, 15.32, 17.83),
        "train_mean": (16.35, 18.82, 19.56),
        "linear": (14.76, 17.08, 17.97),
    }
    found, _ = places_from_tables(
        read_mobility(real_data / "google_mobility_national.parquet", allow_gaps=True),
        read_policy(real_data / "oxcgrt_national.parquet"),
        None,
    )
    scores: dict[tuple[str, int], list[float]] = {}
    for place in found:
        for origin in (date(2020, 6, 30), date(2020, 9, 30), date(2020, 12, 31), date(2021, 3, 31)):
            ahead = pd.date_range(origin + timedelta(days=1), periods=180)
            spans = [(position, ahead[:horizon]) for position, horizon in enumerate((30, 90, 180))]
            counted = {position: counted_behaviours(place.observations, origin, days) for position, days in spans}
            if not any(counted.values()):
                continue
            # None of these looks at how far ahead it is asked: the first days of a long forecast are the short one.
            known = known_at(place, origin, ahead)
            seen = place.observations.reindex(ahead)
            squares = {name: ((BASELINES[name](known) - seen) ** 2).to_numpy(float) for name in expected}
            for position, days in spans:
                columns = seen.columns.get_indexer(counted[position])
                for name in expected if counted[position] else ():
                    missed = np.nanmean(squares[name][: len(days), columns], axis=0)
                    scores.setdefault((name, position), []).append(float(np.sqrt(missed).mean()))
    assert [len(scores["linear", position]) for position in range(3)] == [409, 407, 302]
    for name, values in expected.items():
        for position, value in enumerate(values):
            assert np.mean(scores[name, position]) == pytest.approx(value, abs=0.02), (name, position)


def test_the_command_prints_rows_and_a_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POLICYTWIN_DB", str(tmp_path / "store.duckdb"))
    mobility, policy, _ = tables()
    study = load_study("uae")
    google = mobility[mobility["place"] == "DEU"].rename(columns={"place": "iso3"})
    google = google.assign(country_region_code="DE", country_region="Germany", source="test")
    values = {item.column: google[item.column].round().astype("Int16") for item in study.behaviours}
    google.assign(**values).to_parquet(tmp_path / "mobility.parquet")
    oxford = policy[policy["place"] == "DEU"].rename(columns={"place": "CountryCode"}).assign(CountryName="Germany")
    for item in load_codebook().indicators:
        if item.code not in oxford:
            oxford[item.code] = 0.0
            oxford[f"{item.code}_Flag"] = np.nan
    oxford.to_parquet(tmp_path / "policy.parquet")
    command = ["backtest", "--mobility", str(tmp_path / "mobility.parquet"),
               "--policy", str(tmp_path / "policy.parquet"), "--horizons", "30,90",
               "--origins", "2019-01-01,2020-04-10,2020-09-30,2021-05-20,2021-12-31",
               "--countries", "DEU", "--workers", "1", "--json"]  # fmt: skip
    assert main(command) == 0
    printed = json.loads(capsys.readouterr().out)
    row, _, _ = printed["rows"]
    assert {what: why.split(" ")[0] for what, why in printed["left_out"].items()} == {
        "DEU after 2019-01-01": "training",
        "DEU after 2020-04-10": "training",
        "DEU after 2021-12-31": "nothing",
        "DEU after 2021-05-20, 90 days": "fewer",
    }
    reasons = printed["left_out"]
    assert "do not follow each other within 2020-" in reasons["DEU after 2019-01-01"]
    assert "days, fewer than " in reasons["DEU after 2020-04-10"]
    assert {"country", "origin", "horizon", "stringency_change", "categories", "macro_rmse", "coverage"} <= set(row)
    assert set(row["macro_rmse"]) == {"twin", *backtest_baselines()} and set(row["coverage"]) == {"50", "80", "95"}
    assert printed["summary"]["rows"] == 3
    result = BacktestResult.from_dict(printed)
    assert result.as_dict() == printed
    request = BacktestRequest(tmp_path / "mobility.parquet", tmp_path / "policy.parquet", (ORIGIN,))
    text = terminal_text(backtest_document(measured_now(result, request)))
    assert "Left out: DEU after 2021-12-31: nothing was observed after this day: the data end on 2021-06-28." in text
    for wrong, words in ((["--horizons", "0"], "1 to 365"), (["--countries", "DEX"], "Nearest valid: DEU")):
        assert main([*command, *wrong]) == 2
        said = capsys.readouterr().err
        assert words in said and len(said.strip().splitlines()) == 1
