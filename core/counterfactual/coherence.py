"""Whether the agents behave coherently: more policy moves every behaviour in its expected direction, on every kind of day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.cognition.engine import DAY_TYPE, EPIDEMIC, RAMADAN, RESTRICTED_DAYS, SEASON, ResponseEngine
from core.counterfactual.levels import HeldPolicy, staircase
from core.policy.calendar import DAY_TYPES
from core.policy.indices import sub_indices
from core.simulation.simulate import simulate
from core.study import Codebook, Study

#: Mean activity is a share of people; 32-bit answers differ in the last digits.
RESOLUTION = 1e-6


def behaves_coherently(engine: ResponseEngine, personas: pd.DataFrame, study: Study) -> bool:
    """Whether mean activity lies in [0, 1] and each step of the staircase from no measure to every measure moves each
    behaviour in its expected direction or not at all, on every kind of day."""
    steps = [HeldPolicy(0.0, 0.0, step).row(study) for step in staircase(study)]
    situation = {RAMADAN: False, EPIDEMIC: 0, RESTRICTED_DAYS: 0}
    rows = [{**step, DAY_TYPE: kind, **situation} for kind in DAY_TYPES for step in steps]
    means = simulate(engine, personas, pd.DataFrame(rows)).everyone.reshape(len(DAY_TYPES), len(steps), -1)
    signs = np.array([item.expected_sign for item in study.behaviours])
    bounded = bool((means >= -RESOLUTION).all() and (means <= 1 + RESOLUTION).all())
    return bounded and bool((np.diff(means, axis=1) * signs >= -RESOLUTION).all())


@dataclass(frozen=True)
class AnsweredCoherence:
    """Of `pairs` of situations that differ in the policy alone, one nowhere looser than the other, and each behaviour:
    how many `comparisons` there were and how many moved `as_expected` or not at all; `bounded` says that all activity
    lies in [0, 1]."""

    pairs: int
    comparisons: int
    as_expected: int
    bounded: bool

    @property
    def coherent(self) -> bool:
        """Whether there was something to compare and all of it was as expected: the claim that rules have to meet too."""
        return self.pairs > 0 and self.bounded and self.as_expected == self.comparisons


def answered_coherence(contexts: pd.DataFrame, means: np.ndarray, study: Study) -> AnsweredCoherence:
    """Coherence judged by what was answered anyway: no situation is asked about for this alone, as a language model
    would have to be. `means` is everyone's activity, (contexts, behaviours)."""
    strictness = sub_indices(contexts, Codebook(study.indicators, {}, study.id))
    strict = strictness[[item.code for item in study.indicators]].to_numpy(float)
    situation = [DAY_TYPE, RAMADAN, EPIDEMIC, RESTRICTED_DAYS, *([SEASON] if SEASON in contexts else [])]
    about = contexts[situation].astype(str).agg("|".join, axis=1).to_numpy()
    signs = np.array([item.expected_sign for item in study.behaviours])
    pairs = comparisons = fine = 0
    for kind in dict.fromkeys(about):
        rows = np.flatnonzero(about == kind)
        above = (strict[rows, None, :] >= strict[None, rows, :]).all(axis=2)
        above &= (strict[rows, None, :] > strict[None, rows, :]).any(axis=2)
        stricter, looser = np.nonzero(above)
        moved = (means[rows[stricter]] - means[rows[looser]]) * signs
        pairs += len(stricter)
        comparisons += moved.size
        fine += int((moved >= -RESOLUTION).sum())
    bounded = bool((means >= -RESOLUTION).all() and (means <= 1 + RESOLUTION).all())
    return AnsweredCoherence(pairs, comparisons, fine, bounded)
