"""What single personas answered in a run, day by day as they were asked: numbers, reasons, and the exchange word for word.

Nothing here asks anybody. Numbers are those that the run stored; reasons and texts are those in the cache of answers.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.cognition.engine import DAY_TYPE
from core.cognition.llm.answers import REASON
from core.cognition.llm.engine import PreparedQuestion
from core.cognition.llm.memoising import JOINT, MemoisingEngine, context_keys
from core.cognition.llm.prompts import PERSONA, PromptWriter, load_prompts
from core.cognition.llm.types import PROMPTS
from core.errors import InputError
from core.policy.calendar import kind_in_words
from core.records import RunRecord
from core.services.language.engines import own_contexts_of, problem_of
from core.services.studies.inputs import StudyInputs
from core.store.database import Store
from core.store.llm_calls import ANSWERED
from core.store.runs import StoredRun
from core.study import Step, Study

_CALL_COLUMNS = ("key", "system", "prompt", "raw", "parsed", "model_id", "status", "failure", "asked_at")


@dataclass(frozen=True)
class Situations:
    """The situations of a run's days.

    `contexts` is the table of contexts as the engine was asked (one row for each, index 0..C-1). `table` has one row for
    each that days of the study have, in the order of their first day: context_id, kind (in words), first, last, days,
    stringency (mean over its days, 0 to 100).
    """

    contexts: pd.DataFrame
    table: pd.DataFrame
    step: Step = Step.DAY
    index_word: str = "stringency"

    def label(self, context_id: int) -> str:
        """A situation in a line."""
        row = self.table.set_index("context_id").loc[context_id]
        when = f"{row['first']:%-d %b %Y}"
        if row["days"] > 1:
            when = f"{row['days']} {self.step}s, {when} to {row['last']:%-d %b %Y}"
        return f"{row['kind'].capitalize()}: {when}, {self.index_word} {row['stringency']:.0f}"


def situations_of(run: StoredRun, inputs: StudyInputs) -> Situations:
    """The situations of a complete run. InputError where the study's data have changed since, so that they do not fit."""
    problem = problem_of(inputs, run.record, inner=False)
    window = problem.final
    found = pd.DataFrame({"context_id": window.actual, "date": window.dates})
    found["stringency"] = inputs.timeline.stringency(window.dates).to_numpy(dtype=float)
    rows = found.groupby("context_id", as_index=False).agg(
        first=("date", "min"), last=("date", "max"), days=("date", "size"), stringency=("stringency", "mean")
    )
    rows["kind"] = [kind_in_words(str(problem.contexts.loc[row, DAY_TYPE])) for row in rows["context_id"]]
    columns = ["context_id", "kind", "first", "last", "days", "stringency"]
    table, study = rows.sort_values("first", ignore_index=True)[columns], inputs.study
    return Situations(problem.contexts, table, study.step, study.index_word)


def check_situations(store: Store, run: StoredRun, situations: Situations) -> None:
    """InputError where the run was asked about other situations than the study's data give today."""
    kept = store.read_result("contexts", run.run_id)
    days = np.zeros(len(situations.contexts), dtype=int)
    days[situations.table["context_id"]] = situations.table["days"]
    kinds = [str(item[DAY_TYPE]) for item in kept["attributes"]]
    same = len(kept) == len(days) and bool((kept["days"].to_numpy() == days).all())
    if not same or kinds != situations.contexts[DAY_TYPE].astype(str).tolist():
        raise InputError(
            "the study's data or its calendar have changed since, so that its answers cannot be laid out by day",
            where=f"run {run.run_id}",
            allowed="a run of the data as they are now",
        )


def person_answers(store: Store, run: StoredRun, situations: Situations, persona_id: int, study: Study) -> pd.DataFrame:
    """One persona's answers: a row for each situation of the study's days, in order.

    The columns of `Situations.table`, then for each behaviour its probability or share (0 to 1, before calibration; NaN
    where there is no answer) and `everybody <behaviour>`, the weighted mean of all. InputError where the run kept no
    answers of single people, or has no such persona.
    """
    values, context_ids, _ = store.read_responses(run.run_id, persona_id=persona_id)
    if not values.size:
        raise InputError(
            f"has no answers of persona {persona_id}",
            where=f"run {run.run_id}",
            allowed="a run that kept the answers of single people (up to 2,000), and a persona of it",
        )
    own = pd.DataFrame(values[:, 0, :].astype(float), index=context_ids, columns=list(study.behaviour_ids))
    rows = store.read_result("aggregates", run.run_id, attribute="all")
    mean = rows.pivot(index="context_id", columns="behaviour", values="mean")  # noqa: PD010 (nothing to aggregate)
    place = situations.table["context_id"]
    return pd.concat(
        [
            situations.table,
            own.reindex(place).reset_index(drop=True),
            mean.reindex(index=place, columns=list(study.behaviour_ids))
            .add_prefix("everybody ")
            .reset_index(drop=True),
        ],
        axis=1,
    )


def told(study: Study, situations: Situations, context_id: int, prompts: str = PROMPTS) -> str:
    """What a person is told of a situation, in the words of the prompts; "" for a study that they have no words for."""
    try:
        context = {str(name): value for name, value in situations.contexts.loc[context_id].items()}
        return PromptWriter(study, load_prompts(prompts)).condition(context)
    except InputError:
        return ""


