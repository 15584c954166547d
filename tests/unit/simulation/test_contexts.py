"""Contexts and windows: what a person, and a forecaster, can know on a day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calibration.pace import PACES
from core.calibration.problem import Problem, build_problem, inner_spans
from core.cognition.engine import DAY_TYPE, EPIDEMIC, RAMADAN, RESTRICTED_DAYS, SEASON
from core.errors import InputError
from core.policy.calendar import calendar_for
from core.services.studies.inputs import StudyInputs, open_study
from core.simulation.contexts import (
    CASE_WINDOW,
    RESTRICTED_CLASSES,
    RESTRICTED_MIDDLES,
    baseline_cycle,
    epidemic_levels,
    frozen_at,
    origin_moment,
    restricted_class,
    season_of,
    situations,
    unique_contexts,
    without_policy,
)
from core.study import Step, load_study

DAILY = PACES[Step.DAY]


@lru_cache(maxsize=1)
def meridia() -> StudyInputs:
    return open_study("meridia")


@lru_cache(maxsize=4)
def meridia_problem(train_end: date = date(2031, 3, 31)) -> Problem:
    inputs = meridia()
    return build_problem(inputs.study, inputs.timeline, inputs.observations, inputs.cases, train_end, inputs.study.end)


def test_days_under_restrictions_fall_into_classes() -> None:
    given_days = [0, 1, 14, 15, 29, 30, 59, 60, 119, 120, 239, 240, 364, 365, 539, 540, 5000]
    middles = [0, 7, 7, 22, 22, 45, 45, 90, 90, 180, 180, 300, 300, 450, 450, 700, 700]
    assert restricted_class(np.array(given_days)).tolist() == middles
    for low, middle in zip(RESTRICTED_CLASSES, RESTRICTED_MIDDLES, strict=True):
        assert middle >= low and restricted_class(np.array([middle])) == middle


def test_equal_days_are_one_context_and_every_day_is_its_context() -> None:
    inputs = meridia()
    dates = pd.date_range(inputs.study.start, inputs.study.end, freq="D")
    days = situations(inputs.timeline, dates, inputs.study, inputs.cases)
    table = unique_contexts(days, dates)
    assert len(table.contexts) < len(days) / 2
    rebuilt = table.contexts.iloc[table.day_context].set_axis(days.index)
    pd.testing.assert_frame_equal(rebuilt, days, check_freq=False)
    assert not table.contexts.duplicated().any()
    assert table.days().sum() == len(days) and table.days().min() >= 1
    assert table.day_context[0] == 0 and (np.diff(np.maximum.accumulate(table.day_context)) <= 1).all()


def test_a_flag_that_is_missing_and_one_that_is_zero_are_two_things() -> None:
    days = pd.DataFrame({"C1": [0.0, 0.0, 1.0, 1.0, 1.0], "C1_Flag": [np.nan, np.nan, 0.0, 1.0, 0.0]}).assign(
        **{DAY_TYPE: "working", RAMADAN: False, EPIDEMIC: 0, RESTRICTED_DAYS: 0}
    )
    table = unique_contexts(days, pd.date_range("2030-01-01", periods=5))
    assert table.day_context.tolist() == [0, 0, 1, 2, 1]
    assert np.isnan(table.contexts["C1_Flag"].iloc[0]) and table.contexts["C1_Flag"].iloc[1] == 0.0


@pytest.mark.parametrize("column", [DAY_TYPE, RAMADAN, EPIDEMIC, RESTRICTED_DAYS, "C1"])
def test_whatever_differs_makes_another_context(column: str) -> None:
    row = {"C1": 0.0, "C1_Flag": np.nan, DAY_TYPE: "working", RAMADAN: False, EPIDEMIC: 0, RESTRICTED_DAYS: 0}
    other = {"C1": 1.0, DAY_TYPE: "rest", RAMADAN: True, EPIDEMIC: 2, RESTRICTED_DAYS: 7}[column]
    days = pd.DataFrame([row, {**row, column: other}, row])
    assert unique_contexts(days, pd.date_range("2030-01-01", periods=3)).day_context.tolist() == [0, 1, 0]


def test_the_level_of_cases_by_hand() -> None:
    """100,000 inhabitants, so that cases are cases per 100,000; moderate from 2, high from 15."""
    study = replace(load_study("meridia"), inhabitants=100_000)
    reports = pd.Series([np.nan, 0, 0, 14, 14, 14, 105, np.nan, -700, 0], pd.date_range("2030-03-01", periods=10))
    days = pd.date_range("2030-02-27", periods=14)
    # Means up to the day before: none, none, none, none, 0, 0, 4.7, 7, 8.4, 24.5, 24.5, <0, <0, <0
    expected = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 0, 0, 0]
    assert epidemic_levels(reports, days, study).tolist() == expected
    # Known until 6 March: 8.4 a day, ever after.
    known = epidemic_levels(reports, days, study, date(2030, 3, 6))
    assert known.tolist() == [*expected[:8], *[1] * 6]
    assert epidemic_levels(None, days, study).tolist() == [0] * 14
    assert epidemic_levels(reports, days, study, date(2030, 2, 1)).tolist() == [0] * 14


def test_a_pause_in_reports_longer_than_the_window_is_no_end_of_the_epidemic() -> None:
    study = replace(load_study("meridia"), inhabitants=100_000)
    reports = pd.Series([20.0] * 7 + [np.nan] * 20, pd.date_range("2030-03-01", periods=27))
    days = pd.date_range("2030-03-05", periods=30)
    assert len(reports) > 2 * CASE_WINDOW and set(epidemic_levels(reports, days, study)) == {2}


@given(known=st.integers(0, 600), seed=st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_nothing_reported_later_is_known(known: int, seed: int) -> None:
    inputs = meridia()
    assert inputs.cases is not None
    until = inputs.study.start + timedelta(days=known)
    days = pd.date_range(inputs.study.start, inputs.study.end, freq="D")
    levels = epidemic_levels(inputs.cases, days, inputs.study, until)
    later = inputs.cases.copy()
    after = later.index > pd.Timestamp(until)
    later[after] = np.random.default_rng(seed).integers(0, 100_000, after.sum())
    assert np.array_equal(levels, epidemic_levels(later, days, inputs.study, until))
    assert np.array_equal(levels, epidemic_levels(inputs.cases[~after], days, inputs.study, until))
    whole = epidemic_levels(inputs.cases, days, inputs.study)
    assert np.array_equal(levels[: known + 2], whole[: known + 2])
    assert len(set(levels[known + 1 :])) <= 1


def test_the_baseline_week_is_that_of_its_period() -> None:
    study = load_study("uae")
    week = baseline_cycle(calendar_for(study.calendar, date(2019, 12, 1), study.end), study)
    kinds = ["working", "working", "working", "working", "rest", "weekend", "working"]
    assert week[DAY_TYPE].tolist() == kinds
    assert (week[list(study.indicator_codes)] == 0).all(axis=None) and (week[EPIDEMIC] == 0).all()
    assert week.filter(like="_Flag").isna().all(axis=None) and not week[RAMADAN].any()


def test_holidays_of_the_baseline_do_not_make_its_week() -> None:
    study = load_study("meridia")
    lucky = replace(study, baseline_start=date(2030, 1, 1), baseline_end=date(2030, 1, 14))
    calendar = calendar_for(study.calendar, date(2029, 12, 1), study.end)
    assert calendar.days(pd.date_range("2030-01-01", periods=1))["day_type"].iloc[0] == "holiday"
    assert baseline_cycle(calendar, lucky)[DAY_TYPE].tolist() == ["working"] * 5 + ["weekend", "rest"]


def test_windows_meet_at_their_origins() -> None:
    problem, study = meridia_problem(), meridia().study
    assert problem.observed.index.max() == pd.Timestamp(problem.final.origin)
    assert len(problem.inner) == 4
    for window in (problem.final, *problem.inner):
        assert window.train[0] == pd.Timestamp(study.start) and window.train[-1] == pd.Timestamp(window.origin)
        assert window.horizon[0] == pd.Timestamp(window.origin) + pd.Timedelta(days=1)
        for rows in (window.types, window.actual, window.no_policy, window.frozen_policy):
            assert len(rows) == len(window.train) + len(window.horizon)
    for step, window in enumerate(problem.inner, start=1):
        assert (problem.final.origin - window.origin).days == DAILY.inner_step * step
        assert window.horizon[-1] <= pd.Timestamp(problem.final.origin)
    assert problem.final.horizon[-1] == pd.Timestamp(study.end)


def test_the_final_window_alone_says_the_same_days() -> None:
    problem = meridia_problem()
    alone = problem.final_only()
    assert len(alone.contexts) < len(problem.contexts) and alone.inner == ()
    for name in ("actual", "no_policy", "frozen_policy"):
        mine, theirs = getattr(alone.final, name), getattr(problem.final, name)
        pd.testing.assert_frame_equal(
            alone.contexts.iloc[mine].reset_index(drop=True), problem.contexts.iloc[theirs].reset_index(drop=True)
        )
    pd.testing.assert_frame_equal(
        alone.contexts.iloc[alone.baseline_context].reset_index(drop=True),
        problem.contexts.iloc[problem.baseline_context].reset_index(drop=True),
    )
    used = {*alone.baseline_context, *alone.final.actual, *alone.final.no_policy, *alone.final.frozen_policy}
    assert used == set(range(len(alone.contexts)))


def test_the_days_beside_a_day_are_of_its_kind() -> None:
    """`no_policy` has no policy and no epidemic, `frozen_policy` those of the origin; both keep the kind of day."""
    problem = meridia_problem()
    codes = list(problem.study.indicator_codes)
    for window in (problem.final, *problem.inner):
        actual, free, held = (
            problem.contexts.iloc[rows].reset_index(drop=True)
            for rows in (window.actual, window.no_policy, window.frozen_policy)
        )
        for other in (free, held):
            assert other[DAY_TYPE].equals(actual[DAY_TYPE]) and other["ramadan"].equals(actual["ramadan"])
        assert (free[codes] == 0).all(axis=None) and (free[EPIDEMIC] == 0).all()
        assert len(held[codes].drop_duplicates()) == 1
        assert held[codes].iloc[0].equals(actual[codes].iloc[window.train_days - 1])
        assert (held[EPIDEMIC] == actual[EPIDEMIC].iloc[-1]).all()


def test_a_holiday_counts_only_once_announced() -> None:
    """The jubilee of 2031-09-26 was announced on 2031-07-14."""
    jubilee = pd.Timestamp("2031-09-26")
    before, after = meridia_problem().final, meridia_problem(date(2031, 7, 31)).final
    assert before.types[before.dates.get_loc(jubilee)] == "working"
    assert after.types[after.dates.get_loc(jubilee)] == "holiday"
    harbour = pd.Timestamp("2031-05-09")
    assert before.types[before.dates.get_loc(harbour)] == "holiday"


def test_cases_after_an_origin_do_not_reach_its_contexts() -> None:
    problem = meridia_problem()
    for window in (problem.final, *problem.inner):
        levels = problem.contexts[EPIDEMIC].to_numpy()[window.actual[window.train_days :]]
        assert len(set(levels)) == 1, "the level of the origin is carried forward"


def test_origins_inside_training_leave_enough_to_train_on() -> None:
    start = date(2030, 2, 15)
    shortest = start + timedelta(days=DAILY.fewest_training - 1)
    assert inner_spans(load_study("meridia"), shortest + timedelta(days=DAILY.inner_step - 1)) == []
    (span,) = inner_spans(load_study("meridia"), shortest + timedelta(days=DAILY.inner_step))
    assert span == (shortest, shortest + timedelta(days=DAILY.inner_step))
    assert len(inner_spans(load_study("meridia"), start + timedelta(days=600))) == 4


def test_an_origin_before_a_behaviour_was_observed_is_left_out() -> None:
    inputs = meridia()
    late = inputs.observations.copy()
    late.loc[: pd.Timestamp("2030-09-30"), "parks"] = np.nan
    problem = build_problem(inputs.study, inputs.timeline, late, inputs.cases, date(2031, 3, 31), inputs.study.end)
    assert [window.origin for window in problem.inner] == [date(2031, 1, 30), date(2030, 12, 1)]


@pytest.mark.parametrize(
    ("train_end", "test_end", "words"),
    [
        (date(2030, 2, 15), date(2031, 12, 31), "2030-02-15 < training end"),
        (date(2031, 12, 31), date(2031, 12, 31), "training end < test end"),
        (date(2031, 3, 31), date(2032, 1, 1), "≤ 2031-12-31"),
        (date(2030, 6, 13), date(2031, 12, 31), "leaves 119 days.*Nearest valid: 2030-06-14"),
    ],
)
def test_an_impossible_split_is_refused(train_end: date, test_end: date, words: str) -> None:
    inputs = meridia()
    with pytest.raises(InputError, match=words):
        build_problem(inputs.study, inputs.timeline, inputs.observations, inputs.cases, train_end, test_end)


@pytest.mark.real_data
def test_the_uae_comes_to_a_few_hundred_questions(real_data: Path) -> None:
    inputs = open_study("uae", real_data)
    study = inputs.study
    problem = build_problem(study, inputs.timeline, inputs.observations, inputs.cases, study.train_end, study.end)
    alone = problem.final_only()
    assert len(alone.final.train) + len(alone.final.horizon) == 972
    assert 150 <= len(alone.contexts) <= 250
    fridays = alone.final.types[alone.final.train_days :][alone.final.horizon.day_of_week == 4]
    assert {"rest", "half"} <= set(fridays), "a forecast is conditional on the policy path, the working week included"
    announced = build_problem(
        study, inputs.timeline, inputs.observations, inputs.cases, study.train_end, study.end, announced_only=True
    )
    fridays = announced.final.types[announced.final.train_days :][announced.final.horizon.day_of_week == 4]
    assert set(fridays) <= {"rest", "holiday"}, "in June 2021 nobody knew of the change of December"
    mourning = alone.final.dates.get_loc(pd.Timestamp("2022-05-16"))
    assert alone.final.types[mourning] == "working"


def test_the_season_is_in_contexts_only_where_it_is_asked_for() -> None:
    days = pd.to_datetime(
        ["2020-11-30", "2020-12-01", "2021-01-31", "2021-02-28", "2021-03-01", "2021-08-31", "2021-12-31"]
    )
    assert season_of(days).tolist() == ["2020-09", "2020-12", "2020-12", "2020-12", "2021-03", "2021-06", "2021-12"]
    study, timeline = meridia().study, meridia().timeline
    dates = pd.date_range(study.start, periods=200)
    plain, told = (situations(timeline, dates, study, None, seasons=seasons) for seasons in (False, True))
    pd.testing.assert_frame_equal(told.drop(columns=SEASON), plain)
    held = frozen_at(told, origin_moment(told.assign(epidemic=0), dates[99].date()))
    assert held[SEASON].tolist() == without_policy(told, study)[SEASON].tolist() == season_of(dates).tolist()
    assert SEASON not in baseline_cycle(timeline.calendar, study)
    assert set(baseline_cycle(timeline.calendar, study, seasons=True)[SEASON]) == set(
        season_of(pd.DatetimeIndex([study.baseline_start]))
    )
