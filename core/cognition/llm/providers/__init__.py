"""The ways to reach a model; which there are, the engines in `core.cognition.engines` say."""

from __future__ import annotations

from core.cognition.llm.types import ModelSpec, Provider
from core.cognition.registry import ENGINES, model_engines
from core.errors import one_of


def provider_for(name: str, spec: ModelSpec) -> Provider:
    """A new provider; it belongs to the event loop in which it is first asked.

    InputError where its package or its key is missing.
    """
    make = ENGINES[one_of(name, model_engines(), what="engine")].provider
    assert make is not None
    provider: Provider = make(spec)
    return provider
