"""Weighted ensembles of twins: known answers, the certificate, and what each discrepancy is."""

import numpy as np
import pytest
from scipy.optimize import linprog

from core.survey.calibration.discrepancies import DISCREPANCIES, scores
from core.survey.calibration.ensembles import DUMMIES, PERSONAS, WeightedEnsemble, twin_shares, variance_ratio


def _case(seed: int = 0, questions: int = 30, twins: int = 25, options: int = 4) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(0, options, (questions, twins)), random.dirichlet(np.full(options, 2.0), questions)


def test_discrepancies_of_a_worked_example() -> None:
    p, q = np.array([[0.5, 0.3, 0.2]]), np.array([[0.2, 0.3, 0.5]])
    found = {name: float(value[0]) for name, value in scores(p, q, 3).items()}
    assert found == pytest.approx(
        {
            "tv": 0.3, "chi2": 0.25 / 0.2 + 0.3 + 0.04 / 0.5 - 1, "kl": 0.5 * np.log(2.5) + 0.2 * np.log(0.4),
            "hellinger": 1 - 0.3 - 2 * np.sqrt(0.1), "ks": 0.3, "l1": 0.6, "l2": 0.18,
        }
    )  # fmt: skip


def test_an_option_without_order_moves_no_score_of_distribution_functions() -> None:
    p, q = np.array([[0.4, 0.4, 0.2]]), np.array([[0.1, 0.1, 0.8]])
    found = scores(p, q, 2)
    assert found["ks"][0] == found["l1"][0] == found["l2"][0] == pytest.approx(0.0)
    assert found["tv"][0] == pytest.approx(0.6)


@pytest.mark.parametrize("name", DISCREPANCIES)
def test_slopes_lie_below(name: str) -> None:
    random = np.random.default_rng(1)
    p, q, r = (random.dirichlet(np.ones(4), 50) for _ in range(3))
    measure = DISCREPANCIES[name]
    tangent = measure.of(p, q) + (measure.slope(p, q) * (r - q)).sum(axis=1)
    assert (tangent <= measure.of(p, r) + 1e-9).all()


def test_dummies_alone_find_the_mean_that_kullback_and_leibler_want() -> None:
    answers, people = _case()
    found = WeightedEnsemble("kl", DUMMIES, tolerance=1e-5, most_steps=20_000).fit(answers, people)
    assert np.allclose(found.predict(answers[:1])[0], people.mean(axis=0), atol=2e-3)


@pytest.mark.parametrize("name", DISCREPANCIES)
def test_the_bound_holds_and_the_gap_closes(name: str) -> None:
    answers, people = _case()
    long, short = (
        WeightedEnsemble(name, most_steps=steps, tolerance=0.0, floor=0.0).fit(answers, people) for steps in (4000, 40)
    )
    assert short.convergence_.bound <= long.convergence_.objective + 1e-9
    assert long.convergence_.objective <= short.convergence_.objective + 1e-9
    assert long.convergence_.gap < 0.1 * max(long.convergence_.objective, 0.01) + 0.01


def test_total_variation_ends_where_the_linear_programme_does() -> None:
    answers, people = _case(questions=12, twins=8, options=3)
    said = (answers[:, None, :] == np.arange(3)[None, :, None]).astype(float).reshape(36, 8)
    matrix, target = np.hstack([said, np.tile(np.eye(3), (12, 1))]), people.ravel()
    slack = np.eye(36)
    best = linprog(
        np.r_[np.zeros(11), np.full(36, 0.5 / 12)],
        A_ub=np.block([[matrix, -slack], [-matrix, -slack]]), b_ub=np.r_[target, -target],
        A_eq=np.r_[np.ones(11), np.zeros(36)][None], b_eq=[1],
    ).fun  # fmt: skip
    found = WeightedEnsemble("tv", most_steps=20_000, tolerance=1e-4, floor=0.0).fit(answers, people).convergence_
    assert found.bound <= best + 1e-9 <= found.objective + 2e-9
    assert found.objective - best < 1e-3


def test_twins_that_are_the_people_are_found() -> None:
    random = np.random.default_rng(2)
    answers = random.integers(0, 4, (40, 12))
    people = twin_shares(answers[:, :3], 4)
    found = WeightedEnsemble("tv", PERSONAS, most_steps=3000).fit(answers[:30], people[:30])
    assert found.weights_[:3].sum() > 0.9
    assert np.abs(found.predict(answers[30:]) - people[30:]).max() < 0.1
    assert np.median(variance_ratio(people[30:], found.predict(answers[30:]), [1, 2, 3, 4])) == pytest.approx(
        1, abs=0.1
    )


def test_a_question_that_counts_for_nothing_changes_nothing() -> None:
    answers, people = _case()
    share = np.ones(30)
    share[7] = 0.0
    changed = people.copy()
    changed[7] = [1, 0, 0, 0]
    one, other = (WeightedEnsemble().fit(answers, table, share).weights_ for table in (people, changed))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("name", ["kl", "tv", "l2"])
def test_answers_that_arrive_one_by_one_end_where_a_refit_does(name: str) -> None:
    answers, _ = _case(questions=30)
    random = np.random.default_rng(3)
    counts = random.integers(5, 60, (30, 4)).astype(float)
    how = {"tolerance": 0.01, "most_steps": 20_000}
    moving, steps = WeightedEnsemble(name, **how).fit(answers, counts / counts.sum(1, keepdims=True)), []
    refit = moving.convergence_.steps
    for _ in range(25):
        counts[random.integers(30), random.integers(4)] += 1
        people = counts / counts.sum(1, keepdims=True)
        moving.partial_fit(answers, people)
        steps.append(moving.convergence_.steps)
    anew = WeightedEnsemble(name, **how).fit(answers, people)
    assert np.mean(steps) < refit / 4, "an update is no refit"
    assert 0 <= moving.convergence_.gap < 0.011 * moving.convergence_.objective + 2e-3
    assert abs(moving.convergence_.objective - anew.convergence_.objective) < 0.01 * anew.convergence_.objective
    assert np.abs(moving.predict(answers) - anew.predict(answers)).max() < 0.015
    fewer = WeightedEnsemble(name, **how).fit(answers[:29], people[:29])
    assert np.array_equal(moving.partial_fit(answers[:29], people[:29]).weights_, fewer.weights_)


def test_probabilities_that_are_certain_are_answers() -> None:
    answers, people = _case()
    certain = np.eye(4)[answers]
    one, other = (WeightedEnsemble("kl").fit(said, people).predict(said) for said in (answers, certain))
    assert np.array_equal(one, other)
    answers[3, :5] = -1
    certain[3, :5] = np.nan
    assert np.array_equal(twin_shares(answers, 4), twin_shares(certain, 4))
