"""The bank of questions: ten that are ready for any place and policy, and those that were asked of this study before."""

from __future__ import annotations

from functools import cache

from core.inputs.files import read_written
from core.services.surveys.ask import kept_questions
from core.settings import shipped_data
from core.store.database import Store
from core.survey.questions import SurveyQuestion

FILE = "questions.toml"


@cache
def ready_questions() -> tuple[SurveyQuestion, ...]:
    """Those that ship."""
    path = shipped_data() / FILE
    raw = read_written(path)["questions"]
    return tuple(
        SurveyQuestion.from_dict(item, where=f"{FILE}, question {number}") for number, item in enumerate(raw, 1)
    )


def question_bank(store: Store, study_id: str) -> dict[str, SurveyQuestion]:
    """Questions by a key of their own: those asked of the study before, newest first, then those that are ready; each once."""
    found: dict[str, SurveyQuestion] = {}
    for run in kept_questions(store, study_id):
        question = SurveyQuestion.from_dict(run.record.parameters["question"])
        found.setdefault(repr(question), question)
    for question in ready_questions():
        found.setdefault(repr(question), question)
    return found
