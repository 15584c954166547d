"""What providers share in how they ask."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from core.cognition.llm.providers.errors import said
from core.cognition.llm.types import ModelSpec


def with_repair(prompt: str, repair: str | None) -> str:
    """The prompt, with what was wrong about the last answer at its end: some models' templates know one user turn only."""
    if repair is None:
        return prompt
    return f"{prompt}\n\nYour last answer could not be used. {repair} Give the whole answer again, mended."


def without(schema: Any, names: tuple[str, ...]) -> Any:
    """A JSON schema without these keywords, at any depth; names of properties are left alone."""
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: without(value, names) for name, value in inner.items()}
        if key == "properties"
        else without(inner, names)
        for key, inner in schema.items()
        if key not in names
    }


@lru_cache(maxsize=64)
def model_name(told: str | None) -> str | None:
    """The model's id as the provider returned it: on one line, cut to length and without keys, for it is kept and shown."""
    return said(told or "") or None


def no_room(spec: ModelSpec) -> str:
    """What happened to a model that thinks longer than it may."""
    return f"the model used its {spec.max_output_tokens} tokens before it began to answer; allow more max_output_tokens"
