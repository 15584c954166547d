"""The rules engine: bounded, monotone in policy, moved by everything it says it is moved by, equal everywhere."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from behaviour_cases import (
    context,
    contexts_that_tighten,
    plain_person,
    random_personas,
    rules,
    spec,
    strictest,
    study,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cognition.coefficients import load_coefficients
from core.cognition.engine import DAY_TYPE, EPIDEMIC, RAMADAN, RESTRICTED_DAYS
from core.cognition.rules import PARAMETERS, RulesEngine
from core.errors import InputError
from core.people.personas import synthesise
from core.policy.calendar import DAY_TYPES

OUTINGS = [position for position, item in enumerate(study().behaviours) if item.expected_sign < 0]
HOME = study().behaviour_ids.index("residential")
#: Far below anything that matters, and above the last bits of 32-bit numbers.
ROUNDING = 1e-6

parameters = st.fixed_dictionaries(
    {name: st.floats(item.low, item.high, allow_nan=False) for name, item in PARAMETERS.items()}
)


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return synthesise(spec(), 300, seed=1).personas


def mean(engine: RulesEngine, personas: pd.DataFrame, *rows: dict) -> np.ndarray:
    """Mean answers per context, (contexts, behaviours)."""
    return engine.respond(personas, pd.DataFrame(list(rows))).mean(axis=0, dtype=float)


@given(tighter=contexts_that_tighten(), seed=st.integers(0, 2**31), chosen=parameters)
@settings(max_examples=150, deadline=None)
def test_a_stricter_policy_never_sends_anybody_out(
    tighter: tuple[pd.DataFrame, str], seed: int, chosen: dict[str, float]
) -> None:
    rows, code = tighter
    answers = rules().with_parameters(chosen).respond(random_personas(12, seed), rows)
    assert answers.min() >= 0.0 and answers.max() <= 1.0
    before, after = answers[:, 0], answers[:, 1]
    assert (after[:, OUTINGS] <= before[:, OUTINGS] + ROUNDING).all(), code
    assert (after[:, HOME] >= before[:, HOME] - ROUNDING).all(), code


@given(seed=st.integers(0, 2**31), chosen=parameters, kind=st.sampled_from(DAY_TYPES), days=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_more_cases_never_send_anybody_out(seed: int, chosen: dict[str, float], kind: str, days: int) -> None:
    rows = pd.DataFrame([context(**{EPIDEMIC: level, DAY_TYPE: kind, RESTRICTED_DAYS: days}) for level in (0, 1, 2)])
    answers = rules().with_parameters(chosen).respond(random_personas(12, seed), rows)
    assert (np.diff(answers[:, :, OUTINGS], axis=1) <= ROUNDING).all()
    assert (np.diff(answers[:, :, HOME], axis=1) >= -ROUNDING).all()


@given(tighter=contexts_that_tighten(), seed=st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_a_policy_weighs_less_the_longer_it_lasts(tighter: tuple[pd.DataFrame, str], seed: int) -> None:
    rows, _ = tighter
    lasting = pd.concat([rows.assign(**{RESTRICTED_DAYS: days}) for days in (0, 7, 90, 700)], ignore_index=True)
    answers = rules().respond(random_personas(8, seed), lasting)[:, :, OUTINGS]
    unrestricted = rows.assign(**dict.fromkeys(study().indicator_codes, 0.0))
    free = rules().respond(random_personas(8, seed), unrestricted)[:, :1, OUTINGS]
    effect = free - answers[:, 1::2]
    assert (effect >= -ROUNDING).all() and (np.diff(effect, axis=1) <= ROUNDING).all()


@pytest.mark.parametrize("item", study().indicators, ids=lambda item: item.code)
def test_every_indicator_moves_every_behaviour(item, people: pd.DataFrame) -> None:
    none, some, all_of_it = mean(
        rules(), people, context(), context({item.code: (1, 0)}), context({item.code: strictest(item)})
    )
    assert (all_of_it[OUTINGS] < none[OUTINGS] - 1e-4).all()
    assert all_of_it[HOME] > none[HOME] + 1e-4
    if item.has_flag or item.maximum > 1:
        assert (all_of_it[OUTINGS] < some[OUTINGS]).all() and (some[OUTINGS] < none[OUTINGS]).all()


def test_a_general_measure_weighs_more_than_a_targeted_one(people: pd.DataFrame) -> None:
    flagged = [item for item in study().indicators if item.has_flag]
    assert len(flagged) == 9
    for item in flagged:
        targeted, general = mean(rules(), people, context({item.code: (1, 0)}), context({item.code: (1, 1)}))
        assert (general[OUTINGS] < targeted[OUTINGS]).all(), item.code


def test_every_kind_of_day_is_another_day(people: pd.DataFrame) -> None:
    kinds = mean(rules(), people, *(context(**{DAY_TYPE: kind}) for kind in DAY_TYPES))
    work = study().behaviour_ids.index("workplaces")
    by_kind = dict(zip(DAY_TYPES, kinds[:, work], strict=True))
    assert by_kind["working"] > by_kind["half"] > by_kind["weekend"] > by_kind["rest"]
    assert by_kind["holiday"] < by_kind["half"]
    assert (np.abs(kinds[1:] - kinds[0]) > 1e-4).all()


def test_ramadan_moves_every_behaviour(people: pd.DataFrame) -> None:
    plain, ramadan = mean(rules(), people, context(), context(**{RAMADAN: True}))
    assert (np.abs(ramadan - plain) > 1e-4).all()


def test_caution_grows_with_the_level_of_cases_and_with_its_parameter(people: pd.DataFrame) -> None:
    rows = [context(**{EPIDEMIC: level}) for level in (0, 1, 2)]
    for low, high in pairwise(mean(rules(), people, *rows)[:, OUTINGS]):
        assert (high < low - 1e-4).all()
    careless = mean(rules().with_parameters({"epidemic": 0.0}), people, *rows)
    assert np.array_equal(careless[0], careless[2])
    afraid = mean(rules().with_parameters({"epidemic": 3.0}), people, *rows)
    assert (afraid[2, OUTINGS] < mean(rules(), people, *rows)[2, OUTINGS]).all()


def test_each_parameter_does_what_it_says(people: pd.DataFrame) -> None:
    strict = {item.code: strictest(item) for item in study().indicators}
    early, late = context(strict), context(strict, **{RESTRICTED_DAYS: 180})
    tireless = mean(rules().with_parameters({"fatigue": 0.0}), people, early, late)
    assert np.array_equal(tireless[0], tireless[1])
    quick, slow = (rules().with_parameters({"fatigue_days": days}) for days in (30.0, 365.0))
    assert (mean(quick, people, late)[0, OUTINGS] > mean(slow, people, late)[0, OUTINGS]).all()
    assert np.array_equal(mean(quick, people, early), mean(slow, people, early))


def test_sums_by_hand() -> None:
    """Somebody whom no row concerns: base probabilities, log-odds that add up, and the hours of a day."""
    rows = {
        "plain": context(),
        "rest": context(**{DAY_TYPE: "rest"}),
        "home": context({"C6": (3, 1)}),
        "half": context({"C6": (2, 0)}),
        "tired": context({"C6": (3, 1)}, **{RESTRICTED_DAYS: 120}),
    }
    answers = rules().respond(plain_person(), pd.DataFrame(list(rows.values())))[0].astype(float)
    found = {name: dict(zip(study().behaviour_ids, answers[row], strict=True)) for row, name in enumerate(rows)}
    base = {"retail": 0.45, "grocery": 0.40, "parks": 0.15, "transit": 0.22, "workplaces": 0.85}

    def shifted(name: str, by: float) -> float:
        odds = base[name] / (1 - base[name]) * np.exp(by)
        return float(odds / (1 + odds))

    for name, value in base.items():
        assert found["plain"][name] == pytest.approx(value, abs=1e-6)
    assert found["rest"]["workplaces"] == pytest.approx(shifted("workplaces", -3.0), abs=1e-6)
    assert found["home"]["parks"] == pytest.approx(shifted("parks", -1.0), abs=1e-6)
    # Level 2 of 3, targeted: (2 - 0.5) / 3 of the full effect.
    assert found["half"]["parks"] == pytest.approx(shifted("parks", -0.5), abs=1e-6)
    # After the half-life half of fatigue's share (0.5) has worn off: three quarters remain.
    assert found["tired"]["parks"] == pytest.approx(shifted("parks", -0.75), abs=1e-6)
    hours = 1.5 * 0.45 + 0.7 * 0.40 + 1.3 * 0.15 + 0.8 * 0.22 + 8.5 * 0.85 + 6.5 * 0.90
    assert found["plain"]["residential"] == pytest.approx(1 - hours / 24, abs=1e-6)


def test_people_differ_as_the_table_says(people: pd.DataFrame) -> None:
    pair = pd.concat([plain_person()] * 2, ignore_index=True)
    pair["occupation"] = ["retired", "craft"]
    answers = rules().respond(pair, pd.DataFrame([context()]))
    work = study().behaviour_ids.index("workplaces")
    assert answers[0, 0, work] < 0.05 < 0.8 < answers[1, 0, work]
    for trait in ("institutional_trust", "health_concern"):
        pair = pd.concat([plain_person()] * 2, ignore_index=True).assign(**{trait: [0.0, 1.0]})
        drop = -np.diff(rules().respond(pair, pd.DataFrame([context(), context({"C6": (3, 1)})])), axis=1)[:, 0]
        assert (drop[1, OUTINGS] > drop[0, OUTINGS]).all(), trait


def test_modifiers_cannot_turn_an_effect_round() -> None:
    """1 - 0.7 (farm work) - 0.2 (cannot afford it) - 0.3 (no trust) - 0.15 (no concern) is below 0: no effect, not a reverse."""
    stubborn = plain_person().assign(
        occupation="skilled_agriculture", financial_pressure=1.0, institutional_trust=0.0, health_concern=0.0
    )
    work = study().behaviour_ids.index("workplaces")
    free, closed = mean(rules(), stubborn, context(), context({"C2": (3, 1)}))
    assert free[work] == closed[work]
    free, closed = mean(rules(), stubborn.assign(institutional_trust=1.0), context(), context({"C2": (3, 1)}))
    assert closed[work] < free[work]


def test_a_population_without_an_attribute_is_answered(people: pd.DataFrame) -> None:
    answers = rules().respond(people.drop(columns=["transport", "sociability"]), pd.DataFrame([context()]))
    assert np.isfinite(answers).all()


def test_a_context_with_an_unknown_level_is_refused(people: pd.DataFrame) -> None:
    for hole in ({"C1": np.nan}, {"C1": 2.0, "C1_Flag": np.nan}):
        with pytest.raises(InputError, match="no level for some indicator"):
            rules().respond(people, pd.DataFrame([context() | hole]))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"fatigu": 0.1}, "unknown engine parameter 'fatigu'.*Nearest valid: fatigue"),
        ({"fatigue": 0.95}, "fatigue = 0.95.*0.0 to 0.9.*Nearest valid: 0.9"),
        ({"epidemic": -1.0}, "epidemic = -1.0.*Nearest valid: 0.0"),
        ({"epidemic": float("nan")}, "epidemic = nan.*0.0 to 3.0"),
    ],
)
def test_wrong_parameters_are_named(given: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        rules().with_parameters(given)


def test_it_serves_any_choice_of_behaviours_and_indicators(people: pd.DataFrame) -> None:
    from dataclasses import replace

    whole = study()
    part = replace(whole, behaviours=whole.behaviours[4:], indicators=whole.indicators[:2])
    engine = RulesEngine.for_study(part, load_coefficients(part.coefficients_file))
    row = context({"C1": (3, 1)})
    answers = engine.respond(people, pd.DataFrame([row]))
    assert answers.shape == (len(people), 1, 2)
    assert np.allclose(answers, rules().respond(people, pd.DataFrame([row]))[:, :, 4:], rtol=0, atol=ROUNDING)
