"""Steps of a study: periods by their first day, counted and named."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.study import Step
from core.study.steps import parse_period

DAYS = st.dates(date(1850, 1, 1), date(2150, 1, 1))


@given(DAYS, st.integers(-400, 400), st.sampled_from(list(Step)))
def test_going_there_and_counting_agree(day: date, count: int, step: Step) -> None:
    there = step.after(day, count)
    assert step.first_day(there) == there and step.between(day, there) == count
    assert step.after(there, -count) == step.first_day(day) <= day < step.after(day, 1)


@given(DAYS, st.integers(0, 60), st.integers(0, 6), st.sampled_from(list(Step)))
def test_periods_follow_one_another_and_know_their_places(day: date, count: int, later: int, step: Step) -> None:
    periods = step.periods(day, step.after(day, count))
    assert len(periods) == count + 1 and periods.name == "date" and periods.dtype == "datetime64[us]"
    assert step.places(periods, day).tolist() == list(range(count + 1))
    assert [item.date() for item in periods] == [step.after(day, place) for place in range(count + 1)]
    within = periods + pd.Timedelta(days=0 if step is Step.DAY else later)
    assert step.first_days(within).equals(periods.rename(None)) or step.first_days(within).equals(periods)
    assert (np.bincount(step.in_cycle(periods), minlength=step.cycle) > 0).sum() <= step.cycle


@pytest.mark.parametrize(
    ("step", "text", "first"),
    [
        (Step.DAY, "2015-03-17", date(2015, 3, 17)),
        (Step.WEEK, "2015-03-16", date(2015, 3, 16)),
        (Step.MONTH, "2015-03", date(2015, 3, 1)),
        (Step.YEAR, "2015", date(2015, 1, 1)),
    ],
)
def test_a_period_is_written_and_read(step: Step, text: str, first: date) -> None:
    assert step.text(date(2015, 3, 17)) == text and parse_period(text) == first == step.first_day(date(2015, 3, 17))


@pytest.mark.parametrize("text", ["15-03", "2015-13", "2015-03-32", "2015-03-01-01", "march", "", "2015-+3"])
def test_what_is_no_period_is_none(text: str) -> None:
    assert parse_period(text) is None


def test_the_cycle_of_weeks_and_months() -> None:
    assert Step.DAY.in_cycle(pd.DatetimeIndex(["2024-01-01"])).tolist() == [0]
    assert Step.WEEK.in_cycle(pd.DatetimeIndex(["2020-12-28", "2021-01-04"])).tolist() == [52, 0]
    assert Step.MONTH.in_cycle(pd.DatetimeIndex(["2021-12-01"])).tolist() == [11]
    assert Step.YEAR.in_cycle(pd.DatetimeIndex(["2021-01-01"])).tolist() == [0]


def test_beyond_the_calendar_is_refused() -> None:
    for step in Step:
        with pytest.raises(InputError, match="up to the year 9999"):
            step.after(date(9999, 12, 31), 2)


@given(DAYS, st.integers(1, 800))
def test_days_count_as_before(day: date, count: int) -> None:
    assert Step.DAY.between(day, day + timedelta(days=count)) == count
