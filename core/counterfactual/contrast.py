"""A contrast: what a scenario's policy changes against a reference policy, same people, same calibration, same days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from core.calibration.problem import with_known_weeks
from core.counterfactual.fitted import FittedTwin
from core.counterfactual.trajectories import (
    ResponsePath,
    block_summary,
    category_mean_draws,
    interval_of,
    mean_draws,
    simulate_paths,
    timeline_days,
)
from core.counterfactual.uncertainty import Progress
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.policy.timeline import PolicyTimeline


@dataclass(frozen=True)
class Contrast:
    """A scenario against the reference timeline over the same days: paths of both and the difference of their means.

    `difference`, `lower` and `upper` are per behaviour, in points of the metric; the interval is 80%, from draws that
    both paths share, so that what they have in common cancels. `changes` says in words what the scenario does otherwise.
    """

    name: str
    reference_name: str
    reference: ResponsePath
    path: ResponsePath
    difference: pd.Series
    lower: pd.Series
    upper: pd.Series
    changes: list[str]

    @property
    def outside_days(self) -> int:
        """Days on which the scenario is unlike anything in training."""
        return int(self.path.outside.sum())

    @property
    def reference_outside_days(self) -> int:
        """Days on which the reference itself is unlike anything in training."""
        return int(self.reference.outside.sum())

    def over_time(self, size: int = 1) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """The difference by blocks of `size` days and the ends of its 80% interval, each blocks × behaviours."""
        return block_summary(self.path.metric - self.reference.metric, self.path.draws - self.reference.draws, size)


def contrasts(
    twin: FittedTwin,
    scenarios: Sequence[PolicyTimeline],
    dates: pd.DatetimeIndex,
    reference: PolicyTimeline | None = None,
    progress: Progress | None = None,
    executor: Executor = IN_THIS_PROCESS,
) -> list[Contrast]:
    """Each scenario's forecast against the reference's (default: the observed timeline).

    Days that are holidays in the scenario alone count as known at the origin: they belong to the question asked.
    Raises InputError for a timeline that does not cover `dates` or has other indicators.
    """
    base = twin.timeline if reference is None else as_asked(twin, reference)
    asked = [as_asked(twin, item) for item in scenarios]
    policies = [timeline_days(twin, item, dates) for item in (base, *asked)]
    paths = simulate_paths(twin, policies, dates, progress, executor)
    found = []
    for timeline, path in zip(asked, paths[1:], strict=True):
        lower, upper = interval_of(mean_draws(path.draws - paths[0].draws), path.metric.columns)
        found.append(
            Contrast(
                name=timeline.name,
                reference_name=base.name,
                reference=paths[0],
                path=path,
                difference=path.mean - paths[0].mean,
                lower=lower,
                upper=upper,
                changes=timeline.changes(base),
            )
        )
    return found


def category_change(twin: FittedTwin, before: ResponsePath, after: ResponsePath, attribute: str) -> pd.DataFrame:
    """What changes from one path to another by the categories of an attribute, with 80% intervals.

    The paths must come from one call of `simulate_paths`. Columns category, behaviour, difference, lower, upper (points of the
    metric), people (how many the category stands for). NaN where the category's baseline is next to nothing.
    Raises InputError for an unknown attribute.
    """
    base, other = category_mean_draws(twin, [before, after], attribute)
    points = (after.group_means() - before.group_means()).loc[attribute]
    people = twin.personas["weight"].groupby(twin.personas[attribute].astype(str)).sum()
    columns = after.metric.columns
    parts = []
    for category, drawn in other.items():
        low, high = interval_of(drawn - base[category], columns)
        part = pd.DataFrame({"difference": points.loc[category], "lower": low, "upper": high})
        parts.append(part.assign(category=category, people=int(people.loc[category])))
    found = pd.concat(parts).rename_axis("behaviour").reset_index()
    return found[["category", "behaviour", "difference", "lower", "upper", "people"]]


def group_contrast(twin: FittedTwin, item: Contrast, attribute: str) -> pd.DataFrame:
    """A contrast by the categories of an attribute; see `category_change`."""
    return category_change(twin, item.reference, item.path, attribute)


def as_asked(twin: FittedTwin, scenario: PolicyTimeline) -> PolicyTimeline:
    """The scenario as a forecaster at the origin is asked about it: its weeks, and holidays of its own, are known."""
    scenario = with_known_weeks(scenario)
    observed = {item.day for item in twin.timeline.calendar.holidays}
    holidays = tuple(
        item if item.day in observed else replace(item, announced=min(item.announced, twin.origin))
        for item in scenario.calendar.holidays
    )
    return replace(scenario, calendar=replace(scenario.calendar, holidays=holidays))
