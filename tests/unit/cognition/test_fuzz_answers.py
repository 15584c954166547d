"""Thousands of model answers, broken in all the ways we know: what is accepted, a strict and independent reading accepts too."""

from __future__ import annotations

import json
import math
import random
import re
from typing import Any

import pytest
from llm_servers import Step, gemini_answer, gemini_server, openai_answer, openai_server

from core.cognition.llm.answers import AnswerShape
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.limits import Limits
from core.cognition.llm.pipe import ask_all
from core.cognition.llm.providers.gemini import GenaiProvider, GenerativeAIProvider
from core.cognition.llm.providers.openai import OpenAIProvider
from core.cognition.llm.types import AnswerError, ModelSpec, Question

SHAPE = AnswerShape((), ("working", "rest"), ("retail", "parks"), 60)
TEXTS, ENVELOPES = 2_700, 150
TAGS = ("think", "thinking", "reasoning", "thought", "scratchpad", "Think")
BITS = (
    "{",
    "}",
    "[",
    "]",
    '"',
    ",",
    ":",
    "NaN",
    "-",
    "1e999",
    "\\u0000",
    "```",
    "\ufeff",
    "</think>",
    "<think>",
    "40",
    "'",
)


# ---------------------------------------------------------------------------------------- a second reader, written otherwise


