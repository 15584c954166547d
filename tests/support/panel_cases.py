"""Small made-up panels: people whose answers follow two traits, asked twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from core.portrait.panel import AnswerPanel, Items

INSTRUMENTS, PER_INSTRUMENT = 4, 5
#: As many distinct answers as an item has choices.
CHOICES = (2, 3, 4, 5, 7)


def made_items() -> Items:
    """Four instruments of five items each."""
    places = [(one, item) for one in range(INSTRUMENTS) for item in range(PER_INSTRUMENT)]
    return Items(
        tuple(f"scale{one}.{item}" for one, item in places), tuple(f"scale{one}" for one, _ in places),
        np.array([CHOICES[item] for _, item in places]),
    )  # fmt: skip


def made_panel(people: int, seed: int = 0, noise: float = 0.7) -> tuple[AnswerPanel, AnswerPanel]:
    """The answers of people, and the same people asked again: two traits, of which each item shows one, and noise."""
    random, items = np.random.default_rng(seed), made_items()
    traits = random.normal(size=(people, 2))
    shown = traits[:, np.arange(len(items.names)) % 2]
    names = tuple(f"p{seed}-{number:03d}" for number in range(people))
    asked = []
    for _ in range(2):
        level = shown + noise * random.normal(size=shown.shape)
        codes = np.clip(np.ceil((level + 2) / 4 * items.choices), 1, items.choices)
        asked.append(AnswerPanel(names, items, codes))
    return asked[0], asked[1]


def write_folder(folder: Path, first: AnswerPanel, again: AnswerPanel, ending: str = "csv") -> Path:
    """The files of a panel; people are of two groups in turn."""
    folder.mkdir(parents=True)
    frames = {
        "items": pd.DataFrame(
            {"item_ID": first.items.names, "survey": first.items.instruments, "choices": first.items.choices}
        ),
        "answers_first": _frame(first),
        "answers_again": _frame(again),
        "people": pd.DataFrame({"worker": first.people, "group": ["ab"[row % 2] for row in range(len(first.people))]}),
    }
    for name, frame in frames.items():
        if ending == "csv":
            frame.to_csv(folder / f"{name}.csv", index=False)
        else:
            frame.to_parquet(folder / f"{name}.parquet", index=False)
    return folder


def _frame(panel: AnswerPanel) -> pd.DataFrame:
    table = pd.DataFrame(panel.codes, columns=list(panel.items.names))
    table.insert(0, "worker", list(panel.people))
    return table
