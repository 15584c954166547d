"""What came of a society, as commands print it, pages draw it and the store keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.result import Result
from core.society.ablations import HELD, SignTest
from core.society.arms import BASE, Contrast

#: How the engine is called; it is none of a study's, and asks no language model.
ENGINE, ENGINE_VERSION = "society-rules", "1"
#: What a run of several arms is made for.
ARMS, ABLATIONS, SIGNS = "arms", "ablations", "signs"


@dataclass(frozen=True, kw_only=True)
class ArmSummary:
    """An arm: its edits of the scenario with the hash of what came of them, and means over worlds and days of what is compared
    (of all places a day; of a household and day)."""

    id: str
    title: str
    edit: tuple[Mapping[str, Any], ...]
    scenario_hash: str
    means: Mapping[str, float]
    state_hashes: Mapping[int, str]


@dataclass(frozen=True, kw_only=True)
class SocietyResult(Result, kind="society"):
    """Arms of a scenario in the same worlds, and contrasts of each against the first, `base`. Days count from the end of the
    warm-up; contrasts of an arm are over the days from the first on which it may differ (`since`). `tests` are of signs."""

    what: str = ARMS
    scenario: str
    title: str
    question: str
    fictional: bool
    scenario_hash: str
    households: int
    days: int
    warm_up_days: int
    seeds: tuple[int, ...]
    engine: str = ENGINE
    arms: tuple[ArmSummary, ...]
    against: str = BASE
    since: Mapping[str, int]
    contrasts: tuple[Contrast, ...]
    tests: tuple[SignTest, ...] = ()
    seconds: float = 0.0
    result_hash: str = ""
    run_id: str = ""

    @property
    def coherent(self) -> bool:
        """Whether every registered direction was judged here, and held."""
        return bool(self.tests) and all(test.verdict == HELD for test in self.tests)

    def arm(self, name: str) -> ArmSummary:
        """The arm of this id. KeyError where there is none."""
        found = {item.id: item for item in self.arms}
        return found[name]

    def of(self, arm: str, quantity: str, group: str = "all", level: str = "all") -> Contrast:
        """One contrast. KeyError where there is none."""
        for item in self.contrasts:
            if (item.arm, item.quantity, item.group, item.level) == (arm, quantity, group, level):
                return item
        raise KeyError((arm, quantity, group, level))

    def frame(self) -> pd.DataFrame:
        """The contrasts as rows."""
        return pd.DataFrame([vars(item) for item in self.contrasts])
