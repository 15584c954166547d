"""Anchoring: persistence at the origin, the structural model in the long run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.calibration.anchoring import FLOOR, FULL_BELIEF, WINDOW, activity_gap, anchored

FLOORS = np.full(2, FLOOR)
DAYS = pd.date_range("2030-03-01", periods=56)
TYPES = np.where(DAYS.day_of_week >= 5, "rest", "working")


def test_the_gap_is_the_mean_log_ratio_of_the_last_weeks_by_kind_of_day() -> None:
    structural = np.full((56, 2), 0.5)
    observed = structural.copy()
    observed[:28] = 9.9  # long past
    off = TYPES == "rest"
    observed[28:][off[28:]] = [0.25, 0.5]
    observed[28:][~off[28:]] = [1.0, 0.5]
    gap = activity_gap(observed, structural, TYPES, FLOORS)
    assert WINDOW == 28
    assert np.allclose(gap[True], [np.log(0.5), 0.0]) and np.allclose(gap[False], [np.log(2.0), 0.0])


def test_missing_days_count_less_and_an_unseen_kind_of_day_takes_the_mean_of_all() -> None:
    structural, observed = np.full((56, 2), 0.5), np.full((56, 2), np.nan)
    last_working = np.flatnonzero(TYPES == "working")[-2:]
    observed[last_working, 0] = 1.0
    gap = activity_gap(observed, structural, TYPES, FLOORS)
    overall = 2 / FULL_BELIEF * np.log(2.0)
    assert gap[True][0] == pytest.approx(overall)
    assert gap[False][0] == pytest.approx(0.5 * np.log(2.0) + 0.5 * overall)
    assert gap[True][1] == gap[False][1] == 0.0
    nothing = activity_gap(np.full((56, 2), np.nan), structural, TYPES, FLOORS)
    assert (nothing[True] == 0).all() and (nothing[False] == 0).all()


def test_no_activity_at_all_is_a_floor_not_an_infinite_gap() -> None:
    gap = activity_gap(np.zeros((56, 2)), np.full((56, 2), 0.5), TYPES, FLOORS)
    assert np.allclose(gap[False], np.log(FLOOR / 0.5))


def test_the_gap_halves_with_every_half_life() -> None:
    origin = DAYS[0]
    horizon = DAYS[1:]
    structural = np.full((55, 2), 0.4)
    gap = {True: np.log([0.5, 1.0]), False: np.log([2.0, 1.0])}
    moved = anchored(structural, horizon, TYPES[1:], origin, gap, half_life=10.0)
    ratio = moved / structural
    for position, day in enumerate(horizon):
        share = 2.0 ** (-(day - origin).days / 10.0)
        assert ratio[position, 0] == pytest.approx((0.5 if TYPES[position + 1] == "rest" else 2.0) ** share)
    assert np.allclose(ratio[:, 1], 1.0)


def test_at_the_origin_it_is_persistence_and_far_away_the_model() -> None:
    structural = np.full((1, 2), 0.4)
    gap = {True: np.zeros(2), False: np.log([2.0, 0.5])}
    monday = pd.Timestamp("2030-03-04")
    near = anchored(structural, pd.DatetimeIndex([monday]), np.array(["working"]), monday, gap, 30.0)
    far = anchored(
        structural, pd.DatetimeIndex([monday + pd.Timedelta(days=900)]), np.array(["working"]), monday, gap, 30.0
    )
    assert np.allclose(near, [[0.8, 0.2]]) and np.allclose(far, structural, rtol=1e-6)


@pytest.mark.parametrize("kind", ["weekend", "rest", "holiday"])
def test_days_off_take_their_own_gap(kind: str) -> None:
    gap = {True: np.log([3.0]), False: np.zeros(1)}
    day = pd.DatetimeIndex(["2030-03-04"])
    assert anchored(np.ones((1, 1)), day, np.array([kind]), day[0], gap, 30.0)[0, 0] == pytest.approx(3.0)
    assert anchored(np.ones((1, 1)), day, np.array(["half"]), day[0], gap, 30.0)[0, 0] == 1.0
