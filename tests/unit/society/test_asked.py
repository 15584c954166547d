"""A language model decides what is eaten where; rules say when, equal situations are one question, and nothing is made up."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from llm_servers import always, openai_answer, openai_server

from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.limits import Limits
from core.cognition.llm.outcomes import Outcome
from core.cognition.llm.pipe import ask_all
from core.cognition.llm.providers import provider_for
from core.cognition.llm.types import AnswerError, ModelSpec, Question
from core.society import load, simulate
from core.society.asked import AskedDecider, NoDecision, _state, read_answer
from core.society.scenario import Scenario, Set, edited
from core.society.world import build

SMALL: dict[str, Any] = {"households": 25, "days": 2, "detail": False}


@pytest.fixture(scope="module")
def town() -> Scenario:
    return edited(
        load("meridia_town"), [Set(set="warm_up_days", value=0), Set(set="households.population", value=None)]
    )


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")


def asker(url: str, cache: AnswerCache) -> Callable[[Sequence[Question], Callable[[str], Any]], list[Outcome]]:
    spec = ModelSpec(engine="openai", model="m", base_url=url)
    return lambda questions, parse: ask_all(questions, provider_for("openai", spec), spec, parse, cache, Limits())


def answer(home: int, first: int, second: int, other: int) -> Any:
    return openai_answer(json.dumps({"home": home, "first": first, "second": second, "other": other}))


def test_equal_situations_are_asked_once_and_a_second_run_asks_nothing(town: Scenario) -> None:
    with openai_server(always(answer(40, 30, 20, 10))) as url, AnswerCache() as cache:
        one = AskedDecider(asker(url, cache))
        found = simulate(town, decide=one, **SMALL)
        asked = len(url.seen)
        assert 0 < asked == one.asked < one.decisions
        again = simulate(town, decide=AskedDecider(asker(url, cache)), **SMALL)
        assert len(url.seen) == asked and again.result_hash == found.result_hash
    assert found.days["served"].sum() > 0
    texts = [seen.body["messages"][-1]["content"] for seen in url.seen]
    assert max(len(text.split()) for text in texts) <= 130
    assert not any(re.search(r"\d+\.\d", text) for text in texts)  # words, not numbers


def test_what_the_model_says_is_what_is_done(town: Scenario) -> None:
    shares = []
    for home in (100, 0):
        with openai_server(always(answer(home, 100 - home, 0, 0))) as url, AnswerCache() as cache:
            decider = AskedDecider(asker(url, cache))
            visits = simulate(town, decide=decider, **SMALL).worlds[0].visits.sum()
            shares.append(visits / decider.decisions)
    assert shares[0] == 0
    assert shares[1] > 0.9


def test_stress_that_is_off_is_told_as_something_neutral_of_the_same_kind(town: Scenario) -> None:
    tired = build(town, 1, 5)
    tired.stress[1] = 0.9
    calm = build(edited(town, [Set(set="stress.on", value=False)]), 1, 5)
    calm.stress[1] = 0.9
    assert "tired" in _state(tired, 0)
    assert "tired" not in _state(calm, 0) and len(_state(calm, 0).split()) > 3


def test_a_failed_answer_ends_the_run(town: Scenario) -> None:
    with (
        openai_server(always(answer(90, 90, 0, 0))) as url,
        AnswerCache() as cache,
        pytest.raises(NoDecision, match="sum to 180"),
    ):
        simulate(town, decide=AskedDecider(asker(url, cache)), **SMALL)


@pytest.mark.parametrize(
    "text", ["no", '{"home": 100}', '{"home": 1.5, "first": 0, "second": 0, "other": 98}', '{"home": true}']
)
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(AnswerError):
        read_answer(text)
