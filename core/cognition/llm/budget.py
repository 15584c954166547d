"""What a run will ask and cost, said before it; what it did cost, said after it; and the caps in between.

Tokens are estimated from characters, for no tokeniser fits all models: both OpenAI ("1 token is approximately 4
characters" of English) and Google ("a token is equivalent to about 4 characters") give four, and prose lies between
three and five. Other scripts take from a quarter of a token to one and a half for a character.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.letters import LetterShape
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.prices import Price, load_prices, price_of
from core.cognition.llm.types import ModelSpec, Question
from core.errors import InputError, PolicyTwinError
from core.result import Result

#: Characters of ASCII text to a token: most, typical, fewest.
ASCII_PER_TOKEN = (5.0, 4.0, 3.0)
#: Tokens for a character outside ASCII: fewest, typical, most.
TOKENS_PER_OTHER = (0.25, 0.6, 1.5)
#: Tokens of the frame around the texts of a call: roles, separators.
FRAME_TOKENS = (4, 10, 20)
#: An answer is typically this many times as long as the shortest that fits its schema: spaces, digits, reasons.
TYPICAL_ANSWER = 2.0


@dataclass(frozen=True)
class Range:
    """An estimate: `typical` lies between `low` and `high`."""

    low: float
    typical: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.typical + other.typical, self.high + other.high)


NOTHING = Range(0.0, 0.0, 0.0)


class BudgetReached(PolicyTwinError):
    """A cap on calls, tokens or cost was reached. All answers until then are kept; a higher cap goes on from there."""

    exit_code = 2


@dataclass(frozen=True)
class Plan(Result):
    """What asking will take. Tokens and cost count one call for each question that has no answer yet.

    A malformed answer is asked for again, up to `at_most_calls` in all (failed connections, which cost nothing, apart).
    `cost` is None where it is unknown or there is none; `about_cost` says which, and where the price is from. `canaries` of the
    calls are for the guard against another model.
    """

    questions: int
    distinct: int
    cached: int
    calls: int
    at_most_calls: int
    tokens_in: Range
    tokens_out: Range
    cost: Range | None
    currency: str | None
    about_cost: str
    canaries: int = 0


@dataclass(frozen=True)
class Spent(Result):
    """What was asked in a run, from the replies. `uncounted` calls' replies did not say their tokens.

    `cost` is None where the price is unknown or there is none; `about_cost` says which, and where the price is from.
    `canary_calls` of the calls were the same whatever was asked.
    """

    calls: int
    answered: int
    failed: int
    cached: int
    uncounted: int
    tokens_in: int
    tokens_out: int
    cost: float | None
    currency: str | None
    about_cost: str = ""
    canary_calls: int = 0


def plan(
    questions: Sequence[Question],
    spec: ModelSpec,
    cache: AnswerCache | None = None,
    *,
    prices: Sequence[Price] | None = None,
    max_repairs: int = 2,
) -> Plan:
    """Calls, tokens and cost of asking `questions`, after equal ones and those with an answer in `cache` are taken out.

    `prices` are `load_prices()` where they are not given. Raises InputError for a bad file of prices.
    """
    distinct = {question.key(spec): question for question in questions}
    known = set() if cache is None else set(cache.find(distinct))
    asked = [question for key, question in distinct.items() if key not in known]
    tokens_in, tokens_out = NOTHING, NOTHING
    # Questions share a few schemas and system prompts; writing each out again would take longer than all else.
    schemas = {id(question.schema): question.schema for question in asked}
    said = {name: _schema_tokens(schema) for name, schema in schemas.items()}
    answers = {name: tokens_to_answer(schema, spec.max_output_tokens) for name, schema in schemas.items()}
    for question in asked:
        tokens_in += _text_tokens(question) + said[id(question.schema)]
        tokens_out += answers[id(question.schema)]
    price, about = price_of(spec, load_prices() if prices is None else prices)
    cost = None
    if price is not None:
        cost = Range(
            price.cost(tokens_in.low, tokens_out.low),
            price.cost(tokens_in.typical, tokens_out.typical),
            price.cost(tokens_in.high, tokens_out.high),
        )
    return Plan(
        questions=len(questions),
        distinct=len(distinct),
        cached=len(known),
        calls=len(asked),
        at_most_calls=len(asked) * (1 + max_repairs),
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost=cost,
        currency=None if price is None else price.currency,
        about_cost=about,
    )


def spent(outcomes: Iterable[Outcome], price: Price | None = None) -> Spent:
    """What a run's outcomes took. Answers from the cache cost nothing; equal questions count once."""
    distinct = {outcome.key: outcome for outcome in outcomes}.values()
    asked = [outcome for outcome in distinct if not outcome.from_cache]
    tokens_in = sum(outcome.tokens_in or 0 for outcome in asked)
    tokens_out = sum(outcome.tokens_out or 0 for outcome in asked)
    return Spent(
        calls=sum(outcome.attempts for outcome in asked),
        answered=sum(outcome.answered for outcome in asked),
        failed=sum(not outcome.answered for outcome in asked),
        cached=len(distinct) - len(asked),
        uncounted=sum(
            outcome.raw is not None and (outcome.tokens_in is None or outcome.tokens_out is None) for outcome in asked
        ),
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost=None if price is None else price.cost(tokens_in, tokens_out),
        currency=None if price is None else price.currency,
    )


def tokens_of(text: str) -> Range:
    """How many tokens a text is."""
    other = len(text) - len(text.encode("ascii", "ignore"))
    ascii_count = len(text) - other
    low, typical, high = (
        ascii_count / per + other * each for per, each in zip(ASCII_PER_TOKEN, TOKENS_PER_OTHER, strict=True)
    )
    return Range(low, typical, high)


