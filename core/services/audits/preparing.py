"""What an audit of personas starts from: a finished run, whom to ask about what, and everything asked in one go."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from core.cognition.engine import CONTEXT, DAY_TYPE, EFFECT, EPIDEMIC, RAMADAN, RESTRICTED_DAYS, SEASON
from core.cognition.llm.budget import Plan, Spent, plan, spent
from core.cognition.llm.engine import LanguageEngine, PreparedQuestion
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.prices import load_prices, price_of
from core.cognition.registry import asks_model
from core.errors import InputError
from core.execution.progress import ProgressReporter
from core.people.personas import Population
from core.records import RunRecord, content_hash
from core.services.audits.results import KIND, ConfoundingResult, PersonaAuditResult
from core.services.language.engines import MANNER, asking_of, language_for, watched
from core.services.populations.synthesis import load_population
from core.services.studies.inputs import study_hash
from core.services.studies.requests import ModelOptions
from core.store.database import Store
from core.study import Study, load_study

Audit = TypeVar("Audit", PersonaAuditResult, ConfoundingResult)


@dataclass(frozen=True)
class Subject:
    """The run that is checked: its record, study, population and contexts with the days of each.

    `engine` is the language model to be asked, or None for the rules engine; `own` says whether it is the run's own, asked
    as it was. `contexts` has only those with days.
    """

    run_id: str
    record: RunRecord
    study: Study
    population: Population
    contexts: pd.DataFrame
    context_ids: np.ndarray
    days: np.ndarray
    engine: LanguageEngine | None
    own: bool

    @property
    def signs(self) -> list[int]:
        """For each behaviour the direction in which a stricter policy is expected to move it."""
        return [item.expected_sign for item in self.study.behaviours]


def subject_of(
    store: Store, run_id: str, asking: ModelOptions | None, watch: ProgressReporter, study: Study | None = None
) -> Subject:
    """A finished run (`named_run`) ready to be checked; `asking` asks another model than the run's own about the run's people,
    and `study` is the run's where it was read already.

    InputError where the run is not complete or its study is no longer the one that it was made from.
    """
    run_id = named_run(store, run_id)
    run = store.run(run_id)
    if not run.complete or run.record.kind != "run":
        raise InputError(
            f"is a {run.record.kind} that is {run.status}", where=f"run {run_id}", allowed="a complete run"
        )
    record = run.record
    study = study or load_study(str(record.parameters.get("study", record.study_id)))
    if study_hash(study) != record.study_hash:
        raise InputError(
            "was made from another version of its study than is there now", where=f"run {run_id}", allowed="a new run"
        )
    assert record.population_id is not None
    rows = store.read_result("contexts", run_id)
    rows = rows[rows["days"] > 0]
    own = own_asking(record)
    asking = asking or own
    if asking is not None and asking.reads_letters:
        raise InputError(
            "is read from log-probabilities of letters", where=f"run {run_id}",
            allowed="checks that ask for percents: a run of --read percents",
        )  # fmt: skip
    return Subject(
        run_id=run_id,
        record=record,
        study=study,
        population=load_population(store, record.population_id),
        contexts=contexts_of(study, list(rows["attributes"])),
        context_ids=rows["context_id"].to_numpy(),
        days=rows["days"].to_numpy(float),
        engine=None if asking is None else watched(language_for(study, asking, store), watch),
        own=asking is None or (own is not None and _same(own, asking)),
    )


def named_run(store: Store, name: str) -> str:
    """The run of this id, or the newest finished run of the study that is named. InputError where there is none."""
    found = store.runs(kind="run", status="complete")
    if name.startswith(("run-", f"{KIND}-")) or name in set(found["run_id"]):
        return store.run(name).run_id
    study = load_study(name)
    own = found[found["study_id"] == study.id]
    if own.empty:
        raise InputError("has no finished run", where=f"study {study.id}", allowed=f"`policytwin run {name}` first")
    return str(own["run_id"].iloc[0])


def own_asking(record: RunRecord) -> ModelOptions | None:
    """How the run's language model was asked; None for the rules engine."""
    return asking_of(record) if asks_model(record.engine) else None


def _same(one: ModelOptions, other: ModelOptions) -> bool:
    """Whether both ask the same model in the same way, however fast."""
    return replace(one, **{name: getattr(other, name) for name in MANNER}) == other


