"""A person's next choice from the ones before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from choice_cases import made_choices

from core.portrait.next_choice import predict_choices
from core.validity.next_action import action_scores, lead


def test_own_past_choices_tell_people_apart() -> None:
    learned, asked = made_choices(80, seed=1), made_choices(60, seed=2)
    found = predict_choices(learned, asked).by_engine
    scored = asked.seen & (np.arange(asked.waits.shape[1]) > 0)
    last = np.zeros_like(scored)
    last[:, -1] = True
    right = {name: action_scores(item, asked.waits, scored, last) for name, item in found.items()}
    assert right["person"].accuracy > right["question"].accuracy + 0.05 > right["majority"].accuracy
    assert right["person"].correlation is not None and right["person"].correlation > 0.8
    assert right["majority"].correlation is None and right["majority"].share_error > right["person"].share_error
    assert right["person"].log_score < right["question"].log_score
    assert lead(found["person"], found["question"], asked.waits, scored).low > 0


def test_no_choice_is_foreseen_by_itself_or_a_later_one() -> None:
    learned, asked = made_choices(40, seed=1), made_choices(20, seed=2)
    waits = asked.waits.copy()
    waits[:, 9:] = 1 - waits[:, 9:]
    before = predict_choices(learned, asked).by_engine
    after = predict_choices(learned, replace(asked, waits=waits)).by_engine
    for name in before:
        assert np.array_equal(before[name][:, :10], after[name][:, :10])
    assert not np.array_equal(before["person"][:, 10:], after["person"][:, 10:])


def test_nobody_is_foreseen_by_others_who_are_asked() -> None:
    learned, asked = made_choices(40, seed=1), made_choices(20, seed=2)
    alone = predict_choices(learned, asked.take(np.array([3]))).by_engine
    assert alone["person"][0] == pytest.approx(predict_choices(learned, asked).by_engine["person"][3])


def test_people_who_all_choose_alike_are_foreseen_as_that() -> None:
    learned, asked = made_choices(20, seed=1), made_choices(20, seed=2)
    always = predict_choices(replace(learned, waits=np.ones_like(learned.waits)), asked).by_engine
    assert (always["majority"] > 0.9).all() and np.isfinite(always["person"]).all()


def test_the_choice_before_is_of_the_same_session() -> None:
    learned, asked = made_choices(60, seed=1), made_choices(10, seed=2)
    session = np.where(np.arange(asked.waits.shape[1]) < 8, 0, 1) * np.ones_like(asked.session)
    markov = predict_choices(learned, replace(asked, session=session)).by_engine["markov"]
    share = predict_choices(learned, asked).by_engine["majority"][0, 0]
    assert (markov[:, [0, 8]] == share).all() and (markov[:, 7] != share).all()


def test_scores_by_hand() -> None:
    told = np.array([[0.0, 0.9, 0.2], [0.0, 0.8, 0.6]])
    acted = np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 0.0]])
    scored, last = np.tile([False, True, True], (2, 1)), np.tile([False, False, True], (2, 1))
    found = action_scores(told, acted, scored, last)
    assert found.accuracy == pytest.approx(0.5)
    assert found.share_error == pytest.approx((abs(0.55 - 1) + abs(0.7 - 0.5)) / 2)
    assert found.last_f1 == 0.0
    assert found.log_score == pytest.approx(-np.log([0.9, 0.2, 0.8, 0.4]).mean())
