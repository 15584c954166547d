"""What all calibrators of twins share: both tables on one scale, what is hidden, and the people's answers without it.

A unit is what is hidden and predicted: a question (everybody's answers to it), or a user (all of a person's answers). Rows are
what a unit is observed on: people, or questions. Everything is measured question by question: less its mean, over its standard
deviation, where one below 1 counts as 1 (arXiv 2604.07513).

The twins have answered everything, so theirs is worked on once. Where a twin has no answer, it stands at the question's mean:
completing it too, as was published, tells the donors about the target and transferred worse where both were tried. The
people's empty cells are completed by a low-rank table that has not seen what is hidden: each question is hidden alone, users
a twentieth at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import RLock

import numpy as np

from core.survey.calibration.low_rank import LowRank

QUESTION, USER = "question", "user"
TARGETS = (QUESTION, USER)
#: Parts into which users are dealt; each part is hidden as a whole.
PARTS = 20
#: A standard deviation below this counts as this.
LEAST_SPREAD = 1.0
IMPUTATION_RANK, IMPUTATION_SHRINKAGE = 5, 0.2


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of each question."""

    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, table: np.ndarray) -> Scale:
        """Of the observed cells of (people, questions); a question that nobody answered has mean 0."""
        seen = ~np.isnan(table)
        count = np.maximum(seen.sum(axis=0), 1)
        mean = np.where(seen, table, 0.0).sum(axis=0) / count
        spread = np.sqrt(np.where(seen, (table - mean) ** 2, 0.0).sum(axis=0) / count)
        return cls(mean, np.where(spread < LEAST_SPREAD, LEAST_SPREAD, spread))

    def off(self, table: np.ndarray) -> np.ndarray:
        """The table on this scale."""
        return (table - self.mean) / self.spread


@dataclass(frozen=True)
class Donors:
    """The people's side with some units hidden: `answers` (rows, units), completed, zero where hidden; `scale` leads back to
    answers."""

    hidden: np.ndarray
    answers: np.ndarray
    scale: Scale


class CalibrationProblem:
    """Two tables (people, questions) of the same people and questions, NaN where not answered, and what is to be predicted;
    `scale` is that of the twins where it is not their own."""

    def __init__(
        self, twins: np.ndarray, people: np.ndarray, target: str = QUESTION, scale: Scale | None = None
    ) -> None:
        self.twins, self.people, self.target = np.asarray(twins, float), np.asarray(people, float), target
        #: Answers of completions by (rank, shrinkage) and part, so that two methods with one objective share them.
        self.completed: dict[tuple[int, float], dict[tuple[int, ...], np.ndarray]] = {}
        #: Methods may run in several threads; what they share is made once.
        self.lock = RLock()
        if scale is not None:
            self.twin_scale = scale
        self._factors: dict[tuple[int, ...], tuple[Scale, np.ndarray, np.ndarray]] = {}
        if self.twins.shape != self.people.shape:
            raise ValueError(f"twins have the shape {self.twins.shape}, people {self.people.shape}")

    @property
    def by_user(self) -> bool:
        """Whether users are hidden, and not questions."""
        return self.target == USER

    @property
    def units(self) -> int:
        """How many units there are."""
        return self.people.shape[0 if self.by_user else 1]

    @cached_property
    def own_scale(self) -> Scale:
        """The people's own scale; of each question from that question alone."""
        return Scale.of(self.people)

    @cached_property
    def twin_scale(self) -> Scale:
        """The twins' own scale, with empty cells at the mean."""
        return Scale.of(self._filled)

    @cached_property
    def _filled(self) -> np.ndarray:
        return np.where(np.isnan(self.twins), Scale.of(self.twins).mean, self.twins)

    @cached_property
    def design(self) -> np.ndarray:
        """The twins' answers on their scale, (rows, units), complete."""
        table = self.twin_scale.off(self._filled)
        return table.T if self.by_user else table

    @cached_property
    def centre(self) -> np.ndarray:
        """The mean of each unit's column of the design."""
        return self.design.mean(axis=0)

    @cached_property
    def gram(self) -> np.ndarray:
        """Products of the design's columns about their means, (units, units)."""
        centred = self.design - self.centre
        return centred.T @ centred

    def back(self, answers: np.ndarray, donors: Donors) -> np.ndarray:
        """Predictions (rows, hidden) in the questions' own units."""
        scale = donors.scale
        if self.by_user:
            return answers * scale.spread[:, None] + scale.mean[:, None]
        return answers * scale.spread[donors.hidden] + scale.mean[donors.hidden]

    def parts(self, units: Sequence[int] | None = None) -> list[np.ndarray]:
        """The units hidden together: each question alone, users by twentieths. `units` asks for some only."""
        if not self.by_user:
            return [np.array([unit]) for unit in (range(self.units) if units is None else units)]
        dealt = np.arange(self.units) % min(PARTS, self.units)
        wanted = range(min(PARTS, self.units)) if units is None else sorted({int(dealt[unit]) for unit in units})
        return [np.flatnonzero(dealt == part) for part in wanted]

    def donors(self, units: Sequence[int] | None = None) -> Iterator[Donors]:
        """The people's side with each part hidden. Nothing of a hidden column, or row, of the people's is in it."""
        for part in self.parts(units):
            key = tuple(int(unit) for unit in part)
            with self.lock:
                if key not in self._factors:
                    self._factors.update(self._people_factors(units))
            scale, u, v = self._factors[key]
            table = scale.off(self.people)
            table = table.T if self.by_user else table
            filled = np.where(np.isnan(table), u @ v.T, table)
            filled[:, part] = np.nan
            own = Scale.of(filled.T if self.by_user else filled)
            answers = own.off(filled.T).T if self.by_user else own.off(filled)
            answers[:, part] = 0.0
            # The scale of a question that nobody answered is the twins'.
            yield Donors(part, answers, scale if self.by_user else self.twin_scale)

    def _people_factors(
        self, units: Sequence[int] | None
    ) -> dict[tuple[int, ...], tuple[Scale, np.ndarray, np.ndarray]]:
        twins = Scale.of(self.twins).off(self.twins)
        found: dict[tuple[int, ...], tuple[Scale, np.ndarray, np.ndarray]] = {}
        if not self.by_user:
            scale = Scale.of(self.people)
            factors = LowRank(scale.off(self.people), None, IMPUTATION_RANK, IMPUTATION_SHRINKAGE)
            for unit, u, v in factors.each_hidden([int(part[0]) for part in self.parts(units)], factors.start(twins)):
                found[unit,] = (scale, u, v)
            return found
        for part in self.parts(units):
            others = self.people.copy()
            others[part] = np.nan
            scale = Scale.of(others)
            factors = LowRank(scale.off(others).T, None, IMPUTATION_RANK, IMPUTATION_SHRINKAGE)
            found[tuple(int(unit) for unit in part)] = (scale, *factors.fit(part, factors.start(twins.T)))
        return found
