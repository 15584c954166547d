"""The sections of the Simulate page beside the run: reading, comparing, checking the crowd, asking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from any_model import REASON, any_model
from llm_servers import ServerUrl, openai_server
from page_cases import clean, said, until
from simulate_page import MODEL, linked, model_run, page, plan, store_of_the_page

from core.services.audits.persona_audit import audit_personas
from core.services.audits.requests import PersonaAuditRequest
from core.services.dashboard.jobs import DONE
from core.services.evaluation.engine_comparison import compare_engines, runs_to_compare
from core.services.runs.reading import list_results
from core.services.studies.requests import ModelOptions
from core.services.surveys.ask import ask_people, kept_questions, survey_result
from core.store.database import Store
from core.study import load_study
from core.survey.questions import SurveyQuestion
from pages.common.shell import job_manager


@pytest.fixture
def store(meridia_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with store_of_the_page(meridia_store, monkeypatch) as opened:
        yield opened


@pytest.fixture
def server() -> Iterator[ServerUrl]:
    with openai_server(any_model()) as url:
        yield url


@pytest.mark.parametrize("design", ["blinded", "levels", "aggregate"])
def test_a_personas_answers_are_read_with_their_reasons(store: Store, server: ServerUrl, design: str) -> None:
    run_id = model_run(store, server, samples=2, design=design)
    at = clean(page(section="read", run=run_id, persona="2"))
    words = [str(item.value) for item in at.text]
    people = store.read("personas", population_id=store.run(run_id).record.population_id)
    assert people["text"].iloc[2] in words, "who it is"
    assert words.count(f"“{REASON}”") == 2, "a reason for each sample, as plain text"
    assert any("BEGIN PERSONA" in text for text in words) == (design != "aggregate"), "the prompt, word for word"
    assert any(text.startswith('{"reason"') for text in words), "the answer, word for word"
    assert not any("<b>" in str(item.value) for item in (*at.markdown, *at.caption)), "never rendered"
    [table] = [item.value for item in at.dataframe if "reason" in item.value.columns]
    assert set(table["reason"]) == {REASON} and table["retail"].between(0, 100).all()
    assert ("Nobody in particular was asked" in said(at)) == (design == "aggregate")
    last = f"{table['first'].iloc[-1]:%Y-%m-%d}"
    at = clean(page(section="read", run=run_id, persona="2", situation=last))
    assert linked(at, "situation") == last


def test_the_rules_engine_gives_no_reasons_and_says_so(store: Store) -> None:
    at = clean(page(section="read", persona="7"))
    assert "The rules engine gives no reasons" in said(at) and "Rules in force" in said(at)
    assert not any("BEGIN PERSONA" in str(item.value) for item in at.text)


def test_engines_stand_side_by_side_with_the_baselines(store: Store, server: ServerUrl) -> None:
    rules = str(list_results(store, "meridia")["run_id"].iloc[0])
    run_id = model_run(store, server, train_end=None, test_end=None)
    at = clean(page(section="compare", run=run_id))
    words = said(at).replace("\\", "")
    assert f"{MODEL}, blinded" in words and "Rules (not a language model)" in words and "best baseline" in words
    assert "people are not the same" in words and len(at.get("plotly_chart")) == 3
    found = compare_engines(store, [run_id, rules], load_study("meridia"))
    macro = found.errors[found.errors["behaviour"] == "macro"].set_index("run_id")["value"]
    assert macro[run_id] == pytest.approx(store.run(run_id).summary["macro_rmse"]["twin"], abs=1e-3)
    assert list(runs_to_compare(store, "meridia")["run_id"]) == [run_id, rules]
    at = clean(page(section="compare", run=run_id, beside=rules))
    assert "Only one run is shown" in said(at)


def test_the_crowd_is_measured_after_its_cost_is_said(store: Store, server: ServerUrl) -> None:
    run_id = model_run(store, server)
    at = clean(page(section="persona-audit", run=run_id))
    calls = int(plan(at)["Calls"])
    seen = len(server.seen)
    assert "Not checked yet" in said(at) and calls > 0
    at.button(key="measure-persona_audit").click().run()
    job = job_manager().latest("persona_audit", run_id)
    assert job is not None
    until(lambda: not job.active)
    assert job.status == DONE, job.message
    assert len(server.seen) - seen == calls, "as many calls as were said before"
    at = clean(page(section="persona-audit", run=run_id))
    words = said(at)
    assert "Spread between people" in words and "In other words" in words and len(at.get("plotly_chart")) >= 2
    at = clean(page(section="persona-audit", checks="audit", run=run_id))
    calls, seen = int(plan(at)["Calls"]), len(server.seen)
    at.button(key="measure-audit").click().run()
    job = job_manager().latest("audit", run_id)
    assert job is not None
    until(lambda: not job.active)
    assert job.status == DONE and len(server.seen) - seen == calls, job.message
    at = clean(page(section="persona-audit", checks="audit", run=run_id))
    assert "things that the policy cannot move" in said(at) and len(at.get("plotly_chart")) >= 2


def test_the_offline_crowd_is_checked_for_nothing(store: Store) -> None:
    run_id = str(list_results(store, "meridia")["run_id"].iloc[0])
    assert "It costs nothing" in said(clean(page(section="persona-audit")))
    assert "It costs nothing" in said(clean(page(section="crowd"))), "a link from before the section had this name"
    audit_personas(PersonaAuditRequest(run_id), store)
    assert "needs a language model" in said(clean(page(section="persona-audit")))
    assert "asked nothing in words" in said(clean(page(section="persona-audit", checks="audit")))


def test_a_question_is_put_to_the_people(store: Store, server: ServerUrl) -> None:
    link = {
        "section": "ask", "survey_engine": "openai", "openai_model": MODEL, "address": str(server), "asked_personas": "12",
        "survey_samples": "2",
    }  # fmt: skip
    at = page(**link)
    assert "Write a question" in said(clean(at)) and not [item for item in at.button if item.key == "measure-ask"]
    at.text_area(key="survey-meridia-text").set_value("Are <b>shops</b> open too long?").run()
    assert plan(clean(at))["Calls"] == "39" and "BEGIN QUESTION" in said(at)
    at.button(key="measure-ask").click().run()
    job = job_manager().latest("ask", "meridia")
    assert job is not None
    until(lambda: not job.active)
    assert job.status == DONE and len(server.seen) == 39, job.message
    at = clean(page(**link, asked_by="occupation"))
    words = said(at)
    assert "nobody was asked" in words and "between samples" in words and len(at.get("plotly_chart")) == 3
    assert survey_result(kept_questions(store, "meridia")[0]).question.text in words.replace("\\", "")


def test_a_question_is_answered_by_a_trait_without_a_call(store: Store) -> None:
    population = str(store.run(str(list_results(store, "meridia")["run_id"].iloc[0])).record.population_id)
    at = page(section="ask", answered_by="trait")
    at.text_area(key="survey-meridia-text").set_value("How much do you trust the government?").run()
    assert "Assumption of the user" in said(clean(at)) and "No calls and no cost" in said(at)
    at.button(key="measure-ask").click().run()
    job = job_manager().latest("ask", "meridia")
    assert job is not None
    until(lambda: not job.active)
    assert job.status == DONE, job.message
    assert "no language model took part" in said(clean(page(section="ask")))
    assert store.run(job.result.run_id).record.population_id == population


def test_what_is_said_beneath_reproduce_is_true(store: Store, server: ServerUrl) -> None:
    run_id = model_run(store, server)
    population = str(store.run(run_id).record.population_id)
    question = SurveyQuestion.of_choices("Are shops open too long?", ["Yes", "No"])
    asked = ask_people(store, population, question, asking=ModelOptions("openai", MODEL, str(server))).run_id
    audit_personas(PersonaAuditRequest(run_id), store)
    for section in ("read", "compare", "persona-audit", "ask"):
        at = clean(page(section=section, run=run_id))
        lines = str(at.code[-1].value)
        shown: list[Any] = []
        # The store is open here already: the same connection serves the same file in one process.
        exec(compile(lines, section, "exec"), {"print": lambda *items, shown=shown: shown.extend(items)})
        assert shown[0]["run_id"] == asked if section == "ask" else shown and run_id in lines and shown[0] is not None
