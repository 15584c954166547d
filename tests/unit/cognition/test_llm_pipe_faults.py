"""The pipe beside threads, loops, a store, killed processes and real clients: one right answer each, or one failure."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llm_servers import (
    Step,
    Truncated,
    gemini_answer,
    gemini_error,
    gemini_server,
    openai_answer,
    openai_error,
    openai_server,
    prompt_of,
)
from pipe_cases import SPEC, Scripted, _hashable, answered, number_of, parse, question, stored

from core.cli import main
from core.cognition.llm.answer_writer import BATCH, PATIENCE, AnswerWriter
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.limits import AskProgress, Limits
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.pacing import Timing
from core.cognition.llm.pipe import ask_all
from core.cognition.llm.providers import provider_for
from core.cognition.llm.types import (
    Denied,
    ModelSpec,
    Question,
    RateLimited,
    Rejected,
    Reply,
    Unavailable,
)
from core.errors import InputError, StoreError
from core.store import Store

ROOT = Path(__file__).resolve().parents[3]


def test_it_runs_in_any_thread_and_beside_a_running_loop(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        cache, results = AnswerCache(store), []
        questions = [question(number) for number in range(30)]

        def work(part: int) -> None:
            results.append(ask_all(questions[part * 10 :], Scripted(latency=0.01), SPEC, parse, cache))

        threads = [threading.Thread(target=work, args=(part,)) for part in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(len(result) for result in results) == [10, 20, 30]
        assert len(stored(cache)) == 30

        async def notebook() -> list[Outcome]:
            return ask_all([question(77)], Scripted(), SPEC, parse, cache)

        assert asyncio.run(notebook())[0].answer == {"number": 77}

        async def wrong() -> list[Outcome]:
            def act(*_: Any) -> str:
                raise Denied("no key")

            return ask_all([question(78)], Scripted(act), SPEC, parse, cache)

        with pytest.raises(Denied, match="no key"):
            asyncio.run(wrong())
        with store.transaction(), pytest.raises(StoreError, match="inside a transaction"):
            ask_all([question(79)], Scripted(), SPEC, parse, cache)
        assert not store.read("llm_calls").empty


def test_answers_that_cannot_be_kept_are_not_paid_for(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.duckdb")
    provider = Scripted(latency=0.02)

    def report(progress: AskProgress) -> None:
        if progress.done >= 2:
            store.close()

    with pytest.raises(StoreError, match="is closed"):
        ask_all(
            [question(number) for number in range(2000)],
            provider,
            SPEC,
            parse,
            AnswerCache(store),
            Limits(concurrency=8),
            report,
        )
    assert len(provider.asked) < 1000


def test_answers_are_stored_in_batches_and_soon(cache: AnswerCache, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    keep = AnswerCache.keep

    def counting(self: AnswerCache, spec: ModelSpec, outcomes: Any, *, run_id: str | None = None) -> int:
        sizes.append(len(outcomes))
        return keep(self, spec, outcomes, run_id=run_id)

    monkeypatch.setattr(AnswerCache, "keep", counting)
    with AnswerWriter(cache, SPEC, "run-x") as writer_of_answers:
        for number in range(BATCH + 3):
            each = question(number)
            writer_of_answers.put(
                each, Outcome(each.key(SPEC), answer={"number": number}, raw=f'{{"number": {number}}}')
            )
        time.sleep(PATIENCE + 0.6)
        assert sizes == [BATCH, 3]
        each = question(999)
        writer_of_answers.put(each, Outcome(each.key(SPEC), answer={"number": 9}, raw='{"number": 9}'))
    assert sizes == [BATCH, 3, 1]
    assert len(stored(cache)) == BATCH + 4


def test_no_key_reaches_the_store(cache: AnswerCache, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "AIzaSyA-very-secret-value-0123456789"
    monkeypatch.setenv("GEMINI_API_KEY", secret)

    def act(question: Question, call: int, repair: str | None) -> str:
        if number_of(question) == 1:
            raise Rejected(f"400 for https://host/v1/models?key={secret} Authorization: Bearer abcdef0123456789")
        return json.dumps({"number": 2, "note": f"I saw {secret}"})

    outcomes = ask_all([question(1), question(2)], Scripted(act), SPEC, parse, cache)
    assert secret not in repr(outcomes[0].failure)
    dump = cache.store.read_arrow("llm_calls").to_pandas().to_string()
    assert secret not in dump
    assert "abcdef0123456789" not in dump
    with pytest.raises(InputError, match="value of GEMINI_API_KEY") as caught:
        ask_all([question(3, prompt=f"Say 3. {secret}")], Scripted(), SPEC, parse, cache)
    assert secret not in str(caught.value)
    with pytest.raises(InputError, match="surrogate"):
        ask_all([question(3, prompt="Say 3. \ud800")], Scripted(), SPEC, parse, cache)


FAULTS = ("ok", "rate", "rate-wait", "down", "reject", "malformed", "truncated", "wrong shape")


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    scripts=st.lists(st.lists(st.sampled_from(FAULTS), max_size=9), min_size=1, max_size=12),
    latencies=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    concurrency=st.integers(1, 6),
    repeats=st.integers(1, 3),
)
def test_whatever_happens_each_question_has_one_right_answer_or_one_failure(
    scripts: list[list[str]], latencies: list[int], concurrency: int, repeats: int
) -> None:
    def act(question: Question, call: int, repair: str | None) -> str:
        script = scripts[number_of(question)]
        fault = script[call] if call < len(script) else "ok"
        right = json.dumps({"number": number_of(question)})
        if fault == "rate":
            raise RateLimited("429")
        if fault == "rate-wait":
            raise RateLimited("429", retry_after=0.5)
        if fault == "down":
            raise Unavailable("503")
        if fault == "reject":
            raise Rejected("400")
        return {"malformed": "Sure! 12", "truncated": right[:-3], "wrong shape": '{"number": "x"}'}.get(fault, right)

    class Uneven(Scripted):
        async def ask(self, question: Question, spec: ModelSpec, *, repair: str | None = None) -> Reply:
            self.latency = latencies[len(self.asked) % len(latencies)] / 2000
            return await super().ask(question, spec, repair=repair)

    questions = [question(number % len(scripts)) for number in range(len(scripts) * repeats)]
    limits = Limits(concurrency, max_attempts=3)
    with AnswerCache() as cache:
        provider = Uneven(act)
        outcomes = ask_all(questions, provider, SPEC, parse, cache, limits, timing=Timing(speed=5000, seed=0))
        rows = stored(cache)
        assert len(rows) == len(scripts)
        for each, outcome in zip(questions, outcomes, strict=True):
            row = rows[each.prompt]
            assert (outcome.answer is None) == (outcome.failure is not None)
            assert row["status"] == ("ok" if outcome.answered else "failed")
            expected = _expected(scripts[number_of(each)], limits)
            assert outcome.answered == (expected is None)
            if outcome.answered:
                assert outcome.answer == row["parsed"] == {"number": number_of(each)}
            else:
                assert expected in str(outcome.failure)
            assert outcome.attempts == row["attempts"] == provider.calls[_hashable(each)]
        # A second run asks only what failed, from the point where the script was left.
        again = Uneven(act)
        again.calls = provider.calls.copy()
        ask_all(questions, again, SPEC, parse, cache, limits, timing=Timing(speed=5000, seed=0))
        failed = {each.prompt for each, outcome in zip(questions, outcomes, strict=True) if not outcome.answered}
        assert {each.prompt for each in again.asked} == failed
        assert len(stored(cache)) == len(scripts)


def _expected(script: list[str], limits: Limits) -> str | None:
    """How the failure begins that this script must end in; None for an answer."""
    faults = replies = 0
    for fault in [*script, "ok"]:
        if fault == "ok":
            return None
        if fault == "reject":
            return "refused: 400"
        if fault in ("malformed", "truncated", "wrong shape"):
            replies += 1
            if replies > limits.max_repairs:
                return f"no valid answer in {replies} replies"
        else:
            faults += 1
            if faults >= limits.max_attempts:
                return f"no reply in {faults} attempts"
    return None


ASKER = """
import sys
sys.path[:0] = [{root!r}, {support!r}]
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.pipe import ask_all
from core.cognition.llm.limits import Limits
from core.cognition.llm.types import ModelSpec
from core.cognition.llm.providers import provider_for
from core.store.database import Store
from pipe_cases import parse, question

