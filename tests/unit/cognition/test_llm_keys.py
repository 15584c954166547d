"""Packages and keys of providers: what is missing is named, and no key is ever shown or kept."""

from __future__ import annotations

import asyncio
import builtins
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llm_cases import engine, model, people, some_contexts, without_genai
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
)
from provider_cases import KINDS, answer, ask, error, provider_of, serve, spec_of

from core.cognition.llm.budget import BudgetReached
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.engine import AnswersMissing
from core.cognition.llm.limits import Limits
from core.cognition.llm.providers import provider_for
from core.cognition.llm.providers.gemini import GenaiProvider, GenerativeAIProvider
from core.cognition.llm.types import (
    ModelSpec,
    ProviderError,
)
from core.errors import InputError
from core.settings import adopt_keys, api_key
from core.store.database import Store

SECRET = "AIza-a-key-that-nobody-may-ever-see-0123456789"


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
