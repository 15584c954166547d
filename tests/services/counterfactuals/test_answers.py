"""One answer on the first screen: the questions, what truly would have happened, who is moved, and the sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from core.counterfactual.contrast import Contrast, contrasts
from core.counterfactual.fitted import FittedTwin
from core.counterfactual.persons import ordinary_activity_of, person_changes, spread_of_people
from core.errors import InputError
from core.report.figures.answers import answer_figure, effects_figure, people_figure
from core.report.figures.style import darkened
from core.report.sentences.answers import (
    calendar_sentence,
    effect_sentence,
    ladder,
    moved_sentence,
    support_sentence,
    truth_sentence,
)
from core.services.counterfactuals.answers import (
    AnswerNames,
    MovedGroup,
    answer_table,
    effects_table,
    moved_groups,
    movers_table,
    people_table,
)
from core.services.counterfactuals.known_truth import true_paths
from core.services.counterfactuals.questions import Question, example_questions
from core.services.counterfactuals.tables import cumulative_table
from core.services.policies.what_ifs import what_if
from core.services.populations.synthesis import population_spec
from core.services.runs.fitted import fitted_twin, horizon_dates
from core.services.runs.run import run_study
from core.services.studies.inputs import open_study, study_hash
from core.services.studies.requests import RunRequest
from core.store.database import Store
from core.study import ExampleQuestion, load_study
from core.synthetic.meridia import true_effect

NAMES = AnswerNames("Observed", "As it was", "What if", "Truth")


def test_who_falls_and_who_rises_is_everybody_once(
    answered: tuple[FittedTwin, Contrast, pd.DataFrame],
) -> None:
    twin, item, _ = answered
    spec = population_spec(twin.problem.study)
    table = movers_table(twin, item, "transit", "age_group", spec)
    assert list(table["category"]) == [entry.label for entry in spec.attribute("age_group").categories]
    np.testing.assert_allclose(table[["falls", "alike", "rises"]].sum(axis=1), 1.0)
    assert table["people"].sum() == twin.personas["weight"].sum()
    change = person_changes(twin, item, np.arange(len(twin.personas))).change["transit"].to_numpy()
    weight = twin.personas["weight"].to_numpy(float)
    assert (table["rises"] * table["people"]).sum() == pytest.approx(weight[change >= 1.0].sum(), rel=1e-6)
    assert table["rises"].max() > 0.5, "without measures people travel more"


def test_a_sum_is_that_of_the_days_and_a_placebo_is_exactly_nothing(
    answered: tuple[FittedTwin, Contrast, pd.DataFrame],
) -> None:
    twin, item, _ = answered
    daily, weekly = (cumulative_table([item], "transit", weekly=by_week) for by_week in (False, True))
    days = item.path.metric["transit"] - item.reference.metric["transit"]
    assert daily["value"].iloc[-1] == pytest.approx(days.sum()) == pytest.approx(weekly["value"].iloc[-1])
    assert daily["value"].iloc[9] == pytest.approx(days.iloc[:10].sum())
    assert daily["lower"].iloc[-1] <= daily["value"].iloc[-1] <= daily["upper"].iloc[-1]
    same = twin.timeline.renamed("Nothing changes", parent_id=twin.timeline.id)
    placebo = contrasts(twin, [same], item.path.dates)[0]
    assert (cumulative_table([placebo], "transit", weekly=True)[["value", "lower", "upper"]] == 0.0).all().all()
    assert (placebo.difference == 0.0).all() and (placebo.lower == 0.0).all() and not placebo.changes


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FittedTwin, Contrast, pd.DataFrame]]:
    with Store(tmp_path_factory.mktemp("answers") / "s.duckdb") as store:
        run = run_study(RunRequest("meridia", personas=60, trials=1), store).run_id
        twin = fitted_twin(store, run)
        timeline = _question(twin, "no-measures").timeline()
        days = horizon_dates(twin, None, None)
        truth = true_paths(twin.problem.study, twin.timeline, timeline, days)
        assert truth is not None
        yield twin, contrasts(twin, [timeline], days)[0], truth


def _question(twin: FittedTwin, name: str) -> Question:
    return next(item for item in example_questions(twin.problem.study, twin.timeline, twin.origin) if item.id == name)


def test_a_study_is_asked_its_own_questions_first() -> None:
    for name in ("meridia", "orlo@Dale"):
        inputs = open_study(name)
        asked = example_questions(inputs.study, inputs.timeline, inputs.study.train_end)
        assert [item.id for item in asked][:2] == ["own-1", "own-2"] and len(asked) == 6
        for item in asked:
            assert item.timeline().changes(inputs.timeline), "each question changes something"
            assert item.text.endswith("?")
    assert "3 months later" in " ".join(item.text for item in asked)


def test_a_question_that_cannot_be_is_refused_where_it_stands() -> None:
    inputs = open_study("meridia")
    wrong = replace(inputs.study, questions=(ExampleQuestion("schools flew?", ({"set": "C1", "level": 9},)),))
    with pytest.raises(InputError, match=r"study meridia, question 1, edit 1"):
        example_questions(wrong, inputs.timeline, wrong.train_end)[0].timeline()
    assert study_hash(wrong) == study_hash(inputs.study), "examples change no result, so no hash"


@pytest.mark.parametrize(("later", "sign"), [("lifted-later", 1), ("lifted-earlier", -1)])
def test_measures_are_moved_by_periods_of_the_study(later: str, sign: int) -> None:
    """In a study of months a month is moved, also of a lever of which less is stricter (watering days)."""
    inputs = open_study("orlo@Dale")
    moved = what_if(later, inputs.timeline, inputs.study.train_end, 2)
    index, before = moved.stringency(), inputs.timeline.stringency()
    assert ((index - before) * sign >= -1e-9).all() and (index != before).any()
    months = [item.start for item in moved.interventions] + [item.end for item in moved.interventions if item.end]
    assert all(day == date(day.year, day.month, 1) for day in months)


def test_the_truth_is_known_of_the_place_that_a_study_means_by_itself() -> None:
    whole, named = (open_study(name) for name in ("orlo", "orlo@Alder"))
    days = whole.timeline.dates[-36:]
    found, same = (true_paths(item.study, item.timeline, item.timeline, days) for item in (whole, named))
    assert found is not None and same is not None
    pd.testing.assert_frame_equal(found, same)


def test_the_truth_is_that_of_the_process(answered: tuple[FittedTwin, Contrast, pd.DataFrame]) -> None:
    twin, item, truth = answered
    days, study = item.path.dates, twin.problem.study
    base = true_paths(study, twin.timeline, twin.timeline, days)
    assert base is not None
    asked = _question(twin, "no-measures").timeline()
    known = true_effect(asked.levels(), twin.timeline.levels(), days)
    pd.testing.assert_frame_equal(truth - base, known, check_freq=False)
    seen = open_study("meridia").observations.loc[days]
    assert float((base - seen).abs().mean().mean()) < 4, "what was observed is the truth and noise"


def test_nothing_is_known_of_a_real_place_or_another_calendar(
    answered: tuple[FittedTwin, Contrast, pd.DataFrame],
) -> None:
    twin, item, _ = answered
    study, own, days = twin.problem.study, twin.timeline, item.path.dates
    assert true_paths(replace(study, fictional=False), own, own, days) is None
    assert true_paths(load_study("uae"), own, own, days) is None
    other = own.with_holiday(days[10].date(), "Another day")
    assert true_paths(study, own, other, days) is None
    edited = own.with_constant({"C1": 3}, date(2030, 6, 1), date(2030, 6, 30))
    assert true_paths(study, edited, edited, days) is None, "data that are not those of the process"


def test_people_sum_up_to_everybody(answered: tuple[FittedTwin, Contrast, pd.DataFrame]) -> None:
    twin, item, _ = answered
    everyone = np.arange(len(twin.personas))
    found = person_changes(twin, item, everyone)
    weight = twin.personas["weight"].to_numpy(float)
    contexts, rows = item.path.table.contexts, item.path.table.actual
    answers = twin.engine.respond(twin.personas, contexts)[:, rows].mean(axis=1)
    expected = 100 * np.average(answers, axis=0, weights=weight)
    np.testing.assert_allclose(np.average(found.after, axis=0, weights=weight), expected, rtol=1e-5)
    assert (found.change.drop(columns="residential") >= -1e-4).all().all(), (
        "nobody goes out less where nothing is in force"
    )
    some = person_changes(twin, item, [3, 7])
    np.testing.assert_allclose(some.change, found.change.iloc[[3, 7]], rtol=1e-5, atol=1e-5)
    assert ordinary_activity_of(twin, item).to_numpy().min() >= 0


def test_a_sample_stands_for_the_population() -> None:
    weights = np.array([1.0, 0.0, 2.0, 1.0])
    assert spread_of_people(weights, 4).tolist() == [0, 2, 3] and spread_of_people(weights, 1).tolist() == [2]
    even = spread_of_people(np.ones(1000), 100)
    assert len(even) == 100 and np.diff(even).max() == 10


def test_tables_figures_and_sentences_say_the_same(answered: tuple[FittedTwin, Contrast, pd.DataFrame]) -> None:
    twin, item, truth = answered
    study, spec = twin.problem.study, population_spec(twin.problem.study)
    seen = open_study("meridia").observations
    course = answer_table(study, item, "retail", names=NAMES, observations=seen, truth=truth)
    assert set(course["name"]) == {"Observed", "As it was", "What if", "Truth"}
    weeks = course[course["name"] == "What if"]
    assert weeks["value"].iloc[0] == pytest.approx(item.path.metric["retail"].iloc[:7].mean())
    table = effects_table(study, item, (truth - truth + 5).mean())
    said = effect_sentence(table, "retail")
    assert f"**{abs(item.difference['retail']):.1f} points higher**" in said and "80% effect interval" in said
    unsure = table.assign(lower=-1.0, upper=1.0)
    assert "no clear difference" in effect_sentence(unsure, "retail")
    assert "inside 6 of 6" in truth_sentence(table.assign(lower=4.0, upper=6.0))
    assert truth_sentence(effects_table(study, item)) == "" and calendar_sentence(item) == ""
    assert support_sentence(study, item).startswith("Outside anything seen before on")
    groups = moved_groups(twin, item, "retail", spec)
    assert groups and [group.difference for group in groups] == sorted(group.difference for group in groups)
    assert moved_sentence(
        [MovedGroup("Age", "65 years and over", -30.0), MovedGroup("Age", "25 to 34 years", -3.0)]
    ) == ("Most: **65 years and over** (age, −30.0 points). Least: **25 to 34 years** (age, −3.0 points).")
    people = people_table(twin, item, "retail")
    assert (people["after"] - people["before"]).to_numpy() == pytest.approx(people["change"].to_numpy())
    figures = (
        answer_figure(course, origin=twin.origin, unit=study.metric_unit, index="stringency"),
        effects_figure(table, periods="days"),
        people_figure(people.assign(words="x"), label="Retail"),
    )
    assert [len(figure.data) for figure in figures] == [8, 2, 1]
    for figure in figures:
        assert "#ffffff" not in str(darkened(figure).to_json())
    assert [rung.reached for rung in ladder("the agents behaved coherently")] == [True, True, False, False]
