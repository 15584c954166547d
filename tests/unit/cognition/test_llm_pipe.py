"""The pipe: every question ends with one right answer or one recorded failure, whatever the server does."""

from __future__ import annotations

import asyncio
import json
import math
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
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

from core.cli import main
from core.cognition.llm.answer_writer import BATCH, PATIENCE, AnswerWriter
from core.cognition.llm.budget import BudgetReached
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.limits import AskProgress, Limits
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.pacing import Pace, Timing, backoff
from core.cognition.llm.pipe import ask_all
from core.cognition.llm.prices import Price
from core.cognition.llm.providers import provider_for
from core.cognition.llm.types import (
    AnswerError,
    Denied,
    ModelSpec,
    Question,
    RateLimited,
    Rejected,
    Reply,
    Unavailable,
)
from core.errors import Cancelled, InputError, StoreError
from core.store import Store

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
SPEC = ModelSpec("openai", "test-model", "http://127.0.0.1:9/v1")
#: A thousand of the pipe's seconds in one of ours.
QUICK = Timing(speed=1000.0, seed=1)


def question(number: int, **changes: Any) -> Question:
    given: dict[str, Any] = {
        "system": "You count.",
        "prompt": f"Say {number}.",
        "schema": SCHEMA,
        "prompt_version": "count-1",
        "design": "blinded",
        "sample": 0,
    }
    return Question(**{**given, **changes})


def number_of(question: Question) -> int:
    return int(question.prompt.split()[1].rstrip("."))


def parse(text: str) -> dict[str, int]:
    try:
        found = json.loads(text)
    except ValueError:
        raise AnswerError("The answer is not JSON.") from None
    if not isinstance(found, dict) or type(found.get("number")) is not int:
        raise AnswerError("There is no whole number in it.")
    return {"number": found["number"]}


class Scripted:
    """A provider in this process: `act(question, call of this question from 0, repair)` gives text or raises."""

    def __init__(self, act: Callable[[Question, int, str | None], str] | None = None, latency: float = 0.0) -> None:
        self.act = act or (lambda question, call, repair: json.dumps({"number": number_of(question)}))
        self.latency = latency
        self.asked: list[Question] = []
        self.repairs: list[str | None] = []
        self.calls: Counter[Question] = Counter()
        self.flying = self.most = self.cancelled = self.closed = 0

    async def ask(self, question: Question, spec: ModelSpec, *, repair: str | None = None) -> Reply:
        call = self.calls[_hashable(question)]
        self.calls[_hashable(question)] += 1
        self.asked.append(question)
        self.repairs.append(repair)
        self.flying += 1
        self.most = max(self.most, self.flying)
        try:
            await asyncio.sleep(self.latency)
            return Reply(self.act(question, call, repair), "test-model-001", 10, 5, 0.25)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.flying -= 1

    async def aclose(self) -> None:
        self.closed += 1


def _hashable(question: Question) -> Any:
    return (question.prompt, question.sample, question.design)


@pytest.fixture
def cache() -> Iterator[AnswerCache]:
    with AnswerCache() as made:
        yield made


def stored(cache: AnswerCache) -> dict[str, Any]:
    frame = cache.store.read("llm_calls")
    assert frame["key"].is_unique
    return {row["prompt"]: row for row in frame.to_dict("records")}


def answered(cache: AnswerCache) -> dict[str, Any]:
    return {prompt: row for prompt, row in stored(cache).items() if row["status"] == "ok"}


# ------------------------------------------------------------------------------------------------ what is asked at all


def test_outcomes_come_in_the_order_of_questions_and_equal_ones_are_asked_once(cache: AnswerCache) -> None:
    provider = Scripted(latency=0.001)
    questions = [question(number % 7) for number in range(40)]
    outcomes = ask_all(questions, provider, SPEC, parse, cache, Limits(concurrency=3))
    assert [outcome.answer["number"] for outcome in outcomes] == [number % 7 for number in range(40)]
    assert [outcome.key for outcome in outcomes] == [each.key(SPEC) for each in questions]
    assert len(provider.asked) == 7
    assert provider.most == 3
    assert provider.closed == 1
    assert all(outcome.attempts == 1 and not outcome.from_cache for outcome in outcomes)
    assert len(stored(cache)) == 7


