"""A model that fills whatever form a prompt ends with, by a hash of who is asked and of what: for walks through the pages."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from llm_cases import asked_for
from llm_servers import Behaviour, Step, openai_answer, prompt_of

NAME = "any-model-001"
REASON = "I go where I must, and <b>nowhere</b> else."


def any_model(
    reason: str = REASON, wrong: Callable[[str], bool] = lambda prompt: False, delay: float = 0.0
) -> Behaviour:
    """The behaviour of an OpenAI-format server; prompts of which `wrong` is true get no valid answer."""

    def behaviour(request: dict[str, Any], number: int) -> Step:
        prompt = prompt_of(request)
        text = "I would rather not." if wrong(prompt) else json.dumps(_answer(prompt, reason))
        return Step(200, {}, openai_answer(text, model=NAME), delay)

    return behaviour


def persona_of(prompt: str) -> str:
    """The text of the persona that a prompt is about, "" where it is about nobody in particular."""
    found = re.search(r"-----BEGIN PERSONA \w+-----\n(.*?)\n-----END", prompt, re.DOTALL)
    return found.group(1) if found else ""


def _answer(prompt: str, reason: str) -> dict[str, Any]:
    form = json.loads(re.findall(r'^\{"reason": "….*$', prompt, re.MULTILINE)[-1])
    strict = prompt.count(" must ")

    def fill(inner: Any, path: str) -> Any:
        if isinstance(inner, dict):
            if path == "values" and all(re.fullmatch(r"[A-L]|-?\d+", key) for key in inner):
                chosen = min(inner, key=lambda key: _share(persona_of(prompt), key))
                return {key: asked_for(prompt, float(key == chosen)) for key in inner}
            return {key: fill(value, key) for key, value in inner.items()}
        home = path == "residential"
        share = 0.3 + 0.4 * _share(persona_of(prompt), path) + (0.01 if home else -0.01) * strict
        return asked_for(prompt, round(min(0.98, max(0.02, share)), 2))

    return {"reason": reason} | {key: fill(value, key) for key, value in form.items() if key != "reason"}


def _share(*words: str) -> float:
    return int.from_bytes(hashlib.sha256("|".join(words).encode()).digest()[:4], "big") / 2**32
