"""Bars of measures: moved, drawn out and in, with neighbours that give way, and movements that cannot be."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.policy.scenario import apply_edits
from core.policy.timeline import PolicyTimeline
from core.services.policies.bars import Bar, bar_rows, bars_of, dragged, moved_bar
from core.services.studies.inputs import open_study

FIRST = date(2030, 3, 1)


@pytest.fixture(scope="module")
def timeline() -> PolicyTimeline:
    """Schools: level 2 through March, level 3 through April, nothing else."""
    none = open_study("meridia").timeline.with_interventions(())
    edits = [
        {"set": "C1", "level": 2, "flag": 1, "start": FIRST, "end": date(2030, 3, 31)},
        {"set": "C1", "level": 3, "flag": 0, "start": date(2030, 4, 1), "end": date(2030, 4, 30)},
    ]
    return apply_edits(none, edits, name="Schools")


def after(timeline: PolicyTimeline, bar: Bar, start: date, end: date) -> list[tuple[date, date, float]]:
    moved = apply_edits(timeline, list(moved_bar(timeline, bar, start, end)), name="moved")
    return [(item.start, item.end, item.level) for item in bars_of(moved)]


def test_bars_are_stretches_in_order(timeline: PolicyTimeline) -> None:
    march, april = bars_of(timeline)
    assert (march.start, march.end, march.level, march.flag) == (FIRST, date(2030, 3, 31), 2, 1)
    assert april.flag == 0 and "only in some" in april.text


def test_an_end_drawn_in_gives_way_to_the_neighbour_and_drawn_out_takes_from_it(timeline: PolicyTimeline) -> None:
    march, april = bars_of(timeline)
    shorter = after(timeline, march, FIRST, date(2030, 3, 20))
    assert shorter == [(FIRST, date(2030, 3, 20), 2), (date(2030, 3, 21), date(2030, 4, 30), 3)]
    longer = after(timeline, march, FIRST, date(2030, 4, 10))
    assert longer == [(FIRST, date(2030, 4, 10), 2), (date(2030, 4, 11), date(2030, 4, 30), 3)]
    late = after(timeline, april, date(2030, 4, 1), date(2030, 4, 15))
    assert late[-1] == (date(2030, 4, 1), date(2030, 4, 15), 3), "where nobody touches it, nothing is left behind"


def test_a_bar_that_is_moved_leaves_nothing_behind(timeline: PolicyTimeline) -> None:
    march, _ = bars_of(timeline)
    assert after(timeline, march, date(2030, 6, 1), date(2030, 7, 1)) == [
        (date(2030, 4, 1), date(2030, 4, 30), 3), (date(2030, 6, 1), date(2030, 7, 1), 2),
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(which=st.integers(0, 1), begin=st.integers(-20, 90), length=st.integers(1, 60))
def test_the_bar_lasts_as_asked_and_only_its_measure_changes(
    timeline: PolicyTimeline, which: int, begin: int, length: int
) -> None:
    bar = bars_of(timeline)[which]
    start = FIRST + timedelta(days=begin)
    end = start + timedelta(days=length)
    if (start, end) == (bar.start, bar.end):
        return
    moved = apply_edits(timeline, list(moved_bar(timeline, bar, start, end)), name="moved")
    for day in (start, end):
        assert moved.in_force(day)["C1"] == (bar.level, bar.flag)
    others = [code for code in timeline.codes if code != "C1"]
    assert (moved.levels()[others] == timeline.levels()[others]).all().all()


def test_what_a_hand_does_is_checked_and_said(timeline: PolicyTimeline) -> None:
    last = date(2030, 4, 15)
    rows = bar_rows(timeline, FIRST, last)
    schools = next(row for row in rows if row["bars"])
    assert [(bar["start"], bar["end"]) for bar in schools["bars"]] == [(0, 30), (31, 45)]
    said, edits = dragged(timeline, FIRST, last, 1, 35, 45)
    assert "2030-04-05 to 2030-04-30 instead of 2030-04-01" in said, "the end beyond the picture stays"
    assert edits[-1] == {"set": "C1", "level": 3, "flag": 0, "start": date(2030, 4, 5), "end": date(2030, 4, 30)}
    whole, _ = dragged(timeline, date(2030, 3, 11), last, 0, 8, 28)
    assert "2030-03-09 to 2030-04-08" in whole, "what the picture cuts off moves along"
    for wrong in ((9, 0, 3), (0, 5, 3), (0, -1, 3), (0, 0, 99), ("0", 0, 3), (True, 0, 3), (0, None, 3)):
        with pytest.raises(InputError, match="no movement of a bar"):
            dragged(timeline, FIRST, last, *wrong)
    with pytest.raises(InputError, match="changes nothing"):
        dragged(timeline, FIRST, last, 0, 0, 30)
    with pytest.raises(InputError, match="within"):
        moved_bar(timeline, bars_of(timeline)[0], date(2031, 5, 1), date(2035, 1, 1))