def test_what_was_answered_is_never_asked_again(cache: AnswerCache) -> None:
    questions = [question(number) for number in range(20)]
    first = ask_all(questions, Scripted(), SPEC, parse, cache, run_id="run-a")
    silent = Scripted(lambda *_: pytest.fail("asked again"))
    again = ask_all(questions, silent, SPEC, parse, cache, run_id="run-b")
    assert [outcome.answer for outcome in again] == [outcome.answer for outcome in first]
    assert all(outcome.from_cache and outcome.attempts == 0 for outcome in again)
    assert {(outcome.model_id, outcome.tokens_in, outcome.tokens_out) for outcome in again} == {
        ("test-model-001", 10, 5)
    }
    assert silent.asked == []
    assert {row["run_id"] for row in stored(cache).values()} == {"run-a"}


@pytest.mark.parametrize(
    "changes",
    [{"prompt": "Say 1. "}, {"system": "You lie."}, {"sample": 1}, {"design": "unblinded"}, {"prompt_version": "2"}],
)
def test_another_question_never_gets_this_ones_answer(cache: AnswerCache, changes: dict[str, Any]) -> None:
    ask_all([question(1)], Scripted(), SPEC, parse, cache)
    other = Scripted(lambda *_: '{"number": 99}')
    assert ask_all([question(1, **changes)], other, SPEC, parse, cache)[0].answer == {"number": 99}
    assert ask_all([question(1)], Scripted(), SPEC, parse, cache)[0].answer == {"number": 1}


def test_another_temperature_is_another_question(cache: AnswerCache) -> None:
    ask_all([question(1)], Scripted(), SPEC, parse, cache)
    provider = Scripted()
    ask_all([question(1)], provider, ModelSpec("openai", "test-model", SPEC.base_url, 0.5), parse, cache)
    assert len(provider.asked) == 1


def test_a_kept_answer_that_the_parser_refuses_is_asked_again_and_replaced(cache: AnswerCache) -> None:
    ask_all([question(1)], Scripted(lambda *_: '{"number": -1}'), SPEC, parse, cache)

    def stricter(text: str) -> Any:
        if parse(text)["number"] < 0:
            raise AnswerError("Numbers begin at 0.")
        return parse(text)

    for provider, calls in ((Scripted(), 1), (Scripted(), 0)):
        assert ask_all([question(1)], provider, SPEC, stricter, cache)[0].answer == {"number": 1}
        assert len(provider.asked) == calls
    assert len(stored(cache)) == 1


def test_no_questions_are_no_work(cache: AnswerCache) -> None:
    provider = Scripted()
    assert ask_all([], provider, SPEC, parse, cache) == []
    assert provider.closed == 1


# ----------------------------------------------------------------------------------------------------- faults and waits


def test_a_text_that_is_no_answer_goes_back_with_what_is_wrong(cache: AnswerCache) -> None:
    provider = Scripted(lambda question, call, repair: ["not JSON", "{}", '{"number": 4}'][call])
    (outcome,) = ask_all([question(4)], provider, SPEC, parse, cache)
    assert outcome.answer == {"number": 4}
    assert provider.repairs == [None, "The answer is not JSON.", "There is no whole number in it."]
    assert (outcome.attempts, outcome.tokens_in, outcome.tokens_out, outcome.seconds) == (3, 30, 15, 0.75)
    row = stored(cache)["Say 4."]
    assert (row["attempts"], row["raw"], row["parsed"], row["status"]) == (3, '{"number": 4}', {"number": 4}, "ok")


