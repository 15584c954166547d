"""Measures as bars over time, and what it means to take one by its middle or its ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from core.errors import InputError
from core.policy.interventions import flag_in_words, level_in_scale
from core.policy.timeline import PolicyTimeline
from core.policy.written import Edit


@dataclass(frozen=True)
class Bar:
    """A stretch of periods, both ends included, on which a measure is at one level; `text` is the level in words."""

    code: str
    name: str
    start: date
    end: date
    level: float
    flag: int | None
    text: str


def bars_of(timeline: PolicyTimeline) -> list[Bar]:
    """Every bar, by measure and in order of time; where interventions overlap, the strictest is in force."""
    found = []
    for item in timeline.level_changes(timeline.with_interventions(())):
        indicator = timeline.indicator(item.indicator)
        if item.level != indicator.none:
            scope = "" if item.flag is None else f", {flag_in_words(indicator, item.flag)}"
            text = f"{level_in_scale(item.level, indicator)}{scope}"
            found.append(Bar(item.indicator, indicator.name, item.start, item.end, item.level, item.flag, text))
    return found


def moved_bar(timeline: PolicyTimeline, bar: Bar, start: date, end: date) -> list[Edit]:
    """The edits that make `bar` last from `start` to `end`.

    An end that is drawn in gives way to the bar that touches it, whose own end follows; where none does, and where the bar as a
    whole is moved away, no measure is left behind. What lies under the new place gives way. InputError for days that are not
    possible, and where nothing moves.
    """
    step = timeline.step
    start, end = step.first_day(start), step.first_day(end)
    if not timeline.start <= start <= end <= timeline.end:
        raise InputError(
            f"{start} to {end}",
            where=bar.name,
            allowed=f"within {timeline.start} to {timeline.end}, the end not before the start",
        )
    if (start, end) == (bar.start, bar.end):
        raise InputError("that changes nothing", where=bar.name)
    none = timeline.indicator(bar.code).none
    edits: list[Edit] = [{"set": bar.code, "level": none, "start": bar.start, "end": bar.end}]
    resized = start == bar.start or end == bar.end
    if resized:
        others = [item for item in bars_of(timeline) if item.code == bar.code]
        before = next((item for item in others if step.after(item.end, 1) == bar.start), None)
        after = next((item for item in others if step.after(bar.end, 1) == item.start), None)
        if before is not None and start > bar.start:
            edits.append(_held(before, bar.start, step.after(start, -1)))
        if after is not None and end < bar.end:
            edits.append(_held(after, step.after(end, 1), bar.end))
    return [*edits, _held(bar, start, end)]


def bar_rows(timeline: PolicyTimeline, first: date, last: date) -> list[dict[str, Any]]:
    """Bars as plain rows for drawing, cut to the periods from `first` to `last`: a row per measure with its bars, whose ends
    count periods from `first`; `number` is the bar's place in `bars_of`."""
    step = timeline.step
    count = step.between(first, last)
    rows: dict[str, dict[str, Any]] = {item.code: {"name": item.name, "bars": []} for item in timeline.indicators}
    for number, bar in enumerate(bars_of(timeline)):
        begin, end = step.between(first, bar.start), step.between(first, bar.end)
        if end >= 0 and begin <= count:
            indicator = timeline.indicator(bar.code)
            share = float(indicator.sub_index(np.array(float(bar.level)))) / 100
            cut = {"start": max(begin, 0), "end": min(end, count)}
            rows[bar.code]["bars"].append(
                {**cut, "number": number, "share": round(share, 3), "text": bar.text, "label": f"{bar.level:g}"}
            )
    return list(rows.values())


def dragged(
    timeline: PolicyTimeline, first: date, last: date, number: Any, start: Any, end: Any
) -> tuple[str, Sequence[Edit]]:
    """What a hand that moved a drawn bar asks for: in words, and as edits. `start` and `end` count periods from `first`; an end
    that is drawn cut off and was not moved stays where it was. InputError for what is no such movement."""
    step, count = timeline.step, timeline.step.between(first, last)
    bars = bars_of(timeline)
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in (number, start, end))
    if not whole or not 0 <= number < len(bars) or not 0 <= start <= end <= count:
        raise InputError("is no movement of a bar", where="bars", allowed="a bar, its first and its last period")
    bar = bars[number]
    begin, stop = step.between(first, bar.start), step.between(first, bar.end)
    by = start - max(begin, 0), end - min(stop, count)
    if by[0] == by[1]:  # moved as a whole, with what the picture cuts off
        starts, ends = step.after(bar.start, by[0]), step.after(bar.end, by[1])
    else:
        starts = step.after(first, start) if by[0] else bar.start
        ends = step.after(first, end) if by[1] else bar.end
    now, before = (f"{step.text(one)} to {step.text(two)}" for one, two in ((starts, ends), (bar.start, bar.end)))
    return f"{bar.name}, {bar.text}: {now} instead of {before}", moved_bar(timeline, bar, starts, ends)


def _held(bar: Bar, start: date, end: date) -> Edit:
    edit: Edit = {"set": bar.code, "level": bar.level, "start": start, "end": end}
    return edit if bar.flag is None else {**edit, "flag": bar.flag}
