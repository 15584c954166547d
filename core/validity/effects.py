"""Whether effects of treatments, measured in experiments on people, were foreseen: within a study, not over studies.

Measured effects carry noise, which lowers any correlation with them: the reliability is 1 − mean se² / variance, and the
disattenuated r is r / √reliability (Spearman 1904), undefined where hardly anything but noise is seen. Whether the *size* of
effects can be foreseen is asked of a line from predictions to effects that was fitted on the study's other arms only, against
the mean of these arms. Units of predictions and effects may differ: sizes are then not compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from core.statistics.bootstrap import DRAWS, generator_of
from core.statistics.levels import JUDGED, central, tails

#: Rows below which no correlation is called one; a reliability below which it is not corrected for noise.
FEWEST_EFFECTS, LEAST_RELIABLE = 5, 0.2
#: Spreads of predictions and effects that lie further apart are in other units.
MOST_APART = 10.0


@dataclass(frozen=True)
class Effects:
    """Rows of a study: `effect` and its standard error, the `predicted` one and experts' mean forecast (NaN where none). `arms`
    name treatments, `blocks` the samples and outcomes that share a baseline."""

    effect: np.ndarray
    error: np.ndarray
    predicted: np.ndarray
    expert: np.ndarray
    arms: tuple[str, ...]
    blocks: tuple[str, ...]


@dataclass(frozen=True)
class EffectScores:
    """`r` with its ends, `within_r` inside blocks (None for one block), `disattenuated_r` with its ends; `slope` of effects on
    predictions, `sign_agreement` the share of equal signs. Root mean squares in the unit of effects: of no effect, of the line
    and the mean of other arms, of predictions as they are (None where `units_differ`). Experts' r is beside the predictions'
    own on the rows that experts forecast."""

    effects: int
    arms: int
    blocks: int
    r: float
    low: float
    high: float
    within_r: float | None
    reliability: float
    disattenuated_r: float | None
    disattenuated_low: float | None
    disattenuated_high: float | None
    slope: float
    sign_agreement: float
    units_differ: bool
    rmse_zero: float
    rmse_predicted: float | None
    rmse_line: float
    rmse_mean: float
    line_beats_mean: bool
    forecast: int
    expert_r: float | None
    r_where_expert: float | None


def effect_scores(found: Effects, *, seed: int = 0) -> EffectScores | None:
    """How well the effects of one study were foreseen. None for fewer than `FEWEST_EFFECTS` rows, or where predictions or effects
    are all the same."""
    effect, predicted = found.effect, found.predicted
    if len(effect) < FEWEST_EFFECTS or not min(np.ptp(effect), np.ptp(predicted)) > 0:
        return None
    r = correlation(effect, predicted)
    assert r is not None
    low, high = fisher_interval(r, len(effect))
    spread = float(effect.var(ddof=1))
    reliability = 1 - float((found.error**2).mean()) / spread
    corrected = corrected_low = corrected_high = None
    if reliability >= LEAST_RELIABLE:
        corrected = float(np.clip(r / np.sqrt(reliability), -1, 1))
        corrected_low, corrected_high = _disattenuated_interval(corrected, reliability * spread, found.error, seed)
    line, mean = other_arms(effect, predicted, found.arms)
    apart = float(predicted.std() / effect.std())
    differ = not 1 / MOST_APART <= apart <= MOST_APART
    known = ~np.isnan(found.expert)
    names = np.array(found.blocks)
    centred = [np.concatenate([part[names == name] - part[names == name].mean() for name in np.unique(names)])
               for part in (effect, predicted)]  # fmt: skip
    return EffectScores(
        effects=len(effect), arms=len(set(found.arms)), blocks=len(set(found.blocks)), r=r, low=low, high=high,
        within_r=correlation(*centred) if len(set(found.blocks)) > 1 else None,
        reliability=reliability, disattenuated_r=corrected, disattenuated_low=corrected_low,
        disattenuated_high=corrected_high, slope=r * float(effect.std() / predicted.std()),
        sign_agreement=float((np.sign(effect) == np.sign(predicted)).mean()), units_differ=differ,
        rmse_zero=_root(effect), rmse_predicted=None if differ else _root(effect - predicted),
        rmse_line=_root(effect - line), rmse_mean=_root(effect - mean),
        line_beats_mean=bool(_root(effect - line) < _root(effect - mean)), forecast=int(known.sum()),
        expert_r=correlation(effect[known], found.expert[known]),
        r_where_expert=correlation(effect[known], predicted[known]),
    )  # fmt: skip


def correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    """Pearson's r; None for fewer than `FEWEST_EFFECTS` values, and where one side is constant."""
    if len(one) < FEWEST_EFFECTS or not min(np.ptp(one), np.ptp(other)) > 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def fisher_interval(r: float, number: int, level: float = JUDGED) -> tuple[float, float]:
    """The ends of r's interval by Fisher's z."""
    reach = norm.ppf(tails(level)[1]) / np.sqrt(number - 3)
    low, high = np.tanh(np.arctanh(np.clip(r, -0.999999, 0.999999)) + np.array([-reach, reach]))
    return float(low), float(high)


def pooled_r(found: Mapping[str, EffectScores]) -> tuple[float, float, float]:
    """r over studies by Fisher's z, each weighed by its effects less three, with the ends of its interval."""
    weights = np.array([item.effects - 3 for item in found.values()], dtype=float)
    z = float(weights @ np.arctanh([item.r for item in found.values()]) / weights.sum())
    reach = float(norm.ppf(tails(JUDGED)[1]) / np.sqrt(weights.sum()))
    return float(np.tanh(z)), float(np.tanh(z - reach)), float(np.tanh(z + reach))


def other_arms(effect: np.ndarray, predicted: np.ndarray, arms: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """For each row what a line from predictions, and the mean, say that were fitted on rows of other arms only."""
    names, line, mean = np.array(arms), np.zeros(len(effect)), np.zeros(len(effect))
    for name in np.unique(names):
        own = names == name
        ours, theirs = effect[~own], predicted[~own]
        mean[own] = ours.mean() if len(ours) else 0.0
        apart = theirs - theirs.mean() if len(ours) else theirs
        slope = float(apart @ ours / (apart @ apart)) if apart @ apart > 0 else 0.0
        line[own] = mean[own] + slope * (predicted[own] - (theirs.mean() if len(ours) else 0.0))
    return line, mean


def _disattenuated_interval(r: float, variance: float, error: np.ndarray, seed: int) -> tuple[float, float]:
    """Parametric bootstrap: true effects and predictions drawn with this correlation, noise of the study's size put upon them."""
    generator = generator_of(seed)
    true, noise = generator.standard_normal((2, DRAWS, len(error)))
    seen = np.sqrt(variance) * true + error * generator.standard_normal((DRAWS, len(error)))
    predicted = r * true + np.sqrt(1 - r**2) * noise
    centred = [part - part.mean(axis=1, keepdims=True) for part in (seen, predicted)]
    squares = [(part**2).sum(axis=1) for part in centred]
    drawn = (centred[0] * centred[1]).sum(axis=1) / np.sqrt(squares[0] * squares[1])
    reliable = np.maximum(1 - (error**2).mean() / (squares[0] / (len(error) - 1)), LEAST_RELIABLE)
    low, high = central(np.clip(drawn / np.sqrt(reliable), -1, 1), JUDGED)
    return float(low), float(high)


def _root(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))
