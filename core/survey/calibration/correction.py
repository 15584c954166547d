"""What people would answer to a question that only twins were asked: their shares, corrected by questions that both answered.

Three ways predict it: twins weighted as the other questions want (`core.survey.calibration.ensembles`), twins as they are, and
the mean of people's shares. Each of the other questions is predicted in turn from the rest; the mixture of the three that served
them best is what is said of the new one, and how far it missed them is how wide the interval is: split conformal prediction over
questions, in units of √(q(1 − q)), for a share near 0 or 1 moves less (Vovk et al. 2005; Lei et al. 2018, JASA 113, 1094).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from core.survey.calibration.discrepancies import DISCREPANCIES
from core.survey.calibration.ensembles import WeightedEnsemble, twin_shares

#: With fewer questions the interval of 80 percent would be wider than what was seen.
FEWEST_QUESTIONS = 5
#: Each question is hidden alone up to so many; more are hidden in so many parts.
PARTS = 20
LEVEL = 80
#: Weights of a mixture are multiples of one over this.
GRID = 4
WAYS = ("calibrated", "raw", "trivial")
#: Added to q(1 − q), so that a share of 0 has a unit too.
LEAST_UNIT = 0.01


@dataclass(frozen=True)
class CorrectedShares:
    """`shares` (options,) with `level` percent intervals; what each of `WAYS` says, its weight in the `mixture`, and how far each
    and the mixture ("corrected") were from people's shares on the questions held out: the mean total variation, and by
    question."""

    shares: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    level: int
    ways: dict[str, np.ndarray]
    mixture: dict[str, float]
    missed: dict[str, float]
    missed_by_question: dict[str, np.ndarray]

    @property
    def helps(self) -> bool:
        """Whether the correction came closer to the questions held out than twins as they are."""
        return self.missed["corrected"] < self.missed["raw"]


def corrected_shares(
    new: np.ndarray, said: np.ndarray, people: np.ndarray, weights: np.ndarray | None = None, objective: str = "kl",
    level: int = LEVEL, watch: Callable[[int, int], None] | None = None,
) -> CorrectedShares:  # fmt: skip
    """`new` are twins' answers to the question: whole numbers (twins,), −1 where none, or probabilities (twins, options); `said`
    the same of the other questions, with these in front; `people` (questions, options) are people's shares. `weights` (twins,)
    are what twins count, all the same by default."""
    count = len(people)
    if count < FEWEST_QUESTIONS:
        raise ValueError(f"{count} questions, of {FEWEST_QUESTIONS} that are needed")

    def predicted(rows: np.ndarray, those: np.ndarray) -> np.ndarray:
        found = WeightedEnsemble(objective).fit(said[rows], people[rows], twin_weight=weights)
        trivial = np.tile(people[rows].mean(axis=0), (len(those), 1))
        return np.stack([found.predict(those), twin_shares(those, people.shape[1], weights), trivial])

    held_out = np.empty((len(WAYS), *people.shape))
    edges = np.linspace(0, count, min(PARTS, count) + 1).astype(int)
    for done, (begin, end) in enumerate(pairwise(edges)):
        if watch:
            watch(done, len(edges) - 1)
        part = np.arange(begin, end)
        held_out[:, part] = predicted(np.delete(np.arange(count), part), said[part])
    measure = DISCREPANCIES["tv"].of
    mixtures = [(i / GRID, j / GRID, (GRID - i - j) / GRID) for i in range(GRID + 1) for j in range(GRID + 1 - i)]
    mixed = [np.tensordot(mixture, held_out, 1) for mixture in mixtures]
    best = int(np.argmin([measure(people, found).mean() for found in mixed]))
    ways = predicted(np.arange(count), new[None])[:, 0]
    shares = np.tensordot(mixtures[best], ways, 1)
    missed = np.abs(people - mixed[best]) / _unit(mixed[best])
    reached = min(math.ceil((count + 1) * level / 100) / count, 1.0)
    reach = np.quantile(missed, reached) * _unit(shares)
    by_question = {
        name: measure(people, found) for name, found in zip((*WAYS, "corrected"), (*held_out, mixed[best]), strict=True)
    }
    return CorrectedShares(
        shares, np.maximum(shares - reach, 0.0), np.minimum(shares + reach, 1.0), level,
        dict(zip(WAYS, ways, strict=True)), dict(zip(WAYS, mixtures[best], strict=True)),
        {name: float(found.mean()) for name, found in by_question.items()}, by_question,
    )  # fmt: skip


def _unit(shares: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(shares * (1.0 - shares) + LEAST_UNIT))
