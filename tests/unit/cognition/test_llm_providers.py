"""Providers through their real clients, against servers that speak the real wire formats: answers, faults, keys."""

from __future__ import annotations

import asyncio
import builtins
import logging
import pickle
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from behaviour_cases import study
from llm_cases import engine, model, people, some_contexts, without_genai
from llm_servers import (
    Behaviour,
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

from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.budget import BudgetReached
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.engine import AnswersMissing
from core.cognition.llm.limits import Limits
from core.cognition.llm.pipe import ask_all
from core.cognition.llm.providers import provider_for
from core.cognition.llm.providers.errors import error_of, is_this_machine, wait_of
from core.cognition.llm.providers.gemini import GenaiProvider, GenerativeAIProvider
from core.cognition.llm.types import (
    Denied,
    ModelSpec,
    Provider,
    ProviderError,
    Question,
    RateLimited,
    Rejected,
    Reply,
    Unavailable,
)
from core.errors import InputError
from core.settings import adopt_keys, api_key
from core.store.database import Store

SHAPE = AnswerShape(("A", "B"), ("working", "rest"), study().behaviour_ids, 600)
QUESTION = Question("Be somebody.", "What do you do?", SHAPE.schema(), "mobility-1", "blinded", 2)
SECRET = "AIza-a-key-that-nobody-may-ever-see-0123456789"
KINDS = ("openai", "genai", "generativeai")
ANSWERS: dict[str, Callable[..., dict[str, Any]]] = {"openai": openai_answer}
ERRORS: dict[str, Callable[..., dict[str, Any]]] = {"openai": openai_error}


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def answer(kind: str, text: str) -> dict[str, Any]:
    return ANSWERS.get(kind, gemini_answer)(text)


def error(kind: str, status: int, message: str = "scripted") -> dict[str, Any]:
    return ERRORS.get(kind, gemini_error)(status, message)


def spec_of(kind: str, url: str, **fields: Any) -> ModelSpec:
    name = "openai" if kind == "openai" else "gemini"
    return ModelSpec(name, "test-model", base_url=str(url), **{"timeout": 10.0, **fields})


def provider_of(kind: str, spec: ModelSpec) -> Provider:
    if kind == "openai":
        return provider_for("openai", spec)
    return GenaiProvider(spec) if kind == "genai" else GenerativeAIProvider(spec)


def serve(kind: str, behaviour: Behaviour) -> Any:
    return (openai_server if kind == "openai" else gemini_server)(behaviour)


def ask(kind: str, url: str, *, repair: str | None = None, times: int = 1, **fields: Any) -> Reply:
    """The reply to the last of so many equal questions."""

    async def run() -> Reply:
        spec = spec_of(kind, url, **fields)
        provider = provider_of(kind, spec)
        try:
            for _ in range(times):
                reply = await provider.ask(QUESTION, spec, repair=repair)
            return reply
        finally:
            await provider.aclose()

    return asyncio.run(run())


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


@pytest.mark.parametrize(("known", "tries"), [("json_object", 2), (None, 3)])
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
    assert forms == ["json_schema", "json_object", None][:tries] + [known] * 2
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


# Packages and keys


@pytest.mark.parametrize(
    ("name", "hidden", "extra"),
    [("openai", ("openai",), r"policytwin\[openai\]"), ("gemini", ("google",), r"policytwin\[genai\]")],
)
def test_a_missing_package_is_named_with_its_extra(
    name: str, hidden: tuple[str, ...], extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(module: str, *arguments: Any, **named: Any) -> Any:
        if module.split(".")[0] in hidden:
            raise ImportError(module)
        return real(module, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=extra):
        provider_for(name, ModelSpec(name, "m", base_url="http://127.0.0.1:9/v1"))


def test_the_older_client_serves_where_the_newer_is_missing_and_both_share_their_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Faults, a cap, and going on: through google-generativeai first, then with what it left through google-genai."""
    good = model("gemini")
    steps = {
        1: Step(503, {"Retry-After": "0"}, gemini_error(503)),
        3: Step(429, {}, gemini_error(429, "slow", [{"retryDelay": "0s"}])),
        4: Step(200, {}, Truncated(b'{"candidates": [{"conte')),
        6: Step(200, {}, gemini_answer('{"reason": "a", "days": {"working": NaN}}')),
    }
    limits = Limits(backoff_base=0.001, backoff_cap=0.01, concurrency=2)
    personas, contexts = people(2), some_contexts()
    with (
        AnswerCache() as cache,
        gemini_server(lambda request, count: steps.get(count, good(request, count))) as url,
    ):
        with monkeypatch.context() as patched:
            without_genai(patched)
            made = engine("gemini", url, cache=cache, limits=limits)
            assert type(provider_for("gemini", made.spec)) is GenerativeAIProvider
            with pytest.raises(BudgetReached):
                replace(made, limits=replace(limits, max_calls=5)).respond(personas, contexts)
            assert len(url.seen) == 5
            answers = made.respond(personas, contexts)
            calls = len(url.seen)
            assert calls == 8 + len(steps) and not any(
                "genai" in seen.headers["x-goog-api-client"] for seen in url.seen
            )
        assert type(provider_for("gemini", made.spec)) is GenaiProvider
        assert np.array_equal(engine("gemini", url, cache=cache).respond(personas, contexts), answers)
        assert len(url.seen) == calls, "both clients ask the same question"
    with gemini_server(good) as url:
        assert np.array_equal(engine("gemini", url).respond(personas, contexts), answers)


@pytest.mark.parametrize("kind", KINDS)
def test_a_models_name_from_the_server_is_a_name(kind: str, keys: str) -> None:
    body = answer(kind, "x")
    body["model" if kind == "openai" else "modelVersion"] = f"{kind}\n\x1b[2J {SECRET} " + "x" * 5000
    with serve(kind, always(body)) as url:
        found = ask(kind, url).model_id or ""
    assert found.startswith(f"{kind} [2J [hidden] xxx") and len(found) <= 300


def test_a_key_is_neither_a_model_nor_an_address(keys: str) -> None:
    own: list[dict[str, Any]] = [{"model": SECRET}, {"model": "m", "base_url": f"https://h/{SECRET}/v1"}]
    for fields in [
        *own,
        {"model": "sk-proj-abcdefghij0123456789"},
        {"model": "m", "timeout": -1, "base_url": f"x{SECRET}"},
    ]:
        with pytest.raises(InputError, match=r"model|base_url") as caught:
            ModelSpec("openai", **fields)
        assert SECRET not in str(caught.value) and "abcdefghij" not in str(caught.value)


@pytest.mark.parametrize(("name", "variable"), [("openai", "OPENAI_API_KEY"), ("gemini", "GEMINI_API_KEY")])
def test_a_missing_key_is_named_with_its_variable(name: str, variable: str) -> None:
    with pytest.raises(InputError, match=variable):
        provider_for(name, ModelSpec(name, "m"))


@pytest.mark.parametrize("name", ["openai", "gemini"])
def test_a_key_never_travels_unencrypted_to_another_machine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{name.upper()}_API_KEY", SECRET)
    with pytest.raises(InputError, match="unencrypted") as caught:
        provider_for(name, ModelSpec(name, "m", base_url="http://example.org/v1"))
    assert SECRET not in str(caught.value)


def test_keys_come_from_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", " second \n")
    assert api_key("gemini") == "second" and api_key("openai") is None
    monkeypatch.setenv("GEMINI_API_KEY", "first")
    assert api_key("gemini") == "first"
    monkeypatch.setenv("OPENAI_API_KEY", "one two")
    with pytest.raises(InputError, match="OPENAI_API_KEY") as caught:
        api_key("openai")
    assert "one two" not in str(caught.value)
    # What a page adopts lasts for the process: the test takes it away again.
    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.delenv("OPENAI_API_KEY")
    adopt_keys({"OPENAI_API_KEY": "given", "GEMINI_API_KEY": "other", "PATH": "x", "more": {}})
    assert api_key("openai") == "given" and api_key("gemini") == "first"
    monkeypatch.setenv("OPENAI_API_KEY", "")


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("GEMINI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, SECRET)
    yield SECRET


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_no_key_is_in_an_error_a_repr_or_a_log(
    kind: str, status: int, keys: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = f"Incorrect key {SECRET} in ?key={SECRET}&x=1, Authorization: Bearer {SECRET}"
    with serve(kind, lambda request, count: Step(status, {}, error(kind, status, told))) as url:
        with pytest.raises(ProviderError) as caught:
            ask(kind, url)
        spec = spec_of(kind, url)
        provider = provider_of(kind, spec)
        assert all(SECRET not in seen.path for seen in url.seen)
    assert SECRET not in repr(provider) + repr(spec) + str(caught.value) + repr(caught.value) + caplog.text
    asyncio.run(provider.aclose())


@pytest.mark.parametrize("name", ["openai", "gemini"])
def test_no_key_is_in_what_is_kept(name: str, keys: str, tmp_path: Path) -> None:
    echo = openai_answer if name == "openai" else gemini_answer
    bad = openai_error if name == "openai" else gemini_error
    good = model(name)

    def behaviour(request: dict[str, Any], count: int) -> Any:
        if count % 3 == 0:
            return Step(200, {}, echo(f"my key is {SECRET}"))
        return Step(400, {}, bad(400, f"rejected for {SECRET}")) if count % 3 == 1 else good(request, count)

    path = tmp_path / "store.duckdb"
    with Store(path) as store, (openai_server if name == "openai" else gemini_server)(behaviour) as url:
        made = engine(name, url, cache=AnswerCache(store), limits=Limits(max_repairs=0, concurrency=1))
        with pytest.raises(AnswersMissing) as caught:
            made.respond(people(2), some_contexts())
        assert SECRET not in str(caught.value) + repr(made) + str(made.description) + repr(caught.value.failures)
        rows = store.read("llm_calls")
        assert len(rows) == 8 and SECRET not in rows.to_csv()
    for file in tmp_path.iterdir():
        assert SECRET.encode() not in file.read_bytes()


def test_openais_key_reaches_the_server_and_geminis_stays_off_this_machine(keys: str) -> None:
    with openai_server(always(openai_answer("x"))) as url:
        ask("openai", url)
        assert url.seen[0].headers["authorization"] == f"Bearer {SECRET}"
    for kind in ("genai", "generativeai"):
        with gemini_server(always(gemini_answer("x"))) as url:
            ask(kind, url)
            assert SECRET not in str(url.seen)
