"""Fit-and-transfer by linear weights: what predicts the twin's answer from its other answers, applied to the people's.

Each minimises ½‖y − Xw‖² + penalty over the twins, X their answers to the other questions about their means, from the one
matrix of products that all targets share; only the people's side differs by target. Penalties are on sums over people: the
ones published (arXiv 2604.07513, tables 7 and 8) are divided by their number there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.linear_model import enet_path

from core.survey.calibration.base import TWIN_METHODS, TwinCalibrator, TwinMethod
from core.survey.calibration.problem import USER, CalibrationProblem


class TransferCalibrator(TwinCalibrator):
    """Base of the linear ones; a subclass gives `weights`. After `predict`, `training_error_` (units,) is the mean squared
    error of the fit on the twins themselves."""

    def weights(self, problem: CalibrationProblem, kept: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """(kept, hidden) weights of the units kept for each unit hidden."""
        raise NotImplementedError

    def all_weights(self, problem: CalibrationProblem) -> np.ndarray:
        """(units, units): in each column the weights that predict that unit, from the twins alone."""
        found = np.zeros((problem.units, problem.units))
        for part in problem.parts():
            kept = np.delete(np.arange(problem.units), part)
            found[np.ix_(kept, part)] = self.weights(problem, kept, part)
        return found

    def _predict(
        self, problem: CalibrationProblem, units: Sequence[int] | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        self.training_error_ = np.full(problem.units, np.nan)
        for donors in problem.donors(units):
            kept = np.delete(np.arange(problem.units), donors.hidden)
            found = self.weights(problem, kept, donors.hidden)
            self.training_error_[donors.hidden] = _training_error(problem, kept, donors.hidden, found)
            level = problem.centre[donors.hidden] - problem.centre[kept] @ found
            yield donors.hidden, problem.back(donors.answers[:, kept] @ found + level, donors)


class RidgeTransfer(TransferCalibrator):
    """½λ‖w‖² (Ben-Michael et al. 2021)."""

    def __init__(self, penalty: float = 100.0) -> None:
        self.penalty = penalty

    def weights(self, problem: CalibrationProblem, kept: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        inner = problem.gram[np.ix_(kept, kept)] + self.penalty * np.eye(len(kept))
        return np.asarray(np.linalg.solve(inner, problem.gram[np.ix_(kept, hidden)]))


class ElasticNetTransfer(TransferCalibrator):
    """λ₁‖w‖₁ + ½λ₂‖w‖² by coordinate descent (Doudchenko and Imbens 2016); λ₂ = 0 is the lasso (Hollingsworth and Wing 2020)."""

    def __init__(self, sparsity: float = 6.0, penalty: float = 30.0) -> None:
        self.sparsity = sparsity
        self.penalty = penalty

    def weights(self, problem: CalibrationProblem, kept: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        rows = len(problem.design)
        whole = self.sparsity + self.penalty
        inner = np.ascontiguousarray(problem.gram[np.ix_(kept, kept)])
        centred = np.asfortranarray((problem.design - problem.centre)[:, kept])
        found = np.empty((len(kept), len(hidden)))
        for place, unit in enumerate(hidden):
            found[:, place] = enet_path(
                centred, problem.design[:, unit] - problem.centre[unit], l1_ratio=self.sparsity / whole,
                alphas=[whole / rows], precompute=inner, Xy=problem.gram[kept, unit], max_iter=20_000, tol=1e-5,
            )[1][:, 0]  # fmt: skip
        return found


class SyntheticControl(TransferCalibrator):
    """Weights on the simplex, ½λ‖w‖² (Abadie et al. 2010), without an intercept: a mean of donors on the common scale.

    Accelerated projected gradient for all targets at once, until the Frank–Wolfe gap, a bound on what is left to gain, falls
    below `tolerance` of the twins' sum of squares.
    """

    def __init__(self, penalty: float = 1e-5, tolerance: float = 1e-6, most_steps: int = 5000) -> None:
        self.penalty = penalty
        self.tolerance = tolerance
        self.most_steps = most_steps

    def weights(self, problem: CalibrationProblem, kept: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        return self._on_simplex(problem, [hidden])[np.ix_(kept, hidden)]

    def all_weights(self, problem: CalibrationProblem) -> np.ndarray:
        return self._on_simplex(problem, problem.parts())

    def _on_simplex(self, problem: CalibrationProblem, parts: Sequence[np.ndarray]) -> np.ndarray:
        """(units, units of the parts), in their order."""
        targets = np.concatenate(list(parts))
        open_to = np.ones((problem.units, len(targets)), dtype=bool)
        begin = 0
        for part in parts:
            open_to[np.ix_(part, np.arange(begin, begin + len(part)))] = False
            begin += len(part)
        products = problem.design.T @ problem.design
        found, gap = simplex_least_squares(
            products + self.penalty * np.eye(problem.units),
            products[:, targets],
            open_to,
            self.tolerance,
            self.most_steps,
        )
        self.gap_ = dict(zip(targets.tolist(), gap.tolist(), strict=True))
        weights = np.zeros((problem.units, problem.units))
        weights[:, targets] = found
        return weights

    def _predict(
        self, problem: CalibrationProblem, units: Sequence[int] | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        weights = self._on_simplex(problem, problem.parts(units))
        for donors in problem.donors(units):
            yield donors.hidden, problem.back(donors.answers @ weights[:, donors.hidden], donors)


class SyntheticIntervention(TransferCalibrator):
    """Ridge in the twins' leading singular directions (Agarwal et al. 2025)."""

    def __init__(self, rank: int = 30, penalty: float = 100.0) -> None:
        self.rank = rank
        self.penalty = penalty

    def weights(self, problem: CalibrationProblem, kept: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        if len(kept) <= len(problem.design):
            squares, directions = np.linalg.eigh(problem.gram[np.ix_(kept, kept)])
        else:
            _, spread, rows = np.linalg.svd((problem.design - problem.centre)[:, kept], full_matrices=False)
            squares, directions = spread[::-1] ** 2, rows[::-1].T
        lead, size = directions[:, -self.rank :], squares[-self.rank :]
        inner = lead.T @ problem.gram[np.ix_(kept, hidden)]
        return np.asarray(lead @ (inner / (size + self.penalty)[:, None]))


def simplex_least_squares(
    products: np.ndarray, targets: np.ndarray, open_to: np.ndarray, tolerance: float, most_steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """(weights, gaps): each column w of weights (units, targets) minimises ½w'Gw − c'w on the simplex of the units that
    `open_to` allows it. A gap is max over the simplex of the gradient's fall, relative to the column's own products."""
    step = 1.0 / max(float(np.linalg.eigvalsh(products)[-1]), 1e-12)
    w = open_to / open_to.sum(axis=0)
    ahead, pace = w.copy(), 1.0
    size = np.maximum(np.abs(np.where(open_to, targets, 0.0)).max(axis=0), 1e-12)
    gap = np.full(w.shape[1], np.inf)
    for number in range(most_steps):
        moved = onto_simplex(ahead - step * (products @ ahead - targets), open_to)
        faster = (1.0 + np.sqrt(1.0 + 4.0 * pace**2)) / 2.0
        ahead = moved + (pace - 1.0) / faster * (moved - w)
        w, pace = moved, faster
        if number % 25 == 0:
            slope = products @ w - targets
            gap = ((slope * w).sum(axis=0) - np.where(open_to, slope, np.inf).min(axis=0)) / size
            if gap.max() < tolerance:
                break
    return w, gap


def onto_simplex(points: np.ndarray, open_to: np.ndarray) -> np.ndarray:
    """Each column's nearest point of the simplex (Duchi et al. 2008), zero where it is not open."""
    low = np.where(open_to, points, -np.inf)
    falling = -np.sort(-low, axis=0)
    finite = np.where(np.isfinite(falling), falling, 0.0)
    excess = np.cumsum(finite, axis=0) - 1.0
    count = np.arange(1, len(points) + 1)[:, None]
    inside = np.isfinite(falling) & (falling - excess / count > 0)
    last = inside.sum(axis=0) - 1
    threshold = excess[last, np.arange(points.shape[1])] / (last + 1)
    return np.where(open_to, np.maximum(points - threshold, 0.0), 0.0)


def _training_error(
    problem: CalibrationProblem, kept: np.ndarray, hidden: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    gram = problem.gram
    cross = (weights * gram[np.ix_(kept, hidden)]).sum(axis=0)
    square = (weights * (gram[np.ix_(kept, kept)] @ weights)).sum(axis=0)
    return np.asarray((gram[hidden, hidden] - 2 * cross + square) / len(problem.design))


TWIN_METHODS.register(TwinMethod(
    name="ridge", label="Ridge", order=10, standard=True,
    make=lambda target: RidgeTransfer(5000.0 if target == USER else 100.0),
))  # fmt: skip
TWIN_METHODS.register(TwinMethod(
    name="lasso", label="Lasso", order=11, standard=True,
    make=lambda target: ElasticNetTransfer(20.0 if target == USER else 4.0, 0.0),
))  # fmt: skip
TWIN_METHODS.register(TwinMethod(
    name="elastic_net", label="Elastic net", order=12, standard=True,
    make=lambda target: ElasticNetTransfer(12.0, 100.0) if target == USER else ElasticNetTransfer(),
))  # fmt: skip
TWIN_METHODS.register(TwinMethod(
    name="synthetic_control", label="Synthetic control", order=14, standard=True, make=lambda target: SyntheticControl(),
))  # fmt: skip
TWIN_METHODS.register(TwinMethod(
    name="synthetic_intervention", label="Synthetic intervention", order=15, standard=True,
    make=lambda target: SyntheticIntervention(),
))  # fmt: skip
