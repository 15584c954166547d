"""OpenAI's models, and all servers that speak their interface."""

from __future__ import annotations

from core.cognition.llm.engine import register_model
from core.cognition.llm.types import ModelSpec, Provider


def provider(spec: ModelSpec) -> Provider:
    # Imported when it is used: its package may be missing, and takes a while to load.
    from core.cognition.llm.providers.openai import OpenAIProvider

    return OpenAIProvider(spec)


register_model(
    "openai",
    order=30,
    title="OpenAI-compatible",
    label="language model asked through an OpenAI-compatible interface",
    short="language model, OpenAI-compatible",
    help="OpenAI's models, or any server that speaks their interface: vLLM, Ollama, llama.cpp on this machine or another.",
    provider=provider,
    replayable=True,
    reads_letters=True,
)
