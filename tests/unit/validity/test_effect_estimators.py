"""The rivals of contrasts on hand-made series in which each has to give the known answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.study import Step
from core.validity.effect_estimators import EFFECT_ESTIMATORS, KnownPast
from core.validity.effect_estimators.textbook import (
    COMPARED,
    before_and_after,
    gradient_boosting,
    interrupted_time_series,
    largest_change,
    regression,
)

#: Points of the metric per point of stringency.
EFFECT = pd.Series({"retail": -0.7, "residential": 0.2})
WEEK = np.array([0.0, 1.0, 2.0, 1.0, 3.0, -4.0, -3.0])
DAYS = pd.date_range("2030-02-15", periods=168, freq="D", unit="us", name="date")
AHEAD = pd.date_range("2030-08-02", periods=28, freq="D", unit="us", name="date")


def stepped(low: float = 20.0, high: float = 60.0, at: int = 84) -> pd.Series:
    return pd.Series(np.where(np.arange(len(DAYS)) < at, low, high), index=DAYS)


def linear_world(stringency: pd.Series, extra: np.ndarray | float = 0.0) -> pd.DataFrame:
    """y = effect · stringency + weekday + extra, without noise."""
    shared = WEEK[DAYS.day_of_week] + extra
    return pd.DataFrame({name: value * stringency + shared for name, value in EFFECT.items()}, index=DAYS)


def held(value: float) -> pd.Series:
    return pd.Series(value, index=AHEAD)


@pytest.mark.full
@pytest.mark.parametrize("name", EFFECT_ESTIMATORS)
def test_each_finds_the_effect_of_a_linear_world(name: str) -> None:
    rival = EFFECT_ESTIMATORS[name].fit(KnownPast(linear_world(stepped()), stepped(), None))
    for actual, other in ((60.0, 20.0), (20.0, 60.0)):
        said = rival.contrast(held(actual), held(other))
        np.testing.assert_allclose(said.difference, EFFECT * (other - actual), rtol=2e-3)
        if said.lower is not None and said.upper is not None:
            np.testing.assert_allclose(said.lower, said.difference, atol=1e-6)
            np.testing.assert_allclose(said.upper, said.difference, atol=1e-6)
    same = rival.contrast(held(60.0), held(60.0))
    assert (same.difference == 0).all() and same.lower is None and same.upper is None


@pytest.mark.full
@pytest.mark.parametrize("name", EFFECT_ESTIMATORS)
def test_missing_days_are_left_out(name: str) -> None:
    observed = linear_world(stepped())
    observed.iloc[70:77] = np.nan
    rival = EFFECT_ESTIMATORS[name].fit(KnownPast(observed, stepped(), None))
    said = rival.contrast(held(60.0), held(20.0))
    np.testing.assert_allclose(said.difference, EFFECT * -40.0, rtol=2e-3)


def test_before_and_after_takes_a_trend_for_the_policy_and_segments_do_not() -> None:
    trend = 0.1 * np.arange(len(DAYS))
    past = KnownPast(linear_world(stepped(), trend), stepped(), None)
    wrong = 0.1 * COMPARED[Step.DAY] / 40.0
    np.testing.assert_allclose(before_and_after(past).effect, EFFECT + wrong)
    np.testing.assert_allclose(interrupted_time_series(past).effect, EFFECT)


def test_segments_count_a_change_of_trend_half_way() -> None:
    place = 84
    bend = 0.05 * np.maximum(np.arange(len(DAYS)) - place, 0)
    found = interrupted_time_series(KnownPast(linear_world(stepped(), bend), stepped(), None))
    half_way = np.arange(56).mean()
    np.testing.assert_allclose(found.effect, EFFECT + 0.05 * half_way / 40.0)


def test_regression_tells_an_epidemic_it_sees_from_the_policy() -> None:
    rng = np.random.default_rng(0)
    cases = pd.Series(np.exp(4.0 + np.cumsum(0.1 * rng.standard_normal(len(DAYS)))), index=DAYS)
    recent = np.log1p(cases.rolling(7, min_periods=1).mean().shift(1))
    stringency = (20.0 + 8.0 * (recent.ffill().fillna(0.0) - 3.0) + 6.0 * rng.standard_normal(len(DAYS))).clip(0, 100)
    fear = (-5.0 * recent.bfill()).to_numpy()
    with_cases = regression(KnownPast(linear_world(stringency, fear), stringency, cases))
    without = regression(KnownPast(linear_world(stringency, fear), stringency, None))
    np.testing.assert_allclose(with_cases.effect, EFFECT, atol=1e-6)
    assert (without.effect - EFFECT < -0.1).all()


def test_boosting_says_nothing_new_beyond_what_it_has_seen() -> None:
    rival = gradient_boosting(KnownPast(linear_world(stepped()), stepped(), None))
    far, seen = (rival.contrast(held(20.0), held(value)).difference for value in (100.0, 60.0))
    pd.testing.assert_series_equal(far, seen)


def test_an_interval_turns_with_the_question() -> None:
    rng = np.random.default_rng(1)
    observed = linear_world(stepped()) + 3.0 * rng.standard_normal((len(DAYS), 2))
    for fit in (interrupted_time_series, regression):
        rival = fit(KnownPast(observed, stepped(), None))
        forth, back = rival.contrast(held(20.0), held(50.0)), rival.contrast(held(50.0), held(20.0))
        assert forth.lower is not None and forth.upper is not None and back.lower is not None
        assert (forth.lower < forth.difference).all() and (forth.difference < forth.upper).all()
        np.testing.assert_allclose(forth.lower, -back.upper)
        np.testing.assert_allclose(forth.difference, -back.difference)


@pytest.mark.parametrize("fit", [interrupted_time_series, regression])
def test_intervals_hold_the_truth_about_as_often_as_they_say_where_the_model_is_right(fit: object) -> None:
    held_in = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        observed = linear_world(stepped()) + 3.0 * rng.standard_normal((len(DAYS), 2))
        found = fit(KnownPast(observed, stepped(), None))  # type: ignore[operator]
        held_in += list((found.low <= EFFECT) & (found.high >= EFFECT))
    assert 0.65 < np.mean(held_in) < 0.92


def test_the_largest_change_is_found_wherever_it_is() -> None:
    for place in (28, 61, 140):
        assert largest_change(stepped(at=place)) == place
    two = stepped(at=50)
    two.iloc[110:] = 10.0
    assert largest_change(two) == 110


def test_a_past_without_change_has_no_comparison() -> None:
    flat = pd.Series(30.0, index=DAYS)
    for fit in (before_and_after, interrupted_time_series):
        with pytest.raises(InputError, match="never changes"):
            fit(KnownPast(linear_world(flat), flat, None))
        short = KnownPast(linear_world(stepped()).iloc[:40], stepped().iloc[:40], None)
        with pytest.raises(InputError, match="56 or more"):
            fit(short)
