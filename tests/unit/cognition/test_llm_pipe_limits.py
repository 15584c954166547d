"""The pipe stops, reports progress, and keeps to caps and to a pace."""

from __future__ import annotations

import json
import math
import threading
import time
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipe_cases import SPEC, Scripted, answered, number_of, parse, question, stored

from core.cognition.llm.budget import BudgetReached
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.limits import AskProgress, Limits
from core.cognition.llm.pacing import Pace, Timing, backoff
from core.cognition.llm.pipe import ask_all
from core.cognition.llm.prices import Price
from core.cognition.llm.types import (
    ModelSpec,
    Question,
    RateLimited,
    Rejected,
)
from core.errors import Cancelled, InputError


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
