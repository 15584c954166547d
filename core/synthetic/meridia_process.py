"""The process behind Meridia: what measures do, how people follow, how Karsk fever spreads, how the government reacts.

The order of a day is the numbered list in `run`. Formulas and their reasons are in `data/meridia/README.md`.
Nothing here is shared with the engines that are tested against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from core.synthetic.meridia_truth import ACTIVITY_ORDER, HISTORY_START, STUDY_END, MeridiaTruth

Floats = NDArray[np.float64]

TRANSIT = ACTIVITY_ORDER.index("transit")
#: Every day of the simulated history, both ends included.
DAYS: tuple[date, ...] = tuple(
    HISTORY_START + timedelta(days=offset) for offset in range((STUDY_END - HISTORY_START).days + 1)
)


@dataclass(frozen=True)
class Course:
    """What happened on `DAYS` (T).

    `visits` per 1,000 people (T × activities), reported `cases` (T), `levels` and `flags` in force (T × levers).
    """

    visits: Floats
    cases: Floats
    levels: Floats
    flags: Floats


def uniforms(source: np.random.SeedSequence, shape: tuple[int, ...]) -> Floats:
    """Uniform numbers in (0, 1) from the raw bit stream, which is stable across platforms and versions (NEP 19)."""
    raw = np.random.PCG64(source).random_raw(int(np.prod(shape)))
    return ((raw >> np.uint64(11)).astype(np.float64) + 0.5).reshape(shape) * 2.0**-53


def normals(source: np.random.SeedSequence, shape: tuple[int, ...]) -> Floats:
    """Standard normal numbers by inversion of `uniforms`: numpy's own samplers may change between versions."""
    inverse = NormalDist().inv_cdf
    return np.array([inverse(value) for value in uniforms(source, shape).ravel().tolist()]).reshape(shape)


def autoregressive(shocks: Floats, persistence: float) -> Floats:
    """A first-order autoregressive series of unit variance along axis 0, from independent standard normal `shocks`."""
    series = np.empty_like(shocks)
    series[0] = shocks[0]
    fresh = float(np.sqrt(1.0 - persistence**2))
    for step in range(1, len(shocks)):
        series[step] = persistence * series[step - 1] + fresh * shocks[step]
    return series


def annual(anchors: Sequence[float]) -> Floats:
    """Twelve mid-month values as a series over `DAYS`, linear between them and closed over the year (T)."""
    position = np.array([day.month - 1 + (day.day - 15) / 30.0 for day in DAYS])
    return np.interp(position, np.arange(-1, 13), [anchors[-1], *anchors, anchors[0]])


def dated(points: Sequence[tuple[date, float]]) -> Floats:
    """Dated values as a series over `DAYS`, linear between them and constant outside (T)."""
    return np.interp(
        [day.toordinal() for day in DAYS], [day.toordinal() for day, _ in points], [value for _, value in points]
    )


def daily_share(half_life: float) -> float:
    """The share of a gap that closes in a day when half of it closes in `half_life` days."""
    return float(1.0 - 0.5 ** (1.0 / half_life))


def ordinary_visits(truth: MeridiaTruth) -> Floats:
    """Visits per 1,000 people without measures and fear (T × activities); for transit, a multiple of trips served."""
    holiday = {item.day for item in truth.holidays}
    # Trips follow the visits they serve, and so does their trend.
    trend = [np.ones(len(DAYS)) if item == TRANSIT else dated(truth.trend) for item in range(len(truth.activities))]
    weekday = np.array([day.weekday() for day in DAYS])
    is_holiday = np.array([day in holiday for day in DAYS])
    columns = [
        np.array(item.weekly_visits)[weekday] * np.where(is_holiday, item.holiday, 1.0) * annual(item.season) * lasting
        for item, lasting in zip(truth.activities, trend, strict=True)
    ]
    return np.column_stack(columns)


def ordinary_week(truth: MeridiaTruth) -> Floats:
    """Visits per 1,000 people in a January week without holidays, measures and fear (7 × activities)."""
    week = np.array([item.weekly_visits for item in truth.activities], dtype=np.float64).T
    served = np.delete(week, TRANSIT, axis=1) @ np.delete([item.trips for item in truth.activities], TRANSIT)
    week[:, TRANSIT] *= served
    return week


