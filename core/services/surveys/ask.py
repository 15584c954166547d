"""A new survey question put to the personas of a population: asked, weighed, kept like a run.

1. prepare: the study, the population, whom to ask, the situation in words;
2. ask a language model (answers come from the cache where it has them), or map the question to what personas have;
3. the distribution of answers with its spread and intervals, for everyone and by each attribute;
4. store the answers of every persona and sample, the run marked complete last.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.cognition.llm.budget import plan, spent
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.canaries import stored_canaries
from core.cognition.llm.limits import AskProgress
from core.cognition.llm.prices import load_prices, price_of
from core.errors import InputError, one_of
from core.execution.progress import ProgressReporter
from core.records import RunRecord, content_hash
from core.services.language.engines import REPLAY, asking_text, limits_of
from core.services.language.model_identity import (
    NO_RUN,
    CanaryUsage,
    ask_guard,
    compare,
    plan_with_canaries,
    several_models,
)
from core.services.populations.synthesis import load_population
from core.services.runs.endings import ending_kept
from core.services.studies.inputs import StudyInputs, engine_for, engine_label, study_hash
from core.services.studies.requests import ModelOptions
from core.services.studies.stored_inputs import save_engine_texts, save_text
from core.services.surveys.preparing import (
    KIND,
    RULES,
    Prepared,
    check_way,
    model_spec,
    prepare,
    record_of,
    with_samples,
)
from core.services.surveys.values import (
    answer_rows,
    answers_of_rows,
    distribution_of,
    distribution_values,
    headline_of,
)
from core.store.database import Store
from core.study import Study, read_study
from core.survey.ask import SurveyAnswers, SurveyRespondents, ask_survey, survey_questions
from core.survey.mapping import TRAIT, AnswerMapping, mapped_answers
from core.survey.prompts import SURVEY_PROMPTS
from core.survey.questions import SurveyQuestion

CLAIM = "A language model played these personas; nobody was asked. How far that is from people's answers is not known."


def ask_people(
    store: Store,
    population_id: str,
    question: SurveyQuestion,
    *,
    asking: ModelOptions | None = None,
    mapping: AnswerMapping | None = None,
    personas: int | None = None,
    among: Mapping[str, Sequence[str]] | None = None,
    samples: int | None = None,
    study: str | Path | None = None,
    data: str | Path | None = None,
    timeline_id: str | None = None,
    prompts: str = SURVEY_PROMPTS,
    seed: int = 0,
    watch: ProgressReporter | None = None,
    known: Study | StudyInputs | None = None,
) -> dict[str, Any]:
    """Put a question to the personas of a kept population; keeps the run and returns what is printed.

    `asking` names the language model; its `samples` (or `samples`) are asked of each persona. Without one, `mapping` says
    which trait or behaviour stands for the answer, by the user's assumption. At most `personas` people are asked, evenly
    spread over those that `among` means (attribute or grouping -> categories; default: everybody), by default SURVEYED of
    a model and all with a mapping. `study` is the population's
    own unless it is a file; `data` and `timeline_id` (default: the observed one) are read where the question has a day,
    `as_of`; `known` is the study, with its observations where there is a day, where it was read already. `seed` is of the
    intervals alone.

    The same question asked in the same way again gives the run that is there; what a run that ended early was told is
    not asked again. Raises InputError for what cannot be asked, AnswersMissing where questions have no valid answer and
    failures are not allowed, Cancelled when the watch says stop, and what the pipe raises; answers until then are kept.
    """
    watch = watch or ProgressReporter()
    watch.report("ingest", 0, 1, "reading the study")
    asking = None if asking is None else with_samples(asking, samples)
    check_way(question, asking, mapping)
    prepared = prepare(
        store, population_id, question, personas, study, data, timeline_id, prompts, among, asking is not None,
        known,
    )  # fmt: skip
    record = record_of(prepared, asking, mapping, seed)
    wanted = record.inputs_hash()
    for row in store.runs(kind=KIND, status="complete").to_dict("records"):
        if row["inputs_hash"] == wanted and not row["summary"]["failed"]:
            return dict(row["summary"])
    resumable = store.find_resumable(wanted)
    if resumable is None:
        if known is None and "mobility" not in record.input_hashes:
            _keep_study(store, prepared.study, study)
        store.begin_run(record)
    else:
        record = store.resume_run(resumable.run_id).record
    with ending_kept(store, record.run_id):
        return _work(store, prepared, record, asking, mapping, seed, watch)


def cost_of_asking(
    store: Store,
    population_id: str,
    question: SurveyQuestion,
    *,
    asking: ModelOptions,
    personas: int | None = None,
    among: Mapping[str, Sequence[str]] | None = None,
    samples: int | None = None,
    study: str | Path | None = None,
    data: str | Path | None = None,
    timeline_id: str | None = None,
    prompts: str = SURVEY_PROMPTS,
    seed: int = 0,
) -> dict[str, Any]:
    """What asking would take: calls, tokens and cost (`Plan.as_dict`), how many of the calls are `canaries`, and whom and
    how often. Asks nothing. `seed` is that of `ask_people`, which names a question that was begun before.

    Raises InputError as `ask_people` does.
    """
    asking = with_samples(asking, samples)
    check_way(question, asking, None)
    prepared = prepare(store, population_id, question, personas, study, data, timeline_id, prompts, among, True)
    spec = model_spec(asking)
    asked = survey_questions(prepared.writer, prepared.people, spec, asking.samples)
    begun = store.find_resumable(record_of(prepared, asking, None, seed).inputs_hash())
    estimate, canaries = plan_with_canaries(
        [item.question for item in asked],
        spec,
        AnswerCache(store),
        NO_RUN if begun is None else begun.run_id,
        max_repairs=limits_of(asking).max_repairs,
        asks=asking.engine != REPLAY,
    )
    return {
        **estimate.as_dict(),
        "canaries": canaries,
        "engine": asking.engine,
        "model": asking.model,
        "personas": len(prepared.people),
        "of_personas": prepared.population.size,
        "samples": asking.samples,
        "question": question.to_dict(),
        "prompt": asked[0].question.prompt,
    }


def kept_questions(store: Store, study_id: str | None = None) -> list[dict[str, Any]]:
    """The questions that were asked and answered, newest first, in JSON's own types."""
    found = store.runs(kind=KIND, study_id=study_id, status="complete")
    names = ("question", "engine", "model", "samples", "asked", "failed", "population_id", "headline", "assumption")
    return [
        {
            "run_id": row["run_id"],
            "study": row["study_id"],
            "created_at": str(row["created_at"])[:19],
            **{name: row["summary"].get(name) for name in names},
        }
        for row in found.to_dict("records")
    ]


