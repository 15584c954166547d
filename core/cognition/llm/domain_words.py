"""The words of a prompt version in a study's own domain: kinds of its periods, what its numbers mean, and no illness where there
is none. Studies of days that set the tracker's measures are asked in the version's words alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from core.policy.calendar import period_kinds
from core.study import Step, Study
from core.study.steps import MONTHS

#: What a number means where neither the version nor the study says it of a unit.
PERSONA = "the probability in percent that you do so on a given day of such a {step}"
AGGREGATE = "the percentage of all inhabitants who do so on a given day of such a {step}"
PERSONA_DAY = "the probability in percent that you do so on such a day"
AGGREGATE_DAY = "the percentage of all inhabitants who do so on such a day"


def has_own_words(study: Study) -> bool:
    """Whether a study is asked about in words of its own."""
    return study.codebook is not None or study.step is not Step.DAY or bool(study.context)


def hears_of_an_epidemic(study: Study) -> bool:
    """Whether people are told of an illness."""
    return not has_own_words(study) or "cases" in study.sources


#: What a version's texts say of an illness in passing, among what is the same whatever the rules.
ILLNESS = re.compile("the illness, |, the illness(?= and)")
#: How the letters of an answer are asked about where a version knows no unit of the study's.
SHARES = {
    "options": ["less than 20%", "20% to 40%", "40% to 60%", "60% to 80%", "80% or more"],
    "values": [0.1, 0.3, 0.5, 0.7, 0.9],
}


def text_of(study: Study, text: str) -> str:
    """A version's text in the study's domain."""
    return text if hears_of_an_epidemic(study) else ILLNESS.sub("", text)


def letters_of(answers: Mapping[str, str]) -> Mapping[str, Any]:
    """What one letter is asked for, from what a number means for a person and for all."""
    return {**SHARES, **{whom: f"What is {meaning}?" for whom, meaning in answers.items()}}


def words_of(study: Study, words: Mapping[str, Any]) -> Mapping[str, Any]:
    """A version's words with those of the study's domain."""
    if not has_own_words(study):
        return words
    daily = study.step is Step.DAY
    means = {
        "persona": PERSONA_DAY if daily else PERSONA.format(step=study.step),
        "aggregate": AGGREGATE_DAY if daily else AGGREGATE.format(step=study.step),
    }
    answers = {**{item.unit: means for item in study.behaviours}, **words["answers"], **study.words.answers}
    if daily:
        return {**words, "answers": answers, "days": _with_kinds(words["days"], study.words.kinds)}
    kinds = {**{kind: _period(study.step, kind) for kind in period_kinds(study.calendar)}, **study.words.kinds}
    days = {
        "together": f"You are asked about these kinds of {study.step} in the situation, each for itself:",
        "apart": f"You are asked about one kind of {study.step} in the situation:",
        "kinds": kinds,
    }
    return {**words, "answers": answers, "days": days}


def _with_kinds(days: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    return {**days, "kinds": {**days["kinds"], **kinds}}


def _period(step: Step, kind: str) -> str:
    """A kind of period in words: its name, where the study says no more."""
    if step is Step.YEAR:
        return "a year as others"
    return f"the month of {kind.capitalize()}" if kind in MONTHS else f"a {step} of {kind.replace('_', ' ')}"
