"""Calibrators of twins: none sees what it predicts, and each is what its definition says."""

import numpy as np
import pytest
from plain_calibrators import plain_answers
from sklearn.base import clone
from twin_cases import small_pair

from core.survey.calibration.base import TWIN_METHODS
from core.survey.calibration.board import ALL, board, method_names
from core.survey.calibration.methods.neural import NeuralTransfer
from core.survey.calibration.problem import QUESTION, TARGETS, USER, CalibrationProblem
from core.survey.calibration.trivial import trivial_answers

TEN = method_names([ALL])


def _made(name: str, target: str = QUESTION):
    made = TWIN_METHODS[name].make(target)
    return made.set_params(epochs=4, batch=16) if isinstance(made, NeuralTransfer) else made


def test_all_means_the_ten() -> None:
    assert set(TEN) == {
        "ridge", "lasso", "elastic_net", "neural_net", "synthetic_control", "synthetic_intervention", "hard_svd",
        "soft_svd", "als", "synthetic_prior",
    }  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", sorted(TWIN_METHODS))
def test_what_people_answered_where_it_is_predicted_changes_no_prediction(name: str, target: str) -> None:
    twins, people = small_pair()
    changed, unit = people.copy(), 4
    random = np.random.default_rng(1)
    own = changed[unit] if target == USER else changed[:, unit]
    own[:] = random.normal(50, 90, len(own))
    # Other answers, and other empty cells too.
    own[random.uniform(size=len(own)) < 0.4] = np.nan
    before = _made(name, target).fit(CalibrationProblem(twins, people, target)).predict()
    after = _made(name, target).fit(CalibrationProblem(twins, changed, target)).predict()
    assert np.isfinite(before).all()
    assert before[:, unit].tobytes() == after[:, unit].tobytes()
    assert not np.array_equal(before, after), "the answers are not read at all"


@pytest.mark.parametrize("target", TARGETS)
def test_the_trivial_baseline_does_not_see_it_either(target: str) -> None:
    twins, people = small_pair()
    changed = people.copy()
    (changed[4] if target == USER else changed[:, 4])[:] = 77.0
    before, after = (trivial_answers(CalibrationProblem(twins, table, target)) for table in (people, changed))
    assert before[:, 4].tobytes() == after[:, 4].tobytes()


@pytest.mark.parametrize("name", TEN)
def test_each_is_the_plain_slow_converged_method(name: str) -> None:
    twins, people = small_pair()
    fast = _made(name).fit(twins, people).predict([2, 7])
    for place, column in enumerate((2, 7)):
        plain = plain_answers(name, _made(name), twins, people, column)
        assert np.abs(fast[:, place] - plain).max() < 1e-3 * max(plain.std(), 1.0)


def test_users_are_predicted_as_by_ridge_on_the_others() -> None:
    twins, people = small_pair(missing=0.0)
    fast = _made("ridge", USER).fit(twins, people, USER).predict([4])
    part = np.arange(len(people)) % 20 == 4
    ours, theirs = people[~part], twins
    mean, spread = ours.mean(axis=0), np.maximum(ours.std(axis=0), 1.0)
    x = ((theirs - theirs.mean(axis=0)) / np.maximum(theirs.std(axis=0), 1.0)).T
    z = ((ours - mean) / spread).T
    from sklearn.linear_model import Ridge

    plain = Ridge(alpha=_made("ridge", USER).penalty).fit(x[:, ~part], x[:, 4]).predict(z) * spread + mean
    assert np.allclose(fast[:, 0], plain, atol=1e-6)


@pytest.mark.parametrize("name", sorted(TWIN_METHODS))
def test_each_is_a_scikit_learn_estimator(name: str) -> None:
    made = TWIN_METHODS[name].make(QUESTION)
    assert clone(made).get_params() == made.get_params()


def test_a_question_that_nobody_was_asked_is_predicted_as_when_it_is_hidden() -> None:
    twins, people = small_pair()
    asked = people.copy()
    asked[:, 3] = np.nan
    for name in ("ridge", "als", "synthetic_control"):
        hidden = _made(name).fit(twins, people).predict([3])
        new = _made(name).fit(twins, asked).predict([3])
        assert np.array_equal(hidden, new)


def test_calibration_helps_where_people_and_twins_share_a_structure() -> None:
    twins, people = small_pair(200, 20, seed=5)
    found = board(CalibrationProblem(twins + 3 * np.random.default_rng(0).normal(size=twins.shape), people), ["ridge"])
    assert found.methods["ridge"].mean_correlation > found.raw.mean_correlation
    assert found.methods["ridge"].mean_correlation > found.trivial.mean_correlation
