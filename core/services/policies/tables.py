"""A timeline as tables to draw and to download: stretches in force, the calendar, and one row per day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from core.policy.calendar import Calendar
from core.policy.interventions import flag_in_words, level_in_scale
from core.policy.timeline import PolicyTimeline
from core.study import WEEKDAYS, ContextVariable, WorkingWeek

WEEK, HOLIDAYS, RAMADAN = "Working week", "Public holidays", "Ramadan"


def stretches(timeline: PolicyTimeline, first: date, last: date) -> pd.DataFrame:
    """What was in force from `first` to `last`, one row per stretch of one measure at one level, both ends included.

    Columns: measure (name), level, share (of the measure in full, 0 to 1), scope (the flag in words, or ""), targeted (bool:
    flag 0), meaning (the level in words), start, end (days, cut to the window), days. Where interventions overlap, the
    strictest is in force.
    """
    nothing = timeline.with_interventions(())
    rows = []
    for item in timeline.level_changes(nothing):
        start, end = max(item.start, first), min(timeline.step.last_day(item.end), last)
        indicator = timeline.indicator(item.indicator)
        if end < start or item.level == indicator.none:
            continue
        rows.append(
            {
                "measure": indicator.name,
                "level": item.level,
                "share": float(indicator.sub_index(np.array(float(item.level)))) / 100,
                "scope": "" if item.flag is None else flag_in_words(indicator, item.flag),
                "targeted": item.flag == 0,
                "meaning": level_in_scale(item.level, indicator),
                "start": pd.Timestamp(start),
                "end": pd.Timestamp(end),
                "days": (end - start).days + 1,
            }
        )
    columns = ["measure", "level", "share", "scope", "targeted", "meaning", "start", "end", "days"]
    return pd.DataFrame(rows, columns=columns)


def changed_stretches(timeline: PolicyTimeline, parent: PolicyTimeline, first: date, last: date) -> pd.DataFrame:
    """Where a measure is not what it is in `parent`: columns measure, start, end (days, both included).

    Stretches that follow one another are one: what matters here is where, not how.
    """
    rows: list[dict[str, Any]] = []
    for item in timeline.level_changes(parent):
        start = pd.Timestamp(max(item.start, first))
        end = pd.Timestamp(min(timeline.step.last_day(item.end), last))
        if end < start:
            continue
        name = timeline.indicator(item.indicator).name
        if rows and rows[-1]["measure"] == name and rows[-1]["end"] + pd.Timedelta(days=1) == start:
            rows[-1]["end"] = end
        else:
            rows.append({"measure": name, "start": start, "end": end})
    return pd.DataFrame(rows, columns=["measure", "start", "end"])


def week_in_force(calendar: Calendar, day: date) -> WorkingWeek:
    """The working week of a day; before the first one starts, the first."""
    begun = [week for week in calendar.working_weeks if week.start <= day]
    return begun[-1] if begun else calendar.working_weeks[0]


def calendar_strip(
    calendar: Calendar, first: date, last: date, context: Sequence[ContextVariable] = ()
) -> pd.DataFrame:
    """Working weeks, public holidays, Ramadan, and the classes of context variables other than the ordinary one from `first` to
    `last`: columns row, label, text, start, end."""
    rows = []
    around = {item.code: item for item in calendar.context}
    for item in context:
        spells = around[item.code].spells if item.code in around else ()
        for position, spell in enumerate(spells):
            ends = spells[position + 1].start - timedelta(days=1) if position + 1 < len(spells) else last
            words = item.words[spell.level]
            rows += [(item.name, words, f"{item.name}: {words}", spell.start, ends)] if spell.level else []
    weeks = calendar.working_weeks
    for position, week in enumerate(weeks):
        begins = first if position == 0 else week.start
        ends = weeks[position + 1].start - timedelta(days=1) if position + 1 < len(weeks) else last
        rows.append((WEEK, f"off: {_off(week)}", f"Working week: {week_in_words(week)}", begins, ends))
    for day, names in _holidays(calendar).items():
        rows.append((HOLIDAYS, "", f"Public holiday: {names}", day, day))
    for begins, ends in calendar.ramadan:
        rows.append((RAMADAN, "", "Ramadan", begins, ends))
    kept = [
        {
            "row": row,
            "label": label,
            "text": text,
            "start": pd.Timestamp(max(begins, first)),
            "end": pd.Timestamp(min(ends, last)),
        }
        for row, label, text, begins, ends in rows
        if begins <= last and ends >= first
    ]
    return pd.DataFrame(kept, columns=["row", "label", "text", "start", "end"])


def daily_table(
    timeline: PolicyTimeline, first: date, last: date, parent: PolicyTimeline | None = None
) -> pd.DataFrame:
    """One row per day (index `date`): the index, the parent's index where given, every level and flag, the calendar."""
    dates = timeline.step.periods(first, last)
    table = pd.DataFrame({timeline.index: timeline.stringency(dates).round(4)}, index=dates)
    if parent is not None:
        table[f"{timeline.index}_of_parent"] = parent.stringency(dates).round(4)
    return table.join(timeline.levels(dates)).join(timeline.calendar.days(dates))


def week_in_words(week: WorkingWeek) -> str:
    """A working week as an analyst would say it, such as "Sunday day of rest, Saturday weekend, Friday half day"."""
    groups = (("day of rest", week.rest_days), ("weekend", week.weekend_days), ("half day", week.half_days))
    said = [f"{' and '.join(WEEKDAYS[day].capitalize() for day in days)} {kind}" for kind, days in groups if days]
    return ", ".join(said) or "every day is worked"


def _off(week: WorkingWeek) -> str:
    days = [WEEKDAYS[day][:3].capitalize() for day in sorted({*week.rest_days, *week.weekend_days})]
    half = [f"½ {WEEKDAYS[day][:3].capitalize()}" for day in week.half_days]
    return ", ".join([*half, *days]) or "none"


def _holidays(calendar: Calendar) -> dict[date, str]:
    names: dict[date, list[str]] = {}
    for item in calendar.holidays:
        listed = names.setdefault(item.day, [])
        if item.name not in listed:
            listed.append(item.name)
    return {day: "; ".join(listed) for day, listed in names.items()}
