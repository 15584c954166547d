"""Stringency sweeps: the same days, the same people, the same epidemic and fatigue; only the policy's level differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from core.cognition.engine import DAY_TYPE, EPIDEMIC, RESTRICTED_DAYS
from core.counterfactual.fitted import FittedTwin, at_origin, held_days
from core.counterfactual.levels import FrozenPolicy, even_levels, frozen_policies, lever_policies
from core.counterfactual.trajectories import PolicyDays, ResponsePath, moves_as_expected, simulate_paths
from core.counterfactual.uncertainty import Progress
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.policy.indices import sub_indices
from core.study import Codebook


@dataclass(frozen=True)
class SweepLevel:
    """One level: the policy held, its path over the days, and the means over them with their 80% interval.

    `distance` to the nearest training day in points of intensity (0 to 100), `similar` training days, and whether the
    policy lies `outside` what training saw.
    """

    policy: FrozenPolicy
    path: ResponsePath
    mean: pd.Series
    lower: pd.Series
    upper: pd.Series
    distance: float
    similar: int
    outside: bool


@dataclass(frozen=True)
class Sweep:
    """`not_monotone` are the behaviours that a stricter level moves, on some day, against their expected direction;
    `bounded`: every value lies within what the metric can be (activity between none and its upper bound)."""

    dates: pd.DatetimeIndex
    levels: tuple[SweepLevel, ...]
    not_monotone: tuple[str, ...]
    bounded: bool
    epidemic: int
    restricted_days: int
    day_types: dict[str, int]

    @property
    def monotone(self) -> bool:
        """Whether each stricter level moves every behaviour in its expected direction or not at all."""
        return not self.not_monotone

    @property
    def coherent(self) -> bool:
        """Whether the checks were passed and there was something to check: one level alone is no sweep."""
        return len(self.levels) > 1 and self.monotone and self.bounded

    @property
    def outside_support(self) -> list[float]:
        """The target levels whose policy lies outside what training saw."""
        return [item.policy.target for item in self.levels if item.outside]


def stringency_sweep(
    twin: FittedTwin,
    targets: Sequence[Any] | None,
    dates: pd.DatetimeIndex,
    progress: Progress | None = None,
    executor: Executor = IN_THIS_PROCESS,
    lever: str | None = None,
) -> Sweep:
    """Hold stringency at each target over `dates`, or one `lever` at each of these levels or amounts with all others as at the
    origin; None stands for even steps. InputError for no target, or one that cannot be."""
    study = twin.problem.study
    targets = even_levels(study, lever) if targets is None else targets
    codebook = Codebook(study.indicators, {}, study.id)
    if lever is None:
        held = frozen_policies(study, targets)
    else:
        moment = at_origin(twin)
        flags = {item.code: float(moment[f"{item.code}_Flag"]) for item in study.indicators if item.has_flag}
        others = {code: float(moment[code]) for code in study.indicator_codes}
        held = lever_policies(
            study, lever, targets, others, {code: flag for code, flag in flags.items() if flag == flag}
        )
    policies = []
    for policy in held:
        days = held_days(twin, dates, policy)
        intensities = sub_indices(days, codebook)[list(twin.timeline.codes)] / 100.0
        policies.append(PolicyDays(days, intensities, pd.Series(policy.realised, index=dates)))
    paths = simulate_paths(twin, policies, dates, progress, executor)
    levels = [_level(policy, path) for policy, path in zip(held, paths, strict=True)]
    signs = [item.expected_sign if lever is None else item.sign_of(lever) for item in study.behaviours]
    expected = np.ones(len(signs), dtype=bool)
    for before, after in pairwise(levels):
        expected &= moves_as_expected(signs, before.path.metric.to_numpy(), after.path.metric.to_numpy())
    first = policies[0].days
    return Sweep(
        dates=dates,
        levels=tuple(levels),
        not_monotone=tuple(name for name, fine in zip(study.behaviour_ids, expected, strict=True) if not fine),
        bounded=all(item.path.bounded for item in levels),
        epidemic=int(first[EPIDEMIC].iloc[0]),
        restricted_days=int(first[RESTRICTED_DAYS].iloc[0]),
        day_types={str(kind): int(count) for kind, count in first[DAY_TYPE].value_counts().items()},
    )


def _level(policy: FrozenPolicy, path: ResponsePath) -> SweepLevel:
    lower, upper = path.mean_interval()
    return SweepLevel(
        policy=policy,
        path=path,
        mean=path.mean,
        lower=lower,
        upper=upper,
        distance=float(path.distance.iloc[0]),
        similar=int(path.similar.iloc[0]),
        outside=bool(path.outside.iloc[0]),
    )
