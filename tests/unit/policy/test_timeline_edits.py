"""Edits of timelines, how they are stored, and the real policy of the UAE."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_cases import CALENDAR, START, UAE, day, frames, timeline, zeros

from core.errors import InputError
from core.policy.interventions import observed_states, runs, shifted_runs
from core.policy.timeline import Intervention, PolicyTimeline

EDITS: list[Callable[[PolicyTimeline], PolicyTimeline]] = [
    lambda base: base.with_intervention(Intervention("C2", 2, 1, day(3), None)),
    lambda base: base.without(base.interventions[0]),
    lambda base: base.without("C1", start=day(12)),
    lambda base: base.with_interventions([]),
    lambda base: base.with_constant({"C1": 3, "C8": 0}, day(5), day(40)),
    lambda base: base.shifted(7),
    lambda base: base.shifted(-3, "C1", start=day(5)),
    lambda base: base.tightened(),
    lambda base: base.relaxed(1, ["C1"]),
    lambda base: base.with_working_week(date(2021, 1, 1), ["sunday"], ["saturday"], ["friday"]),
    lambda base: base.with_holiday(date(2021, 3, 7), "Rain day"),
    lambda base: base.without_holiday(date(2021, 12, 2)),
]


@pytest.mark.parametrize("edit", EDITS)
def test_every_edit_is_a_child_and_leaves_its_parent_alone(edit: Callable[[PolicyTimeline], PolicyTimeline]) -> None:
    base = timeline(zeros(C1=(2, 1, 10, 19), C8=(2, None, 30, 59)))
    base.stringency()  # fills what is computed once
    before, levels = base.to_dict(), base.levels()
    child = edit(base)
    assert base.to_dict() == before
    pd.testing.assert_frame_equal(base.levels(), levels)
    assert child.parent_id == base.id
    assert child.id != base.id
    assert child.name != base.name
    assert child.changes(base)
    assert base.changes(base) == []
    assert PolicyTimeline.from_dict(json.loads(json.dumps(child.to_dict())), UAE) == child
    assert edit(base) == child


def test_edits_take_a_name() -> None:
    base = timeline(zeros(C1=(2, 1, 10, 19)))
    child = base.without("C1", name="Schools stay open")
    assert child.name == "Schools stay open"
    assert child.id.startswith("schools-stay-open-")
    assert base.without("C1", name="Schools are open").id != child.id


def test_holding_a_level_replaces_what_was_in_force() -> None:
    base = timeline(zeros(C1=(3, 1, 10, 39)))
    held = base.with_constant({"C1": (1, 0), "C8": 2}, day(20), day(29))
    assert held.interventions == (
        Intervention("C1", 3, 1, day(10), day(19)),
        Intervention("C1", 1, 0, day(20), day(29)),
        Intervention("C1", 3, 1, day(30), day(39)),
        Intervention("C8", 2, None, day(20), day(29)),
    )


def test_removing_a_measure() -> None:
    base = timeline(zeros(C1=(3, 1, 10, 39), C2=(1, 0, 5, 9)))
    first, second = base.interventions
    assert base.without(first).interventions == (second,)
    assert base.without("C1", start=day(20)).interventions == (Intervention("C1", 3, 1, day(10), day(19)), second)
    with pytest.raises(InputError, match=r"no intervention C1 level 2.*level 3 from 2020-01-11"):
        base.without(Intervention("C1", 2, 1, day(10), day(39)))


def test_a_shift_leaves_no_gap() -> None:
    frame = zeros(60)
    for level, first, last in ((1, 10, 19), (3, 20, 29), (2, 30, 39)):
        frame.iloc[first : last + 1, 0] = level
        frame.iloc[first : last + 1, 1] = 1
    base = timeline(frame)

    def path(shifted: PolicyTimeline) -> list[tuple[int, int]]:
        return [(level // 2, first) for level, first, _ in runs(2 * shifted.levels()["C1"].to_numpy(dtype=int))]

    assert path(base) == [(0, 0), (1, 10), (3, 20), (2, 30), (0, 40)]
    assert path(base.shifted(5)) == [(0, 0), (1, 15), (3, 25), (2, 35), (0, 45)]
    # Only the lockdown comes a week earlier: the lighter measure before it is cut short, the easing stays.
    assert path(base.shifted(-7, "C1", day(20), day(20))) == [(0, 0), (1, 10), (3, 13), (2, 30), (0, 40)]
    # It comes so late that the easing overtakes it: it never happens, and the lighter measure goes on.
    assert path(base.shifted(12, "C1", day(20), day(20))) == [(0, 0), (1, 10), (2, 30), (0, 40)]
    # It comes so early that it overtakes the lighter measure.
    assert path(base.shifted(-15, "C1", day(20), day(20))) == [(0, 0), (3, 5), (2, 30), (0, 40)]
    assert path(base.shifted(-35)) == [(2, 0), (0, 5)]
    assert path(base.shifted(100)) == [(0, 0)]


@given(frames(days=40), st.integers(1, 15))
def test_a_shift_and_its_reverse_cancel_inside_the_range(frame: pd.DataFrame, days: int) -> None:
    observed = timeline(frame)
    quiet = observed.with_constant(dict.fromkeys(observed.codes, 0), day(40 - days - 1), day(39))
    calm = quiet.with_constant(dict.fromkeys(observed.codes, 0), day(0), day(0))
    back = calm.shifted(days).shifted(-days)
    pd.testing.assert_frame_equal(back.levels(), calm.levels())
    pd.testing.assert_frame_equal(observed.shifted(0).levels(), observed.levels())


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=25), st.integers(-30, 30), st.integers(0, 24), st.integers(0, 24)
)
def test_shifting_keeps_the_order_of_changes(states: list[int], days: int, first: int, last: int) -> None:
    """The same said plainly: on each day the latest change in the original order that has come by then counts."""
    found = shifted_runs(np.array(states), days, first, last)
    changes = [
        (position, states[position]) for position in range(1, len(states)) if states[position] != states[position - 1]
    ]
    for today, state in enumerate(found):
        come = [new for old, new in changes if (old + days if first <= old <= last else old) <= today]
        assert state == (come[-1] if come else states[0])


@pytest.mark.parametrize(
    ("item", "match"),
    [
        (Intervention("C9", 1, 1, START), r"unknown policy indicator 'C9'.*Nearest valid: C"),
        (Intervention("C1", 4, 1, START), r"C1 has no level 4\. Allowed: 0 to 3 \(School closing\)\. Nearest valid: 3"),
        (Intervention("C1", -1, 1, START), "C1 has no level -1.*Nearest valid: 0"),
        (Intervention("C1", 1.5, 1, START), "C1 level 1.5 is not a whole number"),  # type: ignore[arg-type]
        (Intervention("C1", True, 1, START), "not a whole number"),
        (Intervention("C1", 2, None, START), "C1 level 2 has no flag. Allowed: 0 or 1"),
        (Intervention("C1", 2, 2, START), "C1 flag 2 is not valid. Allowed: 0 or 1"),
        (Intervention("C8", 2, 1, START), "C8 has no flag"),
        (Intervention("C1", 2, 1, day(5), day(4)), "end 2020-01-05 is before start 2020-01-06"),
        (Intervention("C1", 2, 1, date(2019, 12, 31)), "2019-12-31 lies outside.*2020-01-01 to 2020-02-29"),
        (Intervention("C1", 2, 1, START, date(2020, 3, 1)), "end 2020-03-01 lies outside.*Nearest valid: 2020-02-29"),
    ],
)
def test_interventions_that_are_not_valid_are_refused(item: Intervention, match: str) -> None:
    with pytest.raises(InputError, match=match):
        timeline(zeros()).with_intervention(item)


def test_edits_outside_the_timeline_are_refused() -> None:
    base = timeline(zeros())
    with pytest.raises(InputError, match=r"start 2019-12-31 lies outside.*Nearest valid: 2020-01-01"):
        base.with_constant({"C1": 1}, date(2019, 12, 31))
    with pytest.raises(InputError, match="end 2020-01-01 is before start 2020-01-06"):
        base.shifted(1, start=day(5), end=day(0))
    with pytest.raises(InputError, match=r"unknown policy indicator 'c1'.*Nearest valid: C1"):
        base.tightened(1, ["c1"])
    with pytest.raises(InputError, match="no name"):
        base.without("C1", name=" ")


def test_the_calendar_can_be_edited_on_the_timeline() -> None:
    base = timeline(zeros())
    moved = base.with_working_week(date(2021, 1, 1), ["sunday"], ["saturday"], ["friday"], announced=date(2020, 12, 1))
    friday = pd.DatetimeIndex(["2021-02-05"])
    assert base.calendar.days(friday)["day_type"].item() == "rest"
    assert moved.calendar.days(friday)["day_type"].item() == "half"
    assert moved.calendar.days(friday, date(2020, 11, 30))["day_type"].item() == "rest"
    assert moved.changes(base) == [
        "The working week from 2021-01-01: rest Sunday, weekend Saturday, half day Friday",
        "No change of the working week on 2022-01-01",
    ]
    rain = base.with_holiday(date(2021, 2, 8), "Rain day", announced=date(2021, 2, 7))
    assert rain.changes(base) == ["2021-02-08 is a holiday (Rain day)"]
    assert base.changes(rain) == ["2021-02-08 is not a holiday (Rain day)"]
    assert base.without_holiday(date(2021, 12, 2)).changes(base) == ["2021-12-02 is not a holiday (National Day)"]


def test_changes_are_said_in_plain_words() -> None:
    base = timeline(zeros(C1=(2, 0, 10, 19)))
    school = UAE.indicator("C1").levels
    said = base.with_constant({"C1": (3, 1)}, day(15), day(20)).changes(base)
    assert said == [
        f"C1 School closing, 2020-01-16 to 2020-01-20: level 3 ({school[3]}), in the whole country "
        f"instead of level 2 ({school[2]}), only in some areas",
        f"C1 School closing, 2020-01-21: level 3 ({school[3]}), in the whole country instead of no measure",
    ]
    assert "covers 2020-01-01 to 2020-01-31 instead of 2020-01-01 to 2020-02-29" in " ".join(
        timeline(zeros().iloc[:31]).changes(base)
    )
    with pytest.raises(InputError, match="other indicators"):
        base.changes(PolicyTimeline.from_levels(zeros(), replace(UAE, indicators=UAE.indicators[:9]), CALENDAR))


@given(st.data())
def test_the_differences_told_are_all_there_is(data: st.DataObject) -> None:
    one, other = (timeline(data.draw(frames(days=20))) for _ in range(2))
    rebuilt = other
    for item in one.level_changes(other):
        rebuilt = rebuilt.with_constant({item.indicator: (item.level, item.flag)}, item.start, item.end)
    pd.testing.assert_frame_equal(rebuilt.levels(), one.levels())


def test_a_stored_timeline_that_was_altered_is_refused() -> None:
    stored = timeline(zeros(C1=(2, 1, 10, 19))).to_dict()
    stored["interventions"][0]["level"] = 3
    with pytest.raises(InputError, match="stored timeline: the content is not that of observed-"):
        PolicyTimeline.from_dict(stored, UAE)
    del stored["calendar"]
    with pytest.raises(InputError, match="'calendar' is missing"):
        PolicyTimeline.from_dict(stored, UAE)


def test_a_timeline_goes_to_worker_processes_and_into_sets() -> None:
    base = timeline(zeros(C1=(2, 1, 10, 19)))
    base.stringency()
    assert pickle.loads(pickle.dumps(base)) == base
    assert len({base, timeline(zeros(C1=(2, 1, 10, 19))), base.without("C1")}) == 2


@pytest.fixture(scope="module")
def uae_policy(real_data: Path) -> pd.DataFrame:
    table = pd.read_parquet(real_data / UAE.sources["policy"].file)
    table = table[table["CountryCode"] == UAE.sources["policy"].place]
    index = pd.DatetimeIndex(pd.to_datetime(table["date"]), name="date").as_unit("us")
    columns = [name for name in table.columns if name.split("_")[0] in UAE.indicator_codes] + ["StringencyIndex"]
    return table[columns].astype(float).set_axis(index)


@pytest.fixture(scope="module")
def observed(uae_policy: pd.DataFrame) -> PolicyTimeline:
    return PolicyTimeline.from_levels(uae_policy, UAE)


@pytest.mark.real_data
def test_the_observed_policy_comes_back_exactly(uae_policy: pd.DataFrame, observed: PolicyTimeline) -> None:
    levels = observed.levels()
    pd.testing.assert_frame_equal(levels, uae_policy[list(levels.columns)], check_freq=False)
    assert observed.notes == ()


@pytest.mark.real_data
def test_the_observed_policy_has_the_vectors_that_were_counted(observed: PolicyTimeline) -> None:
    days = pd.date_range(UAE.start, UAE.end)
    levels = observed.levels(days)
    assert len(days) == 972
    assert len(levels[list(observed.codes)].drop_duplicates()) == 57
    assert len(levels.drop_duplicates()) == 63


@pytest.mark.real_data
def test_the_live_curve_is_the_published_one(uae_policy: pd.DataFrame, observed: PolicyTimeline) -> None:
    difference = (observed.stringency() - uae_policy["StringencyIndex"]).abs()
    assert difference.notna().all()
    assert difference.max() < 0.006


@pytest.mark.real_data
def test_the_curve_of_an_edit_is_computed_live(observed: PolicyTimeline) -> None:
    days = pd.date_range(UAE.start, UAE.end)
    taken = []
    for level in (0, 1, 2, 3, 0):
        child = observed.with_constant({"C1": level}, date(2020, 9, 1), date(2020, 12, 31))
        began = time.perf_counter()
        child.stringency(days)
        taken.append(time.perf_counter() - began)
    assert min(taken) < 0.010


@pytest.mark.real_data
@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60))
def test_the_uae_shifted_there_and_back(observed: PolicyTimeline, days: int) -> None:
    # What changed in the record's last days leaves it and does not come back, so those days are not compared.
    there = observed.shifted(days)
    kept = observed.dates[:-days]
    assert np.array_equal(
        there.levels().iloc[days:].to_numpy(), observed.levels().iloc[:-days].to_numpy(), equal_nan=True
    )
    pd.testing.assert_frame_equal(there.shifted(-days).levels(kept), observed.levels(kept))


def test_a_gap_is_filled_from_the_day_before() -> None:
    frame = zeros(C1=(2, 1, 0, 20))
    frame.loc["2020-01-21":"2020-01-25", "C1"] = np.nan
    states, note = observed_states(frame, UAE.indicator("C1"), frame.index, carry_forward=True)
    assert list(states[[19, 20, 24, 25]]) == [5, 5, 5, 0]
    assert note is not None
