"""The Simulate page: a run of a language model from its cost to its answers, and the other sections, on a local server."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest
from any_model import NAME, REASON, any_model, persona_of
from llm_servers import ServerUrl, openai_server
from page_cases import end_jobs
from small_runs import SHORT
from streamlit import config
from streamlit.testing.v1 import AppTest

from core.report.style import styled, without_source
from core.services.asking_people import ask_people, kept_questions
from core.services.crowd import crowd_checks
from core.services.engine_comparison import compare_engines, runs_to_compare
from core.services.jobs import DONE, FAILED, STOPPED, Job
from core.services.model_servers import SERVERS_VARIABLE
from core.services.populations import make_population
from core.services.results import list_results
from core.services.runs import run_study
from core.services.server_check import require_server
from core.services.simulate_words import crowd_words, time_words, why_it_ended
from core.services.specification import Asking, RunRequest
from core.store.database import Store
from core.study import load_study
from core.survey.questions import SurveyQuestion
from pages.shared.shell import job_board, open_store, plain_text

APP = Path(__file__).resolve().parent.parent / "app.py"
PATIENCE = 120.0
SECTIONS = ("run", "read", "compare", "crowd", "ask")
#: Looks like a key, and is in no place but the environment.
KEY = "sk-" + "hush" * 8
MODEL = "m-1"


@pytest.fixture
def store(meridia_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The store of the page, with one complete run of Meridia by rules; jobs and store end with the test."""
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", SERVERS_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    opened = open_store(str(meridia_store))
    yield opened
    end_jobs()
    opened.close()


@pytest.fixture
def server() -> Iterator[ServerUrl]:
    with openai_server(any_model()) as url:
        yield url


def page(**parameters: str) -> AppTest:
    at = AppTest.from_file(str(APP), default_timeout=PATIENCE)
    at.switch_page("pages/3_Simulate.py")
    for name, value in {"study": "meridia", **parameters}.items():
        at.query_params[name.replace("_", "-")] = value
    return at.run()


def asked_of(url: str, **more: str) -> dict[str, str]:
    """A link that asks three personas of the server at `url`, on the shortest split."""
    days = {name: str(day) for name, day in SHORT.items()}
    return {
        "engine": "openai", "openai_model": MODEL, "address": str(url), "sim_asked": "3", "sim_trials": "1", **days, **more
    }  # fmt: skip


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def said(at: AppTest) -> str:
    """All words on the page."""
    parts = [*at.markdown, *at.caption, *at.text, *at.info, *at.warning, *at.error, *at.success, *at.code]
    tiles = [f"{tile.label}: {tile.value}" for tile in at.metric]
    return "\n".join([*(str(part.value) for part in parts), *tiles])


def clean(at: AppTest) -> AppTest:
    assert not at.exception and not at.error, said(at)
    return at


def plan(at: AppTest) -> dict[str, str]:
    """The tiles of what asking would take; those of the run shown come after them."""
    return {tile.label: tile.value for tile in reversed(at.metric)}


def took(at: AppTest) -> dict[str, str]:
    """The tiles of what the run shown took."""
    return {tile.label: tile.value for tile in at.metric}


def linked(at: AppTest, name: str) -> str:
    """A choice as the address has it."""
    value = at.query_params[name]
    return str(value if isinstance(value, str) else value[-1])


def model_run(store: Store, url: str, **more: Any) -> str:
    """A run of three personas of the server's model, without the page, on the shortest split unless told otherwise."""
    manner = {name: more.pop(name) for name in ("samples", "design", "allow_failures", "model") if name in more}
    asking = Asking("openai", **{"model": MODEL, "base_url": str(url), **manner})
    days = {**SHORT, **more}
    return run_study(RunRequest("meridia", personas=3, trials=1, asking=asking, **days), store).run_id


def finished(store: Store) -> Job:
    job = job_board().latest("run", "meridia")
    assert job is not None
    until(lambda: not job.active)
    return job


