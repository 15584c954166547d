"""Scenarios in a store and in files."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from timeline_cases import FIRST, LAST, schools

from core.errors import InputError
from core.policy.scenario import dump_scenario, load_scenario, scenario_text
from core.policy.timeline import PolicyTimeline
from core.services.policies import drafts
from core.services.policies.timelines import (
    LARGEST_FILE,
    delete_scenario,
    keep_draft,
    load_draft,
    load_timeline,
    policy_source,
    read_scenario_file,
    save_scenario,
    save_timeline,
    saved_scenarios,
    scenario_table,
)
from core.services.studies.inputs import StudyInputs, open_study
from core.store.database import Store
from core.study import load_study

# Scenarios in the store


def test_a_scenario_is_saved_with_its_parent_and_the_draft_is_done(
    store: Store, inputs: StudyInputs, observed: PolicyTimeline
) -> None:
    study = inputs.study
    draft = schools(drafts.start_draft(observed))
    keep_draft(store, study, observed, draft)
    identifier = save_scenario(store, study, draft, observed, "  Schools   closed ")
    saved = load_timeline(store, study, identifier)
    assert (saved.name, saved.parent_id) == ("Schools closed", observed.id)
    assert saved.level_changes(draft) == [] and load_draft(store, study, observed) is None
    child = drafts.edit_draft(drafts.start_draft(saved), [{"tighten": 1}], "tighten")
    grandchild = save_scenario(store, study, child, saved, "Tighter still")
    table = scenario_table(store, study, observed, FIRST, LAST).set_index("name")
    assert table.loc["Schools closed", "parent"] == "Observed"
    assert table.loc["Tighter still", "parent"] == "Schools closed"
    window = pd.date_range(FIRST, LAST)
    assert table.loc["Tighter still", "stringency"] == pytest.approx(child.stringency(window).mean())
    assert np.allclose(table["observed_stringency"], observed.stringency(window).mean())
    keep_draft(store, study, saved, drafts.start_draft(saved))
    delete_scenario(store, study, identifier)
    assert list(saved_scenarios(store, study)["timeline_id"]) == [grandchild] and store.read("drafts").empty
    after = scenario_table(store, study, observed, FIRST, LAST)
    assert list(after["parent"]) == ["a scenario deleted since"] and list(after["problem"]) == [""]
    assert load_timeline(store, study, grandchild).stringency().equals(child.stringency())


def test_what_cannot_be_saved_is_refused_and_nothing_is_stored(
    store: Store, inputs: StudyInputs, observed: PolicyTimeline
) -> None:
    study, draft = inputs.study, schools(drafts.start_draft(observed))
    keep_draft(store, study, observed, draft)
    for timeline, name, part in (
        (draft, " ", "no name"),
        (draft, "Observed", "in force"),
        (drafts.start_draft(observed), "Same", "nothing is changed"),
    ):
        with pytest.raises(InputError, match=part):
            save_scenario(store, study, timeline, observed, name)
    assert store.read("timelines").empty and load_draft(store, study, observed) == draft
    save_scenario(store, study, draft, observed, "Schools closed")
    with pytest.raises(InputError, match="there already"):
        save_scenario(store, study, schools(draft, level=1), observed, "schools CLOSED")
    assert len(saved_scenarios(store, study)) == 1


def test_the_observed_policy_cannot_be_deleted(store: Store, inputs: StudyInputs, observed: PolicyTimeline) -> None:
    save_timeline(store, inputs.study, observed)
    with pytest.raises(InputError, match="observed policy"):
        delete_scenario(store, inputs.study, observed.id)
    with pytest.raises(InputError, match="no timeline"):
        delete_scenario(store, inputs.study, "nothing")
    assert len(store.read("timelines")) == 1


def test_a_scenario_that_cannot_be_read_does_not_break_the_list(
    store: Store, inputs: StudyInputs, observed: PolicyTimeline
) -> None:
    study = inputs.study
    identifier = save_scenario(store, study, schools(drafts.start_draft(observed)), observed, "Broken")
    store.delete("interventions", timeline_id=identifier)
    table = scenario_table(store, study, observed, FIRST, LAST)
    assert np.isnan(table.loc[0, "stringency"]) and "content" in table.loc[0, "problem"]
    delete_scenario(store, study, identifier)
    assert saved_scenarios(store, study).empty


# Scenario files


def test_a_downloaded_file_gives_the_same_policy_to_the_command_line_and_to_another_store(
    tmp_path: Path, observed: PolicyTimeline
) -> None:
    edits = [
        {"shift": 14, "start": FIRST},
        {"working_week": {"rest_days": ["friday"]}, "start": date(2031, 6, 1), "announced": date(2031, 3, 1)},
        {"holiday": 'A "day"', "day": date(2031, 6, 5), "announced": date(2031, 1, 1)},
    ]
    parent = schools(observed).renamed("Parent", parent_id=observed.id)
    scenario = drafts.edit_draft(drafts.start_draft(parent), edits, "edits").renamed("Mine", parent_id=parent.id)
    text = scenario_text(scenario, observed)
    path = tmp_path / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    loaded = load_scenario(path, observed)
    uploaded, found_parent = read_scenario_file(text.encode(), "scenario.toml", {}, observed)
    assert uploaded == loaded and found_parent == observed
    assert loaded.level_changes(scenario) == [] and loaded.calendar == scenario.calendar and loaded.name == "Mine"


def test_a_file_may_name_a_saved_scenario_as_its_parent(tmp_path: Path, observed: PolicyTimeline) -> None:
    parent = schools(observed).renamed("Parent", parent_id=observed.id)
    child = parent.tightened(1).renamed("Child", parent_id=parent.id)
    path = tmp_path / "child.json"
    dump_scenario(child, path, parent)
    loaded, found = read_scenario_file(path.read_bytes(), "child.JSON", {parent.id: parent}, observed)
    assert found == parent and loaded.level_changes(child) == [] and loaded.parent_id == parent.id
    with pytest.raises(InputError, match="its parent is"):
        read_scenario_file(path.read_bytes(), "child.json", {}, observed)


HOSTILE = [
    ("a.toml", b"", "the key 'name' is missing"),
    ("a.toml", b"\xff\xfe\x00", "UTF-16"),
    ("a.json", b"[" * 50_000, "a.json"),
    ("a.json", b"{" + b'"a":{' * 10_000, "a.json"),
    ("a.toml", b"a = " + b"[" * 20_000, "a.toml"),
    ("a.json", b"[1, 2]", "keys and values"),
    ("a.toml", b'name = "x"\nedits = 3', "Allowed: a list"),
    ("a.toml", b'name = "x"\nfile = "/etc/passwd"', "unknown key"),
    ("a.toml", b'name = "x"\n[[edits]]\nset = "C1"\nlevel = 9\nflag = 1', "edit 1"),
    ("a.toml", b'name = "x"\n[[edits]]\nset = "C1"\nlevel = 1\nflag = 1\nstart = 12:00:00', "not a date"),
    ("a.toml", b'name = "Observed"\n[[edits]]\nremove = "all"', "in force"),
    ("a.json", b'{"name": "x", "edits": [{"tighten": 1e400}]}', "a.json"),
    ("a.toml", b'name = "x"\n#' + b"x" * LARGEST_FILE, "bytes"),
    ("a.exe", b"MZ", "unknown kind of scenario file"),
    ("../../etc/passwd", b"", "unknown kind"),
    ("noending", b"", "unknown kind"),
]


@pytest.mark.parametrize(("name", "content", "part"), HOSTILE)
def test_a_hostile_file_is_one_line(name: str, content: bytes, part: str, observed: PolicyTimeline) -> None:
    with pytest.raises(InputError) as wrong:
        read_scenario_file(content, name, {}, observed)
    text = str(wrong.value)
    assert part in text and "\n" not in text and len(text) < 600
    assert "/tmp" not in text and "etc/" not in text


@pytest.mark.parametrize(
    "name", ["../../x.toml", "C:\\temp\\x.toml", "/abs/x.toml", "x\x00\n<b>.toml", "é" * 300 + ".toml"]
)
def test_a_files_name_is_never_a_path(name: str, observed: PolicyTimeline, tmp_path: Path) -> None:
    before = sorted(tmp_path.parent.rglob("x.toml"))
    scenario, _ = read_scenario_file(b'name = "x"\n[[edits]]\nremove = "all"', name, {}, observed)
    assert scenario.name == "x" and sorted(tmp_path.parent.rglob("x.toml")) == before
    with pytest.raises(InputError) as wrong:
        read_scenario_file(b"name = 3", name, {}, observed)
    assert ".." not in str(wrong.value).split(":")[0] and len(str(wrong.value)) < 300


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(["C1", "all"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=6,
    ),
    key=st.sampled_from(["set", "add", "remove", "shift", "tighten", "working_week", "holiday", "no_holiday", "level"]),
    other=st.sampled_from(["level", "start", "end", "day", "flag", "indicators", "announced"]),
)
def test_whatever_a_file_says_it_is_a_scenario_or_a_refusal(value: object, key: str, other: str) -> None:
    observed = open_study("meridia").timeline
    content = json.dumps({"name": "x", "edits": [{key: value, other: value}]}).encode()
    try:
        scenario, _ = read_scenario_file(content, "x.json", {}, observed)
    except InputError as wrong:
        assert "x.json" in str(wrong)
    else:
        assert scenario.parent_id == observed.id


def test_the_source_says_what_is_fictional() -> None:
    assert policy_source(load_study("meridia")).startswith("fictional: Meridia and its policy")
    assert "OxCGRT" in policy_source(load_study("uae")) and "CC BY 4.0" in policy_source(load_study("uae"))
