"""What a run of a language model will cost, and what its people answered and why.

request = RunRequest("uae", asking=ModelOptions("gemini", "gemini-2.5-flash-lite"))
cost_before(store, request)            # nothing is asked
run_study(request, store)              # core.services.runs.run
persona_answers(store, run_id, 3)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from core.cognition.engine import DAY_TYPE
from core.cognition.llm.answers import REASON
from core.cognition.llm.budget import Plan, plan
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.engine import Failure, LanguageEngine
from core.cognition.llm.memoising import NotAsked, context_keys, model_engine
from core.cognition.registry import replays
from core.counterfactual.contrast import contrasts
from core.counterfactual.sweep import stringency_sweep
from core.errors import InputError
from core.people.personas import Population
from core.policy.timeline import PolicyTimeline
from core.services.language.engines import asking_of, engine_of_run, own_contexts, own_contexts_of
from core.services.language.model_identity import NO_RUN, plan_with_canaries
from core.services.language.usage import FailedQuestion
from core.services.policies.timelines import distinct_scenarios
from core.services.populations.synthesis import load_population
from core.services.runs.asking import context_words, failed_questions_of
from core.services.runs.fitted import fitted_twin, horizon_dates
from core.services.runs.preparing import complete_run, prepare, unsaved_record
from core.services.studies.inputs import StudyInputs, open_study
from core.services.studies.requests import RunRequest
from core.store.database import Store
from core.store.llm_calls import FAILED


@dataclass(frozen=True, kw_only=True)
class CostBefore(Plan):
    """What asking will take of `personas` in `contexts`, before anything is asked.

    `usual_personas` is the study's number of personas where the run takes fewer by default, else None. `complete` names the
    finished run that is this one already, if there is one.
    """

    engine: str
    model: str
    personas: int
    contexts: int
    usual_personas: int | None = None
    complete: str | None = None


def cost_before(store: Store | None, request: RunRequest) -> CostBefore:
    """Calls, tokens and cost of a run, after equal questions and those that the store's cache answers are taken out.

    Nothing is asked, and nothing is kept. Raises InputError for a request that is not possible, or asks no model.
    """
    if request.asking is None:
        raise InputError(f"engine {request.engine} asks no model", where="cost", allowed="a language model's engine")
    prepared = prepare(request, store)
    engine = model_engine(prepared.engine)
    assert prepared.request.test_end is not None
    contexts = own_contexts(prepared.inputs, prepared.problem, prepared.request.test_end, request.asking.days)
    asked = engine.language.questions(prepared.population.personas, contexts)
    resumable = None if store is None else store.find_resumable(unsaved_record(prepared).inputs_hash())
    run_id = NO_RUN if resumable is None else resumable.run_id
    language = engine.language
    found = plan_with_canaries(
        [item.question for item in asked], language.spec, None if store is None else AnswerCache(store), run_id,
        max_repairs=language.limits.max_repairs, asks=not replays(language.name),
    )  # fmt: skip
    by_default = request.personas is None and request.population_id is None
    return _cost(
        language,
        found,
        personas=prepared.population.size,
        contexts=len(contexts),
        usual_personas=prepared.inputs.study.personas if by_default else None,
        complete=None if store is None else complete_run(request, store),
    )


def cost_of_contrast(
    store: Store,
    run_id: str,
    *,
    levels: Sequence[Any] | None = None,
    lever: str | None = None,
    scenarios: Sequence[PolicyTimeline] | None = None,
    reference: PolicyTimeline | None = None,
    data: str | Path | None = None,
    start: date | None = None,
    end: date | None = None,
    population: Population | None = None,
) -> CostBefore:
    """What a sweep over `levels` (of a `lever`), or a comparison of `scenarios`, would ask on a finished run of a language model,
    which has asked about the policies that were in force. Nothing is asked, and nothing is kept.

    Raises InputError as `run_sweep` and `run_compare` do, and for a run without a language model.
    """
    asking_of(store.run(run_id).record)
    twin = fitted_twin(store, run_id, data)
    engine = model_engine(twin.engine)
    if population is not None:
        twin = twin.with_personas(population.personas)
    dates = horizon_dates(twin, start, end)
    work: Callable[[], Any]
    if scenarios is None:
        work = partial(stringency_sweep, twin, levels, dates, lever=lever)
    else:
        work = partial(contrasts, twin, distinct_scenarios(scenarios), dates, reference)
    lacking = NotAsked("nothing is lacking")
    try:
        work()
    except NotAsked as wrong:
        lacking = wrong
    found = plan(lacking.questions, engine.language.spec, AnswerCache(store))
    return _cost(engine.language, found, personas=len(twin.personas), contexts=lacking.contexts)


def cost_of_lacking(store: Store, run_id: str, lacking: NotAsked, inputs: StudyInputs | None = None) -> Plan:
    """What the questions that are lacking would take. Nothing is asked."""
    engine = model_engine(engine_of_run(store, run_id, inputs=inputs))
    return plan(lacking.questions, engine.language.spec, AnswerCache(store))


def persona_answers(store: Store, run_id: str, persona_id: int, *, data: str | Path | None = None) -> pd.DataFrame:
    """What one persona of a language model's run answered, and why: a row for each situation and sample of the run.

    Columns: `context` (all but the kind of day, in words), `day_type`, `days` (how many days of the study are so; 0 where
    the situation is only compared with), `sample`, a probability for each behaviour, `reason`, and `failure` ("" where the
    answer is valid; else the probabilities are NaN). Nothing is asked.

    InputError for an unknown persona, a run that is not complete, and one without a language model.
    """
    run = store.run(run_id)
    record = run.record
    asking_of(record)
    if not run.complete:
        raise InputError(f"is {run.status}", where=f"run {run_id}", allowed="a complete run")
    inputs = open_study(str(record.parameters.get("study", record.study_id)), data)
    engine = model_engine(engine_of_run(store, run_id, inputs=inputs))
    assert record.population_id is not None
    people = load_population(store, record.population_id).personas
    person = people[people["persona_id"] == persona_id]
    if person.empty:
        raise InputError(
            f"no persona {persona_id}", where=f"run {run_id}", allowed=f"0 to {int(people['persona_id'].max())}"
        )
    contexts = own_contexts_of(inputs, record)
    stored = store.read_result("contexts", run_id)
    table = pd.DataFrame(list(stored["attributes"])).reindex(columns=list(contexts.columns))
    days = dict(zip(context_keys(table), stored["days"].astype(int), strict=True))
    answers = engine.details(person, contexts)
    reasons = {
        (row.context, row.sample): row.reason
        for row in answers.reasons().itertuples()  # row.persona is 0: one is asked
    }
    failures = {(row, item.sample): item.problem for item in answers.failures for row in item.contexts}
    writer, behaviours = engine.language.writer, list(inputs.study.behaviour_ids)
    rows = []
    for place, (key, context) in enumerate(zip(context_keys(contexts), contexts.to_dict("records"), strict=True)):
        if key not in days:
            continue
        for sample in range(engine.language.samples):
            rows.append(
                {
                    "context": context_words(writer, context),
                    "day_type": str(context[DAY_TYPE]),
                    "days": days[key],
                    "sample": sample,
                    **dict(zip(behaviours, answers.values[sample, 0, place].tolist(), strict=True)),
                    REASON: reasons.get((place, sample), ""),
                    "failure": failures.get((place, sample), ""),
                }
            )
    return pd.DataFrame(rows, columns=["context", "day_type", "days", "sample", *behaviours, REASON, "failure"])


def failed_questions(store: Store, run_id: str, *, data: str | Path | None = None) -> tuple[FailedQuestion, ...]:
    """The questions of a language model's run that have no valid answer until now, complete or not, and why. Questions not
    asked yet are not among them.

    InputError for an unknown run and one without a language model.
    """
    record = store.run(run_id).record
    inputs = open_study(str(record.parameters.get("study", record.study_id)), data)
    asking_of(record)
    engine = model_engine(engine_of_run(store, run_id, inputs=inputs))
    assert record.population_id is not None
    people, contexts = load_population(store, record.population_id).personas, own_contexts_of(inputs, record)
    language = engine.language
    asked = {item.question.key(language.spec): item for item in language.questions(people, contexts)}
    found = store.find_llm_calls(asked, columns=["key", "failure"], status=FAILED)
    failures = [
        Failure(
            asked[key].personas,
            tuple(sorted({row for _, _, row in asked[key].plan.answer_slots})),
            asked[key].question.sample,
            str(problem),
        )
        for key, problem in zip(found["key"], found["failure"], strict=True)
    ]
    return failed_questions_of(failures, language.writer, people, contexts)


def _cost(language: LanguageEngine, found: Plan, **about: Any) -> CostBefore:
    asked = replace(found, calls=0, at_most_calls=0) if replays(language.name) else found
    return CostBefore(**vars(asked), engine=language.name, model=language.spec.model, **about)
