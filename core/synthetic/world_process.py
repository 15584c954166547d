"""How the people of a generated world go out: the process behind `core.synthetic.worlds`.

Its form is chosen to be unlike any engine's. Households come in a few types. Measures add up to one exposure per
activity, like an index; each type ignores exposure below a threshold of its own and does no more above another, linear
in between. Everything else multiplies: caution, season, the kind of day, what was put off and is made up for. Nothing
is additive in log-odds, and no number is taken from an engine's table. The order of a day's figures is the list in
`expected_visits`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.policy.calendar import DAY_TYPES
from core.policy.timeline import PolicyTimeline

#: What people leave home for, in the order of every array here; time at home follows from it.
ACTIVITIES = ("retail", "grocery", "parks", "transit", "workplaces")
HOME = "residential"
MEASURES = ("C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "H1", "H6")

#: How much of the exposure of an activity comes from each measure, before the draw: read off what the measure says (the
#: closing of workplaces touches work and shops, of transport transit, staying at home everything). Assumption.
RELEVANCE = np.array(
    [
        # C1    C2    C3    C4    C5    C6    C7    C8    H1    H6
        (0.04, 0.30, 0.10, 0.18, 0.03, 0.24, 0.05, 0.03, 0.02, 0.01),
        (0.04, 0.14, 0.04, 0.12, 0.04, 0.44, 0.10, 0.03, 0.03, 0.02),
        (0.03, 0.05, 0.20, 0.22, 0.03, 0.34, 0.08, 0.03, 0.01, 0.01),
        (0.16, 0.22, 0.04, 0.06, 0.20, 0.20, 0.07, 0.03, 0.01, 0.01),
        (0.18, 0.44, 0.02, 0.05, 0.04, 0.20, 0.04, 0.01, 0.01, 0.01),
    ]
)
#: The share of visits that every measure in full prevents: Google's reports of spring 2020 show 40 to 80% fewer visits
#: to shops and stations under full closures, somewhat less at work, far less at grocers, and anything in parks.
FULL_EFFECT = ((0.45, 0.80), (0.15, 0.40), (0.20, 0.65), (0.45, 0.80), (0.35, 0.65))
#: How much of the caution in an epidemic reaches each activity. Assumption.
CAUTION_REACH = np.array([1.0, 0.4, 0.5, 1.0, 0.5])
#: The largest share of visits that people give up of their own accord. In the confounded world it rivals the measures:
#: Goolsbee and Syverson (2021, doi 10.1016/j.jpubeco.2020.104311) find most of the fall in visits of spring 2020 voluntary.
CAUTION, CONFOUNDED_CAUTION = (0.03, 0.10), (0.20, 0.40)
#: Ordinary visits by kind of day (rows as DAY_TYPES) relative to a working day. Work on days off is set by what the UAE's
#: move of the weekend showed: its new working days read +140 to +195 against the old days of rest. The rest are
#: assumptions, as are all numbers and ranges below.
ORDINARY = np.array(
    [
        (1.00, 1.00, 1.00, 1.00, 1.00),
        (1.05, 1.05, 1.10, 0.85, 0.65),
        (1.30, 1.20, 1.70, 0.65, 0.40),
        (1.00, 0.85, 1.80, 0.55, 0.35),
        (0.75, 0.70, 1.50, 0.60, 0.35),
    ]
)
#: Hours away from home by kind of day, and the powers with which relative visits shorten them.
HOURS_AWAY = np.array([7.0, 6.4, 5.6, 4.8, 5.2])
HOME_POWERS = np.array([0.15, 0.05, 0.05, 0.08, 0.35])
HOURS_PER_DAY = 24.0
SEASON = np.array([0.03, 0.02, 0.18, 0.02, 0.03])
NOISE = np.array([0.035, 0.030, 0.080, 0.030, 0.020])
HOUSEHOLD_TYPES = 4
LONGEST_DELAY = 10
CASE_WINDOW = 7
PER = 100_000


@dataclass(frozen=True)
class Fatigue:
    """Adherence falls with the restrictions borne: floor + (1 − floor) · (1 + burden / scale)^−power.

    The burden is the sum of past restraint (0 to 1 a day), of which the share `memory` is kept from day to day.
    """

    floor: float
    scale: float
    power: float
    memory: float


@dataclass(frozen=True)
class Anticipation:
    """`leads[i]` is the share of a coming restraint felt i + 1 days before it. Before a tightening people buy ahead:
    groceries rise by `rush` of the restraint to come. What was given up is made up for after an easing: visits exceed
    the ordinary by `rebound` of the restraint lifted, of which the share `decay` is left from day to day."""

    leads: np.ndarray
    rush: float
    rebound: float
    decay: float


@dataclass(frozen=True)
class WorldEffects:
    """The known effects of one world. K types of household, A activities, M measures.

    `types` (K,) shares of visits; `weights` (A × M), rows sum to 1; `threshold`, `saturation` (K × A) of exposure;
    `ceiling` (K × A) share of visits given up at saturation; `delay` (days,) how late people follow; `targeted` share of
    households that a targeted measure reaches; `caution` (A,) largest voluntary share and `caution_half` the cases per
    100,000 a day at which half of it is reached.
    """

    types: np.ndarray
    weights: np.ndarray
    threshold: np.ndarray
    saturation: np.ndarray
    ceiling: np.ndarray
    delay: np.ndarray
    targeted: float
    caution: np.ndarray
    caution_half: float
    fatigue: Fatigue | None = None
    anticipation: Anticipation | None = None


@dataclass(frozen=True)
class WorldRhythm:
    """What repeats without any policy: `ordinary` visits by kind of day (kinds × A), `weekday` multiples (7 × A),
    `season` amplitudes and `peak` days of the year (A,), and what makes the time at home (`hours`, `powers`)."""

    ordinary: np.ndarray
    weekday: np.ndarray
    season: np.ndarray
    peak: np.ndarray
    hours: np.ndarray
    powers: np.ndarray


def draw_effects(source: np.random.SeedSequence, kind: str) -> WorldEffects:
    """The effects of a world. Worlds of one seed and different kinds differ only in what the kind adds."""
    common, own = (np.random.Generator(np.random.PCG64(item)) for item in source.spawn(2))
    many = (HOUSEHOLD_TYPES, len(ACTIVITIES))
    types = common.dirichlet(np.full(HOUSEHOLD_TYPES, 6.0))
    weights = RELEVANCE * common.gamma(3.0, 1.0 / 3.0, RELEVANCE.shape)
    full = np.array([common.uniform(low, high) for low, high in FULL_EFFECT])
    unequal = common.uniform(0.6, 1.4, many)
    ceiling = np.minimum(full * unequal / (types @ unequal), 0.95)
    threshold, saturation = common.uniform(0.0, 0.25, many), common.uniform(0.55, 1.0, many)
    delay = 0.5 ** (np.arange(LONGEST_DELAY + 1) / common.uniform(0.5, 3.0))
    targeted, half = common.uniform(0.4, 0.7), common.uniform(8.0, 25.0)
    place = common.uniform(0.0, 1.0)
    low, high = CONFOUNDED_CAUTION if kind == "confounded" else CAUTION
    fatigue = anticipation = None
    if kind == "fatigue":
        # Half of what can wear off is gone after two to nine months under a restraint of a half, by the draw.
        fatigue = Fatigue(own.uniform(0.3, 0.6), own.uniform(30.0, 80.0), own.uniform(0.7, 1.0), 1.0 - 1.0 / 200.0)
    if kind == "anticipation":
        days = int(own.integers(2, 7))
        leads = own.uniform(0.3, 0.7) * np.linspace(1.0, 0.0, days, endpoint=False)
        anticipation = Anticipation(
            leads, own.uniform(0.2, 0.6), own.uniform(0.15, 0.4), 0.5 ** (1.0 / own.uniform(6.0, 14.0))
        )
    return WorldEffects(
        types=types,
        weights=weights / weights.sum(axis=1, keepdims=True),
        threshold=threshold,
        saturation=saturation,
        ceiling=ceiling,
        delay=delay / delay.sum(),
        targeted=float(targeted),
        caution=(low + place * (high - low)) * CAUTION_REACH,
        caution_half=float(half),
        fatigue=fatigue,
        anticipation=anticipation,
    )


def draw_rhythm(source: np.random.SeedSequence) -> WorldRhythm:
    """The ordinary course of a world's weeks and years."""
    generator = np.random.Generator(np.random.PCG64(source))
    activities = len(ACTIVITIES)
    ordinary = ORDINARY * np.exp(0.08 * generator.standard_normal(ORDINARY.shape))
    ordinary[0] = 1.0
    weekday = np.exp(0.04 * generator.standard_normal((7, activities)))
    season = SEASON * generator.uniform(0.5, 1.5, activities)
    peak = np.where(np.array(ACTIVITIES) == "parks", 196.0, 0.0) + generator.uniform(-30.0, 30.0, activities)
    hours = HOURS_AWAY * generator.uniform(0.9, 1.1)
    powers = HOME_POWERS * generator.uniform(0.8, 1.2, activities)
    return WorldRhythm(ordinary, weekday, season, peak, hours, powers)


