"""Whether simulated people differ as people do: spread, collapse, agreement of repeated samples, wording, and cues.

The challenges are those of Anthis et al. (2025, arXiv 2504.02234): diversity, bias, sycophancy, alienness,
generalisation. Everything here takes plain arrays, so that it judges any engine's answers: `values` (samples, personas,
contexts, behaviours) in [0, 1], NaN where a question has no answer, and `weights` (personas,) of the people that each
persona stands for. Nothing depends on the order of personas, contexts or samples.

Uncertainty is over personas, who are drawn with replacement: the personas asked are some of many that could have been.
Situations are those that were asked about, and stay. No verdict rests on a threshold: what is said is whether an interval
leaves out the value that an innocent model has. Intervals that are read together are widened so that all hold at once
(Bonferroni).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from core.statistics.bootstrap import unit_counts
from core.statistics.levels import JUDGED

#: All intervals of a family hold at once in so many percent of checks.
LEVEL = float(JUDGED)
DRAWS = 2000
#: Differences of answers below this are rounding: 32-bit floats.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval, NaN where it cannot be known."""

    value: float
    lower: float
    upper: float

    def leaves_out(self, null: float) -> bool:
        """Whether the interval lies to one side of `null`, by more than rounding."""
        return bool(self.lower > null + ROUNDING or self.upper < null - ROUNDING)


