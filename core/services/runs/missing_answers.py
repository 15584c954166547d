"""A contrast on a language model's run needs answers that the run did not ask for: what they cost, and getting them."""

from __future__ import annotations

from core.cognition.llm.budget import Plan, plan
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.memoising import NotAsked, model_engine
from core.counterfactual.fitted import FittedTwin
from core.execution.progress import ProgressReporter
from core.services.language.engines import engine_of_run
from core.services.runs.fitted import fitted_twin
from core.services.studies.inputs import StudyInputs
from core.store.database import Store


def cost_of_lacking(store: Store, run_id: str, lacking: NotAsked, inputs: StudyInputs | None = None) -> Plan:
    """What the questions that are lacking would take. Nothing is asked."""
    engine = model_engine(engine_of_run(store, run_id, inputs=inputs))
    return plan(lacking.questions, engine.language.spec, AnswerCache(store))


def asking_twin(store: Store, run_id: str, watch: ProgressReporter, inputs: StudyInputs | None = None) -> FittedTwin:
    """The twin of a run whose model is asked for what it lacks; each answer is kept in the cache as it comes."""
    return fitted_twin(store, run_id, inputs=inputs, asks=True, watch=watch)
