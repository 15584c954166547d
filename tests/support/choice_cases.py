"""Made-up people who choose between less sooner and more later, each with a rate of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from core.portrait.next_choice import Choices


def made_choices(people: int, seed: int = 0, steps: int = 16) -> Choices:
    """Choices by hyperbolic discounting with noise; sooner is at once."""
    random = np.random.default_rng(seed)
    rate = random.normal(-4, 1.5, size=(people, 1))
    smaller, late = random.uniform(10, 60, size=(people, steps)), random.integers(5, 180, size=(people, steps))
    larger = smaller * random.uniform(1.05, 2.5, size=(people, steps))
    waits = np.log((larger / smaller - 1) / late) + 0.4 * random.normal(size=(people, steps)) > rate
    context = np.stack([smaller, np.zeros_like(smaller), larger, late.astype(float)], axis=2)
    return Choices(
        tuple(f"c{seed}-{row:03d}" for row in range(people)), context, waits.astype(float),
        np.zeros((people, steps), dtype=int),
    )  # fmt: skip


def log_of(choices: Choices, task: str = "made", wave: str = "first") -> pd.DataFrame:
    """The rows of a log."""
    people, steps = choices.waits.shape
    rows = choices.context.reshape(-1, 4)
    return pd.DataFrame(
        {
            "worker": np.repeat(choices.people, steps), "wave": wave, "task": task,
            "order": np.tile(np.arange(1, steps + 1), people),
            "smaller": rows[:, 0], "sooner_days": rows[:, 1], "larger": rows[:, 2], "later_days": rows[:, 3],
            "waits": choices.waits.ravel().astype(int), "ms": 900,
        }
    )  # fmt: skip


def write_log(path: Path, *parts: pd.DataFrame) -> Path:
    pd.concat(parts).to_csv(path, index=False)
    return path
