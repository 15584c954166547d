"""How a study's own things are called in sentences: its index of policy, and its periods."""

from __future__ import annotations

from core.calibration.pace import PACES
from core.study import Step, Study
from core.study.definition import STRINGENCY_INDEX

STRINGENCY = "stringency"


def index_word(study: Study) -> str:
    """The study's index, as one says it beside a number: stringency, or the policy index."""
    return study.index_word


def the_index(study: Study) -> str:
    """The same as the subject of a sentence."""
    return STRINGENCY if study.index == STRINGENCY_INDEX else f"the {study.index_word}"


def periods(step: Step, count: int) -> str:
    """So many periods: 36 months."""
    return f"{count:,} {step}" + ("" if count == 1 else "s")


def stretches(step: Step) -> str:
    """What is drawn together where chance is told from worth: weeks, or so many months."""
    return "weeks" if step is Step.DAY else f"stretches of {PACES[step].block} {step}s"


def has_epidemic(study: Study) -> bool:
    """Whether people of the study hear of an epidemic at all."""
    return "cases" in study.sources
