"""Coherence of an engine's agents: the second rung."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from behaviour_cases import random_personas, rules, study

from core.cognition.rules import RulesEngine
from core.counterfactual.coherence import STRINGENCY, answered_coherence, behaves_coherently, judged_coherence
from core.counterfactual.levels import FrozenPolicy, policy_ladder
from core.policy.calendar import DAY_TYPES
from core.report.sentences.runs import coherence_lines
from core.simulation.contexts import RESTRICTED_MIDDLES

pytestmark = pytest.mark.full
NAMES = study().behaviour_ids
RETAIL, PARKS, HOME = (NAMES.index(name) for name in ("retail", "parks", "residential"))


@dataclass(frozen=True)
class Odd:
    """The rules engine whose answers one function spoils."""

    engine: RulesEngine
    spoil: Callable[[np.ndarray, pd.DataFrame], None]

    @property
    def parameters(self) -> dict[str, float]:
        return {}

    def respond(self, personas: pd.DataFrame, contexts: pd.DataFrame) -> np.ndarray:
        answers = self.engine.respond(personas, contexts)
        self.spoil(answers, contexts)
        return answers


def judged(spoil: Callable[[np.ndarray, pd.DataFrame], None]):  # type: ignore[no-untyped-def]
    return judged_coherence(Odd(rules(), spoil), random_personas(40, 0), study())  # type: ignore[arg-type]


def rising_with_c6(where: Callable[[pd.DataFrame], pd.Series]) -> Callable[[np.ndarray, pd.DataFrame], None]:
    """Parks fill up as staying at home is tightened, in some situations."""

    def spoil(answers: np.ndarray, contexts: pd.DataFrame) -> None:
        rows = where(contexts).to_numpy(bool)
        answers[:, rows, PARKS] = 0.5 + contexts["C6"].to_numpy(np.float32)[rows] / 10

    return spoil


def test_the_rules_engine_is_coherent_in_every_situation() -> None:
    found = judged_coherence(rules(), random_personas(40, 0), study())
    assert found.coherent and found.failures == () and found.as_expected == found.comparisons == 6 * found.pairs
    kinds = len(DAY_TYPES) * 2 * 3 * len(RESTRICTED_MIDDLES)
    assert found.situations % kinds == 0 and found.situations / kinds > 150
    assert behaves_coherently(rules(), random_personas(40, 0), study())


@pytest.mark.parametrize(
    ("where", "about"),
    [
        (lambda contexts: contexts["epidemic"] == 2, {"epidemic": 2}),
        (lambda contexts: contexts["epidemic"] == 1, {"epidemic": 1}),
        (lambda contexts: contexts["restricted_days"] == 22, {"restricted_days": 22}),
        (lambda contexts: contexts["restricted_days"] == 700, {"restricted_days": 700}),
        (lambda contexts: contexts["ramadan"], {"ramadan": True}),
        (lambda contexts: contexts["day_type"] == "holiday", {"day_type": "holiday"}),
        (
            lambda contexts: contexts["ramadan"] & (contexts["epidemic"] == 2) & (contexts["day_type"] == "rest"),
            {"ramadan": True, "epidemic": 2, "day_type": "rest"},
        ),
    ],
)
def test_what_fails_in_one_situation_only_is_found_and_named(
    where: Callable[[pd.DataFrame], pd.Series], about: Mapping[str, object]
) -> None:
    found = judged(rising_with_c6(where))
    assert not found.coherent
    alone = next(item for item in found.failures if item.lever == "C6")
    assert alone.behaviour == "parks" and 0.05 < alone.size <= 0.1 + 1e-6
    assert about.items() <= alone.situation.items()
    assert {item.behaviour for item in found.failures} == {"parks"}


def test_a_lever_that_errs_only_without_the_others_is_found() -> None:
    """On the staircase other levers rise before C2 does, and hide what it does alone."""
    codes = [item.code for item in study().indicators if item.code != "C2"]

    def spoil(answers: np.ndarray, contexts: pd.DataFrame) -> None:
        alone = (contexts[codes].sum(axis=1) == 0).to_numpy()
        answers[:, alone, RETAIL] += 0.1 * contexts["C2"].to_numpy(np.float32)[alone]

    found = judged(spoil)
    assert not found.coherent
    assert {(item.lever, item.behaviour) for item in found.failures} == {("C2", "retail")}


def test_a_targeted_measure_that_does_more_than_a_general_one_is_found() -> None:
    def spoil(answers: np.ndarray, contexts: pd.DataFrame) -> None:
        answers[:, (contexts["C2_Flag"] == 0).to_numpy(), RETAIL] *= np.float32(0.5)

    found = judged(spoil)
    assert {(item.lever, item.behaviour) for item in found.failures} == {("C2", "retail")}


def test_activity_outside_what_people_can_do_is_found() -> None:
    def spoil(answers: np.ndarray, contexts: pd.DataFrame) -> None:
        answers[:, ((contexts["epidemic"] == 2) & contexts["ramadan"]).to_numpy(), RETAIL] += 1

    found = judged(spoil)
    assert not found.bounded and not found.coherent and found.failures == ()


def test_time_at_home_has_to_grow_with_stringency() -> None:
    def spoil(answers: np.ndarray, contexts: pd.DataFrame) -> None:
        answers[:, :, HOME] = 1 - answers[:, :, HOME]

    found = judged(spoil)
    assert STRINGENCY in {item.lever for item in found.failures}
    assert {item.behaviour for item in found.failures} == {"residential"}


def answered() -> tuple[pd.DataFrame, np.ndarray]:
    rows = [FrozenPolicy(0.0, 0.0, step).row(study()) for step in policy_ladder(study())[:4]]
    calm = {"day_type": "working", "ramadan": False, "epidemic": 0, "restricted_days": 7}
    contexts = pd.DataFrame([{**row, **calm} for row in rows] + [{**rows[0], **calm, "epidemic": 2}])
    signs = np.array([item.expected_sign for item in study().behaviours])
    return contexts, 0.5 + 0.01 * np.array([0, 1, 2, 3, 0])[:, None] * signs


def test_what_was_answered_is_judged_by_itself_and_counted() -> None:
    contexts, means = answered()
    found = answered_coherence(contexts, means, study())
    assert found.coherent and (found.situations, found.pairs) == (5, 6)
    means[1, PARKS], means[2, RETAIL] = 0.6, np.nan
    found = answered_coherence(contexts, means, study())
    assert not found.coherent and found.bounded and found.comparisons == 6 * 6 - 3
    (failure,) = found.failures
    changed = next(code for code, level in policy_ladder(study())[1].items() if level)
    assert (failure.lever, failure.behaviour) == (changed, "parks") and failure.size == pytest.approx(0.1)
    assert failure.situation == {"day_type": "working", "ramadan": False, "epidemic": 0, "restricted_days": 7}


def test_the_words_say_how_much_was_judged_and_where_it_failed() -> None:
    (whole,) = coherence_lines(judged_coherence(rules(), random_personas(5, 0), study()), asked=False)
    assert "all of the behaviours" in whole and "situations of every kind" in whole
    contexts, means = answered()
    means[1, PARKS] = 0.6
    first, second = coherence_lines(answered_coherence(contexts, means, study()), asked=True)
    assert "5 situations asked about, 6 pairs" in first and "97.2%" in first
    assert "parks the wrong way by 10 of 100 people (working day, a low epidemic, 7 days restricted)" in second
    (nothing,) = coherence_lines(answered_coherence(contexts[:1], means[:1], study()), asked=True)
    assert "No two of the 1 situations" in nothing
    assert coherence_lines(None, asked=False) == []
