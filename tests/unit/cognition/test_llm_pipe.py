"""The pipe: what is asked at all, and how faults and waits of a provider end."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from pipe_cases import SPEC, Scripted, answered, number_of, parse, question, stored

from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.limits import Limits
from core.cognition.llm.pacing import Timing
from core.cognition.llm.pipe import ask_all
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

#: A thousand of the pipe's seconds in one of ours.
QUICK = Timing(speed=1000.0, seed=1)


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
