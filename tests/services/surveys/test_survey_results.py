"""Who is asked, what is kept, told and refused, and the command."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ask_cases import TRAVEL, TRUST, asked_values, by_age, told
from llm_servers import gemini_server, openai_server, prompt_of
from pydantic import TypeAdapter
from survey_cases import (
    asked_of,
    asking,
    kept,
    persona_of,
    scripted,
    study,
)

from core.cli import main
from core.cognition.llm.fenced import one_line
from core.errors import InputError
from core.report.documents import document_of
from core.report.figures.surveys import answer_figure, spread_figure, subgroup_figure
from core.report.renderers.terminal import terminal_text
from core.report.sentences.surveys import cost_document, headline
from core.services.library.archive import export_run, load_result
from core.services.populations.synthesis import make_population
from core.services.surveys.ask import (
    asked_answers,
    by_subgroup,
    cost_of_asking,
    kept_questions,
    survey_result,
)
from core.services.surveys.preparing import ages_from
from core.services.surveys.results import AnswersBy, SurveyResult
from core.store.database import Store
from core.survey.mapping import BEHAVIOUR, TRAIT, AnswerMapping
from core.survey.questions import SurveyQuestion


def groups_of(store: Store, run_id: str, names: Sequence[str]) -> dict[str, Any]:
    return {
        name: TypeAdapter(AnswersBy).dump_python(found, mode="json")
        for name, found in by_subgroup(store, run_id, names).items()
    }


def test_fewer_are_asked_and_still_stand_for_everybody(store: Store) -> None:
    identifier, population = kept(store, 200)
    with openai_server(scripted("openai", population, by_age)) as url:
        values = asked_values(store, identifier, TRAVEL, asking=asking("openai", url), personas=40)
        assert len(asked_of(url)) == 40
    everyone = values["everyone"]
    assert (values["asked"], values["of_personas"]) == (40, 200) and everyone["people"] == population.spec.total
    assert everyone["effective_personas"] > 35
    weight = population.personas["weight"].to_numpy(float)
    whole = weight @ np.array([by_age(row, 0) for row in population.personas.to_dict("records")]) / weight.sum()
    assert [item["value"] for item in everyone["shares"]] == pytest.approx(whole, abs=0.1)


def test_only_those_who_are_meant_are_asked(store: Store) -> None:
    identifier, population = kept(store, 60)
    people = population.personas
    adults = ages_from(population, 15)
    assert adults == {"age_group": ["15-24", "25-34", "35-49", "50-64", "65+"]}
    women = {**adults, "sex": ["female"]}
    meant = people[(people["age_group"] != "0-14") & (people["sex"] == "female")]
    with openai_server(scripted("openai", population, by_age)) as url:
        values = asked_values(store, identifier, TRAVEL, asking=asking("openai", url), among=women)
        assert {persona_of(prompt_of(seen.body)) for seen in asked_of(url)} == {
            one_line(text) for text in meant["text"]
        }
        fewer = asked_values(store, identifier, TRAVEL, asking=asking("openai", url), among=women, personas=5)
    assert values["inhabitants"] == meant["weight"].sum() == fewer["inhabitants"] == values["everyone"]["people"]
    assert "female" in told(values) and fewer["run_id"] != values["run_id"]
    rows = store.read_result("survey_answers", values["run_id"])
    assert rows["persona_id"].tolist() == meant["persona_id"].tolist()
    later = groups_of(store, values["run_id"], ["age_group"])
    assert later["age_group"] == values["by"]["age_group"]
    for among, wrong in (
        ({"sexx": ["female"]}, "Nearest valid: sex"),
        ({"sex": ["femal"]}, "Nearest valid: female"),
        ({"age_group": ["0-14"], "occupation": ["retired"]}, "no persona is meant"),
    ):
        with pytest.raises(InputError, match=wrong):
            asked_values(store, identifier, TRAVEL, asking=asking("openai", url), among=among)
    with pytest.raises(InputError, match="nobody from 90 years on"):
        ages_from(population, 90)


def test_what_asking_would_take_is_what_it_takes(store: Store) -> None:
    identifier, population = kept(store, 9)
    with openai_server(scripted("openai", population, by_age)) as url:
        way = asking("openai", url, samples=2)
        cost = cost_of_asking(store, identifier, TRAVEL, asking=way)
        before = cost.as_dict()
        assert not url.seen and before["distinct"] == 18 == before["calls"] - 15 and before["personas"] == 9
        assert TRAVEL.text in before["prompt"] and "33 calls" in terminal_text(cost_document(cost))
        asked_values(store, identifier, TRAVEL, asking=way)
        assert len(asked_of(url)) == 18 and len(url.seen) == 33
        assert cost_of_asking(store, identifier, TRAVEL, asking=way).calls == 0


def test_subgroups_and_answers_can_be_looked_at_later(store: Store) -> None:
    identifier, population = kept(store)
    with openai_server(scripted("openai", population, by_age)) as url:
        values = asked_values(store, identifier, TRUST, asking=asking("openai", url))
    later = groups_of(store, values["run_id"], ["age_group", "institutional_trust"])
    assert later["age_group"] == values["by"]["age_group"]
    assert {group["label"] for group in later["institutional_trust"]["groups"]} <= {
        "very low",
        "low",
        "middle",
        "high",
        "very high",
    }
    with pytest.raises(InputError, match="unknown attribute or trait 'age'"):
        groups_of(store, values["run_id"], ["age"])
    frame = asked_answers(store, values["run_id"])
    assert frame["text"].tolist() == population.personas["text"].tolist()
    assert frame[list(values["labels"])].sum(axis=1).to_numpy() == pytest.approx(np.ones(30))


def test_a_question_is_kept_like_a_run(store: Store, tmp_path: Path) -> None:
    identifier, population = kept(store, 6)
    with gemini_server(scripted("gemini", population, by_age)) as url:
        values = asked_values(store, identifier, TRUST, asking=asking("gemini", url))
    record = store.run(values["run_id"]).record
    assert (record.kind, record.engine, record.model_id, record.prompt_version) == (
        "ask",
        "gemini",
        "gemini-test-001",
        "survey-2",
    )
    assert record.parameters["model"] == "test-model" and record.result_hash == values["result_hash"]
    assert store.run(values["run_id"]).summary == values
    [listed] = kept_questions(store, "meridia")
    assert listed.run_id == values["run_id"] and load_result(store, listed.run_id).as_dict() == values
    said = headline(survey_result(listed))
    assert said.startswith("mean ")
    assert not kept_questions(store, "uae")
    written = export_run(store, values["run_id"], tmp_path / "out")
    assert {path.name for path in written} == {
        "survey_answers.csv",
        "survey_distribution.csv",
        "record.json",
    }
    with (tmp_path / "out" / "survey_answers.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert sum(float(rows[0][f"probability: {label}"]) for label in values["labels"]) == pytest.approx(1)
    with (tmp_path / "out" / "survey_distribution.csv").open(newline="", encoding="utf-8") as file:
        shares = [row for row in csv.DictReader(file) if not row["attribute"]]
    assert [row["answer"] for row in shares] == values["labels"]
    assert [float(row["share"]) for row in shares] == pytest.approx(
        [100 * item["value"] for item in values["everyone"]["shares"]], abs=1e-3
    )
    assert "[" not in rows[0] and said.split()[1] in terminal_text(document_of(store, values["run_id"]))


def test_the_policy_of_a_day_is_told_in_words_and_without_the_day(store: Store) -> None:
    identifier, population = kept(store, 4)
    question = SurveyQuestion.of_choices("Do you agree?", ["Yes", "No"], situation="It rains.", as_of=date(2031, 3, 1))
    with openai_server(scripted("openai", population, lambda person, sample: [0.5, 0.5])) as url:
        values = asked_values(store, identifier, question, asking=asking("openai", url))
        prompt = prompt_of(asked_of(url)[0].body)
    assert "The rules and the illness" in prompt and "It rains." in prompt and "Rules in force" in prompt
    assert "2031-03-01" not in prompt and "It is spring (March to May 2031)." in prompt
    assert values["timeline_id"] == store.run(values["run_id"]).record.timeline_id and values["situation"] in prompt
    with pytest.raises(InputError, match="as of 2019-01-01"):
        late = SurveyQuestion.of_choices("Do you agree?", ["Yes", "No"], as_of=date(2019, 1, 1))
        asked_values(store, identifier, late, asking=asking("openai", "http://127.0.0.1:9/v1"))


def test_the_rules_engine_answers_what_is_mapped_to_it_and_nothing_else(store: Store) -> None:
    identifier, population = kept(store, 60)
    five = SurveyQuestion.of_scale("Do you trust institutions?", 1, 5, "No", "Yes")
    values = asked_values(store, identifier, five, mapping=AnswerMapping(TRAIT, "institutional_trust"))
    trait = population.personas["institutional_trust"].to_numpy(float)
    points = np.minimum((trait * 5).astype(int), 4) + 1
    assert values["everyone"]["mean"]["value"] == pytest.approx(
        np.average(points, weights=population.personas["weight"]), abs=1e-6
    )
    assert (
        values["engine"] == "rules" and values["mapping"]["name"] == "institutional_trust" and values["spent"] is None
    )
    assert "Assumption of the user" in told(values) and "not a language model" in told(values)
    work = SurveyQuestion.of_choices("Will you go to work?", ["Yes", "No"], as_of=date(2031, 3, 3))
    answered = asked_values(store, identifier, work, mapping=AnswerMapping(BEHAVIOUR, "workplaces"))
    assert 0 < answered["everyone"]["shares"][0]["value"] < 1
    retired = next(item for item in answered["by"]["occupation"]["groups"] if item["name"] == "retired")
    assert retired["shares"][0]["value"] < 0.1


@pytest.mark.parametrize(
    ("question", "way", "wrong"),
    [
        (TRUST, {}, "cannot answer a question in words.*--trait"),
        (TRAVEL, {"mapping": AnswerMapping(TRAIT, "institutional_trust")}, "a trait cannot be one of several"),
        (TRUST, {"mapping": AnswerMapping(TRAIT, "institutional_trusts")}, "Nearest valid: institutional_trust"),
        (TRUST, {"mapping": AnswerMapping(BEHAVIOUR, "workplaces")}, "--as-of"),
        (
            SurveyQuestion.of_scale("Q?", 1, 3, "a", "b", situation="It rains."),
            {"mapping": AnswerMapping(TRAIT, "institutional_trust")},
            "no situation in words",
        ),
        (
            TRUST,
            {"mapping": AnswerMapping(TRAIT, "x"), "asking": asking("openai", "http://127.0.0.1:9/v1")},
            "both a language model and a mapping",
        ),
        (TRUST, {"asking": asking("openai", "http://127.0.0.1:9/v1"), "personas": 5000}, "5,000 personas"),
        (TRUST, {"asking": asking("openai", "http://127.0.0.1:9/v1"), "personas": 0}, "0 personas"),
        (TRUST, {"asking": asking("openai", "http://127.0.0.1:9/v1"), "timeline_id": "x"}, "no day of it"),
        (TRUST, {"asking": asking("openai", "http://127.0.0.1:9/v1", samples=0)}, "0 samples"),
        (TRUST, {"asking": asking("openai", "http://127.0.0.1:9/v1"), "study": "uae"}, "is of study meridia"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_one_line(
    store: Store, question: SurveyQuestion, way: dict[str, Any], wrong: str
) -> None:
    identifier, _ = kept(store, 4)
    with pytest.raises(InputError, match=wrong) as caught:
        asked_values(store, identifier, question, **way)
    assert "\n" not in str(caught.value)
    assert not kept_questions(store)


def test_figures_show_the_numbers(store: Store) -> None:
    identifier, population = kept(store)
    for question in (TRUST, TRAVEL):
        with openai_server(scripted("openai", population, by_age, seed=1)) as url:
            values = asked_values(store, identifier, question, asking=asking("openai", url, seed=1, samples=2))
        result = SurveyResult.from_dict(values)
        bar = answer_figure(result, source="scripted model").data[0]
        shown = bar.y if question is TRUST else bar.x
        assert list(shown) == pytest.approx([100 * item["value"] for item in values["everyone"]["shares"]])
        panels = subgroup_figure(result, "age_group", source="scripted model").data
        assert len(panels) == (1 if question is TRUST else 3)
        assert len(panels[0].x) == len(values["by"]["age_group"]["groups"])
        parts = spread_figure(result, "sex", source="scripted model").data
        assert len(parts) == 3 and sum(trace.x[0] for trace in parts) == pytest.approx(100, abs=0.01)


def test_the_command_asks_estimates_and_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    population = make_population(study(), study().personas, 0)
    place = ["--db", str(tmp_path / "store.duckdb")]
    with openai_server(scripted("openai", population, by_age)) as url:
        base = ["ask", "meridia", "--question", TRAVEL.text, "--choices", "By car,By bus\\, tram,On foot"]
        base += ["--engine", "openai", "--model", "test-model", "--base-url", str(url), "--personas", "12", *place]
        assert main([*base, "--estimate", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["calls"] == 12 + 15 and not url.seen
        assert main([*base, "--json"]) == 0
        values = json.loads(capsys.readouterr().out)
        assert values["labels"] == ["By car", "By bus, tram", "On foot"] and len(asked_of(url)) == 12
        fewer = ["--from-age", "50", "--among", "sex=female", "--estimate", "--json"]
        assert main([*base, *fewer]) == 0
        assert json.loads(capsys.readouterr().out)["personas"] == 12
        assert main([*base, "--by", "sex,age_group,sociability"]) == 0
        text = capsys.readouterr().out
        assert (
            len(asked_of(url)) == 12
            and "middle" in text
            and "Female" in text
            and "65 years" in text
            and values["run_id"] in text
        )
    refused = [
        (["--question", "Q?", "--choices", "a,b"], "cannot answer a question in words"),
        (["--question", "Q?"], "--choices or --scale"),
        (["--question", "Q?", "--scale", "1-5", "--low", "a", "--high", "b", "--by", "sexx"], "Nearest valid: sex"),
        (["--question", "Q?", "--choices", "a,b", "--model", "m"], "which asks no model"),
        (
            ["--question", "Q?", "--choices", "a,b", "--engine", "openai", "--model", "m", "--design", "levels"],
            "a way to ask about situations",
        ),
        (["--question", "Q?", "--choices", "a,b", "--scale", "1-5"], "--choices or --scale"),
        (["--question", "Q?", "--scale", "1-5", "--trait", "institutional_trust"], "label of the low end"),
        (["--question", "Q?", "--choices", "a,b", "--engine", "opnai", "--model", "m"], "Nearest valid: openai"),
        (["--question", "Q?", "--choices", "a,b", "--engine", "openai"], "no model is named"),
        (["--question", "Q?", "--scale", "five"], "is not a scale"),
        (["--question", "Q?", "--choices", "a,b", "--among", "sex"], "names nobody"),
    ]
    for arguments, wrong in refused:
        assert main(["ask", "meridia", *arguments, *place]) == 2
        error = capsys.readouterr().err
        assert wrong in error and error.count("\n") == 1


def test_importing_the_survey_brings_no_provider_and_no_plotting() -> None:
    code = (
        "import sys, core.survey.ask, core.services.surveys.ask;"
        "print([name for name in ('openai', 'google.genai', 'plotly', 'streamlit') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
