"""From a stringency level to a policy: one documented staircase from no measure to every measure in full.

Each step raises one indicator by one level (an amount by a notch), general flag set. The next step is always the one that
leaves its indicator at the smallest share of its maximum; ties go by the study's tightening order. A target level takes the step
whose index comes closest (the stricter of two equally close). Any two levels are therefore nested: the stricter policy
is nowhere looser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from core.errors import InputError, one_of
from core.policy.indices import policy_index
from core.policy.interventions import checked_level, level_in_scale
from core.study import Study, codebook_of

LOWEST, HIGHEST = 0.0, 100.0
#: Levels beyond this many in one sweep are more steps than the staircase has.
MOST_LEVELS = 101
#: Those of a sweep that names none.
DEFAULT_LEVELS = (0.0, 25.0, 50.0, 75.0, 100.0)


@dataclass(frozen=True)
class FrozenPolicy:
    """A constant policy: `levels` per indicator, and the stringency it really has; flags are general but for those in `flags`."""

    target: float
    realised: float
    levels: dict[str, float]
    flags: Mapping[str, float] = field(default_factory=dict)

    def row(self, study: Study) -> dict[str, float]:
        """Levels and flags by column name; a flag is missing at level 0."""
        columns: dict[str, float] = {code: float(level) for code, level in self.levels.items()}
        for item in study.indicators:
            if item.has_flag:
                columns[f"{item.code}_Flag"] = self.flags.get(item.code, 1.0) if self.levels[item.code] > 0 else np.nan
        return columns


def policy_ladder(study: Study) -> list[dict[str, float]]:
    """All steps from nothing to everything, each a level per indicator."""
    order = {code: position for position, code in enumerate(study.sweep_order)}
    scales = {item.code: item.steps() for item in study.indicators}
    done = dict.fromkeys(scales, 0)
    steps = [{code: scale[0] for code, scale in scales.items()}]
    while True:
        open_steps = [code for code, scale in scales.items() if done[code] < len(scale) - 1]
        if not open_steps:
            return steps
        following = min(
            open_steps, key=lambda code: ((done[code] + 1) / (len(scales[code]) - 1), order.get(code, len(order)))
        )
        done[following] += 1
        steps.append({code: scale[done[code]] for code, scale in scales.items()})


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
    index = policy_index(
        _frame([FrozenPolicy(0.0, 0.0, step) for step in steps], study), study.index, codebook_of(study)
    ).to_numpy(float)
    held = []
    for target in levels:
        distance = np.abs(index - target)
        position = int(np.flatnonzero(distance <= distance.min() + 1e-9)[-1])
        held.append(FrozenPolicy(target, float(index[position]), steps[position]))
    return held


def even_levels(study: Study, lever: str | None = None) -> list[float]:
    """Levels of the index in even steps, or of one lever its levels or amounts from no measure to the measure in full. InputError
    for an unknown lever."""
    if lever is None:
        return list(DEFAULT_LEVELS)
    one_of(lever, study.indicator_codes, what="lever", where="sweep")
    steps = study.indicator(lever).steps()
    places = np.linspace(0, len(steps) - 1, min(len(DEFAULT_LEVELS), len(steps))).round().astype(int)
    return [float(steps[place]) for place in places]


def lever_policies(
    study: Study, code: str, levels: Sequence[Any], others: Mapping[str, float], flags: Mapping[str, float]
) -> list[FrozenPolicy]:
    """One lever at each of these levels or amounts, from the loosest to the strictest, with all others at `others` (a level per
    code) and their `flags`. InputError for an unknown lever, none, and a level that it cannot have."""
    one_of(code, study.indicator_codes, what="lever", where="sweep")
    item = next(item for item in study.indicators if item.code == code)
    where = f"sweep of {code} ({item.name})"
    if not levels:
        raise InputError("no level given", where=where, allowed="one or more")
    wanted = {
        checked_level(item, float(level), 1 if item.has_flag and level else None, where=where)[0] for level in levels
    }
    kept = {name: value for name, value in flags.items() if name != code}
    held = [FrozenPolicy(float(level), 0.0, {**others, code: float(level)}, kept) for level in wanted]
    index = policy_index(_frame(held, study), study.index, codebook_of(study)).to_numpy(float)
    found = [replace(policy, realised=float(value)) for policy, value in zip(held, index, strict=True)]
    return sorted(found, key=lambda policy: float(item.sub_index(np.array(policy.target), np.array(1.0))))


def mapping_table(study: Study, policies: Sequence[FrozenPolicy]) -> pd.DataFrame:
    """What each level means: one row per indicator (`code`, `name`), one column per target level, in words."""
    rows = []
    for item in study.indicators:
        row: dict[str, str] = {"code": item.code, "name": item.name}
        for policy in policies:
            level = policy.levels[item.code]
            said = level_in_scale(level, item).removeprefix("Level ")
            row[f"{policy.target:g}"] = "no measure" if level == item.none else said
        rows.append(row)
    return pd.DataFrame(rows)


def _frame(held: Sequence[FrozenPolicy], study: Study) -> pd.DataFrame:
    """Constant policies as a policy frame, with the codebook's indicators that the study does not use at level 0."""
    book = codebook_of(study)
    frame = pd.DataFrame([policy.row(study) for policy in held])
    for code in book.indices[study.index]:
        if code not in frame:
            frame[code] = 0.0
            frame[f"{code}_Flag"] = np.nan
    return frame
