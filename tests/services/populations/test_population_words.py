"""Populations in plain words, and what other people change in a forecast."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from population_cases import MERIDIA, shifted

from core.counterfactual.fitted import FittedTwin
from core.counterfactual.trajectories import simulate_timeline
from core.errors import Cancelled, InputError
from core.execution.progress import ProgressReporter
from core.people.marginals import edited, marginal_frame
from core.people.personas import Population, edit_persona
from core.report.renderers.terminal import terminal_text
from core.report.sentences.populations import points
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
from core.services.populations.synthesis import (
    load_population,
    make_population,
    population_spec,
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


@pytest.fixture(scope="module")
def twin(meridia_run: Path, tmp_path_factory: pytest.TempPathFactory) -> FittedTwin:
    import shutil

    path = tmp_path_factory.mktemp("effects") / "store.duckdb"
    shutil.copy(meridia_run, path)
    with Store(path) as opened:
        run = latest_run(opened, MERIDIA)
        assert run is not None
        return fitted_twin(opened, run.run_id)


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
    assert rows["Number"].tolist() == shifted(study)
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
        (-12.346, "−12.35 points"),
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
