"""What stands beside an engine that answers for people: answers that need to know nothing of them, or little.

`demographics` are texts, (people, attributes), "" where not known.
"""

from __future__ import annotations

import numpy as np

from core.portrait.memory_engine import rounded
from core.portrait.panel import AnswerPanel, PredictedAnswers

#: People of a panel below which a demographic cell says nothing of its own.
FEWEST_IN_CELL = 10
#: What the ridge on demographics adds to the diagonal, in people: a category of fewer hardly moves an answer.
DEMOGRAPHIC_PENALTY = 10.0
DONORS = 3


def mode_answers(panel: AnswerPanel, people: int) -> PredictedAnswers:
    """The commonest answer of the panel, whoever is asked; the lower of two."""
    return PredictedAnswers(np.tile(panel.shares().argmax(axis=1) + 1.0, (people, 1)))


def median_answers(panel: AnswerPanel, people: int) -> PredictedAnswers:
    """The middle answer of the panel, whoever is asked."""
    return PredictedAnswers(np.tile((panel.shares().cumsum(axis=1) < 0.5).sum(axis=1) + 1.0, (people, 1)))


def random_answers(panel: AnswerPanel, people: int, generator: np.random.Generator) -> PredictedAnswers:
    """The answer of somebody of the panel, anew for each item."""
    drawn = generator.random((people, len(panel.items.names)))
    codes = (drawn[:, :, None] > panel.shares().cumsum(axis=1)).sum(axis=2) + 1.0
    return PredictedAnswers(np.minimum(codes, panel.items.choices))


def drawn_answers(found: PredictedAnswers, generator: np.random.Generator) -> np.ndarray:
    """One draw of each answer from its probabilities, (people, items)."""
    assert found.probabilities is not None
    reached = found.probabilities.cumsum(axis=2)
    drawn = generator.random(found.codes.shape) * reached[:, :, -1]
    return np.asarray((drawn[:, :, None] > reached).sum(axis=2) + 1.0)


def cell_answers(panel: AnswerPanel, theirs: np.ndarray, asked: np.ndarray) -> PredictedAnswers:
    """The commonest answer among those of the panel who are alike in every attribute; of the whole panel in small cells."""
    codes = mode_answers(panel, len(asked)).codes
    for cell in np.unique(asked, axis=0):
        rows = np.flatnonzero((theirs == cell).all(axis=1))
        if len(rows) >= FEWEST_IN_CELL:
            codes[(asked == cell).all(axis=1)] = panel.take(rows).shares().argmax(axis=1) + 1.0
    return PredictedAnswers(codes)


def demographic_answers(panel: AnswerPanel, theirs: np.ndarray, asked: np.ndarray) -> PredictedAnswers:
    """Ridge regression on demographics alone, rounded to the nearest choice."""
    ours, new = dummies(theirs, asked)
    seen = ~np.isnan(panel.codes)
    mean = np.where(seen, panel.codes, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    centre = ours.mean(axis=0)
    design, apart = ours - centre, np.where(seen, panel.codes - mean, 0.0)
    slopes = np.linalg.solve(design.T @ design + DEMOGRAPHIC_PENALTY * np.eye(design.shape[1]), design.T @ apart)
    return rounded(panel, (new - centre) @ slopes + mean)


def dummies(theirs: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each person is of each category, (people, categories of `theirs`), of both."""
    pairs = [(place, value) for place in range(theirs.shape[1]) for value in np.unique(theirs[:, place])]
    made = [np.array([part[:, place] == value for place, value in pairs], dtype=float).T for part in (theirs, asked)]
    return made[0], made[1]


def donors_of(asked: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """For each person other people of the same demographics, or the most alike, (people, `DONORS`): whose answers elsewhere,
    put in place of the person's own, show what a history is worth."""
    alike = (asked[:, None, :] == asked[None, :, :]).sum(axis=2) + generator.random((len(asked), len(asked)))
    np.fill_diagonal(alike, -1.0)
    return np.argsort(-alike, axis=1)[:, : min(DONORS, len(asked) - 1)]
