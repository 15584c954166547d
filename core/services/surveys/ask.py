"""A new survey question put to the personas of a population: asked, weighed, kept like a run.

1. prepare: the study, the population, whom to ask, the situation in words;
2. ask a language model (answers come from the cache where it has them), or map the question to what personas have;
3. the distribution of answers with its spread and intervals, for everyone and by each attribute;
4. store the answers of every persona and sample, the run marked complete last.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.cognition.llm.budget import Spent, plan, spent
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.canaries import CanaryComparison, stored_canaries
from core.cognition.llm.limits import AskProgress
from core.cognition.llm.prices import load_prices, price_of
from core.cognition.registry import engine_for
from core.errors import InputError, one_of
from core.execution.progress import ProgressReporter
from core.records import RunRecord, content_hash
from core.services.language.engines import asking_text, limits_of
from core.services.language.model_identity import (
    NO_RUN,
    CanaryUsage,
    ask_guard,
    compare,
    plan_with_canaries,
)
from core.services.populations.synthesis import load_population, make_population, save_population
from core.services.runs.endings import ending_kept
from core.services.studies.inputs import StudyInputs, study_hash
from core.services.studies.requests import ModelOptions
from core.services.studies.stored_inputs import save_engine_texts, save_text
from core.services.surveys.preparing import (
    KIND,
    RULES,
    Prepared,
    ages_from,
    check_way,
    model_spec,
    prepare,
    record_of,
)
from core.services.surveys.requests import AskRequest
from core.services.surveys.results import (
    AnswersBy,
    AskingCost,
    SurveyResult,
    answer_group,
    answers_by,
    distribution_of,
    subgroup_names,
)
from core.services.surveys.tables import answer_rows, answers_of_rows
from core.store.database import Store
from core.store.runs import StoredRun
from core.study import Study, load_study, read_study
from core.survey.ask import SurveyAnswers, SurveyRespondents, ask_survey, survey_questions
from core.survey.mapping import TRAIT, AnswerMapping, mapped_answers
from core.survey.prompts import SURVEY_PROMPTS
from core.survey.questions import SurveyQuestion


def ask(request: AskRequest, store: Store, *, watch: ProgressReporter | None = None) -> SurveyResult:
    """The answers to a question, also `by` what the request names. InputError as `ask_people`, and for what is none of those."""
    population, among = _people(request, store)
    result = ask_people(
        store, population, request.survey_question(), asking=request.asking, mapping=request.mapping,
        personas=request.personas, among=among, study=request.study, data=request.data, timeline_id=request.timeline,
        prompts=request.prompts, seed=request.seed, watch=watch,
    )  # fmt: skip
    more = [name for name in request.by if name not in result.by]
    return replace(result, by={**result.by, **by_subgroup(store, result.run_id, more)}) if more else result


def cost_of_ask(request: AskRequest, store: Store) -> AskingCost:
    """What `ask` would take, as `cost_of_asking`. InputError for a request that asks no model."""
    population, among = _people(request, store)
    check_way(request.survey_question(), request.asking, request.mapping)
    if request.asking is None:
        raise InputError("a mapping asks nothing", where="--estimate", allowed="a language model")
    return cost_of_asking(
        store, population, request.survey_question(), asking=request.asking, personas=request.personas, among=among,
        study=request.study, data=request.data, timeline_id=request.timeline, prompts=request.prompts, seed=request.seed,
    )  # fmt: skip


def _people(request: AskRequest, store: Store) -> tuple[str, dict[str, list[str]]]:
    """The id of the population that is asked, made where none is named, and who of it is meant."""
    identifier = request.population
    if identifier is None:
        study = load_study(request.study)
        made = make_population(study, study.personas, request.seed)
        identifier = save_population(store, study, made, f"{made.size:,} personas")
    people = load_population(store, identifier)
    for name in request.by:
        one_of(name, subgroup_names(people.spec), what="attribute or trait", where="--by")
    older = {} if request.from_age is None else ages_from(people, request.from_age)
    return identifier, request.chosen | older


def ask_people(
    store: Store,
    population_id: str,
    question: SurveyQuestion,
    *,
    asking: ModelOptions | None = None,
    mapping: AnswerMapping | None = None,
    personas: int | None = None,
    among: Mapping[str, Sequence[str]] | None = None,
    study: str | Path | None = None,
    data: str | Path | None = None,
    timeline_id: str | None = None,
    prompts: str = SURVEY_PROMPTS,
    seed: int = 0,
    watch: ProgressReporter | None = None,
    known: Study | StudyInputs | None = None,
) -> SurveyResult:
    """Put a question to the personas of a kept population, and keep the run.

    `asking` names the language model; its `samples` are asked of each persona. Without one, `mapping` says
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
    check_way(question, asking, mapping)
    prepared = prepare(
        store, population_id, question, personas, study, data, timeline_id, prompts, among, asking is not None,
        known, letters=asking is not None and asking.reads_letters,
    )  # fmt: skip
    record = record_of(prepared, asking, mapping, seed)
    wanted = record.inputs_hash()
    for row in store.runs(kind=KIND, status="complete").to_dict("records"):
        if row["inputs_hash"] == wanted and not row["summary"]["failed"]:
            return survey_result(store.run(row["run_id"]))
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
    study: str | Path | None = None,
    data: str | Path | None = None,
    timeline_id: str | None = None,
    prompts: str = SURVEY_PROMPTS,
    seed: int = 0,
) -> AskingCost:
    """What asking would take. Asks nothing. `seed` is that of `ask_people`, which names a question that was begun before.

    Raises InputError as `ask_people` does.
    """
    check_way(question, asking, None)
    prepared = prepare(store, population_id, question, personas, study, data, timeline_id, prompts, among, True,
                       letters=asking.reads_letters)  # fmt: skip
    spec = model_spec(asking)
    asked = survey_questions(prepared.writer, prepared.people, spec, asking.samples, asking.rotations)
    begun = store.find_resumable(record_of(prepared, asking, None, seed).inputs_hash())
    estimate = plan_with_canaries(
        [item.question for item in asked],
        spec,
        AnswerCache(store),
        NO_RUN if begun is None else begun.run_id,
        max_repairs=limits_of(asking).max_repairs,
        asks=not asking.replays,
    )
    return AskingCost(
        **vars(estimate),
        engine=asking.engine,
        model=asking.model,
        personas=len(prepared.people),
        of_personas=prepared.population.size,
        samples=asking.samples,
        question=question,
        prompt=asked[0].question.prompt,
    )


