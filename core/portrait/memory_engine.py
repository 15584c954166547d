"""The offline engine `memory`: a person's answers elsewhere say what that person answers here. No language model.

For each instrument in turn, nothing of that instrument is known of the person who is asked (the guard: neither its items nor
anything made from them, nor items of other instruments that ask the same in nearly the same words). On standardised answers to
the other instruments, missing ones at the item's mean:

1. ridge regression on a panel; the penalty is the one that serves people of the panel best who are left out in turn;
2. the mean of the 25 nearest people of the panel (cosine), taken in by the weight that serves those left out best: often none;
3. an ordered answer from that score s: P(choice c) ∝ share of c · Normal(s; a + b·c, σ), with a, b, σ of people left out. The
   answer is the median, what is expected the mean.

Who is asked is in no panel, and nothing is chosen by them. Sources: Hoerl and Kennard 1970 (Technometrics 12, 55); people left
out of a ridge in closed form, Golub, Heath and Wahba 1979 (Technometrics 21, 215); step 3 is Fisher's discriminant on one score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.portrait.panel import AnswerPanel, PredictedAnswers

NEIGHBOURS = 25
#: Penalties that are tried, as multiples of the number of known items (what their squares sum to).
PENALTIES = (0.5, 1.0, 2.0, 3.0, 4.0, 8.0, 16.0, 32.0)
#: Weights of the neighbours' mean that are tried beside the ridge.
NEIGHBOUR_WEIGHTS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
#: What each choice of an item counts before anybody answered, so that none is impossible.
PRIOR = 0.1


@dataclass(frozen=True)
class Scale:
    """Mean and spread of each item in a panel, (items,)."""

    mean: np.ndarray
    spread: np.ndarray

    def standardised(self, codes: np.ndarray) -> np.ndarray:
        return np.nan_to_num((codes - self.mean) / self.spread)


@dataclass(frozen=True)
class Scores:
    """Standardised scores: of the panel's people, each left out in turn (`panel`), and of those who are asked (`asked`)."""

    panel: np.ndarray
    asked: np.ndarray

    def mix(self, other: Scores, weight: float) -> Scores:
        return Scores(
            (1 - weight) * self.panel + weight * other.panel, (1 - weight) * self.asked + weight * other.asked
        )


def scale_of(codes: np.ndarray) -> Scale:
    """The scale of a panel's answers; an item with one answer, or none, has spread 1."""
    seen = ~np.isnan(codes)
    count = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, codes, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.where(seen, (codes - mean) ** 2, 0.0).sum(axis=0) / count)
    return Scale(mean, np.where(spread > 0, spread, 1.0))


def memory_answers(panel: AnswerPanel, asked: AnswerPanel, known: np.ndarray | None = None) -> PredictedAnswers:
    """What `asked` people answer to every item, from their answers to the other instruments.

    `known` (items,) boolean restricts what is known of them, as in a shortened interview.
    """
    return memory_of_scores(panel, *panel_scores(panel, asked, known))


def memory_of_scores(panel: AnswerPanel, ridge: Scores, neighbours: Scores) -> PredictedAnswers:
    """Both stacked by the weight that serves people left out best, and read as an ordered answer."""
    mixed = [ridge.mix(neighbours, weight) for weight in NEIGHBOUR_WEIGHTS]
    return ordered_answers(panel, best_scores(mixed, panel))


def ridge_answers(panel: AnswerPanel, asked: AnswerPanel) -> PredictedAnswers:
    """The ridge by itself: its mean, rounded to the nearest choice."""
    return ridge_of_scores(panel, panel_scores(panel, asked)[0])


def ridge_of_scores(panel: AnswerPanel, ridge: Scores) -> PredictedAnswers:
    """A score as a code, rounded."""
    scale = scale_of(panel.codes)
    return rounded(panel, ridge.asked * scale.spread + scale.mean)


def neighbour_answers(panel: AnswerPanel, asked: AnswerPanel) -> PredictedAnswers:
    """What most of the nearest people answered; where several answers are equally many, the commoner one in the panel."""
    scale, hot, shares = scale_of(panel.codes), panel.one_hot(), panel.shares()
    theirs, ours = scale.standardised(asked.codes), scale.standardised(panel.codes)
    votes = np.zeros((len(asked.people), *shares.shape))
    for own, known in panel.items.by_instrument():
        near = _nearest(cosine(theirs[:, known], ours[:, known]))
        votes[:, own] = hot[near][:, :, own].sum(axis=1)
    return PredictedAnswers((votes + shares / 2).argmax(axis=2) + 1.0)


def rounded(panel: AnswerPanel, expected: np.ndarray) -> PredictedAnswers:
    """The nearest choice to an expected code, (people, items)."""
    return PredictedAnswers(np.clip(np.round(expected), 1, panel.items.choices), expected)


