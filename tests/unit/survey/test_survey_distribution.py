"""The distribution of answers: known cases by hand, and properties that hold for any answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.survey.distribution import Group, SurveyDistribution


def distribution(values: Any, weights: Any, scale: Any = (), **more: Any) -> SurveyDistribution:
    return SurveyDistribution(np.array(values, dtype=float), np.array(weights, dtype=float), scale, **more)


@st.composite
def answers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
    """Probabilities (personas, samples, answers), some missing, weights, and a scale or none."""
    people, samples, count = draw(st.integers(1, 12)), draw(st.integers(1, 4)), draw(st.integers(2, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = random.dirichlet(np.full(count, draw(st.sampled_from([0.1, 1.0, 20.0]))), size=(people, samples))
    missing = random.random((people, samples)) < draw(st.sampled_from([0.0, 0.4]))
    missing[0, 0] = False
    values[missing] = np.nan
    weights = random.integers(1, 1000, people).astype(float)
    scale = tuple(float(point) for point in range(1, count + 1)) if draw(st.booleans()) else ()
    return values, weights, scale


def by_hand(values: np.ndarray, weights: np.ndarray, scale: tuple[float, ...]) -> dict[str, float]:
    """The parts of the variance from all (persona, sample, answer) as one table of outcomes and probabilities."""
    total = within = between_samples = between_personas = 0.0
    answered = [place for place in range(len(values)) if not np.isnan(values[place]).all()]
    share = {place: weights[place] / sum(weights[other] for other in answered) for place in answered}
    outcomes = [(scale,)] if scale else []
    vectors = [np.array(scale)] if outcomes else [np.eye(values.shape[2])[k] for k in range(values.shape[2])]
    for y in vectors:  # the number, or the indicator of one answer
        samples = {p: [values[p, s] for s in range(values.shape[1]) if not np.isnan(values[p, s, 0])] for p in answered}
        mean = sum(share[p] * np.mean([q @ y for q in samples[p]]) for p in answered)
        total += sum(share[p] * np.mean([q @ (y - mean) ** 2 for q in samples[p]]) for p in answered)
        within += sum(share[p] * np.mean([q @ (y - q @ y) ** 2 for q in samples[p]]) for p in answered)
        between_samples += sum(share[p] * np.var([q @ y for q in samples[p]]) for p in answered)
        between_personas += sum(share[p] * (np.mean([q @ y for q in samples[p]]) - mean) ** 2 for p in answered)
    return {
        "total": total, "within": within, "between_samples": between_samples, "between_personas": between_personas,
    }  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(answers())
def test_the_parts_are_those_of_the_law_of_total_variance_and_add_up(
    case: tuple[np.ndarray, np.ndarray, tuple[float, ...]],
) -> None:
    values, weights, scale = case
    found = distribution(values, weights, scale, draws=5).everyone().spread
    wanted = by_hand(values, weights, scale)
    twice = (~np.isnan(values[:, :, 0])).sum(axis=1).max() > 1
    assert np.isnan(found.between_samples) != twice
    parts = found.between_personas + np.nan_to_num(found.between_samples) + found.within
    assert parts == pytest.approx(found.total, abs=1e-12) and found.total == pytest.approx(wanted["total"], abs=1e-10)
    assert found.between_personas == pytest.approx(wanted["between_personas"], abs=1e-10)
    assert np.nan_to_num(found.between_samples) == pytest.approx(wanted["between_samples"], abs=1e-10)
    assert found.within == pytest.approx(wanted["within"], abs=1e-10)


@settings(max_examples=60, deadline=None)
@given(answers(), st.integers(0, 2**32))
def test_the_order_of_personas_and_of_samples_does_not_matter(
    case: tuple[np.ndarray, np.ndarray, tuple[float, ...]], seed: int
) -> None:
    values, weights, scale = case
    random = np.random.default_rng(seed)
    order, ids = random.permutation(len(values)), np.arange(len(values)) * 7
    labels = np.array(["even" if place % 2 == 0 else "odd" for place in range(len(values))])
    one = distribution(values, weights, scale, ids=ids, draws=20, seed=1)
    other = distribution(values[order], weights[order], scale, ids=ids[order], draws=20, seed=1)
    # To the last bit, intervals included: repr, for NaN is not equal to itself.
    assert repr(one.everyone()) == repr(other.everyone())
    assert repr(one.by(labels)) == repr(other.by(labels[order]))
    turned = distribution(values[:, ::-1], weights, scale, ids=ids, draws=20, seed=1).everyone()
    assert [item.value for item in turned.shares] == pytest.approx([item.value for item in one.everyone().shares])


@settings(max_examples=60, deadline=None)
@given(answers(), st.floats(0.01, 1000))
def test_only_the_proportions_of_weights_matter(
    case: tuple[np.ndarray, np.ndarray, tuple[float, ...]], factor: float
) -> None:
    values, weights, scale = case
    one = distribution(values, weights, scale, draws=20).everyone()
    other = distribution(values, weights * factor, scale, draws=20).everyone()
    for left, right in zip(one.shares, other.shares, strict=True):
        assert (left.value, left.lower, left.upper) == pytest.approx((right.value, right.lower, right.upper))
    assert one.effective == pytest.approx(other.effective) and one.people * factor == pytest.approx(other.people)
    assert sum(item.value for item in one.shares) == pytest.approx(1.0)


def shares(group: Group) -> list[float]:
    return [item.value for item in group.shares]


def test_two_certain_camps_differ_between_personas_alone() -> None:
    group = distribution([[[1, 0]], [[0, 1]]], [300, 100]).everyone()
    assert shares(group) == [0.75, 0.25] and group.mean is None
    assert group.spread.total == group.spread.between_personas == pytest.approx(2 * 0.75 * 0.25)
    assert group.spread.within == 0 and np.isnan(group.spread.between_samples)
    assert group.effective == pytest.approx(400**2 / (300**2 + 100**2)) and group.people == 400 and group.small


def test_everybody_unsure_in_the_same_way_differs_within_alone() -> None:
    group = distribution([[[0.5, 0.5]]] * 4, [1, 2, 3, 4], (1, 2)).everyone()
    assert group.spread.within == pytest.approx(0.25) == group.spread.total and group.spread.between_personas == 0
    assert group.mean is not None and (group.mean.value, group.mean.lower, group.mean.upper) == (1.5, 1.5, 1.5)


def test_one_who_says_another_thing_each_time_differs_between_samples_alone() -> None:
    group = distribution([[[1, 0, 0], [0, 0, 1]]] * 2, [1, 1], (1, 2, 3)).everyone()
    assert shares(group) == [0.5, 0.0, 0.5] and group.spread.between_samples == pytest.approx(1.0)
    assert group.spread.total == pytest.approx(1.0) and group.spread.between_personas == group.spread.within == 0
    # Two samples of variance 2 (unbiased) leave 1 in a mean of two; each persona counts for a half of two.
    assert group.spread.chance == pytest.approx(0.5)


def test_chance_between_samples_that_looks_like_a_difference_between_personas_is_told() -> None:
    random = np.random.default_rng(4)
    said = (random.random((4000, 3)) < 0.5).astype(float)
    spread = distribution(np.stack([said, 1 - said], axis=2), np.ones(4000), draws=5).everyone().spread
    assert spread.between_personas == pytest.approx(0.5 / 3, rel=0.08)
    assert spread.chance == pytest.approx(0.5 / 3, rel=0.08)


def test_several_answers_each_count_for_themselves() -> None:
    group = distribution([[[1, 1]], [[1, 0]]], [1, 1]).everyone()
    assert shares(group) == [1.0, 0.5] and group.spread.total == pytest.approx(0.25)


def test_personas_without_an_answer_are_left_out_with_their_weight() -> None:
    values = [[[1, 0], [np.nan, np.nan]], [[0, 1], [0, 1]], [[np.nan, np.nan], [np.nan, np.nan]]]
    group = distribution(values, [1, 1, 98]).everyone()
    assert shares(group) == [0.5, 0.5] and (group.personas, group.missing, group.people) == (2, 1, 2)


def test_groups_are_those_of_their_members_and_differ_as_they_do() -> None:
    values = np.zeros((40, 1, 2))
    values[:20, 0] = (0.9, 0.1)
    values[20:, 0] = (0.2, 0.8)
    labels = ["old"] * 20 + ["young"] * 20
    found = distribution(values, np.ones(40), (0, 10)).by(labels, order=("young", "old", "nobody"))
    young, old = found.groups
    assert (young.name, old.name) == ("young", "old") and not young.small
    assert shares(young) == pytest.approx([0.2, 0.8])
    assert young.mean is not None and young.mean.value == pytest.approx(8.0) == young.mean.lower
    [pair] = found.pairs
    assert (pair.first, pair.second) == ("young", "old") and pair.mean is not None
    assert pair.mean.value == pytest.approx(7.0)
    assert [item.second for item in found.rest] == ["everyone else"] * 2 and found.explained == pytest.approx(1.0)
    everyone = distribution(values, np.ones(40), (0, 10)).everyone()
    assert everyone.mean is not None and everyone.mean.lower < everyone.mean.value < everyone.mean.upper
    with pytest.raises(ValueError, match="labels"):
        distribution(values, np.ones(40)).by(["old"])


def test_a_group_of_everybody_has_nobody_to_be_compared_with() -> None:
    found = distribution([[[1, 0]], [[0, 1]]], [1, 1]).by(["x", "x"])
    assert len(found.groups) == 1 and not found.rest and not found.pairs and found.explained == pytest.approx(0.0)


def test_a_difference_has_the_interval_of_two_independent_groups() -> None:
    random = np.random.default_rng(8)
    said = np.concatenate([random.random(200) < 0.3, random.random(200) < 0.6]).astype(float)
    values = np.stack([said, 1 - said], axis=1)[:, None, :]
    labels = ["a"] * 200 + ["b"] * 200
    [pair] = distribution(values, np.ones(400), draws=4000).by(labels).pairs
    p, q = said[:200].mean(), said[200:].mean()
    half = 1.2816 * np.sqrt(p * (1 - p) / 200 + q * (1 - q) / 200)
    assert pair.shares[0].upper - pair.shares[0].lower == pytest.approx(2 * half, rel=0.06)


def test_the_interval_covers_the_population_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(11)
    covered = 0
    for trial in range(200):
        said = (random.random(60) < 0.35).astype(float)
        values = np.stack([said, 1 - said], axis=1)[:, None, :]
        share = distribution(values, np.ones(60), draws=300, seed=trial).everyone().shares[0]
        covered += share.lower <= 0.35 <= share.upper
    assert 0.70 <= covered / 200 <= 0.90


def test_blocks_of_draws_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    values, weights = random.dirichlet(np.ones(3), size=(50, 2)), random.integers(1, 9, 50)
    whole = repr(distribution(values, weights, draws=64).everyone())
    monkeypatch.setattr("core.survey.distribution._BLOCK", 333)
    assert repr(distribution(values, weights, draws=64).everyone()) == whole


@pytest.mark.parametrize(
    ("values", "weights", "more", "wrong"),
    [
        ([[1, 0]], [1], {}, "shape"),
        ([[[1, 0]]], [1, 1], {}, "shape"),
        ([[[1, 0]]], [-1], {}, "negative"),
        ([[[1.5, 0]]], [1], {}, "outside"),
        ([[[np.nan, 0]]], [1], {}, "in part"),
        ([[[np.nan, np.nan]]], [1], {}, "nobody"),
        ([[[1, 0]]], [0], {}, "nobody"),
        ([[[1, 0]], [[1, 0]]], [1, 1], {"ids": [3, 3]}, "one id"),
        ([[[1, 0]]], [1], {"scale": (1, 2, 3)}, "3 numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(values: Any, weights: Any, more: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        distribution(values, weights, **more)
