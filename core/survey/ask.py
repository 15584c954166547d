"""Putting one question to many personas through a language model.

The order of asking: 1. each distinct persona text × sample is a question to the model; 2. answers come from the cache
where it has them; 3. a text that is no answer goes back with what is wrong about it (the pipe does that); 4. an answer's
probabilities go to the personas that it speaks for; 5. a question without a valid answer stays missing, never a default.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from core.cognition.llm.answers import REASON
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.engine import (
    CHARACTERS_PER_TOKEN,
    MOST_SAMPLES,
    TOKENS_OF_FRAME,
    TOKENS_PER_NUMBER,
    AnswersMissing,
    Failure,
)
from core.cognition.llm.letters import UNREAD
from core.cognition.llm.limits import AskProgress, Limits
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.pipe import ask_all
from core.cognition.llm.prices import Price
from core.cognition.llm.providers import provider_for
from core.cognition.llm.types import ModelSpec, Question
from core.errors import InputError
from core.survey.prompts import SurveyWriter

#: What the way of asking is called beside those of contexts.
DESIGN = "survey"
#: The version of how questions are laid out: blocks, order of answers and schema. It changes with any of them.
LAYOUT = 1
_SHOWN = 5


@dataclass(frozen=True)
class SurveyRespondents:
    """How a model is asked. `engine` is gemini, openai or replay; `spec` is that of the engine whose answers they are.

    `cache`, `limits`, `price`, `run_id` and the callbacks go to the pipe, which says what is raised.
    """

    engine: str
    spec: ModelSpec
    samples: int = 1
    rotations: int = 1
    cache: AnswerCache | None = None
    limits: Limits = field(default_factory=Limits)
    price: Price | None = None
    run_id: str | None = None
    allow_failures: bool = False
    on_progress: Callable[[AskProgress], None] | None = None
    should_stop: Callable[[], bool] | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.samples <= MOST_SAMPLES:
            raise InputError(f"{self.samples} samples", where="question", allowed=f"1 to {MOST_SAMPLES}")


@dataclass(frozen=True)
class SurveyAsked:
    """A question to the model, the rows of the personas that it speaks for, and which answer stands at each place."""

    question: Question
    personas: tuple[int, ...]
    order: tuple[int, ...]


@dataclass(frozen=True)
class SurveyAnswers:
    """What came back.

    `values` is (personas, samples, answers), float64: the probability of each answer, NaN where there is none.
    `reasons` and `failures` are (personas, samples) of text, "" where there is none; `problems` says each failure once.
    `unread` is the mean probability of other words than letters, where letters were asked for.
    """

    values: np.ndarray
    reasons: np.ndarray
    failures: np.ndarray
    outcomes: tuple[Outcome, ...] = ()
    problems: tuple[Failure, ...] = ()
    unread: float | None = None

    @property
    def model_ids(self) -> tuple[str, ...]:
        """The ids that the provider returned, sorted."""
        return tuple(sorted({item.model_id for item in self.outcomes if item.model_id}))


def survey_questions(
    writer: SurveyWriter, personas: pd.DataFrame, spec: ModelSpec, samples: int = 1, rotations: int = 1
) -> list[SurveyAsked]:
    """What would be asked, before anything is: equal texts of personas share a question. Where letters are asked for, each is
    asked in `rotations` orders, or in as many as there are answers.

    Raises InputError where personas have no texts, and where an answer cannot fit into the model's limit of tokens.
    """
    if "text" not in personas.columns:
        raise InputError("the personas have no texts", where="question", allowed="a column 'text'")
    shape = writer.shape
    needed = (
        TOKENS_OF_FRAME
        + shape.inner.longest_reason // CHARACTERS_PER_TOKEN
        + TOKENS_PER_NUMBER * len(writer.question.keys)
    )
    if spec.max_output_tokens < needed and writer.letters is None:
        raise InputError(
            f"an answer needs about {needed} tokens, and the model may use {spec.max_output_tokens}",
            where="question",
            allowed=f"max_output_tokens of {needed} or more",
            nearest=str(needed),
        )
    rows: dict[str, list[int]] = {}
    for row, (name, text) in enumerate(zip(_names(personas), personas["text"], strict=True)):
        block = writer.persona("" if pd.isna(text) else text, where=f"persona {name}")
        rows.setdefault(block, []).append(row)
    letters = writer.letters
    system, schema = writer.system(), shape.schema() if letters is None else letters.schema()
    turns = min(rotations, len(writer.question.labels))
    asked = []
    for block, places in rows.items():
        for sample in range(samples):
            orders = (
                [writer.order(block, sample)]
                if letters is None
                else [writer.turned(turn, turns) for turn in range(turns)]
            )
            for order in orders:
                prompt = writer.prompt(block, order)
                question = Question(system, prompt, schema, writer.files.version, DESIGN, sample)
                asked.append(SurveyAsked(question, tuple(places), order))
    return asked


def ask_survey(writer: SurveyWriter, personas: pd.DataFrame, respondents: SurveyRespondents) -> SurveyAnswers:
    """Asks all that is not in the cache.

    Raises AnswersMissing, after everything was asked, for a question without a valid answer, unless failures are
    allowed; and what the pipe raises.
    """
    asked = survey_questions(writer, personas, respondents.spec, respondents.samples, respondents.rotations)
    shape = writer.letters or writer.shape
    outcomes = ask_all(
        [item.question for item in asked],
        provider_for(respondents.engine, respondents.spec),
        respondents.spec,
        shape.parse,
        respondents.cache,
        respondents.limits,
        respondents.on_progress,
        respondents.should_stop,
        run_id=respondents.run_id,
        price=respondents.price,
    )
    size = (len(personas), respondents.samples)
    totals, counts = np.zeros((*size, len(writer.question.keys))), np.zeros(size, dtype=int)
    unread = []
    reasons, failures = np.full(size, "", dtype=object), np.full(size, "", dtype=object)
    problems = []
    for item, outcome in zip(asked, outcomes, strict=True):
        people, sample = np.array(item.personas), item.question.sample
        if outcome.failure is not None:
            failures[people, sample] = outcome.failure
            problems.append(Failure(item.personas, (), sample, outcome.failure))
            continue
        totals[people[:, None], sample, np.array(item.order)[None, :]] += shape.probabilities(outcome.answer)
        counts[people, sample] += 1
        reasons[people, sample] = outcome.answer.get(REASON, "")
        unread += [outcome.answer[UNREAD]] if UNREAD in outcome.answer else []
    if problems and not respondents.allow_failures:
        raise AnswersMissing(_missing(problems, len(asked), _names(personas)), tuple(problems))
    # A person with one failed order has no answer: the mean over the others would favour their places.
    counts[failures != ""] = 0
    values = np.divide(totals, counts[..., None], out=np.full(totals.shape, np.nan), where=counts[..., None] > 0)
    return SurveyAnswers(
        values, reasons, failures, tuple(outcomes), tuple(problems), float(np.mean(unread)) if unread else None
    )


def _names(personas: pd.DataFrame) -> list[object]:
    """What personas are called in messages: their ids, or their rows where they have none."""
    return list(personas["persona_id"] if "persona_id" in personas.columns else range(len(personas)))


def _missing(problems: Sequence[Failure], total: int, names: Sequence[object]) -> str:
    said = []
    for item in problems[:_SHOWN]:
        who = ", ".join(str(names[row]) for row in item.personas[:8]) + (", …" if len(item.personas) > 8 else "")
        said.append(f"persona{'s' if len(item.personas) > 1 else ''} {who}, sample {item.sample}: {item.problem}")
    more = f" And {len(problems) - _SHOWN} more." if len(problems) > _SHOWN else ""
    return (
        f"{len(problems)} of {total} questions have no valid answer; what was answered is kept. "
        + " | ".join(said)
        + more
    )
