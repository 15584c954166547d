"""Answers without a language model: a question that the user maps to what a persona has or does anyway.

The rules engine knows nothing of questions. What it can say is how high a trait is, or how probable a behaviour is in a
situation. That either answers the question is the user's assumption, and is called so wherever the result is shown:
nobody asked these personas anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.errors import InputError, one_of
from core.survey.questions import CHOICES, SCALE, SurveyQuestion

TRAIT, BEHAVIOUR = "trait", "behaviour"
SOURCES = (TRAIT, BEHAVIOUR)


@dataclass(frozen=True)
class AnswerMapping:
    """`source` says where the answer is taken from: the trait or the behaviour called `name`. With `reverse`, high
    values stand for the low end of the scale, or for the second of two choices."""

    source: str
    name: str
    reverse: bool = False

    def __post_init__(self) -> None:
        one_of(self.source, SOURCES, what="source of an answer")

    @property
    def assumption(self) -> str:
        """What is assumed, in one sentence."""
        what = f"how high its trait '{self.name}' is"
        if self.source == BEHAVIOUR:
            what = f"how probable the rules engine finds its behaviour '{self.name}' on the day"
        turned = ", turned round" if self.reverse else ""
        return (
            f"Assumption of the user: a persona's answer is {what}{turned}. Nobody was asked, and no language model took "
            "part."
        )


def mapped_answers(question: SurveyQuestion, mapping: AnswerMapping, values: np.ndarray) -> np.ndarray:
    """Probabilities of each answer, (personas, 1, answers), from values (personas,) in [0, 1].

    A scale of k points gets the point whose k-th part of [0, 1] the value lies in, as the five levels in which a
    persona's text tells a trait are fifths of it; that answer is certain. Of two choices, the first has the behaviour's
    probability. Raises InputError for a question that a number from 0 to 1 cannot answer.
    """
    check_mapped(question, mapping)
    level = np.asarray(values, dtype=np.float64)
    if level.ndim != 1 or not ((level >= 0.0) & (level <= 1.0)).all():
        raise ValueError("a value to be mapped is missing or outside 0 to 1")
    level = 1.0 - level if mapping.reverse else level
    if question.kind == CHOICES:
        return np.stack([level, 1.0 - level], axis=-1)[:, None, :]
    points = len(question.keys)
    place = np.minimum((level * points).astype(int), points - 1)
    return np.eye(points)[place][:, None, :]


def check_mapped(question: SurveyQuestion, mapping: AnswerMapping) -> None:
    """InputError where the question has another form than the mapping can answer."""
    if question.kind == SCALE:
        return
    if mapping.source == TRAIT:
        raise InputError(
            "a trait cannot be one of several choices", where="question", allowed="a scale, such as 1 to 5"
        )
    if len(question.choices) != 2 or question.several:
        raise InputError(
            f"a behaviour cannot be one of {len(question.choices)} choices",
            where="question",
            allowed="two choices, of which the first is doing it, or a scale of how likely it is",
        )