def dose_response(truth: MeridiaTruth, levels: Floats, flags: Floats) -> Floats:
    """The share of its strength that each lever reaches, in [0, 1] (n × levers).

    Hill curve of the level over its maximum, scaled to 1 at the maximum. A targeted measure (flag 0) binds
    `targeted_reach` of the people at its level; the others live one level below.
    """
    maximum = np.array([lever.maximum for lever in truth.levers], dtype=np.float64)
    exponent = np.array([lever.exponent for lever in truth.levers])
    half = np.array([lever.half_dose for lever in truth.levers]) ** exponent
    has_flag = np.array([lever.has_flag for lever in truth.levers])

    def hill(level: Floats) -> Floats:
        power = (np.maximum(level, 0.0) / maximum) ** exponent
        return power * (1.0 + half) / (power + half)

    reach = np.where(has_flag & (flags < 0.5), truth.targeted_reach, 1.0)
    return reach * hill(levels) + (1.0 - reach) * hill(levels - 1.0)


def restraint(truth: MeridiaTruth, levels: Floats, flags: Floats) -> Floats:
    """The reduction that measures aim at, in [0, 1) (n × activities): the strongest plus a part of the others.

    R = m + (1 − m) · s · (1 − Π(1 − e)), with m the strongest effect, e the others and s `shared_part`.
    """
    strength = np.array([lever.strength for lever in truth.levers])
    effects = np.sort(dose_response(truth, levels, flags)[:, :, None] * strength[None, :, :], axis=1)
    strongest, others = effects[:, -1, :], effects[:, :-1, :]
    return strongest + (1.0 - strongest) * truth.shared_part * (1.0 - np.prod(1.0 - others, axis=1))


class People:
    """Adoption, erosion and habit by activity, day by day; see steps 2 to 5 of `run`."""

    def __init__(self, truth: MeridiaTruth) -> None:
        self._truth = truth
        self._adopted = np.zeros(len(truth.activities))
        self._burden = np.zeros(len(truth.activities))
        self._habit = np.zeros(len(truth.activities))
        self._habit_share = np.array([item.habit_share for item in truth.activities])
        self._tighten, self._ease = daily_share(truth.tightening_half_life), daily_share(truth.easing_half_life)
        self._build, self._lose = daily_share(truth.habit_build_half_life), daily_share(truth.habit_loss_half_life)
        self._forget = daily_share(truth.burden_half_life)

    def step(self, coming: Floats) -> Floats:
        """The share of ordinary visits given up today (activities); `coming`: restraint today and the next days."""
        truth = self._truth
        target = coming[0]
        for ahead, weight in enumerate(truth.anticipation, start=1):
            if ahead < len(coming):
                target = np.maximum(target, weight * coming[ahead])
        gap = target - self._adopted
        self._adopted = self._adopted + np.where(gap > 0, self._tighten, self._ease) * gap
        adherence = truth.erosion_floor + (1.0 - truth.erosion_floor) / (1.0 + self._burden / truth.erosion_half)
        followed = adherence * self._adopted
        self._burden = (1.0 - self._forget) * self._burden + self._adopted
        gap = self._habit_share * followed - self._habit
        self._habit = self._habit + np.where(gap > 0, self._build, self._lose) * gap
        return followed + (1.0 - followed) * self._habit


