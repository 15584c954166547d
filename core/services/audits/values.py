"""The figures of a persona audit from its answers: plain arrays in, parts of the result out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from core.cognition.llm.variants import IRRELEVANT, LEADING, PARAPHRASE, Variant
from core.services.audits.results import (
    POINTS,
    CollapseFigures,
    Finding,
    IntervalEstimate,
    OpposedCues,
    PersonaAuditResult,
    RulesCollapse,
    SampleAgreement,
    SpreadFigures,
    WordingChange,
    number,
)
from core.validity.diversity import diversity
from core.validity.persona_audit import (
    Agreement,
    Estimate,
    change,
    is_collapsed,
    mostly_sampling,
    moves,
    opposed,
    sampling_error,
    spread_against,
)


def spread_figures(
    own: np.ndarray,
    reference: np.ndarray,
    weights: np.ndarray,
    days: np.ndarray,
    noise: np.ndarray,
    names: Sequence[str],
    source: str,
    itself: bool,
    seed: int,
) -> SpreadFigures:
    """The spread between personas beside the rules engine's; `itself` where the answers are the rules engine's own."""
    found = spread_against(own, reference, weights, days, noise=noise, seed=seed)
    return SpreadFigures(
        source=source,
        reference="rules",
        personas=len(own),
        own=_by(names, POINTS * found.own, 2),
        rules=_by(names, POINTS * found.reference, 2),
        ratios=_estimates(names, found.ratios),
        ratio=IntervalEstimate.of(found.ratio),
        differs=bool(not itself and found.ratio.leaves_out(1.0)),
    )


def collapse_figures(
    own: np.ndarray,
    reference: np.ndarray,
    weights: np.ndarray,
    kinds: Sequence[str],
    days: np.ndarray,
    samples: Agreement,
) -> CollapseFigures:
    """How many different people there are, beside the rules engine's, and whether it matters who is asked."""
    found, rules = (diversity(np.clip(item, 0.0, 1.0), weights, kinds, days) for item in (own, reference))
    return CollapseFigures(
        distinct=number(found.distinct, 2),
        kish=number(found.kish, 2),
        collapse=number(found.collapse),
        dimensions=number(found.dimensions, 2),
        rules=RulesCollapse(distinct=number(rules.distinct, 2), collapse=number(rules.collapse)),
        between_people=IntervalEstimate.of(samples.overall),
        collapsed=is_collapsed(samples.overall, found.distinct, found.compared),
    )


def sample_agreement(found: Agreement, weights: np.ndarray, used: int, names: Sequence[str]) -> SampleAgreement:
    """How far repeated samples agree; `used` is how many the run takes of each question."""
    return SampleAgreement(
        icc=_estimates(names, found.icc),
        between_people=_estimates(names, found.between_personas),
        overall=IntervalEstimate.of(found.overall),
        due_to_sampling=number(1.0 - found.overall.value),
        noise=_by(names, POINTS * found.noise, 2),
        error_of_mean=_by(names, POINTS * sampling_error(found.noise, weights, used), 2),
        identical=found.identical,
        mostly_sampling=mostly_sampling(found),
    )


def wording_change(
    variant: Variant,
    base: np.ndarray,
    other: np.ndarray,
    weights: np.ndarray,
    signs: Sequence[int],
    names: Sequence[str],
    tests: int,
) -> WordingChange:
    """What one other wording or cue does; `tests` statements hold together."""
    found = change(base, other, weights, signs, tests=tests)
    leading = variant.kind == LEADING
    shift = found.shift
    followed = shift if variant.towards >= 0 else Estimate(-shift.value, -shift.upper, -shift.lower)
    return WordingChange(
        id=variant.id,
        kind=variant.kind,
        label=variant.label,
        prompts=variant.files.version,
        difference=number(POINTS * found.difference, 3),
        noise=number(POINTS * found.noise, 3),
        excess=IntervalEstimate.of(found.excess, POINTS, 3),
        shift=IntervalEstimate.of(shift, POINTS, 3),
        shifts=_estimates(names, found.shifts, POINTS, 3),
        followed=IntervalEstimate.of(followed, POINTS, 3) if leading else None,
        moves=moves(found, leading=leading),
    )


def opposed_cues(
    variants: Sequence[Variant],
    answers: Mapping[str, np.ndarray],
    weights: np.ndarray,
    signs: Sequence[int],
    tests: int,
) -> OpposedCues | None:
    """What the two opposite hopes of the asker do between them; None where there are not two."""
    by_hope = {item.towards: item.id for item in variants if item.kind == LEADING}
    if set(by_hope) != {1, -1}:
        return None
    found = opposed(answers[by_hope[1]], answers[by_hope[-1]], weights, signs, tests=tests)
    return OpposedCues(shift=IntervalEstimate.of(found, POINTS, 3), moves=found.leaves_out(0.0))


def found_of(result: PersonaAuditResult) -> tuple[Finding, ...]:
    """What the checks found that a reader of the run must know, most serious first; empty if nothing."""
    judged = (
        ("collapse", result.collapse is not None and result.collapse.collapsed),
        ("samples", result.samples_agree is not None and result.samples_agree.mostly_sampling),
        ("sycophancy", result.opposed is not None and result.opposed.moves),
    )
    found = [Finding(check=check) for check, is_so in judged if is_so]
    for check, kind in (("wording", PARAPHRASE), ("irrelevant", IRRELEVANT), ("leading", LEADING)):
        rows = (*result.wording, *result.cues)
        found += [Finding(check=check, id=row.id) for row in rows if row.kind == kind and row.moves]
    if result.memory is not None and result.memory.remembered:
        found.append(Finding(check="memory"))
    if result.spread is not None and result.spread.differs:
        found.append(Finding(check="spread"))
    return tuple(found)


def _by(names: Sequence[str], values: np.ndarray, digits: int) -> dict[str, float | None]:
    return {name: number(value, digits) for name, value in zip(names, values, strict=True)}


def _estimates(
    names: Sequence[str], found: Sequence[Estimate], scale: float = 1.0, digits: int = 4
) -> dict[str, IntervalEstimate]:
    return {name: IntervalEstimate.of(item, scale, digits) for name, item in zip(names, found, strict=True)}
