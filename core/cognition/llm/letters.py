"""Answers read from log-probabilities: options are letters, the model is asked for one, and how probable it makes each is the
answer.

One call, one token, and a distribution that is the model's own: also a model that cannot put probabilities into words has
one. The options are asked in several orders, and the mean is taken, for models favour letters and places. What the model
would rather say than a letter is `unread`; where that is more than half, the letters say too little, and it is a failure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import numpy as np

from core.cognition.llm.replies import object_in
from core.cognition.llm.types import AnswerError

LETTERS, UNREAD = "letters", "unread"
#: The most that the model may rather say than a letter.
MOST_UNREAD = 0.5
#: What may stand around a letter in a token.
_AROUND = " \t\n.:)(\"'*"


@dataclass(frozen=True)
class LetterShape:
    """A choice among so many letters."""

    options: int

    #: An answer holds no numbers that would need room.
    numbers = 0

    @property
    def letters(self) -> tuple[str, ...]:
        return tuple(ascii_uppercase[: self.options])

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the letter that is asked for, by which a provider knows how to ask."""
        return {"type": "string", "enum": list(self.letters)}

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> LetterShape | None:
        """The shape whose schema this is; None for a schema of another kind."""
        shape = cls(len(schema.get("enum", ())))
        return shape if shape.options and shape.schema() == schema else None

    def parse(self, text: str) -> dict[str, Any]:
        """The probabilities of the letters, which sum to 1, and what was unread: {"letters": {…}, "unread": 0.1}.

        AnswerError where the text is not what `text_of` made, or too much was unread.
        """
        found = object_in(text, (LETTERS, UNREAD))
        masses, unread = found.get(LETTERS), found.get(UNREAD)
        if not isinstance(masses, dict) or tuple(masses) != self.letters or unread is None or not _is_share(unread):
            raise AnswerError(f"There are no probabilities of the letters {', '.join(self.letters)}.")
        if not all(_is_share(mass) for mass in masses.values()) or unread > MOST_UNREAD or not sum(masses.values()):
            raise AnswerError(
                f"Of the probability {100 * unread:.0f}% is on other words than the letters {', '.join(self.letters)}. Begin "
                "with one of these letters."
            )
        total = sum(masses.values())
        return {LETTERS: {letter: mass / total for letter, mass in masses.items()}, UNREAD: unread}

    def probabilities(self, answer: Mapping[str, Any]) -> np.ndarray:
        """The numbers of a parsed answer, float64 (options,), in the order of the letters."""
        return np.array([answer[LETTERS][letter] for letter in self.letters], dtype=float)

    def text_of(self, tokens: Iterable[tuple[str, float]]) -> str:
        """What `parse` reads, of the tokens that a model might begin its answer with and their log-probabilities."""
        masses = dict.fromkeys(self.letters, 0.0)
        for token, logarithm in tokens:
            letter = token.strip(_AROUND)
            if letter in masses:
                masses[letter] += math.exp(min(0.0, logarithm))
        return json.dumps(
            {
                LETTERS: {letter: round(mass, 6) for letter, mass in masses.items()},
                UNREAD: round(max(0.0, 1.0 - sum(masses.values())), 6),
            }
        )


def turned(options: int, rotation: int, rotations: int) -> tuple[int, ...]:
    """The order of so many options in one of so many rotations that share their places evenly."""
    first = rotation * options // rotations
    return tuple((first + place) % options for place in range(options))


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0.0 <= value <= 1.0 + 1e-6
