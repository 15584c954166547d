"""What a run is asked to do, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import InputError

DEFAULT_TRIALS = 64
MOST_TRIALS = 5000
#: Persona-level answers are kept up to this many personas, unless asked otherwise.
KEEP_RESPONSES_UP_TO = 2000


@dataclass(frozen=True)
class RunRequest:
    """Everything that decides a run. `data` is the folder of observations; None dates are the study's own.

    `population_id` takes a kept population instead of a fresh one of `personas` people. `workers` never changes results.
    """

    study: str
    data: str | Path | None = None
    engine: str = "rules"
    personas: int | None = None
    population_id: str | None = None
    train_end: date | None = None
    test_end: date | None = None
    trials: int = DEFAULT_TRIALS
    seed: int = 0
    keep_responses: bool | None = None
    workers: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.trials <= MOST_TRIALS:
            raise InputError(
                f"{self.trials} trials",
                where="run",
                allowed=f"1 to {MOST_TRIALS}",
                nearest=str(min(max(self.trials, 1), MOST_TRIALS)),
            )
        if self.seed < 0:
            raise InputError(f"seed {self.seed}", where="run", allowed="0 and above", nearest="0")
        if self.workers < 1:
            raise InputError(f"{self.workers} workers", where="run", allowed="1 and above", nearest="1")


@dataclass(frozen=True)
class RunSummary:
    """What `policytwin run --json` prints; see the command contract."""

    values: dict[str, Any]
    tables: dict[str, pd.DataFrame] = field(repr=False)

    @property
    def run_id(self) -> str:
        return str(self.values["run_id"])
