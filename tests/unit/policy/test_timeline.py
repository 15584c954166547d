"""Timelines: levels in, interventions kept, levels out; what counts, and how much."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_cases import CALENDAR, START, UAE, day, frames, timeline, zeros

from core.errors import InputError
from core.policy.calendar import calendar_for
from core.policy.timeline import Intervention, PolicyTimeline


@st.composite
def measures(draw: st.DrawFn, days: int) -> Intervention:
    indicator = draw(st.sampled_from(UAE.indicators))
    first = draw(st.integers(0, days - 1))
    last = draw(st.one_of(st.none(), st.integers(first, days - 1)))
    flag = draw(st.integers(0, 1)) if indicator.has_flag else None
    level = draw(st.integers(1, indicator.maximum))
    return Intervention(indicator.code, level, flag, day(first), None if last is None else day(last))


@given(frames())
def test_levels_survive_the_way_through_interventions(frame: pd.DataFrame) -> None:
    observed = timeline(frame)
    pd.testing.assert_frame_equal(observed.levels(frame.index), frame, check_freq=False)
    pd.testing.assert_frame_equal(observed.levels(), frame, check_freq=False)
    assert all(item.level > 0 for item in observed.interventions)


@given(frames())
def test_the_table_and_json_give_the_same_timeline_back(frame: pd.DataFrame) -> None:
    observed = timeline(frame)
    table = observed.to_frame()
    assert list(table.columns) == ["indicator", "level", "flag", "start", "end"] and len(table) == len(
        observed.interventions
    )
    again = PolicyTimeline.from_dict(json.loads(json.dumps(observed.to_dict())), UAE)
    assert again == observed
    assert again.id == observed.id


def test_levels_are_encoded_as_dated_interventions() -> None:
    observed = timeline(zeros(C1=(3, 1, 10, 19), C8=(2, None, 30, 59)))
    assert observed.interventions == (
        Intervention("C1", 3, 1, day(10), day(19)),
        Intervention("C8", 2, None, day(30), None),  # still in force at the end: open
    )
    assert (observed.start, observed.end, observed.name, observed.parent_id) == (START, day(59), "Observed", None)
    assert observed.notes == ()


def test_missing_is_never_zero() -> None:
    frame = zeros(C1=(2, 1, 10, 59))
    frame.loc["2020-02-20":, "C1"] = np.nan
    with pytest.raises(InputError, match=r"policy: C1 is missing on 10 days \(2020-02-20 to 2020-02-29\)"):
        timeline(frame)
    carried = timeline(frame, carry_forward=True)
    assert carried.levels()["C1"].iloc[-1] == 2
    assert carried.notes == (
        "C1 is missing on 10 days (2020-02-20 to 2020-02-29): the level before was carried forward.",
    )
    frame = zeros(C1=(2, 1, 10, 59))
    frame.loc["2020-02-20", "C1_Flag"] = np.nan
    with pytest.raises(InputError, match="C1 is missing on 1 days"):
        timeline(frame)
    frame = zeros().drop(index=pd.Timestamp("2020-01-15"))
    with pytest.raises(InputError, match="C1 is missing on 1 days"):
        timeline(frame)
    frame = zeros()
    frame.iloc[0, 0] = np.nan
    with pytest.raises(InputError, match="nothing is known before"):
        timeline(frame, carry_forward=True)


def test_a_timeline_may_go_beyond_the_data_only_when_told_to() -> None:
    frame = zeros(C1=(2, 1, 10, 59))
    with pytest.raises(InputError, match="missing on 30 days"):
        timeline(frame, end=day(89))
    longer = timeline(frame, end=day(89), carry_forward=True)
    assert longer.levels()["C1"].iloc[-1] == 2
    assert len(longer.notes) == len(UAE.indicators)


@pytest.mark.parametrize(
    ("column", "value", "match"),
    [
        ("C1", 4.0, r"C1 on 2020-01-11: C1 has no level 4\. Allowed: 0 to 3.*Nearest valid: 3"),
        ("C1", -1.0, "C1 has no level -1"),
        ("C1", 1.5, "C1 level 1.5 is not a whole number"),
        ("C1_Flag", 2.0, "C1 flag 2.0 is not valid"),
        ("C8", 9.0, "C8 has no level 9"),
    ],
)
def test_data_the_codebook_does_not_allow_are_refused(column: str, value: float, match: str) -> None:
    frame = zeros(C1=(2, 1, 5, 20), C8=(1, None, 5, 20))
    frame.loc["2020-01-11", column] = value
    with pytest.raises(InputError, match=match):
        timeline(frame)


def test_tables_that_are_no_policy_are_refused() -> None:
    with pytest.raises(InputError, match="unknown column 'C1_Flag'"):
        timeline(zeros().drop(columns="C1_Flag"))
    with pytest.raises(InputError, match="2020-01-05 is there twice"):
        timeline(pd.concat([zeros(), zeros().iloc[[4]]]))
    with pytest.raises(InputError, match="no days"):
        timeline(zeros().iloc[:0])
    short = replace(UAE, indicators=UAE.indicators[:5])
    with pytest.raises(InputError, match="StringencyIndex needs C6, C7, C8, H1"):
        PolicyTimeline.from_levels(zeros(), short, CALENDAR)
    with pytest.raises(InputError, match="calendar covers"):
        PolicyTimeline.from_levels(zeros(), UAE, calendar_for(UAE.calendar, date(2021, 1, 1), date(2021, 1, 2)))


def test_the_calendar_defaults_to_the_study_s() -> None:
    made = PolicyTimeline.from_levels(zeros(), UAE)
    kinds = made.calendar.days(pd.DatetimeIndex(["2020-01-03", "2020-01-05"]))["day_type"]
    assert list(kinds) == ["rest", "working"]


def test_days_outside_are_refused() -> None:
    observed = timeline(zeros())
    with pytest.raises(InputError, match=r"2020-03-01 lies outside.*2020-01-01 to 2020-02-29"):
        observed.levels(pd.DatetimeIndex(["2020-03-01"]))
    with pytest.raises(InputError, match="2019-12-31 lies outside"):
        observed.stringency(pd.DatetimeIndex(["2019-12-31", "2020-01-01"]))


def test_on_a_day_with_several_measures_the_strictest_counts() -> None:
    several = timeline(zeros()).with_interventions(
        [
            Intervention("C1", 1, 1, day(0), None),
            Intervention("C1", 3, 0, day(10), day(20)),
            Intervention("C1", 2, 1, day(15), day(30)),
            Intervention("C1", 3, 1, day(20), day(20)),
        ]
    )
    levels = several.levels()
    expected = {0: (1, 1), 10: (3, 0), 19: (3, 0), 20: (3, 1), 21: (2, 1), 30: (2, 1), 31: (1, 1), 59: (1, 1)}
    assert {offset: tuple(levels.iloc[offset][["C1", "C1_Flag"]]) for offset in expected} == expected


@given(st.data())
def test_the_order_of_interventions_means_nothing(data: st.DataObject) -> None:
    items = data.draw(st.lists(measures(30), max_size=8))
    base = timeline(zeros(30))
    one, other = base.with_interventions(items), base.with_interventions(data.draw(st.permutations(items)))
    assert one == other
    assert one.id == other.id


def test_the_codebook_s_worked_example() -> None:
    """REFERENCES §2: the tracker's own example, 43.98 for these levels and flags."""
    given_levels = {"C1": (2, 1), "C3": (2, 0), "C4": (2, 0), "C6": (1, 0), "C7": (1, 1), "C8": (3, None), "H1": (2, 0)}
    held = timeline(zeros()).with_constant(given_levels)
    assert held.stringency().round(2).unique().tolist() == [43.98]
    assert held.intensities()["C1"].iloc[0] == pytest.approx(2 / 3)
    assert held.intensities()["C3"].iloc[0] == pytest.approx(0.75)
    assert held.intensities()["C2"].iloc[0] == 0.0