def doses(effects: WorldEffects, levels: pd.DataFrame, maxima: np.ndarray) -> np.ndarray:
    """How strongly each measure is in force, in [0, 1] (days × M): its share of the strictest level, times the share of
    households reached where it is targeted (flag 0). `levels` are days of a timeline, `maxima` the strictest levels."""
    strength = levels[list(MEASURES)].to_numpy(float) / maxima
    flags = np.column_stack(
        [
            levels[f"{code}_Flag"].fillna(1.0).to_numpy(float) if f"{code}_Flag" in levels else np.ones(len(levels))
            for code in MEASURES
        ]
    )
    return strength * np.where(flags > 0.5, 1.0, effects.targeted)


def restraint(effects: WorldEffects, dose: np.ndarray) -> np.ndarray:
    """The share of visits that measures prevent where people follow at once and fully (days × K × A)."""
    exposure = (dose @ effects.weights.T)[:, None, :]
    rise = (exposure - effects.threshold) / (effects.saturation - effects.threshold)
    return np.asarray(effects.ceiling * np.clip(rise, 0.0, 1.0))


def caution(effects: WorldEffects, cases: np.ndarray, inhabitants: int) -> np.ndarray:
    """The share of visits given up for fear (days × A): saturating in the last seven days' mean of reported cases."""
    padded = np.concatenate([np.zeros(CASE_WINDOW), cases])
    sums = np.cumsum(padded)
    recent = (sums[CASE_WINDOW - 1 : -1] - np.concatenate([[0.0], sums[: len(cases) - 1]])) / CASE_WINDOW
    rate = recent * PER / inhabitants
    return np.asarray(effects.caution * (rate / (rate + effects.caution_half))[:, None])


