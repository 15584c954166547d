"""The page Library: find, name, open, delete; and the run's name in the sidebar of every page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from page_cases import clean, opened_page, opened_store, said

from core.services.counterfactuals.run import run_compare, run_sweep
from core.services.policies.what_ifs import what_if
from core.services.studies.inputs import open_study
from core.store.database import Store
from core.store.labels import read_labels, set_label
from pages.views.library.addresses import address_of

PAGE = "pages/8_Library.py"


@pytest.fixture
def store(short_store: Path) -> Iterator[Store]:
    with opened_store(short_store) as opened:
        yield opened


def test_a_thing_is_named_found_and_deleted(store: Store) -> None:
    run_id = str(store.runs(kind="run")["run_id"].iloc[0])
    sweep = run_sweep(store, run_id, [0, 100])[0].run_id
    at = clean(opened_page(PAGE, {"item": sweep}))
    assert "Levels 0, 100" in said(at) and "Nothing was made on it." in said(at)
    assert "Report" in [item.proto.label for item in at.get("download_button")]
    name = next(item for item in at.text_input if item.label == "Name")
    name.set_value("Levels for the *council*")
    next(item for item in at.checkbox if item.label == "Starred").check()
    next(item for item in at.button if item.label == "Save").click().run()
    assert "Saved." in said(clean(at)) and read_labels(store)[sweep].starred
    assert "Levels for the \\*council\\*" in said(at), "a name is no formatting"
    at.text_input(key="library-search").set_value("nothing like it").run()
    assert "Nothing here is called so." in said(clean(at))
    at.text_input(key="library-search").set_value("COUNCIL").run()
    assert at.selectbox(key="choice-meridia-item").options == ["Sweep: Levels for the *council*"]
    at.button(key="library-delete").click().run()
    assert "Deleted: Levels for the" in said(clean(at)) and not len(store.runs(kind="sweep"))


def test_what_goes_with_a_run_is_said_first_and_the_page_goes_on_without_it(store: Store) -> None:
    run_id = str(store.runs(kind="run")["run_id"].iloc[0])
    run_sweep(store, run_id, [0, 100])
    at = clean(opened_page(PAGE, {"item": run_id, "kind": "run"}))
    assert "With it go 1 that were made on it:** Levels 0, 100." in said(at)
    at.button(key="library-delete").click().run()
    assert "and 1 more" in said(clean(at)) and not len(store.runs()) and "No run yet" in said(at)


def test_the_sidebar_says_the_name_and_lets_one_choose_another_run(store: Store) -> None:
    run = store.run(str(store.runs(kind="run")["run_id"].iloc[0]))
    set_label(store, run.run_id, name="June fit")
    at = clean(opened_page(PAGE, {}))
    assert "Run shown: June fit" in said(at)
    other = run.record.about("run", run.record.parameters)
    store.begin_run(other)
    store.finish_run(other.run_id, {}, run.summary)
    at = clean(opened_page(PAGE, {"run": run.run_id}))
    choice = at.selectbox(key="run-choice")
    assert choice.value == run.run_id and "June fit" in choice.options and len(choice.options) == 2
    choice.set_value(other.run_id).run()
    assert clean(at).query_params["run"] == other.run_id


def test_a_kept_comparison_opens_as_it_was(store: Store) -> None:
    from core.services.library.items import library

    inputs = open_study("meridia")
    run = store.run(str(store.runs(kind="run")["run_id"].iloc[0]))
    assert run.record.train_end is not None
    run_compare(store, run.run_id, [what_if("no-measures", inputs.timeline, run.record.train_end, 30)])
    items = {item.kind: item for item in library(store, inputs.study)}
    where = address_of(items["compare"], items["run"])
    assert where is not None and where[0] == "Counterfactuals" and "against" not in where[1]
    at = clean(opened_page("pages/5_Counterfactuals.py", where[1]))
    assert at.multiselect(key="choice-meridia-scenario").value == [items["scenario"].id]
    assert "instead of the policy that was in force" in said(at)
