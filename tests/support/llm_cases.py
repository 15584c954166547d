"""A model that anybody can predict: its numbers follow from the words of a question by a hash, however they are asked."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from behaviour_cases import context, random_personas, spec, study
from llm_servers import Behaviour, Step, gemini_answer, openai_answer, prompt_of

from core.cognition.llm.engine import LanguageEngine, language_engine
from core.cognition.llm.prompts import PromptWriter, load_prompts
from core.people.text import describe
from core.study import Study

__all__ = ["answer_to", "engine", "expected", "model", "people", "some_contexts", "without_genai", "writer"]


def writer(of: Study | None = None) -> PromptWriter:
    return PromptWriter(of or study(), load_prompts())


def people(count: int, seed: int = 3) -> Any:
    """Personas with texts."""
    frame = random_personas(count, seed)
    return frame.assign(text=describe(frame, spec()))


def some_contexts() -> Any:
    """Eight contexts: every kind of day, two policies with the same covariates, and one without any."""
    import pandas as pd

    strict = {"C1": (3, 1), "C6": (2, 0), "C8": (4, None)}
    mild = {"C1": (1, 0), "H6": (2, 1)}
    about = {"epidemic": 2, "restricted_days": 90}
    rows = [context(strict, day_type=kind, **about) for kind in ("working", "half", "weekend", "rest", "holiday")]
    rows += [context(mild, day_type="rest", **about), context(mild, day_type="working", ramadan=True, **about)]
    return pd.DataFrame([*rows, context()])


def number(*words: str) -> float:
    """A number in [0, 1] with two decimals that follows from the words."""
    digest = hashlib.sha256("|".join(words).encode()).digest()
    return int.from_bytes(digest[:4], "big") % 101 / 100


def asked_for(prompt: str, probability: float) -> float:
    """A probability as a prompt asks for it: newer ones want whole percents."""
    return round(100 * probability) if re.search(r"whole number|percentage", prompt) else probability


_writers: dict[int, tuple[Study | None, PromptWriter]] = {}


def _writer_of(of: Study | None) -> PromptWriter:
    """One writer for each study: a run asks hundreds of questions about the same."""
    if id(of) not in _writers:
        _writers[id(of)] = (of, writer(of))
    return _writers[id(of)][1]


def expected(
    persona: str, situation: Mapping[str, Any], kind: str, behaviour: str, *, of: Study | None = None
) -> float:
    """What the model answers for one persona's text (as in the block; "" for aggregate), context and behaviour."""
    words = _writer_of(of)
    about = f"{words.rules(situation)}\n{words.common(situation)}"
    return number(persona, about, words.files.words["days"]["kinds"][kind], behaviour)


def answer_to(prompt: str) -> str:
    """The model's text: reads the prompt as a model would, and fills the form at its end."""
    form = json.loads(re.findall(r'^\{"reason": "….*$', prompt, re.MULTILINE)[-1])
    if form == {"reason": "…", "values": {"probability": None}}:
        return json.dumps({"reason": "Such people do.", "values": {"probability": asked_for(prompt, number(prompt))}})
    inside = re.search(r"-----BEGIN PERSONA (\w+)-----\n(.*)\n-----END PERSONA \1-----\n", prompt)
    persona = inside.group(2) if inside else ""
    outside = prompt.replace(inside.group(0), "") if inside else prompt
    common = "\n".join(
        re.findall(r"^- (?:There have been no marked|Restrictions on everyday).*(?:\n- .*)*", outside, re.M)
    )
    rules = re.findall(r"^(?:Condition \"(\w)\"\. )?(Rules in force.*(?:\n(?:- .*|As usual:))*)", outside, re.MULTILINE)
    about = {label: f"{text}\n{common}" for label, text in rules}
    kinds = dict(
        re.findall(r'^- "(\w+)": (an ordinary .*|a day of .*|the weekly .*|a public .*)$', outside, re.MULTILINE)
    )
    one = re.search(r"about one kind of day in th(?:at|e) situation:\n- (.*)$", outside, re.MULTILINE)

    def day(label: str, kind: str, behaviours: Mapping[str, None]) -> dict[str, float]:
        return {name: asked_for(prompt, number(persona, about[label], kind, name)) for name in behaviours}

    def days(label: str, inner: Mapping[str, Any]) -> dict[str, Any]:
        if one:
            return day(label, one.group(1), inner)
        return {kind: day(label, kinds[kind], behaviours) for kind, behaviours in inner.items()}

    [outer] = [key for key in form if key != "reason"]
    if outer == "conditions":
        values: Any = {label: days(label, inner) for label, inner in form[outer].items()}
    else:
        values = days("", form[outer])
    return json.dumps({"reason": "I go where I must.", outer: values})


def model(kind: str) -> Behaviour:
    """The behaviour of a server whose model this is; `kind` is gemini or openai."""
    wrap = gemini_answer if kind == "gemini" else openai_answer
    return lambda request, sequence: Step(200, {}, wrap(answer_to(prompt_of(request))))


def engine(name: str, url: str, *, of: Study | None = None, cache: Any = None, **options: Any) -> LanguageEngine:
    """An engine that asks the server at `url`."""
    asking = {key: options.pop(key) for key in ("limits", "allow_failures", "price", "run_id") if key in options}
    if "of_engine" in options:
        options["of"] = options.pop("of_engine")
    given = {"model": "test-model", "base_url": str(url), "timeout": 10, **options}
    return language_engine(of or study(), name, given, cache=cache, **asking)


def without_genai(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if google-genai were not installed: Gemini is asked through google-generativeai."""
    import google

    monkeypatch.delattr(google, "genai", raising=False)
    for name in [name for name in sys.modules if name.startswith("google.genai")] + ["google.genai"]:
        monkeypatch.setitem(sys.modules, name, None)
