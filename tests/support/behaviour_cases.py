"""Personas and contexts for tests: random ones for properties, plain ones for sums by hand."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from core.cognition.coefficients import load_coefficients
from core.cognition.engine import DAY_TYPE, EPIDEMIC, RAMADAN, RESTRICTED_DAYS
from core.cognition.rules import RulesEngine
from core.people.population_file import load_population_spec
from core.people.spec import PopulationSpec
from core.policy.calendar import DAY_TYPES
from core.study import Indicator, Study, load_study


@lru_cache(maxsize=2)
def study(name: str = "uae") -> Study:
    return load_study(name)


@lru_cache(maxsize=2)
def spec(name: str = "uae") -> PopulationSpec:
    return load_population_spec(name)


@lru_cache(maxsize=2)
def rules(name: str = "uae") -> RulesEngine:
    return RulesEngine.for_study(study(name), load_coefficients(study(name).coefficients_file))


def random_personas(count: int, seed: int) -> pd.DataFrame:
    """People drawn without any marginal: combinations that no census has, so that every corner is visited."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"persona_id": np.arange(count), "weight": generator.integers(1, 20_000, count)})
    for attribute in spec().attributes:
        frame[attribute.name] = pd.Series(generator.choice(np.array(attribute.ids, dtype=object), count), dtype="str")
    for trait in spec().trait_names:
        frame[trait] = generator.beta(0.5, 0.5, count)
    return frame


def plain_person() -> pd.DataFrame:
    """Somebody to whom no row of the table applies: no category of its own, every trait in the middle."""
    row: dict[str, Any] = {"persona_id": 0, "weight": 1}
    row |= {attribute.name: "nobody in particular" for attribute in spec().attributes}
    return pd.DataFrame([{**row, **dict.fromkeys(spec().trait_names, 0.5)}])


def context(levels: dict[str, tuple[int, int | None]] | None = None, **situation: Any) -> dict[str, Any]:
    """One context: `levels` maps indicators to (level, flag); what is not named is 0."""
    row: dict[str, Any] = {}
    for item in study().indicators:
        level, flag = (levels or {}).get(item.code, (0, None))
        row[item.code] = float(level)
        if item.has_flag:
            row[f"{item.code}_Flag"] = np.nan if level == 0 or flag is None else float(flag)
    return row | {DAY_TYPE: "working", RAMADAN: False, EPIDEMIC: 0, RESTRICTED_DAYS: 0} | situation


def strictest(item: Indicator) -> tuple[int, int | None]:
    return item.maximum, 1 if item.has_flag else None


@st.composite
def contexts_that_tighten(draw: st.DrawFn) -> tuple[pd.DataFrame, str]:
    """Two contexts that differ in one indicator, the second one step stricter, and the indicator's code."""
    levels: dict[str, tuple[int, int | None]] = {}
    for item in study().indicators:
        level = draw(st.integers(0, item.maximum))
        levels[item.code] = (level, draw(st.integers(0, 1)) if item.has_flag and level else None)
    moved = draw(st.sampled_from(list(study().indicators)))
    level, flag = levels[moved.code]
    steps: list[tuple[int, int | None]] = []
    if level < moved.maximum:
        steps += [(level + 1, flag if level else choice) for choice in ((0, 1) if moved.has_flag else (None,))]
    if flag == 0:
        steps.append((level, 1))
    if not steps:
        levels[moved.code] = (level, flag) = (0, None)
        steps = [strictest(moved)]
    situation = {
        DAY_TYPE: draw(st.sampled_from(DAY_TYPES)),
        RAMADAN: draw(st.booleans()),
        EPIDEMIC: draw(st.integers(0, 2)),
        RESTRICTED_DAYS: draw(st.integers(0, 1000)),
    }
    stricter = {**levels, moved.code: draw(st.sampled_from(steps))}
    return pd.DataFrame([context(levels, **situation), context(stricter, **situation)]), moved.code
