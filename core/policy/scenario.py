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
import tomllib
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from core.errors import InputError, nearest, one_of
from core.policy.calendar import as_date, week_to_dict
from core.policy.interventions import Intervention
from core.policy.timeline import PolicyTimeline

SUFFIXES = (".toml", ".json")
_TOP_KEYS = ("name", "parent", "edits")


def load_scenario(path: str | Path, parent: PolicyTimeline) -> PolicyTimeline:
    """The scenario in a TOML or JSON file, applied to `parent`.

    Raises InputError naming the file and the entry, among others where the file was written for another parent.
    """
    file = Path(path)
    raw = _read(file)
    where = str(file)
    for key in raw:
        one_of(key, _TOP_KEYS, what="key", where=where)
    wanted = raw.get("parent", "observed")
    if not isinstance(wanted, str) or wanted.lower() not in (parent.name.lower(), parent.id):
        raise InputError(f"its parent is '{wanted}'", where=where, allowed=f"{parent.name.lower()} or {parent.id}")
    name = raw.get("name")
    if not isinstance(name, str) or not name.strip():
        raise InputError("no name is given", where=where, allowed="a line such as name = 'Schools stay open'")
    edits = raw.get("edits", [])
    if not isinstance(edits, list):
        raise InputError("edits is not a list", where=where, allowed="[[edits]] entries")
    return apply_edits(parent, edits, name=name, where=where)


def apply_edits(parent: PolicyTimeline, edits: list[Any], *, name: str, where: str = "scenario") -> PolicyTimeline:
    """A child of `parent` with these edits, which are mappings as in a scenario file, in order."""
    timeline = parent
    for number, edit in enumerate(edits, start=1):
        entry = f"{where}, edit {number}"
        try:
            timeline = _applied(timeline, edit, entry)
        except InputError as wrong:
            if wrong.where is not None and wrong.where.startswith(entry):
                raise
            raise InputError(wrong.problem, where=entry, allowed=wrong.allowed, nearest=wrong.nearest) from None
    return timeline.renamed(name, parent_id=parent.id)


def edits_between(timeline: PolicyTimeline, parent: PolicyTimeline) -> list[dict[str, Any]]:
    """The edits that make `parent` into `timeline`, as in a scenario file. Raises InputError where none can."""
    if (timeline.start, timeline.end) != (parent.start, parent.end):
        raise InputError(
            f"covers {timeline.start} to {timeline.end}",
            where=f"timeline '{timeline.name}'",
            allowed=f"its parent's days, {parent.start} to {parent.end}",
        )
    edits: list[dict[str, Any]] = []
    for item in timeline.level_changes(parent):
        edit: dict[str, Any] = {"set": item.indicator, "level": item.level}
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


def dump_scenario(timeline: PolicyTimeline, path: str | Path, parent: PolicyTimeline) -> None:
    """Writes `timeline` as edits of `parent` to a TOML or JSON file; `load_scenario` makes the same policy of it."""
    file = Path(path)
    one_of(file.suffix, SUFFIXES, what="kind of scenario file", where=str(file))
    # The observed timeline is called so in every store; any other parent is named by id, which cannot be ambiguous.
    called = "observed" if parent.name.lower() == "observed" else parent.id
    edits = edits_between(timeline, parent)
    raw = {"name": timeline.name, "parent": called, "edits": edits}
    if file.suffix == ".json":
        text = json.dumps(raw, indent=2, ensure_ascii=False, default=lambda day: day.isoformat()) + "\n"
    else:
        lines = [f"{key} = {_toml(raw[key])}" for key in ("name", "parent")]
        for edit in edits:
            lines += ["", "[[edits]]", *(f"{key} = {_toml(value)}" for key, value in edit.items())]
        text = "\n".join(lines) + "\n"
    file.write_text(text, encoding="utf-8")


def _read(file: Path) -> dict[str, Any]:
    one_of(file.suffix, SUFFIXES, what="kind of scenario file", where=str(file))
    try:
        text = file.read_text(encoding="utf-8")
        raw = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except FileNotFoundError:
        beside = [item.name for item in file.parent.glob("*") if item.suffix in SUFFIXES]
        raise InputError("no such file", where=str(file), nearest=nearest(file.name, beside)) from None
    except OSError as wrong:
        raise InputError(f"cannot be read ({wrong.strerror})", where=str(file)) from None
    except ValueError as wrong:  # both parsers' errors and bad UTF-8
        raise InputError(f"is not valid {file.suffix[1:].upper()} ({wrong})", where=str(file)) from None
    if not isinstance(raw, dict):
        raise InputError("is not a scenario", where=str(file), allowed="name, parent and edits")
    return raw


def _applied(timeline: PolicyTimeline, edit: Any, where: str) -> PolicyTimeline:
    if not isinstance(edit, Mapping):
        raise InputError(f"'{edit}' is not an edit", where=where, allowed=", ".join(_EDITS))
    verbs = [key for key in edit if key in _EDITS]
    if len(verbs) != 1:
        unknown = next((key for key in edit if nearest(str(key), _EDITS)), None)
        raise InputError(
            f"names {len(verbs)} things to do" if verbs else "does not say what to do",
            where=where,
            allowed=f"one of {', '.join(_EDITS)}",
            nearest=None if verbs or unknown is None else nearest(str(unknown), _EDITS),
        )
    apply, needed, optional = _EDITS[verbs[0]]
    for key in edit:
        one_of(str(key), (verbs[0], *needed, *optional), what="key", where=where)
    for key in needed:
        if key not in edit:
            raise InputError(f"'{key}' is missing", where=where, allowed=", ".join((verbs[0], *needed, *optional)))
    return apply(timeline, edit, where)