class Epidemic:
    """Karsk fever: susceptible, latent, infectious, immune, and back; one step a day."""

    def __init__(self, truth: MeridiaTruth) -> None:
        self._truth = truth
        self._latent = self._infectious = self._immune = 0.0
        self._onsets = np.zeros(len(DAYS))
        week = np.array(truth.report_weekly)
        self._weekly = week / week.mean()
        self._transmission = (
            truth.reproduction / truth.infectious_days * annual(truth.epidemic_season) * dated(truth.lineages)
        )

    def step(self, today: int, contacts: float, masks: float, borders: float) -> float:
        """Cases expected to be reported today; `contacts` relative to ordinary, `masks`, `borders` doses in [0, 1]."""
        truth = self._truth
        susceptible = truth.inhabitants - self._latent - self._infectious - self._immune
        infected = (
            self._transmission[today] * contacts * (1.0 - truth.mask_strength * masks)
            * self._infectious * susceptible / truth.inhabitants
        )  # fmt: skip
        if DAYS[today] >= truth.first_import:
            infected += truth.imports * (1.0 - truth.border_strength * borders)
        onset, recovered = self._latent / truth.latent_days, self._infectious / truth.infectious_days
        self._latent += min(infected, susceptible) - onset
        self._infectious += onset - recovered
        self._immune += recovered - self._immune / truth.immune_days
        if DAYS[today] >= truth.first_vaccination:
            self._immune += truth.vaccinated * max(susceptible - infected, 0.0)
        self._onsets[today] = onset
        reported = sum(
            share * self._onsets[today - delay] for delay, share in enumerate(truth.report_delays) if delay <= today
        )
        return float(truth.reported_share * reported * self._weekly[DAYS[today].weekday()])


class Government:
    """Reviews every week, looks at late figures, announces some days ahead; decrees override it.

    Each lever tightens at once to the level its thresholds ask for and eases one step at a time, first to a targeted
    measure and then to the level below, never sooner than its `hold_weeks`.
    """

    def __init__(self, truth: MeridiaTruth, draws: Floats) -> None:
        """`draws`: uniform numbers (reviews × levers) that decide which due changes are postponed."""
        self._truth, self._draws, self._reviews = truth, draws, 0
        self._level = [0] * len(truth.levers)
        self._flag = [0] * len(truth.levers)
        self._changed = [-10_000] * len(truth.levers)
        self._tolerance = dated(truth.tolerance)
        first, last = truth.later_dates
        self._later = np.column_stack([dated([(first, 1.0), (last, lever.later)]) for lever in truth.levers])

    def review(self, today: int, cases: Floats) -> None:
        """Take today's decisions from cases up to `data_delay` days ago (T, only the past is read)."""
        truth = self._truth
        newest = today - truth.data_delay + 1
        week, before = cases[max(newest - 7, 0) : newest].mean(), cases[max(newest - 14, 0) : newest - 7].mean()
        low, high = truth.growth_limits
        growth = min(max((week + 1.0) / (before + 1.0), low), high)
        pressure = week * 100_000 / truth.inhabitants * growth / self._tolerance[today]
        for item, lever in enumerate(truth.levers):
            if self._draws[self._reviews, item] >= truth.postponed:
                asked_for = float(pressure / self._later[today, item])
                self._decide(item, lever.tighten_at, lever.hold_weeks, asked_for, today)
        self._reviews += 1

    def _decide(self, item: int, tighten_at: tuple[float, ...], hold_weeks: int, pressure: float, today: int) -> None:
        level, flag = self._level[item], self._flag[item]
        asked = sum(pressure >= threshold for threshold in tighten_at)
        if asked > level or (asked == level and level > 0):
            general = int(pressure >= self._truth.general_from * tighten_at[asked - 1])
            chosen = (asked, general if asked > level else max(flag, general))
        elif level > 0 and pressure < self._truth.ease_below * tighten_at[level - 1]:
            if today - self._changed[item] < 7 * hold_weeks:
                return
            slowly = pressure >= self._truth.ease_fast_below * tighten_at[level - 1]
            targeted_first = slowly and flag and self._truth.levers[item].has_flag
            chosen = (level, 0) if targeted_first else (level - 1, int(level > 1))
        else:
            return
        if chosen != (level, flag):
            self._level[item], self._flag[item] = chosen
            self._changed[item] = today

    def in_force(self, day: date) -> tuple[list[int], list[int]]:
        """Levels and flags on `day` under the decisions so far and the decrees."""
        levels, flags = list(self._level), list(self._flag)
        codes = [lever.code for lever in self._truth.levers]
        for decree in self._truth.decrees:
            if not decree.start <= day <= decree.end:
                continue
            item = codes.index(decree.code)
            held, decreed = (levels[item], flags[item]), (decree.level, decree.flag)
            levels[item], flags[item] = min(held, decreed) if decree.at_most else max(held, decreed)
        return levels, [flag if level else 0 for level, flag in zip(levels, flags, strict=True)]


