"""What may be claimed of a sweep or a contrast: what its intervals hold, and how near such answers came to a known truth.

Each sentence is made from what was learned and measured, for the study at hand, and is left out with the reason where it
does not apply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.calibration.learned import teaching
from core.counterfactual.effect_uncertainty import DAYS_OFF_FILE, EFFECTS_FILE, UNKNOWN_DAYS_OFF, UNKNOWN_SPREAD
from core.study import Step, Study
from core.validity.measured import KnownWorlds, domain_of, read_measured

PLAUSIBLE = "What follows is plausible under the engine's assumptions; it is not a causal effect."
WORLDS = "how near contrasts come to a known truth"
TWIN = "twin"


@dataclass(frozen=True)
class Claims:
    """`covered` is what an 80% interval covers, in the middle of a sentence; `worlds` says how near such answers came to a
    known truth, and is None where that is among the `left_out` {what: why}; `step` is how long a period lasts."""

    covered: str
    worlds: str | None
    left_out: Mapping[str, str]
    step: Step = Step.DAY

    @property
    def headline(self) -> str:
        """What the figures are, and how near such answers came to a known truth where that was measured."""
        return f"{PLAUSIBLE} {self.worlds or ''}".rstrip()

    @property
    def details(self) -> str:
        """What the intervals cover, and what is not known."""
        interval = f"80% intervals cover {self.covered}. They do not cover the ups and downs of single {self.step}s."
        return " ".join([interval, *not_known_lines(self.left_out)])

    def as_dict(self) -> dict[str, Any]:
        return {"worlds": self.worlds, "left_out": dict(self.left_out)}


def not_known_lines(left_out: Mapping[str, str]) -> list[str]:
    return [f"Not known here: {what} ({why})." for what, why in left_out.items()]


def claims_of(study: Study, engine: str, origin: date, worlds: KnownWorlds | None = None) -> Claims:
    """The claims of a study's counterfactuals from `origin` on. `worlds` are the shipped ones unless given."""
    worlds = worlds or read_measured(KnownWorlds, "worlds")
    learned = teaching(study, EFFECTS_FILE, origin)
    parts = [
        f"which {'weeks' if study.step is Step.DAY else f'stretches of {study.step}s'} the calibration was fitted on",
        "which people were drawn",
        f"how far simulated effects were from those that came about in {learned} up to {learned.known_until}"
        if learned
        else f"an assumed error of the engine of {UNKNOWN_SPREAD:.0%} of each effect",
    ]
    days_off = teaching(study, DAYS_OFF_FILE, origin)
    week = (
        f"how far days off in {days_off} were from what the engine says of them"
        if days_off
        else f"an assumed error of {UNKNOWN_DAYS_OFF:.0%} in how busy days off are"
    )
    moves = f"; where the working week moves, also {week}" if study.step is Step.DAY else ""
    covered = f"{', '.join(parts[:-1])} and {parts[-1]}{moves}"
    why = _why_not(study, engine, learned is not None, worlds)
    if why or worlds is None:
        return Claims(covered, None, {WORLDS: why}, study.step)
    return Claims(covered, _worlds_words(worlds), {}, study.step)


def _why_not(study: Study, engine: str, learned: bool, worlds: KnownWorlds | None) -> str:
    """Why the measurement in generated worlds says nothing of this study; "" where it does."""
    if worlds is None:
        return "it has not been measured; policytwin worlds does that"
    if domain_of(study) != worlds.header.domain:
        return f"it was measured for {worlds.header.domain.replace('_', ' ')}, another domain"
    if engine != worlds.engine:
        return f"it was measured for the engine {worlds.engine}"
    if not learned:
        return "it was measured with what other countries' past teaches, which this study is not given by then"
    return ""


def _worlds_words(worlds: KnownWorlds) -> str:
    """The twin's contrasts in generated worlds, in a sentence."""
    found = worlds.overall
    twin = found.estimators[TWIN]
    parts = []
    if twin.right_sign is not None:
        parts.append(
            f"the direction was right in {twin.right_sign:.0%} of effects of {worlds.clear_effect:g} points or more"
        )
    if twin.rmse is not None and found.rms_truth:
        parts.append(f"sizes missed by {twin.rmse:.1f} points, where true effects were {found.rms_truth:.1f}")
    if twin.coverage is not None:
        parts.append(f"80% intervals held {twin.coverage:.0%} of the truths")
    head = "In generated worlds whose true effects are known "
    return f"{head}{', '.join(parts[:-1])}, and {parts[-1]}." if len(parts) > 1 else f"{head}{''.join(parts)}."
