"""Scripted models with known flaws, behind a server that speaks OpenAI's wire format.

A model reads a prompt as a model would: who is asked, which rules are in force, and which form to fill. Its numbers are
plain sums, so that a test knows what a check must find.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from llm_cases import asked_for
from llm_servers import Behaviour, Step, openai_answer, prompt_of

STAY_IN, GO_OUT = "go out as little as they can", "go out as much as ever"
PRINTED, COLOUR = "printed on a Thursday", "favourite colour"
#: What the paraphrases say and the version itself does not.
PARAPHRASES = ("Use this form for your answer", "Fill in this form")
AT_HOME = "residential"


@dataclass(frozen=True)
class Script:
    """A model: `people` is the standard deviation between personas, `noise` that between samples, `policy` what full
    policy takes from going out. Its flaws: `follows` a leading cue, `paraphrase` and `printed` are shifts by wording and
    by an irrelevant cue, `weather` moves with the policy (`in_designs`: where), `range` is what far conditions add."""

    people: float = 0.1
    noise: float = 0.0
    policy: float = 0.3
    follows: float = 0.0
    paraphrase: float = 0.0
    printed: float = 0.0
    confounded: Mapping[str, float] | None = None
    in_designs: tuple[str, ...] = ("blinded",)
    range: float = 0.0
    remembers: Callable[[str, str], float] | None = None
    seed: int = 0


def draw(*words: object) -> float:
    """A standard normal number that follows from the words."""
    digest = hashlib.sha256("|".join(map(str, words)).encode()).digest()
    return float(np.random.default_rng(int.from_bytes(digest[:8], "big")).standard_normal())


def behaviour(script: Script) -> Behaviour:
    """The behaviour of a server whose model this is."""

    def answer(request: dict[str, Any], number: int) -> Step:
        text = answer_of(script, prompt_of(request), request.get("seed", number))
        return Step(200, {}, openai_answer(text, model="scripted-001"))

    return answer


def answer_of(script: Script, prompt: str, sample: object) -> str:
    """The model's text."""
    form = json.loads(re.findall(r'^\{"reason": "….*$', prompt, re.MULTILINE)[-1])
    inside = re.search(r"-----BEGIN PERSONA \w+-----\n(.*)\n-----END", prompt)
    persona = inside.group(1) if inside else ""
    month = re.search(r"What the source says of (\w+ \d{4}):", prompt)
    [outer] = [key for key in form if key != "reason"]
    if month:
        values: Any = {name: _recalled(script, month.group(1), name) for name in form[outer]}
        return json.dumps({"reason": "So I recall.", outer: values})
    design = _design(prompt)
    # Canaries know of no rules.
    blocks = _strictness(prompt) or {"": 0.0}
    shift = _shift(script, prompt)
    reach = max(blocks.values()) - min(blocks.values()) if len(blocks) > 1 else _arms(prompt)

    def number(label: str, kind: str, name: str) -> float:
        strict = blocks[label]
        noise = script.noise * draw(script.seed, "noise", prompt, sample, label, kind, name)
        if script.confounded is not None and not _asks_behaviour(form):
            moves = script.confounded.get(name, 0.0) if design in script.in_designs else 0.0
            return 0.5 + script.people * draw("person", persona, name) + moves * (strict - 0.5) + noise
        sign = 1.0 if name == AT_HOME else -1.0
        moved = script.policy * strict + shift + script.range * reach
        return 0.55 + script.people * draw("person", persona, name) + sign * moved + noise

    def fill(inner: Any, path: tuple[str, ...], conditions: bool) -> Any:
        if inner is None:
            label = path[0] if conditions else ""
            return asked_for(prompt, min(max(number(label, "/".join(path[:-1]), path[-1]), 0.0), 1.0))
        return {key: fill(value, (*path, key), conditions) for key, value in inner.items()}

    return json.dumps({"reason": "I go where I must.", outer: fill(form[outer], (), outer == "conditions")})


def _recalled(script: Script, month: str, name: str) -> float:
    change = script.remembers(month, name) if script.remembers else -20.0 + 10.0 * draw("guess", month, name)
    return round(min(max((change + 100.0) / 200.0, 0.0), 1.0), 4)


def _asks_behaviour(form: Any) -> bool:
    return AT_HOME in json.dumps(form)


def _design(prompt: str) -> str:
    if 'Condition "' in prompt:
        return "levels"
    if "Chance alone decided" in prompt or "assigned them at random" in prompt or "drawn by lot" in prompt:
        return "unblinded"
    return "blinded" if "BEGIN PERSONA" in prompt else "aggregate"


def _strictness(prompt: str) -> dict[str, float]:
    """Share of the ten indicators that are in force, by the label of the condition ("" for the only one)."""
    found = {}
    blocks = re.finditer(
        r'^(?:Condition "(\w)"\. )?(?:Rules in force|These rules apply|No rules apply)[:.]?( none\.)?\n((?:- .*\n?)*)',
        prompt,
        re.MULTILINE,
    )
    for block in blocks:
        found[block.group(1) or ""] = (
            0.0
            if block.group(2)
            else block.group(3).count("\n- ") / 10 + (0.1 if block.group(3).startswith("- ") else 0.0)
        )
    return found


def _arms(prompt: str) -> float:
    """How far the other arms of an unblinded prompt lie apart, by the length of what they say."""
    arms = re.search(r"other sets of rules in the comparison are:\n((?:- .*\n)*)", prompt)
    if arms is None:
        return 0.0
    counts = [line.count(": ") for line in arms.group(1).splitlines()]
    return (max(counts) - (0 if "none." in arms.group(1) else min(counts))) / 10


def _shift(script: Script, prompt: str) -> float:
    """What wording and cues add towards staying in."""
    shift = script.follows * (STAY_IN in prompt) - script.follows * (GO_OUT in prompt)
    shift += script.paraphrase * any(text in prompt for text in PARAPHRASES)
    return shift + script.printed * (PRINTED in prompt)