def by_subgroup(store: Store, run_id: str, names: Sequence[str]) -> dict[str, Any]:
    """The answers of an asked question by these attributes or traits, without asking anything again.

    Raises InputError for an unknown run, one of another kind, and an unknown attribute.
    """
    record = _record_of(store, run_id)
    question = SurveyQuestion.from_dict(record.parameters["question"])
    population = load_population(store, str(record.population_id))
    values, weights, ids = answers_of_rows(store.read_result("survey_answers", run_id), len(question.keys))
    people = population.personas.iloc[ids]
    found = distribution_of(question, values, weights, ids, record.seed)
    return dict(distribution_values(question, found, people, population.spec, names)["by"])


def asked_answers(store: Store, run_id: str) -> pd.DataFrame:
    """Each persona's answers: persona_id, sample, weight, text, a column for each answer's label, reason, failure.

    Raises InputError for an unknown run and one of another kind.
    """
    record = _record_of(store, run_id)
    question = SurveyQuestion.from_dict(record.parameters["question"])
    rows = store.read_result("survey_answers", run_id)
    texts = load_population(store, str(record.population_id)).personas["text"]
    given = [
        np.full(len(question.labels), np.nan) if answer is None else np.asarray(answer) for answer in rows["answer"]
    ]
    shares = pd.DataFrame(np.vstack(given), columns=list(question.labels), index=rows.index)
    first = rows[["persona_id", "sample", "weight"]].assign(text=texts.iloc[rows["persona_id"]].to_numpy())
    return pd.concat([first, shares, rows[["reason", "failure"]]], axis=1)


