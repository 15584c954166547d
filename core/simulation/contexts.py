"""Contexts: what a person can know on a day. Days with equal contexts are simulated once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from core.cognition.engine import CONTEXT, DAY_TYPE, EFFECT, EPIDEMIC, RAMADAN, RESTRICTED_DAYS, SEASON
from core.datasets.cases import reports_per_day
from core.policy.calendar import Calendar
from core.policy.timeline import PolicyTimeline
from core.study import Step, Study

#: Classes of days under restrictions, by their lower ends; a context carries the class's middle. Assumption: people
#: tell weeks from months, not one day from the next, and fewer classes mean fewer questions to an LLM.
RESTRICTED_CLASSES = (0, 1, 15, 30, 60, 120, 240, 365, 540)
RESTRICTED_MIDDLES = (0, 7, 22, 45, 90, 180, 300, 450, 700)
#: Classes of how much of an effect there is, from nothing to all.
EFFECT_CLASSES = 20
#: Days over which reported cases are averaged, up to the day before: what one could read that morning.
CASE_WINDOW = 7


@dataclass(frozen=True)
class ContextTable:
    """Unique contexts, and which of them each day is.

    `contexts` has one row per unique context (index 0..C-1): a level per indicator, a flag per flagged indicator (NaN
    at level 0), and the situation columns. `day_context[d]` is the row of day `dates[d]`.
    """

    contexts: pd.DataFrame
    dates: pd.DatetimeIndex
    day_context: np.ndarray

    def days(self) -> np.ndarray:
        """How many days each context stands for, shape (contexts,)."""
        return np.bincount(self.day_context, minlength=len(self.contexts))


def epidemic_levels(
    cases: pd.Series | None, dates: pd.DatetimeIndex, study: Study, known_until: date | None = None
) -> np.ndarray:
    """The epidemic level (0 low, 1 moderate, 2 high) a person knows of on each day, shape (days,).

    The level is the class of the mean of the last seven days' reported new cases per 100,000 inhabitants, up to the day
    before; a report covers the days since the one before it (`reports_per_day`), and while reports pause, the last such
    mean holds. Nothing reported after `known_until` is used: later days keep the level of that day. A day without any
    report before it counts as low, which `core.datasets.cases.unreported` says in words.
    """
    if cases is None or cases.empty:
        return np.zeros(len(dates), dtype=int)
    reports = cases if known_until is None else cases[cases.index <= pd.Timestamp(known_until)]
    if reports.empty:
        return np.zeros(len(dates), dtype=int)
    daily = reports_per_day(reports.asfreq("D"))
    # Where reports pause for longer than the window people still know the last figure.
    mean = daily.rolling(CASE_WINDOW, min_periods=1).mean().clip(lower=0.0).ffill()
    mean.index = mean.index + pd.Timedelta(days=1)
    per_100k = mean.reindex(dates, method="ffill").to_numpy(dtype=float) * 100_000 / study.inhabitants
    known = ~np.isnan(per_100k)
    levels = np.zeros(len(dates), dtype=int)
    levels[known] = np.digitize(per_100k[known], study.epidemic_thresholds)
    return levels


def restricted_class(days: np.ndarray) -> np.ndarray:
    """The middle of the class that each number of days under restrictions falls in."""
    position = np.searchsorted(RESTRICTED_CLASSES, days, side="right") - 1
    return np.asarray(RESTRICTED_MIDDLES)[position]


def season_of(dates: pd.DatetimeIndex) -> np.ndarray:
    """The first month of the three in which each day's season lies, such as "2020-12" for December 2020 to February 2021,
    shape (days,)."""
    months = dates.year.to_numpy() * 12 + dates.month.to_numpy() - 1 - dates.month.to_numpy() % 3
    return np.array([f"{month // 12}-{month % 12 + 1:02d}" for month in months.tolist()], dtype=object)


def situations(
    timeline: PolicyTimeline,
    dates: pd.DatetimeIndex,
    study: Study,
    cases: pd.Series | None,
    *,
    cases_until: date | None = None,
    calendar_known_by: date | None = None,
    seasons: bool = False,
) -> pd.DataFrame:
    """One row per day: the policy in force, the kind of day, the epidemic level, how long restrictions have lasted, and
    with `seasons` the season: about twice as many contexts, for engines that are told of it."""
    days = timeline.levels(dates)
    if study.dynamics:
        # In classes, for nobody tells a twentieth of an effect, and fewer contexts mean fewer questions.
        effects = (timeline.effects(study.dynamics, dates) * EFFECT_CLASSES).round() / EFFECT_CLASSES
        days = days.join(effects.add_suffix(EFFECT))
    kinds = timeline.calendar.days(dates, known_by=calendar_known_by)
    found = days.assign(
        **{
            DAY_TYPE: kinds["day_type"].to_numpy(),
            RAMADAN: kinds["ramadan"].to_numpy(dtype=bool),
            EPIDEMIC: epidemic_levels(cases, dates, study, cases_until),
            RESTRICTED_DAYS: restricted_class(timeline.days_under_restriction(dates).to_numpy())
            if study.fatigue
            else 0,
        }
    )
    around = timeline.calendar.surroundings(dates, calendar_known_by)
    found = found.assign(**{f"{item.code}{CONTEXT}": around[item.code] for item in study.context})
    return found.assign(**{SEASON: season_of(dates)}) if seasons else found


def without_policy(days: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The same kinds of day with no policy, no epidemic and no restrictions behind them."""
    return days.assign(**no_policy(study), **{EPIDEMIC: 0, RESTRICTED_DAYS: 0})


