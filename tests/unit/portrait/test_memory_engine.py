"""What the offline engine knows of a person: answers to other instruments, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from panel_cases import made_panel

from core.portrait.baselines import cell_answers, demographic_answers, donors_of, mode_answers
from core.portrait.memory_engine import Scores, memory_answers, neighbour_answers, ordered_answers, ridge_answers
from core.portrait.panel import AnswerPanel, near_copies


@pytest.fixture(scope="module")
def panel() -> AnswerPanel:
    return made_panel(150, seed=1)[0]


@pytest.fixture(scope="module")
def asked() -> AnswerPanel:
    return made_panel(80, seed=2)[0]


def hits(found: np.ndarray, asked: AnswerPanel) -> float:
    return float((found == asked.codes).mean())


def test_it_knows_more_than_the_mode_and_a_ridge_no_less(panel: AnswerPanel, asked: AnswerPanel) -> None:
    mode = hits(mode_answers(panel, len(asked.people)).codes, asked)
    found = memory_answers(panel, asked)
    assert hits(found.codes, asked) > mode + 0.05
    assert hits(neighbour_answers(panel, asked).codes, asked) > mode
    assert hits(ridge_answers(panel, asked).codes, asked) > mode
    assert found.probabilities is not None and found.expected is not None
    assert np.allclose(found.probabilities.sum(axis=2), 1)
    beyond = np.arange(1, 8) > panel.items.choices[:, None]
    assert not found.probabilities[:, beyond].any()


def test_answers_planted_in_the_own_instrument_change_nothing(panel: AnswerPanel, asked: AnswerPanel) -> None:
    """The guard: the answer itself may lie in what is remembered of a person, and is not used."""
    own = np.array(panel.items.instruments) == "scale2"
    planted = asked.codes.copy()
    planted[:, own] = np.where(planted[:, own] > 1, 1, panel.items.choices[own])
    for engine in (memory_answers, ridge_answers, neighbour_answers):
        before, after = engine(panel, asked), engine(panel, replace(asked, codes=planted))
        assert np.array_equal(before.codes[:, own], after.codes[:, own])
        assert not np.array_equal(before.levels[:, ~own], after.levels[:, ~own])


def test_copies_in_other_instruments_are_not_known_either(panel: AnswerPanel, asked: AnswerPanel) -> None:
    """An item of another instrument in the same words is the answer itself."""
    own = np.array(panel.items.instruments) == "scale2"
    one = int(np.flatnonzero(own)[0])
    items = replace(panel.items, copies=((0, one),))
    codes = asked.codes.copy()
    codes[:, 0] = panel.items.choices[0] + 1 - codes[:, 0]
    guarded, told = replace(panel, items=items), replace(asked, items=items, codes=codes)
    before, after = memory_answers(guarded, replace(asked, items=items)), memory_answers(guarded, told)
    assert np.array_equal(before.levels[:, own], after.levels[:, own])
    assert not np.array_equal(memory_answers(panel, asked).levels[:, own], before.levels[:, own])


def test_nearly_the_same_words_are_copies_unless_whole_instruments_share_them() -> None:
    texts = ["I rush through activities.", "I like skiing.", "I rush through activities", "Do you like tea?"]
    assert near_copies(texts, ["a", "a", "b", "b"]) == ((0, 2),)
    assert near_copies([*texts, "I paint."], ["a", "a", "b", "b", "b"]) == ((0, 2),)
    matters = ["Betting a day's income", "Bungee jumping", "Walking home alone"]
    assert near_copies([*matters, *matters], ["risk"] * 3 + ["benefit"] * 3) == ()
    assert near_copies(["", ""], ["a", "b"]) == ()


def test_nobody_else_who_is_asked_has_a_say(panel: AnswerPanel, asked: AnswerPanel) -> None:
    alone = memory_answers(panel, asked.take([7]))
    assert np.array_equal(memory_answers(panel, asked).codes[7], alone.codes[0])


def test_missing_answers_and_a_silent_item(panel: AnswerPanel, asked: AnswerPanel) -> None:
    codes, theirs = panel.codes.copy(), asked.codes.copy()
    codes[:, 3], codes[:40, 5], theirs[0] = np.nan, np.nan, np.nan
    found = memory_answers(replace(panel, codes=codes), replace(asked, codes=theirs))
    assert np.isfinite(found.levels).all()
    assert (found.codes >= 1).all() and (found.codes <= panel.items.choices).all()


def test_with_nothing_known_the_shares_are_answered(panel: AnswerPanel, asked: AnswerPanel) -> None:
    found = memory_answers(panel, asked, np.zeros(len(panel.items.names), dtype=bool))
    assert found.probabilities is not None
    assert np.allclose(found.probabilities[0], found.probabilities[1])
    assert np.abs(found.probabilities[0] - panel.shares()).max() < 0.01


def test_a_score_that_runs_against_the_answers_is_read_as_telling_nothing(panel: AnswerPanel) -> None:
    against = Scores(-panel.codes, np.array([[-1.0] * panel.codes.shape[1], [-2.0] * panel.codes.shape[1]]))
    found = ordered_answers(panel, against)
    assert found.probabilities is not None and np.allclose(found.probabilities[0], found.probabilities[1])


def test_baselines_on_demographics_find_what_a_group_answers() -> None:
    panel, _ = made_panel(100, seed=3)
    group = np.array([["a"], ["b"]])[np.arange(100) % 2]
    codes = panel.codes.copy()
    codes[:, 4] = np.where(group[:, 0] == "a", 1, 7)
    told = replace(panel, codes=codes)
    new = np.array([["b"], ["a"], ["of no cell"]])
    assert cell_answers(told, group, new).codes[:2, 4].tolist() == [7, 1]
    ridge = demographic_answers(told, group, new).codes[:, 4]
    assert ridge[0] >= 6 and ridge[1] <= 2
    assert np.array_equal(cell_answers(told, group, new).codes[2], mode_answers(told, 1).codes[0])


def test_donors_are_others_of_the_same_group() -> None:
    group = np.array([["a"], ["b"]])[np.arange(20) % 2]
    donors = donors_of(group, np.random.default_rng(0))
    assert donors.shape == (20, 3)
    assert all(row not in donors[row] and (group[donors[row]] == group[row]).all() for row in range(20))
