"""What comes back instead of an answer: drafts, cut texts, answers elsewhere, wrong addresses, echoed keys."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llm_servers import (
    Step,
    always,
    gemini_answer,
    gemini_error,
    gemini_server,
    openai_answer,
    openai_server,
    script,
)
from reply_cases import ANSWER, DRAFT, SHAPE, ask, outcome, provider_of, question, spec_of

from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.limits import Limits
from core.cognition.llm.pipe import ask_all
from core.cognition.llm.providers.errors import said
from core.cognition.llm.providers.openai import address_hint
from core.cognition.llm.secret_text import HIDDEN, secret_values, without_values
from core.cognition.llm.types import (
    AnswerError,
    Denied,
    QuotaExhausted,
    Rejected,
    Unavailable,
)

# ---------------------------------------------------------------------------------------------------- drafts and answers


@pytest.mark.parametrize(
    "text",
    [
        f"<think>Perhaps {DRAFT}? No.</think>\n{ANSWER}",
        f"<thinking>\n{DRAFT}\n</thinking>\n\n```json\n{ANSWER}\n```",
        f"<Reasoning depth='2'>{DRAFT} <b>no</b></Reasoning>{ANSWER}",
        f"Let me see, {DRAFT} is too high.</think>{ANSWER}",  # the template wrote the opening tag
        f"<think>a</think><think>{DRAFT}</think>{ANSWER}",
        f"<think><think>{DRAFT}</think>{DRAFT}</think>{ANSWER}",
        f"[THINK]{DRAFT}[/THINK]{ANSWER}",
        f"◁think▷{DRAFT}◁/think▷{ANSWER}",
        f"<|begin_of_thought|>{DRAFT}<|end_of_thought|><|begin_of_solution|>{ANSWER}<|end_of_solution|>",
        f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}",
        f"<answer>{ANSWER}</answer>",
        ANSWER.replace("I stay.", "I <think> so {really}.").replace("0.2", "2e-1"),
    ],
)
def test_the_answer_is_what_follows_the_thinking(text: str) -> None:
    assert SHAPE.parse(text)["values"] == {"retail": 0.1, "parks": 0.2}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"<think>Perhaps {DRAFT} Hmm, that is too high, I should recons", "inside <think>"),
        (f"<thinking>{DRAFT}", "inside <thinking>"),
        (f"<reasoning>{DRAFT}\n", "inside <reasoning>"),
        (f"<scratchpad>{DRAFT}", "inside <scratchpad>"),
        (f"[THINK]{DRAFT}", r"inside \[THINK\]"),
        (f"<|channel|>analysis<|message|>{DRAFT}", "inside"),
        (f"<think>a</think><think>{DRAFT}", "inside <think>"),
        (f"{DRAFT}</think>", "empty"),
        (f"<think>{DRAFT}</think>", "empty"),
        (f"{DRAFT} No: {ANSWER}", "more than one"),
        (f"```json\n{DRAFT}\n```\nor\n```json\n{ANSWER}\n```", "more than one"),
        (f'{{"values": {{"retail": 0.9, "parks": 0.9}}}} {ANSWER}', "more than one"),
        (f"[{ANSWER}]", "inside a list"),
        (f"[{DRAFT}, {ANSWER}]", "inside a list"),
        (f'{{"draft": {DRAFT}, "answer":', "cannot be read"),
        (f"{ANSWER} {'{x ' * 30} {DRAFT}", "cannot be read|more than one"),
    ],
)
def test_a_draft_is_no_answer(text: str, problem: str) -> None:
    with pytest.raises(AnswerError, match=problem):
        SHAPE.parse(text)


def openai_with(text: str | None, ended: Any = "stop", **message: Any) -> dict[str, Any]:
    body = openai_answer("")
    body["choices"][0] |= {"finish_reason": ended, "message": {"role": "assistant", "content": text, **message}}
    return body


def gemini_with(text: str, ended: str) -> dict[str, Any]:
    body = gemini_answer(text)
    body["candidates"][0]["finishReason"] = ended
    return body


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("openai", openai_with(f"I would say {DRAFT} Hmm, that is too", "length")),
        ("openai", openai_with(f"I would say {DRAFT}", "length")),
        ("openai", openai_with(f"<think>{DRAFT}", "length")),
        ("openai", openai_with(f"Draft: {DRAFT}", "abort")),
        ("openai", openai_with(f"Draft: {DRAFT}", "tool_calls")),
        ("genai", gemini_with(f"I would say {DRAFT} Hmm", "MAX_TOKENS")),
        ("generativeai", gemini_with(f"I would say {DRAFT} Hmm", "MAX_TOKENS")),
    ],
)
def test_a_text_that_was_cut_is_asked_again_and_then_fails(kind: str, body: dict[str, Any]) -> None:
    with AnswerCache() as cache:
        found = outcome(kind, always(body), cache, max_repairs=1)
        assert cache.find([found.key]) == {}
    assert found.answer is None and found.attempts == 2 and "cut" in str(found.failure)
    good = openai_with(ANSWER) if kind == "openai" else gemini_answer(ANSWER)
    again = outcome(kind, script(Step(200, {}, body), Step(200, {}, good)))
    assert again.answer["values"]["retail"] == 0.1 and again.attempts == 2


def test_an_answer_that_is_whole_at_the_limit_is_one() -> None:
    body = openai_with(f"<think>{DRAFT}</think>```json\n{ANSWER}\n```", "length")
    assert outcome("openai", always(body)).answer["values"]["retail"] == 0.1


CALL = [{"id": "1", "type": "function", "function": {"name": "answer", "arguments": ANSWER}}]


@pytest.mark.parametrize(
    ("kind", "body", "problem"),
    [
        ("openai", openai_with(None, reasoning_content=ANSWER), "the answer stands in reasoning_content: "),
        ("openai", openai_with("", reasoning=ANSWER), "the answer stands in reasoning: "),
        ("openai", openai_with(None, "tool_calls", tool_calls=CALL), "the answer stands in a tool call"),
        ("openai", openai_with(None, function_call=CALL[0]["function"]), "the answer stands in a tool call"),
        ("openai", openai_with("", "length", reasoning_content=ANSWER), "max_output_tokens"),
        ("openai", openai_with(None, refusal="I will not."), "I will not"),
        ("openai", openai_with(DRAFT, "content_filter"), "content filter"),
        ("genai", gemini_with("", "MAX_TOKENS"), "max_output_tokens"),
        ("generativeai", gemini_with("", "MAX_TOKENS"), "max_output_tokens"),
        ("genai", gemini_with(DRAFT, "SAFETY"), "SAFETY"),
        ("generativeai", gemini_with(DRAFT, "OTHER"), "OTHER"),
        ("genai", gemini_with("", "MALFORMED_FUNCTION_CALL"), "MALFORMED_FUNCTION_CALL"),
        ("genai", {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, "PROHIBITED_CONTENT"),
        ("generativeai", {"promptFeedback": {"blockReason": "SAFETY"}}, "SAFETY"),
    ],
)
def test_a_reply_without_an_answer_says_where_it_is_or_why(kind: str, body: dict[str, Any], problem: str) -> None:
    with pytest.raises(Rejected, match=problem) as caught:
        ask(kind, body)
    assert caught.value.reply is not None
    found = outcome(kind, always(body))
    # It was billed: one call, with the tokens that the server counted.
    assert found.attempts == 1 and (found.tokens_in or 0) == (11 if "usage" in body or "usageMetadata" in body else 0)


def test_a_text_in_parts_is_a_text() -> None:
    parts = [{"type": "thinking", "thinking": DRAFT}, {"type": "text", "text": ANSWER}]
    assert ask("openai", openai_with(parts)).text == ANSWER  # type: ignore[arg-type]


@pytest.mark.parametrize("counts", [(-5, 3), (10**30, 3), ("7", True), (1.5, None), ({}, [])])
def test_counts_that_are_none_are_unknown(counts: tuple[Any, Any]) -> None:
    body = openai_answer(ANSWER) | {"usage": {"prompt_tokens": counts[0], "completion_tokens": counts[1]}}
    with AnswerCache() as cache:
        found = outcome("openai", always(body), cache)
        assert cache.find([found.key])[found.key].tokens_in is None
    assert found.tokens_in is None and found.tokens_out in (3, None)


# -------------------------------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("http://h:8000", "http://h:8000/v1."),
        ("http://h/", "http://h/v1."),
        ("https://h/llm", "https://h/llm/v1."),
        ("http://h/v1/chat/completions", "Leave /chat/completions out: http://h/v1."),
        ("http://h:11434/api", "http://h:11434/v1."),
        ("http://h:11434/api/chat", "http://h:11434/v1."),
        ("http://h/v1/models", "Leave /models out: http://h/v1."),
        ("http://h/v1", ""),
        ("https://h/v1beta/openai", ""),
        ("https://openrouter.ai/api/v1", ""),
    ],
)
def test_a_wrong_address_is_hinted_at(address: str, hint: str) -> None:
    found = address_hint(address)
    assert found.endswith(hint) and bool(found) == bool(hint)


def test_a_wrong_address_is_hinted_at_where_nobody_answers_or_a_page_does() -> None:
    with openai_server(script(Step(404, {}, "404 page not found"))) as url:
        for given in (url.removesuffix("/v1"), f"{url}/chat/completions", url.removesuffix("/v1") + "/api"):
            spec = spec_of("openai", given)
            with pytest.raises(Denied, match=rf"\(404\).*{url}\.$"):
                ask_all([question()], provider_of("openai", spec), spec, SHAPE.parse)
    page = Step(200, {"Content-Type": "text/html"}, "<html>a chat for people</html>")
    with openai_server(script(page)) as url:
        spec = spec_of("openai", url.removesuffix("/v1"))
        failed = ask_all([question()], provider_of("openai", spec), spec, SHAPE.parse, limits=Limits(max_attempts=1))[0]
        assert f"no chat completion. Most servers answer at an address that ends in /v1: {url}." in str(failed.failure)
    with pytest.raises(QuotaExhausted, match="no such provider"):  # an error in a reply that says all is well
        ask("openai", {"error": {"message": "no such provider", "code": 402}})


@pytest.mark.parametrize("kind", ["genai", "generativeai"])
def test_geminis_address_ends_before_the_version(kind: str) -> None:
    with gemini_server(lambda request, number: Step(404, {}, gemini_error(404, "no such page"))) as url:
        spec = spec_of(kind, f"{url}/v1beta")
        with pytest.raises(Denied, match="Leave /v1beta out"):
            ask_all([question()], provider_of(kind, spec), spec, SHAPE.parse)


# ------------------------------------------------------------------------------------------------------------------- keys


@pytest.mark.parametrize("key", ["abc", "k-1", "hunter2key", 'a+b/c=d"e', "sk", "0123456789abcdef0"])
def test_the_key_that_is_sent_is_cut_out_of_whatever_comes_back(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    coded = "".join(f"\\u{ord(letter):04x}" for letter in key)

    def behaviour(request: dict[str, Any], number: int) -> Step:
        reasons = (json.dumps(f"header Bearer {key}"), f'"header {coded} {coded.upper().replace("U", "u")}"')
        if number < 2:
            text = f'{{"reason": {reasons[number]}, "values": {{"retail": 0.1, "parks": 0.2}}}}'
            return Step(200, {}, openai_answer(text, model=f"m {key}"))
        if number == 2:
            return Step(200, {}, openai_answer(f"no JSON but {key} and {coded}"))
        return Step(400, {}, {"error": {"message": f"bad request for {key}, ?key={key}"}})

    with openai_server(behaviour) as url, AnswerCache() as cache:
        spec = spec_of("openai", url)
        asked = [question(sample) for sample in range(4)]
        limits = Limits(concurrency=1, max_repairs=0)
        outcomes = ask_all(asked, provider_of("openai", spec), spec, SHAPE.parse, cache, limits)
        assert f"Bearer {key}" in str(url.seen[0].headers)
        assert [item.answered for item in outcomes] == [True, True, False, False]
        dump = json.dumps(cache.store.read("llm_calls").astype(str).to_dict("records")) + repr(outcomes)
    hidden = f"my {key} is"
    assert without_values(hidden, secret_values()) == f"my {HIDDEN} is"
    dump = dump.replace('"llm_calls"', "")
    assert key not in dump if len(key) >= 8 else f" {key} " not in dump and f"Bearer {key}" not in dump
    assert coded not in dump and coded.replace("\\", "\\\\") not in dump


def test_what_cannot_be_seen_inside_of_a_key_does_not_save_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "hunter2key")
    assert "hunter2key" not in said("sent hunter2\u200bkey to you")


def test_a_short_key_stands_in_nobodys_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "m")
    assert outcome("openai", always(openai_answer(ANSWER))).answered
    with pytest.raises(Unavailable):
        ask("openai", {"choices": []})
