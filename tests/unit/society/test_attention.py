"""The test of attention: curves whose shape is known get the verdict they deserve, and sharing a warm-up changes no bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS
from core.execution.progress import ProgressReporter
from core.services.society.attention import AttentionRequest, design_of
from core.society import load
from core.society.attention import ARMS, FULL, UNREAD, Design, farthest_from, registered_plan, restaurant_of, run_doses
from core.society.attention_verdict import judge
from core.society.dose_response import (
    correlations,
    fisher_mean,
    log_slopes,
    mean_over_seeds,
    pooled_quadratic,
    quadratic,
    shuffled,
    two_lines,
    verdict_of,
)
from core.society.run import run_world
from core.society.scenario import Set, edited

X = np.array([0, 1, 2, 4, 8, 16, 32, 64], float)
NOISE = np.random.default_rng(7).normal(0, 0.02, (20, len(X)))


def verdict(y: np.ndarray) -> str:
    a, b = (mean_over_seeds(part, 0.95) for part in quadratic(X, y))
    return verdict_of(a, b, two_lines(X, y, 0.95))


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        (1 + np.log1p(X), "saturating"),
        (1 + X / 20 - (X / 32) ** 2, "inverted U"),
        (np.ones(len(X)), "not shown"),
        (1 + (X / 40) ** 2, "not shown"),
    ],
)
def test_a_known_curve_gets_its_verdict(curve: np.ndarray, said: str) -> None:
    assert verdict(curve + NOISE) == said


def test_a_logarithm_is_no_inverted_u_whatever_its_quadratic_says() -> None:
    y = 1 + np.log1p(X) + NOISE
    a, b = quadratic(X, y)
    assert a.mean() < 0 < b.mean() and two_lines(X, y, 0.95).falling.mean > 0


def test_the_quadratic_is_found_again_and_is_nothing_of_a_constant() -> None:
    z = (X - X.mean()) / X.std()
    y = -0.3 * z**2 + 0.8 * z
    a, b = quadratic(X, y)
    assert a * y.std() == pytest.approx(-0.3) and b * y.std() == pytest.approx(0.8)
    assert all((part == 0).all() for part in quadratic(X, np.full((3, len(X)), 7.0)))


def test_statistics_of_known_answer() -> None:
    assert log_slopes(np.array([[1.0, 2.0, 4.0]]), np.array([[3.0, 6.0, 12.0]]))[0] == pytest.approx(1.0)
    assert np.isnan(log_slopes(np.array([[1.0]]), np.array([[3.0]]))).all()
    days = np.array([[1.0, 2.0, 3.0, np.nan], [1.0, 1.0, 1.0, 1.0]])
    r = correlations(days, np.array([[2.0, 4.0, 6.5, 9.0], [1.0, 2.0, 3.0, 4.0]]))
    assert r[0] > 0.99 and np.isnan(r[1])
    assert fisher_mean(r[1:], 0.95) is None
    _, b = pooled_quadratic(np.tile(X, (5, 1)), np.tile(X, (5, 1)), 50, 0.95, 1)
    assert b.mean == pytest.approx(1.0) and (b.low, b.high) == (pytest.approx(1.0), pytest.approx(1.0))
    mixed = shuffled(X, 1 + np.log1p(X) + NOISE, 200, 0.95, 1)
    assert mixed.low is not None and mixed.high is not None and mixed.low < 0 < mixed.high < 0.5


@pytest.fixture(scope="module")
def small() -> Design:
    scenario = edited(load("pizza"), [Set(set="warm_up_days", value=1)])
    return Design(scenario, "pizza_place", "garden_cafe", (0.0, 4.0, 16.0, 64.0), 5001, 2, 2, 100, 0.05, 0.5)


def test_one_warm_up_for_all_doses_changes_no_bit(small: Design) -> None:
    runs = run_doses(small, list(ARMS), IN_THIS_PROCESS, ProgressReporter())
    for arm in ARMS:
        alone = run_world(small.arm(arm, 64.0), 5002, 100, 2, False)
        assert alone.state_hash == runs[arm].hashes[1, 3]
        here = alone.days[alone.days["place"] == "pizza_place"]
        assert here["sales_cents"].tolist() == runs[arm].series["sales_cents"][1, 3].tolist()
    result = judge(small, runs, registered_plan())
    unread = result.arms[UNREAD]
    assert (unread.a, unread.b, unread.constant, unread.identical) == (0.0, 0.0, True, True)
    assert not result.arms[FULL].constant and result.dose[3].relative_sales > result.dose[0].relative_sales == 1.0
    assert result.placebos.unread_zero and "doses" in result.departures and "place" not in result.departures
    assert type(result).from_dict(result.as_dict()) == result


def test_the_defaults_are_those_registered() -> None:
    plan, design = registered_plan(), design_of(AttentionRequest())
    assert (list(design.doses), design.seeds, design.days, design.place) == (
        plan.doses,
        plan.seeds,
        plan.days,
        plan.place,
    )
    assert (
        design.other == farthest_from(design.scenario, restaurant_of(design.scenario, plan.place)).id == "garden_cafe"
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"place": "pizza_plaice"}, "Nearest valid: pizza_place"),
        ({"place": "central_market"}, "unknown restaurant"),
        ({"seeds": 1}, "Nearest valid: 2"),
        ({"doses": (1.0, 2.0, 4.0, 8.0)}, "0 first"),
        ({"doses": (0.0, 2.0)}, "4 or more"),
    ],
)
def test_what_cannot_be_tested_is_told(given: dict[str, object], told: str) -> None:
    with pytest.raises(InputError) as failed:
        design_of(replace(AttentionRequest(), **given))
    assert told in str(failed.value)
