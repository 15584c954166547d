"""What a study is: the place, the period, what is measured, what a policy can set, and where the data are.

Nothing in the engine knows what the behaviours or the indicators are about: all of that is said in a study's file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from core.errors import one_of
from core.study.levers import Codebook, EffectDynamics, Indicator, later
from core.study.steps import Step

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: How a metric relates to activity; see core.simulation.measurement.
MEASUREMENTS = ("same_weekday_change", "same_period_change", "level", "share")
#: Those that say by how many percent a period differs from the same one of the baseline, and so never fall below −100.
CHANGES = ("same_weekday_change", "same_period_change")

#: Between the name of a study and that of one place of its panel.
AT = "@"
#: The layout of a table of many places.
PANEL = "panel_table"


@dataclass(frozen=True)
class Behaviour:
    """One outcome dimension.

    `column` is its column in the observations. `expected_sign` is the direction in which a stricter policy moves it
    (-1 for leaving home, +1 for staying), `signs` that of single levers where it is another. `upper` is the most that
    activity can be, as a multiple of baseline activity. Of a level, `amount` is how much there is of it per person where
    everybody does it (packs of a smoker, gallons of a home that waters).
    """

    id: str
    label: str
    text: str
    unit: str
    column: str
    expected_sign: int
    upper: float
    signs: tuple[tuple[str, int], ...] = later(())
    amount: float = later(1.0)

    def sign_of(self, lever: str) -> int:
        """The direction in which more of a lever moves the behaviour."""
        return dict(self.signs).get(lever, self.expected_sign)


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
    """What a calendar is built from. `country` is an ISO-2 code of the `holidays` package, or None for listed days only.

    Where a `step` is longer than a day there are no working weeks and holidays: `kinds` names the kind of each month, from
    January, or is the one kind of all periods.
    """

    country: str | None
    working_weeks: tuple[WorkingWeek, ...]
    holidays: tuple[NamedDay, ...]
    not_holidays: tuple[date, ...]
    ramadan: bool
    step: Step = later(Step.DAY)
    kinds: tuple[str, ...] = later(())


@dataclass(frozen=True)
class Source:
    """One table of observations: `file` in the data folder, its `layout`, and the `place` to take from it.

    `file` may be a pattern such as `20??_AE.csv`; the files it matches are read one after the other. `alternatives` are
    tried in turn where the file is absent: the same observations in another provider's layout. Measures of a table that is
    `carried` stay between its rows as they were.
    """

    file: str
    layout: str
    place: str
    alternatives: tuple[Source, ...] = ()
    carried: bool = later(False)


@dataclass(frozen=True)
class RegionKey:
    """Which attribute of the population says where in the country people live: `categories` maps the codes of the regions
    in the source `regions` (ISO 3166-2) to its categories."""

    attribute: str
    categories: Mapping[str, str]


@dataclass(frozen=True)
class PlaceTable:
    """The table `file` (with `place`) beside a panel's observations: in `column` what each place counts in a total ("": all
    alike), and by classification of the population which columns hold the shares of its categories (in `unit`, see
    `TargetShares`)."""

    file: str
    column: str
    shares: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = later(())
    unit: str = later("share")


@dataclass(frozen=True)
class TargetShares:
    """The shares (category, 0 to 1) that a classification of the population (an attribute, a grouping, or a trait by its
    levels) is to have; categories that are not named keep their proportions."""

    of: str
    shares: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class StudyWords:
    """How a study's own things are said where people are asked: its kinds of period, and by unit of a behaviour what a number
    means for one person (`persona`) and for all (`aggregate`)."""

    kinds: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ForecastChoices:
    """What a study says of its forecasts where the usual choices for its step do not suit it; None leaves those.

    `policy_effect_weight` is the share of a simulated effect that is followed before anything was learned from other places, to
    which what is learned is drawn; `slope` how far every calibrated line goes from the engine's own slope (0) to the one fitted
    to the place (1), where else inner origins choose; `level` the periods that tell the residual at the origin, which is then the
    same for all of a cycle, and `training` those that a forecast needs at least.
    """

    policy_effect_weight: float | None = None
    slope: float | None = None
    level: int | None = None
    training: int | None = None


@dataclass(frozen=True)
class HoldOut:
    """A backtest over the places of a panel that stands for how the study forecasts: last periods of training, and how many
    periods ahead."""

    name: str
    origins: tuple[date, ...]
    horizons: tuple[int, ...]


@dataclass(frozen=True)
class ExampleQuestion:
    """A question that the study is asked as an example: `text` ends the sentence that begins with “What would people do if”,
    `edits` are those of a scenario file and make the policy that is meant of the observed one."""

    text: str
    edits: tuple[Mapping[str, Any], ...]


#: The index that a pandemic's studies have, by its usual name.
STRINGENCY_INDEX = "StringencyIndex"


@dataclass(frozen=True)
class Study:
    """A study as its file describes it. Dates are the first days of periods, both ends included.

    With `fatigue`, the effects of all levers wear off together, the longer restrictions have lasted, as in a pandemic; how a
    lever's own effect wears off is among its `dynamics`. With `own_level`, a metric that is a level counts in shares of what each
    place had last: so do drifts, errors and effects, as they would in logarithms. With `log_errors` errors are in logarithms of
    the metric (of a change, of what is left of the baseline): lines, drifts, intervals and baselines multiply.

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
    codebook: Codebook | None = later(None)
    dynamics: tuple[EffectDynamics, ...] = later(())
    context: tuple[ContextVariable, ...] = later(())
    words: StudyWords = later(StudyWords())
    places: PlaceTable | None = later(None)
    shares: tuple[TargetShares, ...] = later(())
    forecast: ForecastChoices = later(ForecastChoices())
    own_level: bool = later(False)
    fatigue: bool = later(True)
    log_errors: bool = later(False)
    questions: tuple[ExampleQuestion, ...] = field(default=(), metadata={"changes_no_result": True})
    hold_outs: tuple[HoldOut, ...] = field(default=(), metadata={"changes_no_result": True})
    known_effects: Path | None = field(default=None, metadata={"changes_no_result": True})
    #: What a persona's weight counts, in words: inhabitants, or homes.
    counted: str = field(default="inhabitants", metadata={"changes_no_result": True})

    @property
    def step(self) -> Step:
        """How long one period of the study lasts."""
        return self.calendar.step

    @property
    def index_word(self) -> str:
        """The index as one says it beside a number."""
        return "stringency" if self.index == STRINGENCY_INDEX else "policy index"

    @property
    def folder(self) -> str:
        """The shipped folder of its observations: that of the whole panel, where it is one place of one."""
        return self.id.split(AT)[0]

    @property
    def is_panel(self) -> bool:
        """Whether its observations are of many places."""
        return any(source.layout == PANEL for source in self.sources.values())

    @property
    def lowest(self) -> float:
        """The least that the metric can be."""
        return -100.0 if self.metric in CHANGES else 0.0

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
class ContextVariable:
    """What people live with beside policy: a number per period, in `column` of the source `context`, of which they tell the
    classes between the rising `thresholds`, in the `words` of each (one more than thresholds; the first is the ordinary one).

    After an origin the class is the one known then; where `ahead`, later changes count from the day on which they were
    `announced`: that in the mapping by the first day of the changed period, else long before. `source` says where the numbers
    are from.
    """

    code: str
    name: str
    column: str
    thresholds: tuple[float, ...]
    words: tuple[str, ...]
    ahead: bool
    announced: tuple[tuple[date, date], ...]
    source: str
