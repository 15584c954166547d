"""Reading answers: a valid one or AnswerError, never anything else and never a default."""

from __future__ import annotations

import json
import math
import random
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.replies import LONGEST_REPLY
from core.cognition.llm.types import AnswerError

BEHAVIOURS = ("retail", "parks")
PLAIN = AnswerShape((), (), BEHAVIOURS, 80)
DAYS = AnswerShape((), ("working", "rest"), BEHAVIOURS, 80)
LEVELS = AnswerShape(("A", "B", "C"), ("working", "rest"), BEHAVIOURS, 80)
LEVELS_APART = AnswerShape(("A", "B"), (), BEHAVIOURS, 80)
SHAPES = (PLAIN, DAYS, LEVELS, LEVELS_APART)

shapes = st.sampled_from(SHAPES)


def filled(shape: AnswerShape, seed: int = 1) -> dict[str, Any]:
    """A valid answer with numbers that differ."""
    random_ = random.Random(seed)

    def numbers(item: Any) -> Any:
        if item is None:
            return random_.choice([0, 1, 0.25, round(random_.random(), 3)])
        return {key: numbers(inner) for key, inner in item.items()}

    form = json.loads(shape.form())
    return {"reason": "Because I work.", shape.outer: numbers(form[shape.outer])}


def is_valid(shape: AnswerShape, answer: dict[str, Any]) -> None:
    values = shape.array(answer)
    wanted = (max(1, len(shape.conditions)), max(1, len(shape.days)), len(shape.behaviours))
    assert values.shape == wanted and np.isfinite(values).all() and (values >= 0).all() and (values <= 1).all()
    assert isinstance(answer["reason"], str) and 0 < len(answer["reason"]) <= shape.longest_reason
    answer["reason"].encode("utf-8")
    json.dumps(answer, allow_nan=False)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "wrap",
    [
        "{}",
        "```json\n{}\n```",
        "```\n{}\n```",
        "\ufeff  {}\n",
        "Here is my answer:\n{}\nI hope this helps {{really}}.",
        "<think>Say {{'retail': 1}} or {{\"a\": 1}}…</think>\n{}",
    ],
)
def test_the_answer_is_found_and_its_numbers_are_in_their_places(shape: AnswerShape, wrap: str) -> None:
    answer = filled(shape)
    found = shape.parse(wrap.format(json.dumps(answer, indent=1)))
    assert found == answer
    values = shape.array(found)
    for i, condition in enumerate(shape.conditions or ("",)):
        for j, day in enumerate(shape.days or ("",)):
            for k, behaviour in enumerate(shape.behaviours):
                item = answer[shape.outer]
                for key in (condition, day, behaviour):
                    item = item[key] if key else item
                assert values[i, j, k] == item


