"""Language-model engines for a request or for a finished run, with their cache, price and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from core.calibration.problem import Problem, build_problem
from core.cognition.engine import ResponseEngine
from core.cognition.llm.budget import BudgetTracker, spent
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.designs import TOGETHER
from core.cognition.llm.engine import LanguageEngine, language_engine
from core.cognition.llm.letters import UNREAD
from core.cognition.llm.limits import AskProgress, Limits
from core.cognition.llm.memoising import JOINT, MemoisingEngine, distinct
from core.cognition.llm.prices import load_prices, price_of
from core.cognition.registry import asks_model, engine_for, replays
from core.errors import InputError
from core.execution.progress import ProgressReporter
from core.records import RunRecord
from core.services.language.usage import ModelUsage
from core.services.studies.inputs import StudyInputs, open_study
from core.services.studies.requests import LOGPROBS, ModelOptions
from core.store.database import Store
from core.study import Step, Study

if TYPE_CHECKING:
    from core.store.runs import StoredRun

#: Where a run record says how its model was asked.
ASKING = "asking"
#: What of a record's description is an option of `ModelOptions` of the same name.
_OPTIONS = ("model", "base_url", "temperature", "seed", "design", "days", "samples", "prompts", "max_output_tokens")
#: What of `ModelOptions` says how fast and how much, and does not change an answer.
MANNER = (
    "timeout", "concurrency", "requests_per_minute", "tokens_per_minute", "max_calls", "max_tokens", "max_cost",
    "allow_failures",
)  # fmt: skip


def language_for(study: Study, asking: ModelOptions, store: Store | None = None) -> LanguageEngine:
    """The engine that asks so; with a store its answers are kept there.

    InputError for options that cannot be, and for a cap on an unknown cost.
    """
    options: dict[str, Any] = {name: getattr(asking, name) for name in (*_OPTIONS, "timeout")}
    if asking.reads_letters:
        options["rotations"] = asking.rotations
    if asking.replays:
        options["of"] = asking.of
    engine = language_engine(
        study,
        asking.engine,
        options,
        cache=None if store is None else AnswerCache(store),
        limits=limits_of(asking),
        allow_failures=asking.allow_failures,
    )
    if asking.replays:
        return engine
    price, _ = price_of(engine.spec, load_prices())
    BudgetTracker(max_cost=asking.max_cost, price=price)  # says so now where there is a cap, and no price
    return replace(engine, price=price)


def limits_of(asking: ModelOptions) -> Limits:
    """How fast and how much at most; a cap on the cost means nothing where answers are replayed."""
    return Limits(
        concurrency=asking.concurrency,
        requests_per_minute=asking.requests_per_minute,
        tokens_per_minute=asking.tokens_per_minute,
        max_calls=asking.max_calls,
        max_tokens=asking.max_tokens,
        max_cost=None if asking.replays else asking.max_cost,
    )


def answering(study: Study, asking: ModelOptions, store: Store | None = None) -> MemoisingEngine:
    """The engine of a run that is to be made: it asks, unless answers are replayed."""
    return MemoisingEngine(
        language_for(study, asking, store),
        asks=not asking.replays,
        leave_missing=asking.replays and asking.allow_failures,
    )


def asked_of(engine: LanguageEngine) -> dict[str, Any]:
    """What the record of an audit says of the model asked, as fields of a `RunRecord`; nothing was fitted for it."""
    return {
        "engine": engine.name,
        "engine_version": engine.version,
        "model_id": engine.model_id,
        "prompt_version": engine.writer.files.version,
        "calibrator": None,
        "priors": "none",
    }


def asking_of(record: RunRecord) -> ModelOptions:
    """How the model of a run was asked; its caps are not on record. InputError for a run without a model."""
    said: Mapping[str, Any] | None = record.parameters.get(ASKING)
    if not asks_model(record.engine) or said is None:
        raise InputError(
            f"was answered by the engine {record.engine}",
            where=f"run {record.run_id}",
            allowed="a run of a language model",
        )
    of = said["asked_engine"] if replays(record.engine) else None
    read = {"read": LOGPROBS, "rotations": said["rotations"]} if "rotations" in said else {}
    return ModelOptions(engine=record.engine, of=of, **{name: said[name] for name in _OPTIONS}, **read)


def engine_of_record(study: Study, record: RunRecord) -> ResponseEngine:
    """The engine of a run as it stands in the record, knowing no answers: for its version and its parameters."""
    if not asks_model(record.engine):
        return engine_for(study, record.engine)
    return MemoisingEngine(language_for(study, asking_of(record)), asks=False)


def engine_of_run(
    store: Store,
    run_id: str,
    *,
    asks: bool = False,
    asking: ModelOptions | None = None,
    inputs: StudyInputs | None = None,
    data: str | Path | None = None,
    watch: ProgressReporter | None = None,
) -> ResponseEngine:
    """The engine of a run, rebuilt from its record. A language model answers from the store's cache alone (NotAsked for
    what is not there) unless `asks`; then what is lacking is asked, as fast and as much as `asking` says.

    What was left out of the run because it had no valid answer stays left out. InputError where the prompts have changed
    since, for another model in `asking` than the run's, and where replayed answers are to be asked.
    """
    run = store.run(run_id)
    record = run.record
    inputs = inputs or open_study(str(record.parameters.get("study", record.study_id)), data)
    if not asks_model(record.engine):
        return engine_for(inputs.study, record.engine)
    own = asking_of(record)
    if asking is not None:
        _check_same(own, asking, run_id)
        own = replace(own, **{name: getattr(asking, name) for name in MANNER})
    if asks and own.replays:
        raise InputError(
            "replays answers, and asks nobody", where=f"run {run_id}", allowed="a run of an engine that asks"
        )
    language = language_for(inputs.study, own, store)
    _check_prompts(language, record)
    return MemoisingEngine(
        language if watch is None else watched(language, watch),
        asks=asks,
        failed=_failed_keys(run),
        own=own_contexts_of(inputs, record) if own.design == JOINT else None,
    )


def usage_of(engine: MemoisingEngine) -> ModelUsage:
    """What an engine's questions took until now."""
    outcomes = engine.outcomes.values()
    took = replace(
        spent(outcomes, engine.language.price),
        failed=len(engine.failed),
        about_cost=price_of(engine.language.spec, load_prices())[1],
    )
    ids = Counter(item.model_id for item in outcomes if item.model_id)
    unread = [item.answer[UNREAD] for item in outcomes if item.answered and UNREAD in item.answer]
    return ModelUsage(
        **vars(took),
        model=engine.language.spec.model,
        model_ids=dict(sorted(ids.items())),
        design=engine.language.design.name,
        distinct=len(engine.outcomes),
        repairs=sum(item.repairs for item in outcomes),
        unread=float(np.mean(unread)) if unread else None,
    )


