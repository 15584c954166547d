"""Scenario files: read, applied, written, and refused with the entry named."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.policy.calendar import calendar_for
from core.policy.scenario import apply_edits, dump_scenario, edits_between, load_scenario
from core.policy.timeline import Intervention, PolicyTimeline
from core.study import NamedDay, load_study

UAE = load_study("uae")
DAYS = pd.date_range("2020-01-01", "2022-12-31", unit="us", name="date")


def make_observed() -> PolicyTimeline:
    columns = {}
    for indicator in UAE.indicators:
        columns[indicator.code] = 0.0
        if indicator.has_flag:
            columns[f"{indicator.code}_Flag"] = np.nan
    bare = PolicyTimeline.from_levels(pd.DataFrame(columns, index=DAYS), UAE)
    return replace(
        bare,
        interventions=(
            Intervention("C1", 3, 1, date(2020, 3, 8), date(2020, 8, 31)),
            Intervention("C1", 1, 0, date(2020, 9, 1), date(2021, 6, 30)),
            Intervention("C8", 3, None, date(2020, 3, 20), date(2020, 7, 1)),
            Intervention("H1", 2, 1, date(2020, 2, 1), None),
        ),
    )


OBSERVED = make_observed()

EVERY_EDIT = """
name = "Everything at once"
parent = "observed"

[[edits]]
set = ["C1", "C2"]
level = 2
flag = 1
start = 2020-09-01
end = 2020-12-31

[[edits]]
add = "C8"
level = 4
start = 2021-01-01

[[edits]]
remove = "H1"
end = "2020-02-29"

[[edits]]
shift = -14
indicators = ["C1"]
start = 2020-03-01
end = 2020-03-31

[[edits]]
tighten = 1
indicators = ["C6"]
start = 2020-04-01
end = 2020-04-30

[[edits]]
working_week = { rest_days = ["sunday"], weekend_days = ["saturday"], half_days = ["friday"] }
start = 2021-01-01
announced = 2020-12-01

[[edits]]
holiday = "Rain day"
day = 2021-03-07
announced = 2021-03-06

