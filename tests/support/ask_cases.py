"""Questions put to people, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.report.renderers.terminal import terminal_text
from core.report.sentences.surveys import survey_document
from core.services.surveys.ask import (
    ask_people,
)
from core.services.surveys.results import SurveyResult
from core.survey.questions import SurveyQuestion

TRUST = SurveyQuestion.of_scale("How much do you trust the government?", 1, 3, "Not at all", "Completely")


TRAVEL = SurveyQuestion.of_choices("How would you travel to work?", ["By car", "By bus", "On foot"])


OLD = ("50-64", "65+")


def asked_values(*given: Any, **how: Any) -> dict[str, Any]:
    """What a question gave, as it is printed and kept."""
    return ask_people(*given, **how).as_dict()


def told(values: Mapping[str, Any]) -> str:
    """What is said of it, read back from what is kept."""
    return terminal_text(survey_document(SurveyResult.from_dict(values)))


def by_age(person: Mapping[str, Any], sample: int) -> list[float]:
    """The old answer one thing and the young another; women are a little surer."""
    sure = 0.8 if person["sex"] == "female" else 0.7
    rest = round((1 - sure) / 2, 2)
    return [rest, rest, sure] if person["age_group"] in OLD else [sure, rest, rest]
