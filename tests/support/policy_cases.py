"""Policies by day, as tables and timelines."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from core.policy.calendar import calendar_for
from core.policy.timeline import PolicyTimeline
from core.study import load_study

UAE = load_study("uae")
START = date(2020, 1, 1)
CALENDAR = calendar_for(UAE.calendar, START, date(2022, 12, 31))


def policy_frame(states: dict[str, np.ndarray], start: date = START) -> pd.DataFrame:
    """A policy frame as the importer gives it: level and flag columns, NaN flag at level 0."""
    columns = {}
    for indicator in UAE.indicators:
        column = states[indicator.code]
        columns[indicator.code] = (column // 2).astype(float)
        if indicator.has_flag:
            columns[f"{indicator.code}_Flag"] = np.where(column >= 2, column % 2, np.nan)
    days = pd.date_range(start, periods=len(column), unit="us", name="date")
    return pd.DataFrame(columns, index=days)


def zeros(days: int = 60, **levels: tuple[int, int | None, int, int]) -> pd.DataFrame:
    """A policy without measures but those given: code=(level, flag, first day, last day) counted from 0."""
    frame = policy_frame({code: np.zeros(days, dtype=int) for code in UAE.indicator_codes})
    for code, (level, flag, first, last) in levels.items():
        frame.iloc[first : last + 1, frame.columns.get_loc(code)] = level
        if flag is not None:
            frame.iloc[first : last + 1, frame.columns.get_loc(f"{code}_Flag")] = flag
    return frame


def timeline(frame: pd.DataFrame, **more: Any) -> PolicyTimeline:
    return PolicyTimeline.from_levels(frame, UAE, CALENDAR, **more)


def day(offset: int) -> date:
    return START + timedelta(days=offset)


@st.composite
def frames(draw: st.DrawFn, days: int | None = None) -> pd.DataFrame:
    length = days or draw(st.integers(1, 40))
    states = {}
    for indicator in UAE.indicators:
        # A few long stretches and single days, as policies are.
        pieces = draw(st.lists(st.tuples(st.integers(0, indicator.maximum), st.integers(0, 1)), min_size=1, max_size=5))
        ends = sorted(draw(st.lists(st.integers(0, length), min_size=len(pieces), max_size=len(pieces))))
        column = np.zeros(length, dtype=int)
        for (level, flag), first, last in zip(pieces, [0, *ends[:-1]], ends, strict=True):
            column[first:last] = 0 if level == 0 else 2 * level + (flag if indicator.has_flag else 1)
        states[indicator.code] = column
    return policy_frame(states)
