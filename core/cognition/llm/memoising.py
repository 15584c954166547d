"""A language-model engine that has been asked: it remembers its answers, and asks further only where it may.

Questions are put once for everything that a run needs, and everything after that reads from memory. The order for what is
not there yet:
1. personas with one text are one, and so are equal contexts;
2. what the cache knows is taken from it;
3. the rest is asked where the engine may ask, and otherwise refused with the questions that are lacking.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd

from core.cognition.engine import Engine, ResponseEngine
from core.cognition.llm.canaries import VERSION as CANARIES_VERSION
from core.cognition.llm.engine import Failure, LanguageAnswers, LanguageEngine, PreparedQuestion, missing_answers
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.prompts import PERSONA
from core.cognition.llm.types import AnswerError, Question
from core.cognition.registry import model_engines, replays
from core.errors import InputError

#: The design in which an answer depends on what else stands in its prompt.
JOINT = "levels"
NOT_HERE = "not in the cache, and not asked"
FAILED_BEFORE = "had no valid answer when the run was made"

_Key = tuple[Any, ...]


class NotAsked(InputError):
    """Answers are lacking, and the engine may not ask. `questions` are those that would have to be asked, about so many
    `contexts`."""

    questions: tuple[Question, ...] = ()
    contexts: int = 0


class MemoisingEngine(Engine):
    """A ResponseEngine over a LanguageEngine, whose answers it keeps in memory; see the module.

    With `asks` what is not known is asked; otherwise it is NotAsked, or with `leave_missing` a failure. `failed` are keys
    of questions that count as failed without being asked again: their answers are NaN. Other failures are so where the
    language engine allows failures, and AnswersMissing elsewhere. `own` are the contexts of the run: under `levels`, where
    a prompt shows several sets of rules, they are asked together, and so are the contexts of any other call.
    """

    reads_text = True
    asks_model = True

    def __init__(
        self,
        language: LanguageEngine,
        *,
        asks: bool = True,
        leave_missing: bool = False,
        failed: Iterable[str] = (),
        own: pd.DataFrame | None = None,
    ) -> None:
        self.name, self.version = language.name, language.version
        self.language, self.asks, self.leave_missing = replace(language, allow_failures=True), asks, leave_missing
        self.allow_failures = language.allow_failures
        self.failed = set(failed)
        self.outcomes: dict[str, Outcome] = {}
        self.failures: list[Failure] = []
        self._own = own
        self._tables: dict[frozenset[_Key], _Table] = {}
        # Pages share a twin between threads.
        self._lock = threading.RLock()

    @property
    def model_id(self) -> str:
        return self.language.model_id

    @property
    def prompt_version(self) -> str:
        return self.language.prompt_version

    @property
    def description(self) -> dict[str, Any]:
        """As the language engine's, with the version of the canaries that are asked beside it; it holds no key."""
        return {**self.language.description, "canaries": CANARIES_VERSION}

    def with_parameters(self, parameters: Mapping[str, float]) -> Self:
        self.language.with_parameters(parameters)
        return self

    def __getstate__(self) -> dict[str, Any]:
        # Without its cache another process could only ask anew: what it does not know is refused there.
        return self.__dict__ | {"asks": False, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.RLock())

    def respond(self, personas: pd.DataFrame, contexts: pd.DataFrame) -> np.ndarray:
        """Answers, float32 (personas, contexts, behaviours). Raises NotAsked, AnswersMissing, and what asking raises."""
        with self._lock:
            texts, keys = self._texts(personas), context_keys(contexts)
            table, together = self._table(contexts, keys)
            people, rows = table.places(texts, keys)
            for chosen, columns in _lacking(table, people, rows):
                about = distinct(contexts.iloc[columns]) if together is None else together
                means = self._answers(personas.iloc[chosen], about).mean()
                table.fill([texts[place] for place in chosen], context_keys(about), means)
            return np.asarray(table.values[np.ix_(people, rows)])

    def details(self, personas: pd.DataFrame, contexts: pd.DataFrame) -> LanguageAnswers:
        """Answers sample by sample, with reasons and failures; raises as `respond`."""
        with self._lock:
            return self._answers(personas, contexts)

    def _texts(self, personas: pd.DataFrame) -> list[str]:
        if self.language.design.respondent != PERSONA:
            return [""] * len(personas)
        if "text" not in personas.columns:
            raise InputError("the personas have no texts", where=f"engine {self.name}", allowed="a column 'text'")
        return ["" if pd.isna(text) else str(text) for text in personas["text"]]

    def _table(self, contexts: pd.DataFrame, keys: Sequence[_Key]) -> tuple[_Table, pd.DataFrame | None]:
        """The memory for these contexts, and where they have to be asked together all that is asked with them."""
        behaviours = len(self.language.writer.study.behaviours)
        if self.language.design.name != JOINT:
            return self._tables.setdefault(frozenset(), _Table(behaviours)), None
        together = distinct(contexts)
        if self._own is not None and set(context_keys(self._own)).issuperset(keys):
            together = self._own
        return self._tables.setdefault(frozenset(context_keys(together)), _Table(behaviours)), together

    def _answers(self, personas: pd.DataFrame, contexts: pd.DataFrame) -> LanguageAnswers:
        asked = self.language.questions(personas, contexts)
        keys = [item.question.key(self.language.spec) for item in asked]
        known = self._from_cache(asked, keys)
        rest = [item for item, key in zip(asked, keys, strict=True) if key not in known]
        if rest and not self.asks and not self.leave_missing:
            raise self._not_asked(rest)
        if rest and self.asks:
            # The pipe is told of what is in the cache too, so that its progress is that of the whole.
            outcomes = self.language.outcomes(
                [item for item, key in zip(asked, keys, strict=True) if key not in self.failed]
            )
            known |= {outcome.key: outcome for outcome in outcomes}
            # What these calls took is gone from the caps of all that follows.
            self.language = replace(self.language, limits=self.language.limits_after(outcomes))
        else:
            known |= {key: Outcome(key, failure=NOT_HERE) for key in keys if key not in known}
        answers = self.language.answers(asked, [known[key] for key in keys], len(personas), len(contexts))
        self.outcomes |= {key: known[key] for key in keys}
        fresh = [key for key in keys if not known[key].answered and key not in self.failed]
        self.failed.update(fresh)
        self.failures += answers.failures
        if fresh and not self.allow_failures:
            raise missing_answers(answers.failures, len(asked))
        return answers

    def _from_cache(self, asked: Sequence[PreparedQuestion], keys: Sequence[str]) -> dict[str, Outcome]:
        """What needs no call: answers in the cache, and what is known to have failed."""
        known = {key: self.outcomes.get(key, Outcome(key, failure=FAILED_BEFORE)) for key in keys if key in self.failed}
        cache = self.language.cache
        if cache is None:
            return known
        shapes = {key: item.plan.shape for item, key in zip(asked, keys, strict=True)}
        for key, stored in cache.find(key for key in shapes if key not in known).items():
            try:
                answer = shapes[key].parse(stored.raw)
            except AnswerError:
                # Kept by another version of the parser; the pipe forgets it and asks again.
                continue
            known[key] = stored.outcome(answer)
        return known

    def _not_asked(self, rest: Sequence[PreparedQuestion]) -> NotAsked:
        spec = self.language.spec
        distinct_questions = {item.question.key(spec): item.question for item in rest}
        situations = len({id(item.plan) for item in rest})
        asking = "asking them, which costs as many calls: --ask on the command line, asks=True in Python"
        importing = "answers that are in the cache: `policytwin cache import FILE`, or an engine that asks"
        wrong = NotAsked(
            f"{len(distinct_questions):,} questions have no answer yet ({situations:,} prompts, model {spec.model})",
            where=f"engine {self.name}",
            allowed=importing if replays(self.name) else asking,
        )
        wrong.questions = tuple(distinct_questions.values())
        wrong.contexts = len({row for item in rest for _, _, row in item.plan.answer_slots})
        return wrong


