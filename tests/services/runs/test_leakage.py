"""Nothing observed after the origin reaches a forecast, to the last bit; what a forecast is conditional on does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.policy.calendar import Calendar
from core.records import frame_hash
from core.services.runs import preparing as preparing_module
from core.services.runs.forecasters import FORECASTERS
from core.services.runs.run import run_study
from core.services.studies.inputs import StudyInputs, open_study
from core.services.studies.requests import RunRequest
from core.store.database import Store
from core.study import NamedDay

Change = Callable[[StudyInputs, pd.Timestamp], StudyInputs]
PERSONAS, TRIALS = 40, 3


@lru_cache(maxsize=2)
def opened(study: str, data: Path | None) -> StudyInputs:
    return open_study(study, data)


def hashed_anew(inputs: StudyInputs) -> StudyInputs:
    """The inputs as a reader would give them, whose hashes are those of what they now hold: the store keeps them by these."""
    assert inputs.cases is not None
    hashes = {"mobility": frame_hash(inputs.observations), "cases": frame_hash(inputs.cases)}
    return replace(inputs, hashes=inputs.hashes | hashes)


def forecasts(inputs: StudyInputs, monkeypatch: pytest.MonkeyPatch, train_end: date | None = None) -> pd.DataFrame:
    """Every forecast of the whole job on these inputs: one row per day, one column per forecaster and behaviour."""
    inputs = hashed_anew(inputs)
    monkeypatch.setattr(preparing_module, "open_study", lambda *_: inputs)
    with Store.memory() as store:
        result = run_study(RunRequest(inputs.study.id, personas=PERSONAS, trials=TRIALS, train_end=train_end), store)
        table = store.read_result("forecasts", result.run_id)
    return table[table["phase"] == "test"].set_index(["date", "forecaster", "behaviour"])["value"].unstack([1, 2])  # noqa: PD010


def _observations_after(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    def changed(inputs: StudyInputs, origin: pd.Timestamp) -> StudyInputs:
        past, future = inputs.observations.loc[:origin], inputs.observations.loc[origin + pd.Timedelta(days=1) :]
        return replace(inputs, observations=pd.concat([past, change(future)]))

    return changed


def _cases_after(change: Callable[[pd.Series], pd.Series]) -> Change:
    def changed(inputs: StudyInputs, origin: pd.Timestamp) -> StudyInputs:
        assert inputs.cases is not None
        past, future = inputs.cases.loc[:origin], inputs.cases.loc[origin + pd.Timedelta(days=1) :]
        return replace(inputs, cases=pd.concat([past, change(future)]))

    return changed


def _shuffled(values: pd.DataFrame) -> pd.DataFrame:
    order = np.random.default_rng(0).permutation(len(values))
    return values.iloc[order].set_axis(values.index)


def _gone_but_one(values: pd.DataFrame) -> pd.DataFrame:
    """A test period needs an observation to be scored on."""
    return values.iloc[200:201].reindex(values.index)


def everything_after(inputs: StudyInputs, origin: pd.Timestamp) -> StudyInputs:
    """Observations shuffled and inflated, cases a thousandfold, and holidays that nobody had announced by the origin."""
    inputs = _observations_after(lambda frame: _shuffled(frame) * 7 + 400)(inputs, origin)
    inputs = _cases_after(lambda series: series * 1000 + 50_000)(inputs, origin)
    calendar: Calendar = inputs.timeline.calendar
    later = [(origin + pd.Timedelta(days=days)).date() for days in (5, 17, 100)]
    surprise = calendar.edited(add=[NamedDay(day, "Surprise", day - timedelta(days=3)) for day in later])
    return replace(inputs, timeline=replace(inputs.timeline, calendar=surprise))


CHANGES: dict[str, Change] = {
    "observations deleted": _observations_after(_gone_but_one),
    "cases deleted": _cases_after(lambda series: series.iloc[:0]),
    "everything shuffled and inflated": everything_after,
}


@pytest.fixture(scope="module")
def meridia_forecasts() -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patched:
        return forecasts(opened("meridia", None), patched)


def assert_equal_bits(left: pd.DataFrame, right: pd.DataFrame) -> None:
    assert left.columns.equals(right.columns) and left.index.equals(right.index)
    for column in left.columns:
        assert left[column].to_numpy().tobytes() == right[column].to_numpy().tobytes(), column


@pytest.mark.parametrize("name", CHANGES)
def test_the_future_of_meridia_reaches_no_forecast(
    meridia_forecasts: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    inputs = opened("meridia", None)
    assert set(meridia_forecasts.columns.get_level_values("forecaster")) == set(FORECASTERS)
    changed = CHANGES[name](inputs, pd.Timestamp(inputs.study.train_end))
    assert_equal_bits(meridia_forecasts, forecasts(changed, monkeypatch))


@pytest.mark.real_data
@pytest.mark.parametrize("train_end", [date(2021, 6, 30)])
def test_the_future_of_the_uae_reaches_no_forecast(
    real_data: Path, monkeypatch: pytest.MonkeyPatch, train_end: date
) -> None:
    inputs = opened("uae", real_data)
    changed = everything_after(inputs, pd.Timestamp(train_end))
    assert_equal_bits(forecasts(inputs, monkeypatch, train_end), forecasts(changed, monkeypatch, train_end))


def test_the_past_does_reach_every_forecast_that_was_fitted(
    meridia_forecasts: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without this the tests above could not fail."""
    inputs = opened("meridia", None)
    origin = pd.Timestamp(inputs.study.train_end)
    moved = inputs.observations.copy()
    moved.loc[origin - pd.Timedelta(days=40) : origin] += 25.0
    other = forecasts(replace(inputs, observations=moved), monkeypatch)
    same = {name for name in FORECASTERS if np.array_equal(meridia_forecasts[name].to_numpy(), other[name].to_numpy())}
    assert same == {"uncalibrated"}


def test_a_policy_is_felt_from_its_first_day_on_and_not_before(
    meridia_forecasts: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forecasts are conditional on the policy path; but a day's forecast knows nothing of the policy after that day."""
    inputs = opened("meridia", None)
    first = date(2031, 8, 1)
    stricter = inputs.timeline.with_constant({"C6": 3, "C2": 3}, first, inputs.study.end)
    other = forecasts(replace(inputs, timeline=stricter, published=None), monkeypatch)
    before, after = slice(None, pd.Timestamp("2031-07-31")), slice(pd.Timestamp(first), None)
    assert_equal_bits(meridia_forecasts.loc[before], other.loc[before])
    for name in ("twin", "twin_unanchored", "uncalibrated", "linear"):
        assert (
            other.loc[after, (name, "workplaces")] < meridia_forecasts.loc[after, (name, "workplaces")]
        ).mean() > 0.9


def test_a_holiday_announced_by_the_origin_is_part_of_the_forecast(
    meridia_forecasts: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = opened("meridia", None)
    day = date(2031, 7, 2)
    known = inputs.timeline.calendar.edited(add=[NamedDay(day, "Announced", date(2031, 3, 31))])
    other = forecasts(replace(inputs, timeline=replace(inputs.timeline, calendar=known)), monkeypatch)
    assert other.loc[pd.Timestamp(day), ("twin", "workplaces")] < (
        meridia_forecasts.loc[pd.Timestamp(day), ("twin", "workplaces")] - 10
    )
    elsewhere = meridia_forecasts.index != pd.Timestamp(day)
    assert_equal_bits(meridia_forecasts[elsewhere], other[elsewhere])
