"""Estimators of stylised facts on data whose answer is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from core.society.facts import _network, _poisson_slope, _visits


def test_gravity_of_flows_drawn_from_it() -> None:
    rng = np.random.default_rng(0)
    km, size = rng.uniform(1, 10, 3000), rng.uniform(50, 200, 3000)
    flow = rng.poisson(0.2 * size * km**-1.6)
    assert _poisson_slope(np.log(km), flow, size) == pytest.approx(-1.6, abs=0.05)


def test_ranks_of_own_places_follow_the_power_they_were_drawn_with() -> None:
    visits = np.tile(np.round(600 * np.arange(1, 8) ** -1.2).astype(np.int32), (50, 1))
    rng = np.random.default_rng(0)
    visits = rng.permuted(visits, axis=1)
    people = SimpleNamespace(home=np.zeros((50, 2)))
    space = SimpleNamespace(space=SimpleNamespace(km_per_cell=1.0))
    world: Any = SimpleNamespace(people=people, cell=np.full((7, 2), 2.0), restaurants=7, scenario=space)
    assert _visits(world, cast(Any, SimpleNamespace(visits=visits)))["F9"] == pytest.approx(1.2, abs=0.02)


def test_figures_of_a_triangle_with_one_tail() -> None:
    # 0 and 1 follow each other, 2 follows both, 3 follows 2.
    follows = {0: [1, 2], 1: [0, 2], 2: [3], 3: []}
    network = SimpleNamespace(
        follows=5,
        first=np.array([0, 2, 4, 5, 5]),
        reader=np.array([one for row in follows.values() for one in row]),
    )
    found = _network(cast(Any, SimpleNamespace(network=network, number=4)))
    assert found["F13_mutual"] == pytest.approx(2 / 5)
    assert found["F12_clustering"] == pytest.approx((1 + 1 + 1 / 3) / 3)
