"""How spread simulated answers are, and what of the spread comes from who people are.

Everything here takes plain arrays, so that it judges any engine's answers: `responses` (personas, contexts, behaviours)
with values in [0, 1], `weights` (personas,) of the people each persona stands for, and `days` (contexts,) of how often
each context occurs (None: once each). Nothing depends on the order of personas or contexts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist, squareform

#: Two personas are alike when no answer of theirs differs by more than this: a difference that no reader would see.
TOLERANCE = 0.01
#: Personas that are compared in pairs at most; the cost grows with the square.
MOST_COMPARED = 1000
#: Variance below this is rounding: the answers are 32-bit floats.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Diversity:
    """The spread of one population's answers.

    deviation: (kinds, behaviours), see `between_deviation`. explained: (behaviours,), see `explained_share`.
    distinct, collapse: see `distinct_personas`, over `compared` personas. dimensions: see `dimensions`.
    kish: Kish's effective sample size of the compared personas' weights, the most that `distinct` could be.
    """

    kinds: tuple[str, ...]
    deviation: np.ndarray
    explained: np.ndarray
    distinct: float
    collapse: float
    dimensions: float
    personas: int
    compared: int
    kish: float


def diversity(
    responses: np.ndarray,
    weights: np.ndarray,
    kinds: Sequence[str],
    days: np.ndarray | None = None,
    *,
    tolerance: float = TOLERANCE,
    most: int = MOST_COMPARED,
) -> Diversity:
    """Every statistic of this module for one population; `kinds` (contexts,) names each context's kind of day.

    More than `most` personas are compared in pairs by an evenly spaced part of them. ValueError for arrays that do not
    fit together, weights without anybody, and answers that are missing or outside [0, 1].
    """
    answers, people, often = _checked(responses, weights, days)
    names = tuple(dict.fromkeys(str(kind) for kind in kinds))
    chosen = np.unique(np.linspace(0, len(people) - 1, min(most, len(people))).round().astype(int))
    compared = chosen[people[chosen] > 0]
    distinct, collapse = distinct_personas(answers[compared], people[compared], tolerance=tolerance)
    return Diversity(
        kinds=names,
        deviation=between_deviation(answers, people, kinds, often),
        explained=explained_share(answers, people, often),
        distinct=distinct,
        collapse=collapse,
        dimensions=dimensions(answers, people, often),
        personas=len(people),
        compared=len(compared),
        kish=float(people[compared].sum() ** 2 / (people[compared] ** 2).sum()),
    )


def between_deviation(
    responses: np.ndarray, weights: np.ndarray, kinds: Sequence[str], days: np.ndarray | None = None
) -> np.ndarray:
    """Standard deviation of the answers between personas, (kinds in order of appearance, behaviours).

    The root of the weighted variance between personas on a context, averaged over the contexts of the kind by their
    days. 0 where everybody answers alike; at most 0.5. NaN for a kind whose contexts have no day.
    """
    answers, people, often = _checked(responses, weights, days)
    labels = np.array([str(kind) for kind in kinds])
    if labels.shape != often.shape:
        raise ValueError(f"{len(labels)} kinds for {len(often)} contexts")
    variance = _variance(answers, people)
    return np.stack([np.sqrt(_average(variance, often * (labels == kind))) for kind in dict.fromkeys(labels.tolist())])


def explained_share(responses: np.ndarray, weights: np.ndarray, days: np.ndarray | None = None) -> np.ndarray:
    """The share of the variance of single decisions that who people are explains, (behaviours,), in [0, 1].

    Somebody drawn at random does something or not with variance p̄(1 − p̄); of this, Var(pᵢ) lies between people and the
    rest is chance. Their ratio, each averaged over contexts by their days, is the intraclass correlation of binary
    outcomes (Ridout, Demétrio and Firth 1999, Biometrics 55, 137): 0 where everybody has the same chance, 1 where
    everybody is certain and people differ. For shares of a day, it is the variance over the most that a mean of this
    size leaves room for (Bhatia and Davis 2000, American Mathematical Monthly 107, 353). NaN where nothing varies
    because everybody is certain of the same.
    """
    answers, people, often = _checked(responses, weights, days)
    mean = np.einsum("i,icb->cb", people, answers)
    whole = _average(mean * (1.0 - mean), often)
    between = _average(_variance(answers, people), often)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > ROUNDING, np.clip(between / whole, 0.0, 1.0), np.nan)


def distinct_personas(
    responses: np.ndarray, weights: np.ndarray, *, tolerance: float = TOLERANCE
) -> tuple[float, float]:
    """(effective number of distinct personas, persona collapse).

    The number is 1 / Σᵢⱼ wᵢwⱼzᵢⱼ with z = 1 for personas that are alike on every answer to within `tolerance`: the
    similarity-sensitive diversity of order 2 (Leinster and Cobbold 2012, Ecology 93, 477). 1 where all are alike, 2 for
    two equal halves, and Kish's effective sample size where no two are. The collapse is the chance that two different
    personas, drawn by their weights, are alike, in [0, 1]: 0 where no two are, 1 where all are, and 1 for one persona.
    """
    answers, people, _ = _checked(responses, weights, None)
    own = float((people**2).sum())
    if len(people) < 2 or own >= 1.0:
        return 1.0, 1.0
    # The last bit of a 32-bit answer must not decide whether a difference reaches the tolerance.
    limit = tolerance + 1e-6
    alike = squareform(pdist(answers.reshape(len(people), -1), "chebyshev") <= limit)
    pairs = float(people @ alike.astype(float) @ people)
    return 1.0 / (own + pairs), min(pairs / (1.0 - own), 1.0)


def dimensions(responses: np.ndarray, weights: np.ndarray, days: np.ndarray | None = None) -> float:
    """In how many independent ways people differ: the participation ratio (Σλ)² / Σλ² of their answers' covariance.

    λ are the eigenvalues of the weighted covariance of the centred persona × (context, behaviour) matrix, contexts
    counted by their days (Gao et al. 2017, bioRxiv 214262). 0 where all are alike; 1 where people differ along one
    line, as two opposite halves do; at most the number of personas less one.
    """
    answers, people, often = _checked(responses, weights, days)
    centred = answers - np.einsum("i,icb->cb", people, answers)
    scaled = centred * np.sqrt(people)[:, None, None] * np.sqrt(often)[None, :, None]
    matrix = scaled.reshape(len(people), -1)
    # The smaller of the two products has the same non-zero eigenvalues, and their sums are its trace and its norm.
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    total = float(np.trace(product))
    return 0.0 if total <= ROUNDING else total**2 / float((product**2).sum())


def eta_squared(
    responses: np.ndarray, weights: np.ndarray, labels: Sequence[str] | np.ndarray, days: np.ndarray | None = None
) -> np.ndarray:
    """The share of the variance between personas that lies between the categories of an attribute, (behaviours,).

    η² = weighted sum of squares between categories over that between personas, each summed over contexts by their days
    (Fisher's correlation ratio). In [0, 1]. `labels` (personas,). NaN where personas do not differ at all. A label that
    means nothing has η² of about (categories − 1) / (personas − 1).
    """
    answers, people, often = _checked(responses, weights, days)
    return _share_of(_grouped(answers, people, np.asarray(labels)), answers, people, often)


def additive_share(
    responses: np.ndarray, weights: np.ndarray, columns: Mapping[str, Sequence[str]], days: np.ndarray | None = None
) -> np.ndarray:
    """The share that several attributes explain together when their effects add up, (behaviours,), in [0, 1].

    R² of the weighted least-squares regression of each answer on the categories of all attributes. Shares of single
    attributes overlap where attributes go together, so they do not sum to this.
    """
    answers, people, often = _checked(responses, weights, days)
    dummies = [np.ones(len(people))]
    for labels in columns.values():
        texts = np.asarray(labels)
        dummies += [(texts == name).astype(float) for name in np.unique(texts)[1:]]
    root = np.sqrt(people)[:, None]
    design = np.column_stack(dummies)
    flat = answers.reshape(len(people), -1)
    found = np.linalg.lstsq(design * root, flat * root, rcond=None)[0]
    return _share_of((design @ found).reshape(answers.shape), answers, people, often)


def _grouped(answers: np.ndarray, people: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Each persona's answers replaced by the weighted mean of its category."""
    if labels.shape != people.shape:
        raise ValueError(f"{len(labels)} labels for {len(people)} personas")
    means = np.zeros_like(answers)
    for name in np.unique(labels):
        here = labels == name
        total = people[here].sum()
        if total > 0:
            means[here] = np.einsum("i,icb->cb", people[here] / total, answers[here])
    return means


def _share_of(fitted: np.ndarray, answers: np.ndarray, people: np.ndarray, often: np.ndarray) -> np.ndarray:
    whole = _average(_variance(answers, people), often)
    part = _average(_variance(fitted, people), often)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > ROUNDING, np.clip(part / whole, 0.0, 1.0), np.nan)