# --- choosing, cost, running ------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", SECTIONS)
def test_a_link_opens_each_section(store: Store, section: str) -> None:
    at = clean(page(section=section))
    words = said(at)
    assert "invented" in words and "not a language model" in words
    assert section == "run" or linked(at, "section") == section


def test_before_the_first_run_each_section_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICYTWIN_DB", str(tmp_path / "empty.duckdb"))
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    for section in SECTIONS:
        at = clean(page(section=section))
        assert section == "run" or "Run an engine first" in said(at)
    end_jobs()
    open_store(str(tmp_path / "empty.duckdb")).close()


def test_a_run_goes_from_its_cost_to_its_answers(
    store: Store, server: ServerUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    at = clean(page(**asked_of(server, samples="2")))
    before = plan(at)
    assert before["Answered already"] == "0" and before["Cost"] == "none" and not server.seen
    questions, calls = int(before["Questions"]), int(before["Calls"])
    words = said(at)
    assert "Key for OpenAI: yes" in words and "has no price" in words and "pieces of words" in words
    assert "Guards against" in words and "3 personas in" in words
    assert at.button(key="simulate").label == f"Run with {calls} calls"
    at.button(key="simulate").click().run()
    assert finished(store).status == DONE
    at = clean(at.run())
    after = took(at)
    run_id = str(list_results(store, "meridia")["run_id"].iloc[0])
    assert linked(at, "run") == run_id and f"Run {run_id}" in said(at)
    assert len(server.seen) == calls and calls > questions, "canaries are calls too"
    run = store.run(run_id)
    assert run.record.engine == "openai" and run.record.personas == 3
    assert run.record.parameters["asking"]["samples"] == 2 and run.record.parameters["trials"] == 1
    assert "Done in" in said(at) and f"{NAME}" in said(at).replace("\\", "") and after["Failed"] == "0"
    assert after["Calls"] == f"{calls}", "what it took, beneath what another would take"
    assert "This run is there already" in said(at).replace("\\", "")
    everything = said(at) + str(at.query_params) + "".join(str(item.proto) for item in at.main)
    assert KEY not in everything and all(KEY in call.headers["authorization"] for call in server.seen)


def test_what_was_asked_once_is_replayed_without_a_call(store: Store, server: ServerUrl) -> None:
    assert "No answers of a language model are kept" in said(clean(page(engine="replay")))
    model_run(store, server)
    seen = len(server.seen)
    at = clean(page(**{**asked_of(server), "engine": "replay"}))
    assert plan(at)["Calls"] == "0" and MODEL in str(at.selectbox(key="choice-meridia-recording").options)
    at.button(key="simulate").click().run()
    assert finished(store).status == DONE
    newest = store.run(str(list_results(store, "meridia")["run_id"].iloc[0]))
    assert newest.record.engine == "replay" and len(server.seen) == seen
    assert "replayed" in said(clean(at.run()))


def test_the_offline_engine_costs_nothing_and_says_so(store: Store) -> None:
    at = clean(page(sim_personas="50", sim_trials="2", **{name: str(day) for name, day in SHORT.items()}))
    assert "No calls and no cost" in said(at)
    at.button(key="simulate").click().run()
    assert finished(store).status == DONE
    newest = list_results(store, "meridia").iloc[0]
    assert newest["personas"] == 50 and newest["trials"] == 2
    assert "No calls were made and nothing was paid" in said(clean(at.run()))


def test_a_run_is_stopped_kept_and_taken_up_again(store: Store) -> None:
    delay = [0.3]

    def behaviour(request: dict[str, Any], number: int) -> Any:
        return any_model(delay=delay[0])(request, number)

    with openai_server(behaviour) as url:
        at = clean(page(**asked_of(url, at_once="4")))
        questions = int(plan(at)["Questions"])
        at.button(key="simulate").click().run()
        job = job_board().latest("run", "meridia")
        assert job is not None
        until(lambda: len(url.seen) > 24)
        at = clean(page(**asked_of(url)))
        assert "At work" in said(at) and not [item for item in at.button if item.key == "simulate"], "one at a time"
        at.button(key=f"stop-{job.id}").click().run()
        assert finished(store).status == STOPPED
        at = clean(at.run())
        words = said(at)
        assert "What was finished is kept" in words and "questions were answered and are kept" in words
        [resume] = [item for item in at.button if str(item.key).startswith("resume-")]
        run_id = str(resume.key).removeprefix("resume-")
        assert store.run(run_id).status == "cancelled"
        before = store.read("llm_calls", status="ok")
        assert len(before) > 0 and len(before) == int(plan(at)["Answered already"]) + 15, "canaries are kept apart"
        delay[0] = 0.0
        resume.click().run()
        assert finished(store).status == DONE
        asked = store.run(run_id).summary["asking"]
        assert asked["cached"] == len(before) - 15 and asked["distinct"] == questions


def test_a_run_that_ended_early_is_discarded(store: Store, server: ServerUrl) -> None:
    at = clean(page(**asked_of(server, max_calls="30")))
    at.button(key="simulate").click().run()
    assert finished(store).status == FAILED
    at = page(**asked_of(server))
    [discard] = [item for item in at.button if str(item.key).startswith("discard-")]
    discard.click().run()
    assert set(store.runs(kind="run")["status"]) == {"complete"}
    assert not [item for item in at.button if str(item.key).startswith("resume-")]


def test_a_cap_stops_a_run_that_is_resumed_with_a_higher_one(store: Store, server: ServerUrl) -> None:
    at = clean(page(**asked_of(server, max_calls="40")))
    at.button(key="simulate").click().run()
    job = finished(store)
    assert job.status == FAILED and "the cap of 40 calls is reached" in job.message
    at = page(**asked_of(server))
    assert not at.exception and "The run ended early" in said(at) and len(server.seen) == 40
    assert "The cap of 40 calls is reached" in said(at)
    assert 0 < int(plan(at)["Answered already"]) <= 40
    [resume] = [item for item in at.button if str(item.key).startswith("resume-")]
    resume.click().run()
    assert finished(store).status == DONE
    calls = store.run(str(list_results(store, "meridia")["run_id"].iloc[0])).summary["asking"]["of_run"]["calls"]
    assert calls == len(server.seen), "nothing was asked twice"


def test_failed_questions_are_listed_with_their_reasons(store: Store) -> None:
    shy = make_population(load_study("meridia"), 3, 0).personas["text"].iloc[1]

    def wrong(prompt: str) -> bool:
        return persona_of(prompt) == shy and prompt.count(" must ") > 3

    with openai_server(any_model(wrong=wrong)) as url:
        at = clean(page(**asked_of(url, failures="go-on")))
        at.button(key="simulate").click().run()
        assert finished(store).status == DONE
        at = clean(at.run())
        failed = int(took(at)["Failed"])
        assert failed > 0
        [table] = [item.value for item in at.dataframe if "Why" in item.value.columns]
        assert len(table) == failed and table["Situation"].str.len().min() > 20
        assert table["Why"].str.contains("holds no JSON object").all() and set(table["Persona"]) == {"1"}


def test_a_large_crowd_is_counted_only_when_asked_for(store: Store, server: ServerUrl) -> None:
    at = clean(page(**asked_of(server, sim_asked="21")))
    assert at.button(key="simulate").disabled and "takes a while" in said(at)
    at.button(key="count-cost").click().run()
    assert int(clean(at).metric[0].value.replace(",", "")) > 468 and not at.button(key="simulate").disabled


# --- keys and addresses -----------------------------------------------------------------------------------------


def test_without_a_key_the_page_says_how_to_set_one(store: Store) -> None:
    for engine, variable in (("gemini", "GEMINI_API_KEY"), ("openai", "OPENAI_API_KEY")):
        at = clean(page(engine=engine, **{f"{engine}_model": "some-model"}))
        words = said(at).replace("\\", "")
        assert "no. Set the environment variable" in words and variable in words and "secrets.toml" in words
        assert at.button(key="simulate").disabled and plan(at)["Calls"] != "0", "the cost is known without a key"


@pytest.mark.parametrize(
    "address", ["https://example.com/v1", "http://127.0.0.1.example.com/v1", "http://me:secret-word@127.0.0.1:9/v1"]
)
def test_a_link_leads_no_key_away(store: Store, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    at = page(**asked_of(address))
    words = said(at)
    assert "is not possible here" in words and "secret-word" not in words and "example.com" not in words
    assert at.button(key="simulate").disabled and "address" not in at.query_params


@pytest.fixture
def shared_dashboard() -> Iterator[None]:
    """Pages are served to others as well, not to this machine alone as our own configuration has it."""
    own = config.get_option("server.address")
    config.set_option("server.address", "0.0.0.0")
    yield
    config.set_option("server.address", own)


@pytest.mark.usefixtures("shared_dashboard")
def test_a_visitor_may_ask_only_listed_servers(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    at = page(engine="openai", openai_model=MODEL, server="other")
    at.text_input(key="choice-meridia-address").set_value("https://models.example.com/v1").run()
    assert "is not among the servers" in at.error[0].value and at.button(key="simulate").disabled
    monkeypatch.setenv(SERVERS_VARIABLE, "https://models.example.com/v1")
    at = clean(page(engine="openai", openai_model=MODEL, server="https://models.example.com/v1", sim_asked="2"))
    assert "cost unknown" in said(at).lower() and plan(at)["Cost"] == "unknown"


def test_an_unknown_price_allows_no_cap_on_the_cost(store: Store, server: ServerUrl) -> None:
    at = page(**asked_of(server, max_cost="1"))
    assert "price of the model" in at.error[0].value and at.button(key="simulate").disabled


# --- reading, comparing, checking, asking ------------------------------------------------------------------------


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
    at = clean(page(section="crowd", run=run_id))
    calls = int(plan(at)["Calls"])
    seen = len(server.seen)
    assert "Not checked yet" in said(at) and calls > 0
    at.button(key="measure-crowd").click().run()
    job = job_board().latest("crowd", run_id)
    assert job is not None
    until(lambda: not job.active)
    assert job.status == DONE, job.message
    assert len(server.seen) - seen == calls, "as many calls as were said before"
    at = clean(page(section="crowd", run=run_id))
    words = said(at)
    assert "Spread between people" in words and "In other words" in words and len(at.get("plotly_chart")) >= 2
    at = clean(page(section="crowd", checks="audit", run=run_id))
    calls, seen = int(plan(at)["Calls"]), len(server.seen)
    at.button(key="measure-audit").click().run()
    job = job_board().latest("audit", run_id)
    assert job is not None
    until(lambda: not job.active)
    assert job.status == DONE and len(server.seen) - seen == calls, job.message
    at = clean(page(section="crowd", checks="audit", run=run_id))
    assert "things that the policy cannot move" in said(at) and len(at.get("plotly_chart")) >= 2


def test_the_offline_crowd_is_checked_for_nothing(store: Store) -> None:
    run_id = str(list_results(store, "meridia")["run_id"].iloc[0])
    assert "It costs nothing" in said(clean(page(section="crowd")))
    crowd_checks(store, run_id)
    assert "needs a language model" in said(clean(page(section="crowd")))
    assert "asked nothing in words" in said(clean(page(section="crowd", checks="audit")))


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
    job = job_board().latest("ask", "meridia")
    assert job is not None
    until(lambda: not job.active)
    assert job.status == DONE and len(server.seen) == 39, job.message
    at = clean(page(**link, asked_by="occupation"))
    words = said(at)
    assert "nobody was asked" in words and "between samples" in words and len(at.get("plotly_chart")) == 3
    assert kept_questions(store, "meridia")[0]["question"]["text"] in words.replace("\\", "")


def test_a_question_is_answered_by_a_trait_without_a_call(store: Store) -> None:
    population = str(store.run(str(list_results(store, "meridia")["run_id"].iloc[0])).record.population_id)
    at = page(section="ask", answered_by="trait")
    at.text_area(key="survey-meridia-text").set_value("How much do you trust the government?").run()
    assert "Assumption of the user" in said(clean(at)) and "No calls and no cost" in said(at)
    at.button(key="measure-ask").click().run()
    job = job_board().latest("ask", "meridia")
    assert job is not None
    until(lambda: not job.active)
    assert job.status == DONE, job.message
    assert "no language model took part" in said(clean(page(section="ask")))
    assert store.run(str(job.result["run_id"])).record.population_id == population


def test_what_is_said_beneath_reproduce_is_true(store: Store, server: ServerUrl) -> None:
    run_id = model_run(store, server)
    population = str(store.run(run_id).record.population_id)
    question = SurveyQuestion.of_choices("Are shops open too long?", ["Yes", "No"])
    asked = ask_people(store, population, question, asking=Asking("openai", MODEL, str(server)))["run_id"]
    crowd_checks(store, run_id)
    for section in ("read", "compare", "crowd", "ask"):
        at = clean(page(section=section, run=run_id))
        lines = str(at.code[-1].value)
        assert (asked if section == "ask" else run_id) in lines
        shown: list[object] = []
        # The store is open here already: the same connection serves the same file in one process.
        exec(compile(lines, section, "exec"), {"print": lambda *items, shown=shown: shown.extend(items)})
        assert shown and all(item is not None for item in shown[:1])


# --- words -------------------------------------------------------------------------------------------------------


def test_a_source_beneath_a_figure_is_whole_and_plain_text() -> None:
    source = "Somebody's <table> & more, " * 30
    figure = styled(go.Figure(), title="t", source=escape(source.strip(), quote=False))
    shown, text = without_source(figure)
    assert text == f"Source: {source.strip()}" and not shown.layout.annotations and figure.layout.annotations
    assert shown.layout.height < figure.layout.height and without_source(go.Figure())[1] == ""


def test_names_and_reasons_are_no_formatting() -> None:
    for text in (
        "**a** <b>b</b> [c](d) $e$",
        "see https://example.com or www.example.com",
        ":smile: :material/bolt: 12:30:45",
    ):
        plain = plain_text(text)
        assert plain.replace("\\", "").replace("\u2060", "") == text
        assert "://" not in plain and "www." not in plain and ":smile:" not in plain and ":material" not in plain[1:]


def test_a_run_says_before_how_long_it_may_take_and_after_why_it_ended() -> None:
    asking = Asking("openai", "m", samples=2, design="levels", requests_per_minute=15)
    assert "50 seconds to 4 minutes" in time_words(800, asking) and "53 minutes at least" in time_words(800, asking)
    words = crowd_words({"personas": 10, "contexts": 285}, asking)
    assert "asked 2 times" in words and "only in rules and kind of day share a question" in words
    message = (
        "3 of 234 questions have no valid answer; what was answered is kept. persona 2, contexts 0, 1, sample 0: no reply. "
        "The same command asks those alone again (3 of 234); with --allow-failures the run goes on without them"
    )
    said = why_it_ended(message)
    assert said.startswith("3 of 234 questions have no valid answer, such as one with no reply. ") and "--" not in said
    assert why_it_ended("the provider refuses the key") == "The provider refuses the key."


def test_a_server_that_is_not_there_is_said_before_anything_is_asked(store: Store, server: ServerUrl) -> None:
    require_server(Asking("openai", MODEL, base_url=str(server)))
    require_server(Asking("openai", MODEL))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
    at = clean(page(**asked_of(gone)))
    at.button(key="simulate").click().run()
    assert "no server answers at" in at.error[0].value and job_board().latest("run", "meridia") is None
    assert set(store.runs(kind="run")["status"]) == {"complete"}
