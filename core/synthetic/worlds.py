"""Generated worlds whose truth is known: what any other policy would have done there can be told exactly.

A world is named by its kind and its seed. Worlds of one seed have the same people, calendar and weather; a kind adds one
thing that makes an analyst's life hard:

============= ========================================================================================================
plain         policy is set for reasons of its own, independently of the epidemic
confounded    policy answers a rising epidemic, and the epidemic by itself keeps people at home
fatigue       people follow measures less the longer they have borne them
anticipation  people react days before a dated measure, buy ahead, and make up afterwards for what they gave up
working_week  the weekend moves to other days, at a date announced before the origin
============= ========================================================================================================

An alternative changes the policy and nothing else. In every world the course of the epidemic is given, whatever people
do; reported cases are held as they were. So the truth of a contrast is the effect of policy alone: what a milder policy
would have done through more infections, and the fear of them, is not part of it. Where people look ahead, an alternative
was announced as every policy there is, days before it begins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Protocol

import numpy as np
import pandas as pd

from core.errors import InputError, one_of
from core.policy.calendar import calendar_for, observed_calendar
from core.policy.timeline import PolicyTimeline
from core.study import CalendarSpec, NamedDay, Step, Study, WorkingWeek, load_study
from core.synthetic import orlo
from core.synthetic.meridia import SEED as MERIDIA_SEED
from core.synthetic.meridia import expected_mobility, generate
from core.synthetic.world_process import (
    ACTIVITIES,
    CASE_WINDOW,
    HOME,
    PER,
    WorldEffects,
    WorldRhythm,
    autoregressive_noise,
    draw_effects,
    draw_rhythm,
    expected_visits,
    hours_at_home,
    ordinary_visits,
)

KINDS = ("plain", "confounded", "fatigue", "anticipation", "working_week")
MERIDIA = "meridia"
#: Of another domain, and so not among those that are measured together.
ORLO = "orlo"
#: Days after the origin over which contrasts are taken, and periods of a longer step.
HORIZON = 120
HORIZONS = {Step.DAY: HORIZON, Step.MONTH: 24}
#: Whose behaviours, indicators, baseline weeks and metric every world has, and who lives there.
PATTERN = "meridia"
POPULATION = "world.toml"
HISTORY_START = date(2030, 1, 1)
STUDY_START = date(2030, 2, 15)
INHABITANTS = 5_000_000
HOLIDAYS_A_YEAR = 10
HOME_NOISE = 0.35
SATURDAY, SUNDAY, FRIDAY = 5, 6, 4


class KnownWorld(Protocol):
    """A place whose truth is known, as an analyst at `origin` finds it."""

    @property
    def kind(self) -> str: ...

    @property
    def seed(self) -> int: ...

    @property
    def study(self) -> Study: ...

    @property
    def timeline(self) -> PolicyTimeline: ...

    @property
    def observations(self) -> pd.DataFrame: ...

    @property
    def cases(self) -> pd.Series | None: ...

    @property
    def origin(self) -> date: ...

    def expected_under(self, timeline: PolicyTimeline, dates: pd.DatetimeIndex) -> pd.DataFrame:
        """The metric without noise under another policy or calendar (dates × behaviours, % change)."""
        ...


@dataclass(frozen=True)
class World:
    """A generated world.

    `observations` (days of the study × behaviours) are whole percentages with noise, `expected` the same without noise;
    `cases` new reported cases on the days of `timeline`, which begins before the study. `baseline` (7 × activities, then
    hours at home) is what the metric is measured against.
    """

    kind: str
    seed: int
    study: Study
    timeline: PolicyTimeline
    observations: pd.DataFrame
    cases: pd.Series
    origin: date
    expected: pd.DataFrame
    effects: WorldEffects
    rhythm: WorldRhythm
    baseline: np.ndarray

    def expected_under(self, timeline: PolicyTimeline, dates: pd.DatetimeIndex) -> pd.DataFrame:
        """The metric without noise under another timeline (dates × behaviours, % change), cases held as they were.

        Raises InputError for a timeline that does not cover the days of this world's.
        """
        _check_span(self.timeline, timeline)
        cases = self.cases.to_numpy(float)
        visits = expected_visits(self.effects, self.rhythm, timeline, cases, self.study.inhabitants)
        return _metric(self.study, self.rhythm, timeline, visits, self.baseline).loc[dates]


@dataclass(frozen=True)
class KnownMeridia:
    """Meridia as a known world: seed 0 is the country that ships, every other seed another course of the same truth."""

    seed: int
    study: Study
    timeline: PolicyTimeline
    observations: pd.DataFrame
    cases: pd.Series
    origin: date
    kind: str = MERIDIA

    def expected_under(self, timeline: PolicyTimeline, dates: pd.DatetimeIndex) -> pd.DataFrame:
        """The metric without noise under another policy, Karsk fever held as it was. Meridia's calendar never moves."""
        _check_span(self.timeline, timeline)
        return expected_mobility(timeline.levels(), dates=dates, seed=MERIDIA_SEED + self.seed)


