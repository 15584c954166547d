"""Whole runs of a language model against servers that speak the real wire formats: cost, caps, failures, resuming, drift."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from llm_cases import answer_to, expected, model
from llm_servers import (
    ServerUrl,
    Step,
    gemini_answer,
    gemini_server,
    openai_answer,
    openai_error,
    openai_server,
    prompt_of,
)
from small_runs import SHORT, TEST_END, TRAIN_END

from core.calibration.calibrators.paper import PaperCalibrator
from core.calibration.twin import SLOPE_SHRINKAGE
from core.cli import main
from core.cognition.engine import DAY_TYPE
from core.cognition.llm.answer_writer import BATCH
from core.cognition.llm.budget import BudgetReached
from core.cognition.llm.canaries import CANARIES, REPEATS
from core.cognition.llm.engine import AnswersMissing
from core.cognition.llm.fenced import one_line
from core.cognition.llm.memoising import MemoisingEngine, NotAsked, context_keys
from core.cognition.llm.types import Denied
from core.counterfactual.coherence import answered_coherence
from core.counterfactual.uncertainty import drawn_means
from core.errors import Cancelled, InputError
from core.execution.progress import Progress, ProgressReporter
from core.records import RUNGS
from core.report.documents import shown_text
from core.report.renderers.terminal import terminal_text
from core.report.sentences.calibration import found_parameters
from core.report.sentences.counterfactuals import sweep_document
from core.report.sentences.language import run_cost_text, warnings_of
from core.report.sentences.runs import reproduce_run, run_document
from core.report.sentences.store import show_text
from core.services.audits.groups import group_checks
from core.services.counterfactuals.run import run_compare, run_sweep
from core.services.evaluation.ablations import run_ablations
from core.services.evaluation.sensitivity import run_sensitivity
from core.services.language.answer_cache import export_answers, import_answers
from core.services.language.engines import engine_of_run
from core.services.library.archive import export_run
from core.services.policies.what_ifs import what_if
from core.services.runs import forecasters
from core.services.runs.costs import (
    cost_before,
    cost_of_contrast,
    failed_questions,
    persona_answers,
)
from core.services.runs.fits import request_of, unfinished_runs
from core.services.runs.fitted import fitted_twin
from core.services.runs.preparing import complete_run
from core.services.runs.reading import trials_of
from core.services.runs.results import RunResult
from core.services.runs.run import ensure_run, run_study
from core.services.studies.inputs import open_study
from core.services.studies.requests import ASKED_PERSONAS, MOST_ASKED_PERSONAS, ModelOptions, RunRequest
from core.simulation.simulate import simulate
from core.store.database import Store

PEOPLE, TRIALS = 2, 2
CANARY_CALLS = len(CANARIES) * REPEATS
#: Not a key of anybody's: made here, to be looked for.
SECRET = "sk-proj-" + "Zq7Lm2Xv9Kd4Rt6Wb1Nc8Hy3Pf5"
SERVERS = {"openai": openai_server, "gemini": gemini_server}
STUDY = open_study("meridia").study


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module", autouse=True)
def short_searches() -> Iterator[None]:
    """These tests are about the life of a run, and the published calibration's search is most of a small one."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(forecasters, "PaperCalibrator", lambda trials, seed: PaperCalibrator(trials=3, seed=seed))
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store.duckdb") as opened:
        yield opened


def request(url: str, engine: str = "openai", *, people: int | None = PEOPLE, **asking: Any) -> RunRequest:
    return RunRequest(
        "meridia",
        personas=people,
        trials=TRIALS,
        asking=ModelOptions(engine, "test-model", base_url=str(url), **asking),
        **SHORT,
    )


def words(url: str, *more: str) -> list[str]:
    """The command line of `request`."""
    asked = ["--engine", "openai", "--model", "test-model", "--base-url", str(url)]
    size = ["--personas", str(PEOPLE), "--trials", str(TRIALS)]
    return ["run", "meridia", *asked, *size, "--train-end", str(TRAIN_END), "--test-end", str(TEST_END), *more]


def broken(prompt: str, share: int) -> bool:
    """Whether this prompt is one of about `share` percent that get no answer. A repair does not change which."""
    return sha256(prompt.partition("\n\nYour last")[0].encode()).digest()[0] % 100 < share and "PERSONA" in prompt


def sometimes(share: int, healthy: list[bool]) -> Any:
    """A model that gives `share` percent of the questions an answer that is none, until it is `healthy`."""

    def behaviour(asked: dict[str, Any], count: int) -> Step:
        prompt = prompt_of(asked)
        text = "0.5, I should think" if not healthy and broken(prompt, share) else answer_to(prompt)
        return Step(200, {}, openai_answer(text))

    return behaviour


