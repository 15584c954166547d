"""What a study is: the place, the period, what is measured, what a policy can set, and where the data are.

Nothing in the engine knows what the behaviours or the indicators are about: all of that is said in a study's file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from core.errors import one_of

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: How a metric relates to activity; see core.simulation.measurement.
MEASUREMENTS = ("same_weekday_change", "level", "share")


@dataclass(frozen=True)
class Behaviour:
    """One outcome dimension.

    `column` is its column in the observations. `expected_sign` is the direction in which a stricter policy moves it
    (-1 for leaving home, +1 for staying). `upper` is the most that activity can be, as a multiple of baseline activity.
    """

    id: str
    label: str
    text: str
    unit: str
    column: str
    expected_sign: int
    upper: float


@dataclass(frozen=True)
class Indicator:
    """One lever of policy: ordinal levels 0..`maximum`, and a flag (0 targeted, 1 general) where `has_flag`."""

    code: str
    name: str
    maximum: int
    has_flag: bool
    flag_meaning: str
    levels: tuple[str, ...]
    indices: tuple[str, ...]


@dataclass(frozen=True)
class WorkingWeek:
    """A working week in force from `start`; weekdays count from Monday = 0.

    `rest_days` is the main weekly day of rest, `weekend_days` any further days off, `half_days` are worked in part.
    `announced` is the first day on which a forecaster could know of it.
    """

    start: date
    rest_days: tuple[int, ...]
    weekend_days: tuple[int, ...]
    half_days: tuple[int, ...]
    announced: date


@dataclass(frozen=True)
class NamedDay:
    """A holiday given by the study itself, with the day it was announced."""

    day: date
    name: str
    announced: date


@dataclass(frozen=True)
class CalendarSpec:
    """What a calendar is built from. `country` is an ISO-2 code of the `holidays` package, or None for listed days only."""

    country: str | None
    working_weeks: tuple[WorkingWeek, ...]
    holidays: tuple[NamedDay, ...]
    not_holidays: tuple[date, ...]
    ramadan: bool


@dataclass(frozen=True)
class Source:
    """One table of observations: `file` in the data folder, its `layout`, and the `place` to take from it.

    `file` may be a pattern such as `20??_AE.csv`; the files it matches are read one after the other. `alternatives` are
    tried in turn where the file is absent: the same observations in another provider's layout.
    """

    file: str
    layout: str
    place: str
    alternatives: tuple[Source, ...] = ()


@dataclass(frozen=True)
class RegionKey:
    """Which attribute of the population says where in the country people live: `categories` maps the codes of the regions
    in the source `regions` (ISO 3166-2) to its categories."""

    attribute: str
    categories: Mapping[str, str]


@dataclass(frozen=True)
class Study:
    """A study as its file describes it. Dates are calendar days, both ends included.

    `code` (ISO 3166-1 alpha-3) says which country this is among those that others learn from, so that it never learns
    from itself; without, the mobility source and the calendar tell (`core.calibration.learned.own_code`).
    """

    id: str
    title: str
    place: str
    summary: str
    fictional: bool
    start: date
    end: date
    train_end: date
    baseline_start: date
    baseline_end: date
    metric: str
    metric_unit: str
    behaviours: tuple[Behaviour, ...]
    indicators: tuple[Indicator, ...]
    index: str
    calendar: CalendarSpec
    sources: Mapping[str, Source]
    shipped: bool
    population_file: Path
    personas: int
    coefficients_file: Path
    learned: Path | None
    latitude: float | None
    epidemic_thresholds: tuple[float, ...]
    inhabitants: int
    sweep_order: tuple[str, ...]
    citation: str
    regions: RegionKey | None = None
    code: str | None = None

    @property
    def behaviour_ids(self) -> tuple[str, ...]:
        return tuple(item.id for item in self.behaviours)

    @property
    def indicator_codes(self) -> tuple[str, ...]:
        return tuple(item.code for item in self.indicators)

    def behaviour(self, name: str) -> Behaviour:
        one_of(name, self.behaviour_ids, what="behaviour", where=f"study {self.id}")
        return next(item for item in self.behaviours if item.id == name)

    def indicator(self, code: str) -> Indicator:
        one_of(code, self.indicator_codes, what="policy indicator", where=f"study {self.id}")
        return next(item for item in self.indicators if item.code == code)


@dataclass(frozen=True)
class Codebook:
    """All indicators of a policy tracker and the indices made of them (name -> codes). Source in `source`."""

    indicators: tuple[Indicator, ...]
    indices: Mapping[str, tuple[str, ...]]
    source: str

    def indicator(self, code: str) -> Indicator:
        one_of(code, [item.code for item in self.indicators], what="policy indicator", where="codebook")
        return next(item for item in self.indicators if item.code == code)
