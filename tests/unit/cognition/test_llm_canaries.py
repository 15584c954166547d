"""Canaries: another model is noticed, and the chance of sampling is not taken for one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.cognition.llm.cache import AnswerCache
from core.cognition.llm.cache_file import export_cache, import_cache
from core.cognition.llm.canaries import (
    CANARIES,
    REPEATS,
    CanaryRound,
    ask_canaries,
    canary_questions,
    compare_canaries,
    last_canaries,
    stored_canaries,
)
from core.cognition.llm.types import ModelSpec, Question, Rejected, Reply
from core.report.sentences.language import change_sentence
from core.store import Store

SPEC = ModelSpec("openai", "some-model")
MEANS = dict(zip(CANARIES, (0.45, 0.7, 0.35, 0.4, 0.5), strict=True))


def said(before: CanaryRound, after: CanaryRound) -> list[str]:
    return [change_sentence(item) for item in compare_canaries(before, after)]


class Model:
    """A provider whose answers scatter about fixed means, and who says who it is."""

    def __init__(self, seed: int = 0, *, shift: float = 0.0, noise: float = 0.04, model_id: str = "some-model-001"):
        self.random = np.random.default_rng(seed)
        self.shift, self.noise, self.model_id = shift, noise, model_id
        self.asked: list[Question] = []
        self.silent: set[str] = set()

    async def ask(self, question: Question, spec: ModelSpec, *, repair: str | None = None) -> Reply:
        self.asked.append(question)
        name = next(name for name, text in CANARIES.items() if question.prompt.startswith(text))
        if name in self.silent:
            raise Rejected("blocked content")
        value = float(np.clip(MEANS[name] + self.shift + self.noise * self.random.standard_normal(), 0, 1))
        text = json.dumps({"reason": "Such people do.", "values": {"probability": round(100 * value)}})
        return Reply(text, self.model_id, 90, 20, 0.1)

    async def aclose(self) -> None:
        return None


def round_of(answers: dict[str, tuple[float, ...]], model_id: str = "m-1", run_id: str = "run-a") -> CanaryRound:
    return CanaryRound(run_id, (model_id,), answers, datetime(2026, 1, 1, tzinfo=UTC))


def sampled(random: np.random.Generator, shift: float, noise: float, repeats: int = REPEATS) -> CanaryRound:
    return round_of(
        {
            name: tuple(np.clip(mean + shift + noise * random.standard_normal(repeats), 0, 1))
            for name, mean in MEANS.items()
        }
    )


def test_there_are_five_canaries_and_each_run_has_its_own() -> None:
    one, other = canary_questions("run-a"), canary_questions("run-b")
    assert len(CANARIES) == 5
    assert len({each.key(SPEC) for each in [*one, *other]}) == 2 * 5 * REPEATS
    assert [each.prompt for each in one] == [each.prompt for each in other]


def test_canaries_are_asked_with_every_run_and_once_in_a_run(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        cache = AnswerCache(store)
        model = Model()
        first = ask_canaries(model, SPEC, cache, "run-a")[0]
        assert len(model.asked) == 5 * REPEATS
        assert first.model_ids == ("some-model-001",)
        assert {name: len(values) for name, values in first.answers.items()} == dict.fromkeys(CANARIES, REPEATS)
        again = ask_canaries(model, SPEC, cache, "run-a")[0]
        assert len(model.asked) == 5 * REPEATS
        assert again.answers == first.answers
        second = ask_canaries(model, SPEC, cache, "run-b")[0]
        assert len(model.asked) == 2 * 5 * REPEATS
        assert second.answers != first.answers
        assert set(store.read("llm_calls")["run_id"]) == {"run-a", "run-b"}
    with Store(tmp_path / "a.duckdb") as store:
        cache = AnswerCache(store)
        kept = stored_canaries(cache, "run-a")
        assert kept is not None
        assert kept.answers == first.answers
        assert (kept.run_id, kept.model_ids) == ("run-a", first.model_ids)
        assert stored_canaries(cache, "run-c") is None
        before = last_canaries(cache, SPEC, "run-b")
        assert before is not None
        assert before == kept
        newest = last_canaries(cache, SPEC, "run-c")
        assert newest is not None
        assert newest.answers == second.answers
        assert last_canaries(cache, SPEC, "run-a") is None
        assert last_canaries(cache, ModelSpec("openai", "another"), "run-c") is None
        assert last_canaries(cache, ModelSpec("openai", "some-model", temperature=0.0), "run-c") is None
        assert last_canaries(cache, ModelSpec("openai", "some-model", "http://127.0.0.1:1/v1"), "run-c") is None


def test_canaries_travel_in_a_cache_file(tmp_path: Path) -> None:
    with AnswerCache() as cache, AnswerCache() as other:
        first = ask_canaries(Model(), SPEC, cache, "run-a")[0]
        export_cache(cache, tmp_path / "c.parquet")
        import_cache(other, tmp_path / "c.parquet")
        kept = stored_canaries(other, "run-a")
        assert kept is not None
        assert kept.answers == first.answers


def test_a_canary_that_fails_has_no_value_and_is_warned_of() -> None:
    with AnswerCache() as cache:
        before = ask_canaries(Model(1), SPEC, cache, "run-a")[0]
        model = Model(2)
        model.silent = {"park"}
        after = ask_canaries(model, SPEC, cache, "run-b")[0]
    assert after.answers["park"] == ()
    assert said(before, after) == ["The canary 'park' was answered with run run-a, and is not any more."]


def test_another_model_id_is_warned_of() -> None:
    answers = dict.fromkeys(CANARIES, (0.5, 0.5, 0.5))
    assert compare_canaries(round_of(answers), round_of(answers)) == ()
    assert said(round_of(answers), round_of(answers, "m-2")) == [
        "Another model answers: m-2, where it was m-1 with run run-a."
    ]
    unnamed = CanaryRound("run-c", (), answers, datetime(2026, 1, 2, tzinfo=UTC))
    assert compare_canaries(unnamed, round_of(answers, "m-2")) == ()


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.1])
def test_two_rounds_of_one_model_seldom_warn(noise: float) -> None:
    random = np.random.default_rng(7)
    rounds = 1500
    alarms = sum(bool(compare_canaries(sampled(random, 0, noise), sampled(random, 0, noise))) for _ in range(rounds))
    # Twice one in a hundred, and three standard errors of the count.
    assert alarms / rounds <= 0.02 + 3 * np.sqrt(0.02 * 0.98 / rounds)


@pytest.mark.parametrize(("shift", "noise", "at_least"), [(0.2, 0.05, 0.99), (-0.1, 0.05, 0.9), (0.15, 0.1, 0.8)])
def test_a_model_that_answers_otherwise_is_noticed(shift: float, noise: float, at_least: float) -> None:
    random = np.random.default_rng(8)
    found = [compare_canaries(sampled(random, 0, noise), sampled(random, shift, noise)) for _ in range(300)]
    assert np.mean([bool(warnings) for warnings in found]) >= at_least
    assert any("moved by" in change_sentence(item) for changes in found for item in changes)


def test_a_single_canary_that_moves_is_named() -> None:
    before = round_of(dict.fromkeys(CANARIES, (0.5, 0.52, 0.48)))
    after = round_of({**before.answers, "bus": (0.8, 0.82, 0.78)}, run_id="run-b")
    first, *rest = said(before, after)
    assert first.startswith("The canary 'bus' is answered 0.80, where it was 0.50 with run run-a")
    assert all("moved by +0.06 on average" in warning for warning in rest)


def test_one_answer_each_is_judged_by_an_assumed_scatter() -> None:
    before = round_of(dict.fromkeys(CANARIES, (0.5,)))
    for move, warned in ((0.05, False), (0.15, False), (0.5, True)):
        after: dict[str, Any] = {**before.answers, "bus": (0.5 + move,)}
        assert bool(compare_canaries(before, round_of(after))) == warned
    assert compare_canaries(before, round_of(dict.fromkeys(CANARIES, (0.7,))))


def test_movements_too_small_to_matter_are_not_warned_of() -> None:
    before = round_of(dict.fromkeys(CANARIES, (0.5, 0.5, 0.5)))
    after = round_of({**before.answers, "bus": (0.54, 0.54, 0.54)})
    assert compare_canaries(before, after) == ()
