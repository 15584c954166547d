"""Providers through their real clients, against servers that speak their interfaces."""

from __future__ import annotations

import asyncio
import pickle
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from behaviour_cases import study
from llm_servers import (
    Step,
    Truncated,
    always,
    gemini_answer,
    gemini_error,
    gemini_server,
    openai_answer,
    openai_error,
    openai_server,
    prompt_of,
    script,
)
from provider_cases import KINDS, QUESTION, answer, ask, error, provider_of, serve, spec_of

from core.cognition.llm.budget import BudgetReached
from core.cognition.llm.limits import Limits
from core.cognition.llm.pipe import ask_all
from core.cognition.llm.providers.errors import error_of, is_this_machine, wait_of
from core.cognition.llm.types import (
    Denied,
    ProviderError,
    RateLimited,
    Rejected,
    Reply,
    Unavailable,
)


@pytest.mark.parametrize("kind", KINDS)
def test_the_reply_holds_what_came_back(kind: str) -> None:
    with serve(kind, always(answer(kind, 'Ünï "text"'))) as url:
        reply = ask(kind, url)
    assert reply.text == 'Ünï "text"' and reply.seconds > 0
    assert (reply.tokens_in, reply.tokens_out) == (11, 7)
    assert reply.model_id == ("local-test-001" if kind == "openai" else "gemini-test-001")


@pytest.mark.parametrize("kind", KINDS)
def test_the_request_says_what_was_to_be_said(kind: str) -> None:
    with serve(kind, always(answer(kind, "x"))) as url:
        ask(kind, url, temperature=0.25, max_output_tokens=77, seed=5)
        [seen] = url.seen
    body = seen.body
    assert prompt_of(body) == QUESTION.prompt
    if kind == "openai":
        assert seen.path == "/v1/chat/completions" and body["model"] == "test-model"
        assert body["messages"][0] == {"role": "system", "content": QUESTION.system}
        assert (body["temperature"], body["max_tokens"], body["seed"]) == (0.25, 77, 7)
        form = body["response_format"]["json_schema"]
        assert form["strict"] is True and form["schema"]["additionalProperties"] is False
        assert list(form["schema"]["properties"]) == ["reason", "conditions"]
        return
    assert seen.path.partition("?")[0].endswith("/models/test-model:generateContent")
    assert body["systemInstruction"]["parts"][0]["text"] == QUESTION.system
    config = body["generationConfig"]
    assert (config["temperature"], config["maxOutputTokens"]) == (0.25, 77)
    assert config["responseMimeType"] == "application/json"
    plan = config["responseSchema"]
    assert set(plan["required"]) == {"reason", "conditions"}
    inner = plan["properties"]["conditions"]["properties"]["B"]["properties"]["rest"]
    assert set(inner["properties"]) == set(study().behaviour_ids) == set(inner["required"])
    if kind == "genai":
        assert config["seed"] == 7 and plan["property_ordering"] == ["reason", "conditions"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_repair_follows_the_prompt(kind: str) -> None:
    with serve(kind, always(answer(kind, "x"))) as url:
        ask(kind, url, repair="parks is 30, but allowed is 0 to 1.")
        said = prompt_of(url.seen[0].body)
    assert said.startswith(QUESTION.prompt) and "parks is 30, but allowed is 0 to 1." in said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (429, RateLimited),
        (500, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
        (401, Denied),
        (403, Denied),
        (404, Denied),
        (400, Rejected),
        (413, Rejected),
    ],
)
def test_each_status_is_the_error_it_stands_for_and_is_tried_once(
    kind: str, status: int, wanted: type[ProviderError]
) -> None:
    with serve(kind, lambda request, count: Step(status, {"Retry-After": "7"}, error(kind, status))) as url:
        with pytest.raises(wanted, match=str(status)) as caught:
            ask(kind, url)
        assert len(url.seen) == 1
    if wanted in (RateLimited, Unavailable):
        assert caught.value.retry_after == 7.0
    assert type(caught.value) is wanted and caught.value.__cause__ is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "step",
    [
        Step(200, {}, Truncated(b'{"candidates": [{"conte')),
        Step(200, {}, "{ this is no JSON"),
        Step(200, {}, ""),
        Step(200, {}, {}),
        Step(200, {}, "[]"),
        Step(200, {}, {"choices": [], "candidates": []}),
        Step(200, {"Content-Type": "text/html"}, "<html>a proxy's page</html>"),
        Step(502, {"Content-Type": "text/html"}, "<html>Bad gateway</html>"),
        Step(500, {}, ""),
    ],
)
def test_a_broken_reply_is_unavailable(kind: str, step: Step) -> None:
    with serve(kind, script(step)) as url:
        with pytest.raises(Unavailable):
            ask(kind, url)
        assert len(url.seen) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_server_is_given_up_at_the_timeout(kind: str) -> None:
    with serve(kind, always(answer(kind, "x"), delay=1.5)) as url:
        begun = time.perf_counter()
        with pytest.raises(Unavailable, match=r"0\.3|imed out"):
            ask(kind, url, timeout=0.3)
        assert time.perf_counter() - begun < 1.4


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_there_is_unavailable(kind: str) -> None:
    with serve(kind, always({})) as url:
        gone = str(url)
    with pytest.raises(Unavailable):
        ask(kind, gone, timeout=5.0)