@dataclass(frozen=True)
class KnownOrlo:
    """A district of Orlo as a known world, in months."""

    seed: int
    study: Study
    timeline: PolicyTimeline
    observations: pd.DataFrame
    origin: date
    place: str
    course: int
    kind: str = ORLO
    cases: None = None

    def expected_under(self, timeline: PolicyTimeline, dates: pd.DatetimeIndex) -> pd.DataFrame:
        """The metric without noise under another policy; droughts and announcements are as they were."""
        _check_span(self.timeline, timeline)
        return orlo.expected_under(timeline.levels(), self.place, self.course).loc[dates]


def true_contrast(
    world: KnownWorld, timeline: PolicyTimeline, dates: pd.DatetimeIndex, reference: PolicyTimeline | None = None
) -> pd.DataFrame:
    """The true contrast of a timeline with the observed one or `reference` (dates × behaviours, percentage points)."""
    return world.expected_under(timeline, dates) - world.expected_under(reference or world.timeline, dates)


def known_world(kind: str, seed: int) -> KnownWorld:
    """The world of this kind and seed, Meridia and Orlo included. InputError for an unknown kind or a negative seed."""
    one_of(kind, (*KINDS, MERIDIA, ORLO), what="kind of world", where="known worlds")
    if seed < 0:
        raise InputError(f"seed {seed}", where="known worlds", allowed="0 and above", nearest="0")
    if kind == ORLO:
        return orlo_district(seed)
    return meridia_world(seed) if kind == MERIDIA else generated_world(kind, seed)


def orlo_district(seed: int) -> KnownOrlo:
    """A district of Orlo: seed 0 is the first of the basin that ships; after the last, those of another course of it."""
    course, place = orlo.SEED + seed // len(orlo.PLACES), orlo.PLACES[seed % len(orlo.PLACES)]
    world = orlo.generate(course)
    study = load_study(f"{ORLO}@{place}")
    behaviour, policy, context = (
        table[table["place"] == place].set_index("date").drop(columns="place")
        for table in (world.behaviour, world.policy, world.context)
    )
    months = study.step.periods(study.start, study.end)
    first, last = policy.index[0].date(), policy.index[-1].date()
    around = context[[item.column for item in study.context]].set_axis([item.code for item in study.context], axis=1)
    timeline = PolicyTimeline.from_levels(policy, study, observed_calendar(study, first, last, around))
    return KnownOrlo(seed, study, timeline, behaviour.reindex(months), study.train_end, place, course)


def meridia_world(seed: int) -> KnownMeridia:
    """Meridia under this seed (0: as it ships)."""
    study = load_study(MERIDIA)
    course = generate(MERIDIA_SEED + seed)
    first = pd.Timestamp(course.policy.index[0]).date()
    calendar = calendar_for(study.calendar, min(first, study.baseline_start), study.end)
    timeline = PolicyTimeline.from_levels(course.policy, study, calendar)
    return KnownMeridia(seed, study, timeline, course.mobility, course.cases, study.train_end)


def generated_world(kind: str, seed: int) -> World:
    """A world of one of `KINDS`; equal arguments give an equal world."""
    one_of(kind, KINDS, what="kind of world", where="generated worlds")
    sources = np.random.SeedSequence(seed).spawn(6)
    effects, rhythm = draw_effects(sources[0], kind), draw_rhythm(sources[1])
    planner = np.random.Generator(np.random.PCG64(sources[2]))
    study = _study(kind, seed, planner)
    calendar = calendar_for(study.calendar, HISTORY_START, study.end)
    days = pd.date_range(HISTORY_START, study.end, freq="D", unit="us", name="date")
    cases = _epidemic(sources[3], days)
    levels = _policy(kind, sources[4], days, cases, study)
    timeline = PolicyTimeline.from_levels(levels, study, calendar)
    visits = expected_visits(effects, rhythm, timeline, cases.to_numpy(float), study.inhabitants)
    blurred, published = sources[5].spawn(2)
    noisy = visits * (1.0 + autoregressive_noise(blurred, len(days)))
    baseline = _baseline(study, rhythm)
    observed = _metric(study, rhythm, timeline, noisy, baseline)
    jitter = np.random.Generator(np.random.PCG64(published)).standard_normal(len(days)) * HOME_NOISE
    observed[HOME] = observed[HOME] + jitter
    start = pd.Timestamp(study.start)
    return World(
        kind=kind,
        seed=seed,
        study=study,
        timeline=timeline,
        observations=observed.round().loc[start:] + 0.0,  # turns −0 into 0
        cases=cases,
        origin=study.train_end,
        expected=_metric(study, rhythm, timeline, visits, baseline).loc[start:],
        effects=effects,
        rhythm=rhythm,
        baseline=baseline,
    )


