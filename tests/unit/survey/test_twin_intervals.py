"""Intervals of correlations and of corrected shares hold what they say, and the verdict on a question is not made from it."""

import numpy as np
from twin_cases import small_pair

from core.survey.calibration.correction import corrected_shares
from core.survey.calibration.problem import CalibrationProblem
from core.survey.calibration.scores import score
from core.survey.calibration.verdicts import question_verdicts


def test_an_interval_of_a_correlation_is_fisher_s() -> None:
    random = np.random.default_rng(0)
    true, people = 0.5, 400
    one = random.normal(size=(people, 60))
    twins = true * one + np.sqrt(1 - true**2) * random.normal(size=one.shape)
    found = score(CalibrationProblem(twins, one), twins)
    lower, upper = np.array(found.each_lower), np.array(found.each_upper)
    assert 0.65 < ((lower < true) & (true < upper)).mean() < 0.95
    fisher = np.tanh(np.arctanh(true) + np.array([-1, 1]) * 1.2816 / np.sqrt(people - 3))
    assert abs((upper - lower).mean() - np.ptp(fisher)) < 0.01
    spread = np.std(found.correlations, ddof=1) / np.sqrt(60)
    assert abs((found.upper - found.lower) - 2 * 1.2816 * spread) < 0.005
    assert found.lower < found.mean_correlation < found.upper


def test_what_is_undefined_has_no_interval() -> None:
    twins, people = small_pair()
    twins[:, 2] = 1.0
    found = score(CalibrationProblem(twins, people), twins)
    assert found.correlations[2] is None and found.each_lower[2] is None and found.each_upper[2] is None


def test_corrected_shares_hold_people_s_as_often_as_they_say() -> None:
    random, held, closer = np.random.default_rng(4), [], []
    for _ in range(12):
        kinds = random.dirichlet(np.ones(4), 3)
        people = np.stack([random.dirichlet(40 * (kinds.T @ random.dirichlet(np.ones(3)))) for _ in range(13)])
        said = np.stack([random.choice(4, 40, p=0.5 * share + 0.5 * np.eye(4)[0]) for share in people])
        found = corrected_shares(said[0], said[1:], people[1:])
        held.append(((found.lower <= people[0]) & (people[0] <= found.upper)).mean())
        closer.append(np.abs(found.shares - people[0]).sum() < np.abs(found.ways["raw"] - people[0]).sum())
        assert abs(found.shares.sum() - 1) < 1e-6 and sum(found.mixture.values()) == 1
    assert 0.7 < np.mean(held) < 0.99 and np.mean(closer) > 0.8


def test_twins_who_count_for_nothing_are_not_heard() -> None:
    random = np.random.default_rng(5)
    people = random.dirichlet(np.ones(3), 9)
    said = np.concatenate([np.repeat(people.argmax(1)[:, None], 5, 1), random.integers(0, 3, (9, 20))], axis=1)
    weights = np.r_[np.ones(5), np.zeros(20)]
    found = corrected_shares(said[0], said[1:], people[1:], weights)
    assert found.ways["raw"].argmax() == people[0].argmax() and found.ways["raw"].max() == 1


def test_the_verdict_does_not_see_what_people_said_to_the_question() -> None:
    twins, people = small_pair(80, 14)
    changed = people.copy()
    changed[:, 4] = np.where(np.isnan(people[:, 4]), 3.0, np.nan)
    before, after = (question_verdicts(CalibrationProblem(twins, table)) for table in (people, changed))
    assert before.chance[4] == after.chance[4] and before.fit == after.fit
    assert before.structural[4] != after.structural[4], "this part is a diagnosis, and needs people's answers"


def test_twins_whose_answers_hang_together_are_worth_calibrating_and_others_are_not() -> None:
    random = np.random.default_rng(2)
    traits, loads = random.normal(size=(300, 3)), random.normal(size=(3, 30))
    real = 2 * traits @ loads + random.normal(size=(300, 30))
    # The first twenty share the traits and lots of noise; the others are right by themselves, and tied to nothing.
    told = np.hstack([(2 * traits @ loads)[:, :20] + 4 * random.normal(size=(300, 20)), np.zeros((300, 10))])
    real[:, 20:] = 3 * random.normal(size=(300, 10))
    told[:, 20:] = real[:, 20:] + random.normal(size=(300, 10))
    found = question_verdicts(CalibrationProblem(told, real))
    assert sum(found.helps[:20]) >= 18 and not any(found.helps[20:])
    assert found.hit_rate > 0.9 > 0.7 > found.base_rate
    assert min(found.estimation) > 0
