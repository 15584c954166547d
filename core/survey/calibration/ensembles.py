"""People as a weighted ensemble of twins and dummies (arXiv 2604.07513, algorithm 3).

The k-th dummy always answers k. Weights on the simplex minimise the mean discrepancy over training questions by mirror descent;
a new question's shares are its twins' answers under the same weights.

How far from the best it ended is known: each step's tangent lies below the convex objective, so the least of the tangents' mean
over the simplex is a bound that no weights can beat, smooth objective or not. The gap to it is the certificate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from core.survey.calibration.discrepancies import DISCREPANCIES

BOTH, PERSONAS, DUMMIES = "both", "personas", "dummies"
#: A twin that counts for nothing begins here.
LEAST = 1e-6
#: At least this part of an equal share is where an update begins, so that no member is out for good.
REVIVED = 0.01


@dataclass(frozen=True)
class Convergence:
    """Where mirror descent ended: the objective, a bound below it that nothing beats, and the steps taken."""

    objective: float
    bound: float
    steps: int

    @property
    def gap(self) -> float:
        """At most so much was left to gain."""
        return self.objective - self.bound


class WeightedEnsemble(BaseEstimator):
    """`fit(X, y)`: X are the places of twins' answers among the options, whole numbers (questions, twins), −1 where none, or
    probabilities (questions, twins, options), NaN where none; y are people's shares (questions, options). `predict(X)` gives
    shares. `members`: both, personas, or dummies only. `floor` is the part of the weight that both keep for dummies that say
    what people said on average.

    `partial_fit` takes newer shares, as answers arrive, and goes on from the weights that are there.

    After fit: `weights_` (twins + options), `convergence_`.
    """

    def __init__(
        self, objective: str = "tv", members: str = BOTH, tolerance: float = 0.002, most_steps: int = 600,
        ordered: int | None = None, floor: float = 0.02,
    ) -> None:  # fmt: skip
        self.objective = objective
        self.members = members
        self.tolerance = tolerance
        self.most_steps = most_steps
        self.ordered = ordered
        self.floor = floor

    def fit(
        self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None, twin_weight: np.ndarray | None = None
    ) -> WeightedEnsemble:  # fmt: skip
        """`sample_weight` (questions,) is what each question counts; `twin_weight` (twins,) is where the weights begin."""
        return self._descend(X, np.asarray(y, dtype=float), sample_weight, twin_weight, None, 0)

    def partial_fit(
        self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None, twin_weight: np.ndarray | None = None
    ) -> WeightedEnsemble:  # fmt: skip
        """As `fit`, after people's shares of known questions have changed by answers that arrived: it goes on from the weights
        that are there, in steps as small as the fit's last, and ends within the same certified distance of the best, after few
        (`convergence_.steps`). With a question more or less it is a fit."""
        if not hasattr(self, "weights_") or np.shape(y) != self._shape:
            return self.fit(X, y, sample_weight, twin_weight)
        return self._descend(X, np.asarray(y, dtype=float), sample_weight, None, self._log, self._steps)

    def _descend(
        self, X: np.ndarray, people: np.ndarray, sample_weight: np.ndarray | None, twin_weight: np.ndarray | None,
        begin: np.ndarray | None, taken: int,
    ) -> WeightedEnsemble:  # fmt: skip
        measure = DISCREPANCIES[self.objective]
        share = np.ones(len(people)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        share = share / share.sum()
        said = self._said(X, people.shape[1])
        open_to = np.ones(said.shape[2], dtype=bool)
        if self.members == PERSONAS:
            open_to[-people.shape[1] :] = False
        elif self.members == DUMMIES:
            open_to[: -people.shape[1]] = False
        ranked = self.ordered or people.shape[1]
        matrix = said.reshape(-1, said.shape[2])
        # Dummies begin with a quarter of the weight: without it an option that no twin gives is infinitely far at first.
        log = np.zeros(said.shape[2])
        twins = len(log) - people.shape[1]
        log[twins:] = np.log(twins / (3 * people.shape[1]))
        if twin_weight is not None:
            log[:twins] = np.log(np.maximum(twin_weight / np.mean(twin_weight), LEAST))
        log = log if begin is None else begin.copy()
        log[~open_to] = -np.inf
        best, best_value = np.zeros(len(log)), np.inf
        every = 50 if begin is None else 10
        tangent, level, pace_sum = np.zeros(len(log)), 0.0, 0.0
        centre = np.zeros(len(log))
        step = 0
        for step in range(1, self.most_steps + 1):
            weights = np.exp(log - log.max())
            weights /= weights.sum()
            value, slope = self._tangent(measure, people, share, matrix, weights, ranked)
            if value < best_value:
                best, best_value = weights, value
            reach = max(float(slope[open_to].max() - slope[open_to].min()), 1e-12)
            pace = np.sqrt(2 * np.log(open_to.sum() + 1) / (taken + step)) / reach
            tangent += pace * slope
            level += pace * (value - float(slope @ weights))
            centre += pace * weights
            pace_sum += pace
            log = log - pace * slope
            if step % every == 0 or step == self.most_steps:
                average = centre / pace_sum
                mean_value = self._tangent(measure, people, share, matrix, average, ranked)[0]
                if mean_value < best_value:
                    best, best_value = average, mean_value
                bound = (level + float(tangent[open_to].min())) / pace_sum
                if best_value - bound < self.tolerance * max(best_value, 1e-12):
                    break
        self._log, self._shape = np.log(np.maximum(best, REVIVED / len(best))), people.shape
        self._steps = max(taken, step)
        if self.members == BOTH:
            # So much of the weight says what people said on average: no option is ever held impossible.
            best = (1 - self.floor) * best
            best[-people.shape[1] :] += self.floor * (share @ people)
            best_value = self._tangent(measure, people, share, matrix, best, ranked)[0]
        self.weights_ = best
        self.convergence_ = Convergence(best_value, float((level + tangent[open_to].min()) / pace_sum), step)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Shares (questions, options)."""
        check_is_fitted(self)
        options = len(self.weights_) - np.shape(X)[1]
        found = self._said(X, options) @ self.weights_.astype(np.float32)
        return np.asarray(found / found.sum(axis=1, keepdims=True), dtype=float)

    def _tangent(
        self,
        measure: object,
        people: np.ndarray,
        share: np.ndarray,
        matrix: np.ndarray,
        weights: np.ndarray,
        ranked: int,
    ) -> tuple[float, np.ndarray]:
        found = (matrix @ weights.astype(np.float32)).reshape(people.shape).astype(float)
        if measure.ordered:  # type: ignore[attr-defined]
            # Unordered options count by their shares, so that they too are fitted, and the objective stays convex.
            inner = people[:, :ranked], found[:, :ranked]
            rest = found[:, ranked:] - people[:, ranked:]
            value = measure.of(*inner) + np.abs(rest).sum(1)  # type: ignore[attr-defined]
            slope = np.hstack([measure.slope(*inner), np.sign(rest)])  # type: ignore[attr-defined]
        else:
            value, slope = measure.of(people, found), measure.slope(people, found)  # type: ignore[attr-defined]
        return float(share @ value), (share[:, None] * slope).ravel().astype(np.float32) @ matrix

    def _said(self, answers: np.ndarray, options: int) -> np.ndarray:
        """(questions, options, twins + options); a twin without an answer counts as a mean one."""
        table = np.swapaxes(_probabilities(answers, options), 1, 2)
        dummies = np.broadcast_to(np.eye(options, dtype=np.float32), (len(answers), options, options))
        return np.concatenate([table, dummies], axis=2)