def _study(kind: str, seed: int, planner: np.random.Generator) -> Study:
    """A study like the pattern's, with a period, holidays and a working week of its own."""
    pattern = load_study(PATTERN)
    origin = STUDY_START + timedelta(days=int(planner.integers(430, 501)))
    end = origin + timedelta(days=HORIZON)
    holidays = _holidays(planner, end.year)
    return replace(
        pattern,
        id=f"{kind}-{seed}",
        title=f"Generated world, {kind.replace('_', ' ')}, seed {seed} (fictional)",
        place=f"A generated world ({kind.replace('_', ' ')})",
        summary="This world does not exist: its people, epidemic, policy and mobility were drawn by a known process.",
        start=STUDY_START,
        end=end,
        train_end=origin,
        calendar=CalendarSpec(None, _weeks(kind, origin, planner), holidays, (), False),
        sources={},
        shipped=False,
        population_file=pattern.population_file.with_name(POPULATION),
        inhabitants=INHABITANTS,
        citation="Generated by PolicyTwin (core/validity/worlds.py).",
    )


def _weeks(kind: str, origin: date, planner: np.random.Generator) -> tuple[WorkingWeek, ...]:
    """Saturday and Sunday are free. Where the week moves, Friday and Saturday were, or will be."""
    since = date(2000, 1, 1)
    western = WorkingWeek(since, (SUNDAY,), (SATURDAY,), (), since)
    eastern = WorkingWeek(since, (FRIDAY,), (SATURDAY,), (), since)
    moved = origin + timedelta(days=int(planner.integers(20, 50)))
    announced = origin - timedelta(days=int(planner.integers(5, 40)))
    half = bool(planner.integers(0, 2))
    eastwards = bool(planner.integers(0, 2))
    if kind != "working_week":
        return (western,)
    before, after = (western, eastern) if eastwards else (eastern, western)
    halves = (FRIDAY,) if half and not eastwards else ()
    return (before, replace(after, start=moved, announced=announced, half_days=halves))


def _holidays(planner: np.random.Generator, last_year: int) -> tuple[NamedDay, ...]:
    """Holidays on the same dates of every year, at least two weeks apart, and none in the baseline weeks."""
    chosen: list[int] = []
    for day in planner.permutation(np.arange(45, 355)).tolist():
        if all(abs(day - other) >= 14 for other in chosen):
            chosen.append(day)
        if len(chosen) == HOLIDAYS_A_YEAR:
            break
    named = []
    for year in range(HISTORY_START.year, last_year + 1):
        for number, day in enumerate(sorted(chosen), start=1):
            when = date(year, 1, 1) + timedelta(days=day)
            named.append(NamedDay(when, f"Holiday {number}", date(year - 1, 1, 1)))
    return tuple(named)


def _epidemic(source: np.random.SeedSequence, days: pd.DatetimeIndex) -> pd.Series:
    """Reported cases by day: a few waves that rise faster than they fall, reported by a weekly pattern and with noise."""
    generator = np.random.Generator(np.random.PCG64(source))
    position = np.arange(len(days), dtype=float)
    begins = (STUDY_START - HISTORY_START).days
    rate = np.where(position > begins, 0.3, 0.0)
    centre = begins + generator.uniform(35.0, 60.0)
    while centre < len(days) + 60.0:
        height = 20.0 * np.exp(0.5 * generator.standard_normal())
        rising, falling = generator.uniform(14.0, 20.0), generator.uniform(20.0, 32.0)
        width = np.where(position < centre, rising, falling)
        rate = rate + height * np.exp(-0.5 * ((position - centre) / width) ** 2)
        centre += generator.uniform(110.0, 170.0)
    weekly = np.exp(0.12 * generator.standard_normal(7))
    noise = np.exp(0.08 * generator.standard_normal(len(days)))
    reported = rate * INHABITANTS / PER * (weekly / weekly.mean())[days.day_of_week.to_numpy()] * noise
    return pd.Series(np.where(position > begins - 10, np.rint(reported), 0.0), index=days, name="new_cases")


