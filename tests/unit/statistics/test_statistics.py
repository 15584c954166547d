"""Draws and intervals: known answers, and what each promises of its draws."""

from __future__ import annotations

import numpy as np
import pytest

from core.statistics.bootstrap import block_starts, exponential_multiples, generator_of, unit_counts
from core.statistics.levels import LEVELS, SHOWN, central, tails


@pytest.mark.parametrize(
    ("level", "ends"), [(50, (0.25, 0.75)), (80, (0.1, 0.9)), (90, (0.05, 0.95)), (95, (0.025, 0.975))]
)
def test_a_central_interval_leaves_the_same_below_and_above(level: int, ends: tuple[float, float]) -> None:
    assert tails(level) == ends
    values = np.arange(1001.0)
    assert central(values, level) == tuple(1000 * end for end in ends)
    assert SHOWN in LEVELS


def test_ends_along_an_axis_are_those_of_each_column() -> None:
    values = np.random.default_rng(0).normal(size=(300, 4))
    low, high = central(values, axis=0)
    for column in range(4):
        assert (low[column], high[column]) == central(values[:, column])


def test_as_many_units_are_drawn_as_there_are_within_each_stratum() -> None:
    strata = ["a", "b", "a", "b", "b"]
    counts = unit_counts(5, 500, 1, strata)
    assert (counts[:, [0, 2]].sum(axis=1) == 2).all() and (counts[:, [1, 3, 4]].sum(axis=1) == 3).all()
    assert (unit_counts(5, 500, 1).sum(axis=1) == 5).all() and np.array_equal(
        unit_counts(5, 9, 1), unit_counts(5, 9, 1)
    )


def test_streams_of_one_seed_are_independent_and_the_same_again() -> None:
    first, again, other = (generator_of(7, *stream).normal(size=2000) for stream in ((), (), (1,)))
    assert np.array_equal(first, again) and abs(np.corrcoef(first, other)[0, 1]) < 0.1


def test_the_bayesian_bootstrap_has_the_error_of_a_mean() -> None:
    values = np.random.default_rng(1).normal(10, 2, 400)
    drawn = exponential_multiples(generator_of(3), 3000, 400)
    means = (drawn @ values) / drawn.sum(axis=1)
    assert means.std() == pytest.approx(values.std() / np.sqrt(400), rel=0.05)
    assert exponential_multiples(generator_of(3), 2, 3, np.float32).dtype == np.float32


def test_weeks_begin_on_the_first_day_and_the_last_may_be_short() -> None:
    assert block_starts(15).tolist() == [0, 7, 14] and block_starts(14).tolist() == [0, 7]
    assert block_starts(7, 3).tolist() == [0, 3, 6]
