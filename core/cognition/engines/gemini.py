"""Google's language models."""

from __future__ import annotations

from core.cognition.llm.engine import register_model
from core.cognition.llm.types import ModelSpec, Provider


def provider(spec: ModelSpec) -> Provider:
    # Imported when it is used: its package may be missing, and takes a while to load.
    from core.cognition.llm.providers.gemini import gemini_provider

    return gemini_provider(spec)


register_model(
    "gemini",
    order=20,
    title="Gemini",
    label="language model asked through Gemini's interface",
    short="language model, Gemini",
    help="Google's language models, asked through their own interface with your key.",
    provider=provider,
    replayable=True,
)
