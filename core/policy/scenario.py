"""Scenario files: a timeline written down as edits of its parent, in TOML or JSON.

    name = "Schools stay open in autumn"
    parent = "observed"                        # name or id of the parent; "observed" where left out

    [[edits]]
    set = "C1"                                 # hold an indicator, or a list of them, at a level
    level = 0                                  # `flag` where the indicator has one and the level is above 0
    start = 2020-09-01                         # `start` and `end` may be left out: from the first, to the last day
    end = 2020-12-31

The other edits, each with what it needs besides its own key (in brackets what may be left out):
    add = "C1"             level, [flag, start, end]; one more measure, which can only tighten
    remove = "C1"          [start, end]; a code or a list of them, or "all"
    shift = -14            [indicators, start, end]; days by which changes of policy come later
    tighten = 1            [indicators, start, end]; levels more (fewer where negative)
    working_week = {rest_days = ["sunday"], weekend_days = ["saturday"], half_days = ["friday"]}
                           start, [end, announced]
    holiday = "Rain day"   day, [announced]
    no_holiday = 2021-12-03
Edits apply in order. In JSON, and in TOML where quoted, days are ISO text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from core.errors import InputError, one_of
from core.inputs.checking import WrittenModel, checked
from core.inputs.files import read_written
from core.policy.calendar import week_to_dict
from core.policy.interventions import Intervention
from core.policy.timeline import PolicyTimeline
from core.policy.written import (
    AddEdit,
    Edit,
    HolidayEdit,
    NoHolidayEdit,
    RemoveEdit,
    SetEdit,
    ShiftEdit,
    TightenEdit,
    WorkingWeekEdit,
    WrittenScenario,
    checked_edit,
)
from core.printable import quoted

SUFFIXES = (".toml", ".json")


def load_scenario(path: str | Path, parent: PolicyTimeline) -> PolicyTimeline:
    """The scenario in a TOML or JSON file, applied to `parent`.

    Raises InputError naming the file and the entry, among others where the file was written for another parent.
    """
    file = Path(path)
    one_of(file.suffix, SUFFIXES, what="kind of scenario file", where=str(file))
    return scenario_of(read_written(file), parent, where=str(file))


def scenario_of(raw: Mapping[str, Any], parent: PolicyTimeline, *, where: str) -> PolicyTimeline:
    """The scenario that the values of a file describe, applied to `parent`; `where` is what the file is called."""
    said = checked(WrittenScenario, raw, where)
    if said.parent.lower() not in (parent.name.lower(), parent.id):
        allowed = f"{parent.name.lower()} or {parent.id}"
        raise InputError(f"its parent is {quoted(said.parent)}", where=where, allowed=allowed)
    if not said.name.strip():
        raise InputError("no name is given", where=where, allowed="a line such as name = 'Schools stay open'")
    return apply_edits(parent, said.edits, name=said.name, where=where)


def apply_edits(parent: PolicyTimeline, edits: list[Any], *, name: str, where: str = "scenario") -> PolicyTimeline:
    """A child of `parent` with these edits, which are mappings as in a scenario file, in order."""
    timeline = parent
    for number, edit in enumerate(edits, start=1):
        entry = f"{where}, edit {number}"
        try:
            timeline = _applied(timeline, checked_edit(edit, entry))
        except InputError as wrong:
            if wrong.where is not None and wrong.where.startswith(entry):
                raise
            raise InputError(wrong.problem, where=entry, allowed=wrong.allowed, nearest=wrong.nearest) from None
    return timeline.renamed(name, parent_id=parent.id)


def edits_between(timeline: PolicyTimeline, parent: PolicyTimeline) -> list[Edit]:
    """The edits that make `parent` into `timeline`, as in a scenario file. Raises InputError where none can."""
    if (timeline.start, timeline.end) != (parent.start, parent.end):
        raise InputError(
            f"covers {timeline.start} to {timeline.end}",
            where=f"timeline '{timeline.name}'",
            allowed=f"its parent's days, {parent.start} to {parent.end}",
        )
    edits: list[Edit] = []
    for item in timeline.level_changes(parent):
        edit: Edit = {"set": item.indicator, "level": item.level}
        if item.flag is not None:
            edit["flag"] = item.flag
        edits.append({**edit, "start": item.start, "end": item.end})
    edits += _week_edits(timeline, parent) + _holiday_edits(timeline, parent)
    left = timeline.changes(apply_edits(parent, edits, name=timeline.name))
    if left or timeline.calendar.ramadan != parent.calendar.ramadan:
        raise InputError(
            f"no edits of '{parent.name}' lead to it ({left[0] if left else 'Ramadan differs'})",
            where=f"timeline '{timeline.name}'",
            allowed="changes of measures, of working weeks from a day on, and of holidays",
        )
    return edits


def scenario_text(timeline: PolicyTimeline, parent: PolicyTimeline, suffix: str = ".toml") -> str:
    """The text of a scenario file that makes `timeline` of `parent`; InputError where no edits can."""
    # The observed timeline is called so in every store; any other parent is named by id, which cannot be ambiguous.
    called = "observed" if parent.name.lower() == "observed" else parent.id
    raw = {"name": timeline.name, "parent": called, "edits": edits_between(timeline, parent)}
    if suffix == ".json":
        return json.dumps(raw, indent=2, ensure_ascii=False, default=lambda day: day.isoformat()) + "\n"
    return tomli_w.dumps(raw)


def dump_scenario(timeline: PolicyTimeline, path: str | Path, parent: PolicyTimeline) -> None:
    """Writes `timeline` as edits of `parent` to a TOML or JSON file; `load_scenario` makes the same policy of it."""
    file = Path(path)
    one_of(file.suffix, SUFFIXES, what="kind of scenario file", where=str(file))
    file.write_text(scenario_text(timeline, parent, file.suffix), encoding="utf-8")


def _applied(timeline: PolicyTimeline, edit: WrittenModel) -> PolicyTimeline:
    match edit:
        case SetEdit():
            return timeline.with_constant(dict.fromkeys(edit.set, (edit.level, edit.flag)), edit.start, edit.end)
        case AddEdit():
            item = Intervention(edit.add, edit.level, edit.flag, edit.start or timeline.start, edit.end)
            return timeline.with_intervention(item)
        case RemoveEdit():
            codes = timeline.codes if edit.remove == ["all"] else edit.remove
            none = {code: timeline.indicator(code).none for code in codes}
            return timeline.with_constant(none, edit.start, edit.end)
        case ShiftEdit():
            return timeline.shifted(edit.shift, edit.indicators, edit.start, edit.end)
        case TightenEdit():
            return timeline.tightened(edit.tighten, edit.indicators, edit.start, edit.end)
        case WorkingWeekEdit():
            week = edit.working_week
            return timeline.with_working_week(
                edit.start, week.rest_days, week.weekend_days, week.half_days,
                announced=edit.announced, until=edit.end,
            )  # fmt: skip
        case HolidayEdit():
            return timeline.with_holiday(edit.day, edit.holiday, announced=edit.announced)
        case NoHolidayEdit():
            return timeline.without_holiday(edit.no_holiday)
    raise TypeError(f"no edit: {edit!r}")


def _week_edits(timeline: PolicyTimeline, parent: PolicyTimeline) -> list[Edit]:
    """An edit drops the weeks after its own, so from the first difference on each week is written down."""
    mine, theirs = timeline.calendar.working_weeks, parent.calendar.working_weeks
    if mine == theirs:
        return []
    same = 0
    while same < min(len(mine), len(theirs)) and mine[same] == theirs[same]:
        same += 1
    edits = []
    for week in mine[min(same, len(mine) - 1) :]:
        raw = week_to_dict(week)
        days = {key: raw[key] for key in ("rest_days", "weekend_days", "half_days") if raw[key]}
        edits.append({"working_week": days, "start": week.start, "announced": week.announced})
    return edits


def _holiday_edits(timeline: PolicyTimeline, parent: PolicyTimeline) -> list[Edit]:
    mine, theirs = set(timeline.calendar.holidays), set(parent.calendar.holidays)
    gone = sorted({item.day for item in theirs - mine})
    edits: list[Edit] = [{"no_holiday": day} for day in gone]
    for item in timeline.calendar.holidays:
        if item not in theirs or item.day in gone:
            edits.append({"holiday": item.name, "day": item.day, "announced": item.announced})
    return edits


def scenario_file_name(name: str) -> str:
    """A file name for a scenario of this name."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50] or "scenario"
    return f"{slug}.toml"


def scenario_file_names(names: Sequence[str]) -> list[str]:
    """File names for scenarios, each another."""
    taken: list[str] = []
    for name in names:
        wanted, count = scenario_file_name(name), 1
        while wanted in taken:
            count += 1
            wanted = scenario_file_name(name).replace(".toml", f"-{count}.toml")
        taken.append(wanted)
    return taken