def _set(timeline: PolicyTimeline, edit: Mapping[str, Any], where: str) -> PolicyTimeline:
    pair = edit["level"], edit.get("flag")
    codes = _code_list(edit["set"], where)
    return timeline.with_constant(dict.fromkeys(codes, pair), *_span(edit, where))


def _add(timeline: PolicyTimeline, edit: Mapping[str, Any], where: str) -> PolicyTimeline:
    start, end = _span(edit, where)
    item = Intervention(str(edit["add"]), edit["level"], edit.get("flag"), start or timeline.start, end)
    return timeline.with_intervention(item)


def _remove(timeline: PolicyTimeline, edit: Mapping[str, Any], where: str) -> PolicyTimeline:
    codes = timeline.codes if edit["remove"] == "all" else _code_list(edit["remove"], where)
    return timeline.with_constant(dict.fromkeys(codes, 0), *_span(edit, where))


def _shift(timeline: PolicyTimeline, edit: Mapping[str, Any], where: str) -> PolicyTimeline:
    days = _whole(edit["shift"], "days", where)
    return timeline.shifted(days, _some_codes(edit, where), *_span(edit, where))


def _tighten(timeline: PolicyTimeline, edit: Mapping[str, Any], where: str) -> PolicyTimeline:
    steps = _whole(edit["tighten"], "levels", where)
    return timeline.tightened(steps, _some_codes(edit, where), *_span(edit, where))


def _working_week(timeline: PolicyTimeline, edit: Mapping[str, Any], where: str) -> PolicyTimeline:
    groups = edit["working_week"]
    names = ("rest_days", "weekend_days", "half_days")
    if not isinstance(groups, Mapping):
        raise InputError(f"working_week is '{groups}'", where=where, allowed=f"a table of {', '.join(names)}")
    for key, days in groups.items():
        one_of(key, names, what="key", where=where)
        if not isinstance(days, list):
            raise InputError(f"{key} is '{days}'", where=where, allowed="a list of weekdays")
    start, end = _span(edit, where)
    rest, weekend, half = (groups.get(key, []) for key in names)
    return timeline.with_working_week(
        start or timeline.start, rest, weekend, half, announced=_day(edit, "announced", where), until=end
    )


def _holiday(timeline: PolicyTimeline, edit: Mapping[str, Any], where: str) -> PolicyTimeline:
    day = as_date(edit["day"], where=where)
    return timeline.with_holiday(day, str(edit["holiday"]), announced=_day(edit, "announced", where))


def _no_holiday(timeline: PolicyTimeline, edit: Mapping[str, Any], where: str) -> PolicyTimeline:
    return timeline.without_holiday(as_date(edit["no_holiday"], where=where))


_Edit = Callable[[PolicyTimeline, Mapping[str, Any], str], PolicyTimeline]
#: What an edit does, the keys it needs, the keys it may have.
_EDITS: dict[str, tuple[_Edit, tuple[str, ...], tuple[str, ...]]] = {
    "set": (_set, ("level",), ("flag", "start", "end")),
    "add": (_add, ("level",), ("flag", "start", "end")),
    "remove": (_remove, (), ("start", "end")),
    "shift": (_shift, (), ("indicators", "start", "end")),
    "tighten": (_tighten, (), ("indicators", "start", "end")),
    "working_week": (_working_week, ("start",), ("end", "announced")),
    "holiday": (_holiday, ("day",), ("announced",)),
    "no_holiday": (_no_holiday, (), ()),
}


def _span(edit: Mapping[str, Any], where: str) -> tuple[date | None, date | None]:
    return _day(edit, "start", where), _day(edit, "end", where)


def _day(edit: Mapping[str, Any], key: str, where: str) -> date | None:
    return as_date(edit[key], where=f"{where}, {key}") if edit.get(key) is not None else None


def _code_list(value: Any, where: str) -> list[str]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed or not all(isinstance(item, str) for item in listed):
        raise InputError(f"'{value}' is no indicator", where=where, allowed="a code such as C1, or a list of codes")
    return listed


def _some_codes(edit: Mapping[str, Any], where: str) -> list[str] | None:
    return _code_list(edit["indicators"], where) if "indicators" in edit else None


def _whole(value: Any, what: str, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"'{value}' {what}", where=where, allowed="a whole number")
    return value


def _week_edits(timeline: PolicyTimeline, parent: PolicyTimeline) -> list[dict[str, Any]]:
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


def _holiday_edits(timeline: PolicyTimeline, parent: PolicyTimeline) -> list[dict[str, Any]]:
    mine, theirs = set(timeline.calendar.holidays), set(parent.calendar.holidays)
    gone = sorted({item.day for item in theirs - mine})
    edits: list[dict[str, Any]] = [{"no_holiday": day} for day in gone]
    for item in timeline.calendar.holidays:
        if item not in theirs or item.day in gone:
            edits.append({"holiday": item.name, "day": item.day, "announced": item.announced})
    return edits


def _toml(value: Any) -> str:
    """A value in TOML. Its basic strings are JSON's, but for the delete character, which it wants escaped."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
