"""Cost before, cost after, and no price that nobody gave."""

from __future__ import annotations

import json
import math
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.budget import (
    BudgetTracker,
    Range,
    plan,
    shortest_answer,
    spent,
    tokens_of,
    tokens_to_answer,
    tokens_to_say,
)
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.limits import AskProgress
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.prices import COLUMNS, PRICES_VARIABLE, Price, is_local, load_prices, price_of
from core.cognition.llm.types import ModelSpec, Question
from core.errors import InputError
from core.report.sentences.language import cost_before_text, spent_sentence
from core.services.language.engines import asking_text

SHAPE = AnswerShape((), (), ("transit", "parks"), 500)
SPEC = ModelSpec("openai", "gpt-4o-mini", max_output_tokens=300)


@pytest.fixture(autouse=True)
def no_prices_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PRICES_VARIABLE, raising=False)


def question(number: int, prompt: str = "What will this person do?") -> Question:
    return Question("You are a person.", prompt, SHAPE.schema(), "mobility-1", "blinded", number)


def price(model: str = "gpt-4o-mini", cost: float = 1.0, **changes: Any) -> Price:
    return Price(**{**Price(model, "openai", cost, 4 * cost, "USD", date(2026, 1, 1), "test").__dict__, **changes})


def outcome(number: int, **changes: Any) -> Outcome:
    given: dict[str, Any] = {"raw": "{}", "tokens_in": 100, "tokens_out": 40, "attempts": 1}
    return Outcome(question(number).key(SPEC), **{**given, **changes})


# ----------------------------------------------------------------------------------------------------------- before


def test_a_plan_counts_each_question_once_and_only_what_is_not_known() -> None:
    questions = [question(number % 10) for number in range(25)]
    with AnswerCache() as cache:
        raw = SHAPE.form().replace("null", "0.5")
        known = [(each, Outcome(each.key(SPEC), SHAPE.parse(raw), raw=raw, attempts=1)) for each in questions[:4]]
        failed = (questions[4], Outcome(questions[4].key(SPEC), failure="no", attempts=1))
        cache.keep(SPEC, [*known, failed])
        found = plan(questions, SPEC, cache, prices=[price()])
    assert (found.questions, found.distinct, found.cached, found.calls, found.at_most_calls) == (25, 10, 4, 6, 18)
    one = tokens_to_say(question(0))
    assert found.tokens_in.typical == pytest.approx(6 * one.typical)
    assert found.tokens_out.high == 6 * 300
    assert found.cost is not None
    assert found.cost.low == pytest.approx((found.tokens_in.low + 4 * found.tokens_out.low) / 1e6)
    assert found.cost.high == pytest.approx((found.tokens_in.high + 4 * found.tokens_out.high) / 1e6)
    assert found.cost.low < found.cost.typical < found.cost.high
    assert found.currency == "USD"
    assert "2026-01-01" in found.about_cost
    assert json.loads(json.dumps(found.as_dict()))["cost"]["high"] == found.cost.high


def test_nothing_to_ask_costs_nothing() -> None:
    found = plan([], SPEC, prices=[price()])
    assert (found.calls, found.tokens_in, found.cost) == (0, Range(0, 0, 0), Range(0, 0, 0))


def test_an_unknown_cost_is_said_and_is_never_zero() -> None:
    for spec, words in (
        (ModelSpec("openai", "gpt-77"), "cost unknown: no price of gpt-77 is known"),
        (ModelSpec("openai", "gpt-4o-mini", "https://router.example.org/v1"), "at router.example.org"),
        (ModelSpec("openai", "gpt-4o-mini", "http://127.0.0.1:8000/v1"), "has no price"),
        (ModelSpec("replay", "gpt-4o-mini"), "cost nothing"),
    ):
        found = plan([question(1)], spec, prices=[price()])
        assert found.cost is None
        assert found.currency is None
        assert words in found.about_cost


# Known answers: counts of OpenAI's cl100k_base, from its cookbook "How to count tokens with tiktoken".
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("hello world", 2),
        ("The quick brown fox jumps over the lazy dog.", 10),
        ("tiktoken is great!", 6),
        ("antidisestablishmentarianism", 6),
    ],
)
def test_the_range_of_tokens_holds_what_tokenisers_count(text: str, tokens: int) -> None:
    found = tokens_of(text)
    assert found.low - 1 <= tokens <= found.high + 1


@given(st.text())
def test_ranges_are_in_order_and_add_up(text: str) -> None:
    found = tokens_of(text)
    assert 0 <= found.low <= found.typical <= found.high
    assert found.high <= 1.5 * len(text)
    double = tokens_of(text + text)
    assert double.typical == pytest.approx(2 * found.typical)


def test_other_scripts_take_more_tokens() -> None:
    assert tokens_of("سلام" * 10).typical > 2 * tokens_of("peace"[:4] * 10).typical