def expected_visits(
    effects: WorldEffects, rhythm: WorldRhythm, timeline: PolicyTimeline, cases: np.ndarray, inhabitants: int
) -> np.ndarray:
    """Visits without noise on every day of `timeline` (days × A), relative to an ordinary working day.

    `cases` are the reported cases of these days: they are what they are, whatever the policy.
    """
    # 1 Measures become an exposure, and the exposure a restraint by type of household.
    maxima = np.array([timeline.indicator(code).maximum for code in MEASURES], dtype=float)
    aim = restraint(effects, doses(effects, timeline.levels(), maxima))
    # 2 People follow with a delay.
    followed = _delayed(aim, effects.delay)
    # 3 Some look ahead: part of what is coming is felt before.
    rush = np.zeros(aim.shape[::2])
    if effects.anticipation is not None:
        followed, rush = _looking_ahead(effects, followed, aim)
    # 4 Adherence wears off.
    if effects.fatigue is not None:
        followed = followed * _adherence(effects.fatigue, followed)[:, None, None]
    given_up = np.einsum("k,dka->da", effects.types, followed)
    # 5 Visits put off are made up for.
    made_up = np.zeros_like(given_up)
    if effects.anticipation is not None:
        made_up = _rebound(effects.anticipation, given_up)
    # 6 The rest multiplies: caution, the kind of day, the weekday, the season.
    kept = (1.0 - given_up) * (1.0 + made_up) * (1.0 + rush) * (1.0 - caution(effects, cases, inhabitants))
    return np.asarray(ordinary_visits(rhythm, timeline) * kept)


