"""Populations for pages: kept under names, edited as drafts, shown in words, and what they change in a forecast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.counterfactual.fitted import FittedTwin
from core.counterfactual.trajectories import simulate_timeline
from core.errors import Cancelled, InputError
from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.people.marginals import edited, marginal_frame
from core.people.personas import Population, edit_persona, synthesise
from core.report.renderers.terminal import terminal_text
from core.report.sentences.populations import points, population_python
from core.report.sentences.sensitivity import sensitivity_document
from core.services.counterfactuals.population_effects import (
    PopulationEffect,
    answers_of,
    effect_between,
    effect_of,
    everybody_on,
    holdout_mean,
    named_contexts,
    sensitivity_rows,
)
from core.services.evaluation.sensitivity import run_sensitivity
from core.services.library.archive import load_result
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
    LEVEL_MIDDLES,
    LEVEL_WORDS,
    PERSON,
    WEIGHT,
    category_labels,
    checked_values,
    composition,
    filters,
    find_people,
    fit_rows,
    label_choices,
    largest_error_place,
    people_rows,
    rescaling_note,
    sources_rows,
    table_rows,
    trait_level,
    trait_shares,
    universe_text,
    wanted_changes,
)
from core.services.runs.fitted import fitted_twin, latest_run
from core.store.database import Store
from core.study import Study, load_study

MERIDIA = "meridia"


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study(MERIDIA)


@pytest.fixture(scope="module")
def population(study: Study) -> Population:
    return make_population(study, 300, 1)


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.memory() as opened:
        yield opened


@pytest.fixture(scope="module")
def twin(meridia_run: Path, tmp_path_factory: pytest.TempPathFactory) -> FittedTwin:
    import shutil

    path = tmp_path_factory.mktemp("effects") / "store.duckdb"
    shutil.copy(meridia_run, path)
    with Store(path) as opened:
        run = latest_run(opened, MERIDIA)
        assert run is not None
        return fitted_twin(opened, run.run_id)


def shifted(study: Study, name: str = "age_by_sex") -> list[float]:
    """The table's values with the first row's half given to the last."""
    values = marginal_frame(population_spec(study), name)["value"].to_numpy(dtype=float).copy()
    values[-1] += values[0] / 2
    values[0] /= 2
    return [float(item) for item in values]


# ------------------------------------------------------------------------------------------------- kept populations


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


# ------------------------------------------------------------------------------------------------------------ drafts


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
    said = draft_changes(draft, population)
    assert said[0] == f"Table “{population.spec.marginal('age_by_sex').label}”: edited by the user"
    assert said[1].startswith(f"Person {person}: Income Low → High; Need for company 0.")
    assert said[1].endswith("→ 0.90")


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


# ------------------------------------------------------------------------------------------------------ plain words


def test_tables_are_shown_in_labels_and_taken_back(study: Study) -> None:
    spec = population_spec(study)
    for marginal in spec.marginals:
        rows = table_rows(spec, marginal.name)
        value = rows.columns[-1]
        assert rows[value].to_numpy() == pytest.approx(marginal_frame(spec, marginal.name)["value"].to_numpy())
        assert checked_values(spec, marginal.name, list(rows[value])) == list(rows[value])
        for name in marginal.attributes:
            label = spec.classifications[name].label
            assert set(rows[label]) <= set(category_labels(spec, name).values())
            assert not any("_" in item for item in rows[label])
        assert universe_text(spec, marginal) and rescaling_note(spec, marginal.name)
    changed = edited(spec, "age_by_sex", marginal_frame(spec, "age_by_sex").assign(value=shifted(study)))
    rows = table_rows(changed, "age_by_sex")
    assert rows["Inhabitants"].tolist() == shifted(study)
    assert rows["Original"].tolist() == marginal_frame(spec, "age_by_sex")["value"].tolist()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (None, "row “Male · 15 to 24 years”: the value is missing"),
        (-5.0, "row “Male · 15 to 24 years”: the value is -5"),
        (float("inf"), "the value is inf"),
    ],
)
def test_wrong_numbers_are_refused_in_one_line_with_their_row(study: Study, wrong: float | None, message: str) -> None:
    values: list[float | None] = list(shifted(study))
    values[1] = wrong
    with pytest.raises(InputError) as refused:
        checked_values(population_spec(study), "age_by_sex", values)
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_a_table_that_counts_nobody_is_refused(study: Study) -> None:
    spec = population_spec(study)
    with pytest.raises(InputError, match="counts nobody"):
        checked_values(spec, "age_by_sex", [0.0] * len(table_rows(spec, "age_by_sex")))
    with pytest.raises(InputError, match="rows"):
        checked_values(spec, "age_by_sex", [1.0])


def test_the_fit_in_words_is_the_population_s(population: Population) -> None:
    for marginal in population.spec.marginals:
        rows = fit_rows(population, marginal.name)
        assert (rows["achieved"] - rows["target"]).to_numpy() == pytest.approx(rows["error"].to_numpy(), abs=1e-9)
    table, _, category = largest_error_place(population).partition(": ")
    name = next(item.name for item in population.spec.marginals if item.label == table)
    rows = fit_rows(population, name).set_index("category")
    assert abs(rows.loc[category, "error"]) == pytest.approx(population.largest_error)


def test_people_are_shown_in_words(population: Population) -> None:
    rows = people_rows(population)
    assert len(rows) == population.size and rows[WEIGHT].sum() == population.spec.total
    first = population.personas.iloc[7]
    for attribute in population.spec.attributes:
        assert rows[attribute.label].iloc[7] == attribute.category(first[attribute.name]).label
    for trait in population.spec.traits:
        assert rows[trait.label].iloc[7] == trait_level(first[trait.name])
    some = people_rows(population, np.array([9, 4]))
    assert list(some[PERSON]) == [9, 4] and some.iloc[1].equals(rows.iloc[4].rename(1))


def test_search_takes_all_words_and_any_value_of_an_attribute(population: Population) -> None:
    choices = {item.label: item for item in filters(population.spec)}
    personas = population.personas
    young = find_people(population, chosen=[choices["Age: 15 to 24 years"], choices["Age: 25 to 34 years"]])
    assert set(personas["age_group"].iloc[young]) == {"15-24", "25-34"}
    both = find_people(population, chosen=[choices["Age: 15 to 24 years"], choices["Sex: Female"]])
    assert len(both) == int(((personas["age_group"] == "15-24") & (personas["sex"] == "female")).sum()) > 0
    outgoing = find_people(population, chosen=[choices["Need for company: very high"]])
    assert len(outgoing) and (personas["sociability"].iloc[outgoing] >= 0.8).all()
    said = find_people(population, "HE the")
    assert len(said) and all("he" in text.lower() and "the" in text.lower() for text in personas["text"].iloc[said])
    assert not len(find_people(population, "(unmatched [")), "words are words, not patterns"
    assert len(find_people(population)) == population.size


def test_choices_in_words_keep_what_is_exact(population: Population) -> None:
    row = population.personas.iloc[2]
    level = trait_level(float(row["sociability"]))
    assert wanted_changes(population, population, 2, {"sociability": level}) == {}
    other = next(word for word in LEVEL_WORDS if word != level)
    changes = wanted_changes(population, population, 2, {"sociability": other})
    assert changes == {"sociability": LEVEL_MIDDLES[LEVEL_WORDS.index(other)]}
    now = edit_persona(population, 2, changes)
    assert wanted_changes(now, population, 2, {}) == changes, "what is not chosen stays edited"
    assert wanted_changes(now, population, 2, {"sociability": level}) == {}, "back to the exact value"
    label = population.spec.attribute("income").category("high").label
    assert wanted_changes(now, population, 2, {"income": label}).get("income", row["income"]) == "high"
    with pytest.raises(InputError, match="person 2"):
        wanted_changes(population, population, 2, {"income": "Enormous"})
    with pytest.raises(InputError, match="very high"):
        wanted_changes(population, population, 2, {"sociability": "None"})
    assert label_choices(population.spec, {"Income": "Low"}) == {"income": "Low"}
    with pytest.raises(InputError, match="column"):
        label_choices(population.spec, {"Weight": "3"})


def test_composition_and_traits_count_everybody(population: Population) -> None:
    total = population.spec.total
    for by in (None, "sex", "age_group"):
        assert composition(population, "age_group", by)["inhabitants"].sum() == total
    rows = composition(population, "age_group", "sex").set_index(["category", "by"])["inhabitants"]
    personas = population.personas
    men = personas[(personas["sex"] == "male") & (personas["age_group"] == "65+")]
    assert rows["65 years and over", "Male"] == men["weight"].sum()
    shares = trait_shares(population)
    assert shares.groupby("trait")["percent"].sum().to_numpy() == pytest.approx(100.0)


def test_everything_the_population_rests_on_is_listed(population: Population) -> None:
    rows = sources_rows(population)
    spec = population.spec
    assert len(rows) == len(spec.marginals) + len(spec.assumptions) + len(spec.traits)
    assumed = rows[rows["Used as"].str.startswith("assumed")]
    assert len(assumed) == len(spec.assumptions) + len(spec.traits)
    assert (assumed["Note or reasoning"].str.len() > 0).all() and (rows["Source"].str.len() > 0).all()


# ----------------------------------------------------------------------------------------------------------- effects


def test_the_effect_is_that_of_the_calibrated_twin_over_other_people(twin: FittedTwin, population: Population) -> None:
    other = make_population(load_study(MERIDIA), 120, 8)
    effect = effect_of(twin, population, other)
    days = twin.problem.final.horizon
    for people, mean in ((population, effect.before), (other, effect.after)):
        path = simulate_timeline(twin.with_personas(people.personas), twin.timeline, days)
        assert mean == path.metric.mean().to_dict()
    for name, difference in effect.difference.items():
        assert difference == effect.after[name] - effect.before[name] and effect.lower[name] <= effect.upper[name]
    assert (effect.start, effect.end) == (days[0].date(), days[-1].date())
    assert PopulationEffect.from_dict(effect.as_dict()) == effect
    assert list(effect.frame()["behaviour"]) == list(twin.problem.study.behaviour_ids)


def test_the_same_people_change_nothing(twin: FittedTwin, population: Population) -> None:
    mean = holdout_mean(twin, population)
    effect = effect_between(mean, holdout_mean(twin, population))
    assert not any((*effect.difference.values(), *effect.lower.values(), *effect.upper.values()))


def test_the_run_s_own_people_give_the_run_s_own_forecast(twin: FittedTwin, meridia_store: Path) -> None:
    with Store(meridia_store) as opened:
        run = latest_run(opened, MERIDIA)
        assert run is not None and run.record.population_id is not None
        own = load_population(opened, run.record.population_id)
        stored = opened.read_result("forecasts", run.run_id, forecaster="twin", phase="test")
    means = stored.groupby("behaviour")["value"].mean()
    assert holdout_mean(twin, own).mean.to_numpy() == pytest.approx(
        means[list(twin.problem.study.behaviour_ids)], abs=1e-3
    )


def test_one_edit_moves_the_forecast_a_little_and_everybody_s_moves_it_more(
    twin: FittedTwin, population: Population
) -> None:
    before = holdout_mean(twin, population)
    one = effect_between(before, holdout_mean(twin, edit_persona(population, 3, {"health_concern": 0.99})))
    many = population.personas.assign(health_concern=0.99)
    everybody = effect_between(before, holdout_mean(twin, replace(population, personas=many)))
    most = [max(map(abs, effect.difference.values())) for effect in (one, everybody)]
    assert 0 < most[0] < most[1] / 10
    assert twin.fitted is twin.with_personas(many).fitted, "the calibration is the same object: nothing was fitted"


def test_people_of_another_kind_are_refused(twin: FittedTwin, population: Population) -> None:
    lacking = replace(population, personas=population.personas.drop(columns="sociability"))
    with pytest.raises(InputError, match="sociability"):
        holdout_mean(twin, lacking)


def test_an_effect_stops_when_told_to(twin: FittedTwin, population: Population) -> None:
    with pytest.raises(Cancelled):
        effect_of(twin, population, population, ProgressReporter(should_stop=lambda: True))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "no change"),
        (0.004, "less than 0.01 points up"),
        (-0.0000001, "less than 0.01 points down"),
        (0.01, "+0.01 points"),
        (-12.346, "-12.35 points"),
    ],
)
def test_a_change_is_never_shown_as_none(value: float, said: str) -> None:
    assert points(value) == said


def test_named_days_are_what_they_say(twin: FittedTwin) -> None:
    labels, contexts = named_contexts(twin)
    assert len(labels) == len(contexts) >= 3
    codes = list(twin.problem.study.indicator_codes)
    assert (contexts.loc[0, codes] == 0).all() and contexts.loc[0, "day_type"] == "working"
    window = twin.problem.final
    dates = window.train.append(window.horizon)
    assert f"stringency {twin.timeline.stringency(pd.DatetimeIndex(dates)).max():.0f}" in labels[1]
    assert str(dates[-1].year) in labels[2] and labels[2].startswith("Last day")
    assert (contexts["day_type"] == "working").sum() >= 2


def test_answers_are_the_engine_s_beside_everybody_s(twin: FittedTwin, population: Population) -> None:
    labels, contexts = named_contexts(twin)
    everyone = everybody_on(twin, population, contexts)
    rows = answers_of(twin, population, 4, labels, contexts, everyone)
    direct = twin.engine.respond(population.personas.iloc[[4]], contexts)[0]
    assert rows["person"].to_numpy() == pytest.approx(100 * direct.reshape(-1))
    weights = population.personas["weight"].to_numpy(dtype=float)
    mean = np.average(twin.engine.respond(population.personas, contexts), axis=0, weights=weights)
    assert rows["everybody"].to_numpy() == pytest.approx(100 * mean.reshape(-1), rel=1e-5)
    assert rows[["person", "everybody"]].to_numpy().min() >= 0 and rows[["person", "everybody"]].to_numpy().max() <= 100


def test_a_sensitivity_run_is_told_by_trait(meridia_store: Path, population: Population) -> None:
    with Store(meridia_store) as opened:
        run = latest_run(opened, MERIDIA)
        assert run is not None
        assert sensitivity_rows(opened, run.run_id, population.spec) is None
        result = run_sensitivity(opened, run.run_id)
        assert load_result(opened, result.run_id) == result
        document = sensitivity_document(result, load_study(MERIDIA))
        assert terminal_text(document).count("\n") > len(result.variants)
        rows = sensitivity_rows(opened, run.run_id, population.spec)
        assert rows is not None and len(rows) == len(result.variants)
        assert set(rows["assumption"][:-1]) == {trait.label for trait in population.spec.traits}
        assert rows["change"].tolist() == [item.change for item in result.variants]
        assert sensitivity_rows(opened, "run-other", population.spec) is None