def model_engine(engine: ResponseEngine) -> MemoisingEngine:
    """The engine of a run that asks a language model. InputError for any other."""
    if not isinstance(engine, MemoisingEngine):
        raise InputError("asks no language model", where=f"engine {engine.name}", allowed=", ".join(model_engines()))
    return engine


class _Table:
    """Answers by persona and context, and which are known; rows and columns by first mention."""

    def __init__(self, behaviours: int) -> None:
        self.people: dict[str, int] = {}
        self.contexts: dict[_Key, int] = {}
        self.values = np.full((0, 0, behaviours), np.nan, dtype=np.float32)
        self.known = np.zeros((0, 0), dtype=bool)

    def places(self, texts: Sequence[str], keys: Sequence[_Key]) -> tuple[list[int], list[int]]:
        """Rows of these personas and columns of these contexts; new ones are made, with nothing known."""
        people = [self.people.setdefault(text, len(self.people)) for text in texts]
        rows = [self.contexts.setdefault(key, len(self.contexts)) for key in keys]
        shape = (len(self.people), len(self.contexts))
        if self.known.shape != shape:
            values = np.full((*shape, self.values.shape[2]), np.nan, dtype=np.float32)
            known = np.zeros(shape, dtype=bool)
            old = tuple(slice(size) for size in self.known.shape)
            values[old], known[old] = self.values, self.known
            self.values, self.known = values, known
        return people, rows

    def fill(self, texts: Sequence[str], keys: Sequence[_Key], values: np.ndarray) -> None:
        """What was answered, (texts, keys, behaviours)."""
        place = np.ix_(*self.places(texts, keys))
        self.values[place], self.known[place] = values, True


def _lacking(table: _Table, people: Sequence[int], rows: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Places of personas and of the contexts that they lack: those who lack the same ones together."""
    found: dict[bytes, tuple[list[int], np.ndarray]] = {}
    for place, person in enumerate(people):
        lacks = ~table.known[person, list(rows)]
        if lacks.any():
            found.setdefault(lacks.tobytes(), ([], lacks))[0].append(place)
    return [(places, np.flatnonzero(lacks).tolist()) for places, lacks in found.values()]


def context_keys(contexts: pd.DataFrame) -> list[_Key]:
    """Each context as something to look up: the same for the same situation, whatever types its columns have."""
    names = sorted(str(name) for name in contexts.columns)
    columns = [[None if pd.isna(value) else value for value in contexts[name]] for name in names]
    return [tuple(row) for row in zip(*columns, strict=True)]


def distinct(contexts: pd.DataFrame) -> pd.DataFrame:
    """The contexts, each once, in order of first appearance."""
    seen: dict[_Key, int] = {}
    for row, key in enumerate(context_keys(contexts)):
        seen.setdefault(key, row)
    return contexts.iloc[list(seen.values())].reset_index(drop=True)