spec = ModelSpec("openai", "test-model", {url!r})
with Store({path!r}) as store:
    questions = [question(number) for number in range(200)]
    ask_all(questions, provider_for("openai", spec), spec, parse, AnswerCache(store), Limits(concurrency=4))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="only where a process can be killed outright")
def test_a_killed_run_goes_on_where_its_last_batch_ended(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    questions = [question(number) for number in range(200)]

    def slow(request: dict[str, Any], count: int) -> Step:
        number = int(prompt_of(request).split()[1].rstrip("."))
        return Step(200, {}, openai_answer(json.dumps({"number": number})), 0.05)

    with openai_server(slow) as url:
        folders = {"root": str(ROOT), "support": str(ROOT / "tests" / "support")}
        code = ASKER.format(**folders, path=str(path), url=str(url))
        process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
        try:
            until = time.monotonic() + 60
            while len(url.seen) < 130:
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.01)
        finally:
            process.kill()
            process.wait()
        asked = len(url.seen)
        assert asked < 200
        with Store(path) as store:
            cache = AnswerCache(store)
            kept = stored(cache)
            # What may be lost: a batch, what came in while it was written, and what was in flight.
            assert 50 <= len(kept) <= asked
            assert asked - len(kept) <= 2 * BATCH + 4
            spec = ModelSpec("openai", "test-model", str(url))
            outcomes = ask_all(questions, provider_for("openai", spec), spec, parse, cache, Limits(concurrency=16))
            assert [outcome.answer for outcome in outcomes] == [{"number": number} for number in range(200)]
            again = Counter(prompt_of(seen.body) for seen in url.seen[asked:])
            assert again == Counter({each.prompt for each in questions} - set(kept))
            rows = stored(cache)
            assert len(rows) == 200
            assert all(row["status"] == "ok" for row in rows.values())