UNKNOWN = Estimate(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Spread:
    """How much personas differ, as the standard deviation of their answers on one context.

    `own` and `reference` (behaviours,), on the scale of the answers; `own` without what sampling adds. `ratios` of the
    two by behaviour, and `ratio` of their means over behaviours.
    """

    own: np.ndarray
    reference: np.ndarray
    ratios: tuple[Estimate, ...]
    ratio: Estimate


@dataclass(frozen=True)
class Agreement:
    """How far repeated samples of one question agree.

    icc: intraclass correlation over all questions, by behaviour. between_personas: the same among personas asked about
    the same context; 1 less this is the share of the variance there that is due to sampling. overall: `between_personas`
    over all behaviours. noise: (behaviours,) standard deviation of an answer around its question's mean. identical:
    whether every sample gave the same answer.
    """

    icc: tuple[Estimate, ...]
    between_personas: tuple[Estimate, ...]
    overall: Estimate
    noise: np.ndarray
    identical: bool


@dataclass(frozen=True)
class Change:
    """How answers change with wording or a cue, on the scale of the answers.

    difference: mean absolute difference between two answers to the same question in the two wordings. noise: that
    between two samples of the first wording. excess: what the wording adds. shift: mean change in the direction of
    `signs`, averaged over behaviours. shifts: mean change by behaviour, as it is.
    """

    difference: float
    noise: float
    excess: Estimate
    shift: Estimate
    shifts: tuple[Estimate, ...]


def mean_estimate(
    values: np.ndarray, weights: np.ndarray, *, tests: int = 1, draws: int = DRAWS, seed: int = 0
) -> Estimate:
    """The weighted mean of `values` (units,) with its interval; units without a value (NaN) do not count.

    The standard error is that of the bootstrap over units. The interval is Student's with as many degrees of freedom as
    Kish's effective number of units less one, and the error is widened by √(n / (n − 1)), for the bootstrap's variance
    divides by n (Hesterberg 2015, The American Statistician 69, 371). `tests` intervals hold together. With one unit
    the interval is unknown.
    """
    known = np.isfinite(values) & (weights > 0)
    if not known.any():
        return UNKNOWN
    units, shares = values[known].astype(float), weights[known] / weights[known].sum()
    value = float(shares @ units)
    size = 1.0 / float((shares**2).sum())
    if len(units) < 2 or size <= 1.0 + 1e-9:
        return Estimate(value, float("nan"), float("nan"))
    # Around the mean: equal values have no error, whatever the rounding of their sums.
    drawn = _drawn(shares, draws, seed) @ (units - value)
    error = float(drawn.std() * np.sqrt(size / (size - 1.0)))
    reach = float(stats.t.isf((1.0 - LEVEL / 100.0) / 2.0 / tests, size - 1.0)) * error
    return Estimate(value, value - reach, value + reach)


def spread_against(
    responses: np.ndarray,
    reference: np.ndarray,
    weights: np.ndarray,
    days: np.ndarray | None = None,
    *,
    noise: np.ndarray | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Spread:
    """The spread between personas against another engine's, or people's, for the same personas and contexts.

    `responses` and `reference` (personas, contexts, behaviours) without gaps, `days` (contexts,) how often each context
    occurs (None: once each). `noise` (behaviours,) is the variance that sampling gives an answer in `responses`; it is
    taken off, for a noisy model is not a diverse one: of independent noise σ², the weighted variance between personas
    has σ²(1 − Σw²). Intervals are percentiles of the bootstrap over personas, expanded for their small number
    (Hesterberg 2015). A ratio over a reference without spread is NaN.
    """
    shares = weights / weights.sum()
    often = np.ones(responses.shape[1]) if days is None else np.asarray(days, float)
    often = often / often.sum()
    variance = np.zeros(responses.shape[2]) if noise is None else np.asarray(noise, float)
    drawn = np.vstack([shares, _drawn(shares, draws, seed)])
    own = _deviations(responses, drawn, often, variance)
    other = _deviations(reference, drawn, often, np.zeros_like(variance))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.where(other > ROUNDING, own / other, np.nan)
        ratio = np.where(other.mean(axis=1) > ROUNDING, own.mean(axis=1) / other.mean(axis=1), np.nan)
    size = 1.0 / float((shares**2).sum())
    return Spread(own[0], other[0], tuple(_percentiles(column, size) for column in ratios.T), _percentiles(ratio, size))


def agreement(values: np.ndarray, *, draws: int = DRAWS, seed: int = 0) -> Agreement:
    """How far samples agree, from the one-way analysis of variance: ICC(1) = (MSB − MSW) / (MSB + (k − 1) MSW).

    Shrout and Fleiss (1979), Psychological Bulletin 86, 420; k samples of each question, their harmonic mean where some
    have no answer. Personas count alike: this is about the engine, not about a population. NaN where nothing varies.
    ValueError for fewer than two samples.
    """
    if values.ndim != 4 or values.shape[0] < 2:
        raise ValueError(f"values have the shape {values.shape}; two samples or more are needed")
    counts = np.isfinite(values).sum(axis=0)
    usable = counts >= 2
    filled = np.where(np.isfinite(values), values, 0.0)
    means = np.where(usable, filled.sum(axis=0) / np.maximum(counts, 1), np.nan)
    within = np.where(np.isfinite(values) & usable, (filled - np.nan_to_num(means)) ** 2, 0.0).sum(axis=0)
    freedom = np.where(usable, counts - 1, 0)
    people = values.shape[1]
    drawn = np.vstack([np.ones(people), _drawn(np.full(people, 1.0 / people), draws, seed) * people])
    noise = _ratio(drawn @ within.sum(axis=1), drawn @ freedom.sum(axis=1))
    often = _ratio(usable.sum(axis=(0, 1)), np.where(usable, 1.0 / np.maximum(counts, 1), 0.0).sum(axis=(0, 1)))
    whole = _icc(_variance(means.reshape(people, -1, means.shape[2]), drawn, across=True), noise, often)
    personal = _variance(means, drawn, across=False)
    together = _icc(personal.mean(axis=1, keepdims=True), noise.mean(axis=1, keepdims=True), often.mean(keepdims=True))
    each = _icc(personal, noise, often)
    return Agreement(
        icc=tuple(_percentiles(column, people) for column in whole.T),
        between_personas=tuple(_percentiles(column, people) for column in each.T),
        overall=_percentiles(together[:, 0], people),
        noise=np.sqrt(noise[0]),
        identical=bool(within.max(initial=0.0) <= ROUNDING**2 and usable.any()),
    )


def change(
    base: np.ndarray,
    other: np.ndarray,
    weights: np.ndarray,
    signs: Sequence[int] | np.ndarray,
    *,
    tests: int = 1,
    seed: int = 0,
) -> Change:
    """How answers in another wording, or with a cue, differ from `base`; both (samples, personas, contexts, behaviours).

    Single answers are compared with single answers, so that the mean absolute difference between wordings and that
    between samples of one wording are equal where the wording does nothing: their difference, the excess, is then 0 on
    average. `signs` (behaviours,) turn changes so that they can be averaged. `tests` intervals hold together.
    `noise` and `excess` are NaN where `base` has one sample.
    """
    directions = np.asarray(signs, float)
    between = np.abs(base[:, None] - other[None])
    per_person = _nanmean(between, (0, 1, 3, 4))
    first, second = np.triu_indices(base.shape[0], 1)
    within = _nanmean(np.abs(base[first] - base[second]), (0, 2, 3)) if len(first) else np.full(len(weights), np.nan)
    moved = _nanmean(_nanmean(other, (0,)) - _nanmean(base, (0,)), (1,))
    behaviours = moved.shape[1]
    return Change(
        difference=mean_estimate(per_person, weights, seed=seed).value,
        noise=mean_estimate(within, weights, seed=seed).value,
        excess=mean_estimate(per_person - within, weights, tests=tests, seed=seed),
        shift=mean_estimate((moved * directions).mean(axis=1), weights, tests=tests, seed=seed),
        shifts=tuple(mean_estimate(column, weights, tests=tests * behaviours, seed=seed) for column in moved.T),
    )


def opposed(
    up: np.ndarray, down: np.ndarray, weights: np.ndarray, signs: Sequence[int] | np.ndarray, *, tests: int = 1
) -> Estimate:
    """Half the difference between answers with two cues that hope for the opposite, in the direction of `signs`.

    What both cues do alike, as any sentence more would, drops out. Arrays as in `change`, of the same personas, contexts
    and behaviours; ValueError for others.
    """
    if up.shape[1:] != down.shape[1:]:
        raise ValueError("the cues were not asked of the same personas and contexts")
    moved = _nanmean(_nanmean(up, (0,)) - _nanmean(down, (0,)), (1,)) / 2.0
    return mean_estimate((moved * np.asarray(signs, float)).mean(axis=1), weights, tests=tests)


def sampling_error(noise: np.ndarray, weights: np.ndarray, samples: int) -> np.ndarray:
    """Standard error (behaviours,) that sampling alone leaves in a population's mean: √(σ² Σw² / samples)."""
    shares = weights / weights.sum()
    return np.asarray(noise * np.sqrt((shares**2).sum() / samples))


def is_collapsed(between: Estimate, distinct: float, people: int) -> bool:
    """Whether it makes no difference, as far as can be told, who is asked; `between` is the share of variance between people,
    without sampling."""
    if people > 1 and distinct <= 1.0 + ROUNDING:
        return True
    return bool(np.isfinite(between.lower) and between.lower <= 0.0)


def mostly_sampling(found: Agreement) -> bool:
    """Whether the interval says that most of the difference between people's answers is due to sampling."""
    return bool(np.isfinite(found.overall.upper) and found.overall.upper < 0.5)


def moves(found: Change, *, leading: bool) -> bool:
    """Whether wording or a cue moves answers beyond what sampling and the choice of people explain.

    A leading cue is judged by the shift in the direction that it hopes for, any other sentence by both figures.
    """
    return found.shift.leaves_out(0.0) or (not leading and bool(found.excess.lower > ROUNDING))


def _drawn(shares: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Weights of units in each bootstrap draw, (draws, units), each row summing to 1."""
    weighted = unit_counts(len(shares), draws, seed) * shares
    return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))


def _deviations(answers: np.ndarray, drawn: np.ndarray, often: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Root of the mean variance between personas, (draws, behaviours), less what noise adds; at least 0."""
    centred = answers.astype(float) - answers.mean(axis=0, dtype=float)
    flat = centred.reshape(len(answers), -1)
    variance = (np.einsum("dp,pf->df", drawn, flat**2) - np.einsum("dp,pf->df", drawn, flat) ** 2).reshape(
        len(drawn), *answers.shape[1:]
    )
    mean = np.einsum("c,dcb->db", often, variance)
    return np.sqrt(np.maximum(mean - noise * (1.0 - (drawn**2).sum(axis=1))[:, None], 0.0))


def _variance(means: np.ndarray, drawn: np.ndarray, *, across: bool) -> np.ndarray:
    """Variance (draws, behaviours) of questions' means, unbiased: over all questions, or between personas by context."""
    known = np.isfinite(means)
    filled = np.where(known, means, 0.0)
    axes = "dp,pcb->db" if across else "dp,pcb->dcb"
    counts, sums = np.einsum(axes, drawn, known.astype(float)), np.einsum(axes, drawn, filled)
    # Centred first: the difference of large sums would leave rounding where nothing varies.
    centre = _ratio(sums[0], counts[0])
    deviation = np.where(known, filled - centre, 0.0)
    squares, sums = np.einsum(axes, drawn, deviation**2), np.einsum(axes, drawn, deviation)
    variance = _ratio(squares - _ratio(sums**2, counts), counts - 1.0)
    # A draw holds some personas twice, which takes 1 / n of the variance between them away.
    variance[1:] *= len(means) / max(len(means) - 1, 1)
    return variance if across else np.asarray(_nanmean(variance, (1,)))


def _icc(between: np.ndarray, noise: np.ndarray, often: np.ndarray) -> np.ndarray:
    """ICC(1) from the variance of questions' means and that within questions, (draws, behaviours)."""
    squares = often * between
    whole = squares + (often - 1.0) * noise
    return np.where(whole > ROUNDING**2, _ratio(squares - noise, whole), np.nan)


def _ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    return np.divide(over, under, out=np.zeros(np.broadcast(over, under).shape), where=np.asarray(under) > 0)


def _nanmean(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Means over `axes` of what is there; NaN where nothing is, without a warning."""
    known = np.isfinite(values)
    counts = known.sum(axis=axes)
    sums = np.where(known, values, 0.0).sum(axis=axes)
    return np.asarray(np.divide(sums, counts, out=np.full(np.shape(sums), np.nan), where=counts > 0))


def _percentiles(draws: np.ndarray, size: float) -> Estimate:
    """The first entry as the value, and expanded percentiles of the others; an unknown interval below two units."""
    value, others = float(draws[0]), draws[1:][np.isfinite(draws[1:])]
    if not np.isfinite(value) or size <= 1.0 + 1e-9 or not len(others):
        return Estimate(value, float("nan"), float("nan"))
    wide = stats.t.isf((1.0 - LEVEL / 100.0) / 2.0, size - 1.0) * np.sqrt(size / (size - 1.0))
    tail = 100.0 * float(stats.norm.sf(wide))
    low, high = np.percentile(others, [tail, 100.0 - tail])
    return Estimate(value, min(float(low), value), max(float(high), value))
