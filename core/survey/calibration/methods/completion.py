"""Matrix completion: people above twins in one table, in which the people's half of a column (or a user's row) is missing.

Soft-thresholded SVD and alternating least squares minimise the same objective (see `core.survey.calibration.low_rank`): with one
rank and penalty their converged answers are the same, and are computed once. Published figures of the two differ in the third
decimal, by where each was stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from core.survey.calibration.base import TWIN_METHODS, TwinCalibrator, TwinMethod
from core.survey.calibration.low_rank import LowRank
from core.survey.calibration.problem import CalibrationProblem, Donors, Scale


class StackedCompletion(TwinCalibrator):
    """U·Vᵀ of `rank` over both tables with `shrinkage` of the factors. A hard-thresholded SVD has a small one: without any, the
    best table of rank 5 runs away where half of the people were not asked, and the published iteration is only usable because
    it stops early."""

    def __init__(self, rank: int = 20, shrinkage: float = 0.27) -> None:
        self.rank = rank
        self.shrinkage = shrinkage

    def _predict(
        self, problem: CalibrationProblem, units: Sequence[int] | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        known = problem.completed.setdefault((self.rank, self.shrinkage), {})
        for part in problem.parts(units):
            key = tuple(int(unit) for unit in part)
            with problem.lock:
                if key not in known:
                    known.update(self._complete(problem, units))
            yield part, known[key]

    def _complete(self, problem: CalibrationProblem, units: Sequence[int] | None) -> dict[tuple[int, ...], np.ndarray]:
        twins = Scale.of(problem.twins).off(problem.twins)
        found: dict[tuple[int, ...], np.ndarray] = {}
        if not problem.by_user:
            scale = Scale.of(problem.twins)
            factors = LowRank(Scale.of(problem.people).off(problem.people), twins, self.rank, self.shrinkage)
            for unit, u, v in factors.each_hidden(
                [int(part[0]) for part in problem.parts(units)], factors.start(twins)
            ):
                found[unit,] = (u @ v[unit])[:, None] * scale.spread[unit] + scale.mean[unit]
            return found
        for part in problem.parts(units):
            others = problem.people.copy()
            others[part] = np.nan
            scale = Scale.of(others)
            factors = LowRank(scale.off(others).T, twins.T, self.rank, self.shrinkage)
            u, v = factors.fit(part, factors.start(twins.T))
            found[tuple(int(unit) for unit in part)] = problem.back(u @ v[part].T, Donors(part, u, scale))
        return found


class SyntheticPrior(TwinCalibrator):
    """The twins' column as the first guess of the people's, drawn onto the leading directions of the people's own answers.

    The fixed point of completing the people's table by SVDs of `rank` from that guess, where the column that nobody answered
    lies in the span of the others' factors; the published iteration stops before it gets there.
    """

    def __init__(self, rank: int = 8) -> None:
        self.rank = rank

    def _predict(
        self, problem: CalibrationProblem, units: Sequence[int] | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for donors in problem.donors(units):
            kept = np.delete(np.arange(problem.units), donors.hidden)
            lead = np.linalg.svd(donors.answers[:, kept], full_matrices=False)[0][:, : self.rank]
            guess = problem.design[:, donors.hidden]
            level = guess.mean(axis=0)
            yield donors.hidden, problem.back(lead @ (lead.T @ (guess - level)) + level, donors)


TWIN_METHODS.register(TwinMethod(
    name="hard_svd", label="Hard SVD impute", order=20, standard=True, make=lambda target: StackedCompletion(5, 0.13),
))  # fmt: skip
TWIN_METHODS.register(TwinMethod(
    name="soft_svd", label="Soft SVD impute", order=21, standard=True, make=lambda target: StackedCompletion(),
))  # fmt: skip
TWIN_METHODS.register(TwinMethod(
    name="als", label="Alternating least squares", order=22, standard=True, make=lambda target: StackedCompletion(),
))  # fmt: skip
TWIN_METHODS.register(TwinMethod(
    name="synthetic_prior", label="Synthetic prior", order=23, standard=True, make=lambda target: SyntheticPrior(),
))  # fmt: skip
