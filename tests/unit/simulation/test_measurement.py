"""Measurement models: what providers report of what people do."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from behaviour_cases import rules, spec, study
from hypothesis import given
from hypothesis import strategies as st

from core.cognition.engine import DAY_TYPE
from core.errors import InputError
from core.people.personas import synthesise
from core.policy.calendar import calendar_for
from core.simulation.contexts import baseline_cycle, without_policy
from core.simulation.measurement import SMALLEST_ACTIVITY, measurement_model
from core.simulation.simulate import simulate

KINDS = ("same_weekday_change", "level", "share")


@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 2**31),
    days=st.integers(1, 20),
    behaviours=st.integers(1, 6),
)
def test_the_way_there_and_back(kind: str, seed: int, days: int, behaviours: int) -> None:
    generator = np.random.default_rng(seed)
    model = measurement_model(kind, generator.uniform(0.0, 1.0, (7, behaviours)))
    dates = pd.date_range("2030-03-01", periods=days)
    activity = generator.uniform(0.0, 2.0, (days, behaviours))
    offset, scale = model.affine(dates, generator.uniform(0.1, 1.0, (days, behaviours)))
    assert offset.shape == scale.shape == activity.shape and (scale > 0).all()
    metric = offset + scale * activity
    assert np.allclose((metric - offset) / scale, activity, rtol=1e-9, atol=1e-12)


def test_the_change_against_the_same_weekday_by_hand() -> None:
    baseline = np.tile([[0.5, 0.2]], (7, 1))
    baseline[4] = [0.1, 0.4]  # Fridays
    model = measurement_model("same_weekday_change", baseline)
    thursday_to_saturday = pd.DatetimeIndex(["2022-01-06", "2022-01-07", "2022-01-08"])
    # The Friday has become a working day: it would see 0.5 and 0.2 without any policy.
    ordinary = np.tile([[0.5, 0.2]], (3, 1))
    offset, scale = model.affine(thursday_to_saturday, ordinary)
    activity = np.array([[0.5, 1.0], [0.5, 1.0], [0.0, 1.5]])
    assert np.allclose(offset + scale * activity, [[-50, 0], [150, -50], [-100, 50]])


def test_the_baseline_itself_reads_zero_and_nothing_at_all_minus_100() -> None:
    baseline = np.random.default_rng(0).uniform(0.1, 1.0, (7, 3))
    dates = pd.date_range("2030-01-07", periods=7)  # a Monday
    offset, scale = measurement_model("same_weekday_change", baseline).affine(dates, baseline)
    assert np.allclose(offset + scale * 1.0, 0.0, atol=1e-9)
    assert np.allclose(offset + scale * 0.0, -100.0)


def test_a_baseline_of_nothing_is_no_division_by_nothing() -> None:
    _, scale = measurement_model("same_weekday_change", np.zeros((7, 1))).affine(
        pd.date_range("2030-01-07", periods=7), np.full((7, 1), 0.5)
    )
    assert np.isfinite(scale).all() and scale.max() == 50.0 / SMALLEST_ACTIVITY


def test_levels_and_shares() -> None:
    dates = pd.date_range("2030-01-07", periods=2)
    ordinary = np.array([[0.5, 2.0], [0.25, 1.0]])
    offset, scale = measurement_model("level", np.ones((7, 2))).affine(dates, ordinary)
    assert (offset == 0).all() and (scale == ordinary).all()
    offset, scale = measurement_model("share", np.ones((7, 2))).affine(dates, ordinary)
    assert (offset == 0).all() and (scale == 100 * ordinary).all()


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(InputError, match=r"unknown measurement model 'levels'.*Nearest valid: level"):
        measurement_model("levels", np.ones((7, 2)))


def test_a_friday_turned_working_day_reads_far_above_100() -> None:
    """The UAE's weekend moved in January 2022; the provider still compares with the Fridays of 2020."""
    place = study("uae")
    calendar = calendar_for(place.calendar, date(2019, 12, 1), place.end)
    week = baseline_cycle(calendar, place)
    people = synthesise(spec("uae"), 1000, seed=0).personas
    after = pd.date_range("2022-02-07", periods=7)  # Monday to Sunday, no holiday
    new_week = week.assign(**{DAY_TYPE: calendar.days(after)["day_type"].to_numpy()})
    assert new_week[DAY_TYPE].tolist()[:5] == ["working"] * 4 + ["half"]
    assert set(new_week[DAY_TYPE].tolist()[5:]) <= {"weekend", "rest"}
    assert new_week.drop(columns=DAY_TYPE).equals(without_policy(new_week, place).drop(columns=DAY_TYPE))
    old, new = (simulate(rules(), people, rows).everyone for rows in (week, new_week))
    offset, scale = measurement_model(place.metric, old).affine(after, new)
    metric = pd.DataFrame(offset + scale, after, list(place.behaviour_ids))
    workplaces = metric["workplaces"].to_numpy()
    assert workplaces[4] > 100 and workplaces[6] < -10
    assert np.allclose(workplaces[:4], 0, atol=1e-3)
    assert metric["residential"].iloc[4] < 0 < metric["residential"].iloc[6]
