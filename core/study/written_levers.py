"""What a study file and a codebook may say of levers, of what wears off, and of what people live with besides."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from core.inputs.checking import WrittenModel, choice_of, wrong
from core.inputs.kinds import Day, FileName, Identifier, Line, Text
from core.printable import quoted
from core.study.levers import LINKS, LOG_RATIO, SHARE_OF_RANGE
from core.study.steps import parse_period

Amount = Annotated[float, Field(ge=-1e9, le=1e9)]
HalfLife = Annotated[float, Field(ge=0, le=10_000)]


def each_once(names: Iterable[object], what: str, key: str = "") -> None:
    seen: set[object] = set()
    for name in names:
        if name in seen:
            raise wrong(f"{what} {quoted(name)} is given twice", "each once", key=key)
        seen.add(name)


def announced_before(announced: date | None, day: date) -> None:
    if announced is not None and announced > day:
        raise wrong(f"is {announced}, after the day itself", f"up to {day}", str(day), key="announced")


def _link(value: str) -> str:
    return choice_of(value, LINKS, "link")


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
    added_to: Annotated[float, Field(ge=0, le=1e9)] = 0.0

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
        if self.added_to and self.link != LOG_RATIO:
            raise wrong(f"is {self.added_to:g}, and the link is {self.link}", f"the link {LOG_RATIO}", key="added_to")
        if self.link == LOG_RATIO and least + self.added_to <= 0:
            raise wrong(
                f"takes logarithms, and least is {least:g}",
                "amounts above 0, something that they are added to, or another link",
                key="link",
            )
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that the amount can be."""
        assert self.reference is not None and self.limit is not None
        ends = sorted((self.reference, self.limit))
        return (ends[0] if self.least is None else self.least, ends[1] if self.most is None else self.most)


class WrittenCodebook(WrittenModel):
    source: Text
    indicators: Annotated[list[WrittenIndicator], Field(min_length=1, max_length=500)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        each_once((item.code for item in self.indicators), "the code", key="indicators")
        return self


class WrittenDynamics(WrittenModel):
    builds_up: HalfLife = 0.0
    persists: HalfLife = 0.0
    wears_off: HalfLife = 0.0
    stays: Annotated[float, Field(ge=0, lt=1)] = 0.0
    announced_before: Annotated[int, Field(ge=0, le=1_000)] = 0
    source: Line

    @model_validator(mode="after")
    def _of_what_wears_off(self) -> Self:
        if self.stays and not self.wears_off:
            raise wrong(f"is {self.stays:g}, and nothing wears off", "wears_off too, a half-life", key="stays")
        return self


class WrittenAnswer(WrittenModel):
    persona: Line
    aggregate: Line


class WrittenPlaces(WrittenModel):
    """A table of places: its column of `weight`, and by classification of the population the columns of `shares`."""

    file: FileName
    weight: Line | Literal[""] = ""
    shares: Annotated[dict[Line, Annotated[dict[Line, Line], Field(min_length=1)]], Field(max_length=100)] = Field(
        default_factory=dict
    )
    unit: Literal["share", "percent"] = "share"


def _iso_days(value: Any) -> Any:
    """Days as ISO text, as they are where a study was kept as JSON."""
    return json.loads(json.dumps(value, default=lambda day: day.isoformat()))


class WrittenQuestion(WrittenModel):
    """The edits are read where they are applied (core.policy.written), which lies above."""

    text: Line
    edits: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=100), AfterValidator(_iso_days)]


class WrittenHoldOut(WrittenModel):
    name: Line
    origins: Annotated[list[Day], Field(min_length=1, max_length=100)]
    horizons: Annotated[list[Annotated[int, Field(ge=1, le=1_000)]], Field(min_length=1, max_length=20)]


class WrittenWords(WrittenModel):
    kinds: Annotated[dict[Line, Line], Field(max_length=60)] = Field(default_factory=dict)
    answers: Annotated[dict[Line, WrittenAnswer], Field(max_length=100)] = Field(default_factory=dict)


class WrittenContext(WrittenModel):
    """A context variable; `known` says whether later values are known ahead, or the last one stays (frozen)."""

    code: Identifier
    name: Line
    column: Line
    thresholds: Annotated[list[Amount], Field(min_length=1, max_length=10)]
    words: Annotated[list[Line], Field(min_length=2, max_length=11)]
    known: Literal["frozen", "ahead"] = "frozen"
    announced: Annotated[dict[Line, Day], Field(max_length=1_000)] = Field(default_factory=dict)
    source: Line

    @model_validator(mode="after")
    def _classes(self) -> Self:
        if any(low >= high for low, high in pairwise(self.thresholds)):
            raise wrong(f"are {quoted(self.thresholds)}", "numbers that rise", key="thresholds")
        if len(self.words) != len(self.thresholds) + 1:
            allowed = f"{len(self.thresholds) + 1}, one for each class between the thresholds"
            raise wrong(f"are {len(self.words)}", allowed, key="words")
        if self.announced and self.known == "frozen":
            raise wrong("is of a variable that is frozen", 'known = "ahead"', key="announced")
        for period, day in self.announced.items():
            first = parse_period(period)
            if first is None:
                raise wrong(f"has {quoted(period)}", "periods such as 2015-06", key="announced")
            announced_before(day, first)
        return self
