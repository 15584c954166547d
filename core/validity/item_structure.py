"""Whether what is answered hangs together over items as people's answers do, and whether probabilities mean what they say.

Structure: the cosine of the correlations between all pairs of items, of agents and of people. Two halves of people agree only so
far themselves, which is the reference. Agents whose answers follow a few traits only hang together too much: the share of the
first eigenvalue says so. After the item-level "alienness" of Petrov et al. 2024 (arXiv 2405.07248). Calibration: the expected
calibration error over 15 equal bins (Guo et al. 2017, arXiv 1706.04599), of every choice of every answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.statistics.bootstrap import generator_of

HALVINGS, BINS = 20, 15


@dataclass(frozen=True)
class ItemStructure:
    """`agents` is the cosine of their item correlations with people's, `people` the mean one of random halves of people; then the
    share of the variance of standardised items on the first axis. None where fewer than three items vary for both."""

    agents: float | None
    people: float | None
    first_axis_agents: float | None
    first_axis_people: float | None


def item_structure(agents: np.ndarray, people: np.ndarray, *, seed: int = 0) -> ItemStructure:
    """Of answers (people, items), NaN where missing: a missing answer stands at the item's mean."""
    varies = [np.nanstd(part, axis=0) > 0 for part in (agents, people)]
    kept = varies[0] & varies[1]
    if kept.sum() < 3:
        return ItemStructure(None, None, None, None)
    ours, theirs = agents[:, kept], people[:, kept]
    generator, halves = generator_of(seed), []
    for _ in range(HALVINGS):
        order = generator.permutation(len(theirs))
        halves.append(_cosine(*(theirs[part] for part in np.array_split(order, 2))))
    return ItemStructure(
        _cosine(ours, theirs), float(np.mean(halves)), *(_first_axis(_correlations(part)) for part in (ours, theirs))
    )


def calibration_error(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Of probabilities (people, items, choices) of answers (people, items) coded from 1; choices that cannot be have none."""
    seen = ~np.isnan(truth)
    said = probabilities[seen].ravel()
    came = (truth[seen][:, None] == np.arange(1, probabilities.shape[2] + 1)).ravel()
    said, came = said[said > 0], came[said > 0]
    place = np.minimum((said * BINS).astype(int), BINS - 1)
    apart = np.bincount(place, said - came, BINS)
    return float(np.abs(apart).sum() / len(said))


def _correlations(answers: np.ndarray) -> np.ndarray:
    centred = np.nan_to_num(answers - np.nanmean(answers, axis=0))
    length = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(length > 0, length, 1.0)
    return np.asarray(unit.T @ unit)


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    above = np.triu_indices(one.shape[1], 1)
    ours, theirs = _correlations(one)[above], _correlations(other)[above]
    lengths = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
    return float(ours @ theirs) / lengths if lengths else 0.0


def _first_axis(correlations: np.ndarray) -> float:
    return float(np.linalg.eigvalsh(correlations)[-1] / len(correlations))
