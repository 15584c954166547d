"""A panel: many people who answered the same closed questions, by instrument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Items:
    """Closed questions: `names`, the `instruments` (questionnaires) they are part of, and the number of `choices` of each."""

    names: tuple[str, ...]
    instruments: tuple[str, ...]
    choices: np.ndarray

    def by_instrument(self) -> list[np.ndarray]:
        """Of each instrument in turn, which items are its own, (items,) boolean."""
        own = np.array(self.instruments)
        return [own == name for name in dict.fromkeys(self.instruments)]


@dataclass(frozen=True)
class AnswerPanel:
    """`codes` (people, items): the place of the answer among the item's choices, from 1; NaN where not answered."""

    people: tuple[str, ...]
    items: Items
    codes: np.ndarray

    def take(self, rows: Sequence[int] | np.ndarray) -> AnswerPanel:
        """These people."""
        return AnswerPanel(tuple(self.people[row] for row in rows), self.items, self.codes[np.asarray(rows, dtype=int)])

    def shares(self) -> np.ndarray:
        """The share of each choice, (items, most choices); where nobody answered, equal shares."""
        counts = self.one_hot().sum(axis=0)
        allowed = np.arange(counts.shape[1]) < self.items.choices[:, None]
        counts = np.where(counts.sum(axis=1, keepdims=True) > 0, counts, allowed)
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))

    def one_hot(self) -> np.ndarray:
        """(people, items, most choices): 1 at the answer, nothing where there is none."""
        return (self.codes[:, :, None] == np.arange(1, self.items.choices.max() + 1)).astype(float)


@dataclass(frozen=True)
class PredictedAnswers:
    """What an engine says that people answered: one answer each, `codes` (people, items); with it, where the engine has one,
    the mean of what it holds possible (`expected`) and the `probabilities` of each choice (people, items, most choices)."""

    codes: np.ndarray
    expected: np.ndarray | None = None
    probabilities: np.ndarray | None = None

    @property
    def levels(self) -> np.ndarray:
        """What is correlated with people's answers: expected answers, where there are any."""
        return self.codes if self.expected is None else self.expected

    def take(self, rows: np.ndarray) -> PredictedAnswers:
        """These people."""
        parts = (None if part is None else part[rows] for part in (self.expected, self.probabilities))
        return PredictedAnswers(self.codes[rows], *parts)