def test_after_two_repairs_it_is_a_recorded_failure_and_asked_again_on_the_next_run(cache: AnswerCache) -> None:
    provider = Scripted(lambda *_: "never JSON")
    good, bad = question(1), question(2)
    (outcome,) = ask_all([bad], provider, SPEC, parse, cache)
    assert outcome.answer is None
    assert outcome.failure is not None
    assert "3 replies" in outcome.failure
    assert "not JSON" in outcome.failure
    assert (outcome.attempts, outcome.raw, len(provider.asked)) == (3, "never JSON", 3)
    row = stored(cache)["Say 2."]
    assert (row["status"], row["failure"], row["raw"], row["parsed"]) == ("failed", outcome.failure, "never JSON", None)
    assert cache.find([bad.key(SPEC)]) == {}
    second = ask_all([good, bad], Scripted(), SPEC, parse, cache)
    assert [each.answer for each in second] == [{"number": 1}, {"number": 2}]
    assert stored(cache)["Say 2."]["status"] == "ok"
    assert stored(cache)["Say 2."]["failure"] is None or math.isnan(stored(cache)["Say 2."]["failure"])


def test_a_refused_question_fails_at_once_and_others_go_on(cache: AnswerCache) -> None:
    def act(question: Question, call: int, repair: str | None) -> str:
        if number_of(question) == 3:
            raise Rejected("blocked content")
        return json.dumps({"number": number_of(question)})

    outcomes = ask_all([question(number) for number in range(6)], Scripted(act), SPEC, parse, cache)
    assert [outcome.answered for outcome in outcomes] == [True, True, True, False, True, True]
    assert outcomes[3].failure == "refused: blocked content"
    assert outcomes[3].attempts == 1


@pytest.mark.parametrize("kind", [RateLimited, Unavailable])
def test_what_passes_is_tried_again_up_to_the_limit(cache: AnswerCache, kind: type[Unavailable]) -> None:
    def act(question: Question, call: int, repair: str | None) -> str:
        if call < number_of(question):
            raise kind("later")
        return json.dumps({"number": number_of(question)})

    questions = [question(number) for number in (0, 1, 3, 4)]
    outcomes = ask_all(questions, Scripted(act), SPEC, parse, cache, Limits(max_attempts=4), timing=QUICK)
    assert [outcome.attempts for outcome in outcomes] == [1, 2, 4, 4]
    assert [outcome.answered for outcome in outcomes] == [True, True, True, False]
    assert outcomes[3].failure == "no reply in 4 attempts; the last: later"
    assert outcomes[3].raw is None


def test_a_server_that_says_when_is_not_asked_before(cache: AnswerCache) -> None:
    asked_at: list[float] = []

    def act(question: Question, call: int, repair: str | None) -> str:
        asked_at.append(time.monotonic())
        if len(asked_at) == 1:
            raise RateLimited("slow down", retry_after=200.0)
        return json.dumps({"number": number_of(question)})

    # The pause holds for every question, not only for the one that was refused.
    provider = Scripted(act)
    questions = [question(number) for number in range(5)]
    outcomes = ask_all(questions, provider, SPEC, parse, cache, Limits(concurrency=1), timing=QUICK)
    assert all(outcome.answered for outcome in outcomes)
    assert asked_at[1] - asked_at[0] >= 0.2

    asked_at.clear()
    more = [question(number) for number in range(10, 20)]
    ask_all(more, Scripted(act, latency=0.001), SPEC, parse, cache, Limits(concurrency=2), timing=QUICK)
    # Besides the refused one at most its neighbour was in flight already.
    assert sum(moment - asked_at[0] < 0.2 for moment in asked_at[1:]) <= 1


def test_a_server_that_asks_for_hours_ends_the_run_and_what_was_answered_is_kept(cache: AnswerCache) -> None:
    def act(question: Question, call: int, repair: str | None) -> str:
        if number_of(question) == 3:
            raise RateLimited("daily quota", retry_after=7200.0)
        return json.dumps({"number": number_of(question)})

    with pytest.raises(RateLimited, match=r"daily quota\. The server asks to wait 7,200 s"):
        ask_all([question(number) for number in range(9)], Scripted(act), SPEC, parse, cache, Limits(concurrency=1))
    assert set(answered(cache)) == {"Say 0.", "Say 1.", "Say 2."}
    assert stored(cache)["Say 3."]["attempts"] == 1 and "the run ended before" in stored(cache)["Say 3."]["failure"]