@pytest.mark.parametrize("shape", SHAPES)
def test_the_order_of_keys_means_nothing(shape: AnswerShape) -> None:
    answer = filled(shape)

    def reverse(item: Any) -> Any:
        return {key: reverse(item[key]) for key in reversed(item)} if isinstance(item, dict) else item

    assert np.array_equal(shape.array(shape.parse(json.dumps(reverse(answer)))), shape.array(answer))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "empty"),
        ("   ```json\n```", "no JSON object|empty"),
        ("I cannot say.", "no JSON object"),
        ("[0.1, 0.2]", "no JSON object"),
        ('{"reason": "a", "values": {"retail": 0.1, "parks": 0.2}', "cut off"),
        ('{"reason": "a", "values": {"retail": 0.1, "parks": 30}}', r"values\.parks is 30, .*30 percent is 0\.3"),
        ('{"reason": "a", "values": {"retail": 0.1, "parks": -0.01}}', "allowed is 0 to 1"),
        ('{"reason": "a", "values": {"retail": 0.1, "parks": 1.0000001}}', "allowed is 0 to 1"),
        ('{"reason": "a", "values": {"retail": 0.1, "parks": "0.3"}}', "JSON number"),
        ('{"reason": "a", "values": {"retail": 0.1, "parks": "30%"}}', "JSON number"),
        ('{"reason": "a", "values": {"retail": 0.1, "parks": true}}', "JSON number"),
        ('{"reason": "a", "values": {"retail": 0.1, "parks": null}}', "JSON number"),
        ('{"reason": "a", "values": {"retail": 0.1, "parks": [0.3]}}', "JSON number"),
        ('{"reason": "a", "values": {"retail": 0.1, "parks": NaN}}', "NaN"),
        ('{"reason": "a", "values": {"retail": 0.1, "parks": -Infinity}}', "Infinity"),
        ('{"reason": "a", "values": {"retail": 0.1, "parks": 1e999}}', "0 to 1"),
        ('{"reason": "a", "values": {"retail": 0.1, "parks": ' + "9" * 5000 + "}}", "0 to 1"),
        ('{"reason": "a", "values": {"retail": 0.1, "retail": 0.2, "parks": 0.1}}', "twice"),
        ('{"reason": "a", "reason": "b", "values": {"retail": 0.1, "parks": 0.1}}', "twice"),
        ('{"reason": "a", "values": {"retail": 0.1}}', 'lacks "parks"'),
        ('{"reason": "a", "values": {"retail": 0.1, "parks": 0.1, "moon": 0.1}}', '"moon", which was not asked'),
        ('{"values": {"retail": 0.1, "parks": 0.1}}', 'lacks "reason"'),
        ('{"reason": "a"}', 'lacks "values"'),
        ('{"reason": "", "values": {"retail": 0.1, "parks": 0.1}}', "reason"),
        ('{"reason": "\\u0000\\n", "values": {"retail": 0.1, "parks": 0.1}}', "reason"),
        ('{"reason": 5, "values": {"retail": 0.1, "parks": 0.1}}', "reason"),
        ('{"reason": "' + "x" * 81 + '", "values": {"retail": 0.1, "parks": 0.1}}', "81 characters"),
        ('{"reason": "a", "values": 0.5}', "must be an object"),
        ('{"reason": "a", "values": {"retail": 1, "parks": 1}} {"reason": "b", "values": {}}', "more than one"),
        ("x" * (LONGEST_REPLY + 1), "characters"),
        ('{"a":' * 19_000, "nested|cut off"),
        ("[" * 50_000 + "{", "no JSON|cut off|nested"),
        ("{" * 90_000, "cannot be read"),
    ],
)
def test_what_is_no_answer_is_refused_with_a_sentence(text: str, wrong: str) -> None:
    with pytest.raises(AnswerError, match=wrong) as caught:
        PLAIN.parse(text)
    assert len(str(caught.value)) < 600 and "\n" not in str(caught.value)


def test_reasons_lose_what_cannot_be_stored_or_shown() -> None:
    found = PLAIN.parse('{"reason": " I\\u0007 go\\nout \\ud800 ", "values": {"retail": 0.1, "parks": -0.0}}')
    assert found["reason"] == "I go out ?"
    assert math.copysign(1, found["values"]["parks"]) == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_and_its_schema_say_the_same(shape: AnswerShape) -> None:
    assert AnswerShape.of(json.loads(json.dumps(shape.schema()))) == shape
    assert next(iter(shape.schema()["properties"])) == "reason"
    assert json.loads(shape.form()).keys() == {"reason", shape.outer}


@pytest.mark.parametrize("schema", [{}, {"type": "object", "properties": {}}, {"properties": {"a": 1, "reason": 2}}])
def test_another_schema_has_no_shape(schema: dict[str, Any]) -> None:
    with pytest.raises(AnswerError):
        AnswerShape.of(schema)


VALUES: list[Any] = [None, True, "0.5", "", -1, 2, 50, 1e308, [], {}, [0.5], {"a": 0.1}, 0.5, "é\ud800"]
PIECES = [
    "{",
    "}",
    '"',
    ",",
    ":",
    "NaN",
    "Infinity",
    "1e999",
    "\\u0000",
    "```",
    "\ufeff",
    "\u202e",
    "-",
    "reason",
    "[",
    "]",
]


