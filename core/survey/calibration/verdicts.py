"""Whether calibrating a question is likely to help, said before anybody is asked it, and the two parts of what it may miss by.

Where the twins' other answers explain their answer to the question well, weights learned there carry over to people; where they
do not, twins are better left as they are (arXiv 2604.07513, section 5.3). How well is well enough is learned from the other
questions: a logistic regression of whether calibrating helped there on R² of the twins' own fit. What people said to the question
itself is in neither.

Theorem 4.1 of the same paper bounds the error by a structural part, how far the twins' weights are from solving people's normal
equations, and an estimation part, how far the twins' covariances may be from those of more twins; both over the least eigenvalue
of people's covariances plus the penalty. The first needs people's answers to the question: it is a diagnosis, not a forecast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.statistics.bootstrap import unit_counts
from core.survey.calibration.methods.chosen import AdaptiveTransfer
from core.survey.calibration.methods.transfer import RidgeTransfer
from core.survey.calibration.problem import CalibrationProblem
from core.survey.calibration.scores import correlations

DRAWS = 20


@dataclass(frozen=True, kw_only=True)
class QuestionVerdicts:
    """By question: `fit` is R² of ridge on the twins' own answers, `chance` the probability, by the other questions alone, that
    ridge follows people better than twins as they are; `right` says whether that came true (None where people were not asked).
    `structural` and `estimation` are the parts of the error bound. `hit_rate` is the share that is right, and `base_rate` what
    the same word for every question would reach."""

    fit: tuple[float, ...]
    chance: tuple[float, ...]
    right: tuple[bool | None, ...]
    structural: tuple[float | None, ...]
    estimation: tuple[float, ...]
    hit_rate: float
    base_rate: float

    @property
    def helps(self) -> tuple[bool, ...]:
        """Whether calibrating each is likely to help."""
        return tuple(value > 0.5 for value in self.chance)


def question_verdicts(problem: CalibrationProblem) -> QuestionVerdicts:
    """The verdict on each question, made without what people said to it, and held against that."""
    adaptive = AdaptiveTransfer()
    adaptive.fit(problem).predict()
    ridge = RidgeTransfer(adaptive.penalty)
    raw, calibrated = (correlations(problem, answers) for answers in (problem.twins, ridge.fit(problem).predict()))
    asked = ~np.isnan(problem.people).all(axis=0)
    helped = np.nan_to_num(calibrated) > np.nan_to_num(raw)
    right = (adaptive.chance_ > 0.5) == helped
    structural, estimation = _bound_parts(problem, ridge)
    return QuestionVerdicts(
        fit=_rounded(adaptive.fit_), chance=_rounded(adaptive.chance_), estimation=_rounded(estimation),
        right=tuple(bool(one) if known else None for one, known in zip(right, asked, strict=True)),
        structural=tuple(round(float(one), 4) if known else None for one, known in zip(structural, asked, strict=True)),
        hit_rate=round(float(right[asked].mean()), 4),
        base_rate=round(float(max(helped[asked].mean(), 1 - helped[asked].mean())), 4),
    )  # fmt: skip


def _bound_parts(problem: CalibrationProblem, ridge: RidgeTransfer) -> tuple[np.ndarray, np.ndarray]:
    weights, count = ridge.all_weights(problem), len(problem.design)
    seen = (~np.isnan(problem.people)).astype(float)
    answers = np.nan_to_num(problem.own_scale.off(problem.people))
    people = (answers.T @ answers) / np.maximum(seen.T @ seen, 1)
    least = max(float(np.linalg.eigvalsh(people)[0]), 0.0) + ridge.penalty / count
    missed = people - people @ weights
    np.fill_diagonal(missed, 0.0)
    centred = problem.design - problem.centre
    off, columns = 0.0, np.zeros(problem.units)
    for drawn in unit_counts(count, DRAWS, seed=0):
        moved = (centred.T * drawn) @ centred / count - problem.gram / count
        off += float(np.linalg.norm(moved, 2)) / DRAWS
        columns += np.linalg.norm(moved, axis=0) / DRAWS
    return np.linalg.norm(missed, axis=0) / least, (off * np.linalg.norm(weights, axis=0) + columns) / least


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)