def test_a_refused_key_stops_everything_at_once_and_keeps_what_was_answered(cache: AnswerCache) -> None:
    def act(question: Question, call: int, repair: str | None) -> str:
        if number_of(question) == 5:
            raise Denied("the key is refused")
        return json.dumps({"number": number_of(question)})

    class Slow(Scripted):
        async def ask(self, question: Question, spec: ModelSpec, *, repair: str | None = None) -> Reply:
            self.latency = 30.0 if number_of(question) > 5 else 0.01
            return await super().ask(question, spec, repair=repair)

    provider = Slow(act)
    began = time.monotonic()
    with pytest.raises(Denied, match="the key is refused"):
        ask_all([question(number) for number in range(40)], provider, SPEC, parse, cache, Limits(concurrency=8))
    assert time.monotonic() - began < 5
    assert provider.flying == 0
    assert provider.cancelled >= 1
    assert provider.closed == 1
    assert {f"Say {number}." for number in range(5)} <= set(answered(cache))
    # The calls that were in flight, and the refused one, were made: they are on record without an answer.
    assert sum(row["attempts"] for row in stored(cache).values()) == len(provider.asked)


def test_nobody_asks_with_a_key_that_was_refused(cache: AnswerCache) -> None:
    asked_by_then = []

    def act(question: Question, call: int, repair: str | None) -> str:
        if number_of(question) == 3:
            asked_by_then.append(len(provider.asked))
            raise Denied("the key is refused")
        return json.dumps({"number": number_of(question)})

    # Eight replies at the same moment: those that come after the refusal find their askers still there.
    provider = Scripted(act, latency=0.05)
    with pytest.raises(Denied):
        ask_all([question(number) for number in range(40)], provider, SPEC, parse, cache, Limits(concurrency=8))
    assert [len(provider.asked)] == asked_by_then