def own_contexts(inputs: StudyInputs, problem: Problem, test_end: date, days: str) -> pd.DataFrame:
    """What a run asks about, each context once: all its windows, and the days as announced by the origin.

    The latter differ in their kind of day only, so they cost nothing where all kinds stand in one prompt; where each has
    one of its own, and where a period is longer than a day, they are left out.
    """
    frames = [problem.contexts]
    if days == TOGETHER and inputs.study.step is Step.DAY:
        announced = build_problem(
            inputs.study, inputs.timeline, inputs.observations, inputs.cases, problem.final.origin, test_end,
            announced_only=True, inner=False, seasons=problem.seasons,
        )  # fmt: skip
        frames.append(announced.contexts)
    return distinct(pd.concat(frames, ignore_index=True))


def own_contexts_of(inputs: StudyInputs, record: RunRecord) -> pd.DataFrame:
    """`own_contexts` of a run in the store."""
    assert record.test_end is not None
    return own_contexts(inputs, problem_of(inputs, record), record.test_end, asking_of(record).days)


def problem_of(inputs: StudyInputs, record: RunRecord, *, inner: bool = True) -> Problem:
    """The forecasting problem of a run in the store, with seasons in its contexts where a language model answered."""
    assert record.train_end is not None and record.test_end is not None
    return build_problem(
        inputs.study, inputs.timeline, inputs.observations, inputs.cases, record.train_end, record.test_end,
        inner=inner, seasons=asks_model(record.engine),
    )  # fmt: skip


def watched(language: LanguageEngine, watch: ProgressReporter, before: int = 0, after: int = 0) -> LanguageEngine:
    """The engine, telling the watch how far it is, with so many questions before and after its own, and stopping when that
    says so."""

    def tell(progress: AskProgress) -> None:
        watch.report("ask", before + progress.done, before + progress.total + after, asking_text(progress))

    return replace(language, on_progress=tell, should_stop=watch.should_stop)


def _check_same(own: ModelOptions, given: ModelOptions, run_id: str) -> None:
    for name in ("engine", *_OPTIONS, "read", *(["rotations"] if own.reads_letters else [])):
        was, now = getattr(own, name), getattr(given, name)
        if was != now:
            raise InputError(
                f"was asked with {name} {was}, and is to be asked with {now}", where=f"run {run_id}", allowed=str(was)
            )


def _check_prompts(language: LanguageEngine, record: RunRecord) -> None:
    said = record.parameters[ASKING]
    for name in ("prompts_hash", "layout"):
        if language.description[name] != said[name]:
            raise InputError(
                "the prompts have changed since, so that its answers are to other questions",
                where=f"run {record.run_id}",
                allowed="a new run",
            )


def _failed_keys(run: StoredRun) -> list[str]:
    summary = run.summary if isinstance(run.summary, dict) else {}
    return list((summary.get(ASKING) or {}).get("failed_keys", []))


def asking_text(progress: AskProgress) -> str:
    """How far a run of questions is, for the line of progress."""
    parts = [f"{progress.calls_per_second:.1f} calls a second"]
    if progress.cached:
        parts.append(f"{progress.cached:,} from the cache")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.seconds_left is not None:
        parts.append(f"about {_duration(progress.seconds_left)} left")
    return f"questions ({', '.join(parts)})"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