def checked_answers(store: Store, run_id: str, *, missing: int = 0) -> None:
    """Every stored answer is the one that the model gives to that persona in that context; `missing` are NaN."""
    responses, ids, personas = store.read_responses(run_id)
    contexts = store.read_result("contexts", run_id).set_index("context_id")["attributes"]
    texts = store.read("personas", population_id=store.run(run_id).record.population_id).set_index("persona_id")["text"]
    assert list(personas) == list(range(len(texts))) and len(ids) == len(contexts)
    wrong = gone = 0
    for place, context_id in enumerate(ids):
        context = {name: np.nan if value is None else value for name, value in contexts[context_id].items()}
        for person in personas:
            for position, behaviour in enumerate(STUDY.behaviour_ids):
                found = responses[place, person, position]
                wanted = expected(one_line(texts[person]), context, context[DAY_TYPE], behaviour, of=STUDY)
                gone += np.isnan(found)
                wrong += not np.isnan(found) and found != np.float32(wanted)
    assert (wrong, gone > 0) == (0, missing > 0)


@dataclass
class AskedRun:
    """A finished run whose model is there to be asked more."""

    url: ServerUrl
    store: Store
    summary: RunResult

    @property
    def run_id(self) -> str:
        return self.summary.run_id


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AskedRun]:
    path = tmp_path_factory.mktemp("asked") / "store.duckdb"
    with openai_server(model("openai")) as url, Store(path) as opened:
        yield AskedRun(url, opened, run_study(request(url), opened))


@pytest.mark.parametrize("engine", ["openai", "gemini"])
def test_a_whole_run_costs_what_was_estimated_and_the_same_again_costs_nothing(engine: str, store: Store) -> None:
    seen: list[Progress] = []
    with SERVERS[engine](model(engine)) as url:
        wanted = request(url, engine, people=3)
        before = cost_before(store, wanted)
        assert len(url.seen) == 0 and store.runs().empty, "an estimate asks and keeps nothing"
        first = run_study(wanted, store, ProgressReporter(seen.append))
        calls = len(url.seen)
        after = cost_before(store, wanted)
        second = run_study(wanted, store)
        assert len(url.seen) == calls, "the same question twice is one call"
    values = first.asking.as_dict()
    assert before.calls == calls == values["calls"] and before.canaries == values["canary_calls"] == CANARY_CALLS
    assert before.distinct == before.questions == values["distinct"] == values["answered"] == calls - CANARY_CALLS
    assert (after.calls, after.cached, after.complete) == (0, before.distinct, first.run_id)
    assert before.cost is None and "no price" in before.about_cost and before.tokens_in.low < before.tokens_in.high
    assert second.run_id != first.run_id and second.result_hash == first.result_hash
    assert second.asking.calls == 0 and second.asking.canaries is None
    assert values["tokens_in"] == 11 * calls and values["tokens_out"] == 7 * calls and values["failed"] == 0
    checked_answers(store, first.run_id)
    stages = list(dict.fromkeys(item.stage for item in seen))
    assert stages == ["ingest", "ask", "calibrate", "simulate", "validate", "store"]
    counts = [item.done for item in seen if item.stage == "ask"]
    assert counts == sorted(counts) and counts[-1] == calls
    assert any("calls a second" in item.text for item in seen if item.stage == "ask")
    assert json.loads(json.dumps(first.as_dict(), allow_nan=False)) == first.as_dict()


def test_the_record_says_how_the_model_was_asked(asked: AskedRun) -> None:
    record = asked.store.run(asked.run_id).record
    assert (record.engine, record.model_id, record.prompt_version) == ("openai", "local-test-001", "mobility-1")
    said = record.parameters["asking"]
    assert said["model"] == "test-model" and said["base_url"] == asked.url and said["design"] == "blinded"
    assert said["canaries"] == "canaries-1" and said["prompts_hash"]
    canaries = asked.summary.asking.as_dict()["canaries"]
    assert canaries["model_ids"] == ["local-test-001"] and canaries["compared_with"] is None
    assert {name: len(values) for name, values in canaries["answers"].items()} == dict.fromkeys(CANARIES, REPEATS)
    assert request_of(record).asking == ModelOptions("openai", "test-model", base_url=str(asked.url))
    assert complete_run(request_of(record), asked.store) == asked.run_id
    assert ensure_run(request(asked.url, concurrency=1, max_calls=5), asked.store) == asked.run_id


def test_a_run_leaves_out_what_would_need_new_answers_and_says_so(asked: AskedRun) -> None:
    values = asked.summary.as_dict()
    assert values["left_out"] == {"single_persona": "new_person", "identical_personas": "not_defined"}
    assert not set(values["left_out"]) & set(values["macro_rmse"]) and "uncalibrated" in values["macro_rmse"]
    assert "twin_announced_calendar" in values["macro_rmse"]
    document = run_document(asked.summary, STUDY)
    text = terminal_text(document)
    assert "Left out: the twin with one persona (another person would have to be asked everything anew)" in text
    assert f"{values['asking']['calls']:,} calls: {values['asking']['answered']:,} questions answered" in text
    assert text in show_text(asked.store.run(asked.run_id), shown_text(asked.store, asked.run_id))
    searched = {name for name in values["parameters"] if not name.startswith(SLOPE_SHRINKAGE)}
    assert searched == {"policy_effect_weight"}, "a model has no parameters to search"
    assert [item.name for item in found_parameters(asked.summary, STUDY)] == ["policy_effect_weight"]
    assert len(trials_of(asked.store, asked.run_id, STUDY.behaviour_ids)) == TRIALS


