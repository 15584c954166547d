"""Engines that ask a language model. What they answer is the model's, averaged over samples and otherwise as it came.

The order of asking:
1. the design turns the contexts into plans: what one prompt asks about;
2. each distinct persona text (one nobody for `aggregate`) × plan × sample is a question;
3. questions whose answers have the same shape are asked together, answered from the cache where it has them;
4. an answer's numbers go to the (sample, persona, context, behaviour) that its plan says;
5. a question without a valid answer is an error that says so, or NaN where failures are allowed: never a default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

import numpy as np
import pandas as pd

from core.cognition.engine import Engine
from core.cognition.llm.answers import REASON, AnswerShape
from core.cognition.llm.budget import spent
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.designs import DESIGNS, TOGETHER, Design, PromptPlan, design_of
from core.cognition.llm.letters import LetterShape
from core.cognition.llm.limits import AskProgress, Limits, Rounds
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.pipe import ask_all
from core.cognition.llm.prices import Price
from core.cognition.llm.prompts import LETTER_TEXTS, PERSONA, PromptWriter, base_version, load_prompts
from core.cognition.llm.providers import provider_for
from core.cognition.llm.types import PROMPTS, ModelSpec, Provider, Question
from core.cognition.registry import ENGINES, EngineKind, model_engines, replayable_engines, replays
from core.errors import InputError, PolicyTwinError, one_of
from core.study import Study

#: The version of how questions are laid out: designs, fences and schemas. It changes with any of them.
LAYOUT = 1
MOST_SAMPLES = 100
#: Tokens of an answer: for each number with its name and punctuation, for the frame, and characters of reason in one.
TOKENS_PER_NUMBER, TOKENS_OF_FRAME, CHARACTERS_PER_TOKEN = 9, 40, 3
_SHOWN = 5
#: Options of `language_engine` that are numbers, and all of them; one that replays knows also whose answers, `of`.
NUMBERS: Mapping[str, type] = {
    "temperature": float,
    "max_output_tokens": int,
    "seed": int,
    "timeout": float,
    "samples": int,
    "rotations": int,
}
#: Options that are no part of a model's specification.
_NOT_SPEC = ("samples", "rotations")
OPTIONS = ("model", "base_url", *NUMBERS, "design", "days", "prompts")
#: Tokens that a model may use by default: enough for the longest answer, with some room to think.
OUTPUT_TOKENS = 2048


class AnswersMissing(PolicyTwinError):
    """Some questions have no valid answer. `failures` says which and why; what was answered is in the cache."""

    def __init__(self, problem: str, failures: tuple[Failure, ...] = ()) -> None:
        super().__init__(problem)
        self.failures = failures


@dataclass(frozen=True)
class PreparedQuestion:
    """A question, the rows of `personas` that it speaks for, and the plan that says what its answer fills."""

    question: Question
    personas: tuple[int, ...]
    plan: PromptPlan


@dataclass(frozen=True)
class Failure:
    """A question without a valid answer: rows of personas and of contexts, the sample, and why."""

    personas: tuple[int, ...]
    contexts: tuple[int, ...]
    sample: int
    problem: str


@dataclass(frozen=True)
class LanguageAnswers:
    """All that came back.

    `values` is (samples, personas, contexts, behaviours), float64, NaN where a question failed. `asked` and `outcomes`
    are side by side, one for each question. `model_ids` are those that the provider returned, sorted.
    """

    values: np.ndarray
    asked: tuple[PreparedQuestion, ...]
    outcomes: tuple[Outcome, ...]
    failures: tuple[Failure, ...]

    @property
    def model_ids(self) -> tuple[str, ...]:
        return tuple(sorted({item.model_id for item in self.outcomes if item.model_id}))

    def mean(self) -> np.ndarray:
        """Means over the samples that answered, float32, (personas, contexts, behaviours); NaN where none did."""
        known = ~np.isnan(self.values)
        counts = known.sum(axis=0)
        sums = np.where(known, self.values, 0.0).sum(axis=0)
        means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
        return means.astype(np.float32)

    def reasons(self) -> pd.DataFrame:
        """The reasons given: one row for each answer, persona that it speaks for, and context that it is about.

        Columns persona and context (rows of what was asked), sample, reason.
        """
        rows = [
            (persona, context, item.question.sample, outcome.answer[REASON])
            for item, outcome in zip(self.asked, self.outcomes, strict=True)
            if outcome.answered and REASON in outcome.answer
            for persona in item.personas
            for context in sorted({row for _, _, row in item.plan.answer_slots})
        ]
        return pd.DataFrame(rows, columns=["persona", "context", "sample", REASON])


@dataclass(frozen=True)
class LanguageEngine(Engine):
    """A model asked in one design. A ResponseEngine without parameters: calibration searches only outside of it.

    `name` is gemini, openai or replay; replay takes `spec` of the engine whose answers are in the cache. `samples` are
    asked of each persona and context, and `respond` gives their mean. With `allow_failures` a question without a valid
    answer gives NaN, which the caller has to record; otherwise AnswersMissing is raised. `cache`, `limits`, `price` and
    `run_id` go to the pipe, which says what is raised. Personas need the column `text`.

    Another process gets the engine without its cache and callbacks: it asks anew what it is asked. Replaying engines
    therefore answer only where they were made.
    """

    name: str
    spec: ModelSpec
    writer: PromptWriter
    design: Design
    samples: int = 1
    cache: AnswerCache | None = None
    limits: Limits = field(default_factory=Limits)
    price: Price | None = None
    run_id: str | None = None
    allow_failures: bool = False
    on_progress: Callable[[AskProgress], None] | None = None
    should_stop: Callable[[], bool] | None = None
    returned: set[str] = field(default_factory=set, compare=False, repr=False)

    #: Personas are asked with their texts, which callers may otherwise leave out.
    reads_text = True
    asks_model = True

    def __post_init__(self) -> None:
        one_of(self.name, model_engines(), what="engine")
        if not 1 <= self.samples <= MOST_SAMPLES:
            raise InputError(f"{self.samples} samples", where=f"engine {self.name}", allowed=f"1 to {MOST_SAMPLES}")

    @property
    def version(self) -> str:
        """Prompt version and layout of questions; what it means is in the prompt files and the code."""
        return f"{self.writer.files.version}.{LAYOUT}"

    @property
    def model_id(self) -> str:
        """The model's id as the provider returned it; before any answer, the name asked for."""
        return ", ".join(sorted(self.returned)) or self.spec.model

    @property
    def prompt_version(self) -> str:
        return self.writer.files.version

    @property
    def description(self) -> dict[str, Any]:
        """What besides name, version and model decides the answers, in JSON's types, for the run record."""
        return {
            "design": self.design.name,
            "days": self.design.days,
            "samples": self.samples,
            "prompts": base_version(self.writer.files.version),
            "prompts_hash": self.writer.files.hash,
            "layout": LAYOUT,
            "asked_engine": self.spec.engine,
            "model": self.spec.model,
            "base_url": self.spec.base_url,
            "temperature": float(self.spec.temperature),
            "max_output_tokens": self.spec.max_output_tokens,
            "seed": self.spec.seed,
            **({"rotations": self.design.rotations} if self.design.rotations else {}),
        }

    def with_parameters(self, parameters: Mapping[str, float]) -> Self:
        for name in parameters:
            raise InputError(
                f"unknown engine parameter '{name}'", where=f"engine {self.name}", allowed="none: a model has none"
            )
        return self

    def questions(self, personas: pd.DataFrame, contexts: pd.DataFrame) -> list[PreparedQuestion]:
        """What would be asked, before anything is: equal texts of personas share a question.

        Raises InputError where personas have no texts, and where answers cannot fit into the model's limit of tokens.
        """
        plans = self.design.plans(contexts, self.writer)
        self._check_room(plans)
        blocks = self._blocks(personas)
        system = self.writer.system(self.design.respondent)
        asked = []
        for plan in plans:
            schema = plan.shape.schema()
            for block, rows in blocks.items():
                prompt = self.design.prompt(plan, block, self.writer)
                for sample in range(self.samples):
                    question = Question(system, prompt, schema, self.writer.files.version, self.design.name, sample)
                    asked.append(PreparedQuestion(question, rows, plan))
        # Of short answers reading the prompts takes most of the time, and servers keep what they read last: prompts with the
        # same beginning follow one another.
        return sorted(asked, key=lambda item: item.question.prompt) if self.design.rotations else asked

    def respond(self, personas: pd.DataFrame, contexts: pd.DataFrame) -> np.ndarray:
        return self.ask(personas, contexts).mean()

    def ask(self, personas: pd.DataFrame, contexts: pd.DataFrame) -> LanguageAnswers:
        """Asks all that is not in the cache, and keeps what came back sample by sample, with the reasons."""
        asked = self.questions(personas, contexts)
        return self.answers(asked, self.outcomes(asked), len(personas), len(contexts))

    def answers(
        self, asked: Sequence[PreparedQuestion], outcomes: Sequence[Outcome], personas: int, contexts: int
    ) -> LanguageAnswers:
        """What `questions` asked about so many personas and contexts, and what came of it, side by side, as arrays.

        Raises AnswersMissing as `ask` does.
        """
        behaviours = self.writer.study.behaviour_ids
        totals = np.zeros((self.samples, personas, contexts, len(behaviours)))
        counts = np.zeros(totals.shape, dtype=int)
        failed = np.zeros(totals.shape, dtype=bool)
        failures = []
        for item, outcome in zip(asked, outcomes, strict=True):
            conditions, kinds, rows_of = (np.array(column) for column in zip(*item.plan.answer_slots, strict=True))
            about = np.arange(len(behaviours)) if item.plan.behaviour is None else np.array([item.plan.behaviour])
            place = np.ix_(np.array([item.question.sample]), np.array(item.personas), rows_of, about)
            if outcome.failure is not None:
                rows = tuple(sorted(set(rows_of.tolist())))
                failures.append(Failure(item.personas, rows, item.question.sample, outcome.failure))
                failed[place] = True
                continue
            totals[place] += item.plan.array(outcome.answer)[conditions, kinds]
            counts[place] += 1
        # Of options asked in several orders the mean is the answer; over the orders that worked it would favour their places.
        values = np.divide(totals, counts, out=np.full(totals.shape, np.nan), where=(counts > 0) & ~failed)
        answers = LanguageAnswers(values, tuple(asked), tuple(outcomes), tuple(failures))
        self.returned.update(answers.model_ids)
        if failures and not self.allow_failures:
            raise missing_answers(failures, len(asked))
        return answers

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"cache": None, "on_progress": None, "should_stop": None}

    def outcomes(self, asked: Sequence[PreparedQuestion]) -> list[Outcome]:
        """One outcome for each question. Answers of one shape are asked for together, for they are read alike.

        Raises what `ask_all` raises; progress is over all shapes.
        """
        by_shape: dict[AnswerShape | LetterShape, list[int]] = {}
        for place, item in enumerate(asked):
            by_shape.setdefault(item.plan.shape, []).append(place)
        telling = Rounds(self.on_progress)
        if self.on_progress is not None:
            telling.total = len({item.question.key(self.spec) for item in asked})
        outcomes: dict[int, Outcome] = {}
        for shape, places in by_shape.items():
            telling.begin()
            found = ask_all(
                [asked[place].question for place in places],
                provider_for(self.name, self.spec),
                self.spec,
                shape.parse,
                self.cache,
                self.limits_after(list(outcomes.values())),
                None if self.on_progress is None else telling.tell,
                self.should_stop,
                run_id=self.run_id,
                price=self.price,
            )
            outcomes.update(zip(places, found, strict=True))
        return [outcomes[place] for place in range(len(asked))]

    def limits_after(self, outcomes: Sequence[Outcome]) -> Limits:
        """The limits, with what these questions took counted as spent."""
        used = spent(outcomes, self.price)
        return replace(
            self.limits,
            spent_calls=self.limits.spent_calls + used.calls,
            spent_tokens_in=self.limits.spent_tokens_in + used.tokens_in,
            spent_tokens_out=self.limits.spent_tokens_out + used.tokens_out,
        )

    def _blocks(self, personas: pd.DataFrame) -> dict[str, tuple[int, ...]]:
        """Each distinct persona block with the rows it speaks for; one empty block where nobody in particular is asked."""
        if self.design.respondent != PERSONA:
            return {"": tuple(range(len(personas)))}
        if "text" not in personas.columns:
            raise InputError("the personas have no texts", where=f"engine {self.name}", allowed="a column 'text'")
        rows: dict[str, list[int]] = {}
        for row, text in enumerate(personas["text"]):
            block = self.writer.persona("" if pd.isna(text) else text, where=f"persona {row}")
            rows.setdefault(block, []).append(row)
        return {block: tuple(places) for block, places in rows.items()}

    def _check_room(self, plans: Sequence[PromptPlan]) -> None:
        largest = max((plan.shape.numbers for plan in plans), default=0)
        if not largest:
            return
        reason = self.writer.longest_reason // CHARACTERS_PER_TOKEN
        needed = TOKENS_OF_FRAME + reason + TOKENS_PER_NUMBER * largest
        if self.spec.max_output_tokens < needed:
            raise InputError(
                f"answers of {largest} numbers need about {needed} tokens, and the model may use "
                f"{self.spec.max_output_tokens}",
                where=f"engine {self.name}, design {self.design.name}",
                allowed=f"max_output_tokens of {needed} or more",
                nearest=str(needed),
            )