@given(
    conditions=st.lists(st.text("abc", min_size=1, max_size=5), max_size=3, unique=True),
    days=st.lists(st.text("def", min_size=1, max_size=5), max_size=3, unique=True),
    behaviours=st.lists(st.text("ghi", min_size=1, max_size=5), min_size=1, max_size=4, unique=True),
)
def test_the_shortest_answer_is_about_that_of_the_schema(
    conditions: list[str], days: list[str], behaviours: list[str]
) -> None:
    shape = AnswerShape(tuple(conditions), tuple(days), tuple(behaviours), 200)
    shortest = shape.form().replace("null", "0.5").replace("…", "").replace(" ", "")
    assert 0.9 * len(shortest) <= shortest_answer(shape.schema()) <= 1.2 * len(shortest) + 4
    tokens = tokens_to_answer(shape.schema(), 1024)
    assert 1 <= tokens.low <= tokens.typical <= tokens.high == 1024


@pytest.mark.parametrize(
    ("schema", "shortest"),
    [
        ({"enum": ["yes", "no"]}, '"no"'),
        ({"const": True}, "true"),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 3}, "[1,2,3]"),
        ({"type": ["string", "null"]}, '""'),
        ({"anyOf": [{"type": "string", "minLength": 9}, {"type": "null"}]}, "null"),
        (
            {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a"]},
            '{"a":1}',
        ),
        ({}, '""'),
    ],
)
def test_short_answers(schema: dict[str, Any], shortest: str) -> None:
    assert abs(shortest_answer(schema) - len(shortest)) <= 2


# ------------------------------------------------------------------------------------------------------------ after


def test_what_was_spent_is_what_the_replies_say() -> None:
    outcomes = [
        outcome(1, answer={}),
        outcome(1, answer={}),  # an equal question
        outcome(2, answer={}, from_cache=True, attempts=0),
        outcome(3, failure="no", attempts=3, tokens_in=300, tokens_out=120),
        outcome(4, answer={}, tokens_in=None, tokens_out=None, attempts=2),
        outcome(5, failure="refused", raw=None, tokens_in=None, tokens_out=None),
    ]
    found = spent(outcomes, price(cost=10.0))
    assert (found.calls, found.answered, found.failed, found.cached, found.uncounted) == (7, 2, 2, 1, 1)
    assert (found.tokens_in, found.tokens_out) == (400, 160)
    assert found.cost == pytest.approx((400 * 10 + 160 * 40) / 1e6)
    without = spent(outcomes)
    assert without.cost is None
    assert json.loads(json.dumps(without.as_dict()))["calls"] == 7


@given(
    calls=st.lists(
        st.tuples(st.floats(1, 100), st.floats(1, 100), st.floats(0, 1), st.booleans()), min_size=1, max_size=60
    ),
    cap=st.integers(0, 3000),
    flying=st.integers(1, 8),
)
def test_a_purse_is_never_overdrawn(calls: list[tuple[float, float, float, bool]], cap: int, flying: int) -> None:
    budget = BudgetTracker(max_tokens=cap)
    tickets: list[tuple[int, float, float]] = []
    took = 0.0
    for most_in, most_out, share, reply in calls:
        if budget.lacking(most_in, most_out) is None:
            tickets.append((budget.start(most_in, most_out), most_in * share, most_out * share))
        if len(tickets) >= flying or (tickets and not reply):
            ticket, tokens_in, tokens_out = tickets.pop(0)
            budget.settle(ticket, *((tokens_in, tokens_out) if reply else (0.0, 0.0)))
            took += (tokens_in + tokens_out) if reply else 0.0
        assert budget.tokens_in + budget.tokens_out <= cap + 1e-9
        assert budget.tokens_in + budget.tokens_out == pytest.approx(took)
        assert budget.may_come_free() == bool(tickets)


def test_the_words_for_cost_say_what_is_not_known() -> None:
    known = plan([question(number) for number in range(1000)], SPEC, prices=[price(cost=500.0)])
    assert known.cost is not None
    text = cost_before_text(known)
    assert "1,000 calls" in text
    assert f"{known.cost.low:,.2f} to {known.cost.high:,.2f} USD" in text
    assert "up to 3,000 calls" in text
    unknown = cost_before_text(plan([question(1)], ModelSpec("openai", "gpt-77"), prices=[]))
    assert "No cost is given: cost unknown: no price of gpt-77 is known" in unknown
    assert "USD" not in unknown
    assert "cost unknown" in spent_sentence(spent([outcome(1, answer={})]))
    assert "0.0260 USD" in spent_sentence(spent([outcome(1, answer={})], price(cost=100.0)))
    progress = AskProgress(20, 100, failed=2, cached=10, calls=12, calls_per_second=3.25, seconds_left=600.0, cost=None)
    assert asking_text(progress) == "questions (3.2 calls a second, 10 from the cache, 2 failed, about 10 min left)"


# ----------------------------------------------------------------------------------------------------------- prices