def test_what_one_persona_answered_can_be_read_with_reasons(asked: AskedRun) -> None:
    answers = persona_answers(asked.store, asked.run_id, 1)
    assert set(answers["reason"]) == {"I go where I must."} and set(answers["failure"]) == {""}
    assert answers["days"].sum() == asked.summary.days and len(answers) == asked.summary.contexts
    responses, _, _ = asked.store.read_responses(asked.run_id)
    own = answers[list(STUDY.behaviour_ids)].to_numpy()
    assert np.allclose(np.sort(own, axis=0), np.sort(responses[:, 1], axis=0), atol=1e-6)
    assert answers["context"].str.contains("cases of the illness").all()
    assert answers["context"].str.contains("Rules in force: none").any()
    with pytest.raises(InputError, match=r"no persona 9.*0 to 1"):
        persona_answers(asked.store, asked.run_id, 9)
    assert failed_questions(asked.store, asked.run_id) == ()


def test_a_cap_stops_a_run_cleanly_and_a_higher_one_takes_it_up(store: Store, asked: AskedRun) -> None:
    with openai_server(model("openai")) as url:
        whole = cost_before(store, request(url)).calls
        with pytest.raises(BudgetReached, match="cap of 30 calls"):
            run_study(request(url, max_calls=30), store)
        assert len(url.seen) == 30
        [row] = store.runs().to_dict("records")
        assert row["status"] == "interrupted" and "cap of 30 calls" in row["message"]
        assert cost_before(store, request(url)).calls == whole - 30
        [left] = unfinished_runs(store, open_study("meridia"))
        assert left.obstacle == "" and left.run_id == row["run_id"]
        with pytest.raises(BudgetReached):
            run_study(request(url, max_tokens=18 * 15), store)
        values = run_study(request(url), store).as_dict()
        assert len(url.seen) == whole, "nothing was asked twice"
    assert values["run_id"] == row["run_id"] and values["asking"]["of_run"]["calls"] == whole
    assert values["asking"]["of_run"]["answered"] == whole
    assert values["macro_rmse"] == asked.summary.macro_rmse, "as if it had never been stopped"


def test_a_cap_on_an_unknown_cost_is_refused_before_anything_is_asked(store: Store) -> None:
    with openai_server(model("openai")) as url:
        with pytest.raises(InputError, match=r"cap on the cost needs the price"):
            run_study(request(url, max_cost=1.0), store)
        assert not url.seen and store.runs().empty