def mutated(text: str, random_: random.Random) -> str:
    """The text with a few cuts, doublings, exchanges and insertions."""
    for _ in range(random_.randint(1, 4)):
        here, there = sorted(random_.randint(0, len(text)) for _ in range(2))
        what = random_.randrange(6)
        if what == 0:
            text = text[:here] + text[there:]
        elif what == 1:
            text = text[:there] + text[here:]
        elif what == 2:
            text = text[:here] + random_.choice(PIECES) + text[here:]
        elif what == 3:
            text = (
                text[:here]
                + chr(random_.choice([random_.randrange(128), random_.randrange(0x11000)]))
                + text[here + 1 :]
            )
        elif what == 4:
            text = text[:here]
        else:
            text = text.replace("0.", random_.choice(["", "-0.", "1.", "0", '"0.', "+0.", ".", "0x0."]), 1)
    return text


def changed(item: Any, random_: random.Random) -> Any:
    """The answer with one of its parts replaced, dropped or renamed."""
    if not isinstance(item, dict) or not item or random_.random() < 0.15:
        return random_.choice(VALUES)
    key = random_.choice(list(item))
    what = random_.randrange(4)
    copy = dict(item)
    if what == 0:
        del copy[key]
    elif what == 1:
        copy[random_.choice(["moon", "", "reason", key.upper()])] = copy.pop(key)
    else:
        copy[key] = changed(item[key], random_)
    return copy


def test_ten_thousand_broken_answers_are_answers_or_refused() -> None:
    random_ = random.Random(20)
    refused = 0
    for trial in range(10_000):
        shape = SHAPES[trial % len(SHAPES)]
        answer = filled(shape, trial)
        text = mutated(json.dumps(answer), random_) if trial % 2 else json.dumps(changed(answer, random_))
        try:
            found = shape.parse(text)
        except AnswerError as wrong:
            assert str(wrong)
            refused += 1
            continue
        is_valid(shape, found)
    assert 5_000 < refused < 10_000


@settings(max_examples=2_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shapes, st.text(max_size=200) | st.text(alphabet='{}[]":,.0123456789eE+-NaInfityreasonvlups \n`', max_size=200))
def test_any_text_is_an_answer_or_refused(shape: AnswerShape, text: str) -> None:
    with suppress(AnswerError):
        is_valid(shape, shape.parse(text))


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*BEHAVIOURS, "A", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shapes, json_values, json_values)
def test_any_json_is_an_answer_or_refused(shape: AnswerShape, reason: Any, values: Any) -> None:
    with suppress(AnswerError):
        is_valid(shape, shape.parse(json.dumps({"reason": reason, shape.outer: values})))


@settings(max_examples=300, deadline=None)
@given(shapes, st.lists(st.floats(0, 1, allow_nan=False), min_size=12, max_size=12))
def test_every_valid_answer_is_read_to_the_last_bit(shape: AnswerShape, numbers: list[float]) -> None:
    supply = iter(numbers)

    def fill(item: Any) -> Any:
        return next(supply) if item is None else {key: fill(inner) for key, inner in item.items()}

    answer = {"reason": "so", shape.outer: fill(json.loads(shape.form())[shape.outer])}
    read = shape.array(shape.parse(json.dumps(answer)))
    assert read.ravel().tolist() == numbers[: read.size]


PERCENT = AnswerShape((), (), BEHAVIOURS, 80, percent=True)


def in_percent(value: object) -> str:
    return json.dumps({"reason": "So it is.", "values": dict.fromkeys(BEHAVIOURS, 50) | {BEHAVIOURS[0]: value}})


def test_whole_percents_are_asked_for_and_read_as_probabilities() -> None:
    number = PERCENT.schema()["properties"]["values"]["properties"][BEHAVIOURS[0]]
    assert number == {"type": "integer", "minimum": 0, "maximum": 100}
    assert AnswerShape.of(PERCENT.schema()) == PERCENT and AnswerShape.of(PLAIN.schema()) == PLAIN
    for said, meant in ((0, 0.0), (7, 0.07), (100, 1.0), (50.0, 0.5)):
        assert PERCENT.parse(in_percent(said))["values"][BEHAVIOURS[0]] == meant


@pytest.mark.parametrize("value", [-1, 101, 0.5, 33.3, "50", None, True, 10**400])
def test_what_is_no_whole_percent_is_mended(value: object) -> None:
    with pytest.raises(AnswerError, match="whole number from 0 to 100"):
        PERCENT.parse(in_percent(value))
    with pytest.raises(AnswerError):
        PERCENT.parse(in_percent(1).replace("1", "1e999"))
