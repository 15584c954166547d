"""Answers as a distribution: shares, how they spread, how sure they are, and by subgroup.

`values` are (personas, samples, answers): in each sample the probability that the persona gives each answer, all NaN
where there is none; `weights` (personas,) are the inhabitants each persona stands for. A persona's answer is the mean
over its samples; those without any answer are left out, with their weights.

The spread of one answer, drawn from a person drawn at random, splits by the law of total variance into

    total = between personas + between samples + within a person
          = Var_i(m_i)      + E_i Var_s(m_is)   + E_i E_s Var(Y | i, s)

with m_is the expectation in sample s of persona i and m_i its mean over samples. On a scale, Y is the number. Of choices,
Y is the vector of indicators, whose summed variance is Gini's impurity 1 − Σ p²: the chance that two answers drawn at
random differ (for answers that exclude one another; Light and Margolin 1971, JASA 66, 534, split it likewise). Unlike
entropy, it adds up by the same law. Where several answers are allowed it is the sum over answers of p(1 − p).

Intervals are those of the Bayesian bootstrap of personas (standard exponential weights; Rubin 1981, doi
10.1214/aos/1176345338): what other personas of the same population would have said. They say nothing about whether a
model answers as people do. Nothing depends on the order of personas: draws follow their ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.statistics.bootstrap import exponential_multiples, generator_of
from core.statistics.levels import SHOWN, central

LEVEL = SHOWN
DRAWS = 1000
#: A group of fewer personas is shown, and marked: chance decides much of it.
FEWEST_PERSONAS = 10
#: Random numbers drawn at a time.
_BLOCK = 2_000_000


@dataclass(frozen=True)
class Spread:
    """Parts of the variance of an answer, in squares of the scale's unit, or of Gini's impurity.

    `between_samples` is NaN where nobody was sampled twice: then it is inside `between_personas`. `chance` is how much of
    `between_personas` is left of samples' differences after averaging so few of them (NaN likewise).
    """

    total: float
    between_personas: float
    between_samples: float
    within: float
    chance: float


@dataclass(frozen=True)
class Estimate:
    """A value with its interval."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Group:
    """The answers of some of the people.

    `shares` has an estimate for each answer; `mean` is None of choices. `people` are inhabitants, `personas` those that
    answered, `effective` their number if all weighed the same (Kish: (Σw)²/Σw²). `missing` personas gave no answer.
    """

    name: str
    shares: tuple[Estimate, ...]
    mean: Estimate | None
    spread: Spread
    people: float
    personas: int
    effective: float
    missing: int

    @property
    def small(self) -> bool:
        """Whether chance decides much of it."""
        return self.personas < FEWEST_PERSONAS


@dataclass(frozen=True)
class Difference:
    """The first group's answers less the second's: of each share, and of the mean (None of choices)."""

    first: str
    second: str
    shares: tuple[Estimate, ...]
    mean: Estimate | None


@dataclass(frozen=True)
class Subgroups:
    """Groups of one attribute. `rest` compares each with everybody outside it, `pairs` every two of them.

    `explained` is the share of the variance between personas that lies between the groups (Fisher's η²), NaN where
    personas do not differ.
    """

    groups: tuple[Group, ...]
    rest: tuple[Difference, ...]
    pairs: tuple[Difference, ...]
    explained: float


@dataclass(frozen=True)
class _Drawn:
    """A group with its draws: shares (draws, answers), and mean (draws,), NaN of choices."""

    group: Group
    shares: np.ndarray
    mean: np.ndarray