def test_a_provider_that_never_ends_is_given_up_on(cache: AnswerCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.cognition.llm.pipe.GRACE", 0.02)
    spec = ModelSpec("openai", "test-model", timeout=0.03)
    provider = Scripted(latency=60.0)
    (outcome,) = ask_all([question(1)], provider, spec, parse, cache, Limits(max_attempts=2), timing=QUICK)
    assert outcome.failure == "no reply in 2 attempts; the last: no reply within 0.05 s"


def test_a_defect_is_raised_and_not_made_a_failure(cache: AnswerCache) -> None:
    def act(question: Question, call: int, repair: str | None) -> str:
        if number_of(question) == 4:
            raise KeyError("ours")
        return json.dumps({"number": number_of(question)})

    with pytest.raises(KeyError, match="ours"):
        ask_all([question(number) for number in range(9)], Scripted(act), SPEC, parse, cache, Limits(concurrency=1))
    assert len(answered(cache)) == 4


# --------------------------------------------------------------------------------------------- stop, progress, and caps


def test_stopping_keeps_what_was_answered(cache: AnswerCache) -> None:
    stop = threading.Event()
    provider = Scripted(latency=0.02)

    def watch(progress: AskProgress) -> None:
        if progress.done >= 4:
            stop.set()

    began = time.monotonic()
    with pytest.raises(Cancelled, match="what was answered is kept"):
        ask_all(
            [question(number) for number in range(500)],
            provider,
            SPEC,
            parse,
            cache,
            Limits(concurrency=2),
            watch,
            stop.is_set,
        )
    assert time.monotonic() - began < 4
    kept = len(answered(cache))
    assert 4 <= kept < 500
    assert sum(row["attempts"] for row in stored(cache).values()) == len(provider.asked)
    rest = Scripted()
    ask_all([question(number) for number in range(500)], rest, SPEC, parse, cache)
    assert len(rest.asked) == 500 - kept


def test_a_report_that_raises_stops_the_run(cache: AnswerCache) -> None:
    def report(progress: AskProgress) -> None:
        if progress.done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        ask_all([question(number) for number in range(300)], Scripted(latency=0.05), SPEC, parse, cache, None, report)
    assert 0 < len(stored(cache)) < 300


def test_progress_says_how_far_and_how_long(cache: AnswerCache) -> None:
    ask_all([question(number) for number in range(10)], Scripted(), SPEC, parse, cache)
    seen: list[AskProgress] = []

    def act(question: Question, call: int, repair: str | None) -> str:
        if number_of(question) == 39:
            raise Rejected("no")
        return json.dumps({"number": number_of(question)})

    price = Price("test-model", "openai", 1_000_000, 1_000_000, "USD", date(2026, 1, 1), "test")
    ask_all(
        [question(number) for number in range(40)],
        Scripted(act, latency=0.1),
        SPEC,
        parse,
        cache,
        Limits(concurrency=4),
        seen.append,
        price=price,
    )
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    assert all(progress.total == 40 and progress.cached == 10 for progress in seen)
    assert seen[0].done == 10
    assert seen[0].seconds_left is None
    last = seen[-1]
    assert (last.done, last.failed, last.calls, last.seconds_left) == (40, 1, 30, 0.0)
    assert last.cost == pytest.approx(29 * 15)
    middle = [progress for progress in seen if 14 <= progress.done < 40]
    assert middle
    for progress in middle:
        # 40 calls a second at best, so that what is left takes at least so long; a busy machine takes longer.
        assert progress.seconds_left is not None
        assert (40 - progress.done) / 45 < progress.seconds_left < 20
        assert 0 < progress.calls_per_second < 45


@pytest.mark.parametrize(("concurrency", "cap"), [(1, 7), (4, 7), (16, 7), (16, 0)])
def test_a_cap_on_calls_is_kept_to_the_call(cache: AnswerCache, concurrency: int, cap: int) -> None:
    provider = Scripted(latency=0.005)
    questions = [question(number) for number in range(30)]
    # What is said is what came of all calls, also of those that were in flight when the cap was reached.
    with pytest.raises(BudgetReached, match=rf"cap of {cap} calls is reached after {cap} calls \({15 * cap} tokens\)"):
        ask_all(questions, provider, SPEC, parse, cache, Limits(concurrency=concurrency, max_calls=cap))
    assert len(provider.asked) == cap
    assert provider.cancelled == 0
    assert len(stored(cache)) == cap
    rest = Scripted()
    ask_all(questions, rest, SPEC, parse, cache, Limits(max_calls=30 - cap))
    assert len(rest.asked) == 30 - cap


def test_calls_are_counted_over_a_run_that_was_taken_up(cache: AnswerCache) -> None:
    """Asked in vain by the cap, then refused, then answered: one row with all calls; another run's calls are its own."""
    broken = Scripted(lambda question, call, repair: "no JSON")
    with pytest.raises(BudgetReached):
        ask_all([question(1)], broken, SPEC, parse, cache, Limits(max_calls=2), run_id="a")
    assert stored(cache)["Say 1."]["attempts"] == 2 and stored(cache)["Say 1."]["tokens_in"] == 20

    def refused(question: Question, call: int, repair: str | None) -> str:
        raise Rejected("not this one")

    ask_all([question(1)], Scripted(refused), SPEC, parse, cache, run_id="a")
    assert stored(cache)["Say 1."]["attempts"] == 3
    ask_all([question(1)], Scripted(), SPEC, parse, cache, run_id="a")
    row = stored(cache)["Say 1."]
    assert (row["status"], row["attempts"], row["tokens_in"], row["run_id"]) == ("ok", 4, 30, "a")
    ask_all([question(2)], broken, SPEC, parse, cache, Limits(max_repairs=0), run_id="a")
    ask_all([question(2)], Scripted(), SPEC, parse, cache, run_id="b")
    assert (stored(cache)["Say 2."]["attempts"], stored(cache)["Say 2."]["run_id"]) == (1, "b")


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_cap_on_tokens_is_never_passed_and_nearly_used(cache: AnswerCache, concurrency: int) -> None:
    provider = Scripted(latency=0.002)
    spec = ModelSpec("openai", "test-model", max_output_tokens=100)
    with pytest.raises(BudgetReached, match=r"cap of 1,000 tokens"):
        ask_all(
            [question(number) for number in range(200)],
            provider,
            spec,
            parse,
            cache,
            Limits(concurrency=concurrency, max_tokens=1000),
        )
    used = 15 * len(provider.asked)
    assert 1000 - 200 <= used <= 1000
    assert len(stored(cache)) == len(provider.asked)


def test_a_cap_on_the_cost(cache: AnswerCache) -> None:
    price = Price("test-model", "openai", 1.0, 2.0, "EUR", date(2026, 1, 1), "test")
    spec = ModelSpec("openai", "test-model", max_output_tokens=50)
    limits = Limits(concurrency=4, max_cost=0.001)
    with pytest.raises(BudgetReached, match=r"cap of 0\.001 EUR.* EUR\)"):
        ask_all([question(number) for number in range(200)], Scripted(), spec, parse, cache, limits, price=price)
    frame = cache.store.read("llm_calls")
    assert 0.0007 < price.cost(frame["tokens_in"].sum(), frame["tokens_out"].sum()) <= 0.001
    with pytest.raises(InputError, match="needs the price"):
        ask_all([question(1)], Scripted(), spec, parse, cache, limits)


def test_limits_are_checked() -> None:
    for wrong in ({"concurrency": 0}, {"requests_per_minute": 0}, {"max_cost": -1}, {"tokens_per_minute": math.nan}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            Limits(**wrong)


# ------------------------------------------------------------------------------------------------------------- pace


@settings(deadline=None)
@given(
    limit=st.integers(1, 400),
    gaps=st.lists(st.floats(0, 20, allow_nan=False), min_size=1, max_size=200),
)
def test_no_minute_sees_more_calls_than_the_limit(limit: int, gaps: list[float]) -> None:
    clock = [0.0]
    pace = Pace(limit, lambda: clock[0])
    starts = []
    for gap in gaps:
        clock[0] += gap
        starts.append(clock[0] + pace.reserve())
    assert starts == sorted(starts)
    for position, start in enumerate(starts):
        inside = [other for other in starts[position:] if other < start + 60 - 1e-6]
        assert len(inside) <= limit
    # It waits no longer than it must: the whole takes no more than its last arrival and the calls at the limit's pace.
    assert starts[-1] <= sum(gaps) + len(gaps) * 60 / limit + 1e-6


@settings(deadline=None)
@given(
    limit=st.integers(100, 5000),
    calls=st.lists(st.tuples(st.floats(1, 300), st.floats(0, 5)), min_size=1, max_size=100),
)
def test_no_minute_sees_more_tokens_than_the_limit_and_one_call(limit: int, calls: list[tuple[float, float]]) -> None:
    clock = [0.0]
    pace = Pace(limit, lambda: clock[0])
    starts = []
    for amount, gap in calls:
        clock[0] += gap
        starts.append((clock[0] + pace.reserve(amount), amount))
    for position, (start, _) in enumerate(starts):
        inside = [amount for other, amount in starts[position:] if other < start + 60]
        assert sum(inside) <= limit + max(amount for amount, _ in calls) + 1e-6


def test_a_call_that_took_more_than_thought_makes_others_wait() -> None:
    pace = Pace(60.0, lambda: 0.0)
    assert pace.reserve(5) == 0.0
    pace.correct(10)
    assert pace.reserve(5) == pytest.approx(15.0)
    pace.correct(-5)
    assert pace.reserve(1) == pytest.approx(15.0)


@pytest.mark.parametrize("limits", [Limits(16, requests_per_minute=300), Limits(16, tokens_per_minute=300 * 15)])
def test_a_run_keeps_to_its_pace(cache: AnswerCache, limits: Limits) -> None:
    asked_at: list[float] = []

    def act(question: Question, call: int, repair: str | None) -> str:
        asked_at.append(time.monotonic() * 20)
        return json.dumps({"number": number_of(question)})

    began = time.monotonic()
    ask_all([question(number) for number in range(60)], Scripted(act), SPEC, parse, cache, limits, timing=Timing(20.0))
    # 60 calls at 300 a minute are 12 of the pipe's seconds, or 0.6 of ours.
    assert 0.55 < time.monotonic() - began < 3
    assert len(asked_at) == 60


def test_a_pause_is_not_made_up_for_by_a_burst(cache: AnswerCache) -> None:
    def act(question: Question, call: int, repair: str | None) -> str:
        if len(provider.asked) == 20:
            raise RateLimited("slow down", retry_after=3.0)
        return json.dumps({"number": number_of(question)})

    provider = Scripted(act)
    began = time.monotonic()
    limits = Limits(16, requests_per_minute=600)
    ask_all([question(number) for number in range(60)], provider, SPEC, parse, cache, limits, timing=Timing(20.0))
    # 61 calls are 60 tenths of the pipe's seconds apart, and none of these lies within the 3 seconds of the pause.
    assert (time.monotonic() - began) * 20 > 60 * 0.1 + 3.0 - 0.15
    assert len(provider.asked) == 61


def test_the_time_left_is_that_of_a_slow_server_too(cache: AnswerCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.cognition.llm.pipe.WINDOW", 0.01)
    monkeypatch.setattr("core.cognition.llm.pipe.TICK", 0.01)
    seen: list[AskProgress] = []
    questions = [question(number) for number in range(10)]
    ask_all(questions, Scripted(latency=0.1), SPEC, parse, cache, Limits(concurrency=2), seen.append)
    # Rounds of two every tenth of a second; the window alone would hold one of them or none.
    told = [progress for progress in seen if 4 <= progress.done < 10]
    assert told and all(progress.seconds_left is not None and progress.seconds_left > 0.05 for progress in told)
    assert all(progress.seconds_left >= (10 - progress.done) * 0.03 for progress in told if progress.seconds_left)


def test_waits_grow_and_are_spread() -> None:
    timing = Timing(seed=3)
    for attempt, most in ((1, 1.0), (2, 2.0), (4, 8.0), (10, 60.0), (2000, 60.0)):
        waits = [backoff(attempt, timing, base=1.0, cap=60.0) for _ in range(300)]
        assert 0 <= min(waits) < 0.1 * most
        assert 0.9 * most < max(waits) <= most


# ------------------------------------------------------------------------------------------- threads, loops, the store


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


# ---------------------------------------------------------------------------------------------- any interleaving of faults

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


# ------------------------------------------------------------------------------------------------------- killed process

ASKER = """
import sys
sys.path[:0] = [{root!r}, {support!r}, {tests!r}]
from test_llm_pipe import ModelSpec, parse, question, ask_all, AnswerCache, Limits, Store, provider_for

spec = ModelSpec("openai", "test-model", {url!r})
with Store({path!r}) as store:
    questions = [question(number) for number in range(200)]
    ask_all(questions, provider_for("openai", spec), spec, parse, AnswerCache(store), Limits(concurrency=4))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="only where a process can be killed outright")
def test_a_killed_run_goes_on_where_its_last_batch_ended(tmp_path: Path, no_keys: None) -> None:
    path = tmp_path / "a.duckdb"
    questions = [question(number) for number in range(200)]

    def slow(request: dict[str, Any], count: int) -> Step:
        number = int(prompt_of(request).split()[1].rstrip("."))
        return Step(200, {}, openai_answer(json.dumps({"number": number})), 0.05)

    with openai_server(slow) as url:
        folders = {"root": str(ROOT), "support": str(ROOT / "tests" / "support"), "tests": str(Path(__file__).parent)}
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


# -------------------------------------------------------------------------------------------------- real clients, real faults


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("engine", ["openai", "gemini"])
def test_with_a_third_of_faults_no_row_is_wrong_or_doubled(
    tmp_path: Path, engine: str, no_keys: None, monkeypatch: pytest.MonkeyPatch
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


def test_a_wrong_key_stops_at_the_first_reply(cache: AnswerCache, no_keys: None) -> None:
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
