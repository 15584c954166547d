"""What a person chooses next between less sooner and more later, from the choices the person made before. No language model.

A question by itself says how probable it is that people wait: a logistic regression on the logarithms of the rate that makes both
options equal (hyperbolic discounting, Mazur 1987), of the delay, gain and amounts, learned from other people. A person adds to
it an inclination of their own, which the choices made so far reveal: logit P = a·(question) + inclination, with a normal prior;
`a` and the prior's spread are those under which other people's choices, each predicted from the ones before, are most probable.
What is predicted at a step uses the steps before it only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Inclinations, in logits, over which the posterior is held; scales and spreads that are tried.
INCLINATIONS = np.linspace(-18, 18, 73)
SCALES = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
SPREADS = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0)
#: What choices of earlier sessions still weigh in a later one, as people change between days: found on later sessions of a public
#: panel (two tasks, 100 people), where all of 0.05 to 0.25 foresee better than none and than all. First sessions do not use it.
CARRIED = 0.1
#: How strongly the coefficients of a question are drawn to zero (scikit-learn's C).
LOOSENESS = 10.0


@dataclass(frozen=True)
class Choices:
    """Choices of people in the order they were made: `context` (people, steps, 4) are the smaller amount and its days, the
    larger and its days; `waits` (people, steps) is 1 for the larger, NaN after the last; `session` (people, steps) counts
    sessions from 0, −1 after the last."""

    people: tuple[str, ...]
    context: np.ndarray
    waits: np.ndarray
    session: np.ndarray

    def take(self, rows: np.ndarray) -> Choices:
        """These people."""
        return Choices(
            tuple(self.people[row] for row in rows), self.context[rows], self.waits[rows], self.session[rows]
        )

    @property
    def seen(self) -> np.ndarray:
        """Where there is a choice, (people, steps)."""
        return ~np.isnan(self.waits)


@dataclass(frozen=True)
class NextChoices:
    """The probability of waiting at each step, (people, steps), by engine."""

    by_engine: dict[str, np.ndarray]


def predict_choices(learned: Choices, asked: Choices) -> NextChoices:
    """Of `asked` people, by what was learned of others: the commoner choice, the question alone, the question with the person's
    own choices before, and the choice before."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    seen, waits = learned.seen, learned.waits[learned.seen]
    share = float(np.clip(waits.mean(), 1e-3, 1 - 1e-3))
    scaler = StandardScaler().fit(features(learned.context[seen]))

    def told(choices: Choices, fitted: LogisticRegression) -> np.ndarray:
        found = np.zeros(choices.waits.shape)
        found[choices.seen] = fitted.decision_function(scaler.transform(features(choices.context[choices.seen])))
        return found

    if np.ptp(waits) > 0:
        fitted = LogisticRegression(C=LOOSENESS, max_iter=1000).fit(
            scaler.transform(features(learned.context[seen])), waits
        )
        ours, theirs = told(learned, fitted), told(asked, fitted)
    else:
        ours, theirs = (np.full(part.waits.shape, np.log(share / (1 - share))) for part in (learned, asked))
    tried = [(_log_score(_person(learned, ours, scale, spread), learned), -scale, -spread)
             for scale in SCALES for spread in SPREADS]  # fmt: skip
    _, scale, spread = max(tried)
    return NextChoices({
        "majority": np.full(asked.waits.shape, share), "question": 1 / (1 + np.exp(-theirs)),
        "markov": _markov(learned, asked, share), "person": _person(asked, theirs, -scale, -spread),
    })  # fmt: skip


def features(context: np.ndarray) -> np.ndarray:
    """Of choices (rows, 4): log of the rate that makes both equal and its square, of the delay, of the gain (relative, absolute),
    of the larger amount; and whether the smaller one comes at once."""
    smaller, soon, larger, late = context.T
    delay = np.maximum(late - soon, 0.5)
    gain = np.maximum(larger / smaller - 1, 1e-3)
    rate = np.log(gain / delay)
    return np.column_stack(
        [
            rate,
            rate**2,
            np.log(delay),
            np.log(gain),
            np.log(np.maximum(larger - smaller, 0.01)),
            np.log(larger),
            soon > 0,
        ]
    )


def _person(choices: Choices, question: np.ndarray, scale: float, spread: float) -> np.ndarray:
    """P(wait) at each step from the posterior of the inclination after the steps before, (people, steps)."""
    prior = -(INCLINATIONS**2) / (2 * spread**2)
    held = np.tile(prior, (len(choices.people), 1))
    found = np.zeros(question.shape)
    for step in range(question.shape[1]):
        if step:
            began = choices.session[:, step] > choices.session[:, step - 1]
            held[began] = prior + CARRIED * (held[began] - prior)
        logit = scale * question[:, step, None] + INCLINATIONS
        weights = np.exp(held - held.max(axis=1, keepdims=True))
        waiting = 1 / (1 + np.exp(-np.clip(logit, -50, 50)))
        found[:, step] = (weights * waiting).sum(axis=1) / weights.sum(axis=1)
        waits = choices.waits[:, step, None]
        told = np.where(waits == 1, np.log(waiting), np.log1p(-np.minimum(waiting, 1 - 1e-15)))
        held = held + np.where(np.isnan(waits), 0.0, told)
    return found


def _markov(learned: Choices, asked: Choices, share: float) -> np.ndarray:
    """How often others wait after the same choice in the session; their share at its beginning."""
    found = np.full(asked.waits.shape, share)
    follows = [np.zeros(part.waits.shape, dtype=bool) for part in (learned, asked)]
    for part, after in zip((learned, asked), follows, strict=True):
        after[:, 1:] = (part.session[:, 1:] == part.session[:, :-1]) & part.seen[:, 1:] & part.seen[:, :-1]
    before = [np.roll(part.waits, 1, axis=1) for part in (learned, asked)]
    for choice in (0, 1):
        rows = follows[0] & (before[0] == choice)
        waiting = (learned.waits[rows].sum() + share) / (rows.sum() + 1)
        found[follows[1] & (before[1] == choice)] = waiting
    return found


def _log_score(probabilities: np.ndarray, choices: Choices) -> float:
    """Mean ln of the probability of what was chosen."""
    seen = choices.seen
    held = np.where(choices.waits[seen] == 1, probabilities[seen], 1 - probabilities[seen])
    return float(np.log(np.maximum(held, 1e-9)).mean())