@pytest.mark.parametrize("engine", ["openai", "gemini"])
def test_with_a_third_of_faults_no_row_is_wrong_or_doubled(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai" if engine == "openai" else "google.genai")
    if engine == "gemini":
        monkeypatch.setenv("GEMINI_API_KEY", "no-key")
    answer, error, server = {
        "openai": (openai_answer, openai_error, openai_server),
        "gemini": (gemini_answer, gemini_error, gemini_server),
    }[engine]
    random = np.random.default_rng(5)
    faults = random.choice(
        ["429", "500", "no json", "cut body", "cut text", "other form", "none"], size=4000, p=[0.05] * 6 + [0.7]
    )
    said: list[tuple[int, str, float]] = []
    lock = threading.Lock()

    def act(request: dict[str, Any], count: int) -> Step:
        number = int(prompt_of(request).split()[1].rstrip("."))
        fault, right = faults[count], json.dumps({"number": number})
        with lock:
            said.append((number, fault, time.monotonic()))
        if fault == "429":
            return Step(429, {"Retry-After": "0.05"}, error(429))
        if fault == "500":
            return Step(500, {}, error(500))
        if fault == "no json":
            return Step(200, {}, "<html>busy</html>")
        if fault == "cut body":
            return Step(200, {}, Truncated(json.dumps(answer(right)).encode()[:-20]))
        text = {"cut text": right[:-2], "other form": f"I would say {number}."}.get(fault, right)
        return Step(200, {}, answer(text), 0.002)

    questions = [question(number % 300) for number in range(450)]
    with server(act) as url, Store(tmp_path / "a.duckdb") as store:
        spec = ModelSpec(engine, "test-model", str(url), timeout=10.0)
        cache, limits = AnswerCache(store), Limits(concurrency=12)
        outcomes = ask_all(questions, provider_for(engine, spec), spec, parse, cache, limits, timing=Timing(50.0))
        rows = stored(cache)
        assert len(rows) == 300
        calls = Counter(number for number, _, _ in said)
        for each, outcome in zip(questions, outcomes, strict=True):
            row = rows[each.prompt]
            if outcome.answered:
                assert outcome.answer == row["parsed"] == {"number": number_of(each)}
            else:
                assert outcome.answer is None
                assert row["status"] == "failed"
            assert outcome.attempts == row["attempts"] == calls[number_of(each)]
        failed = {number_of(each) for each, outcome in zip(questions, outcomes, strict=True) if not outcome.answered}
        for number in failed:
            # A failure is what three texts that were no answers, or six broken calls, made of it, and nothing else.
            seen = [fault for other, fault, _ in said if other == number]
            assert "none" not in seen
            assert len(seen) >= 3
        assert len(failed) <= 15
        assert sum(fault != "none" for _, fault, _ in said) / len(said) > 0.2
        asked = len(said)
        ask_all(questions, provider_for(engine, spec), spec, parse, cache, limits, timing=Timing(50.0))
        assert {number for number, _, _ in said[asked:]} == failed
        assert len(stored(cache)) == 300


def test_a_wrong_key_stops_at_the_first_reply(cache: AnswerCache) -> None:
    pytest.importorskip("openai")

    def act(request: dict[str, Any], count: int) -> Step:
        return (
            Step(401, {}, openai_error(401, "Incorrect API key provided: sk-abcdefghijklmnopqrstuv"))
            if count < 99
            else Step()
        )

    with openai_server(act) as url:
        spec = ModelSpec("openai", "test-model", str(url))
        with pytest.raises(Denied) as caught:
            ask_all(
                [question(number) for number in range(100)],
                provider_for("openai", spec),
                spec,
                parse,
                cache,
                Limits(concurrency=5),
            )
        assert "abcdefghijklmnop" not in str(caught.value)
        assert len(url.seen) <= 5
    assert answered(cache) == {}


def test_the_benchmark_measures_both_sides(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("openai")
    command = ["bench-llm", "--calls", "40", "--latency", "0.02", "--concurrency", "8", "--repeat", "1"]
    assert main([*command, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["ideal"] == 400
    (run,) = values["runs"]
    assert 0 < run["bare"] <= 400
    assert 0 < run["pipe"] <= 400
    assert values["ratio"] == values["lowest"] == values["highest"] == pytest.approx(run["pipe"] / run["bare"])
    assert main(["bench-llm", "--latency", "0"]) == 2
    assert "--latency 0.0" in capsys.readouterr().err
