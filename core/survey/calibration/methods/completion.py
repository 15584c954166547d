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
    it stops early. No one shrinkage serves all sets: more of it helps where twins are poor, and costs elsewhere."""

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
    """The twins' column as the first guess of the people's in their own table, whose empty cells begin at the mean; then `steps`
    of refilling what is empty, the guess too, by the table's SVD of `rank`. Further steps move nothing much, and end where the
    guess is all but forgotten."""

    def __init__(self, rank: int = 8, steps: int = 3) -> None:
        self.rank = rank
        self.steps = steps

    def _predict(
        self, problem: CalibrationProblem, units: Sequence[int] | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for part in problem.parts(units):
            others = problem.people.copy()
            if problem.by_user:
                others[part] = np.nan
            else:
                others[:, part] = np.nan
            own = Scale.of(others)
            table = own.off(others).T if problem.by_user else own.off(others)
            empty = np.isnan(table)
            filled, level = np.where(empty, 0.0, table), problem.centre[part]
            filled[:, part] = problem.design[:, part] - level
            for _ in range(self.steps):
                filled = np.where(empty, _of_rank(filled, self.rank), filled)
            scale = own if problem.by_user else problem.twin_scale
            yield part, problem.back(filled[:, part] + level, Donors(part, filled, scale))


def _of_rank(table: np.ndarray, rank: int) -> np.ndarray:
    """The nearest table of this rank, by the products of its shorter side."""
    if table.shape[0] < table.shape[1]:
        return _of_rank(table.T, rank).T
    lead = np.linalg.eigh(table.T @ table)[1][:, -rank:]
    return np.asarray(table @ lead @ lead.T)


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