def ordinary_visits(rhythm: WorldRhythm, timeline: PolicyTimeline) -> np.ndarray:
    """Visits without policy, epidemic and noise on every day of the timeline (days × A)."""
    days = timeline.dates
    angle = 2.0 * np.pi * (days.day_of_year.to_numpy()[:, None] - rhythm.peak) / 365.25
    season = 1.0 + rhythm.season * np.cos(angle)
    return np.asarray(_of_kind(rhythm.ordinary, timeline) * rhythm.weekday[days.day_of_week.to_numpy()] * season)


def hours_at_home(rhythm: WorldRhythm, timeline: PolicyTimeline, visits: np.ndarray) -> np.ndarray:
    """Hours at home on every day of the timeline (days,): time away shrinks by powers of the visits relative to an
    ordinary day of that kind."""
    relative = np.maximum(visits, 0.0) / (
        _of_kind(rhythm.ordinary, timeline) * rhythm.weekday[timeline.dates.day_of_week.to_numpy()]
    )
    away = _of_kind(rhythm.hours[:, None], timeline)[:, 0] * np.prod(relative**rhythm.powers, axis=1)
    return np.asarray(HOURS_PER_DAY - np.minimum(away, HOURS_PER_DAY))


def _of_kind(by_kind: np.ndarray, timeline: PolicyTimeline) -> np.ndarray:
    """Rows of (kinds × columns) for each day's kind, with hindsight: people live through what nobody announced."""
    kinds = timeline.calendar.days(timeline.dates)["day_type"]
    return np.asarray(by_kind[kinds.map({kind: place for place, kind in enumerate(DAY_TYPES)}).to_numpy()])


def _delayed(aim: np.ndarray, delay: np.ndarray) -> np.ndarray:
    """The aims of the last days, weighted by `delay`; before the first day there was none."""
    followed = np.zeros_like(aim)
    for days, share in enumerate(delay):
        followed[days:] += share * aim[: len(aim) - days]
    return followed


def _looking_ahead(effects: WorldEffects, followed: np.ndarray, aim: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Restraint with part of the coming one (days × K × A), and the rush on groceries before it (days × A)."""
    ahead = effects.anticipation
    assert ahead is not None
    felt = followed.copy()
    rush = np.zeros(aim.shape[::2])
    for days, share in enumerate(ahead.leads, start=1):
        coming = share * aim[days:]
        felt[:-days] = np.maximum(felt[:-days], coming)
        rise = np.einsum("k,dka->da", effects.types, np.maximum(aim[days:] - aim[:-days], 0.0))
        grocery = ACTIVITIES.index("grocery")
        rush[:-days, grocery] = np.maximum(rush[:-days, grocery], ahead.rush * rise[:, grocery])
    return felt, rush


def _adherence(fatigue: Fatigue, followed: np.ndarray) -> np.ndarray:
    """Adherence on each day (days,), from the restraint asked for on the days before."""
    borne = followed.mean(axis=(1, 2))
    burden = np.zeros(len(borne))
    for day in range(1, len(borne)):
        burden[day] = fatigue.memory * burden[day - 1] + borne[day - 1]
    return np.asarray(fatigue.floor + (1.0 - fatigue.floor) * (1.0 + burden / fatigue.scale) ** -fatigue.power)


def _rebound(ahead: Anticipation, given_up: np.ndarray) -> np.ndarray:
    """Visits above the ordinary after an easing, as a share (days × A)."""
    made_up = np.zeros_like(given_up)
    for day in range(1, len(given_up)):
        lifted = np.maximum(given_up[day - 1] - given_up[day], 0.0)
        made_up[day] = ahead.decay * made_up[day - 1] + ahead.rebound * lifted
    return made_up


def autoregressive_noise(source: np.random.SeedSequence, days: int) -> np.ndarray:
    """Relative noise of visits (days × A): first-order autoregressive, in part common to all activities."""
    generator = np.random.Generator(np.random.PCG64(source))
    persistence, common = generator.uniform(0.5, 0.75), 0.35
    shared, own = generator.standard_normal((days, 1)), generator.standard_normal((days, len(ACTIVITIES)))
    shocks = np.sqrt(common) * shared + np.sqrt(1.0 - common) * own
    series = np.empty_like(shocks)
    series[0] = shocks[0]
    for day in range(1, days):
        series[day] = persistence * series[day - 1] + np.sqrt(1.0 - persistence**2) * shocks[day]
    return np.asarray(series * NOISE)
