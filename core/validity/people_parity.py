"""Whether an agent serves some groups of people worse than others, each judged by how well the group repeats itself.

The difference is the best group's normalised accuracy (`core.validity.retest`) less the worst group's. It is above zero by
chance alone, for it is the largest of several; so it stands beside what shuffled labels give, and its interval is turned around
the value (2·value − quantile), which takes that bias out. A bad agent can have a small difference: the worst group's own level
belongs beside it. After the demographic parity difference of Park et al. 2024 (arXiv 2411.10109), who have neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.statistics.bootstrap import DRAWS, generator_of, unit_counts
from core.statistics.levels import JUDGED, central
from core.validity.retest import Agreement, drawn_means

#: Groups of fewer people are listed and not compared.
FEWEST_IN_GROUP = 15


@dataclass(frozen=True)
class GroupAccuracy:
    """A group's agreement with its own answers: the agent's (`exact`), the group's retest, and one over the other."""

    level: str
    people: int
    exact: float
    retest: float
    normalised: float


@dataclass(frozen=True)
class PeopleParity:
    """The groups of an attribute, and how far they lie apart; `chance` is the mean difference of shuffled labels and `p` the
    share of those at least as large. None where fewer than two groups can be compared; `small` counts people of the others."""

    groups: tuple[GroupAccuracy, ...]
    difference: float | None
    low: float | None
    high: float | None
    chance: float | None
    p: float | None
    best: str | None
    worst: str | None
    worst_normalised: float | None
    small: dict[str, int]


def people_parity(
    agent: Agreement, retest: Agreement | None, labels: Sequence[str], *, seed: int = 0, draws: int = DRAWS
) -> PeopleParity:
    """The parity of an agent over the groups that `labels` (people,) name; "" is nobody's group. Without a retest groups are
    compared by how often they are met."""
    names = np.array(labels)
    sizes = {str(name): int((names == name).sum()) for name in np.unique(names) if name}
    large = [name for name in sizes if sizes[name] >= FEWEST_IN_GROUP]
    small = {name: size for name, size in sizes.items() if name not in large}
    members = np.array([names == name for name in large], dtype=float).reshape(len(large), len(names))
    reached, own = drawn_means(agent.exact, members), _own(retest, members)
    ratio = reached / own
    groups = tuple(
        GroupAccuracy(name, sizes[name], float(reached[place]), float(own[place]), float(ratio[place]))
        for place, name in enumerate(large)
    )
    if len(large) < 2:
        return PeopleParity(groups, None, None, None, None, None, None, None, None, small)
    difference = float(np.ptp(ratio))
    generator, place = generator_of(seed), np.flatnonzero(members.any(axis=0))
    shuffled = np.zeros((draws, *members.shape))
    shuffled[:, :, place] = np.stack([members[:, generator.permutation(place)] for _ in range(draws)])
    by_chance = _differences(agent, retest, shuffled)
    counts = unit_counts(len(names), draws, seed, [str(name) for name in names])
    drawn = _differences(agent, retest, members[None] * counts[:, None, :])
    low, high = central(drawn, JUDGED)
    return PeopleParity(
        groups, difference, max(0.0, 2 * difference - float(high)), max(0.0, 2 * difference - float(low)),
        float(by_chance.mean()), float((1 + (by_chance >= difference - 1e-12).sum()) / (1 + draws)),
        large[int(ratio.argmax())], large[int(ratio.argmin())], float(ratio.min()), small,
    )  # fmt: skip


def _own(retest: Agreement | None, counts: np.ndarray) -> np.ndarray:
    return np.ones(len(counts)) if retest is None else drawn_means(retest.exact, counts)


def _differences(agent: Agreement, retest: Agreement | None, counts: np.ndarray) -> np.ndarray:
    """Best less worst in each draw, from how often each person counts in each group, (draws, groups, people)."""
    flat = counts.reshape(-1, counts.shape[2])
    ratio = drawn_means(agent.exact, flat) / _own(retest, flat)
    return np.asarray(np.ptp(ratio.reshape(counts.shape[:2]), axis=1))
