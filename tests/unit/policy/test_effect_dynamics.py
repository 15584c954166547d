"""How a lever's effect follows its level in time: it builds up, wears off while it lasts, and outlasts its measure."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.policy.calendar import calendar_for
from core.policy.timeline import PolicyTimeline
from core.study import EffectDynamics, load_study
from core.study.written_levers import WrittenDynamics

ORLO = load_study("orlo")
START = date(2031, 1, 1)


def course(levels: list[float], lever: str = "S", **how: float) -> np.ndarray:
    """The effect of a lever that is set to these levels, a month each, of `how` it follows them."""
    dynamics = EffectDynamics(lever, **{"builds_up": 0.0, "persists": 0.0, "source": "made up", **how})
    end = ORLO.step.after(START, len(levels) - 1)
    days = ORLO.step.periods(START, end)
    calendar = calendar_for(ORLO.calendar, START, end)
    plain = PolicyTimeline(
        name="t", parent_id=None, interventions=(), calendar=calendar, indicators=ORLO.indicators, index=ORLO.index,
        start=START, end=end,
    )  # fmt: skip
    for day, level in zip(days, levels, strict=True):
        plain = plain.with_constant({lever: level}, day.date(), day.date(), name="t")
    return plain.effects([dynamics])[lever].to_numpy(float)


def test_it_wears_off_to_what_stays_with_its_half_life_and_comes_back_where_it_was_gone() -> None:
    found = course([0, *[36] * 24, *[0] * 6, 36], wears_off=6, stays=0.4)
    assert found[0] == 0 and found[1] == 1, "the first month is felt in full"
    assert found[7] == pytest.approx(0.4 + 0.6 / 2), "half of what goes has gone after a half-life"
    assert found[13] == pytest.approx(0.4 + 0.6 / 4) and (np.diff(found[1:25]) < 0).all() and found[24] > 0.4
    assert (found[25:31] == 0).all(), "nothing is felt without the measure, and nothing turns round"
    worn = 1 - found[24]
    assert found[31] == pytest.approx(1 - worn / 2, abs=0.04), "half a year off gives half of it back"


def test_a_stricter_level_is_felt_anew_and_what_persists_wears_off_too() -> None:
    found = course([*[18] * 30, 36], wears_off=3)
    assert found[29] < 0.01 and found[30] == pytest.approx(0.5, abs=0.01)
    found = course([*[36] * 3, *[0] * 9], persists=6, wears_off=100, stays=0.5)
    assert (np.diff(found[2:]) < 0).all() and found[8] == pytest.approx(found[2] / 2, rel=0.1)


@settings(max_examples=25, deadline=None)
@given(
    levels=st.lists(st.sampled_from([0.5, 1.0, 1.4, 2.0, 4.0]), min_size=2, max_size=12),
    builds_up=st.sampled_from([0.0, 2.0]),
    persists=st.sampled_from([0.0, 3.0]),
    wears_off=st.sampled_from([0.0, 1.0, 6.0]),
    stays=st.sampled_from([0.0, 0.6]),
)
def test_no_memory_makes_more_of_a_level_or_turns_it_round(
    levels: list[float], builds_up: float, persists: float, wears_off: float, stays: float
) -> None:
    kept = course(levels, "P", builds_up=builds_up, persists=persists)
    found = course(levels, "P", builds_up=builds_up, persists=persists, wears_off=wears_off, stays=stays)
    assert (np.abs(found) <= np.abs(kept) + 1e-12).all() and (found * kept >= -1e-12).all()
    if not wears_off:
        assert (found == kept).all()


def test_what_stays_needs_something_that_wears_off() -> None:
    with pytest.raises(ValueError, match="nothing wears off"):
        WrittenDynamics(stays=0.5, source="made up")
    with pytest.raises(ValueError):
        WrittenDynamics(wears_off=-1, source="made up")
