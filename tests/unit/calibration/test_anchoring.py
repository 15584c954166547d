"""Anchoring: what is kept of the last weeks, and how far changes of policy are forecast_calibrator."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calibration.anchoring import (
    HOLIDAYS_BELIEVED,
    follow_policy,
    is_off,
    measure_origin_residual,
)
from core.calibration.pace import PACES
from core.study import Step

DAYS = pd.date_range("2030-03-04", periods=56)  # from a Monday
TYPES = np.where(DAYS.day_of_week == 5, "weekend", np.where(DAYS.day_of_week == 6, "rest", "working")).astype(object)


@given(trust=st.floats(0, 1), held=st.floats(0, 3), actual=st.floats(0, 3))
def test_trust_lies_between_the_origin_and_the_simulation(trust: float, held: float, actual: float) -> None:
    forecast_calibrator = float(follow_policy(np.array(held), np.array(actual), trust))
    assert min(held, actual) - 1e-9 <= forecast_calibrator <= max(held, actual) + 1e-9
    assert float(follow_policy(np.array(held), np.array(actual), 0.0)) == held
    assert float(follow_policy(np.array(held), np.array(actual), 1.0)) == pytest.approx(actual)


def test_a_steady_gap_by_kind_of_day_is_found() -> None:
    modelled = np.full((56, 2), 0.8)
    observed = modelled + np.where(is_off(TYPES), -0.2, 0.1)[:, None] * np.array([1.0, 2.0])
    gap = measure_origin_residual(observed, modelled, modelled, DAYS, TYPES)
    ahead = pd.date_range("2030-04-29", periods=7)
    assert np.allclose(gap.of(ahead, TYPES[:7]), (observed - modelled)[:7])


def test_the_profile_is_that_of_four_weeks_and_the_level_that_of_the_last() -> None:
    modelled = np.zeros((56, 1))
    observed = (DAYS.day_of_week.to_numpy() * 0.01)[:, None] + 0.0
    observed[-PACES[Step.DAY].level :] += 0.5
    observed[: -PACES[Step.DAY].profile] = 99.0
    gap = measure_origin_residual(observed, modelled, modelled, DAYS, TYPES)
    found = gap.of(pd.date_range("2030-04-29", periods=7), TYPES[:7])[:, 0]
    assert np.allclose(np.diff(found), 0.01), "the weekdays' profile"
    assert np.allclose(found, 0.5 + np.arange(7) * 0.01), "the last week's level"


def test_a_weekday_of_another_kind_has_the_mean_of_its_new_kind() -> None:
    """A Friday that turns working day starts from the working days, not from the Fridays."""
    modelled = np.zeros((56, 1))
    observed = np.where(is_off(TYPES), -0.3, 0.2)[:, None]
    gap = measure_origin_residual(observed, modelled, modelled, DAYS, TYPES)
    saturday, monday = pd.DatetimeIndex(["2030-05-04"]), pd.DatetimeIndex(["2030-05-06"])
    assert gap.of(saturday, np.array(["weekend"]))[0, 0] == pytest.approx(-0.3)
    assert gap.of(saturday, np.array(["half"]))[0, 0] == pytest.approx(0.2)
    assert gap.of(monday, np.array(["weekend"]))[0, 0] == pytest.approx(-0.3)


def test_public_holidays_have_a_gap_of_their_own() -> None:
    modelled, fitted, observed = np.zeros((56, 1)), np.full((56, 1), 0.5), np.full((56, 1), 0.1)
    types = TYPES.copy()
    types[[10, -3]] = "holiday"
    observed[[10, -3]] = [[-0.5], [-0.7]]
    gap = measure_origin_residual(observed, modelled, fitted, DAYS, types)
    assert np.allclose(gap.by_weekday, 0.1), "they do not count among the ordinary days"
    belief = 2 / (2 + HOLIDAYS_BELIEVED)
    expected = belief * -1.1 + (1 - belief) * 0.1
    assert np.allclose(gap.on_holidays, expected), "the mean miss of the fit on holidays, shrunk to other days off"
    assert gap.of(DAYS[:2], np.array(["holiday", "working"]))[:, 0].tolist() == pytest.approx([expected, 0.1])
    ordinary = measure_origin_residual(observed, modelled, fitted, DAYS, TYPES)
    assert np.allclose(ordinary.on_holidays, ordinary.by_weekday[1].mean(axis=0))


def test_what_was_not_observed_has_no_gap() -> None:
    observed = np.full((56, 2), 0.3)
    observed[:, 1] = np.nan
    gap = measure_origin_residual(observed, np.zeros((56, 2)), np.zeros((56, 2)), DAYS, TYPES)
    assert np.allclose(gap.by_weekday[..., 0], 0.3) and (gap.by_weekday[..., 1] == 0).all()


def test_a_stack_of_gaps_is_looked_up_draw_by_draw() -> None:
    nothing = np.zeros((56, 3))
    gap = measure_origin_residual(np.random.default_rng(0).normal(size=(56, 3)), nothing, nothing, DAYS, TYPES)
    stacked = type(gap)(*(np.stack([part, 2 * part]) for part in (gap.by_weekday, gap.on_holidays)))
    found = stacked.of(DAYS[:9], TYPES[:9])
    assert found.shape == (2, 9, 3) and np.allclose(found[0], gap.of(DAYS[:9], TYPES[:9]))
    assert np.allclose(found[1], 2 * found[0])
