"""Calibrators that choose, for each hidden question, by how well each way predicts the other questions.

The ways are weights made from the twins alone, so that what each would have said of another question, with the hidden one left
out of the people's side, costs one product of matrices: inner leave-one-question-out without fitting anything again. Of the
hidden question nothing is looked at, neither in choosing nor in predicting. Users likewise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.optimize import nnls
from sklearn.linear_model import LogisticRegression

from core.survey.calibration.base import TWIN_METHODS, TwinCalibrator, TwinMethod
from core.survey.calibration.methods.transfer import (
    ElasticNetTransfer,
    RidgeTransfer,
    SyntheticControl,
    SyntheticIntervention,
    TransferCalibrator,
    _training_error,
)
from core.survey.calibration.problem import CalibrationProblem, Donors

LEAST = 1e-9


class AdaptiveTransfer(TwinCalibrator):
    """Ridge where its fit on the twins' own answers has a mean squared error below τ, twins as they are elsewhere (arXiv
    2604.07513, section 5.3). τ is the one that served the other questions best; `thresholds_` (units,) after `predict`. So are
    `fit_`, R² of that fit, and `chance_`, how probable the other questions make it that ridge helps where the fit is such."""

    def __init__(self, penalty: float = 100.0) -> None:
        self.penalty = penalty

    def _predict(
        self, problem: CalibrationProblem, units: Sequence[int] | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        ridge = RidgeTransfer(self.penalty)
        weights, error = ridge.all_weights(problem), np.empty(problem.units)
        for part in problem.parts():
            kept = np.delete(np.arange(problem.units), part)
            error[part] = _training_error(problem, kept, part, weights[np.ix_(kept, part)])
        self.thresholds_, self.chance_ = np.full(problem.units, np.nan), np.full(problem.units, np.nan)
        spread = problem.design.var(axis=0)
        self.fit_ = np.where(spread > LEAST, 1.0 - error / np.maximum(spread, LEAST), 0.0)
        for donors in problem.donors(units):
            others = np.delete(np.arange(problem.units), donors.hidden)
            truth = _truth(problem, donors)[:, others]
            calibrated = _standard(donors.answers @ weights[:, others], truth)
            raw = _standard(problem.design[:, others], truth)
            goal = _standard(truth, truth)
            gains = ((calibrated - raw) * goal).sum(axis=0)
            order = np.argsort(error[others], kind="stable")
            total = np.concatenate([[0.0], np.cumsum(gains[order])])
            best = int(total.argmax())
            threshold = -np.inf if best == 0 else float(error[others][order[best - 1]])
            self.thresholds_[donors.hidden] = threshold
            self.chance_[donors.hidden] = _chance(self.fit_[others], gains > 0, self.fit_[donors.hidden])
            fitted = donors.answers @ weights[:, donors.hidden] + problem.centre[donors.hidden]
            use = error[donors.hidden] <= threshold
            yield donors.hidden, problem.back(np.where(use, fitted, problem.design[:, donors.hidden]), donors)


def _chance(fit: np.ndarray, helped: np.ndarray, new: np.ndarray) -> np.ndarray:
    """How probable it is that calibrating helps at each of the `new` fits, by where it `helped`."""
    if helped.all() or not helped.any():
        return np.full(len(new), (helped.sum() + 1) / (len(helped) + 2))
    middle, size = fit.mean(), max(fit.std(), LEAST)
    known = LogisticRegression().fit(((fit - middle) / size)[:, None], helped)
    return np.asarray(known.predict_proba(((new - middle) / size)[:, None])[:, 1])


class StackedCalibrator(TwinCalibrator):
    """Ridge, elastic net, synthetic control, synthetic intervention, the twins and the trivial baseline, mixed by weights at or
    above 0 that serve the other questions (or users) best. `shares_` (units, ways) after `predict`. The synthetic prior is not
    among them: hidden with the question and chosen on the others, it got next to no weight, at a third more time."""

    def __init__(self, penalty: float = 100.0) -> None:
        self.penalty = penalty

    def ways(self, problem: CalibrationProblem) -> list[TransferCalibrator]:
        """The calibrators whose weights are mixed."""
        if problem.by_user:
            return [RidgeTransfer(5000.0), SyntheticIntervention()]
        return [RidgeTransfer(self.penalty), ElasticNetTransfer(), SyntheticControl(), SyntheticIntervention()]

    def _predict(
        self, problem: CalibrationProblem, units: Sequence[int] | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        weights = [way.all_weights(problem) for way in self.ways(problem)]
        self.shares_ = np.full((problem.units, len(weights) + 2), np.nan)
        for donors in problem.donors(units):
            others = np.delete(np.arange(problem.units), donors.hidden)
            truth = _truth(problem, donors)
            said = [*(donors.answers @ each for each in weights), problem.design - problem.centre]
            if problem.by_user:
                # A user's correlation is over the questions' own units, to which the others' mean belongs as one more way.
                scale, level = donors.scale.spread[:, None], np.tile(donors.scale.mean[:, None], len(others))
                goal, norm = _about(truth[:, others] * scale + level, truth[:, others])
                inner = [_about(each[:, others] * scale, truth[:, others])[0] / norm for each in said]
                inner.append(_about(level, truth[:, others])[0] / norm)
                goal = goal / norm
            else:
                said.append(_other_mean(truth))
                inner = [_standard(each[:, others], truth[:, others]) for each in said]
                goal = _standard(truth[:, others], truth[:, others])
            products = np.array([[(one * other).sum() for other in inner] for one in inner])
            against = np.array([(one * goal).sum() for one in inner])
            root = np.linalg.cholesky(products + np.eye(len(inner)) * max(np.trace(products), 1.0) * 1e-6)
            share = nnls(root.T, np.linalg.solve(root, against))[0]
            self.shares_[donors.hidden] = share
            own = [each[:, donors.hidden] for each in said]
            if problem.by_user:
                share = share / max(share[-1], LEAST)
            else:
                own = [_spread_out(each, problem.design[:, donors.hidden].std(axis=0)) for each in own]
            yield donors.hidden, problem.back(sum(part * each for part, each in zip(share, own, strict=False)), donors)


def _spread_out(answers: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """About their mean, with the spread of the twins' answers where these have any; nothing where nothing differs."""
    about = answers - answers.mean(axis=0)
    size = about.std(axis=0)
    return np.asarray(
        about * np.where(size > LEAST, np.where(spread > LEAST, spread, 1.0) / np.maximum(size, LEAST), 0.0)
    )