@given(st.data())
def test_more_policy_is_never_less_stringent(data: st.DataObject) -> None:
    observed = timeline(data.draw(frames(days=30)))
    added = observed.with_intervention(data.draw(measures(30)))
    assert (added.stringency() >= observed.stringency() - 1e-12).all()
    codes = data.draw(st.lists(st.sampled_from(UAE.indicator_codes), min_size=1, max_size=3, unique=True))
    first, last = sorted(data.draw(st.tuples(st.integers(0, 29), st.integers(0, 29))))
    tighter = observed.tightened(data.draw(st.integers(1, 4)), codes, day(first), day(last))
    assert (tighter.stringency() >= observed.stringency() - 1e-12).all()
    looser = observed.relaxed(data.draw(st.integers(1, 4)), codes, day(first), day(last))
    assert (looser.stringency() <= observed.stringency() + 1e-12).all()
    outside = np.r_[0:first, last + 1 : 30]
    pd.testing.assert_frame_equal(tighter.levels().iloc[outside], observed.levels().iloc[outside])
    assert observed.intensities().min(axis=None) >= 0
    assert observed.intensities().max(axis=None) <= 1


def test_tightening_stays_on_the_scale_and_keeps_flags() -> None:
    observed = timeline(zeros(C1=(2, 0, 10, 19)))
    tighter = observed.tightened(2, ["C1"], day(5), day(15)).levels()
    assert [tuple(tighter.iloc[offset][["C1", "C1_Flag"]]) for offset in (5, 10, 16)] == [(2, 1), (3, 0), (2, 0)]
    assert observed.relaxed(5).levels()["C1"].max() == 0


def test_days_under_restriction_count_a_spell_with_short_reliefs() -> None:
    strict = {item.code: (item.maximum, 1 if item.has_flag else None) for item in UAE.indicators}
    observed = timeline(zeros(100))
    for first, last in ((10, 19), (25, 29), (70, 99)):
        observed = observed.with_constant(strict, day(first), day(last))
    lasted = observed.days_under_restriction()
    assert lasted.index.equals(observed.dates)
    assert list(lasted.iloc[[9, 10, 19]]) == [0, 1, 10]
    assert list(lasted.iloc[[20, 24, 25, 29]]) == [11, 15, 16, 20]  # five days of relief do not end it
    assert list(lasted.iloc[[42, 43, 69, 70, 99]]) == [33, 0, 0, 1, 30]  # fourteen do
    # It looks back before the first day asked for.
    assert list(observed.days_under_restriction(pd.DatetimeIndex([day(29)]))) == [20]
    assert observed.days_under_restriction(threshold=101).max() == 0
    assert observed.days_under_restriction(reset_after=1).iloc[20] == 0
    with pytest.raises(InputError, match="reset_after is 0"):
        observed.days_under_restriction(reset_after=0)


@given(frames(days=40), st.integers(1, 39), st.floats(1, 60), st.integers(1, 10))
def test_days_under_restriction_never_look_ahead(
    frame: pd.DataFrame, known: int, threshold: float, reset_after: int
) -> None:
    def count(policy: pd.DataFrame) -> pd.Series:
        return timeline(policy).days_under_restriction(threshold=threshold, reset_after=reset_after)

    assert list(count(frame).iloc[:known]) == list(count(frame.iloc[:known]))
