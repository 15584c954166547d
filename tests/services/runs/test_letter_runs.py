"""Runs whose answers are log-probabilities of letters, against a server that gives them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llm_cases import answer_to, engine, number, people, some_contexts
from llm_run_cases import STUDY, request, words
from llm_servers import Step, openai_answer, openai_server, prompt_of

from core.cli import main
from core.cognition.llm.answers import REASON
from core.cognition.llm.prompts import LETTER_TEXTS, load_prompts
from core.errors import InputError
from core.report.documents import shown_text
from core.services.audits.persona_audit import persona_audit_cost
from core.services.audits.requests import PersonaAuditRequest
from core.services.language.recordings import recordings
from core.services.runs.costs import cost_before, persona_answers
from core.services.runs.run import run_study
from core.store.database import Store

pytestmark = pytest.mark.usefixtures("short_searches")
#: Of the probability, what this model would rather say than a letter, and how much more it gives to the letter A.
OTHER, FAVOUR = 0.2, 0.3
QUESTION = re.compile(r"-----BEGIN QUESTION (\w+)-----\n(.*)\n-----END QUESTION \1-----", re.DOTALL)


def options_of(prompt: str) -> tuple[str, list[str]]:
    """What a prompt asks, without its options, and these in the order shown."""
    found = QUESTION.search(prompt)
    assert found is not None
    said, shown = (
        [line for line in found[2].splitlines() if bool(re.match("[A-E]: ", line)) == lettered] for lettered in (0, 1)
    )
    return prompt[: found.start()] + "\n".join(said), [line[3:] for line in shown]


def shares(prompt: str) -> dict[str, float]:
    """What this model would say of each option if it did not favour letters; they sum to 1."""
    about, options = options_of(prompt)
    drawn = {option: 0.1 + number(about, option) for option in options}
    return {option: value / sum(drawn.values()) for option, value in drawn.items()}


def lettered(asked: dict[str, Any], count: int) -> Step:
    if not asked.get("logprobs"):
        return Step(200, {}, openai_answer(answer_to(prompt_of(asked))))
    prompt = prompt_of(asked)
    options = options_of(prompt)[1]
    masses = {
        letter: (1 - OTHER) * ((1 - FAVOUR) * shares(prompt)[option] + FAVOUR * (letter == "A"))
        for letter, option in zip("ABCDE", options, strict=False)
    }
    told = [
        {"token": name, "logprob": math.log(mass), "bytes": None} for name, mass in {**masses, "The": OTHER}.items()
    ]
    body = openai_answer("A", tokens=(11, 1))
    body["choices"][0]["logprobs"] = {"content": [{**told[0], "top_logprobs": told}]}
    assert asked["max_tokens"] == 1
    return Step(200, {}, body)


def expected(prompt: str, worth: dict[str, float], turns: int) -> float:
    """The mean over the orders in which each option stands first equally often."""
    plain = sum(share * worth[option] for option, share in shares(prompt).items())
    first = [options_of(prompt)[1][len(worth) * turn // turns] for turn in range(turns)]
    return (1 - FAVOUR) * plain + FAVOUR * float(np.mean([worth[option] for option in first]))


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with openai_server(lettered) as url:
        yield url


def test_published_prompts_for_letters_have_not_changed() -> None:
    found = load_prompts("mobility-2", letters=LETTER_TEXTS)
    assert found.hash == "0b6bd0de283ad09ffc1e6440fe7fa1e985857c224e18a9af39b45c9c6363fee0"
    with pytest.raises(InputError, match=r"mobility-1.*no prompts for letters.*mobility-2|no prompts for letters"):
        load_prompts("mobility-1", letters=LETTER_TEXTS)


def test_each_behaviour_is_read_from_letters_in_turned_orders(server: Any) -> None:
    contexts, two = some_contexts().iloc[[0, 3]].reset_index(drop=True), people(2)
    asks = engine("openai", server, rotations=2)
    found = asks.ask(two, contexts)
    assert len(found.asked) == 2 * 2 * len(STUDY.behaviours) * 2 and not found.failures
    words_of = asks.writer.files.words["letters"]
    for item in found.asked:
        [(_, _, row)] = item.plan.answer_slots
        behaviour = STUDY.behaviours[item.plan.behaviour or 0]
        said = words_of[behaviour.unit]
        worth = dict(zip(said["options"], said["values"], strict=True))
        first = options_of(item.question.prompt)[1]
        if first == list(worth):
            value = found.values[0, item.personas[0], row, item.plan.behaviour]
            assert value == pytest.approx(expected(item.question.prompt, worth, 2), abs=1e-4)
    # What has the same beginning follows one another, for servers keep what they read last.
    beginnings = [item.question.prompt.split("-----BEGIN QUESTION")[0] for item in found.asked]
    assert sum(a != b for a, b in pairwise(beginnings)) == 1
    assert found.reasons().empty and asks.version.startswith("mobility-2/letters")
    assert {item.attempts for item in found.outcomes} == {1}


def test_a_behaviour_with_one_unread_order_has_no_answer_and_the_others_have(server: Any) -> None:
    def unread(asked: dict[str, Any], count: int) -> Step:
        step = lettered(asked, count)
        prompt = prompt_of(asked)
        if "metro" in prompt and options_of(prompt)[1][0] == "No":
            content = step.body["choices"][0]["logprobs"]["content"][0]
            content["top_logprobs"] = [{"token": "A", "logprob": math.log(0.3), "bytes": None}]
        return step

    with openai_server(unread) as url:
        found = engine("openai", url, rotations=2, allow_failures=True).ask(people(1), some_contexts().iloc[:1])
    assert [item.problem for item in found.failures] and "70% is on other words" in found.failures[0].problem
    gone = np.isnan(found.values[0, 0, 0])
    assert [STUDY.behaviour_ids[place] for place in np.flatnonzero(gone)] == ["transit"]


def test_a_whole_run_of_letters_costs_what_was_estimated_and_is_replayed(server: Any, tmp_path: Path) -> None:
    with Store(tmp_path / "s.duckdb") as store:
        wanted = request(server, design="aggregate", read="logprobs")
        before = cost_before(store, wanted)
        assert before.calls == before.contexts * len(STUDY.behaviours) * 2 + 15
        assert before.tokens_out.high < 15 * 2048 + before.calls  # one token for each letter
        made = run_study(wanted, store)
        asking = made.asking.as_dict()
        assert (asking["calls"], asking["failed"], asking["prompts"]) == (before.calls, 0, "mobility-2/letters")
        assert asking["unread"] == pytest.approx(OTHER, abs=1e-3)
        assert cost_before(store, wanted).calls == 0
        said = store.run(made.run_id).record.parameters["asking"]
        assert (said["prompts"], said["rotations"]) == ("mobility-2", 2)
        assert "20% of the probability was on other words" in " ".join(shown_text(store, made.run_id).split())
        answers = persona_answers(store, made.run_id, 1)
        assert answers[list(STUDY.behaviour_ids)].notna().all(axis=None) and set(answers[REASON]) == {""}
        [kept] = recordings(store)
        assert kept.letters and "log-probabilities of letters" in kept.label
        replay = replace(wanted.asking, engine="replay", of="openai")
        again = run_study(replace(wanted, engine="replay", asking=replay), store)
        assert again.result_hash == made.result_hash
        with pytest.raises(InputError, match=r"read from log-probabilities of letters.*--read percents"):
            persona_audit_cost(PersonaAuditRequest(made.run_id), store)


def test_the_command_line_reads_letters_and_refuses_what_cannot(
    server: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = words(server, "--read", "logprobs", "--db", str(tmp_path / "s.duckdb"))
    assert main([*line, "--estimate", "--json", "--rotations", "1"]) == 0
    once = json.loads(capsys.readouterr().out)
    assert main([*line, "--estimate", "--json"]) == 0
    twice = json.loads(capsys.readouterr().out)
    assert twice["distinct"] == 2 * once["distinct"]
    assert main([*line, "--design", "levels"]) == 2
    assert "blinded, unblinded, aggregate" in capsys.readouterr().err
    assert main([*line, "--prompts", "mobility-1"]) == 2
    assert "mobility-1" in capsys.readouterr().err
    assert main([*line, "--samples", "2"]) == 2
    assert "whole distribution" in capsys.readouterr().err
