"""The stage of a run in which its model is asked: once for everything, before the search.

1. what the run needs is turned into questions, and those that the cache answers are known;
2. where a call is needed, the canaries are asked first, which also tells at once whether the key is good;
3. the questions are asked, and everything after reads from memory;
4. what it took, what failed and whether another model seems to answer goes into the summary.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from core.cognition.engine import DAY_TYPE, ResponseEngine
from core.cognition.llm.budget import plan
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.canaries import stored_canaries
from core.cognition.llm.designs import TOGETHER
from core.cognition.llm.engine import AnswersMissing, Failure
from core.cognition.llm.memoising import MemoisingEngine, model_engine
from core.cognition.llm.prompts import PromptWriter
from core.errors import PolicyTwinError
from core.execution.progress import ProgressReporter
from core.services.language.engines import own_contexts, usage_of, watched
from core.services.language.model_identity import CanaryUsage, ask_guard, compare
from core.services.language.usage import CallsKept, FailedQuestion, RunUsage
from core.store.database import Store
from core.store.llm_calls import ANSWERED

if TYPE_CHECKING:
    from core.services.runs.preparing import Prepared

#: Why a run that asks leaves ablations out: another person would have to be asked everything anew; people who are all alike
#: have no text of their own; the announced working week would need prompts of its own.
NEW_PERSON, NOT_DEFINED, DAYS_APART = "new_person", "not_defined", "days_apart"
#: Failed questions that a summary spells out; all are counted, and their keys kept.
MOST_LISTED = 50


def left_out(engine: ResponseEngine) -> dict[str, str]:
    """Ablations that a run with this engine leaves out, and why; none for an engine that costs nothing to ask."""
    if not engine.asks_model:
        return {}
    reasons = {"single_persona": NEW_PERSON, "identical_personas": NOT_DEFINED}
    if engine.description["days"] != TOGETHER:
        reasons["twin_announced_calendar"] = DAYS_APART
    return reasons


def ask_everything(prepared: Prepared, run_id: str, store: Store, watch: ProgressReporter) -> tuple[Prepared, RunUsage]:
    """The run with an engine that knows all answers, and what goes into its result as `asking`.

    Raises what asking raises (Denied, BudgetReached, Cancelled …): what was answered is kept. AnswersMissing where
    questions failed and the run does not allow it, or where a situation is left that nobody answered.
    """
    began = time.perf_counter()
    engine = model_engine(prepared.engine)
    assert prepared.request.test_end is not None
    people = prepared.population.personas
    contexts = own_contexts(prepared.inputs, prepared.problem, prepared.request.test_end, engine.language.design.days)
    cache = AnswerCache(store)
    asked = engine.language.questions(people, contexts)
    before = plan([item.question for item in asked], engine.language.spec, cache)
    watch.report("ask", 0, before.distinct, "questions")
    language = replace(engine.language, run_id=run_id)
    canaries, used = stored_canaries(cache, run_id), CanaryUsage()
    if before.calls and engine.asks:
        telling = watched(language, watch, after=before.distinct)
        canaries, used = ask_guard(
            language.name, language.spec, cache, run_id, limits=language.limits, price=language.price,
            on_progress=telling.on_progress, should_stop=telling.should_stop,
        )  # fmt: skip
        language = replace(language, limits=used.after(language.limits))
    engine = MemoisingEngine(
        replace(watched(language, watch, used.questions), allow_failures=engine.allow_failures),
        asks=engine.asks,
        leave_missing=engine.leave_missing,
        own=contexts,
    )
    try:
        answers = engine.respond(people, contexts)
    except AnswersMissing as wrong:
        raise _named(wrong, before.distinct) from None
    nobody = np.isnan(answers).all(axis=0).any(axis=-1)
    if nobody.any():
        raise AnswersMissing(
            f"in {int(nobody.sum())} of {len(contexts)} situations nobody gave a valid answer, so that there is no mean; "
            f"{len(engine.failures)} questions failed, and the same command asks only those again",
            tuple(engine.failures),
        )
    watch.report("ask", used.questions + before.distinct, used.questions + before.distinct, "questions")
    usage = RunUsage(
        **vars(usage_of(engine)),
        engine=engine.name,
        prompts=language.writer.files.version,
        days=language.design.days,
        samples=language.samples,
        personas=len(people),
        contexts=len(contexts),
        questions=before.questions,
        failures=failed_questions_of(engine.failures[:MOST_LISTED], language.writer, people, contexts),
        failed_keys=tuple(sorted(engine.failed)),
        canaries=compare(canaries, cache, language.spec),
        of_run=_of_run(store, run_id),
        seconds=round(time.perf_counter() - began, 3),
    )
    return replace(prepared, engine=engine), used.added_to(usage, language.price)


def _of_run(store: Store, run_id: str) -> CallsKept:
    """What the run took in all, with what it asked before it was taken up again: the calls that are kept under its name."""
    columns = ["attempts", "tokens_in", "tokens_out", "status"]
    rows = store.read("llm_calls", columns=columns, run_id=run_id)
    return CallsKept(
        calls=int(rows["attempts"].sum()),
        answered=int((rows["status"] == ANSWERED).sum()),
        tokens_in=int(rows["tokens_in"].sum()),
        tokens_out=int(rows["tokens_out"].sum()),
        tokens_untold=int((rows["tokens_in"].isna() | rows["tokens_out"].isna()).sum()),
    )


def failed_questions_of(
    failures: Sequence[Failure], writer: PromptWriter, people: pd.DataFrame, contexts: pd.DataFrame
) -> tuple[FailedQuestion, ...]:
    """Failed questions: whose, about what, and why."""
    identifiers = people["persona_id"].tolist()
    rows = contexts.to_dict("records")
    return tuple(
        FailedQuestion(
            personas=tuple(int(identifiers[row]) for row in item.personas),
            situations=tuple(dict.fromkeys(context_words(writer, rows[row]) for row in item.contexts)),
            days=tuple(sorted({str(rows[row][DAY_TYPE]) for row in item.contexts})),
            sample=item.sample,
            problem=item.problem,
        )
        for item in failures
    )


def context_words(writer: PromptWriter, row: Mapping[Hashable, Any]) -> str:
    """A context but for its kind of day, on one line."""
    context = {str(name): value for name, value in row.items()}
    rules = writer.arm(context).removeprefix("- ")
    return " ".join([rules, *(line.removeprefix("- ") for line in writer.common(context).splitlines())])


def _named(wrong: AnswersMissing, total: int) -> PolicyTwinError:
    return AnswersMissing(
        f"{str(wrong).rstrip('.')}. The same command asks those alone again ({len(wrong.failures)} of {total}); "
        "with --allow-failures the run goes on without them",
        wrong.failures,
    )
