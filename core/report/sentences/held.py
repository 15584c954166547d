"""What a counterfactual holds as it was at the end of training, and which days it counts."""

from __future__ import annotations

from collections.abc import Mapping

from core.report.document import Block, Paragraph
from core.report.sentences.domain import has_epidemic, periods
from core.services.counterfactuals.results import SweepResult
from core.simulation.contexts import RESTRICTED_CLASSES, RESTRICTED_MIDDLES
from core.study import Study

EPIDEMIC_WORDS = ("low", "moderate", "high")
DAY_WORDS = {
    "working": "working days",
    "half": "half days",
    "weekend": "weekend days",
    "rest": "weekly days of rest",
    "holiday": "public holidays",
}
HELD_SWEEP_TEXT = (
    "Held at the end of training for every level: the epidemic, and how long people have lived under restrictions "
    "(fatigue). Holidays count only if they had been announced by then."
)
HELD_COMPARE_TEXT = (
    "Frozen at the end of training for every scenario: the epidemic. Fatigue starts from where it stood then and "
    "builds up or fades with each scenario's own measures. Holidays count if they had been announced by then, or if "
    "the scenario itself adds them."
)
HELD_COMPARE_TIRING = (
    "Fatigue starts from where it stood at the end of training, and builds up or fades with each scenario's own measures; what "
    "people live with besides is as it was known then."
)
HELD_COMPARE_PLAIN = (
    "Effects build up and wear away with each policy's own measures, from where they stood at the end of training; what people "
    "live with besides is as it was known then."
)


def held_compare_text(study: Study) -> str:
    """What a comparison holds."""
    if has_epidemic(study):
        return HELD_COMPARE_TEXT
    return HELD_COMPARE_TIRING if study.fatigue else HELD_COMPARE_PLAIN


def held_blocks(result: SweepResult, study: Study) -> tuple[Block, ...]:
    """What every level has in common, and which days are counted."""
    days = f"{periods(study.step, result.days)}, {result.start} to {result.end}: {day_words(result.day_types)}."
    return (Paragraph(held_sentence(result, study)), Paragraph(days), Paragraph(held_text(study)))


def held_text(study: Study) -> str:
    """What a sweep holds."""
    if has_epidemic(study):
        return HELD_SWEEP_TEXT
    held = ["how long people have lived under restrictions (fatigue)"] * study.fatigue
    held += [item.name.lower() for item in study.context]
    return (
        f"Held at the end of training for every level: {', '.join(held) if held else 'what people live with besides'}."
    )


def held_sentence(result: SweepResult, study: Study) -> str:
    """The state that every level of a sweep has, in one sentence."""
    if not study.fatigue:
        return "As at the end of training." if result.origin is None else f"As in {study.step.text(result.origin)}."
    position = RESTRICTED_MIDDLES.index(result.held.days_under_restrictions)
    least = RESTRICTED_CLASSES[position]
    after = RESTRICTED_CLASSES[position + 1] if position + 1 < len(RESTRICTED_CLASSES) else None
    lasting = (
        "no restrictions in force"
        if least == 0
        else f"{periods(study.step, least)} or more under restrictions"
        if after is None
        else f"{least} to {periods(study.step, after - 1)} under restrictions"
    )
    if not has_epidemic(study):
        when = "" if result.origin is None else f"As in {study.step.text(result.origin)}: "
        return f"{when}{lasting}."
    epidemic = result.held.epidemic_level
    return f"As on {result.origin}: a {EPIDEMIC_WORDS[epidemic]} epidemic level ({epidemic} on a scale of 0 to 2) and {lasting}."


def day_words(day_types: Mapping[str, int]) -> str:
    """How many days of each kind were counted, most frequent first."""
    ordered = sorted(day_types.items(), key=lambda item: -item[1])
    named = {kind: DAY_WORDS.get(kind, f"{kind.replace('_', ' ')}s") for kind, _ in ordered}
    return ", ".join(f"{count} {named[kind] if count != 1 else named[kind][:-1]}" for kind, count in ordered)
