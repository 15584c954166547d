"""What a study file and a codebook may say: their keys, the kinds of their values, and what must fit together."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from core.errors import nearest
from core.inputs.checking import WrittenModel, choice_of, wrong
from core.inputs.kinds import Day, FileName, Identifier, Line, Text
from core.printable import quoted
from core.study.definition import MEASUREMENTS, WEEKDAYS
from core.study.steps import MONTHS, Step
from core.study.written_levers import (
    WrittenContext,
    WrittenDynamics,
    WrittenHoldOut,
    WrittenIndicator,
    WrittenPlaces,
    WrittenQuestion,
    WrittenWords,
    announced_before,
    each_once,
)

#: The epidemic is low, moderate or high; the engines and the prompts know no other levels.
EPIDEMIC_THRESHOLDS = 2
#: Periods of a study; a longer one is a slip of the hand: nothing was counted every day for longer.
LONGEST_STUDY = 20_000
#: A baseline of fewer days has not seen every weekday.
SHORTEST_BASELINE_DAYS = 7
#: Who people were that long before says nothing of their ordinary days.
OLDEST_BASELINE_DAYS = 3_660
MOST_PERSONAS, MOST_INHABITANTS = 100_000, 20_000_000_000
PlainShare = Annotated[float, Field(ge=0, le=1)]


def _weekday(value: object) -> int:
    if not isinstance(value, str):
        raise wrong(f"is {quoted(value)}", ", ".join(WEEKDAYS))
    return WEEKDAYS.index(choice_of(value.lower(), WEEKDAYS, "weekday"))


def _each_once(values: list[str]) -> list[str]:
    each_once(values, "the entry")
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
    amount: Annotated[float, Field(gt=0, le=1e12)] = 1.0


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
        announced_before(self.announced, self.start)
        return self


class WrittenHoliday(WrittenModel):
    day: Day
    name: Line
    announced: Day | None = None

    @model_validator(mode="after")
    def _known_before(self) -> Self:
        announced_before(self.announced, self.day)
        return self


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
        each_once((week.start for week in self.working_weeks), "a working week from", key="working_weeks")
        each_once((f"{item.day} {item.name}" for item in self.holidays), "the holiday", key="holidays")
        each_once(self.not_holidays, "the day", key="not_holidays")
        each_once((item.name for item in self.kinds), "the kind", key="kinds")
        months = [month for item in self.kinds for month in item.months]
        each_once(months, "the month", key="kinds")
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
    carried: bool = False
    alternatives: Annotated[list[WrittenAlternative], Field(max_length=20)] = Field(default_factory=list)


class WrittenSources(WrittenModel):
    mobility: WrittenSource
    policy: WrittenSource
    cases: WrittenSource | None = None
    regions: WrittenSource | None = None
    context: WrittenSource | None = None


class WrittenMeasurement(WrittenModel):
    kind: Annotated[str, AfterValidator(_measurement)]
    unit: Line
    baseline_start: Day
    baseline_end: Day
    own_level: bool = False
    errors: Literal["points", "log"] = "points"

    @model_validator(mode="after")
    def _of_a_level(self) -> Self:
        if self.own_level and self.kind != "level":
            raise wrong(f"is true, and the metric is {self.kind}", "a level", key="own_level")
        if self.errors == "log" and self.kind == "same_weekday_change":
            raise wrong(f"are in logarithms, and the metric is {self.kind}", "points, or another metric", key="errors")
        return self

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
    counted: Annotated[str, Field(min_length=1, max_length=30)] = "inhabitants"
    shares: Annotated[dict[Line, Annotated[dict[Line, PlainShare], Field(min_length=1)]], Field(max_length=100)] = (
        Field(default_factory=dict)
    )


class WrittenEngine(WrittenModel):
    """`fatigue` is left to the levers where it is not said: those of the pandemic have it."""

    coefficients: FileName
    fatigue: bool | None = None
    epidemic_thresholds: Annotated[
        list[Annotated[float, Field(gt=0, le=100_000)]],
        Field(min_length=EPIDEMIC_THRESHOLDS, max_length=EPIDEMIC_THRESHOLDS),
    ] = Field(default_factory=lambda: [1.0, 2.0])

    @model_validator(mode="after")
    def _rising(self) -> Self:
        low, high = self.epidemic_thresholds
        if not low < high:
            raise wrong(f"are {low:g} and {high:g}", "two numbers that rise", key="epidemic_thresholds")
        return self


class WrittenForecast(WrittenModel):
    learned: FileName | None = None
    policy_effect_weight: PlainShare | None = None
    slope: PlainShare | None = None
    level: Annotated[int, Field(ge=1, le=1_000)] | None = None
    training: Annotated[int, Field(ge=1, le=1_000)] | None = None


class WrittenKnownEffects(WrittenModel):
    file: FileName


class WrittenSweep(WrittenModel):
    order: Annotated[list[Line], Field(max_length=200), AfterValidator(_each_once)] = Field(default_factory=list)


class WrittenRegions(WrittenModel):
    attribute: Line
    categories: Annotated[dict[Line, Line], Field(min_length=1, max_length=1_000)]


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
    context: Annotated[list[WrittenContext], Field(max_length=50)] = Field(default_factory=list)
    words: WrittenWords = WrittenWords()
    places: WrittenPlaces | None = None
    known_effects: WrittenKnownEffects | None = None
    hold_outs: Annotated[list[WrittenHoldOut], Field(max_length=20)] = Field(default_factory=list)
    questions: Annotated[list[WrittenQuestion], Field(max_length=12)] = Field(default_factory=list)
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
        if self.sources.cases is not None and "epidemic_thresholds" not in self.engine.model_fields_set:
            raise wrong("has none, and the study has cases", "two numbers that rise", key="engine")
        if self.measurement.kind != "level" and any(item.amount != 1.0 for item in self.behaviours):
            raise wrong(
                f"has an amount, and the metric is {self.measurement.kind}", "a level, or none", key="behaviours"
            )
        each_once((item.code for item in self.levers), "the code", key="levers")
        each_once((item.id for item in self.behaviours), "the id", key="behaviours")
        each_once((item.column for item in self.behaviours), "the column", key="behaviours")
        each_once((item.label for item in self.behaviours), "the label", key="behaviours")
        each_once((item.code for item in self.context), "the code", key="context")
        each_once((item.text for item in self.questions), "the text", key="questions")
        if bool(self.context) != (self.sources.context is not None):
            raise wrong(
                "variables and a source of them belong together",
                "[[context]] and a table [sources.context]",
                key="context",
            )
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
