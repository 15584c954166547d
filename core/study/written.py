"""What a study file and a codebook may say: their keys, the kinds of their values, and what must fit together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from core.errors import nearest
from core.inputs.checking import WrittenModel, choice_of, wrong
from core.inputs.kinds import Day, FileName, Identifier, Line, Text
from core.printable import quoted
from core.study.definition import LINKS, LOG_RATIO, MEASUREMENTS, SHARE_OF_RANGE, WEEKDAYS
from core.study.steps import MONTHS, Step

#: The epidemic is low, moderate or high; the engines and the prompts know no other levels.
EPIDEMIC_THRESHOLDS = 2
#: Periods of a study; a longer one is a slip of the hand: nothing was counted every day for longer.
LONGEST_STUDY = 20_000
#: A baseline of fewer days has not seen every weekday.
SHORTEST_BASELINE_DAYS = 7
#: Who people were that long before says nothing of their ordinary days.
OLDEST_BASELINE_DAYS = 3_660
MOST_PERSONAS, MOST_INHABITANTS = 100_000, 20_000_000_000


def _weekday(value: object) -> int:
    if not isinstance(value, str):
        raise wrong(f"is {quoted(value)}", ", ".join(WEEKDAYS))
    return WEEKDAYS.index(choice_of(value.lower(), WEEKDAYS, "weekday"))


def _unique(names: Iterable[object], what: str, key: str = "") -> None:
    seen: set[object] = set()
    for name in names:
        if name in seen:
            raise wrong(f"{what} {quoted(name)} is given twice", "each once", key=key)
        seen.add(name)


def _each_once(values: list[str]) -> list[str]:
    _unique(values, "the entry")
    return values


def _country(value: str) -> str:
    if not (len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()):
        raise wrong(f"is {quoted(value)}", "three capital letters (ISO 3166-1 alpha-3), such as ARE")
    return value


def _calendar_country(value: str) -> str:
    from holidays import list_supported_countries

    known = sorted(list_supported_countries())
    if value not in known:
        allowed = "ISO-2 codes of the holidays package, such as AE, DE or IN"
        raise wrong(f"unknown country {quoted(value)}", allowed, nearest(value, known))
    return value


def _measurement(value: str) -> str:
    return choice_of(value, MEASUREMENTS, "measurement model")


def _step(value: object) -> Step:
    return Step(choice_of(str(value), list(Step), "step"))


def _link(value: str) -> str:
    return choice_of(value, LINKS, "link")


Amount = Annotated[float, Field(ge=-1e9, le=1e9)]
Weekday = Annotated[int, BeforeValidator(_weekday)]


class WrittenBehaviour(WrittenModel):
    id: Identifier
    label: Line
    text: Line
    unit: Line
    column: Line
    expected_sign: Literal[-1, 1]
    signs: Annotated[dict[Line, Literal[-1, 1]], Field(max_length=200)] = Field(default_factory=dict)
    upper: Annotated[float, Field(gt=1, le=1_000)]


class WrittenWeek(WrittenModel):
    start: Day
    rest_days: list[Weekday]
    weekend_days: list[Weekday] = Field(default_factory=list)
    half_days: list[Weekday] = Field(default_factory=list)
    announced: Day | None = None

    @model_validator(mode="after")
    def _a_week(self) -> Self:
        listed = [*self.rest_days, *self.weekend_days, *self.half_days]
        for day in listed:
            if listed.count(day) > 1:
                raise wrong(f"{WEEKDAYS[day]} is given twice", "each day once, as day of rest, weekend day or half day")
        if len({*self.rest_days, *self.weekend_days}) == len(WEEKDAYS):
            raise wrong("leaves no day to work on", "a week with at least one day that is no day of rest")
        _announced_before(self.announced, self.start)
        return self


class WrittenHoliday(WrittenModel):
    day: Day
    name: Line
    announced: Day | None = None

    @model_validator(mode="after")
    def _known_before(self) -> Self:
        _announced_before(self.announced, self.day)
        return self


def _announced_before(announced: date | None, day: date) -> None:
    if announced is not None and announced > day:
        raise wrong(f"is {announced}, after the day itself", f"up to {day}", str(day), key="announced")


class WrittenKind(WrittenModel):
    name: Identifier
    months: Annotated[list[Annotated[int, Field(ge=1, le=12)]], Field(min_length=1, max_length=12)]


class WrittenCalendar(WrittenModel):
    country: Annotated[str, AfterValidator(_calendar_country)] | None = None
    ramadan: bool = False
    working_weeks: Annotated[list[WrittenWeek], Field(max_length=100)] = Field(default_factory=list)
    holidays: Annotated[list[WrittenHoliday], Field(max_length=5_000)] = Field(default_factory=list)
    not_holidays: Annotated[list[Day], Field(max_length=5_000)] = Field(default_factory=list)
    kinds: Annotated[list[WrittenKind], Field(max_length=12)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        _unique((week.start for week in self.working_weeks), "a working week from", key="working_weeks")
        _unique((f"{item.day} {item.name}" for item in self.holidays), "the holiday", key="holidays")
        _unique(self.not_holidays, "the day", key="not_holidays")
        _unique((item.name for item in self.kinds), "the kind", key="kinds")
        months = [month for item in self.kinds for month in item.months]
        _unique(months, "the month", key="kinds")
        if self.kinds and len(months) < len(MONTHS):
            lacking = ", ".join(name for number, name in enumerate(MONTHS, start=1) if number not in months)
            raise wrong(f"leave out {lacking}", "each month of the year in one kind", key="kinds")
        return self


class WrittenAlternative(WrittenModel):
    file: FileName
    layout: Line
    place: Line | None = None


class WrittenSource(WrittenModel):
    file: FileName
    layout: Line
    place: Line
    alternatives: Annotated[list[WrittenAlternative], Field(max_length=20)] = Field(default_factory=list)


class WrittenSources(WrittenModel):
    mobility: WrittenSource
    policy: WrittenSource
    cases: WrittenSource | None = None
    regions: WrittenSource | None = None


class WrittenMeasurement(WrittenModel):
    kind: Annotated[str, AfterValidator(_measurement)]
    unit: Line
    baseline_start: Day
    baseline_end: Day

    @model_validator(mode="after")
    def _a_period(self) -> Self:
        if self.baseline_end < self.baseline_start:
            raise wrong(f"is {self.baseline_end}", f"after baseline_start, {self.baseline_start}", key="baseline_end")
        days = (self.baseline_end - self.baseline_start).days + 1
        if days < SHORTEST_BASELINE_DAYS:
            allowed = f"a baseline of {SHORTEST_BASELINE_DAYS} days or more, so that every weekday is in it"
            raise wrong(f"is {self.baseline_end}, which leaves {days} days", allowed, key="baseline_end")
        return self


class WrittenPopulation(WrittenModel):
    file: FileName
    personas: Annotated[int, Field(ge=1, le=MOST_PERSONAS)]
    inhabitants: Annotated[int, Field(ge=1, le=MOST_INHABITANTS)]


class WrittenEngine(WrittenModel):
    coefficients: FileName
    epidemic_thresholds: Annotated[
        list[Annotated[float, Field(gt=0, le=100_000)]],
        Field(min_length=EPIDEMIC_THRESHOLDS, max_length=EPIDEMIC_THRESHOLDS),
    ]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        low, high = self.epidemic_thresholds
        if not low < high:
            raise wrong(f"are {low:g} and {high:g}", "two numbers that rise", key="epidemic_thresholds")
        return self


HalfLife = Annotated[float, Field(ge=0, le=10_000)]


class WrittenDynamics(WrittenModel):
    builds_up: HalfLife = 0.0
    persists: HalfLife = 0.0
    source: Line


class WrittenForecast(WrittenModel):
    learned: FileName | None = None


class WrittenSweep(WrittenModel):
    order: Annotated[list[Line], Field(max_length=200), AfterValidator(_each_once)] = Field(default_factory=list)


class WrittenRegions(WrittenModel):
    attribute: Line
    categories: Annotated[dict[Line, Line], Field(min_length=1, max_length=1_000)]


class WrittenIndicator(WrittenModel):
    """A lever: with `unit`, one that is set to an amount from `reference` (no measure) to `limit` (in full); else one of
    levels."""

    code: Line
    name: Line
    indices: list[Line] = Field(default_factory=list)
    weight: Annotated[float, Field(gt=0, le=1_000)] = 1.0
    maximum: Annotated[int, Field(ge=1, le=100)] | None = None
    flag: bool = False
    flag_meaning: Text = ""
    levels: list[Line] | None = None
    shares: list[Annotated[float, Field(ge=0, le=1)]] | None = None
    unit: Line | None = None
    reference: Amount | None = None
    limit: Amount | None = None
    least: Amount | None = None
    most: Amount | None = None
    link: Annotated[str, AfterValidator(_link)] = SHARE_OF_RANGE
    notch: Annotated[float, Field(gt=0, le=1e9)] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        return self._levels() if self.unit is None else self._amounts()

    def _levels(self) -> Self:
        if self.maximum is None or self.levels is None:
            raise wrong("has neither levels nor a unit", "maximum and levels, or unit, reference and limit")
        for key in ("reference", "limit", "least", "most", "notch"):
            if getattr(self, key) is not None:
                raise wrong("is of a lever that is set to an amount", "levels alone, or a unit", key=key)
        if len(self.levels) != self.maximum + 1:
            allowed = f"{self.maximum + 1} (0 to {self.maximum})"
            raise wrong(f"describes {len(self.levels)} levels", allowed, key="levels")
        shares = self.shares
        if shares is not None and (
            len(shares) != self.maximum + 1 or shares != sorted(shares) or (shares[0], shares[-1]) != (0.0, 1.0)
        ):
            raise wrong(f"are {quoted(shares)}", f"{self.maximum + 1} numbers that rise from 0 to 1", key="shares")
        return self

    def _amounts(self) -> Self:
        for key in ("maximum", "levels", "shares"):
            if getattr(self, key) is not None:
                raise wrong("is of a lever with levels, and this one has a unit", "unit, reference and limit", key=key)
        if self.flag:
            raise wrong("is of a lever with levels, and this one has a unit", "no flag", key="flag")
        if self.reference is None or self.limit is None:
            raise wrong("has a unit and not both of reference and limit", "no measure, and the measure in full")
        if self.reference == self.limit:
            raise wrong(f"is {self.limit:g}, the reference itself", "another amount", key="limit")
        least, most = self.bounds
        for key in ("reference", "limit"):
            if not least <= getattr(self, key) <= most:
                raise wrong(f"is {getattr(self, key):g}", f"{least:g} to {most:g}, least to most", key=key)
        if self.link == LOG_RATIO and least <= 0:
            raise wrong(f"takes logarithms, and least is {least:g}", "amounts above 0, or another link", key="link")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that the amount can be."""
        assert self.reference is not None and self.limit is not None
        ends = sorted((self.reference, self.limit))
        return (ends[0] if self.least is None else self.least, ends[1] if self.most is None else self.most)