@pytest.mark.parametrize("kind", KINDS)
def test_many_are_asked_at_once(kind: str) -> None:
    async def run(url: str) -> list[Reply]:
        spec = spec_of(kind, url)
        provider = provider_of(kind, spec)
        try:
            return await asyncio.gather(*(provider.ask(QUESTION, spec) for _ in range(24)))
        finally:
            await provider.aclose()

    with serve(kind, always(answer(kind, "x"), delay=0.3)) as url:
        begun = time.perf_counter()
        replies = asyncio.run(run(url))
        assert time.perf_counter() - begun < 24 * 0.3 / 3
    assert len(replies) == 24


@pytest.mark.parametrize("kind", ["genai", "generativeai"])
def test_geminis_refusals_and_waits(kind: str) -> None:
    def stopped(reason: str, text: str = "") -> dict[str, Any]:
        body = gemini_answer(text)
        body["candidates"][0]["finishReason"] = reason
        return body

    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": "gemini-test-001"}
    for body, wanted in ((blocked, "SAFETY"), (stopped("RECITATION"), "RECITATION"), (stopped("MAX_TOKENS"), "tokens")):
        with gemini_server(always(body)) as url, pytest.raises(Rejected, match=wanted):
            ask(kind, url)
    with gemini_server(always(stopped("MAX_TOKENS", '{"reason"'))) as url:
        assert ask(kind, url).text == '{"reason"'
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "13s"}]
    slow = script(Step(429, {}, gemini_error(429, "slow", details)))
    with gemini_server(slow) as url, pytest.raises(RateLimited) as caught:
        ask(kind, url)
    assert caught.value.retry_after == 13.0
    bad = gemini_error(400, "API key not valid. Please pass a valid API key.")
    with gemini_server(lambda request, count: Step(400, {}, bad)) as url, pytest.raises(Denied):
        ask(kind, url)


def test_thinking_counts_as_output() -> None:
    body = gemini_answer("x")
    body["usageMetadata"] |= {"thoughtsTokenCount": 100, "totalTokenCount": 118}
    for kind in ("genai", "generativeai"):
        with gemini_server(always(body)) as url:
            assert ask(kind, url).tokens_out == 107


def test_openais_refusals() -> None:
    refusal = openai_answer("")
    refusal["choices"][0]["message"] = {"role": "assistant", "content": None, "refusal": "I will not."}
    filtered, cut = openai_answer("x"), openai_answer("")
    filtered["choices"][0]["finish_reason"] = "content_filter"
    cut["choices"][0]["finish_reason"] = "length"
    for body, wanted in ((refusal, "I will not"), (filtered, "content filter"), (cut, "max_output_tokens")):
        with openai_server(always(body)) as url, pytest.raises(Rejected, match=wanted):
            ask("openai", url)


@pytest.mark.parametrize(("known", "tries"), [("json_object", 3), (None, 4)])
def test_a_server_without_schemas_is_asked_without_and_each_try_counts(known: str | None, tries: int) -> None:
    def behaviour(request: dict[str, Any], count: int) -> Step:
        form = request.get("response_format", {}).get("type")
        if form not in (known, None):
            return Step(400, {}, openai_error(400, f"response_format of type {form} is not supported"))
        return Step(200, {}, openai_answer("x"))

    questions = [replace(QUESTION, sample=sample) for sample in range(3)]
    with openai_server(behaviour) as url:
        spec = spec_of("openai", url)
        outcomes = ask_all(questions, provider_of("openai", spec), spec, str, limits=Limits(concurrency=1))
        forms = [seen.body.get("response_format", {}).get("type") for seen in url.seen]
    assert forms == ["json_schema", "json_schema", "json_object", None][:tries] + [known] * 2
    assert [outcome.attempts for outcome in outcomes] == [tries, 1, 1]
    # The tries count against a cap, and take their turn under a pace.
    with openai_server(behaviour) as url:
        spec = spec_of("openai", url)
        with pytest.raises(BudgetReached):
            ask_all(questions, provider_of("openai", spec), spec, str, limits=Limits(max_calls=2))
        assert len(url.seen) == 2


def test_a_reply_without_counts_says_so() -> None:
    body = openai_answer("x")
    del body["usage"]
    with openai_server(always(body)) as url:
        reply = ask("openai", url)
    assert reply.tokens_in is None and reply.tokens_out is None


def test_waits_are_read_in_every_form() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < (wait_of({"Retry-After": later}) or 0) <= 30
    assert wait_of({"retry-after": "2.5"}) == 2.5 and wait_of({"retry-after-ms": "250"}) == 0.25
    assert wait_of({}, [{"retryDelay": "1.5s"}]) == 1.5
    for odd in ({"retry-after": "soon"}, {"retry-after": "-3"}, {"retry-after": "nan"}, {}, None):
        assert wait_of(odd, [{"retryDelay": "soon"}, 3]) is None
    past = format_datetime(datetime.now(UTC) - timedelta(days=3), usegmt=True)
    assert wait_of({"retry-after": past}) == 0.0


def test_addresses_of_this_machine() -> None:
    assert all(map(is_this_machine, ["http://localhost:1/v1", "http://127.3.2.1", "http://[::1]:8/"]))
    assert not any(
        map(is_this_machine, ["http://127.0.0.1.example.org", "https://localhost.example.org", "http://10.0.0.1"])
    )


def test_errors_cross_processes() -> None:
    wrong = error_of(429, "slow", 3.0)
    again = pickle.loads(pickle.dumps(wrong))
    assert type(again) is RateLimited and again.retry_after == 3.0 and str(again) == str(wrong)
