"""Small pairs of tables of answers with a known shape."""

from __future__ import annotations

import numpy as np


def small_pair(
    people: int = 48, questions: int = 9, missing: float = 0.15, seed: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """(twins, people): two noisy tables of three common traits, with holes and different scales."""
    random = np.random.default_rng(seed)
    traits, loads = random.normal(size=(people, 3)), random.normal(size=(3, questions))
    real = traits @ loads + 0.4 * random.normal(size=(people, questions))
    told = traits @ loads + 0.3 * random.normal(size=(people, questions)) + 0.5
    scale = random.choice([0.5, 2.0, 10.0], size=questions)
    holes = random.uniform(size=real.shape) < missing
    return np.where(holes, np.nan, told * scale), np.where(holes, np.nan, real * scale)
