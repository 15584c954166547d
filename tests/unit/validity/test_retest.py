"""Agreement with people, over their agreement with themselves; known answers."""

from __future__ import annotations

import numpy as np
import pytest

from core.validity.people_parity import people_parity
from core.validity.retest import Agreement, RetestDraws, agreement, log_score, mean_agreement

CHOICES = np.array([5, 3])
TRUTH = np.array([[1, 1], [2, 2], [5, 3], [4, np.nan]], dtype=float)
AGAIN = np.array([[1, 1], [2, 3], [4, 3], [4, 2]], dtype=float)


def test_the_three_measures_by_hand() -> None:
    given = np.array([[1, 2], [3, 2], [5, 2], [np.nan, 2]], dtype=float)
    found = agreement(given, TRUTH, CHOICES)
    assert found.mean_exact == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert found.mean_partial == pytest.approx(((1 + 0.75 + 1) / 3 + (0.5 + 1 + 0.5) / 3) / 2)
    assert found.correlation[0] == pytest.approx(np.corrcoef([1, 3, 5], [1, 2, 5])[0, 1])
    assert found.correlation[1] == 0.0  # the same for everybody tells nothing
    assert found.variance_ratio[0] == pytest.approx(np.var([1, 3, 5]) / np.var([1, 2, 5]))


def test_who_tells_nobody_apart_has_no_correlation() -> None:
    found = agreement(np.tile([2.0, 2.0], (4, 1)), TRUTH, CHOICES)
    assert found.mean_correlation is None
    assert agreement(AGAIN, TRUTH, CHOICES).mean_correlation is not None


def test_retest_as_agent_is_one_and_its_lead_over_itself_nothing() -> None:
    retest = agreement(AGAIN, TRUTH, CHOICES)
    draws = RetestDraws(retest, draws=50)
    one = draws.normalised(retest)
    assert (one.value, one.low, one.high) == (1.0, 1.0, 1.0)
    lead = draws.lead(retest, retest)
    assert (lead.value, lead.low, lead.high) == (0.0, 0.0, 0.0)


def test_the_mean_of_draws() -> None:
    one, other = agreement(AGAIN, TRUTH, CHOICES), agreement(TRUTH, TRUTH, CHOICES)
    both = mean_agreement([one, other])
    assert both.mean_exact == pytest.approx((one.mean_exact + other.mean_exact) / 2)


def test_log_score_of_even_shares() -> None:
    even = np.full((4, 2, 5), 0.2)
    assert log_score(even, TRUTH) == pytest.approx(np.log(5))


def groups(served: tuple[float, float], repeated: tuple[float, float], seed: int = 0) -> tuple[Agreement, Agreement]:
    """(agent's, retest's) of 200 people and 40 items: each half of the people is met and repeats itself so often."""
    random = np.random.default_rng(seed)
    truth = random.integers(1, 5, size=(200, 40)).astype(float)
    half = (np.arange(200) < 100)[:, None]
    said = [
        np.where(random.random(truth.shape) < np.where(half, *rates), truth, truth % 4 + 1)
        for rates in (served, repeated)
    ]
    agent, retest = (agreement(given, truth, np.full(40, 4)) for given in said)
    return agent, retest


HALVES = ["a"] * 100 + ["b"] * 100


def test_a_group_that_is_served_worse_is_found_and_named() -> None:
    found = people_parity(*groups((0.7, 0.5), (1.0, 1.0)), HALVES, draws=200)
    assert found.difference == pytest.approx(0.2, abs=0.03)
    assert (found.best, found.worst) == ("a", "b") and found.worst_normalised == pytest.approx(0.5, abs=0.03)
    assert found.p is not None and found.p < 0.01 and found.low is not None and found.low > 0.1


def test_groups_are_judged_by_their_own_retest() -> None:
    """Who repeats own answers less often is not served worse for being met less often."""
    found = people_parity(*groups((0.8, 0.4), (0.8, 0.4)), HALVES, draws=50)
    assert found.difference == pytest.approx(0.0, abs=0.06)
    assert found.groups[0].exact - found.groups[1].exact > 0.3


def test_chance_alone_is_called_a_difference_as_often_as_chance_has_it() -> None:
    found = [people_parity(*groups((0.6, 0.6), (0.9, 0.9), seed), HALVES, draws=60) for seed in range(30)]
    values = [item.p for item in found if item.p is not None]
    assert 0.3 < np.mean(values) < 0.7 and np.mean([value < 0.1 for value in values]) < 0.25
    assert all(item.chance is not None and item.chance > 0 for item in found)


def test_small_groups_are_listed_and_not_compared() -> None:
    agent, retest = groups((0.6, 0.6), (1.0, 1.0))
    found = people_parity(agent, retest, ["c"] * 4 + ["a"] * 90 + ["b"] * 106, draws=20)
    assert found.small == {"c": 4} and [group.level for group in found.groups] == ["a", "b"]
    assert people_parity(agent, retest, ["a"] * 200, draws=10).difference is None
