"""Raking: known answers, and properties that hold for any tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core.people.raking import MarginTarget, fit_weights, indicator_matrix, integer_weights, rake

SHAPE = (3, 4, 2)


def _target(name: str, axes: tuple[int, ...], table: np.ndarray, within: tuple[int, ...] = ()) -> MarginTarget:
    """A table over some axes of a (3, 4, 2) joint, as shares within the slices of the axes in `within`."""
    grid = np.indices(SHAPE)
    cells = np.zeros(SHAPE, dtype=np.int64)
    slices = np.zeros(table.shape, dtype=np.int64)
    table_grid = np.indices(table.shape)
    for position, axis in enumerate(axes):
        cells = cells * SHAPE[axis] + grid[axis]
        if axis in within:
            slices = slices * SHAPE[axis] + table_grid[position]
    flat, slices = table.ravel(), slices.ravel()
    totals = np.bincount(slices, weights=flat)[slices]
    shares = np.divide(flat, totals, out=np.zeros_like(flat), where=totals > 0)
    return MarginTarget(name, cells.ravel(), shares, slices)


positive = arrays.arrays(np.float64, SHAPE, elements=st.floats(0.05, 1.0))


@given(truth=positive, seed=positive)
@settings(max_examples=60, deadline=None)
def test_consistent_tables_are_reproduced(truth: np.ndarray, seed: np.ndarray) -> None:
    targets = [
        _target("first", (0, 1), truth.sum(axis=2)),
        _target("second", (1, 2), truth.sum(axis=0)),
        _target("third within second", (0, 2), truth.sum(axis=1), within=(2,)),
    ]
    result = rake(seed, targets, tolerance=1e-12, max_iterations=20_000)
    truth = truth / truth.sum()
    assert result.largest_error < 1e-9
    np.testing.assert_allclose(result.joint.sum(axis=2), truth.sum(axis=2), atol=1e-9)
    np.testing.assert_allclose(result.joint.sum(axis=0), truth.sum(axis=0), atol=1e-9)


@given(truth=positive, zeros=arrays.arrays(np.bool_, SHAPE))
@settings(max_examples=60, deadline=None)
def test_zeros_stay_zeros(truth: np.ndarray, zeros: np.ndarray) -> None:
    zeros[0, 0, 0] = False
    truth = np.where(zeros, 0.0, truth)
    targets = [_target("first", (0,), truth.sum(axis=(1, 2))), _target("rest", (1, 2), truth.sum(axis=0))]
    result = rake(np.where(zeros, 0.0, 1.0), targets)
    assert (result.joint[zeros] == 0).all()
    assert result.joint.sum() == pytest.approx(1.0)
    assert result.largest_error < 1e-5


def test_two_by_two_keeps_the_odds_ratio() -> None:
    seed = np.array([[4.0, 1.0], [1.0, 2.0]])
    rows = MarginTarget("rows", np.array([0, 0, 1, 1]), np.array([0.3, 0.7]), np.zeros(2, dtype=int))
    columns = MarginTarget("columns", np.array([0, 1, 0, 1]), np.array([0.6, 0.4]), np.zeros(2, dtype=int))
    joint = rake(seed, [rows, columns]).joint
    np.testing.assert_allclose(joint.sum(axis=1), [0.3, 0.7], atol=1e-9)
    np.testing.assert_allclose(joint.sum(axis=0), [0.6, 0.4], atol=1e-9)
    assert joint[0, 0] * joint[1, 1] / (joint[0, 1] * joint[1, 0]) == pytest.approx(8.0)


def test_contradicting_tables_are_reported() -> None:
    first = _target("first", (0,), np.array([0.5, 0.3, 0.2]))
    other = _target("other", (0,), np.array([0.2, 0.3, 0.5]))
    result = rake(np.ones(SHAPE), [first, other])
    assert not result.converged and result.conflicts == ("first",)
    assert result.errors["first"] == pytest.approx(0.3) and result.largest_error == pytest.approx(0.3)


def test_a_table_over_nobody_of_a_category_is_reported() -> None:
    seed = np.ones(SHAPE)
    seed[0] = 0.0
    result = rake(seed, [_target("first", (0,), np.array([0.5, 0.3, 0.2]))])
    assert result.conflicts == ("first",) and not result.converged
    np.testing.assert_allclose(result.joint.sum(axis=(1, 2)), [0.0, 0.6, 0.4])


def test_a_slice_keeps_its_mass() -> None:
    sexes = _target("sexes", (2,), np.array([0.7, 0.3]))
    jobs = _target("jobs", (2, 1), np.array([[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]]), within=(2,))
    joint = rake(np.ones(SHAPE), [sexes, jobs]).joint
    np.testing.assert_allclose(joint.sum(axis=(0, 1)), [0.7, 0.3])
    np.testing.assert_allclose(joint.sum(axis=0)[:, 1] / 0.3, [0.4, 0.3, 0.2, 0.1])


def test_a_seed_without_mass() -> None:
    with pytest.raises(ValueError, match="no mass"):
        rake(np.zeros(SHAPE), [])


def test_absolute_targets_cover_those_outside() -> None:
    cells = np.array([0, 1, -1, -1])
    target = MarginTarget("half", cells, np.array([0.75, 0.25]), np.zeros(2, dtype=int))
    absolute = target.absolute(np.array([0.2, 0.2, 0.3, 0.3]))
    np.testing.assert_allclose(absolute.shares, [0.3, 0.1, 0.6])
    np.testing.assert_array_equal(absolute.cells, [0, 1, 2, 2])


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60), st.integers(1, 10_000_000))
@settings(max_examples=300, deadline=None)
def test_whole_weights_sum_and_count_everybody(weights: list[float], total: int) -> None:
    exact = np.array(weights)
    if not exact.sum() > 1e-6:
        exact = exact + 1.0
    whole = integer_weights(exact, total)
    assert whole.dtype == np.int64 and whole.sum() == total and (whole >= 0).all()
    if len(exact) <= total:
        assert (whole >= 1).all()
    if (exact * total / exact.sum() >= 1).all():
        assert np.abs(whole - exact * total / exact.sum()).max() <= 1.0


def test_largest_remainder_by_hand() -> None:
    np.testing.assert_array_equal(integer_weights(np.array([0.42, 0.35, 0.23]), 10), [4, 4, 2])
    np.testing.assert_array_equal(integer_weights(np.array([1.0, 0.0, 0.0]), 2), [2, 0, 0])
    np.testing.assert_array_equal(integer_weights(np.array([1.0, 0.0, 0.0]), 5), [3, 1, 1])


@pytest.mark.parametrize("bad", [[], [-1.0, 2.0], [0.0, 0.0], [np.nan, 1.0]])
def test_weights_that_are_none(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        integer_weights(np.array(bad), 10)


@given(
    membership=arrays.arrays(np.bool_, (8, 5)),
    wanted=arrays.arrays(np.float64, 8, elements=st.floats(0.0, 1.0)),
    other=arrays.arrays(np.float64, 5, elements=st.floats(0.0, 1.0)),
)
@settings(max_examples=150, deadline=None)
def test_no_other_weights_fit_better(membership: np.ndarray, wanted: np.ndarray, other: np.ndarray) -> None:
    matrix = membership.astype(float)
    weights = fit_weights(matrix, wanted, equality=1e-6)
    assert (weights >= 0).all() and weights.sum() == pytest.approx(1.0)
    rival = (other + 1e-9) / (other + 1e-9).sum()
    assert ((matrix @ weights - wanted) ** 2).sum() <= ((matrix @ rival - wanted) ** 2).sum() + 1e-4


def test_fitting_weights_finds_the_exact_ones() -> None:
    people = [np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])]
    shares = [np.array([0.4, 0.6]), np.array([0.3, 0.7])]
    targets = [
        MarginTarget(str(k), cells, share, np.zeros(2, dtype=int))
        for k, (cells, share) in enumerate(zip(people, shares, strict=True))
    ]
    matrix, wanted = indicator_matrix(targets)
    np.testing.assert_allclose(matrix @ fit_weights(matrix, wanted, equality=1e-6), wanted, atol=1e-6)
    # Equal people count the same.
    twins = fit_weights(np.repeat(matrix, 2, axis=1), wanted)
    np.testing.assert_allclose(twins[::2], twins[1::2], atol=1e-9)