def _work(
    store: Store,
    prepared: Prepared,
    record: RunRecord,
    asking: ModelOptions | None,
    mapping: AnswerMapping | None,
    seed: int,
    watch: ProgressReporter,
) -> dict[str, Any]:
    began = time.perf_counter()
    question, population = prepared.question, prepared.population
    ids = prepared.people["persona_id"].to_numpy()
    took: dict[str, Any] | None = None
    about: dict[str, Any] = {}
    if asking is not None:
        answers, took, about = _asked(store, prepared, record, asking, watch)
    else:
        assert mapping is not None
        certain = mapped_answers(question, mapping, _mapped_values(prepared, mapping))
        nothing = np.full(certain.shape[:2], "", dtype=object)
        answers = SurveyAnswers(certain, nothing, nothing)
    watch.report("validate", 0, 1, "distribution")
    if np.isnan(answers.values).all():
        raise InputError("nobody gave a valid answer", where="ask", allowed="a model that can answer in JSON")
    found = distribution_of(question, answers.values, prepared.weights, ids, seed)
    attributes = [item.name for item in population.spec.attributes]
    values_out = distribution_values(question, found, prepared.people, population.spec, attributes)
    rows = answer_rows(answers, ids, prepared.weights)
    condition = prepared.writer.situation().strip()
    values: dict[str, Any] = {
        "run_id": record.run_id,
        "study": prepared.study.id,
        "place": prepared.study.place,
        "fictional": prepared.study.fictional,
        "population_id": prepared.population_id,
        "question": question.to_dict(),
        "headline": headline_of(values_out),
        "engine": record.engine,
        "engine_label": engine_label(record.engine),
        "model": record.parameters.get("model"),
        "model_ids": list(answers.model_ids),
        "prompt_version": record.prompt_version,
        "samples": answers.values.shape[1],
        "asked": len(prepared.people),
        "of_personas": population.size,
        "inhabitants": round(float(prepared.weights.sum())),
        "among": dict(prepared.among),
        "failed": len(answers.problems),
        "problems": [item.problem for item in answers.problems[:5]],
        "assumption": None if mapping is None else mapping.assumption,
        "claims": CLAIM if mapping is None else mapping.assumption,
        "situation": condition if asking is not None and condition else None,
        "timeline_id": prepared.timeline_id,
        "spent": took,
        "warnings": [],
        "canaries": None,
        **about,
        **values_out,
    }
    result_hash = content_hash({name: values[name] for name in ("everyone", "by")} | {"answers": rows})
    finished = replace(record, result_hash=result_hash, model_id=", ".join(answers.model_ids) or record.model_id)
    values |= {"result_hash": result_hash, "rung": record.rung, "seconds": round(time.perf_counter() - began, 3)}
    store.finish_run(record.run_id, {"survey_answers": rows}, values, seconds=values["seconds"], record=finished)
    watch.finish("store", "done")
    return values


def _keep_study(store: Store, own: Study, named: str | Path | None) -> None:
    """Keep what a question without a day rests on: no observations, but the study's file and the engine's tables."""
    save_text(store, study_hash(own), "study", read_study(own.id if named is None else named)[1])
    save_engine_texts(store, own)


def _asked(
    store: Store, prepared: Prepared, record: RunRecord, asking: ModelOptions, watch: ProgressReporter
) -> tuple[SurveyAnswers, dict[str, Any], dict[str, Any]]:
    """The answers, what they took, and whether another model seems to have given them (`warnings`, `canaries`)."""
    spec, cache, run_id = model_spec(asking), AnswerCache(store), record.run_id
    price, about = price_of(spec, load_prices())
    limits = limits_of(asking)
    questions = [item.question for item in survey_questions(prepared.writer, prepared.people, spec, asking.samples)]
    asks = asking.engine != REPLAY
    before = plan(questions, spec, cache)
    canaries, used = stored_canaries(cache, run_id), CanaryUsage()
    if before.calls and asks:

        def tell_first(progress: AskProgress) -> None:
            watch.report("ask", progress.done, progress.total + before.distinct, asking_text(progress))

        canaries, used = ask_guard(
            asking.engine, spec, cache, run_id, limits=limits, price=price, on_progress=tell_first,
            should_stop=watch.should_stop,
        )  # fmt: skip

    def tell(progress: AskProgress) -> None:
        watch.report("ask", used.questions + progress.done, used.questions + progress.total, asking_text(progress))

    answers = ask_survey(
        prepared.writer,
        prepared.people,
        SurveyRespondents(
            engine=asking.engine,
            spec=spec,
            samples=asking.samples,
            cache=cache,
            limits=used.after(limits),
            price=price,
            run_id=run_id,
            allow_failures=asking.allow_failures,
            on_progress=tell,
            should_stop=watch.should_stop,
        ),
    )
    took = used.added_to({**spent(answers.outcomes, price).as_dict(), "about_cost": about}, price)
    warnings, said = compare(canaries, cache, spec)
    return answers, took, {"warnings": [*several_models(answers.model_ids), *warnings], "canaries": said}


def _mapped_values(prepared: Prepared, mapping: AnswerMapping) -> np.ndarray:
    """The trait or the probability of the behaviour of each persona, (personas,), in [0, 1]."""
    where = "ask"
    if mapping.source == TRAIT:
        names = prepared.population.spec.trait_names
        return prepared.people[one_of(mapping.name, names, what="trait", where=where)].to_numpy(dtype=float)
    study = prepared.study
    behaviour = study.behaviour_ids.index(one_of(mapping.name, study.behaviour_ids, what="behaviour", where=where))
    assert prepared.context is not None
    answers = engine_for(study, RULES).respond(prepared.people.drop(columns="text"), prepared.context)
    return np.asarray(answers[:, 0, behaviour], dtype=np.float64)


def _record_of(store: Store, run_id: str) -> RunRecord:
    record = store.run(run_id).record
    if record.kind != KIND:
        raise InputError(f"is a run of kind {record.kind}", where=f"run {run_id}", allowed=f"a run of kind {KIND}")
    return record
