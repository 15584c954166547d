"""Fit-and-transfer by a net with one hidden layer of rectified units, one for each target, all trained at once.

The nets share the batches, so that a step of all of them is one product of matrices. Each is what scikit-learn's MLPRegressor
makes of the same batches and first weights. The published weight decay d (arXiv 2604.07513; PyTorch's Adam adds d·w to the
gradient of the mean squared error) is scikit-learn's `alpha` = d · batch / 2: there the loss is half the mean, and `alpha` is
divided by the batch. Biases are not decayed here. 120 epochs at a rate of 2e-3 end where the published 200 at 1e-3 do, in less
time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from core.survey.calibration.base import TWIN_METHODS, TwinCalibrator, TwinMethod
from core.survey.calibration.problem import CalibrationProblem

KIND = np.float32
BETA_ONE, BETA_TWO, EPSILON = 0.9, 0.999, 1e-8


class NeuralTransfer(TwinCalibrator):
    """`hidden` rectified units, Adam, at most `epochs`, ending where the training loss has not fallen for `patience`."""

    def __init__(
        self, hidden: int = 8, weight_decay: float = 0.2, epochs: int = 120, rate: float = 2e-3, batch: int = 128,
        patience: int = 20, seed: int = 42,
    ) -> None:  # fmt: skip
        self.hidden = hidden
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.rate = rate
        self.batch = batch
        self.patience = patience
        self.seed = seed

    def _predict(
        self, problem: CalibrationProblem, units: Sequence[int] | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        if problem.by_user:
            # A part's users share their donors; with more donors than questions, the questions' own span is all there is.
            for donors in problem.donors(units):
                kept = np.delete(np.arange(problem.units), donors.hidden)
                centred = (problem.design - problem.centre)[:, kept]
                turned = np.linalg.svd(centred, full_matrices=False)[2].T * np.sqrt(min(centred.shape) / len(kept))
                nets = Nets.trained(self, centred @ turned, problem.design[:, donors.hidden], donors.hidden, False)
                inputs = (donors.answers[:, kept] - problem.centre[kept]) @ turned
                yield donors.hidden, problem.back(nets.answers(inputs), donors)
            return
        targets = np.concatenate(problem.parts(units))
        nets = Nets.trained(self, problem.design, problem.design[:, targets], targets, True)
        for place, donors in enumerate(problem.donors(units)):
            yield donors.hidden, problem.back(nets.one(place).answers(donors.answers), donors)


class Nets:
    """Weights of k nets with h units each on f inputs: (f, k·h), (k·h), (k, h), (k)."""

    def __init__(self, first: np.ndarray, bias: np.ndarray, second: np.ndarray, level: np.ndarray) -> None:
        self.first, self.bias, self.second, self.level = first, bias, second, level

    @classmethod
    def drawn(cls, inputs: int, units: np.ndarray, hidden: int, seed: int) -> Nets:
        """First weights, uniform as Glorot's, which scikit-learn takes too; those of a unit do not depend on the others."""
        bound, end = np.sqrt(6.0 / (inputs + hidden)), np.sqrt(6.0 / (hidden + 1))
        each = [np.random.default_rng([seed, int(unit)]) for unit in units]
        return cls(
            np.hstack([random.uniform(-bound, bound, (inputs, hidden)) for random in each]).astype(KIND),
            np.hstack([random.uniform(-bound, bound, hidden) for random in each]).astype(KIND),
            np.stack([random.uniform(-end, end, hidden) for random in each]).astype(KIND),
            np.array([random.uniform(-end, end) for random in each], dtype=KIND),
        )

    @classmethod
    def trained(
        cls, how: NeuralTransfer, inputs: np.ndarray, targets: np.ndarray, units: np.ndarray, blind: bool
    ) -> Nets:
        """Nets for the targets (rows, k), which are these units; with `blind` a net does not see the input that is its own."""
        random = np.random.default_rng(how.seed)
        x, y = inputs.astype(KIND), targets.astype(KIND)
        count, hidden = y.shape[1], how.hidden
        net = cls.drawn(x.shape[1], units, hidden, how.seed)
        open_to = np.ones((x.shape[1], count, hidden), dtype=KIND)
        if blind:
            open_to[units, np.arange(count)] = 0.0
        sighted = open_to.reshape(x.shape[1], -1)
        net.first *= sighted
        path = _Adam(net.parts(), how.rate)
        best, best_loss = net.copy(), np.full(count, np.inf)
        waited = np.zeros(count, dtype=int)
        for _ in range(how.epochs):
            order, loss = random.permutation(len(x)), np.zeros(count)
            for begin in range(0, len(x), how.batch):
                rows = order[begin : begin + how.batch]
                slopes, errors = net.slopes(x[rows], y[rows], how.weight_decay / 2)
                slopes[0] *= sighted
                path.step(slopes)
                loss += errors
            running = waited < how.patience
            better = running & (loss < best_loss)
            best_loss = np.where(better, loss, best_loss)
            best.take(net, better)
            waited = np.where(better, 0, waited + 1)
            if (waited >= how.patience).all():
                break
        return best

    def parts(self) -> list[np.ndarray]:
        return [self.first, self.bias, self.second, self.level]

    def copy(self) -> Nets:
        return Nets(*(part.copy() for part in self.parts()))

    def take(self, other: Nets, which: np.ndarray) -> None:
        """The other's weights for the nets in question."""
        each = np.repeat(which, self.second.shape[1])
        self.first[:, each], self.bias[each] = other.first[:, each], other.bias[each]
        self.second[which], self.level[which] = other.second[which], other.level[which]

    def one(self, place: int) -> Nets:
        hidden = self.second.shape[1]
        own = slice(place * hidden, (place + 1) * hidden)
        return Nets(self.first[:, own], self.bias[own], self.second[place : place + 1], self.level[place : place + 1])

    def answers(self, inputs: np.ndarray) -> np.ndarray:
        """(rows, k)."""
        return np.asarray(self._forward(inputs.astype(KIND))[1], dtype=float)

    def _forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        layer = np.maximum(x @ self.first + self.bias, 0.0).reshape(len(x), *self.second.shape)
        return layer, np.einsum("bkh,kh->bk", layer, self.second) + self.level

    def slopes(self, x: np.ndarray, y: np.ndarray, decay: float) -> tuple[list[np.ndarray], np.ndarray]:
        """The gradient of half the mean squared error with ½·decay·‖w‖², and each net's sum of squared errors."""
        layer, found = self._forward(x)
        wrong = found - y
        share = wrong / KIND(len(x))
        back = (share[:, :, None] * self.second * (layer > 0)).reshape(len(x), -1)
        decay = float(KIND(decay))
        return [
            x.T @ back + decay * self.first, back.sum(axis=0),
            np.einsum("bk,bkh->kh", share, layer) + decay * self.second, share.sum(axis=0),
        ], np.einsum("bk,bk->k", wrong, wrong)  # fmt: skip


class _Adam:
    """Kingma and Ba 2015, on the arrays given, in place."""

    def __init__(self, parts: list[np.ndarray], rate: float) -> None:
        self._parts, self._rate, self._count = parts, rate, 0
        self._mean = [np.zeros_like(part) for part in parts]
        self._square = [np.zeros_like(part) for part in parts]

    def step(self, slopes: list[np.ndarray]) -> None:
        self._count += 1
        pace = KIND(self._rate * np.sqrt(1 - BETA_TWO**self._count) / (1 - BETA_ONE**self._count))
        for part, mean, square, slope in zip(self._parts, self._mean, self._square, slopes, strict=True):
            mean *= KIND(BETA_ONE)
            mean += KIND(1 - BETA_ONE) * slope
            square *= KIND(BETA_TWO)
            square += KIND(1 - BETA_TWO) * slope * slope
            part -= pace * mean / (np.sqrt(square) + KIND(EPSILON))


TWIN_METHODS.register(TwinMethod(
    name="neural_net", label="Neural net", order=13, standard=True, make=lambda target: NeuralTransfer(),
))  # fmt: skip
