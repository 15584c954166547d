"""Item structure and calibration; known answers."""

from __future__ import annotations

import numpy as np
import pytest

from core.validity.item_structure import calibration_error, item_structure


def traits(people: int, axes: int, noise: float, seed: int) -> np.ndarray:
    """Twelve items, which show the axes in turn."""
    random = np.random.default_rng(seed)
    return random.normal(size=(people, axes))[:, np.arange(12) % axes] + noise * random.normal(size=(people, 12))


def test_agents_of_the_same_make_are_as_like_as_halves_of_people() -> None:
    people = traits(300, 2, 1.0, seed=1)
    same = item_structure(traits(150, 2, 1.0, seed=2), people)
    other = item_structure(traits(150, 1, 0.1, seed=3), people)
    assert same.agents == pytest.approx(same.people, abs=0.05)
    assert other.agents is not None and same.agents is not None and other.agents < same.agents - 0.1
    assert other.first_axis_agents is not None and other.first_axis_agents > 0.9 > (other.first_axis_people or 1)


def test_agents_who_all_answer_alike_have_no_structure() -> None:
    found = item_structure(np.ones((20, 12)), traits(20, 2, 1.0, seed=1))
    assert found.agents is None and found.first_axis_people is None


def test_probabilities_that_mean_what_they_say() -> None:
    random = np.random.default_rng(0)
    chance = random.uniform(size=(400, 50))
    truth = np.where(random.uniform(size=chance.shape) < chance, 1.0, 2.0)
    honest = np.stack([chance, 1 - chance], axis=2)
    assert calibration_error(honest, truth) < 0.02
    sure = np.stack([chance > 0.5, chance <= 0.5], axis=2).astype(float)
    assert calibration_error(sure, truth) == pytest.approx(0.25, abs=0.02)
    truth[:, 0] = np.nan
    assert np.isfinite(calibration_error(honest, truth))
