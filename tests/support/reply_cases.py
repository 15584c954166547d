"""One question to each kind of provider on a server of this machine that answers as a test says."""

from __future__ import annotations

import asyncio
from typing import Any

from llm_servers import always, gemini_server, openai_server

from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.limits import Limits
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.pipe import ask_all
from core.cognition.llm.providers.gemini import GenaiProvider, GenerativeAIProvider
from core.cognition.llm.providers.openai import OpenAIProvider
from core.cognition.llm.types import ModelSpec, Question, Reply

SHAPE = AnswerShape((), (), ("retail", "parks"), 80)
ANSWER = '{"reason": "I stay.", "values": {"retail": 0.1, "parks": 0.2}}'
DRAFT = '{"reason": "I go.", "values": {"retail": 0.9, "parks": 0.9}}'
KINDS = ("openai", "genai", "generativeai")


def provider_of(kind: str, spec: ModelSpec) -> Any:
    return {"openai": OpenAIProvider, "genai": GenaiProvider, "generativeai": GenerativeAIProvider}[kind](spec)


def spec_of(kind: str, url: str) -> ModelSpec:
    return ModelSpec("openai" if kind == "openai" else "gemini", "m", base_url=url, timeout=10.0)


def question(sample: int = 0) -> Question:
    return Question("Be somebody.", "What do you do?", SHAPE.schema(), "mobility-1", "blinded", sample)


def serve(kind: str, behaviour: Any) -> Any:
    return (openai_server if kind == "openai" else gemini_server)(behaviour)


def ask(kind: str, body: Any) -> Reply:
    """What the provider makes of this body."""
    with serve(kind, always(body)) as url:

        async def run() -> Reply:
            provider = provider_of(kind, spec_of(kind, url))
            try:
                return await provider.ask(question(), spec_of(kind, url))
            finally:
                await provider.aclose()

        return asyncio.run(run())


def outcome(kind: str, behaviour: Any, cache: AnswerCache | None = None, **limits: Any) -> Outcome:
    """What the pipe makes of a server that behaves so."""
    with serve(kind, behaviour) as url:
        spec = spec_of(kind, url)
        return ask_all([question()], provider_of(kind, spec), spec, SHAPE.parse, cache, Limits(**limits))[0]