def _truth(problem: CalibrationProblem, donors: Donors) -> np.ndarray:
    """People's answers (rows, units), standardised, NaN where empty and where hidden."""
    table = problem.people.T if problem.by_user else problem.people
    if problem.by_user:
        found = (table - donors.scale.mean[:, None]) / donors.scale.spread[:, None]
    else:
        # Each column by itself, so that nothing of the hidden one is in another.
        found = (table - problem.own_scale.mean) / problem.own_scale.spread
    found[:, donors.hidden] = np.nan
    return np.asarray(found)


def _other_mean(truth: np.ndarray) -> np.ndarray:
    """Each row's mean over the other columns, (rows, columns)."""
    seen = ~np.isnan(truth)
    filled = np.where(seen, truth, 0.0)
    count = seen.sum(axis=1, keepdims=True) - seen
    return np.asarray((filled.sum(axis=1, keepdims=True) - filled) / np.maximum(count, 1))


def _about(answers: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """About the mean on the cells of the truth, zero elsewhere; and the norm of each column, infinite where nothing differs."""
    seen = ~np.isnan(truth)
    count = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, answers, 0.0).sum(axis=0) / count
    about = np.where(seen, answers - mean, 0.0)
    norm = np.sqrt((about**2).sum(axis=0))
    return about, np.where(norm > LEAST * np.sqrt(count), norm, np.inf)


def _standard(answers: np.ndarray, truth: np.ndarray) -> np.ndarray:
    about, norm = _about(answers, truth)
    return np.asarray(about / norm)


TWIN_METHODS.register(TwinMethod(
    name="adaptive", label="Adaptive transfer", order=30,
    make=lambda target: AdaptiveTransfer(5000.0 if target == "user" else 100.0),
    help="Ridge where it fits the twins well, twins as they are elsewhere.",
))  # fmt: skip
TWIN_METHODS.register(TwinMethod(
    name="stack", label="Stack", order=31, make=lambda target: StackedCalibrator(),
    help="Several ways mixed, as serves the other questions best.",
))  # fmt: skip
