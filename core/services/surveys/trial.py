"""A first look at what a language model answers, without one: the shipped answers of the small model that runs on this machine.

1. its answers about Meridia are taken into the store, each checked as any file of answers is;
2. the run that they were given for is made from them, and what was not answered is left out and counted;
3. so is the survey question that was put to the same people.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.cognition.llm.local_weights import SMOLLM2
from core.cognition.registry import REPLAY
from core.execution.progress import ProgressReporter
from core.result import Result
from core.services.language.answer_cache import import_answers
from core.services.runs.preparing import complete_run
from core.services.runs.run import run_study
from core.services.studies.requests import ASKED_PERSONAS, LOGPROBS, ModelOptions, RunRequest
from core.services.surveys.ask import ask_people
from core.settings import shipped_data
from core.store.database import Store
from core.survey.questions import SurveyQuestion

STUDY = "meridia"
ANSWERS = "answers/meridia-smollm2.parquet"
QUESTION = SurveyQuestion.of_choices("Should shops be open on the weekly day of rest?", ["Yes", "No"])
_KEPT = ModelOptions(REPLAY, SMOLLM2.name, of="local", allow_failures=True)


@dataclass(frozen=True, kw_only=True)
class Trial(Result):
    """The run and the question that were made from the shipped answers, and how many of these there are."""

    run_id: str
    asked: str
    answers: int
    model: str


def try_local(store: Store, *, watch: ProgressReporter | None = None) -> Trial:
    """Makes both, or finds them where they were made before. Asks nobody."""
    taken = import_answers(store, shipped_data() / ANSWERS)
    request = RunRequest(STUDY, personas=ASKED_PERSONAS, asking=_KEPT)
    run_id = complete_run(request, store) or run_study(request, store, watch=watch).run_id
    population = str(store.run(run_id).record.population_id)
    way = ModelOptions(REPLAY, SMOLLM2.name, of="local", read=LOGPROBS)
    asked = ask_people(store, population, QUESTION, asking=way, personas=ASKED_PERSONAS, watch=watch)
    return Trial(run_id=run_id, asked=asked.run_id, answers=taken.answers, model=SMOLLM2.name)
