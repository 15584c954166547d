"""A survey question made ready: the study, the population, whom to ask, the situation in words, and the run record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.cognition.llm.secret_text import refuse_keys
from core.cognition.llm.types import ModelSpec
from core.cognition.registry import DEFAULT_ENGINE, engine_for
from core.errors import InputError
from core.people.checks import check_condition
from core.people.personas import Population
from core.people.text import attribute_codes
from core.records import RunRecord, content_hash
from core.services.policies.timelines import load_timeline, save_timeline
from core.services.populations.synthesis import load_population
from core.services.studies.inputs import StudyInputs, engine_texts, open_study, study_hash
from core.services.studies.requests import ModelOptions
from core.services.studies.stored_inputs import save_inputs
from core.simulation.contexts import situations
from core.store.database import Store
from core.study import Study, load_study
from core.survey.ask import LAYOUT
from core.survey.distribution import DRAWS
from core.survey.mapping import BEHAVIOUR, AnswerMapping, check_mapped
from core.survey.panel import evenly_spread
from core.survey.prompts import SurveyWriter, load_survey_prompts
from core.survey.questions import SurveyQuestion

KIND = "ask"
RULES = DEFAULT_ENGINE
#: Whom a language model is asked as where nothing is said, and the most that make sense: each costs a call a sample.
SURVEYED, MOST_SURVEYED = 100, 2_000
REFUSAL = (
    "a language model (--engine local, gemini or openai, with --model), or your own mapping of the question to a trait or a "
    "behaviour (--trait NAME, or --behaviour NAME with --as-of)"
)


@dataclass(frozen=True)
class Prepared:
    """A question about to be asked. `people` are the chosen personas, `weights` the inhabitants each stands for; `among`
    says of whom they were chosen, and `most` how many at most."""

    study: Study
    population: Population
    population_id: str
    question: SurveyQuestion
    people: pd.DataFrame
    weights: np.ndarray
    context: pd.DataFrame | None
    timeline_id: str | None
    hashes: Mapping[str, str]
    most: int | None
    writer: SurveyWriter
    among: Mapping[str, Sequence[str]]


def model_spec(asking: ModelOptions) -> ModelSpec:
    """The specification of the model that is asked. InputError for values that it cannot have."""
    if not asking.model.strip():
        raise InputError("no model is named", where=f"engine {asking.engine}", allowed="the name of a model")
    return ModelSpec(
        engine=(asking.of or "gemini") if asking.replays else asking.engine,
        model=asking.model.strip(),
        base_url=None if asking.base_url is None else asking.base_url.strip().rstrip("/"),
        temperature=asking.temperature,
        max_output_tokens=asking.max_output_tokens,
        seed=asking.seed,
        timeout=asking.timeout,
    )


def check_way(question: SurveyQuestion, asking: ModelOptions | None, mapping: AnswerMapping | None) -> None:
    """InputError where the question cannot be answered in this way, or holds a key that nothing may keep."""
    texts = [question.text, question.situation, *question.labels, *(() if asking is None else (asking.model,))]
    refuse_keys(texts, "the question", "ask")
    if asking is None and mapping is None:
        raise InputError("the rules engine cannot answer a question in words", where="ask", allowed=REFUSAL)
    if asking is not None and asking.reads_letters and question.several:
        raise InputError(
            "any number of answers may be given, and a letter is one",
            where="--read logprobs",
            allowed="--read percents",
        )
    if mapping is None:
        return
    if asking is not None:
        raise InputError(
            "both a language model and a mapping are given", where="ask", allowed="a mapping with the rules engine"
        )
    check_mapped(question, mapping)
    if question.situation:
        raise InputError(
            "the rules engine reads no situation in words", where="ask", allowed="a day, with --as-of, or none"
        )
    if mapping.source == BEHAVIOUR and question.as_of is None:
        raise InputError(
            f"how probable '{mapping.name}' is depends on the policy in force",
            where="ask",
            allowed="a day of the study whose policy holds, with --as-of",
        )


def prepare(
    store: Store,
    population_id: str,
    question: SurveyQuestion,
    personas: int | None,
    study_name: str | Path | None,
    data: str | Path | None,
    timeline_id: str | None,
    prompts: str,
    among: Mapping[str, Sequence[str]] | None,
    by_model: bool,
    known: Study | StudyInputs | None = None,
    *,
    letters: bool = False,
) -> Prepared:
    """Whom to ask what, with the situation read, for one letter where `letters` are asked for; `known` is the study
    where it was read already. InputError where the
    study, the day or the number is not possible."""
    population = load_population(store, population_id)
    kept = str(store.read("populations", columns=["study_id"], population_id=population_id)["study_id"].iloc[0])
    if known is None:
        study = load_study(kept if study_name is None else study_name)
    else:
        study = known.study if isinstance(known, StudyInputs) else known
    if study.id != kept:
        raise InputError(f"population {population_id} is of study {kept}", where=f"study {study.id}", allowed=kept)
    if by_model:
        personas = SURVEYED if personas is None else personas
        if personas > MOST_SURVEYED:
            raise InputError(
                f"{personas:,} personas, each of whom costs a call for every sample",
                where="ask",
                allowed=f"1 to {MOST_SURVEYED:,} (default {SURVEYED})",
                nearest=str(MOST_SURVEYED),
            )
    meant = _among(population, among or {})
    chosen, weights = evenly_spread(population.personas["weight"].to_numpy(dtype=float)[meant], personas)
    rows = meant[chosen]
    context: pd.DataFrame | None = None
    hashes: dict[str, str] = {}
    used: str | None = None
    if question.as_of is not None:
        inputs = known if isinstance(known, StudyInputs) else open_study(study_name or kept, data)
        context, hashes, used = _situation(store, inputs, question.as_of, timeline_id)
    elif timeline_id is not None:
        raise InputError("a timeline is given, and no day of it", where="ask", allowed="a day, with --as-of")
    said = None if context is None else {str(name): value for name, value in context.iloc[0].items()}
    writer = SurveyWriter(study, load_survey_prompts(prompts, letters=letters), question, said)
    people = population.personas.iloc[rows].reset_index(drop=True)
    return Prepared(
        study=study,
        population=population,
        population_id=population_id,
        question=question,
        people=people,
        weights=weights,
        context=context,
        timeline_id=used,
        hashes=hashes,
        most=personas,
        writer=writer,
        among={name: list(values) for name, values in (among or {}).items()},
    )


def ages_from(population: Population, years: int) -> dict[str, list[str]]:
    """Whom a question to people of so many years and older is put to: the age groups that begin there or later.

    InputError where the population has no age groups, or none so old.
    """
    groups = population.spec.age_attribute
    first = {} if groups is None else {item.id: item.age[0] for item in groups.categories if item.age is not None}
    old = [name for name, age in first.items() if age >= years]
    if groups is None or not old:
        allowed = ", ".join(str(age) for age in first.values()) if first else "a population with age groups"
        raise InputError(f"nobody from {years} years on", where="ask", allowed=allowed)
    return {groups.name: old}


def _among(population: Population, among: Mapping[str, Sequence[str]]) -> np.ndarray:
    """Rows of the personas that are meant; all where nothing is said. InputError where that is nobody."""
    spec = population.spec
    condition = {name: tuple(values) for name, values in among.items()}
    check_condition(spec, condition, f"population {spec.id}")
    hit = spec.matches(condition, attribute_codes(population.personas, spec), population.size)
    rows = np.flatnonzero(hit & (population.personas["weight"].to_numpy() > 0))
    if not len(rows):
        said = "; ".join(f"{name}: {', '.join(values)}" for name, values in condition.items())
        raise InputError(f"no persona is meant ({said})", where="ask", allowed="categories that some persona has")
    return rows


def _situation(
    store: Store, inputs: StudyInputs, day: date, timeline_id: str | None
) -> tuple[pd.DataFrame, dict[str, str], str]:
    """What a person knew on a day: one row of `situations`, the hashes of what it was made of, and the timeline's id."""
    study = inputs.study
    save_inputs(store, inputs)
    timeline = inputs.timeline if timeline_id is None else load_timeline(store, study, timeline_id)
    if not timeline.start <= day <= timeline.end:
        raise InputError(f"as of {day}", where=f"study {study.id}", allowed=f"{timeline.start} to {timeline.end}")
    moment = pd.DatetimeIndex([pd.Timestamp(day)])
    row = situations(timeline, moment, study, inputs.cases, cases_until=day, seasons=True)
    return row.reset_index(drop=True), inputs.hashes, save_timeline(store, study, timeline)


