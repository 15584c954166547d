"""The figures of a persona audit as values: what commands print, pages show and the store keeps.

Shares and probabilities are in percentage points; None where a figure is not defined or its interval unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.cognition.llm.variants import IRRELEVANT, LEADING, PARAPHRASE, Variant
from core.validity.diversity import diversity
from core.validity.persona_audit import Agreement, Estimate, change, opposed, sampling_error, spread_against
from core.validity.persona_audit_words import (
    agreement_verdict,
    collapse_verdict,
    irrelevant_verdict,
    is_collapsed,
    leading_verdict,
    mostly_sampling,
    moves,
    opposed_verdict,
    spread_verdict,
    wording_verdict,
)

POINTS = 100.0
REFERENCE = "the rules engine (a behavioural model, not people)"


def estimate_values(estimate: Estimate, scale: float = 1.0, digits: int = 4) -> dict[str, float | None]:
    """value, lower and upper."""
    return {name: number(scale * getattr(estimate, name), digits) for name in ("value", "lower", "upper")}


def number(value: float, digits: int = 4) -> float | None:
    """Rounded, without the sign of a zero; None for NaN."""
    return round(float(value), digits) + 0.0 if np.isfinite(value) else None


def spread_values(
    own: np.ndarray,
    reference: np.ndarray,
    weights: np.ndarray,
    days: np.ndarray,
    noise: np.ndarray,
    names: Sequence[str],
    source: str,
    itself: bool,
    seed: int,
) -> dict[str, Any]:
    """The spread between personas beside the rules engine's; `itself` where the answers are the rules engine's own."""
    found = spread_against(own, reference, weights, days, noise=noise, seed=seed)
    verdict = (
        "These are the rules engine's own answers: what there is to compare them with is people, whose answers one by one "
        "were not observed."
        if itself
        else spread_verdict(found, REFERENCE)
    )
    return {
        "source": source,
        "reference": "rules",
        "personas": len(own),
        "own": _by(names, POINTS * found.own, 2),
        "rules": _by(names, POINTS * found.reference, 2),
        "ratios": {name: estimate_values(item) for name, item in zip(names, found.ratios, strict=True)},
        "ratio": estimate_values(found.ratio),
        "differs": bool(not itself and found.ratio.leaves_out(1.0)),
        "verdict": verdict,
    }


def collapse_values(
    own: np.ndarray,
    reference: np.ndarray,
    weights: np.ndarray,
    kinds: Sequence[str],
    days: np.ndarray,
    samples: Agreement,
) -> dict[str, Any]:
    """How many different people there are, beside the rules engine's, and whether it matters who is asked."""
    found, rules = (diversity(np.clip(item, 0.0, 1.0), weights, kinds, days) for item in (own, reference))
    between = samples.overall
    return {
        "distinct": number(found.distinct, 2),
        "kish": number(found.kish, 2),
        "collapse": number(found.collapse),
        "dimensions": number(found.dimensions, 2),
        "rules": {"distinct": number(rules.distinct, 2), "collapse": number(rules.collapse)},
        "between_people": estimate_values(between),
        "collapsed": is_collapsed(between, found.distinct, found.compared),
        "verdict": collapse_verdict(between, found.distinct, found.kish, found.compared),
    }


def agreement_values(found: Agreement, weights: np.ndarray, used: int, names: Sequence[str]) -> dict[str, Any]:
    """How far repeated samples agree; `used` is how many the run takes of each question."""
    error = sampling_error(found.noise, weights, used)
    return {
        "icc": {name: estimate_values(item) for name, item in zip(names, found.icc, strict=True)},
        "between_people": {
            name: estimate_values(item) for name, item in zip(names, found.between_personas, strict=True)
        },
        "overall": estimate_values(found.overall),
        "due_to_sampling": number(1.0 - found.overall.value),
        "noise": _by(names, POINTS * found.noise, 2),
        "error_of_mean": _by(names, POINTS * error, 2),
        "identical": found.identical,
        "mostly_sampling": mostly_sampling(found),
        "verdict": agreement_verdict(found, error),
    }


def change_values(
    variant: Variant,
    base: np.ndarray,
    other: np.ndarray,
    weights: np.ndarray,
    signs: Sequence[int],
    names: Sequence[str],
    tests: int,
) -> dict[str, Any]:
    """What one other wording or cue does. `shift` is towards going out less; `followed` is towards what the cue hopes."""
    found = change(base, other, weights, signs, tests=tests)
    followed = _turned(found.shift, variant.towards)
    leading = variant.kind == LEADING
    return {
        "id": variant.id,
        "kind": variant.kind,
        "label": variant.label,
        "prompts": variant.files.version,
        "difference": number(POINTS * found.difference, 3),
        "noise": number(POINTS * found.noise, 3),
        "excess": estimate_values(found.excess, POINTS, 3),
        "shift": estimate_values(found.shift, POINTS, 3),
        "shifts": {name: estimate_values(item, POINTS, 3) for name, item in zip(names, found.shifts, strict=True)},
        "followed": estimate_values(followed, POINTS, 3) if leading else None,
        "moves": moves(found, leading=leading),
        "verdict": {
            PARAPHRASE: lambda: wording_verdict(found),
            IRRELEVANT: lambda: irrelevant_verdict(found, variant.label),
            LEADING: lambda: leading_verdict(followed, variant.label),
        }[variant.kind](),
    }


def cue_values(
    variants: Sequence[Variant],
    answers: Mapping[str, np.ndarray],
    weights: np.ndarray,
    signs: Sequence[int],
    tests: int,
) -> dict[str, Any] | None:
    """What the two opposite hopes of the asker do between them; None where there are not two."""
    by_hope = {item.towards: item.id for item in variants if item.kind == LEADING}
    if set(by_hope) != {1, -1}:
        return None
    found = opposed(answers[by_hope[1]], answers[by_hope[-1]], weights, signs, tests=tests)
    return {
        "shift": estimate_values(found, POINTS, 3),
        "moves": found.leaves_out(0.0),
        "verdict": opposed_verdict(found),
    }


def found_of(values: Mapping[str, Any]) -> list[dict[str, str]]:
    """What the checks found that a reader of the run must know: (check, what), most serious first; empty if nothing."""
    found = []
    collapse, samples, memory = values["collapse"], values["samples_agree"], values["memory"]
    if collapse and collapse["collapsed"]:
        found.append({"check": "collapse", "what": collapse["verdict"]})
    if samples and samples["mostly_sampling"]:
        found.append({"check": "samples", "what": samples["verdict"]})
    if values["opposed"] and values["opposed"]["moves"]:
        found.append({"check": "sycophancy", "what": values["opposed"]["verdict"]})
    for check, kinds in (("wording", (PARAPHRASE,)), ("irrelevant", (IRRELEVANT,)), ("leading", (LEADING,))):
        for row in (*values["wording"], *values["cues"]):
            if row["kind"] in kinds and row["moves"]:
                found.append({"check": check, "id": row["id"], "what": row["verdict"]})
    if memory and memory["remembered"]:
        found.append({"check": "memory", "what": memory["verdict"]})
    if values["spread"] and values["spread"]["differs"]:
        found.append({"check": "spread", "what": values["spread"]["verdict"]})
    return found


def _turned(estimate: Estimate, towards: int) -> Estimate:
    if towards >= 0:
        return estimate
    return Estimate(-estimate.value, -estimate.upper, -estimate.lower)


def _by(names: Sequence[str], values: np.ndarray, digits: int) -> dict[str, float | None]:
    return {name: number(value, digits) for name, value in zip(names, values, strict=True)}
