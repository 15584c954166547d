"""Whether calibrating is likely to help, seen before anything is calibrated (arXiv 2604.07513, sections 4.2 and 6, appendix A.1).

Calibration carries the twins' structure over to people. Where the leading directions of the two tables are no closer than those
of the people's table with each column shuffled, there is nothing to carry over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.survey.calibration.problem import CalibrationProblem, Scale

SPECTRUM = 20
FEWEST_DIRECTIONS, MOST_DIRECTIONS = 1, 12
#: Directions beyond the effective rank.
BEYOND = 2
#: Reference tables of each kind.
REFERENCES = 5


@dataclass(frozen=True, kw_only=True)
class SpaceAlignment:
    """Leading directions in question or user space: cosines of principal angles, largest first, and the Frobenius distance of the
    projections over √(2r) (0: the same space, 1: orthogonal), beside the means over random and column-shuffled references."""

    cosines: tuple[float, ...]
    random_cosines: tuple[float, ...]
    shuffled_cosines: tuple[float, ...]
    distance: float
    random_distance: float
    shuffled_distance: float


@dataclass(frozen=True, kw_only=True)
class TwinDiagnostics:
    """`people_spectrum` and `twins_spectrum` are cumulative shares of variance by direction, columns demeaned; `rank` directions
    of the people's table stand above noise; `questions` and `users` say how alike the leading `rank` + 2 are."""

    people_spectrum: tuple[float, ...]
    twins_spectrum: tuple[float, ...]
    rank: int
    questions: SpaceAlignment
    users: SpaceAlignment

    @property
    def helps(self) -> bool:
        """Whether the spaces of questions are closer than shuffled answers would be."""
        return self.questions.distance < self.questions.shuffled_distance


def diagnose(problem: CalibrationProblem, seed: int = 0) -> TwinDiagnostics:
    """Compare both tables; empty cells stand at their question's mean."""
    people, twins = (np.nan_to_num(Scale.of(table).off(table)) for table in (problem.people, problem.twins))
    ours, theirs = (np.linalg.svd(table, full_matrices=False) for table in (people, twins))
    random = np.random.default_rng(seed)
    shuffled = [random.permuted(people, axis=0) for _ in range(REFERENCES)]
    # What a table with the same columns and no structure would show at most (Horn 1965, parallel analysis).
    noise = max(float(np.linalg.svd(table, compute_uv=False)[0]) for table in shuffled)
    limit = min(MOST_DIRECTIONS, *people.shape) - BEYOND
    rank = int(np.clip((ours[1] > noise).sum(), FEWEST_DIRECTIONS, max(limit, FEWEST_DIRECTIONS)))
    count = min(rank + BEYOND, *people.shape)
    references = ([np.linalg.svd(random.normal(size=people.shape), full_matrices=False) for _ in range(REFERENCES)],
                  [np.linalg.svd(table, full_matrices=False) for table in shuffled])  # fmt: skip

    def alignment(side: int) -> SpaceAlignment:
        def lead(parts: tuple[np.ndarray, ...]) -> np.ndarray:
            return np.asarray(parts[0][:, :count] if side == 0 else parts[2][:count].T)

        def against(other: tuple[np.ndarray, ...]) -> tuple[np.ndarray, float]:
            cosines = np.clip(np.linalg.svd(lead(ours).T @ lead(other), compute_uv=False), 0.0, 1.0)
            return cosines, float(np.sqrt(max(1.0 - (cosines**2).mean(), 0.0)))

        own, distance = against(theirs)
        (noise_cosines, noise_distance), (shuffled_cosines, shuffled_distance) = (
            (np.mean([against(each)[0] for each in kind], axis=0), float(np.mean([against(each)[1] for each in kind])))
            for kind in references
        )
        return SpaceAlignment(
            cosines=_rounded(own), random_cosines=_rounded(noise_cosines), shuffled_cosines=_rounded(shuffled_cosines),
            distance=round(distance, 6), random_distance=round(noise_distance, 6), shuffled_distance=round(shuffled_distance, 6),
        )  # fmt: skip

    return TwinDiagnostics(
        people_spectrum=_spectrum(ours[1]), twins_spectrum=_spectrum(theirs[1]), rank=rank,
        questions=alignment(2), users=alignment(0),
    )  # fmt: skip


def _spectrum(values: np.ndarray) -> tuple[float, ...]:
    squares = values**2
    return _rounded((np.cumsum(squares) / max(float(squares.sum()), 1e-300))[:SPECTRUM])


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in values)
