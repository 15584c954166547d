"""Coherence of an engine's agents: the second rung."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from behaviour_cases import random_personas, rules, study

from core.cognition.rules import RulesEngine
from core.counterfactual.coherence import behaves_coherently


@dataclass(frozen=True)
class Odd:
    """The rules engine with one answer turned over."""

    engine: RulesEngine
    wrong: str

    @property
    def parameters(self) -> dict[str, float]:
        return {}

    def respond(self, personas: pd.DataFrame, contexts: pd.DataFrame) -> np.ndarray:
        answers = self.engine.respond(personas, contexts)
        if self.wrong == "residential":
            answers[:, :, -1] = 1.0 - answers[:, :, -1]
        if self.wrong == "too much":
            answers[:, :, 0] += 1.0
        if self.wrong == "holidays":
            holidays = (contexts["day_type"] == "holiday").to_numpy()
            answers[:, holidays, 2] = 0.5 + contexts["C6"].to_numpy(np.float32)[holidays] / 10
        return answers


def test_the_rules_engine_is_coherent() -> None:
    assert behaves_coherently(rules(), random_personas(40, 0), study())


@pytest.mark.parametrize("wrong", ["residential", "too much", "holidays"])
def test_one_behaviour_in_the_wrong_direction_or_out_of_bounds_is_found(wrong: str) -> None:
    assert not behaves_coherently(Odd(rules(), wrong), random_personas(40, 0), study())  # type: ignore[arg-type]