def test_a_price_of_ones_own_gives_a_cost_before_and_after_and_a_cap(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text(
        "model,engine,input_per_million,output_per_million,currency,date,source\n"
        "test-model,*,1000,2000,USD,2026-01-01,made up\n"
    )
    monkeypatch.setenv("POLICYTWIN_PRICES", str(prices))
    with openai_server(model("openai")) as url:
        before = cost_before(store, request(url))
        assert before.cost is not None and before.currency == "USD"
        # What is in flight counts at its upper estimate, so that the cap holds whatever comes back.
        with pytest.raises(BudgetReached, match="cap of 2 USD"):
            run_study(request(url, max_cost=2.0), store)
        assert len(url.seen) < before.calls
        values = run_study(request(url), store).asking.as_dict()
    calls = values["calls"]
    assert values["cost"] == pytest.approx(calls * (11 * 1000 + 7 * 2000) / 1e6) and values["currency"] == "USD"
    assert f"Cost: {before.cost.low:,.2f} to {before.cost.high:,.2f} USD" in run_cost_text(before)


def test_faults_leave_no_wrong_or_doubled_answer_and_only_failures_are_asked_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.cognition.llm.pipe.backoff", lambda *_, **__: 0.01)
    healthy: list[bool] = []
    garbled = sometimes(10, healthy)

    def behaviour(asked: dict[str, Any], count: int) -> Any:
        if not healthy and count % 10 in (2, 5, 7):
            return Step(503, {"Retry-After": "0"}, openai_error(503)) if count % 4 else Step(200, {}, "{broken")
        return garbled(asked, count)

    with openai_server(behaviour) as url:
        with pytest.raises(AnswersMissing) as caught:
            run_study(request(url), store)
        [row] = store.runs().to_dict("records")
        assert row["status"] == "interrupted"
        failures = len(caught.value.failures)
        assert failures > 5 and f"{failures} of " in row["message"] and "asks those alone again" in row["message"]
        listed = failed_questions(store, row["run_id"])
        # About one question in a thousand meets a fault six times in a row.
        given_up = [item.problem for item in listed if "no valid answer in 3 replies" not in item.problem]
        assert len(listed) == failures and all("no reply in 6 attempts" in problem for problem in given_up)
        assert len(given_up) <= 3
        assert cost_before(store, request(url)).calls == failures
        healthy.append(True)
        before = len(url.seen)
        values = run_study(request(url), store).as_dict()
        prompts = [prompt_of(item.body) for item in url.seen[before:]]
    assert len(prompts) == len(set(prompts)) == failures
    # A question that was given up may be one of those that were garbled too.
    assert failures - len(given_up) <= sum(broken(prompt, 10) for prompt in prompts) <= failures
    assert values["run_id"] == row["run_id"] and values["asking"]["failed"] == 0
    checked_answers(store, values["run_id"])
    rows = store.read("llm_calls", columns=["key", "status"])
    assert len(rows) == rows["key"].nunique() == values["asking"]["distinct"] + CANARY_CALLS
    assert set(rows["status"]) == {"ok"}


def test_a_run_that_may_lack_answers_counts_them_and_takes_means_over_who_answered(store: Store) -> None:
    healthy: list[bool] = []
    with openai_server(sometimes(4, healthy)) as url:
        summary = run_study(request(url, allow_failures=True), store)
        values = summary.asking.as_dict()
        calls = len(url.seen)
        assert values["failed"] == len(values["failed_keys"]) == len(values["failures"]) > 2
        checked_answers(store, summary.run_id, missing=values["failed"])
        responses, _, _ = store.read_responses(summary.run_id)
        people = store.read("personas", population_id=store.run(summary.run_id).record.population_id)
        weight = np.where(np.isnan(responses), 0.0, people["weight"].to_numpy(float)[None, :, None])
        wanted = (np.nan_to_num(responses.astype(float)) * weight).sum(axis=1) / weight.sum(axis=1)
        table = store.read_result("aggregates", summary.run_id, attribute="all")
        means = table.pivot_table(index="context_id", columns="behaviour", values="mean")[list(STUDY.behaviour_ids)]
        assert np.allclose(means.to_numpy(), wanted)
        text = terminal_text(run_document(summary, STUDY))
        assert f"{values['failed']} of {values['distinct']} questions have no valid answer" in text
        assert "Questions without a valid answer." in text and "Means are over the people who answered" in text
        failed = persona_answers(store, summary.run_id, values["failures"][0]["personas"][0])
        gone = failed[failed["failure"] != ""]
        assert len(gone) and gone["parks"].isna().all() and (gone["reason"] == "").all()
        # Whoever does not allow failures does not get such a run, and asks only what is lacking.
        assert complete_run(request(url, allow_failures=True), store) == summary.run_id
        assert complete_run(request(url), store) is None
        fitted_twin(store, summary.run_id)
        assert len(url.seen) == calls, "rebuilding asks nothing"
        healthy.append(True)
        whole = run_study(request(url), store)
        assert len(url.seen) == calls + values["failed"] + CANARY_CALLS
    assert whole.asking.failed == 0 and whole.run_id != summary.run_id
    fitted_twin(store, summary.run_id)  # is still what it was, though the answers have come since


def test_a_situation_that_nobody_answers_has_no_mean_and_stops_the_run(store: Store) -> None:
    def behaviour(asked: dict[str, Any], count: int) -> Step:
        prompt = prompt_of(asked)
        no_rules = "no marked restrictions" in prompt and "PERSONA" in prompt
        return Step(200, {}, openai_answer("I would rather not say" if no_rules else answer_to(prompt)))

    with openai_server(behaviour) as url, pytest.raises(AnswersMissing, match="nobody gave a valid answer"):
        run_study(request(url, allow_failures=True), store)
    assert store.runs()["status"].tolist() == ["interrupted"]


def test_a_stopped_run_keeps_what_was_answered(store: Store) -> None:
    stopping: list[bool] = []

    def report(item: Progress) -> None:
        if item.stage == "ask" and item.done > 40:
            stopping.append(True)

    with openai_server(lambda asked, count: Step(200, {}, openai_answer(answer_to(prompt_of(asked))), 0.02)) as url:
        whole = cost_before(store, request(url)).calls
        slow = request(url, concurrency=4)
        with pytest.raises(Cancelled):
            run_study(slow, store, ProgressReporter(report, lambda: bool(stopping)))
        assert store.runs()["status"].tolist() == ["cancelled"]
        assert cost_before(store, slow).calls <= whole - 40 + 1
        in_flight = slow.asking.concurrency if slow.asking else 0
        run_study(slow, store)
        assert whole <= len(url.seen) <= whole + in_flight
    assert store.runs()["status"].tolist() == ["complete"]


def test_a_killed_run_is_taken_up_without_lost_or_doubled_calls(tmp_path: Path, asked: AskedRun) -> None:
    """kill -9 in the middle of asking; what was in flight, or not yet on the disk, is all that is asked again."""

    def slowly(asked: dict[str, Any], count: int) -> Step:
        return Step(200, {}, openai_answer(answer_to(prompt_of(asked))), 0.03)

    with openai_server(slowly) as url:
        line = words(url, "--concurrency", "4", "--db", str(tmp_path / "killed.duckdb"), "--json")
        process = subprocess.Popen(
            [sys.executable, "-m", "core.cli", *line], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while len(url.seen) < 50:
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        with Store(tmp_path / "killed.duckdb") as store:
            [row] = store.runs().to_dict("records")
            assert row["status"] == "interrupted"
            kept = len(store.read("llm_calls", columns=["key"]))
            assert 0 < kept < 50 + 4, "what had been asked at the kill"
            served = len(url.seen)
            values = run_study(request(url, concurrency=4), store).as_dict()
            whole = values["asking"]["distinct"] + CANARY_CALLS
            assert len(url.seen) == served + whole - kept
            assert len(store.read("llm_calls", columns=["key"])) == whole
            assert values["run_id"] == row["run_id"]
            checked_answers(store, values["run_id"])
    assert len(url.seen) - whole <= 2 * BATCH
    assert values["macro_rmse"] == asked.summary.macro_rmse


def test_a_wrong_key_stops_at_once_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    said = openai_error(401, f"Incorrect API key provided: {SECRET}. You can find your API key at …")
    with openai_server(lambda asked, count: Step(401, {}, said)) as url:
        began = time.monotonic()
        assert main(words(url, "--db", str(tmp_path / "s.duckdb"), "--json")) == 2
        assert time.monotonic() - began < 10 and len(url.seen) <= CANARY_CALLS
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("policytwin:")]
    assert out == "" and len(lines) == 1 and "refuses the key (401)" in lines[0]
    assert err.splitlines()[-1] == lines[0]
    with Store(tmp_path / "s.duckdb") as store:
        [row] = store.runs().to_dict("records")
        assert row["status"] == "failed" and "refuses the key" in row["message"]
    no_secret_in(out, err, *files_text(tmp_path))


def files_text(folder: Path) -> list[str]:
    """Everything below a folder as text, stores also row by row: their columns are compressed."""
    found = []
    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        found.append(path.read_bytes().decode("latin-1"))
        if path.suffix == ".duckdb":
            with Store(path) as store:
                for name in store.tables:
                    found.append(store.read(name, unfinished=True).to_csv())
    return found


def no_secret_in(*texts: str) -> None:
    core = SECRET.removeprefix("sk-proj-")
    assert not [text[max(0, text.find(core) - 80) :][:200] for text in texts if core in text]


def test_the_key_is_in_no_artefact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model repeats the key in an answer, the server in an error; nothing that is kept, shown or exported has it."""
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(name, SECRET)

    def leaky(asked: dict[str, Any], count: int) -> Step:
        if count % 25 == 3:
            return Step(503, {"Retry-After": "0"}, openai_error(503, f"key={SECRET} is busy"))
        prompt = prompt_of(asked)
        if broken(prompt, 3):
            return Step(400, {}, openai_error(400, f"Authorization: Bearer {SECRET} sent too much"))
        return Step(200, {}, openai_answer(answer_to(prompt).replace("I go where I must.", f"They said {SECRET}.")))

    path = tmp_path / "s.duckdb"
    with openai_server(leaky) as url:
        assert main(words(url, "--db", str(path), "--json")) == 1
        assert main(words(url, "--db", str(path), "--json", "--allow-failures")) == 0
        out, err = capsys.readouterr()
        run_id = json.loads(out)["run_id"]
        for line in (["show", run_id], ["export", run_id, "--to", str(tmp_path / "out")], ["runs"], ["cache", "show"]):
            assert main([*line, "--db", str(path)]) == 0
        assert main(["cache", "export", str(tmp_path / "answers.parquet"), "--db", str(path)]) == 0
        more = capsys.readouterr()
        with Store(path) as store:
            reasons = set(persona_answers(store, run_id, 0)["reason"]) - {""}
            assert reasons == {"They said [hidden]."}
            record = store.run(run_id).record.to_json()
        assert all(SECRET not in seen.path for seen in url.seen)
    assert (tmp_path / "out" / "asking.json").is_file()
    answers = pd.read_parquet(tmp_path / "answers.parquet").to_csv()
    no_secret_in(out, err, more.out, more.err, record, answers, *files_text(tmp_path))


def test_another_model_behind_the_same_name_is_noticed(store: Store) -> None:
    later: list[bool] = []

    def behaviour(asked: dict[str, Any], count: int) -> Step:
        prompt = prompt_of(asked)
        text = answer_to(prompt)
        if later and "PERSONA" not in prompt:
            text = re.sub(r'"probability": [0-9.]+', '"probability": 1.0', text)
        return Step(200, {}, openai_answer(text, model="local-test-002" if later else "local-test-001"))

    with openai_server(behaviour) as url:
        first = run_study(request(url), store)
        # Made-up answers may leave next to nobody on a kind of day, which is said too.
        assert first.asking.canaries.changes == () and len(first.asking.model_ids) == 1
        later.append(True)
        second = run_study(request(url, people=3), store)
    warnings = [text for text in warnings_of(second.asking) if "next to nobody" not in text]
    assert any("Another model answers: local-test-002, where it was local-test-001" in text for text in warnings)
    assert any("canary" in text for text in warnings) and any("canaries' answers moved" in text for text in warnings)
    assert second.asking.canaries.compared_with == first.run_id
    assert all(f"Beware: {text}" in terminal_text(run_document(second, STUDY)) for text in warnings)
    assert store.run(second.run_id).record.model_id == "local-test-002"


def test_a_contrast_asks_only_where_it_may_and_costs_what_was_estimated(asked: AskedRun) -> None:
    store, url, run_id = asked.store, asked.url, asked.run_id
    levels, before, runs = [0.0, 50.0, 100.0], len(url.seen), len(store.runs())
    cost = cost_of_contrast(store, run_id, levels=levels)
    assert cost.calls > 0 and cost.calls % PEOPLE == 0 and cost.canaries == 0
    with pytest.raises(NotAsked, match=rf"{cost.calls} questions have no answer yet.*--ask.*asks=True"):
        run_sweep(store, run_id, levels)
    with pytest.raises(BudgetReached):
        run_sweep(store, run_id, levels, asks=True, asking=replace(request(url).asking, max_calls=2))
    assert len(url.seen) == before + 2 and len(store.runs()) == runs, "nothing is kept of a sweep that was not made"
    result, sweep = run_sweep(store, run_id, levels, asks=True)
    assert result.asking is not None
    assert len(url.seen) == before + cost.calls and result.asking.calls == cost.calls - 2
    assert [item.level for item in result.levels] == levels and sweep.bounded
    assert f"{cost.calls - 2} calls" in terminal_text(sweep_document(result, STUDY))
    again, _ = run_sweep(store, run_id, levels)
    assert len(url.seen) == before + cost.calls and again.levels == result.levels
    assert cost_of_contrast(store, run_id, levels=levels).calls == 0


def test_scenarios_of_what_was_in_force_need_no_new_answers_and_others_do(asked: AskedRun) -> None:
    store, run_id = asked.store, asked.run_id
    timeline = open_study("meridia").timeline
    origin = store.run(run_id).record.train_end
    assert origin is not None
    same = timeline.renamed("As it was", parent_id=timeline.id)
    result, _ = run_compare(store, run_id, [same])
    assert np.allclose(list(result.scenarios[0].difference.values()), 0.0)
    held = what_if("strictest-week", timeline, origin)
    assert cost_of_contrast(store, run_id, scenarios=[held]).calls > 0
    with pytest.raises(NotAsked):
        run_compare(store, run_id, [held])
    result, _ = run_compare(store, run_id, [held], asks=True)
    assert result.asking is not None and result.asking.calls > 0 and result.asking.warnings == ()


def test_a_run_of_levels_asks_a_sweep_side_by_side(store: Store) -> None:
    with openai_server(model("openai")) as url:
        run_id = run_study(request(url, people=2, design="levels"), store).run_id
        calls = len(url.seen)
        fitted_twin(store, run_id)
        cost = cost_of_contrast(store, run_id, levels=[0, 50, 100])
        run_sweep(store, run_id, [0, 50, 100], asks=True)
        assert len(url.seen) == calls + cost.calls
        assert any(prompt_of(item.body).count("Rules in force") >= 2 for item in url.seen[calls:])
        run_sweep(store, run_id, [0, 50, 100])
        assert len(url.seen) == calls + cost.calls


def test_the_command_line_says_the_cost_and_refuses_to_ask_unasked(
    asked: AskedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db = ["--db", str(tmp_path / "cli.duckdb")]
    before = len(asked.url.seen)
    assert main(words(asked.url, "--estimate", "--json", *db)) == 0
    estimate = json.loads(capsys.readouterr().out)
    assert main(words(asked.url, "--estimate", *db)) == 0
    assert f"{estimate['calls']:,} calls" in capsys.readouterr().out
    sweep = ["sweep", *words(asked.url)[1:], *db, "--levels", "0,100"]
    assert main(sweep) == 2
    assert "there is no finished run" in capsys.readouterr().err and len(asked.url.seen) == before
    assert main(words(asked.url, *db)) == 0
    out, err = capsys.readouterr()
    assert len(asked.url.seen) == before + estimate["calls"]
    assert f"{estimate['calls']:,} calls" in err and "calls:" in out and "Forecaster" in out
    assert main(sweep) == 2
    assert "have no answer yet" in capsys.readouterr().err
    assert main([*sweep, "--estimate", "--json"]) == 0
    more = json.loads(capsys.readouterr().out)["calls"]
    assert main([*sweep, "--ask", "--max-calls", "1"]) == 2
    assert "cap of 1 calls" in capsys.readouterr().err
    assert main([*sweep, "--ask", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["asking"]["calls"] == more - 1
    with Store(tmp_path / "cli.duckdb") as other:
        other.delete_run(str(other.runs(kind="run")["run_id"].iloc[0]))
    assert main(sweep) == 0, "what costs no call is made without --ask"
    assert len(asked.url.seen) == before + estimate["calls"] + more


def test_the_lines_that_reproduce_a_run_do_so_from_its_answers(
    asked: AskedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    record = asked.store.run(asked.run_id).record
    found = reproduce_run(record, STUDY, None, "store.duckdb")
    assert "cache export" in found.note and "asking=ModelOptions('openai', model='test-model'" in found.python
    export_answers(asked.store, tmp_path / "answers.parquet")
    with Store(tmp_path / "reproduce.duckdb") as other:
        import_answers(other, tmp_path / "answers.parquet")
    before = len(asked.url.seen)
    assert main(shlex.split(found.command)[1:]) == 0
    assert json.loads(capsys.readouterr().out)["result_hash"] == asked.summary.result_hash
    exec(compile(found.python, "reproduce", "exec"), {})
    assert asked.summary.result_hash in capsys.readouterr().out
    assert len(asked.url.seen) == before
    made = replace(request(asked.url).asking, engine="replay", of="openai")
    with Store(tmp_path / "reproduce.duckdb") as other:
        replayed = run_study(replace(request(asked.url), engine="replay", asking=made), other)
        assert replayed.result_hash == asked.summary.result_hash
        with pytest.raises(InputError, match="replays answers, and asks nobody"):
            engine_of_run(other, replayed.run_id, asks=True)
        with pytest.raises(NotAsked, match="cache import"):
            run_study(replace(request(asked.url, people=3), engine="replay", asking=made), other)
        assert cost_before(other, replace(request(asked.url), engine="replay", asking=made)).calls == 0


def test_where_a_model_is_asked_few_personas_are_usual_and_many_are_refused(store: Store) -> None:
    asking = ModelOptions("openai", "m", base_url="http://127.0.0.1:9/v1")
    before = cost_before(store, RunRequest("meridia", asking=asking))
    assert before.personas == ASKED_PERSONAS and before.usual_personas == STUDY.personas
    assert f"the study's {STUDY.personas:,} would take about" in run_cost_text(before)
    assert before.calls <= 2000
    with pytest.raises(InputError, match=rf"501 personas.*1 to {MOST_ASKED_PERSONAS}"):
        RunRequest("meridia", personas=MOST_ASKED_PERSONAS + 1, asking=asking)
    with pytest.raises(InputError, match="no model is named"):
        RunRequest("meridia", engine="gemini")
    with pytest.raises(InputError, match="one engine"):
        RunRequest("meridia", engine="gemini", asking=asking)
    with pytest.raises(InputError, match=r"unknown engine 'gemeni'.*Nearest valid: gemini"):
        ModelOptions("gemeni", "m")
    with pytest.raises(InputError, match="to be replayed"):
        ModelOptions("openai", "m", of="gemini")
    with pytest.raises(InputError, match="asks no model"):
        cost_before(store, RunRequest("meridia"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--model", "m"], "--model with the engine rules"),
        (["--allow-failures"], "--allow-failures with the engine rules"),
        (["--estimate"], "--estimate with the engine rules"),
        (["--engine", "gemini"], "no model is named"),
        (["--engine", "gemini", "--model", "m"], "no key for Gemini"),
        (["--engine", "openai", "--model", "m", "--base-url", "http://u:p@h/v1"], "address"),
        (["--engine", "openai", "--model", "m", "--design", "blind"], "Nearest valid: blinded"),
    ],
)
def test_wrong_options_are_said_in_one_line(
    line: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "meridia", *line, "--db", str(tmp_path / "s.duckdb")]) == 2
    err = capsys.readouterr().err
    assert said in err and len([text for text in err.splitlines() if text.startswith("policytwin:")]) == 1


def test_what_needs_the_rules_engine_says_so(asked: AskedRun) -> None:
    before = len(asked.url.seen)
    with pytest.raises(InputError, match="reads texts and no traits"):
        run_sensitivity(asked.store, asked.run_id)
    with pytest.raises(InputError, match=r"a run of the engine rules; for a language model `policytwin persona-audit`"):
        group_checks(asked.store, asked.run_id)
    with pytest.raises(InputError, match="asked everything anew"):
        run_ablations(asked.store, asked.run_id)
    with pytest.raises(InputError, match="was asked with model test-model"):
        fitted_twin(asked.store, asked.run_id, asking=ModelOptions("openai", "other", base_url=str(asked.url)))
    assert len(asked.url.seen) == before


def test_a_run_can_be_exported_with_what_it_asked(asked: AskedRun, tmp_path: Path) -> None:
    names = {path.name for path in export_run(asked.store, asked.run_id, tmp_path)}
    assert {"asking.json", "record.json", "trials.journal", "scores.csv"} <= names
    assert json.loads((tmp_path / "asking.json").read_text()) == asked.summary.asking.as_dict()


class Gaps:
    """An engine that some people give no answer to."""

    name, version, model_id, parameters = "gaps", "1", None, {}

    def with_parameters(self, parameters: Any) -> Gaps:
        return self

    def respond(self, personas: pd.DataFrame, contexts: pd.DataFrame) -> np.ndarray:
        values = np.arange(len(personas) * len(contexts) * 2, dtype=np.float32).reshape(len(personas), -1, 2) / 100
        values[1, 0] = np.nan
        return values


def test_missing_answers_are_left_out_of_means_and_draws() -> None:
    people = pd.DataFrame({"weight": [1, 2, 3], "sex": ["a", "b", "b"]})
    contexts = pd.DataFrame({"C1": [0.0, 1.0]})
    found = simulate(Gaps(), people, contexts, ("sex",))
    values = Gaps().respond(people, contexts).astype(float)
    assert np.allclose(found.everyone[0], (values[0, 0] + 3 * values[2, 0]) / 4)
    assert np.allclose(found.everyone[1], np.average(values[:, 1], axis=0, weights=[1, 2, 3]))
    assert np.allclose(found.group("sex", "b")[0], values[2, 0]) and list(found.weights) == [6, 1, 5]
    aggregates, drawn = drawn_means(Gaps(), people, contexts, seed=1, draws=50)
    assert np.array_equal(aggregates.everyone, found.everyone) and np.isfinite(drawn).all()
    low, high = values[[0, 2], 0].min(axis=0), values[[0, 2], 0].max(axis=0)
    assert (drawn[:, 0] >= low - 1e-6).all() and (drawn[:, 0] <= high + 1e-6).all()
    alone = simulate(Gaps(), people.iloc[:2].assign(sex=["a", "b"]), contexts, ("sex",))
    assert np.isnan(alone.group("sex", "b")[0]).all() and np.isfinite(alone.everyone).all()


def test_coherence_is_judged_by_comparable_situations_alone(asked: AskedRun) -> None:
    contexts = pd.DataFrame(list(asked.store.read_result("contexts", asked.run_id)["attributes"])).astype(
        dict.fromkeys([f"{item.code}_Flag" for item in STUDY.indicators if item.has_flag], float)
    )
    calm = contexts[[item.code for item in STUDY.indicators]].sum(axis=1).to_numpy(float)
    signs = np.array([item.expected_sign for item in STUDY.behaviours])
    means = 0.5 + 0.001 * calm[:, None] * signs
    good = answered_coherence(contexts, means, STUDY)
    assert good.coherent and good.pairs > 80 and good.comparisons == good.pairs * len(signs)
    bad = answered_coherence(contexts, means[::-1], STUDY)
    assert not bad.coherent and bad.as_expected < bad.comparisons
    assert not answered_coherence(contexts, means + 1, STUDY).bounded
    assert not answered_coherence(contexts.iloc[:1], means[:1], STUDY).coherent, "nothing to compare is no coherence"
    assert asked.summary.rung == RUNGS[0], "random answers are not coherent"


def test_an_engine_that_knows_its_answers_is_the_same_in_another_process_and_asks_nothing_there(
    asked: AskedRun,
) -> None:
    import pickle

    twin = fitted_twin(asked.store, asked.run_id)
    engine = twin.engine
    assert isinstance(engine, MemoisingEngine)
    other = pickle.loads(pickle.dumps(engine))
    contexts = twin.problem.contexts
    assert np.array_equal(other.respond(twin.personas, contexts), engine.respond(twin.personas, contexts))
    new = contexts.iloc[[0]].assign(C1=2.0, C1_Flag=1.0, epidemic=2)
    assert context_keys(new)[0] not in context_keys(contexts)
    with pytest.raises(NotAsked):
        other.respond(twin.personas, new)


def test_a_refused_key_is_denied_in_python_too(store: Store) -> None:
    with (
        gemini_server(
            lambda asked, count: Step(400, {}, {"error": {"code": 400, "message": "API key not valid"}})
        ) as url,
        pytest.raises(Denied),
    ):
        run_study(request(url, "gemini"), store)
    assert store.runs()["status"].tolist() == ["failed"]
    assert gemini_answer("x")["modelVersion"] == "gemini-test-001"
