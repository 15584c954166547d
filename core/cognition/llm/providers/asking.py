"""What providers share in how they ask."""

from __future__ import annotations

from typing import Any

from core.cognition.llm.providers.errors import said
from core.cognition.llm.types import ModelSpec, Rejected, Reply

#: More tokens than any call takes.
MOST_TOKENS = 1_000_000_000


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


def model_name(told: object) -> str | None:
    """The model's id as the provider returned it: on one line, cut to length and without keys, for it is kept and shown."""
    return said(told) or None if isinstance(told, str) else None


def token_count(told: object) -> int | None:
    """How many tokens a server says that it counted; None for anything that is no such number."""
    right = isinstance(told, int) and not isinstance(told, bool) and 0 <= told <= MOST_TOKENS
    return told if right and isinstance(told, int) else None


def without_answer(problem: str, reply: Reply) -> Rejected:
    """The error for a reply that came, and was billed, without an answer that can be read."""
    wrong = Rejected(problem)
    wrong.reply = reply
    return wrong


def no_room(spec: ModelSpec) -> str:
    """What happened to a model that thinks longer than it may."""
    return f"the model used its {spec.max_output_tokens} tokens before it began to answer; allow more max_output_tokens"


def out_of_room(spec: ModelSpec) -> str:
    """Why a text ended before the model was done."""
    return f"at the limit of {spec.max_output_tokens} tokens, max_output_tokens"
