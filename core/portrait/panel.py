"""A panel: many people who answered the same closed questions, by instrument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Likeness of texts from which on items ask the same.
NEAR = 0.9


@dataclass(frozen=True)
class Items:
    """Closed questions: `names`, the `instruments` (questionnaires) they are part of, and the number of `choices` of each;
    `copies` are pairs of items of different instruments that ask the same."""

    names: tuple[str, ...]
    instruments: tuple[str, ...]
    choices: np.ndarray
    copies: tuple[tuple[int, int], ...] = ()

    def by_instrument(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Of each instrument in turn, which items are its own, and which may be known of who is asked about it: those of others
        but for copies of its own; both (items,) boolean."""
        names = np.array(self.instruments)
        found = []
        for name in dict.fromkeys(self.instruments):
            own, known = names == name, names != name
            for one, other in self.copies:
                known[other if own[one] else one] &= not (own[one] or own[other])
            found.append((own, known))
        return found


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


def near_copies(
    texts: Sequence[str], instruments: Sequence[str], likeness: float = NEAR
) -> tuple[tuple[int, int], ...]:
    """Pairs of items of different instruments that say nearly the same: cosine of tf-idf over letters (2 to 4 in a row).

    Instruments most of whose texts are the same ask different things of the same matters, as how risky and how likely something
    is: words that do not say what is asked tell no copy.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    plain = ["".join(letter for letter in text.lower() if letter.isalnum() or letter == " ") for text in texts]
    if not any(text.strip() for text in plain):
        return ()
    table = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)).fit_transform(plain)
    alike = (table @ table.T).toarray() >= likeness
    names = np.array(instruments)
    pairs = []
    for place, one in enumerate(kinds := list(dict.fromkeys(instruments))):
        for other in kinds[place + 1 :]:
            ours, theirs = np.flatnonzero(names == one), np.flatnonzero(names == other)
            between = alike[np.ix_(ours, theirs)]
            if not min(between.any(axis=1).mean(), between.any(axis=0).mean()) > 0.5:
                pairs += [(int(ours[row]), int(theirs[column])) for row, column in np.argwhere(between)]
    return tuple(pairs)
