"""From a stringency level to a policy: one documented staircase from no measure to every measure in full.

Each step raises one indicator by one ordinal level, general flag set. The next step is always the one that leaves its
indicator at the smallest share of its maximum; ties go by the study's tightening order. A target level takes the step
whose index comes closest (the stricter of two equally close). Any two levels are therefore nested: the stricter policy
is nowhere looser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.errors import InputError
from core.policy.indices import policy_index
from core.study import Codebook, Study, load_codebook

LOWEST, HIGHEST = 0.0, 100.0
#: Levels beyond this many in one sweep are more steps than the staircase has.
MOST_LEVELS = 101


@dataclass(frozen=True)
class FrozenPolicy:
    """A constant policy: `levels` per indicator, flags general, and the stringency it really has."""

    target: float
    realised: float
    levels: dict[str, int]

    def row(self, study: Study) -> dict[str, float]:
        """Levels and flags by column name; a flag is missing at level 0."""
        columns: dict[str, float] = {code: float(level) for code, level in self.levels.items()}
        for item in study.indicators:
            if item.has_flag:
                columns[f"{item.code}_Flag"] = 1.0 if self.levels[item.code] > 0 else np.nan
        return columns


def policy_ladder(study: Study) -> list[dict[str, int]]:
    """All steps from nothing to everything, each a level per indicator."""
    order = {code: position for position, code in enumerate(study.sweep_order)}
    levels = {item.code: 0 for item in study.indicators}
    steps = [dict(levels)]
    while True:
        open_steps = [item for item in study.indicators if levels[item.code] < item.maximum]
        if not open_steps:
            return steps
        following = min(
            open_steps, key=lambda item: ((levels[item.code] + 1) / item.maximum, order.get(item.code, len(order)))
        )
        levels[following.code] += 1
        steps.append(dict(levels))


def checked_targets(targets: Sequence[Any]) -> list[float]:
    """The targets, each once and ascending; InputError for none, too many, no number, or one outside 0 to 100."""
    wanted = list(targets)
    if not wanted:
        raise InputError("no level given", where="sweep", allowed="one or more levels from 0 to 100")
    levels = set()
    for target in wanted:
        try:
            level = float(target)
        except (TypeError, ValueError):
            raise InputError(f"level '{target}' is not a number", where="sweep", allowed="0 to 100") from None
        if not LOWEST <= level <= HIGHEST:
            closest = None if np.isnan(level) else f"{min(max(level, LOWEST), HIGHEST):g}"
            raise InputError(f"stringency level {level:g}", where="sweep", allowed="0 to 100", nearest=closest)
        levels.add(level + 0.0)  # turns −0 into 0
    if len(levels) > MOST_LEVELS:
        raise InputError(f"{len(levels)} levels", where="sweep", allowed=f"1 to {MOST_LEVELS} levels")
    return sorted(levels)


def frozen_policies(study: Study, targets: Sequence[Any]) -> list[FrozenPolicy]:
    """The policy of each target level (0 to 100), ascending; InputError as `checked_targets` raises it."""
    levels = checked_targets(targets)
    steps = policy_ladder(study)
    index = policy_index(_frame(steps, study), study.index, load_codebook()).to_numpy(float)
    held = []
    for target in levels:
        distance = np.abs(index - target)
        position = int(np.flatnonzero(distance <= distance.min() + 1e-9)[-1])
        held.append(FrozenPolicy(target, float(index[position]), steps[position]))
    return held


def mapping_table(study: Study, policies: Sequence[FrozenPolicy]) -> pd.DataFrame:
    """What each level means: one row per indicator (`code`, `name`), one column per target level, in words."""
    rows = []
    for item in study.indicators:
        row: dict[str, str] = {"code": item.code, "name": item.name}
        for policy in policies:
            level = policy.levels[item.code]
            row[f"{policy.target:g}"] = f"{level} of {item.maximum}: {item.levels[level]}" if level else "no measure"
        rows.append(row)
    return pd.DataFrame(rows)


def _frame(steps: list[dict[str, int]], study: Study) -> pd.DataFrame:
    """Steps as a policy frame, with the codebook's indicators that the study does not use at level 0."""
    book: Codebook = load_codebook()
    frame = pd.DataFrame([FrozenPolicy(0.0, 0.0, step).row(study) for step in steps])
    for code in book.indices[study.index]:
        if code not in frame:
            frame[code] = 0.0
            frame[f"{code}_Flag"] = np.nan
    return frame