def survey_result(run: StoredRun) -> SurveyResult:
    """What came of a question that was asked, also by an earlier version, which left the mapping to the record."""
    return SurveyResult.from_dict({"mapping": run.record.parameters.get("mapping"), **run.summary})


def kept_questions(store: Store, study_id: str | None = None) -> list[StoredRun]:
    """The runs of questions that were asked and answered, newest first."""
    return [store.run(str(name)) for name in store.runs(kind=KIND, study_id=study_id, status="complete")["run_id"]]


def by_subgroup(store: Store, run_id: str, names: Sequence[str]) -> dict[str, AnswersBy]:
    """The answers of an asked question by these attributes or traits, without asking anything again.

    Raises InputError for an unknown run, one of another kind, and an unknown attribute.
    """
    record = _record_of(store, run_id)
    question = SurveyQuestion.from_dict(record.parameters["question"])
    population = load_population(store, str(record.population_id))
    values, weights, ids = answers_of_rows(store.read_result("survey_answers", run_id), len(question.keys))
    people = population.personas.iloc[ids]
    found = distribution_of(question, values, weights, ids, record.seed)
    return {name: answers_by(found, people, population.spec, name) for name in names}


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
) -> SurveyResult:
    began = time.perf_counter()
    question, population, people = prepared.question, prepared.population, prepared.people
    ids = people["persona_id"].to_numpy()
    if asking is not None:
        asked = _asked(store, prepared, record, asking, watch)
    else:
        assert mapping is not None
        certain = mapped_answers(question, mapping, _mapped_values(prepared, mapping))
        nothing = np.full(certain.shape[:2], "", dtype=object)
        asked = _Asked(SurveyAnswers(certain, nothing, nothing))
    answers = asked.answers
    watch.report("validate", 0, 1, "distribution")
    if np.isnan(answers.values).all():
        raise InputError("nobody gave a valid answer", where="ask", allowed="a model that can answer in JSON")
    found = distribution_of(question, answers.values, prepared.weights, ids, seed)
    everyone = answer_group(found.everyone(), "Everyone")
    by = {item.name: answers_by(found, people, population.spec, item.name) for item in population.spec.attributes}
    rows = answer_rows(answers, ids, prepared.weights)
    condition = prepared.writer.situation().strip()
    result_hash = content_hash({"everyone": everyone, "by": by, "answers": rows})
    result = SurveyResult(
        run_id=record.run_id,
        study=prepared.study.id,
        place=prepared.study.place,
        fictional=prepared.study.fictional,
        population_id=prepared.population_id,
        question=question,
        engine=record.engine,
        model=record.parameters.get("model"),
        model_ids=answers.model_ids,
        prompt_version=record.prompt_version,
        samples=answers.values.shape[1],
        rotations=asking.rotations if asking is not None and asking.reads_letters else None,
        unread=answers.unread,
        asked=len(people),
        of_personas=population.size,
        inhabitants=round(float(prepared.weights.sum())),
        among={name: tuple(values) for name, values in prepared.among.items()},
        failed=len(answers.problems),
        problems=tuple(item.problem for item in answers.problems[:5]),
        mapping=mapping,
        situation=condition if asking is not None and condition else None,
        timeline_id=prepared.timeline_id,
        spent=asked.spent,
        canaries=asked.canaries,
        labels=question.labels,
        everyone=everyone,
        by=by,
        rung=record.rung,
        result_hash=result_hash,
        seconds=round(time.perf_counter() - began, 3),
    )
    finished = replace(record, result_hash=result_hash, model_id=", ".join(answers.model_ids) or record.model_id)
    tables = {"survey_answers": rows}
    store.finish_run(record.run_id, tables, result.as_dict(), seconds=result.seconds, record=finished)
    watch.finish("store", "done")
    return result