def origin_moment(days: pd.DataFrame, origin: date) -> pd.Series:
    """The situation at the end of `origin`: its policy and fatigue, and the epidemic level known on the day after.

    `days` are rows of `situations` that hold both days, with nothing known after the origin.
    """
    place = int(days.index.get_indexer(pd.DatetimeIndex([origin]))[0])
    moment = days.iloc[place].copy()
    moment[EPIDEMIC] = days[EPIDEMIC].iloc[place + 1]
    return moment


def frozen_at(days: pd.DataFrame, moment: pd.Series) -> pd.DataFrame:
    """The same kinds of day under the policy, epidemic and fatigue of one `moment` (a row of `situations`)."""
    kept = [column for column in days.columns if column not in (DAY_TYPE, RAMADAN, SEASON)]
    return days.assign(**{column: moment[column] for column in kept}).astype(days.dtypes)


def no_policy(study: Study) -> dict[str, float]:
    """Columns of a context without any measure: each lever at the level that is none, flags missing, context variables in their
    ordinary class."""
    levels = {item.code: float(item.none) for item in study.indicators}
    flags = {f"{item.code}_Flag": np.nan for item in study.indicators if item.has_flag}
    effects = {f"{item.lever}{EFFECT}": 0.0 for item in study.dynamics}
    return levels | flags | effects | {f"{item.code}{CONTEXT}": 0 for item in study.context}


def baseline_cycle(calendar: Calendar, study: Study, *, seasons: bool = False) -> pd.DataFrame:
    """The ordinary periods of one cycle of the baseline (`Step.cycle`): no policy, no epidemic, the kinds of period of that time,
    and with `seasons` the season in its middle. Where the step is a day, a week from Monday under its working week.

    Holidays of the time are left out: the provider's baseline is a median, which one holiday does not move.
    """
    step = study.step
    period = step.periods(study.baseline_start, study.baseline_end)
    kinds, places = calendar.days(period)["day_type"].to_numpy(), step.in_cycle(period)
    row: dict[str, object] = dict(no_policy(study))
    season = {SEASON: season_of(period)[len(period) // 2]} if seasons else {}
    cycle = []
    for place in range(step.cycle):
        ordinary = kinds[(places == place) & (kinds != "holiday")]
        # What the baseline lacks, as a week of the year may, is like what it has.
        kind = ordinary[0] if len(ordinary) else "working" if step is Step.DAY else kinds[0]
        cycle.append({**row, DAY_TYPE: kind, RAMADAN: False, EPIDEMIC: 0, RESTRICTED_DAYS: 0, **season})
    return pd.DataFrame(cycle)


def unique_contexts(days: pd.DataFrame, dates: pd.DatetimeIndex) -> ContextTable:
    """Reduce one row per day to the unique rows, in order of first appearance."""
    keys = days.astype({RAMADAN: int}).fillna({column: -1 for column in days.columns if column.endswith("_Flag")})
    codes, _ = pd.factorize(pd.MultiIndex.from_frame(keys))
    first = pd.Series(codes).drop_duplicates().index
    return ContextTable(days.iloc[first].reset_index(drop=True), dates, np.asarray(codes))
