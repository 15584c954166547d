"""Language-model engines against servers that speak the real wire formats: the contract, the designs, failures."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from behaviour_cases import study
from llm_cases import answer_to, engine, expected, model, people, some_contexts
from llm_servers import Step, gemini_server, openai_answer, openai_server, prompt_of

from core.cognition.engine import DAY_TYPE
from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.designs import DESIGNS, Levels, Unblinded
from core.cognition.llm.engine import AnswersMissing
from core.cognition.llm.fenced import one_line
from core.cognition.llm.limits import Limits
from core.cognition.llm.types import Denied
from core.cognition.registry import engine_for
from core.errors import InputError
from core.simulation.simulate import simulate

SERVERS = {"gemini": gemini_server, "openai": openai_server}


@pytest.mark.parametrize("days", ["together", "apart"])
@pytest.mark.parametrize("design", DESIGNS)
def test_every_number_reaches_the_persona_context_and_behaviour_it_was_given_for(design: str, days: str) -> None:
    personas, contexts = people(3), some_contexts()
    with openai_server(model("openai")) as url:
        answers = engine("openai", url, design=design, days=days).respond(personas, contexts)
    for person, text in enumerate(personas["text"]):
        for row, situation in enumerate(contexts.to_dict("records")):
            for place, behaviour in enumerate(study().behaviour_ids):
                block = "" if design == "aggregate" else one_line(text)
                wanted = expected(block, situation, situation[DAY_TYPE], behaviour)
                assert answers[person, row, place] == np.float32(wanted)


def test_a_kind_of_day_that_only_an_edited_calendar_has_is_asked_about_alone() -> None:
    meridia = study("meridia")
    contexts = some_contexts()
    with openai_server(model("openai")) as url:
        answers = engine("openai", url, of=meridia).respond(people(1), contexts)
        prompts = [prompt_of(seen.body) for seen in url.seen]
    assert sum("about one kind of day" in prompt for prompt in prompts) == 1
    assert all("half the day" not in prompt for prompt in prompts if "about one kind" not in prompt)
    situation = contexts.iloc[1].to_dict()
    assert situation[DAY_TYPE] == "half"
    text = one_line(people(1)["text"].iloc[0])
    wanted = expected(text, situation, "half", "parks", of=meridia)
    assert answers[0, 1, meridia.behaviour_ids.index("parks")] == np.float32(wanted)


def test_samples_are_kept_apart_and_respond_gives_their_mean() -> None:
    def noisy(request: dict[str, Any], count: int) -> Step:
        answer = json.loads(answer_to(prompt_of(request)))
        for numbers in answer["days"].values():
            numbers["parks"] = [20, 60][request["seed"] - 40]
        return Step(200, {}, openai_answer(json.dumps(answer)))

    with openai_server(noisy) as url:
        asking = engine("openai", url, samples=2, seed=40)
        found = asking.ask(people(1), some_contexts())
    parks = study().behaviour_ids.index("parks")
    assert np.allclose(found.values[0, ..., parks], 0.2) and np.allclose(found.values[1, ..., parks], 0.6)
    assert np.allclose(found.mean()[..., parks], 0.4)
    assert set(found.reasons()["reason"]) == {"I go where I must."} and len(found.reasons()) == 2 * 8
    assert asking.model_id == "local-test-001" and found.model_ids == ("local-test-001",)


def test_personas_with_one_text_share_a_question() -> None:
    twins = pd.concat([people(1), people(1)], ignore_index=True)
    with openai_server(model("openai")) as url:
        answers = engine("openai", url).respond(twins, some_contexts())
        calls = len(url.seen)
    assert calls == 4 and np.array_equal(answers[0], answers[1])


def test_failures_are_named_and_never_filled_in() -> None:
    texts = people(3)
    broken = one_line(texts["text"].iloc[1])

    def behaviour(request: dict[str, Any], count: int) -> Step:
        text = "0.5 for everything" if broken in prompt_of(request) else answer_to(prompt_of(request))
        return Step(200, {}, openai_answer(text))

    with openai_server(behaviour) as url:
        limits = Limits(max_repairs=1)
        with pytest.raises(AnswersMissing, match=r"4 of 12 questions .*persona 1, contexts .*no JSON object") as caught:
            engine("openai", url, limits=limits).respond(texts, some_contexts())
        assert {failure.personas for failure in caught.value.failures} == {(1,)}
        found = engine("openai", url, limits=limits, allow_failures=True).ask(texts, some_contexts())
    assert np.isnan(found.mean()[1]).all() and not np.isnan(found.mean()[[0, 2]]).any()
    assert len(found.failures) == 4


def test_a_repair_tells_the_model_what_was_wrong() -> None:
    def behaviour(request: dict[str, Any], count: int) -> Step:
        prompt = prompt_of(request)
        text = answer_to(prompt)
        return Step(
            200,
            {},
            openai_answer(text if "mended" in prompt else re.sub('"parks": .*?(?=,)', '"parks": 101', text, count=1)),
        )

    with openai_server(behaviour) as url:
        engine("openai", url, limits=Limits(concurrency=1)).respond(people(1), some_contexts())
        repairs = [prompt_of(seen.body) for seen in url.seen if "could not be used" in prompt_of(seen.body)]
    assert repairs and all("from 0 to 100" in prompt and "is 101" in prompt for prompt in repairs)


def test_caps_hold_over_answers_of_several_shapes() -> None:
    with openai_server(model("openai")) as url:
        from core.cognition.llm.budget import BudgetReached

        with pytest.raises(BudgetReached):
            engine("openai", url, of=study("meridia"), limits=Limits(max_calls=2)).respond(people(1), some_contexts())
        assert len(url.seen) <= 2


def test_a_refused_key_stops_everything() -> None:
    with openai_server(lambda request, count: Step(401, {}, {"error": {"message": "Incorrect API key"}})) as url:
        with pytest.raises(Denied):
            engine("openai", url, limits=Limits(concurrency=2)).respond(people(4), some_contexts())
        assert len(url.seen) <= 4


def test_a_simulation_gives_the_engine_the_texts() -> None:
    personas, contexts = people(3), some_contexts()
    with openai_server(model("openai")) as url:
        asking = engine("openai", url)
        everyone = simulate(asking, personas, contexts).everyone
        weight = personas["weight"].to_numpy(float)
        wanted = np.einsum("p,pcb->cb", weight, asking.respond(personas, contexts).astype(float)) / weight.sum()
    assert np.allclose(everyone, wanted)


def test_replaying_needs_no_server_and_says_what_it_lacks() -> None:
    personas, contexts = people(2), some_contexts()
    with AnswerCache() as cache:
        with openai_server(model("openai")) as url:
            first = engine("openai", url, cache=cache).respond(personas, contexts)
        again = engine("replay", url, cache=cache, of_engine="openai").respond(personas, contexts)
        with pytest.raises(AnswersMissing, match="not in the cache: openai test-model"):
            engine("replay", url, cache=cache, of_engine="openai").respond(people(3), contexts)
    assert np.array_equal(first, again)


def test_the_description_and_the_version_say_how_it_was_asked() -> None:
    made = engine("openai", "http://127.0.0.1:9/v1", design="levels", days="apart", samples=3, temperature="0.5")
    assert made.description["design"] == "levels" and made.description["days"] == "apart"
    assert made.description["samples"] == 3 and made.description["temperature"] == 0.5
    assert made.version.startswith("mobility-2.") and made.model_id == "test-model"
    assert json.loads(json.dumps(made.description)) == made.description


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({}, "no model"),
        ({"model": "m", "modell": "m"}, "modell"),
        ({"model": "m", "design": "blind"}, "blinded"),
        ({"model": "m", "days": "alone"}, "together"),
        ({"model": "m", "samples": 0}, "samples"),
        ({"model": "m", "samples": 1.5}, "samples"),
        ({"model": "m", "temperature": "hot"}, "temperature"),
        ({"model": "m", "temperature": 3}, "temperature"),
        ({"model": "m", "prompts": "mobility-0"}, "mobility-2"),
        ({"model": "m", "base_url": "http://user:secret@host/v1"}, "address"),
        ({"model": "m", "base_url": "host?key=secret"}, "address"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InputError, match=wrong) as caught:
        engine_for(study(), "openai", options)
    assert "secret" not in str(caught.value)


def test_an_answer_too_long_for_the_model_is_refused_before_anything_is_asked() -> None:
    asking = engine("openai", "http://127.0.0.1:9/v1", max_output_tokens=300)
    with pytest.raises(InputError, match="max_output_tokens"):
        asking.questions(people(1), some_contexts())


def test_personas_without_texts_are_refused() -> None:
    asking = engine("openai", "http://127.0.0.1:9/v1")
    with pytest.raises(InputError, match="no texts"):
        asking.respond(people(2).drop(columns="text"), some_contexts())
    with pytest.raises(InputError, match="persona 1"):
        asking.respond(people(2).assign(text=["Somebody.", " "]), some_contexts())


def test_levels_share_out_many_sets_of_rules_evenly() -> None:
    from llm_cases import writer

    rows = pd.DataFrame([some_contexts().iloc[0].to_dict() | {"C8": float(level), "C4": 0.0} for level in range(5)])
    plans = Levels(most=3).plans(rows, writer())
    assert [len(plan.conditions) for plan in plans] == [3, 2]
    assert sorted(row for plan in plans for _, _, row in plan.answer_slots) == list(range(5))
    assert [plan.shape.conditions for plan in plans] == [("A", "B", "C"), ("A", "B")]


def test_the_arms_of_a_comparison_can_be_named() -> None:
    from llm_cases import writer

    arms = tuple(some_contexts().iloc[[0, 5]].to_dict("records"))
    design = Unblinded(arms=arms)
    [plan] = design.plans(some_contexts().iloc[[0]], writer())
    prompt = design.prompt(plan, writer().persona("Somebody.", where="here"), writer())
    assert writer().arm(arms[1]) in prompt and writer().arm(arms[0]) not in prompt
    with pytest.raises(InputError, match="no other set"):
        Unblinded(arms=arms[:1]).prompt(plan, "", writer())
