"""What language-model engines, the pipe that asks, and the providers agree on: questions, replies, errors.

A question is everything that is said to the model; a model specification is everything about how it is asked. Together
they make the key under which an answer is kept. Keys to a provider are in neither.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from core.cognition.llm.secret_text import secret_values, telling_values, without_secrets
from core.errors import InputError, PolicyTwinError

#: The version of the prompts that is asked with unless another is named.
PROMPTS = "mobility-2"
#: Alternatives to a token that servers give at most, and so the most options of a choice that is read from letters.
MOST_OPTIONS = 20

#: Parts of a model specification that decide what is answered; how long one waits for it is not among them.
KEYED = ("engine", "model", "base_url", "temperature", "max_output_tokens", "seed")
#: What a specification may say: name, lowest, highest.
RANGES = (("temperature", 0, 2), ("max_output_tokens", 1, 1_000_000), ("timeout", 0.001, 3600))


@dataclass(frozen=True)
class ModelSpec:
    """How the model is asked, as far as it matters for the answer.

    `engine` is gemini, openai or replay, `model` the name asked for. `base_url` points at an OpenAI-compatible server
    or a server on this machine: host and path only. A key in it, or in the model's name, is refused (InputError), for both
    are kept with every answer. Sample k is asked with `seed` + k
    where the provider has seeds. `timeout` in seconds is not part of the key.
    """

    engine: str
    model: str
    base_url: str | None = None
    temperature: float = 1.0
    max_output_tokens: int = 1024
    seed: int | None = None
    timeout: float = 60.0

    def __post_init__(self) -> None:
        self._check_address()
        for name in ("model", "base_url"):
            text = getattr(self, name) or ""
            if text != without_secrets(text, telling_values(secret_values())):
                raise InputError("what was given holds a key", where=name, allowed="a key goes into the environment")
        for name, low, high in RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name} is {value}", where=f"model {self.model}", allowed=f"{low:g} to {high:g}")

    def _check_address(self) -> None:
        if self.base_url is None:
            return
        try:
            parts = urlsplit(self.base_url)
            wrong = parts.scheme not in ("http", "https") or not parts.hostname
        except ValueError:
            wrong = True
        if wrong or parts.username or parts.password or parts.query or parts.fragment:
            # What was given is not repeated: it may hold a key.
            raise InputError(
                "the model server's address is not an address alone",
                where="base_url",
                allowed="scheme, host and path, such as http://127.0.0.1:8000/v1; a key goes into the environment",
            )


@dataclass(frozen=True)
class Question:
    """One call: the system prompt, the prompt, and the JSON schema of the answer as a plain dict.

    `prompt_version` names the versioned prompt files (mobility-2), `design` the way of asking, `sample` counts from 0.
    """

    system: str
    prompt: str
    schema: Mapping[str, Any]
    prompt_version: str
    design: str
    sample: int

    def key(self, spec: ModelSpec) -> str:
        """SHA-256 (hex) over the canonical JSON of the question and of what of `spec` matters for the answer."""
        content = {name: getattr(spec, name) for name in KEYED} | {
            "temperature": float(spec.temperature),  # 1 and 1.0 are written differently, and mean the same
            "system": self.system,
            "prompt": self.prompt,
            "schema": self.schema,
            "prompt_version": self.prompt_version,
            "design": self.design,
            "sample": self.sample,
        }
        # ensure_ascii: text with lone surrogates has no UTF-8 form but has this one.
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=dict)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


@dataclass(frozen=True)
class Reply:
    """What came back from one HTTP call; `model_id` and token counts are None where the server does not say.

    `cut` says why the text ended before the model was done, and is None where it ended by itself.
    """

    text: str
    model_id: str | None
    tokens_in: int | None
    tokens_out: int | None
    seconds: float
    cut: str | None = None


class Provider(Protocol):
    """One way to reach a model. `ask` makes exactly one attempt: retries, pacing and the cache are the pipe's.

    `repair` is the sentence that says what was wrong with the last answer; it is added to the conversation.
    One that has `at_once` is asked so many questions at a time at most.
    Raises ProviderError's subclasses and nothing else. An instance belongs to one event loop; `aclose` frees what it holds.
    """

    async def ask(self, question: Question, spec: ModelSpec, *, repair: str | None = None) -> Reply: ...

    async def aclose(self) -> None: ...


class ProviderError(PolicyTwinError):
    """A call gave no answer. `retry_after` is how many seconds the server asks to wait, where it says so."""

    def __init__(self, problem: str, retry_after: float | None = None) -> None:
        super().__init__(problem)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.retry_after)


class RateLimited(ProviderError):
    """Too many calls or tokens for now (429)."""


class QuotaExhausted(ProviderError):
    """What the key may use, or has paid for, is used up for a day or longer: asking on is useless until there is more."""


class Unavailable(ProviderError):
    """The server failed, was too slow, or could not be reached (5xx, timeouts, refused connections)."""


class Denied(ProviderError):
    """The key is missing, wrong, or may not do this (401, 403): asking on is useless."""

    exit_code = 2


class Rejected(ProviderError):
    """This question was refused (any other 4xx, blocked content): it fails, others may not.

    `reply` is what came back and was billed, where a reply came without an answer that can be read.
    """

    reply: Reply | None = None


class FormRefused(ProviderError):
    """The server cannot do the form in which the answer was asked for; the next call asks for it in another one."""


class AnswerError(PolicyTwinError):
    """The model's text is no valid answer; the message says what is wrong, in words fit for the model to read."""