def strict_object(text: str) -> dict[str, Any] | None:
    """The JSON object that this text is, with every key once and finite numbers."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in items}) != len(items):
            raise ValueError("twice")
        return dict(items)

    def refuse(name: str) -> Any:
        raise ValueError(name)

    try:
        found = json.loads(text, object_pairs_hook=pairs, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def is_answer(found: dict[str, Any]) -> bool:
    """Whether an object is an answer of SHAPE."""
    if set(found) != {"reason", "days"} or not isinstance(found["reason"], str) or not isinstance(found["days"], dict):
        return False
    days = found["days"]
    if set(days) != {"working", "rest"} or not all(isinstance(day, dict) for day in days.values()):
        return False
    if not all(set(day) == {"retail", "parks"} for day in days.values()):
        return False
    numbers = [value for day in days.values() for value in day.values()]
    return all(type(value) in (int, float) and math.isfinite(value) and 0 <= value <= 1 for value in numbers)


def objects_in(text: str) -> list[tuple[int, int, dict[str, Any]]]:
    """All objects in a text that are in no other, by trying every pair of braces: (start, end, object)."""
    starts = [place for place, letter in enumerate(text) if letter == "{"]
    ends = [place + 1 for place, letter in enumerate(text) if letter == "}"]
    found = [
        (start, end, value)
        for start in starts
        for end in ends
        if end > start and (value := strict_object(text[start:end])) is not None
    ]
    return [
        item
        for item in found
        if not any(other[0] <= item[0] and item[1] <= other[1] and other[:2] != item[:2] for other in found)
    ]


def accepts(text: str, answer: dict[str, Any], cut: bool) -> bool:
    """Whether a strict reader takes `answer` out of this text."""
    rivals = [item for item in objects_in(text) if "reason" in item[2] or "days" in item[2]]
    bare = re.sub(r"^```[A-Za-z]*|```$", "", text.strip("\ufeff \n\t\r")).strip()
    if strict_object(bare) is None:  # else a tag can only stand in its reason
        last = max((found.end() for found in re.finditer(r"</\w+>", text)), default=0)
        rivals = [item for item in rivals if item[0] >= last]
    if len(rivals) != 1 or not is_answer(rivals[0][2]) or rivals[0][2]["days"] != answer["days"]:
        return False
    start, end, _ = rivals[0]
    before, after = text[:start], text[end:]
    if text[start:end] == bare:
        return True
    between = re.split(r"</\w+>", before)[-1]
    if any(f"<{tag}>" in between for tag in TAGS):
        return False
    if cut:
        return not re.sub(r"```\w*", "", between).strip() and not after.strip("` \n\r")
    return True


# -------------------------------------------------------------------------------------------------------------- what is sent


def answer(random_: random.Random) -> dict[str, Any]:
    def number() -> Any:
        return random_.choice([0, 1, 0.25, 1.0, round(random_.random(), 2)])

    days = {day: {name: number() for name in ("retail", "parks")} for day in ("working", "rest")}
    return {"reason": random_.choice(["I work.", "I <think> so.", "A {plan}, a [list].", 'Say "no".']), "days": days}


def spoilt(value: dict[str, Any], random_: random.Random) -> Any:
    """An answer with one part replaced, dropped, renamed or doubled."""
    what = random_.randrange(6)
    day = random_.choice(["working", "rest"])
    odd = [None, True, "0.4", "40%", 40, -0.1, 1.01, [], {}, [0.4], {"a": 0.4}, "NaN", 10**400, 1e-400, 50.0]
    if what == 0:
        value["days"][day]["parks"] = random_.choice(odd)
    elif what == 1:
        del value["days"][day][random_.choice(["retail", "parks"])]
    elif what == 2:
        value["days"][day]["moon"] = 0.4
    elif what == 3:
        value[random_.choice(["Reason", "answer", "days "])] = value.pop(random_.choice(["reason", "days"]))
    elif what == 4:
        value["reason"] = random_.choice([*odd, "", "x" * 61])
    else:
        return random_.choice([[value], {"answer": value}, value["days"], [value, value], {"days": value}])
    return value


def text_of(random_: random.Random) -> str:
    """What a model writes: an answer, one spoilt, or several; within tags, fences and talk; then perhaps broken."""
    made = answer(random_)
    text = json.dumps(spoilt(made, random_) if random_.random() < 0.35 else made, indent=random_.choice([None, 1]))
    draft, tag = json.dumps(answer(random_)), random_.choice(TAGS)
    wraps = (
        "{}", "{}", "```json\n{}\n```", "```\n{}\n```", "Here it is:\n{}\nI hope {{this}} helps.", "<TAG>DRAFT</TAG>{}",
        "<TAG>DRAFT and then {}", "DRAFT</TAG>{}", "<TAG>so {}", "DRAFT {}", "{}\n<TAG>DRAFT</TAG>", "[{}, DRAFT]", "\ufeff{}\n",
        "<TAG>a</TAG>```json\n{}\n```", "{{{}", 'The set {{a, b}} gives {}', "{} {{x", "<TAG>DRAFT</TAG>", "{}</TAG>",
    )  # fmt: skip
    wrap = random_.choice(wraps).replace("TAG", tag)
    text = wrap.replace("{{", "\0").replace("}}", "\1").replace("{}", text).replace("\0", "{").replace("\1", "}")
    text = text.replace("DRAFT", draft)
    for _ in range(random_.choice([0, 0, 0, 1, 2])):
        here, there = sorted(random_.randint(0, len(text)) for _ in range(2))
        cuts = (
            text[:here],
            text[:here] + text[there:],
            text[:here] + random_.choice(BITS) + text[here:],
            text[:there] + text[here:],
        )
        text = random_.choice(cuts)[:1500]
    return text


def test_what_is_accepted_of_a_text_a_strict_reader_accepts() -> None:
    random_ = random.Random(12)
    accepted = 0
    for _ in range(TEXTS):
        text = text_of(random_)
        try:
            found = SHAPE.parse(text)
        except AnswerError as wrong:
            assert 0 < len(str(wrong)) < 700 and "\n" not in str(wrong)
            continue
        accepted += 1
        assert is_answer(found) and accepts(text, found, cut=False), text
    assert 400 < accepted < TEXTS - 1000


def test_the_plain_answers_are_all_accepted() -> None:
    random_ = random.Random(13)
    for _ in range(300):
        made = answer(random_)
        for wrap in ("%s", "```json\n%s\n```", "<think>{a}</think>\n%s", "Sure:\n%s\nBye."):
            text = wrap % json.dumps(made)
            if wrap in ("%s", "```json\n%s\n```") or "<" not in made["reason"]:
                assert SHAPE.parse(text)["days"] == made["days"], text


# ----------------------------------------------------------------------------------------------------------- whole envelopes


def envelope(kind: str, random_: random.Random) -> tuple[Step, str | None, bool]:
    """A response, the text in it (None where no reader may find one), and whether that was cut."""
    text = text_of(random_) if random_.random() < 0.6 else json.dumps(answer(random_))
    body = openai_answer(text) if kind == "openai" else gemini_answer(text)
    ended = random_.choice(["stop", "stop", "stop", "length", "content_filter", "tool_calls", "abort", None, "odd", 7])
    if kind == "openai":
        body["choices"][0]["finish_reason"] = ended
        text_told = None if ended == "content_filter" else text
        cut = ended not in ("stop", None)
        target: dict[str, Any] = body["choices"][0]["message"]
        name = "content"
    else:
        ended = random_.choice(["STOP", "STOP", "STOP", "MAX_TOKENS", "SAFETY", "OTHER", "NEW_REASON", "LANGUAGE"])
        body["candidates"][0]["finishReason"] = ended
        # A reason that a client does not know may read as none.
        text_told = text if ended in ("STOP", "MAX_TOKENS", "NEW_REASON") else None
        cut = ended == "MAX_TOKENS"
        target, name = body["candidates"][0], "content"
    what = random_.randrange(12)
    odd = random_.choice([None, "", [], {}, 5, True, [None], {"a": 1}, "\ud800", "x" * 5000])
    if what == 0:
        target[name] = odd
        text_told = None
    elif what == 1:
        body[random_.choice(list(body))] = odd
        text_told = text_told if ("choices" in body and body["choices"] != odd) or _intact(body) else None
    elif what == 2 and kind == "openai":
        target |= {"content": None, random_.choice(["reasoning_content", "reasoning"]): text}
        text_told = None
    elif what == 3:
        status = random_.choice([400, 402, 403, 404, 408, 422, 429, 500, 503])
        if status in (402, 403, 404, 429) or (status == 400):
            status = 422  # these end a run, which test_llm_replies covers
        return Step(status, {}, {"error": {"message": odd, "code": odd, "details": odd}}), None, False
    elif what == 4:
        raw = json.dumps(body)
        return Step(200, {}, raw[: random_.randint(0, len(raw) - 1)]), None, False
    elif what == 5:
        return (
            Step(200, {}, random_.choice(["null", "[]", '"x"', "3", "[[[[", "{" * 3000, "[" * 5000, "\x00"])),
            None,
            False,
        )
    return Step(200, {}, json.dumps(body)), text_told, cut


def _intact(body: dict[str, Any]) -> bool:
    """Whether the part of the body that holds the text is as it was."""
    holder = body.get("choices", body.get("candidates"))
    return isinstance(holder, list) and bool(holder) and isinstance(holder[0], dict)


PROVIDERS = [
    pytest.param("openai", openai_server, OpenAIProvider, id="openai"),
    pytest.param("gemini", gemini_server, GenaiProvider, id="genai"),
    pytest.param("gemini", gemini_server, GenerativeAIProvider, id="generativeai"),
]


@pytest.mark.filterwarnings("ignore:.*is not a valid.*")
@pytest.mark.parametrize(("kind", "server", "provider"), PROVIDERS)
def test_whole_envelopes_are_answers_or_failures(
    kind: str, server: Any, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    random_ = random.Random(14)
    made = [envelope(kind, random_) for _ in range(ENVELOPES)]
    questions = [Question("s", f"number {n}.", SHAPE.schema(), "v", "d", 0) for n in range(ENVELOPES)]

    def behaviour(request: dict[str, Any], count: int) -> Step:
        said = json.dumps(request)
        return made[int(re.findall(r"number (\d+)\.", said)[-1])][0]

    with server(behaviour) as url, AnswerCache() as cache:
        spec = ModelSpec(kind, "m", base_url=str(url))
        limits = Limits(concurrency=4, max_repairs=0, max_attempts=1)
        outcomes = ask_all(questions, provider(spec), spec, SHAPE.parse, cache, limits)
        stored = cache.find([item.key for item in outcomes])
    assert sum(item.attempts for item in outcomes) >= ENVELOPES
    accepted = 0
    for item, (_, text, cut) in zip(outcomes, made, strict=True):
        assert (item.key in stored) == item.answered
        if item.answered:
            accepted += 1
            assert text is not None and accepts(text, item.answer, cut), (text, item.answer)
        else:
            assert item.failure and "\n" not in item.failure and "Traceback" not in item.failure
    assert 20 < accepted < ENVELOPES - 50
