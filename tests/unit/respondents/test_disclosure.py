"""Small cells and differences tell nothing of a few people."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.respondents.disclosure import FEWEST, exposes, suppressed


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_what_is_hidden_cannot_be_had_from_the_total(counts: list[int]) -> None:
    cells = {str(place): count for place, count in enumerate(counts)}
    hidden = suppressed(cells)
    assert all(name in hidden for name, count in cells.items() if 0 < count < FEWEST)
    together = sum(cells[name] for name in hidden)
    assert not hidden or together >= FEWEST or together == sum(counts)
    assert len(hidden) != 1 or sum(counts) == together


def test_differences_of_released_groups_are_seen_also_by_way_of_several() -> None:
    people = [f"p{number}" for number in range(60)]
    everybody, but_three = frozenset(people), frozenset(people[3:])
    assert exposes([everybody], [but_three])
    men = frozenset(people[:30])
    young, middle = frozenset(people[:13]), frozenset(people[13:25])
    assert not exposes([men], [young])
    # men − young − middle are five people, though no two of these groups differ by so few
    assert exposes([men, young], [middle])
    assert not exposes([everybody], [men])


def test_no_sum_of_what_is_let_through_tells_of_a_few() -> None:
    """Random groups, let through one by one: no combination with factors −1, 0, 1 is the indicator of one to nine people."""
    random = np.random.default_rng(3)
    people = np.arange(48)
    released: list[frozenset[int]] = []
    for _ in range(60):
        group = frozenset(people[random.permutation(48)[: random.integers(10, 48)]].tolist())
        if len(released) < 6 and not exposes(released, [group]):
            released.append(group)
    marks = np.array([[person in group for person in people] for group in released], dtype=int)
    assert len(released) >= 3
    for factors in itertools.product((-1, 0, 1), repeat=len(released)):
        total = np.array(factors) @ marks
        if set(total) <= {0, 1}:
            assert not 0 < total.sum() < FEWEST
