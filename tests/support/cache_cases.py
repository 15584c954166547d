"""Answers that a cache keeps."""

from __future__ import annotations

from typing import Any

from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.types import ModelSpec, Question

SPEC = ModelSpec("gemini", "gemini-test", temperature=0.7, seed=11)
SHAPE = AnswerShape((), (), ("transit", "parks"), 500)


def question(number: int, shape: AnswerShape = SHAPE, **changes: Any) -> Question:
    given: dict[str, Any] = {
        "system": "You are a person.",
        "prompt": f"Prompt {number}: أهلاً 'quoted' \"too\" 😀",
        "schema": shape.schema(),
        "prompt_version": "mobility-1",
        "design": "blinded",
        "sample": number,
    }
    return Question(**{**given, **changes})


def text_for(shape: AnswerShape, value: float = 0.25) -> str:
    return shape.form().replace("null", str(value)).replace("…", "Because.")


def answered(each: Question, spec: ModelSpec = SPEC, shape: AnswerShape = SHAPE) -> Outcome:
    raw = text_for(shape)
    return Outcome(each.key(spec), shape.parse(raw), None, raw, "gemini-test-001", 120, 30, attempts=1, seconds=0.5)


def failed(each: Question, why: str = "no") -> Outcome:
    return Outcome(each.key(SPEC), failure=why, attempts=3)