def missing_answers(failures: Sequence[Failure], total: int) -> AnswersMissing:
    """The error for questions without a valid answer: how many of how many, and which."""
    said = [
        f"persona{'s' if len(item.personas) > 1 else ''} {_rows(item.personas)}, "
        f"contexts {_rows(item.contexts)}, sample {item.sample}: {item.problem}"
        for item in failures[:_SHOWN]
    ]
    more = f" And {len(failures) - _SHOWN} more." if len(failures) > _SHOWN else ""
    return AnswersMissing(
        f"{len(failures)} of {total} questions have no valid answer; what was answered is kept. "
        + " | ".join(said)
        + more,
        tuple(failures),
    )


def _rows(rows: Sequence[int]) -> str:
    return ", ".join(map(str, rows[:8])) + (", …" if len(rows) > 8 else "")


def language_engine(
    study: Study, name: str, options: Mapping[str, Any], *, cache: AnswerCache | None = None, **asking: Any
) -> LanguageEngine:
    """The engine of this name for a study, by options in plain types; `asking` are further fields of LanguageEngine.

    `options`: model (always), base_url, temperature, max_output_tokens, seed, timeout, design, days, samples, prompts
    (a version), rotations (above 0: log-probabilities of letters in so many
    orders), and for replay `of` (the engine whose answers are replayed, gemini by default). InputError for an
    unknown option, and for values that cannot be used.
    """
    where = f"engine {name}"
    one_of(name, model_engines(), what="engine")
    for option in options:
        one_of(option, ENGINES[name].options, what="option", where=where)
    given = {option: value for option, value in options.items() if value is not None}
    if not str(given.get("model", "")).strip():
        raise InputError("no model is named", where=where, allowed="the name of a model, as its provider calls it")
    recorded = one_of(str(given.pop("of", "gemini")), replayable_engines(), what="engine to replay", where=where)
    numbers = {option: _number(given[option], option, where) for option in NUMBERS if option in given}
    spec = ModelSpec(
        engine=recorded if replays(name) else name,
        model=str(given["model"]).strip(),
        base_url=None if "base_url" not in given else str(given["base_url"]).strip().rstrip("/"),
        **{"max_output_tokens": OUTPUT_TOKENS, **{key: item for key, item in numbers.items() if key not in _NOT_SPEC}},
    )
    rotations = int(numbers.get("rotations", 0))
    letters = LETTER_TEXTS if rotations else None
    return LanguageEngine(
        name=name,
        spec=spec,
        writer=PromptWriter(study, load_prompts(str(given.get("prompts", PROMPTS)), letters=letters)),
        design=design_of(str(given.get("design", DESIGNS[0])), str(given.get("days", TOGETHER)), rotations),
        samples=int(numbers.get("samples", 1)),
        cache=cache,
        **asking,
    )


def register_model(name: str, provider: Callable[[ModelSpec], Provider], **about: Any) -> EngineKind:
    """Register an engine that asks a language model through a provider; `about` are further fields of `EngineKind`.

    The provider is made anew for each round of questions, and belongs to the event loop in which it is first asked.
    """
    options = (*OPTIONS, "of") if about.get("replays") else OPTIONS
    make = partial(language_engine, name=name)
    return ENGINES.register(EngineKind(name=name, provider=provider, make=make, options=options, **about))


def _number(value: Any, option: str, where: str) -> Any:
    """An option's number in its type; InputError for anything else, a whole number with a fraction included."""
    kind = NUMBERS[option]
    try:
        number = kind(value)
        right = not isinstance(value, bool) and float(value) == number
    except (TypeError, ValueError, OverflowError):
        right = False
    if not right:
        allowed = "a whole number" if kind is int else "a number"
        raise InputError(f"{option} is '{value}'", where=where, allowed=allowed)
    return number
