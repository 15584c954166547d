"""What a valid answer to a survey question is: a probability for each answer, read strictly and never with a default.

A person is asked for probabilities and not for the one answer that they would give. A single answer, even drawn often,
shows the mode that a model falls back on and too little spread; probabilities carry the person's own uncertainty in
every reply, so that it can be told from differences between samples and between people (SYN-DIGITS, arXiv 2604.07513,
compares and calibrates whole distributions; loss of diversity is the first of the five challenges of simulated people,
Anthis et al.). A scale is asked in the same way, a probability for each point: a mean alone would hide two camps.

The form is that of every other answer (`core.cognition.llm.answers`), so that a cache with survey answers can be
exported, checked and imported as any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.types import AnswerError
from core.survey.questions import SurveyQuestion

#: Numbers are asked for with two decimals; rounded like that, each may be off by this much.
ROUNDING = 0.005
_EXACT = 1e-9
#: How far the sum of whole percents may be from 1: they are rescaled where it is, and otherwise go back to be mended.
SLACK = 0.10


@dataclass(frozen=True)
class SurveyShape:
    """`inner` is the form; with `exclusive` answers the probabilities sum to 1 to within what rounding explains."""

    inner: AnswerShape
    exclusive: bool

    @classmethod
    def of_question(cls, question: SurveyQuestion, longest_reason: int, *, percent: bool = False) -> SurveyShape:
        """The shape of a question's answers."""
        return cls(AnswerShape((), (), question.keys, longest_reason, percent), question.exclusive)

    @property
    def tolerance(self) -> float:
        """How far the sum may be from 1: as many roundings to two decimals as there are numbers; whole percents may be off
        by SLACK in all, for small models add badly."""
        if self.inner.percent:
            return SLACK + _EXACT
        return ROUNDING * self.inner.numbers + _EXACT

    def schema(self) -> dict[str, Any]:
        """The JSON schema of an answer."""
        return self.inner.schema()

    def form(self) -> str:
        """An answer with null in place of each number, to be shown in the prompt."""
        return self.inner.form()

    def parse(self, text: str) -> dict[str, Any]:
        """The answer as it was given: {"reason": …, "values": {key: probability}}.

        Raises AnswerError where the text is no valid answer, whose message says what to mend, and nothing else.
        """
        answer = self.inner.parse(text)
        total = float(sum(answer["values"].values()))
        if self.exclusive and abs(total - 1.0) > self.tolerance:
            if self.inner.percent:
                raise AnswerError(f"The percentages sum to {100 * total:.4g}, but must sum to 100.")
            raise AnswerError(f"The probabilities sum to {total:.3g}, but must sum to 1.")
        return answer

    def probabilities(self, answer: Mapping[str, Any]) -> np.ndarray:
        """The numbers of a parsed answer, float64 (answers,), in the order of the keys; exclusive ones sum to 1."""
        values = self.inner.array(answer).reshape(-1)
        return values / values.sum() if self.exclusive else values
