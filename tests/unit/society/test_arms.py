"""Arms are compared world by world: known intervals, nothing where nothing is changed, and from the first day it may be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from core.society import load, simulate
from core.society.arms import contrasts, first_day, paired, quantities
from core.society.scenario import Scenario, read_scenario

ARMS = [
    {"id": "same", "title": "Nothing changed", "edit": []},
    {"id": "late", "title": "Later", "edit": [{"add": {"kind": "outage", "start": "2030-03-06"}}]},
]


@pytest.fixture(scope="module")
def town() -> Scenario:
    own = load("meridia_town").as_dict()
    return read_scenario(own | {"warm_up_days": 0, "days": 8, "step_hours": 4, "arms": [*own["arms"], *ARMS]})


def test_the_interval_is_the_paired_t_interval() -> None:
    one, other = np.random.default_rng(0).normal(size=(2, 3, 12)) + [[[2.0], [0.0], [-3.0]]] * 2
    mean, low, high, same = paired(one - other)
    known = stats.ttest_rel(one, other, axis=1).confidence_interval(0.95)
    np.testing.assert_allclose([low, high], [known.low, known.high])
    assert (low < mean).all() and (mean < high).all() and ((same > 0) & (same <= 1)).all()


def test_one_world_has_no_interval_and_equal_ones_no_difference() -> None:
    mean, low, high, same = paired(np.array([[3.0]]))
    assert mean[0] == 3 and np.isnan([low[0], high[0]]).all() and same[0] == 1
    assert [float(part[0]) for part in paired(np.zeros((1, 5)))] == [0, 0, 0, 1]


def test_an_arm_without_edits_differs_in_nothing_and_unread_posts_do(town: Scenario) -> None:
    found = {}
    for arm in ("base", "same", "unread"):
        run = simulate(town, seeds=2, arm=arm, households=80, detail=False)
        found[arm] = quantities(run.days, run.groups, town)
    same = contrasts("same", found["same"], "base", found["base"])
    assert {(item.mean, item.low, item.high, item.same_sign) for item in same} == {(0.0, 0.0, 0.0, 1.0)}
    unread = contrasts("unread", found["unread"], "base", found["base"])
    assert any(item.mean for item in unread) and all(item.seeds == 2 for item in unread)
    everything = {(item.group, item.level) for item in same}
    assert {("all", "all"), ("income_quartile", "4"), ("district", "hill"), ("place", "garden")} <= everything


def test_quantities_are_those_of_the_frames(town: Scenario) -> None:
    run = simulate(town, seeds=2, households=80, detail=False)
    found = quantities(run.days, run.groups, town, since=6)
    late = run.days[(run.days["day"] >= 6) & (run.days["seed"] == 2)]
    assert found.loc[("all", "all", "sales"), 2] == late["sales_cents"].sum() / 2
    groups = run.groups[(run.groups["day"] >= 6) & (run.groups["seed"] == 2) & (run.groups["group"] == "district")]
    mean = np.average(groups["out"], weights=groups["households"])
    assert found.loc[("all", "all", "spending_out"), 2] == pytest.approx(mean)


def test_an_arm_is_compared_from_the_first_day_it_may_differ_on(town: Scenario) -> None:
    assert [first_day(town, arm) for arm in ("base", "same", "late", "voucher", "unread")] == [0, 0, 2, 7, 0]
    assert first_day(town, "late", "voucher") == 2
