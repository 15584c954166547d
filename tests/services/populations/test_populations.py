"""Populations for pages: kept under names, and edited as drafts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from population_cases import MERIDIA, shifted

from core.errors import Cancelled, InputError
from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.people.personas import Population, edit_persona, synthesise
from core.report.sentences.populations import population_python
from core.services.populations.drafts import (
    PopulationCache,
    PopulationDraft,
    build_population,
    draft_changes,
    draft_of,
    draft_spec,
    shelve,
)
from core.services.populations.synthesis import (
    LONGEST_NAME,
    delete_population,
    keep_population,
    kept_spec,
    load_population,
    make_population,
    population_id,
    population_spec,
    runs_with,
    saved_populations,
)
from core.services.populations.tables import (
    fit_rows,
)
from core.services.runs.fitted import latest_run
from core.store.database import Store
from core.study import Study, load_study


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.memory() as opened:
        yield opened


def test_a_population_is_kept_under_its_name_and_read_back(store: Store, study: Study, population: Population) -> None:
    identifier = keep_population(store, study, population, "  A  first   try ")
    kept = saved_populations(store, study)
    assert list(kept["label"]) == ["A first try"]
    assert int(kept["seed"].iloc[0]) == 1
    assert identifier == population_id(population)
    again = load_population(store, identifier)
    assert again.content_hash == population.content_hash
    assert kept_spec(store, identifier).content_hash == population.spec.content_hash


def test_keeping_the_same_people_again_renames_them(store: Store, study: Study, population: Population) -> None:
    first = keep_population(store, study, population, "One")
    created = saved_populations(store, study)["created_at"].iloc[0]
    assert keep_population(store, study, population, "Two") == first
    kept = saved_populations(store, study)
    assert list(kept["label"]) == ["Two"]
    assert kept["created_at"].iloc[0] == created
    assert load_population(store, first).content_hash == population.content_hash


@pytest.mark.parametrize("name", ["", "   ", "x" * (LONGEST_NAME + 1)])
def test_a_name_must_say_something_and_fit(store: Store, study: Study, population: Population, name: str) -> None:
    with pytest.raises(InputError, match=f"1 to {LONGEST_NAME}"):
        keep_population(store, study, population, name)
    assert saved_populations(store, study).empty


def test_two_populations_cannot_share_a_name(store: Store, study: Study, population: Population) -> None:
    keep_population(store, study, population, "Mine")
    other = make_population(study, 20, 3)
    with pytest.raises(InputError, match="Mine 2"):
        keep_population(store, study, other, "Mine")
    assert len(saved_populations(store, study)) == 1
    keep_population(store, study, other, "Mine 2")
    assert set(saved_populations(store, study)["label"]) == {"Mine", "Mine 2"}


def test_a_name_is_only_data(store: Store, study: Study, population: Population) -> None:
    name = "Robert'); DROP TABLE personas; -- <b>*x*</b>"
    identifier = keep_population(store, study, population, name)
    assert saved_populations(store, study)["label"].iloc[0] == name
    assert load_population(store, identifier).size == 300


def test_unknown_populations_are_refused_with_the_nearest(store: Store, study: Study, population: Population) -> None:
    identifier = keep_population(store, study, population, "Mine")
    for read in (load_population, kept_spec):
        with pytest.raises(InputError, match=identifier):
            read(store, identifier[:-1])
    with pytest.raises(InputError, match="no population"):
        delete_population(store, study, "pop-nothing")
    with pytest.raises(InputError, match="no population"):
        draft_of(store, study, "pop-nothing")


def test_a_population_goes_unless_a_run_was_made_with_it(meridia_store: Path, study: Study) -> None:
    with Store(meridia_store) as opened:
        run = latest_run(opened, MERIDIA)
        assert run is not None and run.record.population_id is not None
        assert runs_with(opened, run.record.population_id) == [run.run_id]
        with pytest.raises(InputError, match=run.run_id):
            delete_population(opened, study, run.record.population_id)
        other = keep_population(opened, study, make_population(study, 12, 9), "Dozen")
        delete_population(opened, study, other)
        assert other not in set(saved_populations(opened, study)["population_id"])
        assert opened.read("personas", population_id=other).empty
        assert load_population(opened, run.record.population_id).size == run.record.personas


def test_a_large_population_is_not_remembered_by_the_process(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.services.populations.synthesis.REMEMBERED_PERSONAS", 10)
    assert make_population(study, 10, 4) is make_population(study, 10, 4)
    assert make_population(study, 11, 4) is not make_population(study, 11, 4)


def test_a_draft_without_edits_is_the_study_s_population(store: Store, study: Study) -> None:
    built = build_population(store, study, PopulationDraft(MERIDIA, 50, 2))
    assert built.content_hash == synthesise(population_spec(study), 50, 2).content_hash


def test_an_edited_table_is_matched_and_says_so(store: Store, study: Study) -> None:
    values = shifted(study)
    draft = PopulationDraft(MERIDIA, 1000).with_table("age_by_sex", values)
    built = build_population(store, study, draft)
    marginal = built.spec.marginal("age_by_sex")
    assert marginal.quality == "edited" and marginal.source.startswith("edited by the user")
    rows = fit_rows(built, "age_by_sex")
    assert rows["target"].to_numpy() == pytest.approx(100 * np.array(values) / sum(values), abs=1e-6)
    assert rows["error"].abs().max() < 0.1
    assert built.personas["weight"].sum() == study.inhabitants
    own = draft.with_own_table("age_by_sex")
    assert not own.is_edited and own.key == PopulationDraft(MERIDIA, 1000).key


def test_other_people_mean_that_edits_of_people_go(study: Study) -> None:
    draft = PopulationDraft(MERIDIA, 50).with_person(3, {"sociability": 0.9})
    assert draft.people and draft.before_people == PopulationDraft(MERIDIA, 50)
    assert draft.with_size(50, 0) is draft
    assert not draft.with_size(60, 0).people
    assert not draft.with_size(50, 1).people
    assert not draft.with_table("age_by_sex", shifted(study)).people
    assert not draft.with_person(3, {}).people


def test_keys_are_equal_for_equal_drafts_alone(study: Study) -> None:
    base = PopulationDraft(MERIDIA, 50)
    others = [
        base,
        base.with_size(51, 0),
        base.with_size(50, 1),
        base.with_table("age_by_sex", shifted(study)),
        base.with_person(3, {"sociability": 0.9}),
        base.with_person(3, {"sociability": 0.8}),
        base.with_person(4, {"sociability": 0.9}),
        replace(base, source="pop-1"),
        replace(base, source="pop-1", anew=True),
    ]
    assert len({item.key for item in others}) == len(others)
    assert base.with_person(3, {"a": "b", "c": "d"}).key == base.with_person(3, {"c": "d", "a": "b"}).key


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 29), st.floats(0, 1)), min_size=1, max_size=6, unique_by=lambda item: item[0]))
def test_the_order_of_edits_of_people_means_nothing(edits: list[tuple[int, float]]) -> None:
    study = load_study(MERIDIA)
    draft = backwards = PopulationDraft(MERIDIA, 30)
    for person, value in edits:
        draft = draft.with_person(person, {"sociability": value})
    for person, value in reversed(edits):
        backwards = backwards.with_person(person, {"sociability": value})
    with Store.memory() as store:
        first, second = (build_population(store, study, item) for item in (draft, backwards))
    assert first.content_hash == second.content_hash
    for person, value in edits:
        assert first.personas["sociability"].iloc[person] == value
    assert first.personas["weight"].equals(make_population(study, 30).personas["weight"])


def test_a_kept_population_is_the_start_of_a_draft(store: Store, study: Study, population: Population) -> None:
    changed = edit_persona(population, 5, {"sociability": 0.9})
    identifier = keep_population(store, study, changed, "Edited")
    draft = draft_of(store, study, identifier)
    assert (draft.personas, draft.seed, draft.anew) == (300, 1, False)
    assert build_population(store, study, draft).content_hash == changed.content_hash
    further = draft.with_person(6, {"sociability": 0.1})
    built = build_population(store, study, further)
    assert list(built.personas["sociability"].iloc[[5, 6]]) == [0.9, 0.1]
    anew = draft.with_size(40, 2)
    assert anew.anew and build_population(store, study, anew).size == 40


def test_a_kept_table_can_go_back_to_the_study_s_own(store: Store, study: Study) -> None:
    draft = PopulationDraft(MERIDIA, 60).with_table("age_by_sex", shifted(study))
    identifier = keep_population(store, study, build_population(store, study, draft), "Older")
    back = draft_of(store, study, identifier).with_own_table("age_by_sex")
    assert draft_spec(store, study, back).content_hash == population_spec(study).content_hash
    assert build_population(store, study, back).content_hash == make_population(study, 60).content_hash


def test_a_table_edit_of_another_length_is_refused(store: Store, study: Study) -> None:
    with pytest.raises(InputError, match="2 values"):
        draft_spec(store, study, PopulationDraft(MERIDIA, 10).with_table("age_by_sex", [1.0, 2.0]))
    with pytest.raises(InputError, match="age_by_sex"):
        draft_spec(store, study, PopulationDraft(MERIDIA, 10).with_table("age_by_se", [1.0, 2.0]))


def test_edits_are_told_in_words(store: Store, study: Study, population: Population) -> None:
    person = int(np.flatnonzero(population.personas["income"] == "low")[0])
    draft = (
        PopulationDraft(MERIDIA, 300, 1)
        .with_table("age_by_sex", shifted(study))
        .with_person(person, {"income": "high", "sociability": 0.9})
    )
    said = draft_changes(draft, build_population(store, study, draft.before_people))
    steps = [text for text in said if text.startswith(population.spec.marginal("age_by_sex").label)]
    assert steps and all("→" in text and text.endswith("%)") for text in steps)
    assert said[-1].startswith(f"Person {person}: Income ") and said[-1].endswith("→ 0.90")


def test_the_shelf_builds_on_earlier_steps_and_forgets_the_oldest(store: Store, study: Study) -> None:
    shelf = PopulationCache(most_personas=100)
    draft = PopulationDraft(MERIDIA, 40).with_person(1, {"sociability": 0.9}).with_person(2, {"sociability": 0.1})
    built = shelf.build(store, study, draft)
    assert built.content_hash == build_population(store, study, draft).content_hash
    assert shelf.build(store, study, draft) is built
    further = draft.with_person(3, {"sociability": 0.5})
    assert shelf.build(store, study, further).content_hash == build_population(store, study, further).content_hash
    assert shelf.get(draft.before_people) is None, "the oldest of three times 40 personas goes"
    assert shelf.get(further) is not None
    large = PopulationDraft(MERIDIA, 150)
    shelf.build(store, study, large)
    assert shelf.get(large) is not None and shelf.get(further) is None


def test_the_shelf_keeps_nothing_that_cannot_be(store: Store, study: Study) -> None:
    shelf = PopulationCache()
    base = PopulationDraft(MERIDIA, 40)
    adult = int(np.flatnonzero(shelf.build(store, study, base).personas["age_group"] == "35-49")[0])
    wrong = base.with_person(adult, {"occupation": "child"})
    with pytest.raises(InputError, match=f"persona {adult}"):
        shelf.build(store, study, wrong)
    assert shelf.get(wrong) is None and shelf.get(base) is not None


def test_a_large_population_is_drawn_in_another_process(store: Store, study: Study, processes: Executor) -> None:
    shelf, seen = PopulationCache(), []
    draft = PopulationDraft(MERIDIA, 80, 3).with_person(1, {"sociability": 0.9})
    shelve(shelf, store, study, draft, ProgressReporter(seen.append), processes)
    found = shelf.get(draft)
    assert found is not None and found.content_hash == build_population(store, study, draft).content_hash
    assert seen[0].done == 0 and seen[-1].done == 1


def test_drawing_stops_when_told_to(store: Store, study: Study, processes: Executor) -> None:
    shelf = PopulationCache()
    with pytest.raises(Cancelled):
        shelve(shelf, store, study, PopulationDraft(MERIDIA, 80), ProgressReporter(should_stop=lambda: True), processes)
    assert shelf.get(PopulationDraft(MERIDIA, 80)) is None


@pytest.mark.parametrize("start", ["own", "kept"])
def test_the_lines_make_the_same_people(
    tmp_path: Path, study: Study, start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "store.duckdb"
    with Store(path) as opened:
        draft = PopulationDraft(MERIDIA, 30, 2)
        older = draft.with_table("age_by_sex", shifted(study))
        drafts = [draft, older, draft.with_person(3, {"sociability": 0.25, "income": "high"})]
        if start == "kept":
            identifier = keep_population(opened, study, build_population(opened, study, older), "Older")
            kept = draft_of(opened, study, identifier)
            drafts = [kept, kept.with_person(3, {"income": "low"}), kept.with_size(20, 5)]
            drafts += [kept.with_own_table("age_by_sex"), kept.with_table("age_by_sex", shifted(study))]
        wanted = [build_population(opened, study, item) for item in drafts]
        lines = [population_python(item, str(path)) for item in drafts]
    for code, people in zip(lines, wanted, strict=True):
        names: dict[str, object] = {}
        exec(code, names)
        made = names["result"]
        assert isinstance(made, Population) and made.content_hash == people.content_hash
