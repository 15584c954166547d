"""What came of looking ahead, as commands print it, pages draw it and the store keeps it; and what came afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from core.result import Result
from core.services.counterfactuals.results import About
from core.services.runs.results import WidthSource

#: How the policy that goes on as it is is called among a projection's.
HELD = "held"


@dataclass(frozen=True, kw_only=True)
class Course:
    """One behaviour's metric by period, and the ends of its 80% forecast interval, NaN where none is known."""

    value: tuple[float, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class ProjectedPolicy:
    """A policy and its course by behaviour; of a scenario also what it changes against the policy held, as the mean over the
    periods with 80% effect intervals. `outside_support` counts periods unlike any in training."""

    name: str
    timeline_id: str
    changes: tuple[str, ...] = ()
    mean_stringency: float
    outside_support: int
    courses: Mapping[str, Course]
    difference: Mapping[str, float]
    lower: Mapping[str, float]
    upper: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class TrackRecord:
    """What the run's own forecast missed where it could be checked: macro RMSE of the twin and of the best simple forecast (""
    where there is none), and the share that its 80% intervals held."""

    train_end: date
    test_end: date
    twin: float
    best: str
    best_error: float | None
    held: float | None


@dataclass(frozen=True, kw_only=True)
class ProjectionResult(About, Result, kind="projection"):
    """Periods after the origin under each policy, of which the one that goes on as it is (`HELD`) comes first.

    `simple` is the forecast that was the best simple one on the hold-out, by behaviour; `recent` the mean of the last observed
    periods; `observed` what was observed in the `past` periods before.
    """

    periods: tuple[date, ...]
    policies: tuple[ProjectedPolicy, ...]
    simple: Mapping[str, tuple[float | None, ...]]
    recent: Mapping[str, float | None]
    past: tuple[date, ...]
    observed: Mapping[str, tuple[float | None, ...]]
    record: TrackRecord
    widths: WidthSource
    result_hash: str = ""

    @property
    def until(self) -> date:
        return self.periods[-1]

    def course(self, policy: ProjectedPolicy, behaviour: str) -> pd.DataFrame:
        """Columns date, value, lower, upper."""
        found = policy.courses[behaviour]
        ends = {name: np.array(getattr(found, name), dtype=float) for name in ("value", "lower", "upper")}
        return pd.DataFrame({"date": pd.DatetimeIndex(self.periods), **ends})

    def frame(self) -> pd.DataFrame:
        """Rows policy, behaviour, date, value, lower, upper."""
        parts = [
            self.course(policy, behaviour).assign(policy=policy.name, behaviour=behaviour)
            for policy in self.policies
            for behaviour in policy.courses
        ]
        return pd.concat(parts, ignore_index=True)[["policy", "behaviour", "date", "value", "lower", "upper"]]


@dataclass(frozen=True)
class Came:
    """What came after a projection was made, of one behaviour: so many `periods` were observed since, from which the course under
    the policy held, and the simple forecast, are away by these RMSE (points); `held` is the share inside the 80% interval."""

    behaviour: str
    periods: int
    twin: float
    simple: float | None
    held: float | None


def what_came(result: ProjectionResult, observations: pd.DataFrame) -> tuple[Came, ...]:
    """A projection against what was observed since, by behaviour; none where nothing was. The policy that came may be another."""
    found = []
    for name in result.policies[0].courses:
        course = result.course(result.policies[0], name).set_index("date")
        seen = observations[name].reindex(course.index).dropna() if name in observations else pd.Series(dtype=float)
        if seen.empty:
            continue
        of = course.loc[seen.index]
        simple = pd.Series(result.simple.get(name, np.nan), course.index, dtype=float).loc[seen.index]
        known = of["lower"].notna()
        inside = (of["lower"] <= seen) & (seen <= of["upper"])
        found.append(
            Came(
                name, len(seen), float(np.sqrt(((seen - of["value"]) ** 2).mean())),
                None if simple.isna().any() else float(np.sqrt(((seen - simple) ** 2).mean())),
                float(inside[known].mean()) if known.any() else None,
            )
        )  # fmt: skip
    return tuple(found)
