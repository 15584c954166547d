"""A forecasting problem: what was known at the origin, as contexts and observations, and nothing else.

Everything observed after the origin is cut off here, in one place, before any model sees it: observations and cases end
at the origin, the epidemic level of later days is the one known then, and holidays count only if announced by then. The
policy path is given: a forecast is conditional on it. The working week is part of that path; `announced_only` makes it
known only from its announcement on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from core.calibration.linear import FEWEST_DAYS
from core.cognition.engine import DAY_TYPE
from core.errors import InputError
from core.policy.calendar import Calendar
from core.policy.timeline import PolicyTimeline
from core.simulation.contexts import baseline_week, situations, unique_contexts
from core.study import Study

#: Inner origins lie this many days apart, counted back from the training end, and leave this many days to train on.
INNER_STEP = 60
INNER_ORIGINS = 4
FEWEST_TRAINING_DAYS = 120
INNER_HORIZON = 180


@dataclass(frozen=True)
class Window:
    """Training days up to `origin` and the days after it to forecast; contexts are rows of the problem's table."""

    origin: date
    train: pd.DatetimeIndex
    train_context: np.ndarray
    train_types: np.ndarray
    horizon: pd.DatetimeIndex
    horizon_context: np.ndarray
    horizon_types: np.ndarray


@dataclass(frozen=True)
class Problem:
    """Unique contexts of all windows; the final window, the inner ones used for choosing, and the baseline week.

    `observed` (days × behaviours, NaN = missing) ends at the final window's origin.
    """

    study: Study
    contexts: pd.DataFrame
    baseline_context: np.ndarray
    final: Window
    inner: tuple[Window, ...]
    observed: pd.DataFrame

    def final_only(self) -> Problem:
        """The final window alone, with only the contexts it needs: what is simulated once parameters are chosen."""
        used = np.concatenate([self.baseline_context, self.final.train_context, self.final.horizon_context])
        kept, first = np.unique(used, return_index=True)
        kept = kept[np.argsort(first)]
        place = np.zeros(len(self.contexts), dtype=int)
        place[kept] = np.arange(len(kept))
        final = replace(
            self.final,
            train_context=place[self.final.train_context],
            horizon_context=place[self.final.horizon_context],
        )
        return replace(
            self,
            contexts=self.contexts.iloc[kept].reset_index(drop=True),
            baseline_context=place[self.baseline_context],
            final=final,
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
) -> Problem:
    """Cut everything at `train_end` and build the windows. Raises InputError where the split leaves too little."""
    if not study.start < train_end < test_end <= study.end:
        raise InputError(
            f"training to {train_end}, test to {test_end}",
            where=f"study {study.id}",
            allowed=f"{study.start} < training end < test end ≤ {study.end}",
        )
    if (train_end - study.start).days + 1 < FEWEST_TRAINING_DAYS:
        raise InputError(
            f"training to {train_end} leaves {(train_end - study.start).days + 1} days",
            where=f"study {study.id}",
            allowed=f"{FEWEST_TRAINING_DAYS} days or more",
            nearest=str(study.start + timedelta(days=FEWEST_TRAINING_DAYS - 1)),
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
            for span in inner_spans(study.start, train_end)
            if observed.loc[: pd.Timestamp(span[0])].notna().sum().min() >= FEWEST_DAYS
        ]
    frames = [baseline_week(timeline.calendar, study)]
    for origin, last in spans:
        days = pd.date_range(study.start, last, freq="D")
        frames.append(situations(timeline, days, study, known_cases, cases_until=origin, calendar_known_by=origin))
    stacked = pd.concat(frames, ignore_index=True)
    table = unique_contexts(stacked, pd.DatetimeIndex([]))
    types = stacked[DAY_TYPE].to_numpy()
    windows, start = [], len(frames[0])
    for (origin, last), frame in zip(spans, frames[1:], strict=True):
        days = pd.date_range(study.start, last, freq="D")
        train = (origin - study.start).days + 1
        middle, stop = start + train, start + len(frame)
        windows.append(
            Window(
                origin=origin,
                train=days[:train],
                train_context=table.day_context[start:middle],
                train_types=types[start:middle],
                horizon=days[train:],
                horizon_context=table.day_context[middle:stop],
                horizon_types=types[middle:stop],
            )
        )
        start = stop
    return Problem(
        study=study,
        contexts=table.contexts,
        baseline_context=table.day_context[: len(frames[0])],
        final=windows[0],
        inner=tuple(windows[1:]),
        observed=observed,
    )


def inner_spans(start: date, train_end: date) -> list[tuple[date, date]]:
    """Rolling origins inside training, latest first: (origin, last day of its horizon)."""
    spans = []
    for step in range(1, INNER_ORIGINS + 1):
        origin = train_end - timedelta(days=INNER_STEP * step)
        if (origin - start).days + 1 >= FEWEST_TRAINING_DAYS:
            spans.append((origin, min(train_end, origin + timedelta(days=INNER_HORIZON))))
    return spans


def with_known_weeks(timeline: PolicyTimeline) -> PolicyTimeline:
    """The timeline with its working weeks known from the start: a forecast is conditional on the policy path."""
    calendar: Calendar = timeline.calendar
    weeks = tuple(replace(week, announced=min(week.announced, timeline.start)) for week in calendar.working_weeks)
    return replace(timeline, calendar=replace(calendar, working_weeks=weeks))
