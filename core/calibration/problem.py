"""A forecasting problem: what was known at the origin, as contexts and observations, and nothing else.

Everything observed after the origin is cut off here, in one place, before any model sees it: observations and cases end
at the origin, the epidemic level of later days is the one known then, and holidays count only if announced by then. The
policy path is given: a forecast is conditional on it. The working week is part of that path; `announced_only` makes it
known only from its announcement on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from core.calibration.anchoring import is_off
from core.calibration.pace import pace_of
from core.calibration.transfer_prior import Prior, Priors, transfer_prior_after
from core.cognition.engine import DAY_TYPE
from core.errors import TooLittleObserved
from core.policy.calendar import Calendar
from core.policy.timeline import PolicyTimeline
from core.simulation.contexts import (
    baseline_cycle,
    frozen_at,
    origin_moment,
    situations,
    unique_contexts,
    without_policy,
)
from core.study import Study

#: Origins inside training; how far apart they lie and what they need is the pace of the study's step.
INNER_ORIGINS = 4


@dataclass(frozen=True)
class Window:
    """The days up to `origin` (the first `train_days` of `dates`) and the days after it to forecast.

    Per day: its kind, and the contexts (rows of the problem's table) of the day as it is, of the same kind of day
    `no_policy` (no policy, no epidemic), and of the same kind of day whose policy, epidemic and fatigue are
    frozen as at the origin (`frozen_policy`). `drift` is what other places' past says about the days after it.
    """

    origin: date
    dates: pd.DatetimeIndex
    train_days: int
    types: np.ndarray
    actual: np.ndarray
    no_policy: np.ndarray
    frozen_policy: np.ndarray
    transfer_prior: Prior

    @cached_property
    def train(self) -> pd.DatetimeIndex:
        return self.dates[: self.train_days]

    @cached_property
    def horizon(self) -> pd.DatetimeIndex:
        return self.dates[self.train_days :]


@dataclass(frozen=True)
class Problem:
    """Unique contexts of all windows; the final window, the inner ones used for choosing, and the baseline week.

    `observed` (days × behaviours, NaN = missing) ends at the final window's origin. `seasons` says whether contexts tell
    the season.
    """

    study: Study
    contexts: pd.DataFrame
    baseline_context: np.ndarray
    final: Window
    inner: tuple[Window, ...]
    observed: pd.DataFrame
    seasons: bool = False

    @property
    def compares_weekdays(self) -> bool:
        """Whether the metric compares a day with the same weekday of the baseline period."""
        return self.study.metric == "same_weekday_change"

    @property
    def asks_a_model(self) -> bool:
        """Whether a language model answers; only such engines are told of the season."""
        return self.seasons

    @cached_property
    def baseline_off(self) -> np.ndarray:
        """Whether each weekday of the baseline period was a day off, Monday first, (7,) of bool."""
        return is_off(self.contexts[DAY_TYPE].to_numpy()[self.baseline_context])

    def final_only(self) -> Problem:
        """The final window alone, with only the contexts it needs: what is simulated once parameters are chosen."""
        final = self.final
        used = np.concatenate([self.baseline_context, final.actual, final.no_policy, final.frozen_policy])
        kept, first = np.unique(used, return_index=True)
        kept = kept[np.argsort(first)]
        place = np.zeros(len(self.contexts), dtype=int)
        place[kept] = np.arange(len(kept))
        moved = {name: place[getattr(final, name)] for name in ("actual", "no_policy", "frozen_policy")}
        return replace(
            self,
            contexts=self.contexts.iloc[kept].reset_index(drop=True),
            baseline_context=place[self.baseline_context],
            final=replace(final, **moved),
            inner=(),
        )


def build_problem(
    study: Study,
    timeline: PolicyTimeline,
    observations: pd.DataFrame,
    cases: pd.Series | None,
    train_end: date,
    test_end: date,
    *,
    announced_only: bool = False,
    inner: bool = True,
    fewest: int | None = None,
    seasons: bool = False,
    priors: Priors | None = None,
) -> Problem:
    """Cut everything at `train_end` and build the windows, with `fewest` periods of training (None: the pace of the step);
    contexts with `seasons` are for engines that are told of the season. `priors` stand in for the study's own tables of what
    other places teach. Raises TooLittleObserved where the split leaves too
    little."""
    step, pace = study.step, pace_of(study)
    fewest = pace.fewest_training if fewest is None else fewest
    # Of a study that asks for no more, its first period can be all of training.
    first = step.after(study.start, int(study.forecast.training != 1))
    if not first <= train_end < test_end <= study.end:
        raise TooLittleObserved(
            f"training to {train_end} and test to {test_end} do not follow each other within {study.start} to {study.end}",
            where=f"study {study.id}",
            allowed=f"{study.start} < training end < test end ≤ {study.end}",
        )
    periods = step.between(study.start, train_end) + 1
    if periods < fewest:
        raise TooLittleObserved(
            f"training to {train_end} leaves {periods} {step}s, fewer than {fewest}",
            where=f"study {study.id}",
            allowed=f"{fewest} {step}s or more",
            nearest=str(step.after(study.start, fewest - 1)),
        )
    observed = observations.loc[: pd.Timestamp(train_end)]
    known_cases = None if cases is None else cases.loc[: pd.Timestamp(train_end)]
    if not announced_only:
        timeline = with_known_weeks(timeline)
    spans = [(train_end, test_end)]
    if inner:
        # An origin before which some behaviour was hardly observed cannot be forecast from.
        spans += [
            span
            for span in inner_spans(study, train_end)
            if observed.loc[: pd.Timestamp(span[0])].notna().sum().min() >= pace.fewest_observed
        ]
    week = baseline_cycle(timeline.calendar, study, seasons=seasons)
    frames = [week]
    for origin, last in spans:
        days = situations(
            timeline,
            step.periods(study.start, last),
            study,
            known_cases,
            cases_until=origin,
            calendar_known_by=origin,
            seasons=seasons,
        )
        frames += [days, without_policy(days, study), frozen_at(days, origin_moment(days, origin))]
    table = unique_contexts(pd.concat(frames, ignore_index=True), pd.DatetimeIndex([]))
    rows = np.split(table.day_context, np.cumsum([len(frame) for frame in frames])[:-1])
    windows = [
        Window(
            origin=origin,
            dates=pd.DatetimeIndex(frames[1 + 3 * number].index),
            train_days=step.between(study.start, origin) + 1,
            types=frames[1 + 3 * number][DAY_TYPE].to_numpy(),
            actual=rows[1 + 3 * number],
            no_policy=rows[2 + 3 * number],
            frozen_policy=rows[3 + 3 * number],
            transfer_prior=transfer_prior_after(study, origin) if priors is None else priors.after(origin),
        )
        for number, (origin, _) in enumerate(spans)
    ]
    return Problem(
        study=study,
        contexts=table.contexts,
        baseline_context=rows[0],
        final=windows[0],
        inner=tuple(windows[1:]),
        observed=observed,
        seasons=seasons,
    )


def inner_spans(study: Study, train_end: date) -> list[tuple[date, date]]:
    """Rolling origins inside training, latest first: (origin, last period of its horizon)."""
    step, pace = study.step, pace_of(study)
    spans = []
    for number in range(1, INNER_ORIGINS + 1):
        origin = step.after(train_end, -pace.inner_step * number)
        if step.between(study.start, origin) + 1 >= pace.fewest_training:
            spans.append((origin, min(train_end, step.after(origin, pace.inner_horizon))))
    return spans


def with_known_weeks(timeline: PolicyTimeline) -> PolicyTimeline:
    """The timeline with its working weeks known from the start: a forecast is conditional on the policy path."""
    calendar: Calendar = timeline.calendar
    weeks = tuple(replace(week, announced=min(week.announced, timeline.start)) for week in calendar.working_weeks)
    return replace(timeline, calendar=replace(calendar, working_weeks=weeks))