class WrittenStudy(WrittenModel):
    """A study file, merged with those it extends. What refers to the codebook and to other files is checked by the reader."""

    id: Identifier
    title: Line
    place: Line
    of_place: Line | None = None
    summary: Text
    citation: Text = ""
    code: Annotated[str, AfterValidator(_country)] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    fictional: bool
    shipped: bool = False
    start: Day
    end: Day
    train_end: Day
    step: Annotated[Step, BeforeValidator(_step)] = Step.DAY
    levers: Annotated[list[WrittenIndicator], Field(max_length=200)] = Field(default_factory=list)
    index: Line | None = None
    indicators: Annotated[list[Line], Field(max_length=200), AfterValidator(_each_once)] = Field(default_factory=list)
    measurement: WrittenMeasurement
    population: WrittenPopulation
    calendar: WrittenCalendar = WrittenCalendar()
    engine: WrittenEngine
    forecast: WrittenForecast = WrittenForecast()
    sweep: WrittenSweep = WrittenSweep()
    sources: WrittenSources
    regions: WrittenRegions | None = None
    effects: Annotated[dict[Line, WrittenDynamics], Field(max_length=200)] = Field(default_factory=dict)
    behaviours: Annotated[list[WrittenBehaviour], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self._calendar_of_the_step()
        if not self.start < self.end:
            raise wrong(f"is {self.end}", f"after the start, {self.start}", key="end")
        periods = self.step.between(self.start, self.end) + 1
        if periods > LONGEST_STUDY:
            problem = f"is {self.end}, which makes {periods:,} {self.step}s"
            raise wrong(problem, f"up to {LONGEST_STUDY:,} {self.step}s", key="end")
        if not self.start < self.train_end < self.end:
            raise wrong(f"is {self.train_end}", f"after {self.start}, before {self.end}", key="train_end")
        if self.measurement.baseline_end > self.end:
            problem = f"ends on {self.measurement.baseline_end}, after the study"
            raise wrong(f"the baseline {problem}", f"up to {self.end}", key="measurement")
        if (self.start - self.measurement.baseline_start).days > OLDEST_BASELINE_DAYS:
            problem = f"the baseline begins on {self.measurement.baseline_start}, long before the study"
            raise wrong(problem, f"up to ten years before {self.start}", key="measurement")
        if not (self.levers or (self.indicators and self.index)):
            raise wrong(
                "says nothing of its levers", "levers of its own, or index and indicators of the OxCGRT codebook"
            )
        _unique((item.code for item in self.levers), "the code", key="levers")
        _unique((item.id for item in self.behaviours), "the id", key="behaviours")
        _unique((item.column for item in self.behaviours), "the column", key="behaviours")
        _unique((item.label for item in self.behaviours), "the label", key="behaviours")
        if self.regions is not None and self.sources.regions is None:
            raise wrong("says who lives where, and no source has regions", "a table [sources.regions]", key="regions")
        return self

    def _calendar_of_the_step(self) -> None:
        said, daily = self.calendar, self.step is Step.DAY
        if daily and not said.working_weeks:
            raise wrong(
                "has no working week", "[[calendar.working_weeks]], or a step longer than a day", key="calendar"
            )
        if daily and said.kinds:
            raise wrong("has kinds of months, and its step is a day", "working weeks and holidays", key="calendar")
        wrong_metric = "same_period_change" if daily else "same_weekday_change"
        if self.measurement.kind == wrong_metric:
            allowed = ", ".join(name for name in MEASUREMENTS if name != wrong_metric)
            raise wrong(f"is {wrong_metric}, and the step is a {self.step}", allowed, key="measurement")
        for key in () if daily else ("working_weeks", "holidays", "not_holidays", "ramadan", "country"):
            if getattr(said, key):
                raise wrong(f"has {key}, and its step is a {self.step}", "kinds of months, or nothing", key="calendar")


class WrittenCodebook(WrittenModel):
    source: Text
    indicators: Annotated[list[WrittenIndicator], Field(min_length=1, max_length=500)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        _unique((item.code for item in self.indicators), "the code", key="indicators")
        return self