def _variance(answers: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Weighted variance between personas, (contexts, behaviours)."""
    mean = np.einsum("i,icb->cb", people, answers)
    return np.einsum("i,icb->cb", people, (answers - mean) ** 2)


def _average(values: np.ndarray, often: np.ndarray) -> np.ndarray:
    """Mean over contexts by their days, (behaviours,); NaN without a day."""
    total = often.sum()
    return np.einsum("c,cb->b", often, values) / total if total > 0 else np.full(values.shape[1], np.nan)


def _checked(
    responses: np.ndarray, weights: np.ndarray, days: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The arrays as 64-bit floats; weights and days as shares."""
    answers = np.asarray(responses, dtype=np.float64)
    people = np.asarray(weights, dtype=np.float64)
    if answers.ndim != 3 or people.shape != answers.shape[:1]:
        raise ValueError(f"responses have the shape {answers.shape}, weights {people.shape}")
    often = np.ones(answers.shape[1]) if days is None else np.asarray(days, dtype=np.float64)
    if often.shape != answers.shape[1:2]:
        raise ValueError(f"{len(often)} days for {answers.shape[1]} contexts")
    if not (answers >= 0.0).all() or not (answers <= 1.0).all():
        raise ValueError("an answer is missing or outside 0 to 1")
    for name, values in (("weights", people), ("days", often)):
        if not (values >= 0.0).all() or not 0.0 < values.sum() < np.inf:
            raise ValueError(f"{name} are negative or sum to nothing")
    return answers, people / people.sum(), often / often.sum()
