"""A language model on this machine, that needs no key."""

from __future__ import annotations

from core.cognition.llm.engine import register_model
from core.cognition.llm.local_weights import SMALL, SMOLLM2
from core.cognition.llm.types import ModelSpec, Provider


def provider(spec: ModelSpec) -> Provider:
    # Imported when it is used: its packages may be missing, and take a while to load.
    from core.cognition.llm.providers.local import LocalProvider

    return LocalProvider(spec)


register_model(
    "local",
    order=35,
    title="Model on this machine",
    label="language model on this machine, for trying the pipe, not for findings",
    short="language model on this machine, not for findings",
    help="A small language model that runs on this machine: no key, no network, no cost. `policytwin models fetch` gets its "
    f"weights. The usual one, {SMOLLM2.title}, has {SMALL}",
    provider=provider,
    replayable=True,
    reads_letters=True,
    usual_model=SMOLLM2.name,
    here=True,
)
