"""Questions about numbers, and a provider that does as it is told."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.types import (
    AnswerError,
    ModelSpec,
    Question,
    Reply,
)

SCHEMA = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
SPEC = ModelSpec("openai", "test-model", "http://127.0.0.1:9/v1")


def question(number: int, **changes: Any) -> Question:
    given: dict[str, Any] = {
        "system": "You count.",
        "prompt": f"Say {number}.",
        "schema": SCHEMA,
        "prompt_version": "count-1",
        "design": "blinded",
        "sample": 0,
    }
    return Question(**{**given, **changes})


def number_of(question: Question) -> int:
    return int(question.prompt.split()[1].rstrip("."))


def parse(text: str) -> dict[str, int]:
    try:
        found = json.loads(text)
    except ValueError:
        raise AnswerError("The answer is not JSON.") from None
    if not isinstance(found, dict) or type(found.get("number")) is not int:
        raise AnswerError("There is no whole number in it.")
    return {"number": found["number"]}


class Scripted:
    """A provider in this process: `act(question, call of this question from 0, repair)` gives text or raises."""

    def __init__(self, act: Callable[[Question, int, str | None], str] | None = None, latency: float = 0.0) -> None:
        self.act = act or (lambda question, call, repair: json.dumps({"number": number_of(question)}))
        self.latency = latency
        self.asked: list[Question] = []
        self.repairs: list[str | None] = []
        self.calls: Counter[Question] = Counter()
        self.flying = self.most = self.cancelled = self.closed = 0

    async def ask(self, question: Question, spec: ModelSpec, *, repair: str | None = None) -> Reply:
        call = self.calls[_hashable(question)]
        self.calls[_hashable(question)] += 1
        self.asked.append(question)
        self.repairs.append(repair)
        self.flying += 1
        self.most = max(self.most, self.flying)
        try:
            await asyncio.sleep(self.latency)
            return Reply(self.act(question, call, repair), "test-model-001", 10, 5, 0.25)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.flying -= 1

    async def aclose(self) -> None:
        self.closed += 1


def _hashable(question: Question) -> Any:
    return (question.prompt, question.sample, question.design)


def stored(cache: AnswerCache) -> dict[str, Any]:
    frame = cache.store.read("llm_calls")
    assert frame["key"].is_unique
    return {row["prompt"]: row for row in frame.to_dict("records")}


def answered(cache: AnswerCache) -> dict[str, Any]:
    return {prompt: row for prompt, row in stored(cache).items() if row["status"] == "ok"}
