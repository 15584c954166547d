"""Runs of a language model whose answers fail, are stopped, killed, refused or come from another model."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from llm_cases import answer_to
from llm_run_cases import CANARY_CALLS, STUDY, AskedRun, checked_answers, request, words
from llm_servers import (
    Step,
    gemini_answer,
    gemini_server,
    openai_answer,
    openai_error,
    openai_server,
    prompt_of,
)

from core.cli import main
from core.cognition.llm.answer_writer import BATCH
from core.cognition.llm.engine import AnswersMissing
from core.cognition.llm.memoising import MemoisingEngine, NotAsked, context_keys
from core.cognition.llm.types import Denied
from core.counterfactual.coherence import answered_coherence
from core.counterfactual.uncertainty import drawn_means
from core.errors import Cancelled
from core.execution.progress import Progress, ProgressReporter
from core.records import RUNGS
from core.report.renderers.terminal import terminal_text
from core.report.sentences.language import warnings_of
from core.report.sentences.runs import run_document
from core.services.runs.costs import (
    cost_before,
    failed_questions,
    persona_answers,
)
from core.services.runs.fitted import fitted_twin
from core.services.runs.preparing import complete_run
from core.services.runs.run import run_study
from core.simulation.simulate import simulate
from core.store.database import Store
from core.store.respondents import RespondentTables

pytestmark = pytest.mark.usefixtures("short_searches")

#: Not a key of anybody's: made here, to be looked for.
SECRET = "sk-proj-" + "Zq7Lm2Xv9Kd4Rt6Wb1Nc8Hy3Pf5"


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
                    found.append(RespondentTables(store).read_arrow(name, unfinished=True).to_pandas().to_csv())
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
