"""What else moves with the treatment in a model's answers, and what the other levels shown do to an answer.

Gui and Toubia (2023, arXiv 2312.15524): a model that is shown one condition may change what was left unsaid along with
it, as a person would who takes the condition for news. The audit asks, at each level of the policy, for variables that a
policy set by chance cannot move, and reports their association with it. Where conditions are shown together, the answer
at one level may depend on which others are shown: the range effect of judgements (Parducci 1965, Psychological Review
72, 407).

Plain arrays: `values` (units, levels) on a scale from 0 to 1, NaN where there is no answer; a unit is a persona, or a
repeated sample where nobody in particular is asked. `weights` (units,). Levels are stringencies from 0 to 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.statistics.bootstrap import generator_of
from core.statistics.levels import JUDGED
from core.validity.persona_audit import Estimate, mean_estimate

#: Enough for a level of five percent shared by some dozens of statements.
PERMUTATIONS = 4999
#: Values permuted at a time: what is held in memory.
_CHUNK = 500_000
#: All statements of an audit hold at once in so many percent of audits.
LEVEL = float(JUDGED)
ROUNDING = 1e-9


@dataclass(frozen=True)
class Association:
    """How a variable goes with the level of the policy.

    slope: change of the answer from stringency 0 to 100, on the scale of the answers, as the mean of each unit's least
    squares. correlation: within units (Bland and Altman 1995, BMJ 310, 446), NaN where nothing varies. means: (levels,).
    p: that levels exchanged at random within units differ as much, whatever the shape. moves: whether anything does.
    """

    slope: Estimate
    correlation: float
    means: np.ndarray
    p: float
    moves: bool


def association(
    values: np.ndarray, weights: np.ndarray, levels: Sequence[float] | np.ndarray, *, tests: int = 1, seed: int = 0
) -> Association:
    """The association of one variable with the level; `tests` such statements are judged together (Bonferroni).

    A variable moves where the interval of the slope leaves out 0, or where the permutation test over levels says so (an
    inverted U has no slope), each at half the level. Units with a missing answer do not count. ValueError for fewer than
    two different levels.
    """
    strictness = np.asarray(levels, float)
    if len(np.unique(strictness)) < 2 or values.shape[1] != len(strictness):
        raise ValueError(f"{values.shape[1]} columns for levels {strictness.tolist()}")
    whole = np.isfinite(values).all(axis=1) & (weights > 0)
    units, people = values[whole].astype(float), weights[whole].astype(float)
    if not len(units):
        nothing = np.full(len(strictness), np.nan)
        return Association(Estimate(*[float("nan")] * 3), float("nan"), nothing, float("nan"), False)
    at = (strictness - strictness.mean()) / 100.0
    centred = units - units.mean(axis=1, keepdims=True)
    slopes = centred @ at / float(at @ at)
    slope = mean_estimate(slopes, people, tests=2 * tests, seed=seed)
    shares = people / people.sum()
    spread = float(np.einsum("u,ul->", shares, centred**2) * (at @ at))
    correlation = float(shares @ (centred @ at)) / np.sqrt(spread) if spread > ROUNDING**2 else float("nan")
    p = _permuted(centred, shares, seed)
    moves = slope.leaves_out(0.0) or p < (1.0 - LEVEL / 100.0) / 2.0 / tests
    return Association(slope, correlation, shares @ units, p, bool(moves))


def _permuted(centred: np.ndarray, shares: np.ndarray, seed: int) -> float:
    """The share of exchanges of levels within units whose means by level differ as much as they do (at least one)."""
    own = float(((shares @ centred) ** 2).sum())
    if own <= ROUNDING**2:
        return 1.0
    generator = generator_of(seed)
    as_much, done = 0, 0
    while done < PERMUTATIONS:
        count = min(PERMUTATIONS - done, max(_CHUNK // centred.size, 1))
        order = generator.random((count, *centred.shape)).argsort(axis=2)
        mixed = np.take_along_axis(np.broadcast_to(centred, order.shape), order, axis=2)
        as_much += int((((shares @ mixed) ** 2).sum(axis=1) >= own * (1.0 - 1e-9)).sum())
        done += count
    return (1 + as_much) / (1 + PERMUTATIONS)


@dataclass(frozen=True)
class RangeEffect:
    """How the answer at one level changes when the levels shown beside it lie further apart, wide less narrow.

    effect: in the direction of `signs`, averaged over behaviours. effects: by behaviour, as they are. narrow, wide:
    (behaviours,) means over the units that answered both.
    """

    effect: Estimate
    effects: tuple[Estimate, ...]
    narrow: np.ndarray
    wide: np.ndarray


def range_effect(
    narrow: np.ndarray, wide: np.ndarray, weights: np.ndarray, signs: Sequence[int], *, tests: int = 1, seed: int = 0
) -> RangeEffect:
    """The effect from answers at the same level, (units, behaviours) each; `tests` designs are judged together."""
    differences = wide - narrow
    behaviours = differences.shape[1]
    whole = np.isfinite(differences).all(axis=1)
    people = np.where(whole, weights, 0.0) / max(float(weights[whole].sum()), ROUNDING)
    return RangeEffect(
        effect=mean_estimate((differences * np.asarray(signs, float)).mean(axis=1), weights, tests=tests, seed=seed),
        effects=tuple(mean_estimate(column, weights, tests=tests * behaviours, seed=seed) for column in differences.T),
        narrow=people @ np.nan_to_num(narrow),
        wide=people @ np.nan_to_num(wide),
    )
