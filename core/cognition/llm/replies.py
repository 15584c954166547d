"""What of a model's reply is its answer: the one JSON object in it that is no draft.

A draft is what stands in a model's thinking, and what stands inside something larger that is not the answer. Thinking comes
between tags of many names, sometimes without its opening tag (which some chat templates write for the model), and a reply
that was cut may lack the closing one: then all of it is thinking, and there is no answer.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from core.cognition.llm.types import AnswerError

#: Characters of a reply that are looked at; a valid answer to the largest question has about a tenth of it.
LONGEST_REPLY = 100_000
#: Places at which an object may begin that are tried, where a model talks before it answers.
MOST_TRIES = 20
#: Tags around an answer, not a draft.
ANSWER_TAGS = frozenset({"answer", "final", "final_answer", "output", "response", "result", "json"})
_FENCE = re.compile(r"^```[A-Za-z]*[ \t]*\r?\n(.*?)\r?\n?```$", re.DOTALL)
#: <think>, </think>, <thinking mode="x">; also [THINK] (Mistral), ◁think▷ (Kimi), and the marks of two chat templates.
_TAG = re.compile(
    r"<\|(?P<edge>begin|end)_of_(?:thought|solution)\|>"
    r"|<\|channel\|>\s*(?P<channel>\w+)"
    r"|[<◁](?P<close>/?)(?P<name>[A-Za-z][\w:.-]{0,40})(?:\s[^<>◁▷]{0,200})?[>▷]"
    r"|\[(?P<closed>/?)(?:think(?:ing)?|reasoning)\]",
    re.IGNORECASE,
)


def object_in(text: str, answer_keys: tuple[str, ...]) -> dict[str, Any]:
    """The one JSON object in a reply; an object with any of `answer_keys` goes before others.

    AnswerError where there is none, more than one, or none but in a draft.
    """
    body = _body(text)
    found, problem = _objects(body)
    # Objects that are no answers may stand in what a model says before it answers, and inside an answer that is broken.
    answers = [item for item in found if any(key in item for key in answer_keys)]
    if not answers and (problem or not found):
        raise AnswerError(problem or "The answer holds no JSON object; answer with the JSON object alone.")
    answers = answers or found
    if len(answers) > 1:
        raise AnswerError("The answer holds more than one JSON object; answer with one.")
    return answers[0]


def is_whole(text: str) -> bool:
    """Whether a reply is a JSON object and nothing else, thinking that ended and a code fence apart: of a reply that was cut,
    nothing else can be told from a draft."""
    try:
        body = _body(text)
        return isinstance(_DECODER.decode(body), dict)
    except (AnswerError, ValueError, RecursionError):
        return False


def _body(text: str) -> str:
    """The reply without its thinking and the fence around the rest. AnswerError where nothing is left, or too much is there."""
    if len(text) > LONGEST_REPLY:
        raise AnswerError(f"The answer has {len(text)} characters; answer with the JSON object alone.")
    body = _without_fence(text)
    try:
        whole = isinstance(_DECODER.decode(body), dict)
    except (ValueError, RecursionError):
        whole = False
    if not whole:  # else a tag in it can only be part of a reason
        body = _without_fence(_after_thinking(body))
    if not body:
        raise AnswerError("The answer is empty; answer with the JSON object.")
    return body


def _without_fence(text: str) -> str:
    body = text.strip().lstrip("\ufeff").strip()
    fence = _FENCE.match(body)
    return fence.group(1).strip() if fence else body


def _after_thinking(text: str) -> str:
    """What follows the last end of thinking. AnswerError where an object stands inside tags that nothing closes."""
    start, opened, last = 0, "", text.rfind("{")
    for tag in _TAG.finditer(text):
        closes, name = _meaning(tag)
        if name in ANSWER_TAGS:
            continue
        if closes:
            start, opened = tag.end(), ""
        elif not opened and tag.end() <= last:
            opened = tag.group(0)
    if opened:
        raise AnswerError(
            f"The reply ends inside {opened[:40]}, so that what stands there is a draft; "
            "end the thinking and answer with the JSON object."
        )
    return text[start:]


def _meaning(tag: re.Match[str]) -> tuple[bool, str]:
    """Whether a tag ends thinking, and its name in small letters."""
    if tag["channel"] is not None:
        return tag["channel"].lower() == "final", "channel"
    if tag["edge"] is not None:
        if "solution" in tag.group(0).lower():
            return False, "answer"
        return tag["edge"].lower() == "end", "thought"
    return bool(tag["close"] or tag["closed"]), (tag["name"] or "think").lower()


def _objects(body: str) -> tuple[list[dict[str, Any]], str]:
    """The objects in a text one after the other, and what is wrong with the first that cannot be read ("" where all can)."""
    found: list[dict[str, Any]] = []
    problem, position, ended, open_before = "", 0, 0, 0
    for _ in range(MOST_TRIES):
        position = body.find("{", position)
        if position < 0:
            return found, problem
        try:
            value, end = _DECODER.raw_decode(body, position)
        except RecursionError:
            raise AnswerError("The answer is nested too deeply; keep to the form asked for.") from None
        except ValueError as wrong:
            problem, position = problem or _why(wrong), position + 1
            continue
        open_before = _opened(body[ended:position], open_before)
        if open_before:
            # A part of something that is no object as a whole: a list, or an object that is broken or cut.
            raise AnswerError(problem or "The JSON object stands inside a list; answer with the JSON object alone.")
        found.append(value)
        position = ended = end
    if body.find("{", position) >= 0:
        raise AnswerError(problem or "The answer holds more than one JSON object; answer with one.")
    return found, problem


def _opened(text: str, before: int) -> int:
    """How many brackets are open after a text, with so many open before it."""
    for bracket in re.findall(r"[\[\]{}]", text):
        before = before + 1 if bracket in "[{" else max(0, before - 1)
    return before


class _Refused(ValueError):
    """JSON that Python's reader takes, and this one does not."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Refused(f"The key {shown(next(key for key in keys if keys.count(key) > 1))} is there twice.")
    return found


def _no_number(name: str) -> NoReturn:
    raise _Refused(f"{name} is not a number; give numbers from 0 to 1.")


#: Whole numbers are read as floats too: Python refuses to read one of thousands of digits as a whole number.
_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_no_number, parse_int=float)


def _why(wrong: ValueError) -> str:
    if isinstance(wrong, json.JSONDecodeError):
        return f"The JSON object cannot be read: {wrong.msg} at character {wrong.pos}. It may have been cut off."
    return str(wrong)


def shown(value: Any) -> str:
    """A value of an answer, short enough for a message."""
    try:
        text = json.dumps(value, ensure_ascii=True, default=str)
    except RecursionError:
        text = "too deeply nested"
    return text if len(text) <= 60 else f"{text[:57]}…"
