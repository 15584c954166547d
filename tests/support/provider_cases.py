"""Providers of every kind, and servers that answer them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from behaviour_cases import study
from llm_servers import (
    Behaviour,
    gemini_answer,
    gemini_error,
    gemini_server,
    openai_answer,
    openai_error,
    openai_server,
)

from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.providers import provider_for
from core.cognition.llm.providers.gemini import GenaiProvider, GenerativeAIProvider
from core.cognition.llm.types import (
    ModelSpec,
    Provider,
    Question,
    Reply,
)

SHAPE = AnswerShape(("A", "B"), ("working", "rest"), study().behaviour_ids, 600)
QUESTION = Question("Be somebody.", "What do you do?", SHAPE.schema(), "mobility-1", "blinded", 2)
KINDS = ("openai", "genai", "generativeai")
ANSWERS: dict[str, Callable[..., dict[str, Any]]] = {"openai": openai_answer}
ERRORS: dict[str, Callable[..., dict[str, Any]]] = {"openai": openai_error}


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