def _probabilities(answers: np.ndarray, options: int) -> np.ndarray:
    """(questions, twins, options) from places or probabilities; the mean of the others where there is no answer."""
    if answers.ndim == 3:
        table, nothing = np.asarray(answers, np.float32), np.isnan(answers).any(axis=2)
        table = np.where(nothing[:, :, None], np.float32(0), table)
    else:
        table, nothing = (answers[:, :, None] == np.arange(options)).astype(np.float32), answers < 0
    if nothing.any():
        mean = table.sum(1) / np.maximum((~nothing).sum(1), 1)[:, None]
        table = np.where(nothing[:, :, None], mean[:, None, :], table).astype(np.float32)
    return np.asarray(table)


def twin_shares(answers: np.ndarray, options: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Shares of twins who count as their `weights` say (default: all the same), (questions, options)."""
    table = _probabilities(answers, options).astype(float)
    return np.asarray(np.average(table, axis=1, weights=weights))


def variance_ratio(people: np.ndarray, found: np.ndarray, values: Sequence[float]) -> np.ndarray:
    """The predicted variance over people's, by question, on the ordered options' values."""
    at = np.asarray(values, dtype=float)

    def variance(shares: np.ndarray) -> np.ndarray:
        own = shares[:, : len(at)] / np.maximum(shares[:, : len(at)].sum(1, keepdims=True), 1e-12)
        mean = own @ at
        return np.asarray(own @ at**2 - mean**2)

    return np.asarray(variance(found) / np.maximum(variance(people), 1e-12))