def contexts_of(study: Study, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Contexts as an engine is asked about them, from what the store keeps of each."""
    columns = list(study.indicator_codes)
    columns += [f"{item.code}_Flag" for item in study.indicators if item.has_flag]
    columns += [f"{item.lever}{EFFECT}" for item in study.dynamics]
    around = [f"{item.code}{CONTEXT}" for item in study.context]
    season = [SEASON] if any(SEASON in row for row in rows) else []
    about = [DAY_TYPE, RAMADAN, EPIDEMIC, RESTRICTED_DAYS, *around, *season]
    frame = pd.DataFrame(list(rows)).reindex(columns=[*columns, *about])
    types: dict[str, Any] = dict.fromkeys(columns, float)
    types |= dict.fromkeys(around, int)
    return frame.astype({**types, DAY_TYPE: str, RAMADAN: bool, EPIDEMIC: int, RESTRICTED_DAYS: int})


def some_personas(personas: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many personas with people, evenly spread over the population."""
    present = personas[personas["weight"] > 0]
    chosen = np.unique(np.linspace(0, len(present) - 1, min(most, len(present))).round().astype(int))
    return present.iloc[chosen].reset_index(drop=True)


def some_situations(subject: Subject, most: int) -> np.ndarray:
    """Rows of the contexts of at most so many situations, from mild to strict, each about equally many days apart.

    A situation is a context without its kind of day: all its kinds are in.
    """
    study, contexts = subject.study, subject.contexts
    strict = sum(contexts[item.code] / item.maximum for item in study.indicators)
    names = [name for name in contexts.columns if name != DAY_TYPE]
    group = contexts[names].fillna(-1.0).groupby(names, sort=True).ngroup().to_numpy()
    table = pd.DataFrame({"group": group, "strict": strict, "days": subject.days})
    found = table.groupby("group").agg(strict=("strict", "first"), days=("days", "sum")).sort_values(["strict", "days"])
    reached = found["days"].cumsum().to_numpy() / found["days"].sum()
    places = np.searchsorted(reached, (np.arange(most) + 0.5) / most)
    chosen = found.index[np.unique(np.minimum(places, len(found) - 1))]
    return np.flatnonzero(np.isin(group, chosen))


def keep_audit(store: Store, record: RunRecord, result: Audit, content: Any, began: float) -> Audit:
    """Store a finished audit whose hash is that of `content`, and return it with its id and the time it took."""
    if result.model is not None:
        record = replace(record, model_id=", ".join(result.model_ids) or None)
    result = replace(result, run_id=record.run_id, seconds=round(time.perf_counter() - began, 3))
    finished = replace(record, result_hash=content_hash(content))
    with store.transaction():
        store.begin_run(record)
        store.finish_run(record.run_id, {}, result.as_dict(), seconds=result.seconds, record=finished)
    return result


@dataclass(frozen=True)
class Part:
    """Some of what is asked: in one engine's words, about these personas and contexts."""

    name: str
    engine: LanguageEngine
    personas: pd.DataFrame
    contexts: pd.DataFrame

    def asked(self) -> list[PreparedQuestion]:
        return self.engine.questions(self.personas, self.contexts)


@dataclass(frozen=True)
class Answers:
    """What came of a batch: values (samples, personas, contexts, behaviours) by part, outcomes of other questions, and
    what it took."""

    values: dict[str, np.ndarray]
    others: tuple[Outcome, ...]
    model_ids: tuple[str, ...]
    spent: Spent
    failed: int


class Batch:
    """Questions of several parts, and others, asked of one model in one go: under one budget, with one progress.

    `engine` asks; the parts' engines differ from it in words, design and samples alone. `others` are questions with
    shapes of their own.
    """

    def __init__(self, engine: LanguageEngine, parts: Sequence[Part], others: Sequence[PreparedQuestion] = ()) -> None:
        self.engine, self.parts, self.others = engine, tuple(parts), tuple(others)
        self.asked = [part.asked() for part in self.parts]

    def plan(self) -> Plan:
        """What asking will take, with what the cache knows taken out."""
        return plan([item.question for item in self._everything()], self.engine.spec, self.engine.cache)

    def ask(self, run_id: str) -> Answers:
        """Asks. Raises AnswersMissing where a part's question has no valid answer and failures are not allowed; other
        questions may fail. What is raised otherwise is the pipe's."""
        everything = self._everything()
        outcomes = replace(self.engine, run_id=run_id).outcomes(everything)
        values, place, failed = {}, 0, 0
        for part, asked in zip(self.parts, self.asked, strict=True):
            own = outcomes[place : place + len(asked)]
            place += len(asked)
            found = part.engine.answers(asked, own, len(part.personas), len(part.contexts))
            values[part.name] = found.values
            failed += len(found.failures)
        ids = {item.model_id for item in outcomes if item.model_id}
        about_cost = price_of(self.engine.spec, load_prices())[1]
        took = replace(spent(outcomes, self.engine.price), about_cost=about_cost)
        return Answers(values, tuple(outcomes[place:]), tuple(sorted(ids)), took, failed)

    def _everything(self) -> list[PreparedQuestion]:
        return [item for asked in self.asked for item in asked] + list(self.others)
