"""What a scenario changes for single people, as the engine answers for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.counterfactual.contrast import Contrast
from core.counterfactual.fitted import FittedTwin


@dataclass(frozen=True)
class PersonChanges:
    """`before` and `after`: people × behaviours, mean probability over the days in percent (of time at home: the share of the
    day), under the reference and under the scenario. `persons` are positions in the population."""

    persons: np.ndarray
    before: pd.DataFrame
    after: pd.DataFrame

    @property
    def change(self) -> pd.DataFrame:
        """Percentage points."""
        return self.after - self.before


def person_changes(twin: FittedTwin, item: Contrast, persons: Sequence[int] | np.ndarray) -> PersonChanges:
    """The engine's answers for `persons` under both policies of a contrast, before calibration: no observation is of single
    people."""
    positions = np.asarray(persons, dtype=np.int64)
    contexts = item.path.table.contexts
    shares = np.stack([_shares(path.table.actual, len(contexts)) for path in (item.reference, item.path)])
    used = np.flatnonzero(shares.any(axis=0))
    answers = twin.engine.respond(twin.personas.iloc[positions], contexts.iloc[used])
    before, after = 100.0 * np.einsum("kc,pcb->kpb", shares[:, used], answers.astype(float))
    names = list(twin.problem.study.behaviour_ids)
    return PersonChanges(positions, pd.DataFrame(before, positions, names), pd.DataFrame(after, positions, names))


def ordinary_activity_of(twin: FittedTwin, item: Contrast) -> pd.DataFrame:
    """Mean probability in the baseline week without policy, in percent: all people × behaviours."""
    week = item.path.table.week
    answers = twin.engine.respond(twin.personas, item.path.table.contexts.iloc[week])
    return pd.DataFrame(
        100.0 * answers.mean(axis=1, dtype=float), twin.personas.index, list(twin.problem.study.behaviour_ids)
    )


def _shares(rows: np.ndarray, contexts: int) -> np.ndarray:
    """Of how many of the days each context is, as a share."""
    return np.bincount(rows, minlength=contexts) / len(rows)


def spread_of_people(weights: np.ndarray, count: int) -> np.ndarray:
    """`count` positions (fewer where there are fewer people) that stand for a population: evenly spaced along its weights, so
    that the same population always gives the same people. Sorted, each once."""
    total = np.cumsum(np.asarray(weights, dtype=float))
    marks = (np.arange(count) + 0.5) / count * total[-1]
    return np.unique(np.minimum(np.searchsorted(total, marks), len(total) - 1))
