"""What a study is: the place, the period, what is measured, what a policy can set, and where the data are.

Nothing in the engine knows what the behaviours or the indicators are about: all of that is said in a study's file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import one_of
from core.study.steps import Step

if TYPE_CHECKING:  # not for `--help`
    import numpy as np

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: How a metric relates to activity; see core.simulation.measurement.
MEASUREMENTS = ("same_weekday_change", "same_period_change", "level", "share")
#: Those that say by how many percent a period differs from the same one of the baseline, and so never fall below −100.
CHANGES = ("same_weekday_change", "same_period_change")
#: How the intensity of an amount follows from it; see `Indicator.sub_index`.
SHARE_OF_RANGE, LOG_RATIO = "share_of_range", "log_ratio"
LINKS = (SHARE_OF_RANGE, LOG_RATIO)


#: Between the name of a study and that of one place of its panel.
AT = "@"
#: The layout of a table of many places.
PANEL = "panel_table"


def _later(default: Any) -> Any:
    """A field that studies of before have not heard of: it counts in hashes only where it is not its default."""
    return field(default=default, metadata={"later": True})


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
    signs: tuple[tuple[str, int], ...] = _later(())
    amount: float = _later(1.0)

    def sign_of(self, lever: str) -> int:
        """The direction in which more of a lever moves the behaviour."""
        return dict(self.signs).get(lever, self.expected_sign)


@dataclass(frozen=True)
class Amount:
    """What a lever that is set to an amount can be, in its `unit`: from `reference`, which is no measure, to `limit`, which is
    the measure in full, and `least` to `most` at all; `notch` is what one step of tightening changes.
    With the link `log_ratio` the amount counts together with what it is `added_to`, as a tax with the price without it."""

    unit: str
    least: float
    most: float
    reference: float
    limit: float
    link: str
    notch: float
    added_to: float = _later(0.0)


@dataclass(frozen=True)
class Indicator:
    """One lever of policy, set to an `amount`, or else to an ordinal level 0..`maximum`, and a flag (0 targeted, 1 general)
    where `has_flag`. `shares` is how much of the whole each level is where it does not rise in equal steps, `weight` what the
    lever counts in its indices."""

    code: str
    name: str
    maximum: int
    has_flag: bool
    flag_meaning: str
    levels: tuple[str, ...]
    indices: tuple[str, ...]
    amount: Amount | None = _later(None)
    shares: tuple[float, ...] = _later(())
    weight: float = _later(1.0)

    @property
    def none(self) -> float:
        """The level that is no measure."""
        return 0 if self.amount is None else self.amount.reference

    @property
    def full(self) -> float:
        """The level that is the measure in full."""
        return self.maximum if self.amount is None else self.amount.limit

    def steps(self) -> tuple[float, ...]:
        """The levels from no measure to the measure in full, in even steps."""
        if self.amount is None:
            return tuple(range(self.maximum + 1))
        count = max(round(abs(self.full - self.none) / self.amount.notch), 1)
        stride = (self.full - self.none) / count
        return (*(round(self.none + stride * place, 9) for place in range(count)), self.full)

    def sub_index(self, level: np.ndarray, flag: np.ndarray | None = None) -> np.ndarray:
        """How much of the whole lever a level is, in points: 0 for no measure, 100 for it in full, negative for an amount on the
        other side of the reference; NaN where the level, or the flag of a measure, is not known.

        A flag that says targeted takes half a level off. An amount counts by its share of the way from reference to limit,
        or, with the link `log_ratio`, by that of their logarithms, as prices do.
        """
        import numpy as np

        if self.amount is not None:
            value, none, full = level, self.none, self.full
            if self.amount.link == LOG_RATIO:
                beside = self.amount.added_to
                value, none, full = np.log(level + beside), float(np.log(none + beside)), float(np.log(full + beside))
            return np.asarray(100.0 * (value - none) / (full - none))
        score = level if flag is None else level - 0.5 * (1.0 - flag)
        if self.shares:
            points = 100.0 * np.interp(score, np.arange(self.maximum + 1), self.shares)
        else:
            points = 100.0 * score / self.maximum
        return np.where(level == 0, 0.0, points)


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
    step: Step = _later(Step.DAY)
    kinds: tuple[str, ...] = _later(())


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
    carried: bool = _later(False)


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
    shares: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = _later(())
    unit: str = _later("share")


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

    With `own_level`, a metric that is a level counts in shares of what each place had last: so do drifts, errors and effects, as
    they would in logarithms.

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
    codebook: Codebook | None = _later(None)
    dynamics: tuple[EffectDynamics, ...] = _later(())
    context: tuple[ContextVariable, ...] = _later(())
    words: StudyWords = _later(StudyWords())
    places: PlaceTable | None = _later(None)
    shares: tuple[TargetShares, ...] = _later(())
    forecast: ForecastChoices = _later(ForecastChoices())
    own_level: bool = _later(False)
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


@dataclass(frozen=True)
class EffectDynamics:
    """How the effect of a lever follows its level in time: half-lives, in the study's step, with which it builds up to what the
    level says (`builds_up`) and wears away from it once the level is lower (`persists`); 0 is at once. A level that rises is
    felt from `announced_before` periods before it is in force, when people were told of it. `source` says where the numbers are
    from."""

    lever: str
    builds_up: float
    persists: float
    source: str
    announced_before: int = _later(0)


@dataclass(frozen=True)
class Codebook:
    """All indicators of a policy tracker and the indices made of them (name -> codes). Source in `source`."""

    indicators: tuple[Indicator, ...]
    indices: Mapping[str, tuple[str, ...]]
    source: str

    @classmethod
    def of(cls, indicators: Sequence[Indicator], source: str = "") -> Codebook:
        """The codebook of these levers, with the indices that they name."""
        names = sorted({name for item in indicators for name in item.indices})
        members = {name: tuple(item.code for item in indicators if name in item.indices) for name in names}
        return cls(tuple(indicators), members, source)

    def indicator(self, code: str) -> Indicator:
        one_of(code, [item.code for item in self.indicators], what="policy indicator", where="codebook")
        return next(item for item in self.indicators if item.code == code)