def test_the_shipped_prices_are_dated_and_have_a_source() -> None:
    prices = load_prices()
    assert len(prices) >= 5
    for each in prices:
        assert each.engine in ("gemini", "openai")
        assert 0 < each.input_per_million < each.output_per_million
        assert each.currency == "USD"
        assert date(2025, 1, 1) <= each.as_of <= date.today()
        assert len(each.source) > 20
        assert not each.own
    assert len({(each.engine, each.model) for each in prices}) == len(prices)
    found, why = price_of(ModelSpec("gemini", "models/Gemini-2.5-Flash"), prices)
    assert found is not None
    assert (found.input_per_million, found.output_per_million) == (0.30, 2.50)
    assert "2026-03-01" in why
    # A name that begins alike is another model.
    assert price_of(ModelSpec("gemini", "gemini-2.5-flash-preview-09"), prices)[0] is None
    assert price_of(ModelSpec("openai", "gemini-2.5-flash"), prices)[0] is None


def write(path: Path, *rows: str, head: str = ",".join(COLUMNS)) -> Path:
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def test_the_users_prices_go_first_and_longer_patterns_before_shorter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(
        tmp_path / "mine.csv",
        "gpt-*,openai,9,9,EUR,2026-11-01,my contract",
        "gpt-4o-*,openai,5,6,EUR,2026-11-02,my contract",
        "house-model,*,0.01,0.02,EUR,2026-11-03,electricity",
        "grown,openai,1,2,EUR,2026-01-01,an old bill",
        "grown,openai,3,4,EUR,2026-11-04,the newest bill",
    )
    monkeypatch.setenv(PRICES_VARIABLE, str(path))
    prices = load_prices()
    for spec, expected in (
        (SPEC, 5.0),
        (ModelSpec("openai", "gpt-4o"), 9.0),
        (ModelSpec("openai", "gpt-4o-mini", "https://router.example.org/v1"), 5.0),
        (ModelSpec("openai", "house-model", "http://localhost:8000/v1"), 0.01),
        (ModelSpec("gemini", "gemini-2.5-flash"), 0.30),
        (ModelSpec("openai", "grown"), 3.0),
    ):
        found, _ = price_of(spec, prices)
        assert found is not None
        assert found.input_per_million == expected
    found, why = price_of(SPEC, prices)
    assert why == "your price of 2026-11-02 (my contract)"
    assert load_prices(write(tmp_path / "other.csv"))[0].own is False


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("m,openai,x,2,USD,2026-01-01,s", r"line 2, input_per_million: is 'x'"),
        ("m,openai,-1,2,USD,2026-01-01,s", r"line 2, input_per_million: is '-1'"),
        ("m,openai,1,nan,USD,2026-01-01,s", r"line 2, output_per_million: is 'nan'"),
        ("m,openai,1,2,USD,1.1.2026,s", r"line 2, date: is '1\.1\.2026'"),
        ("m,openai,1,2,USD,2026-01-01,", r"line 2, source: is empty"),
        ("m,opnai,1,2,USD,2026-01-01,s", r"line 2, engine: unknown engine 'opnai'.*Nearest valid: openai"),
        ("m,openai,1", r"line 2, output_per_million: is ''"),
        ("m,openai,1,2,USD,2026-01-01,s,more", r"line 2: has more cells"),
    ],
)
def test_a_bad_price_says_where(tmp_path: Path, row: str, message: str) -> None:
    path = write(tmp_path / "mine.csv", row)
    with pytest.raises(InputError, match=message) as caught:
        load_prices(path)
    assert str(path) in str(caught.value)


def test_what_is_no_table_of_prices(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown column 'input_per_milion'.*Nearest valid: input_per_million"):
        load_prices(write(tmp_path / "a.csv", head=",".join(COLUMNS).replace("input_per_million", "input_per_milion")))
    with pytest.raises(InputError, match="column 'source' is absent"):
        load_prices(write(tmp_path / "b.csv", head=",".join(COLUMNS[:-1])))
    with pytest.raises(InputError, match="the price of M \\(openai\\) on 2026-01-01 is given twice"):
        load_prices(write(tmp_path / "d.csv", "m,openai,1,2,USD,2026-01-01,s", "M,openai,2,3,USD,2026-01-01,s"))
    with pytest.raises(InputError, match="no such file"):
        load_prices(tmp_path / "absent.csv")
    (tmp_path / "c.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is text in UTF-16"):
        load_prices(tmp_path / "c.csv")


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("10.2.3.4", True),
        ("192.168.1.7", True),
        ("gpu-box", True),
        ("gpu.local", True),
        ("8.8.8.8", False),
        ("api.openai.com", False),
        ("localhost.example.com", False),
    ],
)
def test_which_hosts_are_local(host: str, local: bool) -> None:
    assert is_local(host) == local


def test_a_purse_needs_a_price_for_a_cap_on_cost() -> None:
    with pytest.raises(InputError, match="needs the price"):
        BudgetTracker(max_cost=1.0)
    budget = BudgetTracker(max_cost=0.001, price=price())
    assert budget.lacking(1001, 0) == "0.001 USD"
    assert budget.lacking(999, 0) is None
    assert math.isclose(budget.cost or 0.0, 0.0)