def tokens_to_say(question: Question) -> Range:
    """Tokens that asking a question takes: both prompts, the schema (which providers count too), and the frame."""
    return _text_tokens(question) + _schema_tokens(question.schema)


def _text_tokens(question: Question) -> Range:
    frame = Range(*(float(count) for count in FRAME_TOKENS))
    return tokens_of(question.system) + tokens_of(question.prompt) + frame


def _schema_tokens(schema: Mapping[str, Any]) -> Range:
    return tokens_of(json.dumps(schema, default=dict))


def tokens_to_answer(schema: Mapping[str, Any], most: int) -> Range:
    """Tokens of an answer: from the shortest text that fits the schema to `most`, the limit that the model is given.

    Models that think before they answer are billed for that too, up to the same limit. A letter is one token.
    """
    if LetterShape.of(schema) is not None:
        return Range(1.0, 1.0, 1.0)
    shortest = shortest_answer(schema) / ASCII_PER_TOKEN[0]
    low = min(float(most), max(1.0, shortest))
    return Range(low, min(float(most), TYPICAL_ANSWER * low), float(most))


def shortest_answer(schema: Mapping[str, Any]) -> int:
    """Characters of about the shortest JSON that fits a schema of objects, arrays, numbers, texts and choices."""
    if "const" in schema:
        return len(json.dumps(schema["const"]))
    if schema.get("enum"):
        return min(len(json.dumps(choice)) for choice in schema["enum"])
    for choice in ("anyOf", "oneOf"):
        if schema.get(choice):
            return min(shortest_answer(option) for option in schema[choice])
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, (list, tuple)) and kind else kind
    kind = str(kind).lower()
    if kind == "object":
        properties = schema.get("properties", {})
        names = [name for name in schema.get("required", properties) if name in properties]
        return 2 + sum(len(name) + 5 + shortest_answer(properties[name]) for name in names)
    if kind == "array":
        count = int(schema.get("minItems", 0))
        return 2 + count * (1 + shortest_answer(schema.get("items", {})))
    return {"number": 3, "integer": 1, "boolean": 4, "null": 4}.get(kind, 2 + int(schema.get("minLength", 0)))


class BudgetTracker:
    """Counts what is spent while a run asks, and says whether another call fits under the caps.

    A call in flight is reserved at its upper estimate until its reply says what it took, so that the caps hold also
    when many calls are in flight. Calls count when they are made and are never given back. Not for several threads.
    """

    def __init__(
        self,
        *,
        max_calls: int | None = None,
        max_tokens: int | None = None,
        max_cost: float | None = None,
        price: Price | None = None,
    ) -> None:
        """Raises InputError for a cap on a cost that is unknown."""
        if max_cost is not None and price is None:
            raise InputError(
                "a cap on the cost needs the price of the model, which is unknown",
                where="max_cost",
                allowed="a cap on calls or tokens, or a price in your own file of prices",
            )
        self.max_calls, self.max_tokens, self.max_cost, self.price = max_calls, max_tokens, max_cost, price
        self.calls = 0
        self.tokens_in = self.tokens_out = 0.0
        self._reserved: dict[int, tuple[float, float]] = {}
        self._tickets = 0

    @property
    def cost(self) -> float | None:
        """What the replies until now cost; None where the price is unknown."""
        return None if self.price is None else self.price.cost(self.tokens_in, self.tokens_out)

    def lacking(self, tokens_in: float, tokens_out: float) -> str | None:
        """Which cap another call of this size would break, in words; None where it fits."""
        if self.max_calls is not None and self.calls + 1 > self.max_calls:
            return f"{self.max_calls:,} calls"
        if self.max_tokens is None and self.max_cost is None:
            return None
        waiting_in = sum(each for each, _ in self._reserved.values())
        waiting_out = sum(each for _, each in self._reserved.values())
        total_in = self.tokens_in + waiting_in + tokens_in
        total_out = self.tokens_out + waiting_out + tokens_out
        if self.max_tokens is not None and total_in + total_out > self.max_tokens:
            return f"{self.max_tokens:,} tokens"
        if self.max_cost is not None and self.price and self.price.cost(total_in, total_out) > self.max_cost:
            return f"{self.max_cost:g} {self.price.currency}"
        return None

    def may_come_free(self) -> bool:
        """Whether waiting for calls in flight can make room: their estimates are upper ones."""
        return bool(self._reserved) and (self.max_calls is None or self.calls < self.max_calls)

    def start(self, tokens_in: float, tokens_out: float) -> int:
        """Counts a call and reserves its tokens; the ticket is for `settle`."""
        self.calls += 1
        self._tickets += 1
        self._reserved[self._tickets] = (tokens_in, tokens_out)
        return self._tickets

    def settle(self, ticket: int, tokens_in: float = 0.0, tokens_out: float = 0.0) -> None:
        """Replaces what was reserved by what the call took; nothing for a call that got no reply."""
        if self._reserved.pop(ticket, None) is not None:
            self.tokens_in += tokens_in
            self.tokens_out += tokens_out

    def reached(self, cap: str) -> BudgetReached:
        """The error for a cap that is reached."""
        cost = self.cost
        paid = "" if cost is None or self.price is None else f", {cost:.4g} {self.price.currency}"
        tokens = math.ceil(self.tokens_in + self.tokens_out)
        return BudgetReached(
            f"the cap of {cap} is reached after {self.calls:,} calls ({tokens:,} tokens{paid}); "
            "what was answered is kept, and the same run goes on from there with a higher cap"
        )
