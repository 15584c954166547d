"""How much people do on days off, learned from public holidays where the metric itself cannot say."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from core.calibration.attendance import (
    calendar_shift_sign,
    days_off_correction,
    holiday_ratios,
    moved_scale,
    never_seen,
)
from core.calibration.problem import build_problem
from core.calibration.twin import forecast_defaults, twin_forecast
from core.cognition.registry import engine_for
from core.services.populations.synthesis import make_population
from core.services.studies.inputs import open_study
from core.simulation.simulate import simulate

DAYS = pd.date_range("2021-01-04", periods=140)  # a Monday
OFF_THEN = np.array([False, False, False, False, False, True, True])


def kinds(holidays: list[int]) -> np.ndarray:
    found = np.where(OFF_THEN[DAYS.day_of_week], "weekend", "working").astype(object)
    found[holidays] = "holiday"
    return found


def test_holidays_say_how_far_the_engine_is_off_on_days_off() -> None:
    holidays = [2, 16, 30, 44, 58, 72, 86, 100, 114, 128]
    activity = np.ones((140, 2))
    activity[holidays, 0] = 0.6  # the engine took holidays to be as busy as it says; they are 40% less so
    found = days_off_correction(activity, DAYS, kinds(holidays), OFF_THEN)
    assert found[0] == pytest.approx(0.6 ** (10 / 15)) and found[1] == pytest.approx(1.0)
    activity[holidays[1:], 0] = 1.0
    few = days_off_correction(activity, DAYS, kinds(holidays[:1]), OFF_THEN)
    assert few[0] == pytest.approx(0.6 ** (1 / 6)), "one holiday says little"


def test_no_holiday_on_a_working_day_says_nothing() -> None:
    activity = np.ones((140, 1))
    assert days_off_correction(activity, DAYS, kinds([]), OFF_THEN).tolist() == [1.0]
    saturday = int(np.flatnonzero(DAYS.day_of_week == 5)[3])
    activity[saturday] = 0.1
    assert days_off_correction(activity, DAYS, kinds([saturday]), OFF_THEN).tolist() == [1.0]
    activity[:] = np.nan
    assert days_off_correction(activity, DAYS, kinds([2, 9]), OFF_THEN).tolist() == [1.0]


def test_stacks_of_draws_are_corrected_one_by_one() -> None:
    holidays = [2, 16, 30]
    one = np.ones((140, 2))
    one[holidays] = [0.5, 1.4]
    two = np.ones((140, 2))
    stacked = days_off_correction(np.stack([one, two]), DAYS, kinds(holidays), OFF_THEN)
    assert np.array_equal(stacked[0], days_off_correction(one, DAYS, kinds(holidays), OFF_THEN))
    assert (stacked[1] == 1).all()


def test_only_days_that_changed_their_kind_are_measured_otherwise() -> None:
    types = kinds([2])
    types[5] = "working"  # a Saturday that is worked now
    scale = moved_scale(np.array([0.5]), calendar_shift_sign(DAYS, types, OFF_THEN))[:, 0]
    assert scale[2] == 0.5 and scale[5] == 2.0
    assert (np.delete(scale, [2, 5]) == 1.0).all()


def test_holidays_are_told_apart_and_compared_with_the_working_days_around() -> None:
    activity = np.full((140, 1), 0.8)
    activity[[2, 30]] = [[0.4], [np.nan]]
    days, ratios = holiday_ratios(activity, DAYS, kinds([2, 30, 5]), OFF_THEN)
    assert days.tolist() == [2, 30], "a holiday on a Saturday was a day off anyway"
    assert ratios[0, 0] == pytest.approx(0.5) and np.isnan(ratios[1, 0])
    days, ratios = holiday_ratios(activity, DAYS, kinds([]), OFF_THEN)
    assert len(days) == 0 and ratios.shape == (0, 1)


def test_a_weekday_is_new_in_a_kind_that_training_never_had_it_in() -> None:
    train, ahead = DAYS[:56], DAYS[56:70]
    types = kinds([2, 58])
    types[[58 + 3, 56 + 5]] = ["weekend", "working"]  # a Saturday that is worked
    friday = 56 + 4
    types[friday] = "rest"  # a Friday off, as a Friday in training was but for a holiday
    new = never_seen(ahead, types[56:70], train, types[:56])
    assert np.flatnonzero(new).tolist() == [4, 5], "holidays are not asked about, and every other day was seen"
    assert not never_seen(train, types[:56], train, types[:56]).any()


@pytest.mark.real_data
def test_the_uae_s_new_working_fridays_are_forecast_from_its_holidays(real_data) -> None:  # type: ignore[no-untyped-def]
    inputs = open_study("uae", real_data)
    problem = build_problem(
        inputs.study,
        inputs.timeline,
        inputs.observations,
        inputs.cases,
        date(2021, 12, 31),
        date(2022, 6, 30),
        inner=False,
    )
    people = make_population(inputs.study, 200, 0).personas
    means = simulate(engine_for(inputs.study), people, problem.contexts).everyone
    found = twin_forecast(problem, problem.final, means, forecast_defaults(problem.study, problem.final.origin))
    work = inputs.study.behaviour_ids.index("workplaces")
    assert 0.6 < found.days_off[work] < 0.95, "fewer work on holidays than the engine says"
    friday = found.forecast["workplaces"][found.forecast.index.day_of_week == 4].median()
    assert 110 < friday < 230, "the weekly day of rest became a working day: far above the same weekday of early 2020"