def ordered_answers(panel: AnswerPanel, scores: Scores) -> PredictedAnswers:
    """Probabilities of the choices from a score of each person and item; see the third step above."""
    choices, codes = panel.items.choices, np.arange(1, panel.items.choices.max() + 1)
    shares = panel.one_hot().sum(axis=0) + PRIOR * (codes <= choices[:, None])
    seen = ~np.isnan(panel.codes)
    count = np.maximum(seen.sum(axis=0), 1)
    given = np.where(seen, panel.codes, 0.0)
    centre, middle = given.sum(axis=0) / count, np.where(seen, scores.panel, 0.0).sum(axis=0) / count
    apart = np.where(seen, panel.codes - centre, 0.0)
    square = (apart**2).sum(axis=0)
    # A score that runs against the answers of people left out tells nothing, and is read as telling nothing.
    slope = np.maximum((apart * scores.panel).sum(axis=0) / np.where(square > 0, square, 1.0), 0.0)
    missed = np.where(seen, scores.panel - middle - slope * apart, 0.0)
    variance = np.maximum((missed**2).sum(axis=0) / count, 1e-6)
    means = middle[:, None] + slope[:, None] * (codes - centre[:, None])
    log = np.log(np.maximum(shares, 1e-300)) - (scores.asked[:, :, None] - means) ** 2 / (2 * variance[:, None])
    weights = np.where(shares > 0, np.exp(log - log.max(axis=2, keepdims=True)), 0.0)
    probabilities = weights / weights.sum(axis=2, keepdims=True)
    median = np.minimum((probabilities.cumsum(axis=2) < 0.5).sum(axis=2) + 1.0, choices)
    return PredictedAnswers(median, probabilities @ codes, probabilities)


def ridge_scores(
    ours: np.ndarray, theirs: np.ndarray, targets: np.ndarray, penalties: Sequence[float] = PENALTIES
) -> list[Scores]:
    """Of targets (people, items) by what is known of a panel (people, features) and of those asked, a set for each penalty.

    All standardised by the panel; penalties count times the number of features. The panel's people are left out in turn.
    """
    features = ours.shape[1]
    if features < len(ours):
        size, turned = np.linalg.eigh(ours.T @ ours)
        size, turned = size[size > 1e-9 * size[-1]], turned[:, size > 1e-9 * size[-1]]
        left = ours @ turned / np.sqrt(size)
    else:
        size, left = np.linalg.eigh(ours @ ours.T)
        size, left = size[size > 1e-9 * size[-1]], left[:, size > 1e-9 * size[-1]]
    seen, shared = left.T @ targets, theirs @ (ours.T @ left)
    found = []
    for penalty in penalties:
        kept = size / (size + penalty * features)
        leverage = (left**2 @ kept)[:, None]
        fitted = (left * kept) @ seen
        found.append(Scores((fitted - leverage * targets) / (1 - leverage), (shared * (kept / size)) @ seen))
    return found


def panel_scores(panel: AnswerPanel, asked: AnswerPanel, known: np.ndarray | None = None) -> tuple[Scores, Scores]:
    """Scores of the ridge and of the neighbours, with the penalty that serves people left out best."""
    scale, items = scale_of(panel.codes), panel.items
    ours, theirs = scale.standardised(panel.codes), scale.standardised(asked.codes)
    by_penalty = [Scores(np.zeros_like(ours), np.zeros_like(theirs)) for _ in PENALTIES]
    neighbours = Scores(np.zeros_like(ours), np.zeros_like(theirs))
    for own, other in items.by_instrument():
        other = other if known is None else other & known
        if not ours[:, other].any():
            continue
        for part, found in zip(ridge_scores(ours[:, other], theirs[:, other], ours[:, own]), by_penalty, strict=True):
            found.panel[:, own], found.asked[:, own] = part.panel, part.asked
        likeness = cosine(ours[:, other], ours[:, other])
        np.fill_diagonal(likeness, -np.inf)
        neighbours.panel[:, own] = ours[_nearest(likeness)][:, :, own].mean(axis=1)
        neighbours.asked[:, own] = ours[_nearest(cosine(theirs[:, other], ours[:, other]))][:, :, own].mean(axis=1)
    return best_scores(by_penalty, panel), neighbours


def best_scores(tried: Sequence[Scores], panel: AnswerPanel) -> Scores:
    """The scores that miss people left out least (squares), the first of equals."""
    truth, seen = scale_of(panel.codes).standardised(panel.codes), ~np.isnan(panel.codes)
    missed = [float((((scores.panel - truth) ** 2) * seen).sum()) for scores in tried]
    return tried[int(np.argmin(missed))]


def cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    lengths = [np.maximum(np.linalg.norm(part, axis=1), 1e-12) for part in (one, other)]
    return np.asarray(one @ other.T / lengths[0][:, None] / lengths[1])


def _nearest(likeness: np.ndarray) -> np.ndarray:
    """The most alike of each row, (rows, neighbours), ties by place: fewer than `NEIGHBOURS` in a panel of hardly more people."""
    most = max(1, min(NEIGHBOURS, likeness.shape[1] - 1))
    return np.argsort(-likeness, axis=1, kind="stable")[:, :most]
