"""The spread of simulated answers: known answers, bounds, and what does not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core.validity.diversity import (
    additive_share,
    between_deviation,
    dimensions,
    distinct_personas,
    diversity,
    eta_squared,
    explained_share,
)

SHAPE = (5, 3, 2)


def halves(low: float, high: float, people: int = 6) -> np.ndarray:
    """Half of the people answer `low` to everything, half `high`."""
    answers = np.full((people, *SHAPE[1:]), low)
    answers[people // 2 :] = high
    return answers


def test_identical_personas_have_no_spread_whatever_they_answer() -> None:
    answers = np.broadcast_to(np.array([[0.2, 0.9], [0.5, 0.01], [0.7, 0.3]]), SHAPE)
    found = diversity(answers, np.arange(1, 6), ["working", "rest", "working"])
    assert found.kinds == ("working", "rest")
    assert np.allclose(found.deviation, 0.0) and np.allclose(found.explained, 0.0)
    assert (found.distinct, found.collapse) == (pytest.approx(1.0), pytest.approx(1.0))
    assert found.dimensions == 0.0


def test_one_persona_is_as_collapsed_as_identical_ones() -> None:
    found = diversity(np.full((1, 3, 2), 0.4), np.array([7]), ["a", "a", "b"])
    assert (found.distinct, found.collapse, found.dimensions, found.kish) == (1.0, 1.0, 0.0, 1.0)
    assert np.allclose(found.explained, 0.0)


def test_two_opposite_halves() -> None:
    answers = halves(0.2, 0.8)
    found = diversity(answers, np.ones(6), ["a"] * 3)
    assert np.allclose(found.deviation, 0.3)
    assert np.allclose(found.explained, 0.09 / 0.25)
    assert found.distinct == pytest.approx(2.0)
    assert found.collapse == pytest.approx(2 / 5)  # of the five others, two are of the same half
    assert found.dimensions == pytest.approx(1.0)


def test_certain_opposites_leave_nothing_to_chance() -> None:
    assert np.allclose(explained_share(halves(0.0, 1.0), np.ones(6)), 1.0)


def test_nothing_varies_where_everybody_is_certain_of_the_same() -> None:
    assert np.isnan(explained_share(np.ones(SHAPE), np.ones(5))).all()
    assert np.isnan(eta_squared(np.ones(SHAPE), np.ones(5), list("aabbb"))).all()


def test_people_who_differ_in_unrelated_ways_count_in_full() -> None:
    answers = np.full((4, 4, 1), 0.5)
    answers[np.arange(4), np.arange(4), 0] = 0.9
    found = diversity(answers, np.ones(4), ["a"] * 4)
    assert found.distinct == pytest.approx(4.0) and found.collapse == 0.0
    assert found.dimensions == pytest.approx(3.0)  # four corners of a simplex span three dimensions


def test_the_tolerance_decides_who_is_alike() -> None:
    answers = np.full((2, 3, 2), 0.5, dtype=np.float32)
    answers[1, 0, 0] = 0.51
    assert distinct_personas(answers, np.ones(2)) == (1.0, 1.0)
    answers[1, 0, 0] = 0.52
    assert distinct_personas(answers, np.ones(2)) == (2.0, 0.0)


def test_weights_count_people() -> None:
    answers = halves(0.0, 1.0, people=2)
    share = 3 / 4
    found = diversity(answers, np.array([1, 3]), ["a"] * 3)
    assert np.allclose(found.deviation, np.sqrt(share * (1 - share)))
    assert found.distinct == pytest.approx(1 / (share**2 + (1 - share) ** 2)) == pytest.approx(found.kish)
    split = np.concatenate([answers, answers[1:], answers[1:]])
    assert np.allclose(between_deviation(split, np.ones(4), ["a"] * 3), found.deviation)
    assert distinct_personas(split, np.ones(4))[0] == pytest.approx(found.distinct)


def test_a_kind_of_day_is_the_mean_of_its_contexts_by_their_days() -> None:
    answers = np.zeros((2, 3, 1))
    answers[:, :, 0] = [[0.1, 0.4, 0.0], [0.3, 0.4, 1.0]]
    found = between_deviation(answers, np.ones(2), ["a", "a", "b"], np.array([3, 1, 5]))
    assert found[0, 0] == pytest.approx(np.sqrt(0.01 * 3 / 4)) and found[1, 0] == pytest.approx(0.5)
    assert np.isnan(between_deviation(answers, np.ones(2), ["a", "a", "b"], np.array([1, 1, 0]))[1, 0])


def test_eta_squared_by_hand() -> None:
    answers = np.array([0.1, 0.3, 0.5, 0.9]).reshape(4, 1, 1)
    labels = ["x", "x", "y", "y"]
    whole = np.var([0.1, 0.3, 0.5, 0.9])
    between = np.var([0.2, 0.2, 0.7, 0.7])
    assert eta_squared(answers, np.ones(4), labels)[0] == pytest.approx(between / whole)
    assert eta_squared(answers, np.ones(4), list("abcd"))[0] == pytest.approx(1.0)
    assert eta_squared(answers, np.ones(4), list("xyxy"))[0] == pytest.approx(0.15**2 / whole)
    assert eta_squared(answers, np.ones(4), list("aaaa"))[0] == pytest.approx(0.0)


def test_effects_that_add_up_are_found_together_and_interactions_are_not() -> None:
    first, second = np.array(list("aabb")), np.array(list("cdcd"))
    added = (0.1 + 0.2 * (first == "b") + 0.4 * (second == "d")).reshape(4, 1, 1)
    columns = {"first": first.tolist(), "second": second.tolist()}
    assert additive_share(added, np.ones(4), columns)[0] == pytest.approx(1.0)
    single = [eta_squared(added, np.ones(4), labels)[0] for labels in columns.values()]
    assert single == pytest.approx([0.2, 0.8])
    crossed = np.where((first == "b") == (second == "d"), 0.8, 0.2).reshape(4, 1, 1)
    assert additive_share(crossed, np.ones(4), columns)[0] == pytest.approx(0.0, abs=1e-9)
    assert additive_share(added, np.ones(4), {})[0] == pytest.approx(0.0, abs=1e-9)


def test_many_personas_are_compared_by_a_part_of_them() -> None:
    generator = np.random.default_rng(0)
    answers = generator.uniform(size=(90, 2, 1))
    found = diversity(answers, np.ones(90), ["a", "b"], most=30)
    assert (found.personas, found.compared) == (90, 30)
    assert found.distinct == pytest.approx(30.0) == pytest.approx(found.kish)


@pytest.mark.parametrize(
    ("answers", "weights", "days"),
    [
        (np.full(SHAPE, np.nan), np.ones(5), None),
        (np.full(SHAPE, 1.1), np.ones(5), None),
        (np.zeros(SHAPE), np.ones(4), None),
        (np.zeros(SHAPE), np.zeros(5), None),
        (np.zeros(SHAPE), np.ones(5), np.ones(2)),
        (np.zeros((3, 2)), np.ones(3), None),
    ],
)
def test_what_is_no_set_of_answers_is_refused(
    answers: np.ndarray, weights: np.ndarray, days: np.ndarray | None
) -> None:
    with pytest.raises(ValueError):
        explained_share(answers, weights, days)


def test_labels_and_kinds_must_fit() -> None:
    with pytest.raises(ValueError, match="labels"):
        eta_squared(np.zeros(SHAPE), np.ones(5), ["a"])
    with pytest.raises(ValueError, match="kinds"):
        between_deviation(np.zeros(SHAPE), np.ones(5), ["a"])


ANSWERS = arrays.arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 4), st.integers(1, 3)),
                        elements=st.floats(0, 1))  # fmt: skip


@settings(deadline=None)
@given(ANSWERS, st.randoms(use_true_random=False))
def test_every_statistic_keeps_its_bounds_and_ignores_order(answers: np.ndarray, random: object) -> None:
    generator = np.random.default_rng(random.randint(0, 2**32 - 1))  # type: ignore[attr-defined]
    people, contexts, behaviours = answers.shape
    weights, days = generator.integers(1, 9, people), generator.integers(1, 9, contexts)
    kinds = generator.choice(["a", "b"], contexts).tolist()
    labels = generator.choice(["x", "y", "z"], people)
    found = diversity(answers, weights, kinds, days)
    assert ((found.deviation >= 0) & (found.deviation <= 0.5 + 1e-12)).all()
    known = found.explained[np.isfinite(found.explained)]
    assert ((known >= 0) & (known <= 1)).all()
    assert 1 - 1e-9 <= found.distinct <= found.kish + 1e-9 <= people + 2e-9
    assert 0 <= found.collapse <= 1
    assert 0 <= found.dimensions <= min(people - 1, contexts * behaviours) + 1e-6
    share, together = eta_squared(answers, weights, labels, days), additive_share(answers, weights, {"l": labels}, days)
    defined = np.isfinite(share)
    assert ((share[defined] >= 0) & (share[defined] <= 1)).all()
    assert np.allclose(share[defined], together[defined], atol=1e-6)
    order = generator.permutation(people)
    again = diversity(answers[order], weights[order], kinds, days)
    assert np.allclose(again.deviation, found.deviation) and again.distinct == pytest.approx(found.distinct)
    assert again.dimensions == pytest.approx(found.dimensions, abs=1e-6)


def test_dimensions_do_not_depend_on_which_side_is_longer() -> None:
    generator = np.random.default_rng(1)
    tall = generator.uniform(size=(40, 2, 2))
    centred = tall.reshape(40, 4) - tall.reshape(40, 4).mean(axis=0)
    values = np.linalg.eigvalsh(centred.T @ centred)
    assert dimensions(tall, np.ones(40)) == pytest.approx(values.sum() ** 2 / (values**2).sum())
    wide = generator.uniform(size=(4, 20, 2))
    centred = wide.reshape(4, 40) - wide.reshape(4, 40).mean(axis=0)
    values = np.linalg.eigvalsh(centred @ centred.T)
    assert dimensions(wide, np.ones(4)) == pytest.approx(values.sum() ** 2 / (values**2).sum())
