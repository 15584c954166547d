"""Stringency sweeps: the same days, the same people, the same epidemic and fatigue; only the policy's level differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.counterfactual.fitted import FittedTwin, Path, expected_signs, follow, held_days
from core.counterfactual.levels import HeldPolicy, held_policies
from core.policy.indices import sub_indices
from core.study import Codebook


@dataclass(frozen=True)
class SweepLevel:
    """One level: the policy held, its path over the days, and the means over them."""

    policy: HeldPolicy
    path: Path
    mean: pd.Series
    lower: pd.Series
    upper: pd.Series
    distance: float
    outside: bool


@dataclass(frozen=True)
class Sweep:
    """`monotone`: each stricter level moves every behaviour in its expected direction or not at all; `bounded`: every
    value lies within what the metric can be (activity between none and its upper bound)."""

    dates: pd.DatetimeIndex
    levels: tuple[SweepLevel, ...]
    monotone: bool
    bounded: bool
    epidemic: int
    restricted_days: int
    day_types: dict[str, int]

    @property
    def outside_support(self) -> list[float]:
        return [item.policy.target for item in self.levels if item.outside]


def stringency_sweep(twin: FittedTwin, targets: Sequence[float], dates: pd.DatetimeIndex) -> Sweep:
    """Hold stringency at each target over `dates`. InputError for no target, or one outside 0–100."""
    study = twin.problem.study
    codebook = Codebook(study.indicators, {}, study.id)
    levels = []
    for policy in held_policies(study, targets):
        days = held_days(twin, dates, policy.row(study))
        intensities = sub_indices(days, codebook) / 100.0
        stringency = pd.Series(policy.realised, index=dates)
        path = follow(twin, days, dates, intensities, stringency)
        lower, upper = path.interval(mean=True)
        levels.append(
            SweepLevel(
                policy,
                path,
                path.metric.mean(),
                pd.Series(lower),
                pd.Series(upper),
                float(path.distance.iloc[0]),
                bool(path.outside.iloc[0]),
            )
        )
    first = held_days(twin, dates, levels[0].policy.row(study))
    signs = [item.expected_sign for item in study.behaviours]
    monotone = all(
        expected_signs(signs, before.path.metric.to_numpy(), after.path.metric.to_numpy())
        for before, after in zip(levels, levels[1:], strict=False)
    )
    return Sweep(
        dates=dates,
        levels=tuple(levels),
        monotone=monotone,
        bounded=all(_bounded(twin, item.path) for item in levels),
        epidemic=int(first["epidemic"].iloc[0]),
        restricted_days=int(first["restricted_days"].iloc[0]),
        day_types={str(kind): int(count) for kind, count in first["day_type"].value_counts().items()},
    )


def _bounded(twin: FittedTwin, path: Path) -> bool:
    calibrator = twin.calibrator
    assert calibrator.measurement is not None
    offset, scale = calibrator.measurement.affine(path.metric.index)
    upper = np.inf if calibrator.upper is None else calibrator.upper
    values = path.metric.to_numpy()
    inside = (values >= offset + scale * calibrator.lower - 1e-9) & (values <= offset + scale * upper + 1e-9)
    return bool(np.isfinite(values).all() and inside.all())