def _policy(
    kind: str, source: np.random.SeedSequence, days: pd.DatetimeIndex, cases: pd.Series, study: Study
) -> pd.DataFrame:
    """Levels and flags by day: spells of a strictness that is drawn, or that a government sets by the epidemic.

    No spell is stricter than about four fifths of everything, as hardly any government's was: everything in full lies
    outside what an analyst has seen.
    """
    generator = np.random.Generator(np.random.PCG64(source))
    begins = (STUDY_START - HISTORY_START).days
    lean = 0.10 * generator.standard_normal(len(study.indicators))
    half = generator.uniform(6.0, 12.0)
    states = np.zeros((len(days), 2, len(study.indicators)))
    day = begins + int(generator.integers(14, 30))
    while day < len(days):
        length = int(generator.integers(18, 51))
        strictness, own = generator.uniform(0.05, 0.8), 0.12 * generator.standard_normal(len(study.indicators))
        general = generator.uniform(size=len(study.indicators)) < 0.7
        if kind == "confounded":
            length, own = 14, own / 3.0
            strictness = 0.85 * _pressure(cases, day) / (_pressure(cases, day) + half)
        share = np.clip(strictness + (lean + own) * (strictness > 0.02), 0.0, 1.0)
        maxima = np.array([item.maximum for item in study.indicators])
        states[day:, 0] = np.floor(maxima * share + 0.5)
        states[day:, 1] = general
        day += length
    columns: dict[str, np.ndarray] = {}
    for place, item in enumerate(study.indicators):
        columns[item.code] = states[:, 0, place]
        if item.has_flag:
            columns[f"{item.code}_Flag"] = np.where(states[:, 0, place] > 0, states[:, 1, place], np.nan)
    return pd.DataFrame(columns, index=days)


def _pressure(cases: pd.Series, day: int) -> float:
    """What a government looks at: last week's cases per 100,000 a day, four days old, times their growth."""
    newest = day - 4
    week = float(cases.iloc[newest - CASE_WINDOW : newest].mean())
    before = float(cases.iloc[newest - 2 * CASE_WINDOW : newest - CASE_WINDOW].mean())
    growth = min(max((week + 1.0) / (before + 1.0), 0.6), 1.8)
    return week * PER / INHABITANTS * growth


def _baseline(study: Study, rhythm: WorldRhythm) -> np.ndarray:
    """Median by weekday of the baseline weeks without policy, epidemic and noise (7 × behaviours), home last."""
    calendar = calendar_for(study.calendar, study.baseline_start, study.baseline_end)
    nothing = pd.DataFrame(
        0.0,
        index=pd.date_range(study.baseline_start, study.baseline_end, freq="D", unit="us", name="date"),
        columns=list(study.indicator_codes),
    )
    for item in study.indicators:
        if item.has_flag:
            nothing[f"{item.code}_Flag"] = np.nan
    weeks = PolicyTimeline.from_levels(nothing, study, calendar, name="Baseline")
    visits = ordinary_visits(rhythm, weeks)
    quantities = np.column_stack([visits, hours_at_home(rhythm, weeks, visits)])
    weekday = weeks.dates.day_of_week.to_numpy()
    return np.vstack([np.median(quantities[weekday == day], axis=0) for day in range(7)])


def _metric(
    study: Study, rhythm: WorldRhythm, timeline: PolicyTimeline, visits: np.ndarray, baseline: np.ndarray
) -> pd.DataFrame:
    """Percent change against the same weekday of the baseline (days of the timeline × behaviours)."""
    quantities = np.column_stack([visits, hours_at_home(rhythm, timeline, visits)])
    change = 100.0 * (quantities / baseline[timeline.dates.day_of_week.to_numpy()] - 1.0)
    frame = pd.DataFrame(change, index=timeline.dates, columns=[*ACTIVITIES, HOME])
    return frame[list(study.behaviour_ids)]


def _check_span(own: PolicyTimeline, other: PolicyTimeline) -> None:
    if (other.start, other.end) != (own.start, own.end):
        raise InputError(
            f"timeline '{other.name}' covers {other.start} to {other.end}",
            where="known world",
            allowed=f"{own.start} to {own.end}",
        )
