"""The ways to reach a model, each imported only when it is used: its package may be missing, and takes a while to load."""

from __future__ import annotations

from core.cognition.llm.types import ModelSpec, Provider
from core.errors import one_of

#: Engines whose answers can be in a cache, and all.
RECORDED = ("gemini", "openai")
LANGUAGE_ENGINES = (*RECORDED, "replay")


def provider_for(name: str, spec: ModelSpec) -> Provider:
    """A new provider; it belongs to the event loop in which it is first asked.

    InputError where its package or its key is missing.
    """
    one_of(name, LANGUAGE_ENGINES, what="engine")
    if name == "replay":
        from core.cognition.llm.providers.replay import ReplayProvider

        return ReplayProvider()
    if name == "openai":
        from core.cognition.llm.providers.openai import OpenAIProvider

        return OpenAIProvider(spec)
    from core.cognition.llm.providers.gemini import gemini_provider

    return gemini_provider(spec)
