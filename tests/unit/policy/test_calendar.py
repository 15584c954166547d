"""The calendar: what the days of real countries are, and who could know it when."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.policy.calendar import (
    DAY_TYPES,
    Calendar,
    as_date,
    calendar_for,
    calendar_spec_for_country,
    week_from_dict,
    week_to_dict,
    weekday_numbers,
)
from core.policy.countries import ALWAYS_KNOWN, weekend_spans
from core.study import CalendarSpec, NamedDay, WorkingWeek, load_study

OLD_WEEK = WorkingWeek(date(2006, 9, 1), (4,), (5,), (), date(2006, 5, 25))
NEW_WEEK = WorkingWeek(date(2022, 1, 1), (6,), (5,), (4,), date(2021, 12, 7))


@pytest.fixture(scope="module")
def uae() -> Calendar:
    study = load_study("uae")
    return calendar_for(study.calendar, study.baseline_start, study.end)


def one_day(calendar: Calendar, day: str, known_by: str | None = None) -> pd.Series:
    return calendar.days(pd.DatetimeIndex([day]), None if known_by is None else date.fromisoformat(known_by)).iloc[0]


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2020-01-03", "rest"),  # a Friday of the baseline period, before the study begins
        ("2020-01-04", "weekend"),
        ("2020-01-05", "working"),
        ("2020-05-24", "holiday"),
        ("2021-03-05", "rest"),
        ("2021-03-06", "weekend"),
        ("2021-03-07", "working"),
        ("2021-05-13", "holiday"),
        ("2021-12-03", "holiday"),  # National Day on a Friday, the day of rest
        ("2021-12-31", "rest"),
        ("2022-01-02", "rest"),
        ("2022-01-07", "half"),
        ("2022-01-08", "weekend"),
        ("2022-01-09", "rest"),
        ("2022-01-10", "working"),
        ("2022-05-14", "holiday"),
    ],
)
def test_uae_days_are_what_they_were(uae: Calendar, day: str, kind: str) -> None:
    assert one_day(uae, day)["day_type"] == kind


def test_uae_names_its_holidays(uae: Calendar) -> None:
    assert one_day(uae, "2020-05-24")["holiday"] == "Eid al-Fitr"
    assert one_day(uae, "2022-05-15")["holiday"] == "Mourning"
    assert one_day(uae, "2021-03-07")["holiday"] == ""


def test_a_new_week_is_unknown_before_it_is_announced(uae: Calendar) -> None:
    fridays = pd.date_range("2022-01-07", "2022-04-22", freq="W-FRI")
    assert set(uae.days(fridays, date(2021, 6, 30))["day_type"]) == {"rest"}
    assert set(uae.days(fridays, date(2021, 12, 6))["day_type"]) == {"rest"}
    assert set(uae.days(fridays, date(2021, 12, 7))["day_type"]) == {"half"}
    assert one_day(uae, "2022-01-09", "2021-06-30")["day_type"] == "working"


def test_mourning_is_known_only_from_its_announcement(uae: Calendar) -> None:
    days = pd.date_range("2022-05-14", "2022-05-16")
    assert (uae.days(days, date(2022, 5, 12))["day_type"] != "holiday").all()
    assert (uae.days(days, date(2022, 5, 13))["day_type"] == "holiday").all()


def test_statutory_holidays_are_known_years_ahead(uae: Calendar) -> None:
    assert one_day(uae, "2022-12-02", "2020-02-15")["day_type"] == "holiday"
    assert one_day(uae, "2022-07-09", "2020-02-15")["day_type"] == "holiday"


def test_hindsight_agrees_with_knowledge_at_the_end(uae: Calendar) -> None:
    days = pd.date_range("2020-02-15", "2022-10-13")
    pd.testing.assert_frame_equal(uae.days(days), uae.days(days, date(2022, 12, 31)))


@pytest.mark.parametrize(
    ("first", "last"),
    [("2020-04-24", "2020-05-23"), ("2021-04-13", "2021-05-12"), ("2022-04-02", "2022-05-01")],
)
def test_ramadan_is_right_to_the_day(uae: Calendar, first: str, last: str) -> None:
    year = pd.date_range(f"{first[:4]}-01-01", f"{first[:4]}-12-31")
    ramadan = uae.days(year)["ramadan"]
    assert ramadan.dtype == bool
    assert list(year[ramadan.to_numpy()][[0, -1]]) == [pd.Timestamp(first), pd.Timestamp(last)]
    assert ramadan.sum() == (pd.Timestamp(last) - pd.Timestamp(first)).days + 1


def test_ramadan_has_29_days_in_some_years() -> None:
    calendar = calendar_for(CalendarSpec(None, (OLD_WEEK,), (), (), True), date(2023, 1, 1), date(2023, 12, 31))
    assert calendar.ramadan == ((date(2023, 3, 23), date(2023, 4, 20)),)


def test_days_keep_the_order_and_the_repeats_asked_for(uae: Calendar) -> None:
    asked = pd.DatetimeIndex(["2022-01-07", "2021-03-05", "2022-01-07"])
    found = uae.days(asked)
    assert found.index.equals(asked.as_unit("us"))
    assert found.index.name == "date"
    assert list(found["day_type"]) == ["half", "rest", "half"]
    assert list(found.columns) == ["day_type", "ramadan", "holiday"]
    assert uae.days(asked[:0]).shape == (0, 3)


def test_days_outside_are_refused_with_what_is_covered(uae: Calendar) -> None:
    with pytest.raises(InputError, match=r"2023-01-01 lies outside.*2020-01-01 to 2022-12-31.*2022-12-31"):
        uae.days(pd.DatetimeIndex(["2022-12-31", "2023-01-01"]))
    with pytest.raises(InputError, match="missing"):
        uae.days(pd.DatetimeIndex(["2022-12-31", None]))


def test_a_calendar_that_is_edited_leaves_the_old_one_alone(uae: Calendar) -> None:
    before = uae.to_dict()
    four_days = WorkingWeek(date(2021, 6, 1), (4,), (3, 5), (), date(2021, 5, 1))
    rain = NamedDay(date(2021, 9, 7), "Rain day", date(2021, 9, 6))
    edited = uae.edited(add=[rain], remove=[date(2021, 12, 2)], working_week=four_days)
    assert uae.to_dict() == before
    assert one_day(edited, "2021-09-07")["holiday"] == "Rain day"
    assert one_day(edited, "2021-09-07", "2021-09-05")["day_type"] == "working"
    assert one_day(edited, "2021-12-02")["day_type"] == "weekend"
    assert one_day(edited, "2021-05-27")["day_type"] == "working"
    # The new week stays, so the observed change of January 2022 no longer happens.
    assert one_day(edited, "2022-01-07")["day_type"] == "rest"
    assert len(edited.changes(uae)) == 4
    assert uae.changes(uae) == []


def test_a_working_week_can_end_and_what_was_due_comes_back(uae: Calendar) -> None:
    trial = WorkingWeek(date(2021, 6, 1), (4,), (3, 5), (), date(2021, 5, 1))
    edited = uae.edited(working_week=trial, until=date(2021, 8, 31))
    assert one_day(edited, "2021-08-26")["day_type"] == "weekend"
    assert one_day(edited, "2021-09-02")["day_type"] == "working"
    assert one_day(edited, "2022-01-07")["day_type"] == "half"
    over = uae.edited(working_week=trial, until=date(2022, 2, 28))
    assert one_day(over, "2022-02-11")["day_type"] == "rest"
    assert one_day(over, "2022-03-04")["day_type"] == "half"
    # The trial and the return are announced no earlier than either was.
    assert one_day(over, "2022-03-04", "2021-12-06")["day_type"] == "rest"


def test_edits_that_make_no_sense_are_refused(uae: Calendar) -> None:
    with pytest.raises(InputError, match=r"2021-12-10 is not a holiday.*Nearest valid: 2021-12-03"):
        uae.edited(remove=[date(2021, 12, 10)])
    with pytest.raises(InputError, match="lies outside"):
        uae.edited(add=[NamedDay(date(2030, 1, 1), "x", date(2029, 1, 1))])
    with pytest.raises(InputError, match="announced"):
        uae.edited(add=[NamedDay(date(2021, 1, 5), "x", date(2021, 1, 6))])
    with pytest.raises(InputError, match="Friday is listed twice"):
        uae.edited(working_week=WorkingWeek(date(2021, 1, 1), (4,), (4,), (), date(2021, 1, 1)))
    with pytest.raises(InputError, match="no weekday 7"):
        uae.edited(working_week=WorkingWeek(date(2021, 1, 1), (7,), (), (), date(2021, 1, 1)))
    with pytest.raises(InputError, match="ends on 2020-12-31"):
        uae.edited(working_week=WorkingWeek(date(2021, 1, 1), (4,), (), (), date(2021, 1, 1)), until=date(2020, 12, 31))
    with pytest.raises(InputError, match="two working weeks start on 2022-01-01"):
        replace(uae, working_weeks=(*uae.working_weeks, NEW_WEEK))
    with pytest.raises(InputError, match="no working week"):
        replace(uae, working_weeks=())


def test_json_round_trip(uae: Calendar) -> None:
    assert Calendar.from_dict(json.loads(json.dumps(uae.to_dict()))) == uae
    assert week_from_dict(week_to_dict(NEW_WEEK)) == NEW_WEEK
    with pytest.raises(InputError, match="working_weeks"):
        Calendar.from_dict({"start": "2020-01-01", "end": "2020-12-31"})


weekdays = st.permutations(range(7))


@st.composite
def weeks(draw: st.DrawFn) -> WorkingWeek:
    order = draw(weekdays)
    cuts = sorted(draw(st.lists(st.integers(0, 7), min_size=3, max_size=3)))
    start = date(2020, 1, 1) + timedelta(days=draw(st.integers(-900, 900)))
    groups = [tuple(sorted(order[a:b])) for a, b in zip([0, *cuts[:2]], cuts, strict=True)]
    return WorkingWeek(start, groups[0], groups[1], groups[2], start - timedelta(days=draw(st.integers(0, 400))))


@given(
    st.lists(weeks(), min_size=1, max_size=4, unique_by=lambda week: week.start),
    st.dates(date(2019, 1, 1), date(2021, 12, 31)),
    st.dates(date(2018, 1, 1), date(2022, 12, 31)),
    st.lists(st.dates(date(2019, 1, 1), date(2021, 12, 31)), max_size=4),
)
def test_every_day_is_of_the_week_in_force_that_is_known(
    listed: list[WorkingWeek], day: date, known_by: date, off: list[date]
) -> None:
    holidays = tuple(NamedDay(item, "Feast", item - timedelta(days=30)) for item in off)
    calendar = Calendar(date(2019, 1, 1), date(2021, 12, 31), tuple(listed), holidays, ())
    found = calendar.days(pd.DatetimeIndex([day]), known_by).iloc[0]
    assert found["day_type"] in DAY_TYPES
    # The same said plainly, one day at a time.
    in_order = sorted(listed, key=lambda week: week.start)
    known = [week for week in in_order if week.announced <= known_by] or in_order[:1]
    week = ([week for week in known if week.start <= day] or known[:1])[-1]
    kinds = {"rest": week.rest_days, "weekend": week.weekend_days, "half": week.half_days}
    expected = next((kind for kind, days in kinds.items() if day.weekday() in days), "working")
    if any(item.day == day and item.announced <= known_by for item in holidays):
        expected = "holiday"
    assert found["day_type"] == expected
    assert Calendar.from_dict(calendar.to_dict()) == calendar


def test_the_uae_change_of_week_is_found_without_being_told() -> None:
    spec = calendar_spec_for_country("AE", date(2020, 2, 15), date(2022, 10, 13))
    assert [(week.start, week.rest_days, week.weekend_days) for week in spec.working_weeks] == [
        (date(2020, 1, 1), (4,), (5,)),
        (date(2022, 1, 1), (6,), (5,)),
    ]
    # The package cannot say when it was announced.
    assert spec.working_weeks[1].announced == date(2022, 1, 1)
    assert spec.ramadan
    calendar = calendar_for(spec, date(2020, 2, 15), date(2022, 10, 13))
    assert one_day(calendar, "2022-01-09", "2021-12-31")["day_type"] == "working"
    assert one_day(calendar, "2022-01-09")["day_type"] == "rest"


@pytest.mark.parametrize(
    ("country", "rest", "weekend", "ramadan"),
    [
        ("DE", (6,), (5,), False),
        ("IL", (5,), (4,), False),
        ("EG", (4,), (5,), True),
        ("BN", (4,), (6,), True),
        ("HK", (6,), (), False),
        ("LY", (4,), (5,), True),  # the package says Saturday and Sunday
        ("NP", (5,), (), False),
        ("AF", (4,), (), True),
    ],
)
def test_weekends_of_other_countries(
    country: str, rest: tuple[int, ...], weekend: tuple[int, ...], ramadan: bool
) -> None:
    spec = calendar_spec_for_country(country, date(2020, 2, 15), date(2022, 10, 13))
    assert [(week.rest_days, week.weekend_days) for week in spec.working_weeks] == [(rest, weekend)]
    assert spec.ramadan is ramadan


@given(
    st.sets(st.integers(0, 6), min_size=1, max_size=3),
    st.sets(st.integers(0, 6), min_size=1, max_size=3),
    st.integers(7, 700),
)
def test_a_change_of_weekend_is_found_within_the_days_it_leaves_open(
    before: set[int], after: set[int], offset: int
) -> None:
    days = [date(2020, 1, 1) + timedelta(days=step) for step in range(730)]
    change = days[offset]
    off = [day.weekday() in (before if day < change else after) for day in days]
    spans = weekend_spans(days, off)
    seen = any(day.weekday() in before ^ after for day in days[offset:])
    if before == after or not seen:
        assert spans == [(days[0], tuple(sorted(before)))]
    elif offset <= 700 - 7:
        assert [span for _, span in spans] == [tuple(sorted(before)), tuple(sorted(after))]
        since = spans[1][0]
        assert abs((since - change).days) < 7
        # Whatever day it settles on tells the same story.
        assert [day.weekday() in (before if day < since else after) for day in days] == off


def test_one_off_days_count_as_known_only_when_they_come() -> None:
    # Nobody could expect the state funeral of 2022-09-19, but everybody Christmas.
    spec = calendar_spec_for_country("GB", date(2022, 1, 1), date(2022, 12, 31))
    calendar = calendar_for(spec, date(2022, 1, 1), date(2022, 12, 31))
    assert one_day(calendar, "2022-09-19", "2022-09-18")["day_type"] == "working"
    assert one_day(calendar, "2022-09-19", "2022-09-19")["day_type"] == "holiday"
    assert one_day(calendar, "2022-12-26", "2020-01-01")["day_type"] == "holiday"
    assert {item.announced for item in calendar.holidays if item.day.month == 12} == {ALWAYS_KNOWN}


def test_a_country_without_holidays_says_so() -> None:
    spec = calendar_spec_for_country("GW", date(2020, 1, 1), date(2021, 12, 31))
    calendar = calendar_for(spec, date(2020, 1, 1), date(2021, 12, 31))
    assert calendar.holidays == ()
    assert calendar.notes == ("The holidays package has no public holidays of GW for 2020, 2021: none are used.",)


def test_unknown_country_and_years_are_refused() -> None:
    with pytest.raises(InputError, match="unknown country 'UEA'"):
        calendar_spec_for_country("UEA", date(2020, 1, 1), date(2020, 12, 31))
    with pytest.raises(InputError, match="no Ramadan is known"):
        calendar_for(CalendarSpec(None, (OLD_WEEK,), (), (), True), date(1800, 1, 1), date(1801, 1, 1))
    with pytest.raises(InputError, match="from 2021-01-01 to 2020-01-01"):
        calendar_for(CalendarSpec(None, (OLD_WEEK,), (), (), False), date(2021, 1, 1), date(2020, 1, 1))


def test_a_place_of_its_own_has_only_what_it_lists() -> None:
    feast = NamedDay(date(2020, 6, 1), "Founders' Day", date(2019, 6, 1))
    calendar = calendar_for(CalendarSpec(None, (OLD_WEEK,), (feast,), (), False), date(2020, 3, 1), date(2020, 9, 1))
    assert calendar.holidays == (feast,)
    assert calendar.ramadan == ()
    assert (calendar.start, calendar.end) == (date(2020, 1, 1), date(2020, 12, 31))


def test_days_and_weekdays_are_read_in_the_forms_people_use() -> None:
    for given_as in (date(2021, 6, 30), pd.Timestamp("2021-06-30 12:00"), "2021-06-30", np.datetime64("2021-06-30")):
        assert as_date(given_as) == date(2021, 6, 30)
    for wrong in ("30.6.2021", None, pd.NaT, 5, float("nan")):
        with pytest.raises(InputError, match="date"):
            as_date(wrong)
    assert weekday_numbers(["Sunday", 4]) == (4, 6)
    with pytest.raises(InputError, match="Nearest valid: friday"):
        weekday_numbers(["fryday"])


def test_importing_the_calendar_does_not_load_the_packages() -> None:
    code = "import sys, core.policy.calendar; print([m for m in ('holidays', 'hijridate') if m in sys.modules])"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
