"""Published effects of a study's policies: what others found, as contrasts that a twin can be asked for (`[known_effects]`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from core.errors import one_of
from core.inputs.checking import WrittenModel, checked, wrong
from core.inputs.files import read_with_parents
from core.inputs.kinds import Day, Line, Text
from core.study.definition import Study
from core.study.written_levers import each_once

Edits = Annotated[list[dict[str, Any]], Field(max_length=100)]


class PublishedEffect(WrittenModel):
    """A finding of others, `estimate` with its range, and the contrast that asks for the same: the policy after `edits` of the
    observed one against that after `against` of it ([]: as observed), as forecast by what was known up to `train_end`.

    `measure` is the mean of the contrast over the periods `start` to `end` and `places` ([]: all), that mean in percent of what
    it would be `against`, its slope over places per unit of a `lever` moved, or what is left of it as a share of that between
    `before_start` and `before_end`. `missing` says what the finding holds that the contrast cannot: it is then no miss that the
    twin finds less. `used_for_coefficients`: the finding set a number of the study, so that it tests nothing.
    """

    name: Line
    measure: Literal["mean", "percent", "slope", "left"] = "mean"
    edits: Edits = Field(default_factory=list)
    against: Edits = Field(default_factory=list)
    train_end: Day
    start: Day
    end: Day
    before_start: Day | None = None
    before_end: Day | None = None
    lever: Line | None = None
    per: Annotated[float, Field(gt=0)] = 1.0
    places: Annotated[list[Line], Field(max_length=10_000)] = Field(default_factory=list)
    unit: Line
    estimate: float
    low: float
    high: float
    source: Text
    used_for_coefficients: bool
    missing: Text = ""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.low <= self.estimate <= self.high:
            raise wrong(f"is {self.estimate:g}", f"{self.low:g} to {self.high:g}, low to high", key="estimate")
        if self.end < self.start:
            raise wrong(f"is {self.end}", f"from {self.start} on", key="end")
        if (self.lever is not None) != (self.measure == "slope"):
            raise wrong("belongs to the measure slope", "both or neither", key="lever")
        if (self.before_start is not None and self.before_end is not None) != (self.measure == "left"):
            raise wrong("belongs to the measure left", "before_start and before_end, or neither", key="before_start")
        if self.edits == self.against:
            raise wrong("are those of `against`", "edits that make another policy", key="edits")
        return self


class _Written(WrittenModel):
    effects: Annotated[list[PublishedEffect], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        each_once((item.name for item in self.effects), "the name", key="effects")
        return self


def published_effects(study: Study) -> tuple[PublishedEffect, ...]:
    """The findings that the study's file names, in its order; none where it names no file. InputError for a file that cannot be
    read, and for a lever that the study lacks."""
    if study.known_effects is None:
        return ()
    path = Path(study.known_effects)
    said = checked(_Written, read_with_parents(path, path.parent).raw, str(path))
    for item in said.effects:
        if item.lever is not None:
            one_of(item.lever, study.indicator_codes, what="policy indicator", where=f"{path.name}, {item.name}")
    return tuple(said.effects)