@dataclass(frozen=True)
class Exchange:
    """A question and what came of it. `contexts` are the rows of the table of contexts that its answer fills.

    `values` maps each of them to the behaviours' numbers. `status` is ok, failed, or None where it is in no cache.
    """

    sample: int
    contexts: tuple[int, ...]
    system: str
    prompt: str
    raw: str | None
    reason: str | None
    values: dict[int, dict[str, float]]
    status: str | None
    failure: str | None
    model_id: str | None
    asked_at: Any


def exchanges_of(
    store: Store,
    engine: MemoisingEngine,
    personas: pd.DataFrame,
    persona_id: int,
    situations: Situations,
    together: pd.DataFrame | None = None,
) -> list[Exchange]:
    """Everything that was asked of one persona about the days of the study, and what was answered.

    In the order of situations and samples. What nobody in particular was asked stands for everybody. `together` are the
    contexts that the run asked about, for a design whose prompts show several of them.
    """
    person = personas[personas["persona_id"] == persona_id]
    if person.empty:
        raise InputError(f"no persona {persona_id}", where="population", allowed=f"0 to {len(personas) - 1}")
    language = engine.language
    about = situations.contexts if together is None else together
    places = {key: row for row, key in enumerate(context_keys(situations.contexts))}
    order = {int(context): place for place, context in enumerate(situations.table["context_id"])}
    # The row of the run's table for each context asked about; other contexts are of no day of the study.
    here = [places.get(key, -1) for key in context_keys(about)]
    asked = language.questions(person, about)
    keys = [item.question.key(language.spec) for item in asked]
    calls = store.find_llm_calls(keys, columns=_CALL_COLUMNS, status=None)
    rows = {str(row["key"]): row for row in calls.to_dict("records")}
    found = []
    for item, key in zip(asked, keys, strict=True):
        cells = [(condition, kind, here[row]) for condition, kind, row in item.plan.answer_slots if here[row] in order]
        if cells:
            found.append(_exchange(item, cells, rows.get(key), order, language.writer.study.behaviour_ids))
    return sorted(found, key=lambda item: (order[item.contexts[0]], item.sample))


def _exchange(
    item: PreparedQuestion,
    cells: list[tuple[int, int, int]],
    row: Mapping[Hashable, Any] | None,
    order: dict[int, int],
    behaviours: tuple[str, ...],
) -> Exchange:
    contexts = tuple(sorted({context for _, _, context in cells}, key=order.__getitem__))
    question = item.question
    if row is None:
        return Exchange(
            question.sample, contexts, question.system, question.prompt, None, None, {}, None, None, None, None
        )
    answered = row["status"] == ANSWERED
    values: dict[int, dict[str, float]] = {}
    if answered:
        numbers = item.plan.array(row["parsed"])
        behaviours = item.plan.behaviours(behaviours)
        for condition, kind, context in cells:
            values[context] = dict(zip(behaviours, numbers[condition, kind].tolist(), strict=True))
    return Exchange(
        sample=question.sample,
        contexts=contexts,
        system=question.system,
        prompt=question.prompt,
        raw=_text(row["raw"]),
        reason=row["parsed"].get(REASON) if answered else None,
        values=values,
        status=str(row["status"]),
        failure=_text(row["failure"]),
        model_id=_text(row["model_id"]),
        asked_at=row["asked_at"],
    )


def together_of(engine: MemoisingEngine, inputs: StudyInputs, record: RunRecord) -> pd.DataFrame | None:
    """What `exchanges_of` needs of a run whose prompts show several situations; None for the others."""
    return own_contexts_of(inputs, record) if engine.language.design.name == JOINT else None


def asks_personas(engine: MemoisingEngine) -> bool:
    """Whether each persona was asked, and not nobody in particular."""
    return engine.language.design.respondent == PERSONA


def with_reasons(answers: pd.DataFrame, exchanges: list[Exchange]) -> pd.DataFrame:
    """`answers` with the column `reason`: what was given as the reason, the first sample's, where there is one."""
    first: dict[int, str] = {}
    for item in exchanges:
        for context in item.contexts:
            if item.reason is not None:
                first.setdefault(context, item.reason)
    return answers.assign(reason=[first.get(int(context), "") for context in answers["context_id"]])


def about_situation(
    answers: pd.DataFrame, exchanges: list[Exchange], context_id: int, study: Study
) -> tuple[pd.DataFrame, list[Exchange]]:
    """One situation: a row for each behaviour (label, person, everybody, samples: a list), and the questions about it.

    Numbers are percent: the chance that the person does it, and of time the share of the day.
    """
    row = answers[answers["context_id"] == context_id].iloc[0]
    about = [item for item in exchanges if context_id in item.contexts]
    rows = [
        {
            "behaviour": item.label,
            "person": 100.0 * float(row[item.id]),
            "everybody": 100.0 * float(row[f"everybody {item.id}"]),
            "samples": [
                100.0 * given.values[context_id][item.id]
                for given in about
                if item.id in given.values.get(context_id, {})
            ],
        }
        for item in study.behaviours
    ]
    return pd.DataFrame(rows), about


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