def _keep_study(store: Store, own: Study, named: str | Path | None) -> None:
    """Keep what a question without a day rests on: no observations, but the study's file and the engine's tables."""
    save_text(store, study_hash(own), "study", read_study(own.id if named is None else named)[1])
    save_engine_texts(store, own)


@dataclass(frozen=True)
class _Asked:
    """The answers, what they took, and whether another model seems to have given them (`canaries`)."""

    answers: SurveyAnswers
    spent: Spent | None = None
    canaries: CanaryComparison | None = None


def _asked(
    store: Store, prepared: Prepared, record: RunRecord, asking: ModelOptions, watch: ProgressReporter
) -> _Asked:
    spec, cache, run_id = model_spec(asking), AnswerCache(store), record.run_id
    price, about = price_of(spec, load_prices())
    limits = limits_of(asking)
    asked = survey_questions(prepared.writer, prepared.people, spec, asking.samples, asking.rotations)
    questions = [item.question for item in asked]
    asks = not asking.replays
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
            rotations=asking.rotations,
            cache=cache,
            limits=used.after(limits),
            price=price,
            run_id=run_id,
            allow_failures=asking.allow_failures,
            on_progress=tell,
            should_stop=watch.should_stop,
        ),
    )
    took = used.added_to(replace(spent(answers.outcomes, price), about_cost=about), price)
    return _Asked(answers, took, compare(canaries, cache, spec))


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