def record_of(prepared: Prepared, asking: ModelOptions | None, mapping: AnswerMapping | None, seed: int) -> RunRecord:
    """The record of a run that asks in this way."""
    study, population, files = prepared.study, prepared.population, prepared.writer.files
    parameters: dict[str, Any] = {
        "question": prepared.question.to_dict(),
        "among": prepared.among,
        "most": prepared.most,
        "draws": DRAWS,
    }
    engine, version, model, prompt_version = RULES, "", None, None
    hashes = dict(prepared.hashes)
    if asking is not None:
        spec = model_spec(asking)
        engine, version, model, prompt_version = asking.engine, f"{files.version}.{LAYOUT}", spec.model, files.version
        parameters |= {
            "model": spec.model,
            "asked_engine": spec.engine,
            "base_url": spec.base_url,
            "temperature": float(spec.temperature),
            "max_output_tokens": spec.max_output_tokens,
            "model_seed": spec.seed,
            "samples": asking.samples,
            "prompts_hash": files.hash,
            "layout": LAYOUT,
            "allow_failures": asking.allow_failures,
            **({"read": asking.read, "rotations": asking.rotations} if asking.reads_letters else {}),
        }
    if mapping is not None:
        version = engine_for(study, RULES).version
        parameters["mapping"] = {"source": mapping.source, "name": mapping.name, "reverse": mapping.reverse}
        hashes["coefficients"] = content_hash(engine_texts(study)["coefficients"])
    return RunRecord(
        kind=KIND,
        study_id=study.id,
        study_hash=study_hash(study),
        engine=engine,
        engine_version=version,
        model_id=model,
        prompt_version=prompt_version,
        seed=seed,
        personas=len(prepared.people),
        input_hashes=hashes,
        population_id=prepared.population_id,
        population_hash=population.content_hash,
        timeline_id=prepared.timeline_id,
        timeline_hash=prepared.timeline_id,
        parameters=parameters,
    )