[[edits]]
no_holiday = 2021-12-03
"""


def written(tmp_path: Path, text: str, name: str = "scenario.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_with_every_kind_of_edit(tmp_path: Path) -> None:
    before = OBSERVED.to_dict()
    scenario = load_scenario(written(tmp_path, EVERY_EDIT), OBSERVED)
    assert OBSERVED.to_dict() == before
    assert (scenario.name, scenario.parent_id) == ("Everything at once", OBSERVED.id)
    levels = scenario.levels()
    autumn = levels.loc["2020-09-01":"2020-12-31"]
    assert set(autumn["C1"]) == {2} and set(autumn["C2"]) == {2} and set(autumn["C2_Flag"]) == {1}
    assert levels["C1"].loc["2021-01-01"] == 1
    assert set(levels["C8"].loc["2021-01-01":]) == {4}
    assert set(levels["H1"].loc[:"2020-02-29"]) == {0} and levels["H1"].loc["2020-03-01"] == 2
    assert levels["C1"].ne(0).idxmax() == pd.Timestamp("2020-02-23")
    assert levels["C1"].loc["2020-08-31"] == 3
    assert set(levels["C6"].loc["2020-04-01":"2020-04-30"]) == {1} and levels["C6"].loc["2020-05-01"] == 0
    kinds = scenario.calendar.days(pd.DatetimeIndex(["2021-02-05", "2021-02-07", "2021-03-07", "2021-12-03"]))
    assert list(kinds["day_type"]) == ["half", "rest", "holiday", "half"]


def test_json_says_the_same(tmp_path: Path) -> None:
    raw = tomllib.loads(EVERY_EDIT)
    text = json.dumps(raw, default=lambda day: day.isoformat())
    in_json = load_scenario(written(tmp_path, text, "scenario.json"), OBSERVED)
    assert in_json == load_scenario(written(tmp_path, EVERY_EDIT), OBSERVED)


@pytest.mark.parametrize("name", ["scenario.toml", "scenario.json"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    scenario = load_scenario(written(tmp_path, EVERY_EDIT), OBSERVED).renamed(
        'Ein "Fall" mit \\ und é\n\x7f', parent_id=OBSERVED.id
    )
    dump_scenario(scenario, tmp_path / name, OBSERVED)
    again = load_scenario(tmp_path / name, OBSERVED)
    assert again.changes(scenario) == []
    assert (again.name, again.parent_id, again.calendar) == (scenario.name, OBSERVED.id, scenario.calendar)


def test_a_scenario_of_a_scenario_names_its_parent_by_id(tmp_path: Path) -> None:
    parent = OBSERVED.without("C1", name="Schools stay open")
    child = parent.without("C8", name="And borders too")
    dump_scenario(child, tmp_path / "child.toml", parent)
    assert load_scenario(tmp_path / "child.toml", parent).changes(child) == []
    with pytest.raises(InputError, match=rf"its parent is '{parent.id}'\. Allowed: observed or {OBSERVED.id}"):
        load_scenario(tmp_path / "child.toml", OBSERVED)


def test_no_edits_is_the_parent_under_another_name(tmp_path: Path) -> None:
    same = load_scenario(written(tmp_path, 'name = "As it was"'), OBSERVED)
    assert same.changes(OBSERVED) == []
    assert edits_between(same, OBSERVED) == []


def random_edit(draw: st.DrawFn) -> dict[str, Any]:
    start = date(2020, 1, 1) + timedelta(days=draw(st.integers(0, 1000)))
    end = start + timedelta(days=draw(st.integers(0, 90)))
    indicator = draw(st.sampled_from(UAE.indicators))
    kind = draw(st.sampled_from(["set", "shift", "tighten", "working_week", "holiday", "no_holiday"]))
    if kind == "set":
        level = draw(st.integers(0, indicator.maximum))
        flag = {"flag": draw(st.integers(0, 1))} if indicator.has_flag and level else {}
        return {"set": indicator.code, "level": level, **flag, "start": start, "end": end}
    if kind in ("shift", "tighten"):
        return {kind: draw(st.integers(-20, 20)), "start": start, "end": end}
    if kind == "working_week":
        order = draw(st.permutations(["monday", "friday", "saturday", "sunday"]))
        week = {"rest_days": order[:1], "weekend_days": order[1:2], "half_days": order[2:3]}
        last = {"end": end} if draw(st.booleans()) else {}
        return {"working_week": week, "start": start, **last}
    if kind == "holiday":
        return {"holiday": "Feast", "day": start, "announced": start - timedelta(days=draw(st.integers(0, 60)))}
    return {"no_holiday": draw(st.sampled_from([date(2020, 12, 2), date(2021, 5, 13), date(2022, 5, 15)]))}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_scenario_survives_the_file(tmp_path: Path, data: st.DataObject) -> None:
    wanted = [data.draw(st.composite(random_edit)()) for _ in range(data.draw(st.integers(0, 4)))]
    struck = [edit["no_holiday"] for edit in wanted if "no_holiday" in edit]
    if len(struck) > len(set(struck)):
        return  # a day can be struck out once
    scenario = apply_edits(OBSERVED, wanted, name="Drawn")
    path = tmp_path / "drawn.toml"
    dump_scenario(scenario, path, OBSERVED)
    again = load_scenario(path, OBSERVED)
    pd.testing.assert_frame_equal(again.levels(), scenario.levels())
    assert again.calendar == scenario.calendar


def test_what_no_edit_can_do_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="covers 2020-01-01 to 2021-12-31"):
        edits_between(replace(OBSERVED, interventions=(), end=date(2021, 12, 31)), OBSERVED)
    spec = replace(UAE.calendar, ramadan=False)
    secular = replace(OBSERVED, calendar=calendar_for(spec, date(2020, 1, 1), date(2022, 12, 31)))
    with pytest.raises(InputError, match="Ramadan differs"):
        edits_between(secular, OBSERVED)
    fewer = replace(OBSERVED, calendar=replace(OBSERVED.calendar, working_weeks=OBSERVED.calendar.working_weeks[1:]))
    with pytest.raises(InputError, match="no edits of 'Observed' lead to it"):
        edits_between(fewer, OBSERVED)


def test_a_change_of_week_that_never_comes_survives_the_file(tmp_path: Path) -> None:
    first = OBSERVED.calendar.working_weeks[0]
    never = OBSERVED.with_working_week(first.start, first.rest_days, first.weekend_days, announced=first.announced)
    assert never.calendar.working_weeks == (first,)
    dump_scenario(never, tmp_path / "never.toml", OBSERVED)
    assert load_scenario(tmp_path / "never.toml", OBSERVED).calendar == never.calendar


def test_the_loss_of_an_added_holiday_keeps_the_statutory_one(tmp_path: Path) -> None:
    both = OBSERVED.with_holiday(date(2021, 12, 2), "Rain day")
    child = both.renamed("No rain", parent_id=both.id)
    child = replace(child, calendar=OBSERVED.calendar)
    dump_scenario(child, tmp_path / "dry.json", both)
    assert load_scenario(tmp_path / "dry.json", both).calendar == OBSERVED.calendar


def test_two_holidays_on_one_day_survive_the_loss_of_one(tmp_path: Path) -> None:
    both = OBSERVED.with_holiday(date(2021, 12, 2), "Rain day")
    alone = both.renamed("Rain only", parent_id=OBSERVED.id)
    kept = tuple(
        item for item in both.calendar.holidays if item != NamedDay(date(2021, 12, 2), "National Day", date.min)
    )
    alone = replace(alone, calendar=replace(both.calendar, holidays=kept))
    dump_scenario(alone, tmp_path / "rain.toml", OBSERVED)
    assert load_scenario(tmp_path / "rain.toml", OBSERVED).calendar == alone.calendar


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        ('set = "C9"\nlevel = 1', r"edit 1: unknown policy indicator 'C9'"),
        ('set = "C1"\nlevel = 9\nflag = 1', r"edit 1: C1 has no level 9\. Allowed: 0 to 3"),
        ('set = "C1"\nlevel = "3"\nflag = 1', r"edit 1, level: is '3'\. Allowed: a number"),
        ('set = "C1"\nlevel = 3', r"edit 1: C1 level 3 has no flag"),
        ('set = "C1"', r"edit 1: the key 'level' is missing\. Allowed: start, end, set, level, flag"),
        ('set = "C1"\nlevel = 1\nflag = 1\nlevle = 2', r"edit 1: unknown key 'levle'.*Nearest valid: level"),
        ('set = "C1"\nlevel = 1\nflag = 1\nstart = 2019-01-01', r"edit 1: start 2019-01-01 lies outside"),
        ('set = "C1"\nlevel = 1\nflag = 1\nstart = "soon"', r"edit 1, start: is 'soon', which is not a date"),
        ('set = "C1"\nlevel = 0\nstart = 2020-02-01\nend = 2020-01-01', r"edit 1: end 2020-01-01 is before start"),
        ("set = 5\nlevel = 1", r"edit 1, set: 5 is no indicator"),
        ('sett = "C1"\nlevel = 1', r"edit 1: does not say what to do.*Nearest valid: set"),
        ('set = "C1"\nremove = "C2"\nlevel = 0', r"edit 1: names 2 things to do"),
        ("shift = 1.5", r"edit 1, shift: is 1\.5\. Allowed: a whole number"),
        ('working_week = "sunday"\nstart = 2021-01-01', r"edit 1, working_week: is 'sunday'"),
        ('working_week = {rest_days = "sunday"}\nstart = 2021-01-01', r"edit 1, working_week, rest_days: is 'sunday'"),
        (
            'working_week = {rest_days = ["sonntag"]}\nstart = 2021-01-01',
            r"working_week, rest_day 1: unknown weekday 'sonntag'",
        ),
        (
            'working_week = {rest = ["sunday"]}\nstart = 2021-01-01',
            r"working_week: unknown key 'rest'.*Nearest valid: rest_days",
        ),
        ("no_holiday = 2021-12-10", r"edit 1: 2021-12-10 is not a holiday.*Nearest valid: 2021-12-03"),
        (
            'holiday = "x"\nday = 2021-12-10\nannounced = 2021-12-11',
            r"edit 1: the holiday x of 2021-12-10 is announced",
        ),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, edit: str, match: str) -> None:
    path = written(tmp_path, f'name = "x"\n[[edits]]\n{edit}\n')
    with pytest.raises(InputError, match=match) as raised:
        load_scenario(path, OBSERVED)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_number_of_the_wrong_entry_is_right(tmp_path: Path) -> None:
    text = 'name = "x"\n[[edits]]\nremove = "C1"\n[[edits]]\nremove = "C99"\n'
    with pytest.raises(InputError, match="edit 2"):
        load_scenario(written(tmp_path, text), OBSERVED)


@pytest.mark.parametrize(
    ("text", "name", "match"),
    [
        ("name = ", "a.toml", "is not valid TOML"),
        ("{", "a.json", "is not valid JSON"),
        ("[]", "a.json", r"is \[\]\. Allowed: keys and values"),
        ("edits = []", "a.toml", "the key 'name' is missing"),
        ('name = "x"\nedits = 3', "a.toml", "edits: is 3. Allowed: a list"),
        ('name = "x"\nedits = [3]', "a.toml", "edit 1: 3 is not an edit"),
        ('name = "x"\nedit = []', "a.toml", "unknown key 'edit'.*Nearest valid: edits"),
        ('name = "x"\nparent = "reform"', "a.toml", "its parent is 'reform'"),
        ('name = "x"', "a.yaml", r"unknown kind of scenario file '\.yaml'"),
    ],
)
def test_files_that_are_no_scenario_are_refused(tmp_path: Path, text: str, name: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        load_scenario(written(tmp_path, text, name), OBSERVED)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    written(tmp_path, 'name = "x"', "reform.toml")
    with pytest.raises(InputError, match=r"no such file.*Nearest valid: reform\.toml"):
        load_scenario(tmp_path / "refrom.toml", OBSERVED)
    with pytest.raises(InputError, match="is a folder"):
        (tmp_path / "folder.toml").mkdir()
        load_scenario(tmp_path / "folder.toml", OBSERVED)