def run(
    truth: MeridiaTruth,
    levels: Floats,
    flags: Floats,
    *,
    cases: Floats | None = None,
    report_factors: Floats | None = None,
    government: Government | None = None,
) -> Course:
    """The course of `DAYS` without noise in behaviour.

    `levels` and `flags` (T × levers) are the policy; a `government` replaces them by its own decisions. With `cases`
    (T) the epidemic is held at those reports; without, it runs, and `report_factors` (T) multiply what is reported.
    """
    levels, flags = levels.copy(), flags.copy()
    held = cases is not None
    reported = np.zeros(len(DAYS)) if cases is None else cases
    factors = np.ones(len(DAYS)) if report_factors is None else report_factors
    aims, doses = restraint(truth, levels, flags), dose_response(truth, levels, flags)
    codes = [lever.code for lever in truth.levers]
    information, masks, borders = codes.index("H1"), codes.index("H6"), codes.index("C8")
    normal = ordinary_visits(truth)
    table = _Table(truth)
    people, epidemic = People(truth), Epidemic(truth)
    visits = np.empty_like(normal)
    for today, day in enumerate(DAYS):
        # 1 The government reviews and announces; the change comes `announcement_days` later.
        if government is not None and day.weekday() == truth.review_weekday and today > truth.data_delay + 14:
            government.review(today, reported)
            week = slice(today + truth.announcement_days, today + truth.announcement_days + 7)
            for later in range(len(DAYS))[week]:
                levels[later], flags[later] = government.in_force(DAYS[later])
            aims[week], doses[week] = (
                restraint(truth, levels[week], flags[week]),
                dose_response(truth, levels[week], flags[week]),
            )
        # 2–5 People look ahead, adopt, tire, and keep habits.
        given_up = people.step(aims[today : today + 1 + len(truth.anticipation)])
        # 6 Caution: a power of the cases reported up to yesterday, stronger where people are informed.
        recent = reported[max(today - truth.caution_window, 0) : today].sum() / truth.caution_window
        relative = recent * 100_000 / truth.inhabitants / truth.caution_reference
        caution = truth.caution_scale * relative**truth.caution_exponent
        caution = min(caution * (1.0 + truth.caution_information * doses[today, information]), truth.caution_cap)
        # 7 Visits: the essential ones, and what is left of the others; trips follow from visits.
        visits[today] = table.visits(normal[today], (1.0 - given_up) * (1.0 - table.caution * caution))
        # 8 The epidemic, unless it is held.
        if not held:
            contacts = truth.household_share + (1.0 - truth.household_share) * table.contacts(visits[today])
            expected = epidemic.step(today, contacts, doses[today, masks], doses[today, borders])
            reported[today] = np.rint(expected * factors[today])
    return Course(visits, reported, levels, flags)


class _Table:
    """The activities' constants as arrays (activities)."""

    def __init__(self, truth: MeridiaTruth) -> None:
        rows = truth.activities
        self.caution = np.array([item.caution for item in rows])
        self._essential = np.array([item.essential_share * min(item.weekly_visits) for item in rows])
        self._trips = np.array([item.trips for item in rows])
        self._ordinary = ordinary_week(truth).mean(axis=0)
        weight = np.array([item.contact_weight for item in rows])
        self._weight, self._crowding = weight / weight.sum(), truth.crowding

    def visits(self, normal: Floats, remaining: Floats) -> Floats:
        """Visits per 1,000 people (activities) from ordinary visits and the share of them that remains."""
        essential = np.minimum(self._essential, normal)
        visits = essential + (normal - essential) * remaining
        visits[TRANSIT] = 0.0
        visits[TRANSIT] = normal[TRANSIT] * (self._trips @ visits) * remaining[TRANSIT]
        return visits

    def contacts(self, visits: Floats) -> float:
        """Infectious contacts outside the household, relative to an ordinary January week's mean."""
        return float(self._weight @ (visits / self._ordinary) ** self._crowding)
