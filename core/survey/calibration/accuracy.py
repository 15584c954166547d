"""How often predicted answers are people's own, for whom, and how that compares with how often people repeat themselves.

A prediction is put on the nearest answer that people give to the question; its accuracy is the share of people's answers that it
hits, its mean over questions divided by that of people's own retest is normalised accuracy (Toubia et al. 2025, Twin-2K-500).
Two rows beside it need no twin, but people's answers to the question itself: the answer given most, and a ridge on demographics
that was not fitted to the person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict

from core.survey.calibration.problem import CalibrationProblem
from core.survey.calibration.scores import by_group

MODE, DEMOGRAPHICS = "mode", "demographics"
#: Fewer people are no group.
FEWEST = 20
MOST_GROUPS = 12
FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class AccuracyScore:
    """`accuracy` is the mean over questions of the share of people's answers that is hit; `normalised` divides it by how often
    people gave the same answer again, over the `questions` where that is known (None: nowhere)."""

    accuracy: float
    normalised: float | None
    questions: int


@dataclass(frozen=True, kw_only=True)
class GroupScores:
    """By group of an attribute, in the order of its values: how many `people`, and by method the `accuracy` and the mean
    `correlation` within the group."""

    people: Mapping[str, int]
    accuracy: Mapping[str, Mapping[str, float]]
    correlation: Mapping[str, Mapping[str, float]]

    def parity_difference(self, method: str) -> float:
        """The accuracy of the best-predicted group less that of the worst."""
        values = self.accuracy[method].values()
        return max(values) - min(values)


def accuracies(
    problem: CalibrationProblem, answers: Mapping[str, np.ndarray], retest: np.ndarray | None = None,
    traits: pd.DataFrame | None = None,
) -> dict[str, AccuracyScore]:  # fmt: skip
    """Of each method's answers (people, questions); `retest` (questions,) is the share of people who repeat their answer, NaN
    where unknown, `traits` people's demographics in their order."""
    rows = {**answers, MODE: np.tile(_modes(problem.people), (len(problem.people), 1))}
    if traits is not None:
        rows[DEMOGRAPHICS] = _by_traits(problem.people, traits)
    found = {}
    for name, table in rows.items():
        share = _hits(problem, table)
        hit = np.nanmean(share, axis=0)
        known = np.isfinite(hit) & (np.isfinite(retest) if retest is not None else False)
        normalised = None if retest is None or not known.any() else float(hit[known].mean() / retest[known].mean())
        found[name] = AccuracyScore(
            accuracy=round(float(np.nanmean(hit)), 6), questions=int(known.sum()),
            normalised=None if normalised is None else round(normalised, 6),
        )  # fmt: skip
    return found


def group_scores(
    problem: CalibrationProblem, answers: Mapping[str, np.ndarray], traits: pd.DataFrame
) -> dict[str, GroupScores]:
    """By attribute of 2 to 12 values that 20 people or more have each; smaller groups are left out."""
    found = {}
    hits = {name: _hits(problem, table) for name, table in answers.items()}
    for attribute in traits.columns:
        labels = traits[attribute].astype("string").fillna("").to_numpy(dtype=object)
        counts = pd.Series(labels[labels != ""]).value_counts()
        groups = sorted(str(name) for name, count in counts.items() if count >= FEWEST)
        if not 2 <= len(groups) <= MOST_GROUPS:
            continue
        kept = np.isin(labels, groups)
        part = CalibrationProblem(problem.twins[kept], problem.people[kept])
        found[str(attribute)] = GroupScores(
            people={name: int(counts[name]) for name in groups},
            accuracy={
                method: {name: round(float(np.nanmean(table[labels == name])), 6) for name in groups}
                for method, table in hits.items()
            },
            correlation={
                method: {name: round(value, 6) for name, value in by_group(part, table[kept], labels[kept]).items()}
                for method, table in answers.items()
            },
        )  # fmt: skip
    return found


def _hits(problem: CalibrationProblem, answers: np.ndarray) -> np.ndarray:
    """(people, questions) of 0 and 1, NaN where people or twins gave no answer."""
    found = np.full(problem.people.shape, np.nan)
    for place in range(problem.people.shape[1]):
        own, seen = problem.people[:, place], ~np.isnan(problem.people[:, place]) & ~np.isnan(problem.twins[:, place])
        seen &= ~np.isnan(answers[:, place])
        if seen.any():
            known = np.unique(own[~np.isnan(own)])
            nearest = known[np.abs(answers[seen, place][:, None] - known).argmin(axis=1)]
            found[seen, place] = nearest == own[seen]
    return found


def _modes(people: np.ndarray) -> np.ndarray:
    def mode(column: np.ndarray) -> float:
        known, count = np.unique(column[~np.isnan(column)], return_counts=True)
        return float(known[count.argmax()]) if len(known) else np.nan

    return np.array([mode(column) for column in people.T])


def _by_traits(people: np.ndarray, traits: pd.DataFrame) -> np.ndarray:
    table = pd.get_dummies(traits.astype("string").fillna("")).to_numpy(dtype=float)
    found = np.full(people.shape, np.nan)
    for place, own in enumerate(people.T):
        seen = ~np.isnan(own)
        if seen.sum() >= 2 * FOLDS:
            model = RidgeCV(alphas=(10.0, 100.0, 1000.0))
            folds = KFold(FOLDS, shuffle=True, random_state=0)
            found[seen, place] = cross_val_predict(model, table[seen], own[seen], cv=folds)
    return found
