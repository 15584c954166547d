"""The Simulate page: a run of a language model from its cost to its answers, on a local server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from any_model import NAME, any_model, persona_of
from llm_servers import ServerUrl, openai_server
from page_cases import clean, end_jobs, said, until
from simulate_page import (
    KEY,
    MODEL,
    SECTIONS,
    asked_of,
    finished,
    linked,
    model_run,
    page,
    plan,
    store_of_the_page,
    took,
)
from small_runs import SHORT
from streamlit import config

from core.services.dashboard.jobs import DONE, FAILED, STOPPED
from core.services.language.server_check import require_server
from core.services.language.servers import SERVERS_VARIABLE
from core.services.populations.synthesis import make_population
from core.services.runs.reading import list_results
from core.services.studies.requests import ModelOptions
from core.store.database import Store
from core.study import load_study
from pages.common.shell import job_manager, open_store


@pytest.fixture
def store(meridia_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with store_of_the_page(meridia_store, monkeypatch) as opened:
        yield opened


@pytest.fixture
def server() -> Iterator[ServerUrl]:
    with openai_server(any_model()) as url:
        yield url


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
        job = job_manager().latest("run", "meridia")
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


def test_a_server_that_is_not_there_is_said_before_anything_is_asked(store: Store, server: ServerUrl) -> None:
    require_server(ModelOptions("openai", MODEL, base_url=str(server)))
    require_server(ModelOptions("openai", MODEL))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
    at = clean(page(**asked_of(gone)))
    at.button(key="simulate").click().run()
    assert "no server answers at" in at.error[0].value and job_manager().latest("run", "meridia") is None
    assert set(store.runs(kind="run")["status"]) == {"complete"}
