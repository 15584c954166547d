"""What many worlds say: known answers."""

from __future__ import annotations

import pytest

from core.statistics.spread import same_sign, spread_of, unseen


def test_the_interval_of_a_mean_is_that_of_t() -> None:
    found = spread_of([1.0, 2.0, 3.0], half_width=0.5)
    assert (found.mean, found.sd) == (2.0, 1.0)
    assert found.low is not None and found.low == pytest.approx(2 - 4.3027 / 3**0.5, abs=1e-3)
    assert found.worlds_needed == 16  # (1.96 / 0.5)² = 15.4
    assert spread_of([7.0]).sd is None


def test_signs_are_counted_of_all_worlds() -> None:
    assert same_sign([1, 2, -1, 0]) == 0.5
    assert same_sign([0.0, 0.0]) is None


def test_what_was_seen_once_says_how_much_was_not_seen() -> None:
    found = unseen(["a", "a", "b", "c", "d"])  # three kinds once, one twice
    assert (found.seen, found.missing_mass, found.kinds_at_least) == (4, 0.6, 4 + 3 * 2 / 4)
