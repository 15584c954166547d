"""Answers as letters: what is read from log-probabilities, and what is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from core.cognition.llm.budget import Range, tokens_to_answer
from core.cognition.llm.letters import LetterShape
from core.cognition.llm.types import AnswerError, Question

ABC = LetterShape(3)


def text(**masses: float) -> str:
    return ABC.text_of([(token, math.log(mass)) for token, mass in masses.items()])


def test_masses_of_letters_are_renormalised_and_the_rest_is_told() -> None:
    answer = ABC.parse(
        ABC.text_of([("A", math.log(0.4)), (" B.", math.log(0.2)), ("The", math.log(0.3)), (" A", -20.0)])
    )
    assert np.allclose(ABC.probabilities(answer), [2 / 3, 1 / 3, 0], atol=1e-4) and answer["unread"] == pytest.approx(
        0.4
    )
    with pytest.raises(AnswerError, match="60% is on other words than the letters A, B, C"):
        ABC.parse(text(A=0.4, The=0.5))
    for wrong in (
        "",
        "A",
        '{"letters": {"A": 1}, "unread": 0}',
        json.dumps({"letters": dict.fromkeys("ABC", 0), "unread": 0}),
    ):
        with pytest.raises(AnswerError):
            ABC.parse(wrong)


def test_a_letter_is_one_token_and_its_schema_says_so() -> None:
    assert LetterShape.of(ABC.schema()) == ABC and LetterShape.of({"type": "object"}) is None
    assert LetterShape.of({"type": "string", "enum": ["A", "C"]}) is None
    assert tokens_to_answer(ABC.schema(), 2048) == Range(1.0, 1.0, 1.0)
    assert Question("s", "p", ABC.schema(), "survey-2/letters", "survey", 0).schema == ABC.schema()
