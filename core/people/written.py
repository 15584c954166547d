"""What a population file may say: its keys and the kinds of their values. What refers to other parts of the file (categories
in tables, conditions, sums of shares) is checked by its reader, `population_file`."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from core.inputs.checking import WrittenModel, wrong
from core.inputs.kinds import Identifier, Line, Lines, Share, Text
from core.printable import quoted

MOST_INHABITANTS = 20_000_000_000
OLDEST = 120
#: A trait's shift in logits: beyond this everybody has the same value.
LARGEST_SHIFT = 20.0


def _year(value: Any) -> Any:
    """A year may be a number, or text such as 2015-2019."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _people(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_INHABITANTS:
        raise wrong(f"total is {quoted(value)}", f"a whole number of inhabitants, 1 to {MOST_INHABITANTS:,}")
    return value


def _ages(value: Any) -> Any:
    whole = isinstance(value, list | tuple) and all(isinstance(age, int) and not isinstance(age, bool) for age in value)
    if not whole or len(value) != 2 or not 0 <= value[0] <= value[1] <= OLDEST:
        allowed = f"first and last whole year within 0 to {OLDEST}"
        raise wrong(f"the ages {quoted(value)}", allowed)
    return (value[0], value[1])


#: Who something applies to: classification -> a category or a list of them.
Conditions = dict[Line, Annotated[Lines, Field(min_length=1)]]
Year = Annotated[Line, BeforeValidator(_year)]


class WrittenCategory(WrittenModel):
    id: Line
    label: Line
    phrases: list[Line] = Field(default_factory=list)
    words: dict[Line, Text] = Field(default_factory=dict)
    age: Annotated[tuple[int, int], BeforeValidator(_ages)] | None = None


class WrittenAttribute(WrittenModel):
    name: Line
    label: Line
    description: Text = ""
    categories: list[WrittenCategory]


class WrittenGrouping(WrittenModel):
    name: Line
    label: Line | None = None
    attribute: Line
    groups: Conditions


class WrittenMarginal(WrittenModel):
    name: Line
    label: Line | None = None
    attributes: Annotated[list[Line], Field(min_length=1, max_length=8)]
    within: list[Line] = Field(default_factory=list)
    universe: Conditions = Field(default_factory=dict)
    use: Line
    unit: Line
    quality: Line
    source: Text = ""
    year: Year | None = None
    note: Text = ""
    left_out: Text = ""
    original_source: Text = ""
    table: dict[str, Any]
    original_table: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for key in ("attributes", "within"):
            names = getattr(self, key)
            for name in names:
                if names.count(name) > 1:
                    raise wrong(f"'{name}' is given twice", "each once", key=key)
        return self


class WrittenImpossible(WrittenModel):
    when: Conditions
    reason: Line


class WrittenShares(WrittenModel):
    when: Conditions = Field(default_factory=dict)
    shares: Annotated[dict[Line, Share], Field(min_length=1)]


class WrittenAssumption(WrittenModel):
    attribute: Line
    given: list[Line] = Field(default_factory=list)
    source: Text = "assumption"
    reasoning: Text = ""
    rows: list[WrittenShares]


class WrittenWording(WrittenModel):
    when: Conditions = Field(default_factory=dict)
    very_low: Text
    low: Text
    middle: Text
    high: Text
    very_high: Text


class WrittenTrait(WrittenModel):
    name: Line
    label: Line
    meaning: Text
    mean: float
    spread: float
    source: Text = "assumption"
    reasoning: Text
    shifts: dict[Line, dict[Line, Annotated[float, Field(ge=-LARGEST_SHIFT, le=LARGEST_SHIFT)]]] = Field(
        default_factory=dict
    )
    wording: list[WrittenWording]


class WrittenRule(WrittenModel):
    when: Conditions = Field(default_factory=dict)
    say: Text


class WrittenRules(WrittenModel):
    rules: list[WrittenRule]


class WrittenTarget(WrittenModel):
    of: Line
    shares: Annotated[dict[Line, Share], Field(min_length=1)]


class WrittenPopulation(WrittenModel):
    """A population file, merged with those it extends."""

    id: Identifier
    title: Line
    total: Annotated[int, BeforeValidator(_people)]
    fictional: bool
    summary: Text = ""
    attributes: Annotated[list[WrittenAttribute], Field(min_length=1, max_length=100)]
    groupings: Annotated[list[WrittenGrouping], Field(max_length=200)] = Field(default_factory=list)
    marginals: Annotated[list[WrittenMarginal], Field(min_length=1, max_length=500)]
    impossible: Annotated[list[WrittenImpossible], Field(max_length=1_000)] = Field(default_factory=list)
    assumptions: Annotated[list[WrittenAssumption], Field(max_length=100)] = Field(default_factory=list)
    traits: Annotated[list[WrittenTrait], Field(max_length=100)] = Field(default_factory=list)
    text: Annotated[list[WrittenRules], Field(max_length=200)] = Field(default_factory=list)
    target_shares: Annotated[list[WrittenTarget], Field(max_length=100)] = Field(default_factory=list)
