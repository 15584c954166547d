"""What a finished run's forecast missed: period by period, by kind of period, by level of policy, and what its intervals held."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from core.errors import InputError
from core.policy.timeline import PolicyTimeline
from core.services.runs.forecasters import TWIN
from core.services.runs.interval_parts import stored_intervals
from core.services.studies.stored_inputs import stored_observations
from core.statistics.levels import SHOWN
from core.store.database import Store
from core.study import Step
from core.study.definition import WEEKDAYS

UNCALIBRATED = "uncalibrated"
#: Ends of the classes of the policy index.
LEVELS_OF_POLICY = (0, 20, 40, 60, 80, 100)
#: What is told of together when coverage is followed over time.
STRETCHES = {Step.DAY: "week", Step.WEEK: "month", Step.MONTH: "year", Step.YEAR: "year"}


@dataclass(frozen=True)
class Residuals:
    """One behaviour's hold-out: `periods` has observed, twin, uncalibrated (missing where the run has none), residual
    (observed minus twin), kind (weekday, or the study's kind of period), and policy (class of the index). `kinds` and
    `policies` are in order."""

    periods: pd.DataFrame
    kinds: tuple[str, ...]
    policies: tuple[str, ...]

    def rmse(self, column: str) -> float:
        """Root mean squared error of a forecast; NaN where it is missing."""
        return float(np.sqrt(((self.periods["observed"] - self.periods[column]) ** 2).mean()))

    def mean_by(self, column: str) -> pd.Series:
        """The mean residual by kind or policy, in order."""
        order = self.kinds if column == "kind" else self.policies
        return self.periods.groupby(column)["residual"].mean().reindex(order)


def residuals_of(store: Store, run_id: str, behaviour: str, timeline: PolicyTimeline) -> Residuals:
    """What the twin missed in a behaviour after the run's origin. InputError where nothing was observed there."""
    rows = store.read_result("forecasts", run_id, phase="test", behaviour=behaviour)
    rows = rows[rows["forecaster"].isin([TWIN, UNCALIBRATED])]
    wide = rows.pivot_table(index="date", columns="forecaster", values="value")
    dates = pd.DatetimeIndex(wide.index)
    seen = stored_observations(store, store.run(run_id).record)[behaviour].reindex(dates)
    if seen.isna().all():
        raise InputError("was not observed after the origin", where=behaviour, allowed="another behaviour")
    if timeline.calendar.step is Step.DAY:
        order = tuple(name.capitalize() for name in WEEKDAYS)
        kind = np.asarray(order, dtype=object)[dates.day_of_week.to_numpy()]
    else:
        of_month = timeline.calendar.kinds or (str(timeline.calendar.step),)
        order = tuple(dict.fromkeys(of_month))
        kind = np.asarray(of_month, dtype=object)[(dates.month.to_numpy() - 1) % len(of_month)]
    classes = [f"{low} to {high}" for low, high in pairwise(LEVELS_OF_POLICY)]
    policy = pd.cut(timeline.stringency().reindex(dates), list(LEVELS_OF_POLICY), labels=classes, include_lowest=True)
    frame = pd.DataFrame(
        {
            "observed": seen,
            "twin": wide[TWIN],
            "uncalibrated": wide.get(UNCALIBRATED, np.nan),
            "residual": seen - wide[TWIN],
            "kind": kind,
            "policy": policy.astype(object),
        },
        index=dates,
    )
    frame = frame[frame["observed"].notna()]
    return Residuals(
        frame,
        tuple(name for name in order if name in set(frame["kind"])),
        tuple(name for name in classes if name in set(frame["policy"])),
    )


def held_over_time(store: Store, run_id: str, step: Step, level: int = SHOWN) -> pd.Series:
    """The share of observed values inside the interval of this level, over all behaviours, by stretch of time (its first day);
    empty where the run keeps no such interval."""
    kept = stored_intervals(store, run_id).get(level)
    if kept is None:
        return pd.Series(dtype=float)
    lower, upper = kept
    seen = stored_observations(store, store.run(run_id).record).reindex(lower.index)[list(lower.columns)]
    known = seen.notna() & lower.notna()
    inside = ((seen >= lower) & (seen <= upper) & known).sum(axis=1)
    dates = pd.DatetimeIndex(lower.index)
    first = {
        "week": dates - pd.to_timedelta(dates.day_of_week, unit="D"),
        "month": dates.to_period("M").to_timestamp(),
        "year": dates.to_period("Y").to_timestamp(),
    }[STRETCHES[step]]
    sums = pd.DataFrame({"inside": inside, "known": known.sum(axis=1)}).groupby(first.rename("date")).sum()
    return (sums["inside"] / sums["known"])[sums["known"] > 0].rename("share")