class SurveyDistribution:
    """The answers of one question, with the bootstrap's draws shared by everything that is asked of it."""

    def __init__(
        self,
        values: np.ndarray,
        weights: np.ndarray,
        scale: Sequence[float] = (),
        *,
        ids: Sequence[int] | np.ndarray | None = None,
        seed: int = 0,
        draws: int = DRAWS,
    ) -> None:
        """`scale` (answers,) are the numbers of a scale, empty for choices. `ids` (personas,) are distinct numbers that
        the draws follow, by default the places. ValueError for arrays that do not fit together, for probabilities
        outside 0 to 1, weights that are negative, and where nobody answered."""
        values, weights = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
        ids = np.arange(len(values)) if ids is None else np.asarray(ids)
        _check(values, weights, ids, scale)
        # Sums in the order of the ids are the same to the last bit, whatever the order of the rows.
        self._order = np.argsort(ids, kind="stable")
        self._values, self._weights = values[self._order], weights[self._order]
        self.scale = np.asarray(scale, dtype=np.float64)
        known = ~np.isnan(self._values).any(axis=2)
        self._counts = known.sum(axis=1)
        self._answered = (self._counts > 0) & (self._weights > 0)
        if not self._answered.any():
            raise ValueError("nobody answered")
        filled = np.where(known[:, :, None], self._values, 0.0)
        self._means = filled.sum(axis=1) / np.maximum(self._counts, 1)[:, None]
        self._known, self._filled = known, filled
        self._seed, self._draws = seed, draws

    def everyone(self, name: str = "everyone") -> Group:
        """All personas as one group."""
        whole = np.ones(len(self._weights), dtype=bool)
        return self._group(name, whole, self._drawn([whole])[0]).group

    def by(self, labels: Sequence[str] | np.ndarray, order: Sequence[str] = ()) -> Subgroups:
        """The groups of one attribute: `labels` (personas,) in the order of the values.

        Groups come in `order` (by name where it is empty); one in which nobody answered is left out.
        """
        texts = np.asarray(labels, dtype=object)
        if texts.shape != self._weights.shape:
            raise ValueError(f"{len(texts)} labels for {len(self._weights)} personas")
        texts = texts[self._order]
        names = [name for name in (order or sorted(set(texts))) if (self._answered & (texts == name)).any()]
        members = [texts == name for name in names]
        sums = self._drawn(members)
        found = [self._group(name, member, each) for name, member, each in zip(names, members, sums, strict=True)]
        rest = []
        for place, group in enumerate(found if len(found) > 1 else []):
            others = [position for position in range(len(found)) if position != place]
            member = np.logical_or.reduce([members[position] for position in others])
            drawn = np.sum([sums[position] for position in others], axis=0)
            rest.append(_difference(group, self._group("everyone else", member, drawn)))
        pairs = [_difference(one, other) for place, one in enumerate(found) for other in found[place + 1 :]]
        return Subgroups(tuple(item.group for item in found), tuple(rest), tuple(pairs), self._explained(texts, names))

    def _group(self, name: str, member: np.ndarray, sums: np.ndarray) -> _Drawn:
        """The group of these personas, from the sums that `_drawn` gave."""
        here = self._answered & member
        weight = self._weights[here]
        point = np.einsum("i,ik->k", weight / weight.sum(), self._means[here])
        drawn = sums[:, :-1] / sums[:, -1:]
        shares = tuple(_estimate(value, draws) for value, draws in zip(point, drawn.T, strict=True))
        mean, drawn_mean = None, np.full(len(drawn), np.nan)
        if len(self.scale):
            drawn_mean = np.einsum("dk,k->d", drawn, self.scale)
            mean = _estimate(float(np.einsum("k,k->", point, self.scale)), drawn_mean)
        group = Group(
            name=name,
            shares=shares,
            mean=mean,
            spread=self._spread(here, point),
            people=float(weight.sum()),
            personas=int(here.sum()),
            effective=float(weight.sum() ** 2 / (weight**2).sum()),
            missing=int((member & (self._weights > 0) & ~self._answered).sum()),
        )
        return _Drawn(group, drawn, drawn_mean)

    def _drawn(self, members: Sequence[np.ndarray]) -> list[np.ndarray]:
        """For each group (draws, answers + 1): its reweighted personas' answers summed, and last their weights.

        A persona has the same draws in whatever group it is counted.
        """
        random = generator_of(self._seed)
        people = len(self._weights)
        rows = max(1, _BLOCK // people)
        counted = np.hstack([self._means, np.ones((people, 1))]) * self._weights[:, None]
        places = [np.flatnonzero(self._answered & member) for member in members]
        parts: list[list[np.ndarray]] = [[] for _ in members]
        for first in range(0, self._draws, rows):
            drawn = exponential_multiples(random, min(rows, self._draws - first), people)
            for part, here in zip(parts, places, strict=True):
                part.append(np.einsum("di,ik->dk", drawn[:, here], counted[here]))
        return [np.concatenate(part) for part in parts]

    def _spread(self, here: np.ndarray, point: np.ndarray) -> Spread:
        share = self._weights[here] / self._weights[here].sum()
        known, counts = self._known[here], self._counts[here]
        values, means = self._filled[here], self._means[here]
        if len(self.scale):
            expected = np.einsum("isk,k->is", values, self.scale)[:, :, None]
            squares = np.einsum("isk,k->is", values, self.scale**2)
            within_each = np.maximum(squares - expected[:, :, 0] ** 2, 0.0)
            own = np.einsum("ik,k->i", means, self.scale)[:, None]
            middle = np.einsum("k,k->", point, self.scale)
        else:
            expected, own, middle = values, means, point
            within_each = np.einsum("isk,isk->is", values, 1.0 - values)
        per_person = np.where(known, within_each, 0.0).sum(axis=1) / counts
        within = float(np.einsum("i,i->", share, per_person))
        personas = float(np.einsum("i,i->", share, ((own - middle) ** 2).sum(axis=1)))
        moved = np.where(known[:, :, None], expected - own[:, None, :], 0.0)
        sampled = np.einsum("isk,isk->i", moved, moved) / counts
        several = counts > 1
        if not several.any():
            return Spread(personas + within, personas, np.nan, within, np.nan)
        samples = float(np.einsum("i,i->", share, sampled))
        # An unbiased variance of one sample is sampled·n/(n − 1); a mean of n has the n-th part of it.
        noise = np.where(several, sampled / np.maximum(counts - 1, 1), 0.0)
        chance = float(np.einsum("i,i->", share * (1.0 - share), noise))
        return Spread(personas + samples + within, personas, samples, within, chance)

    def _explained(self, texts: np.ndarray, names: Sequence[str]) -> float:
        here = self._answered & np.isin(texts, np.array(names, dtype=object))
        share = self._weights[here] / self._weights[here].sum()
        answers = np.einsum("ik,k->i", self._means[here], self.scale)[:, None] if len(self.scale) else self._means[here]
        middle = np.einsum("i,ik->k", share, answers)
        whole = float(np.einsum("i,ik->", share, (answers - middle) ** 2))
        between = 0.0
        for name in names:
            member = texts[here] == name
            own = share[member].sum()
            mean = np.einsum("i,ik->k", share[member] / own, answers[member])
            between += float(own * ((mean - middle) ** 2).sum())
        return min(between / whole, 1.0) if whole > 1e-12 else float("nan")


def _estimate(value: float, drawn: np.ndarray) -> Estimate:
    lower, upper = central(drawn, LEVEL)
    return Estimate(float(value), float(lower), float(upper))


def _difference(first: _Drawn, second: _Drawn) -> Difference:
    one, other = first.group, second.group
    shares = tuple(
        _estimate(left.value - right.value, drawn)
        for left, right, drawn in zip(one.shares, other.shares, (first.shares - second.shares).T, strict=True)
    )
    mean = None
    if one.mean is not None and other.mean is not None:
        mean = _estimate(one.mean.value - other.mean.value, first.mean - second.mean)
    return Difference(one.name, other.name, shares, mean)


def _check(values: np.ndarray, weights: np.ndarray, ids: np.ndarray, scale: Sequence[float]) -> None:
    if values.ndim != 3 or weights.shape != values.shape[:1] or ids.shape != weights.shape:
        raise ValueError(f"values have the shape {values.shape}, weights {weights.shape}, ids {ids.shape}")
    if len(np.unique(ids)) != len(ids):
        raise ValueError("two personas have one id")
    if len(scale) not in (0, values.shape[2]):
        raise ValueError(f"{len(scale)} numbers for {values.shape[2]} answers")
    missing = np.isnan(values)
    if (missing.any(axis=2) != missing.all(axis=2)).any():
        raise ValueError("an answer is there in part")
    if (values[~missing] < 0.0).any() or (values[~missing] > 1.0).any():
        raise ValueError("a probability is outside 0 to 1")
    if not np.isfinite(weights).all() or (weights < 0.0).any():
        raise ValueError("a weight is negative or missing")
