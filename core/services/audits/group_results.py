"""What came of the checks of groups, and of accuracy by region over many countries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.result import Result
from core.validity.region_summary import RegionSummary
from core.validity.regions import RegionScore

KIND = "groups"
#: Where the answers whose spread is judged are from.
STORED, ASKED_AGAIN = "stored", "asked_again"
#: Why there is no accuracy by region: the study names no source of it, or its files are not here.
NO_SOURCE, NO_FILES = "no_source", "no_files"


@dataclass(frozen=True, kw_only=True)
class DiversityFigures:
    """The spread of one population's answers (`core.validity.diversity.Diversity`), rounded; None where it is not defined."""

    personas: int
    kish: float
    compared: int
    deviation: Mapping[str, Mapping[str, float | None]]
    explained: Mapping[str, float | None]
    distinct: float
    collapse: float
    dimensions: float


@dataclass(frozen=True, kw_only=True)
class ExplainedShare:
    """The share of the spread between personas that an attribute or trait (`kind`) explains alone, by behaviour, and what a
    label that means nothing would explain `by_chance`."""

    attribute: str
    label: str
    kind: str
    categories: int
    share: Mapping[str, float | None]
    by_chance: float


@dataclass(frozen=True, kw_only=True)
class ExplainedTogether:
    """What all attributes explain together, and all attributes and traits, by behaviour."""

    attributes: Mapping[str, float | None]
    attributes_and_traits: Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True)
class DiversityResult:
    """How spread the answers are beside those of identical personas and of one; `macro_rmse` is what each misses by."""

    population: DiversityFigures
    identical_personas: DiversityFigures
    single_persona: DiversityFigures
    macro_rmse: Mapping[str, float]
    source: str
    explained_by: tuple[ExplainedShare, ...]
    explained_together: ExplainedTogether


@dataclass(frozen=True, kw_only=True)
class CategoryResponse:
    """The simulated change of a category's mean by behaviour, with its 80% interval."""

    category: str
    label: str
    people: int
    personas: int
    change: Mapping[str, float | None]
    lower: Mapping[str, float | None]
    upper: Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True)
class ResponseExtreme:
    """The categories that respond most and least in a behaviour, and how far apart they lie."""

    behaviour: str
    most: str
    least: str
    difference: float
    lower: float
    upper: float


@dataclass(frozen=True, kw_only=True)
class AttributeDifference:
    """How the categories of an attribute respond; of `small` ones too few personas are there to be named."""

    attribute: str
    label: str
    categories: tuple[CategoryResponse, ...]
    extremes: tuple[ResponseExtreme, ...]
    small: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ResponseDifferences:
    """The difference in simulated response to going from one policy to another, from `start` to `end`; no accuracy."""

    before: str
    after: str
    start: str
    end: str
    unit: str
    everyone: Mapping[str, float | None]
    attributes: tuple[AttributeDifference, ...]


@dataclass(frozen=True, kw_only=True)
class RegionAccuracy:
    """How well each region of a study's place is forecast from `origins`; `left_out` says what is not, and why."""

    origins: tuple[str, ...]
    regions: Mapping[str, str]
    rows: tuple[RegionScore, ...]
    summary: RegionSummary
    left_out: Mapping[str, str]
    priors: str


@dataclass(frozen=True, kw_only=True)
class GroupsResult(Result, kind=KIND):
    """The checks of a finished run; `regions_lacking` says why there are no `regions`."""

    study: str
    fictional: bool
    engine: str
    personas: int
    of_run: str
    diversity: DiversityResult
    groups: ResponseDifferences
    regions: RegionAccuracy | None = None
    regions_lacking: str = ""
    run_id: str = ""
    seconds: float = 0.0

    def content(self) -> dict[str, Any]:
        """What of it is a result: no circumstance of its making, and no reason that is said in words."""
        apart = ("run_id", "seconds", "regions_lacking")
        found = {name: value for name, value in self.as_dict().items() if name not in apart}
        if self.regions is not None:
            found["regions"] = {**found["regions"], "left_out": sorted(self.regions.left_out)}
        return found


@dataclass(frozen=True, kw_only=True)
class RegionalAccuracy(Result):
    """Accuracy by region over many countries (`names`); `national` says whether countries as a whole were observed."""

    rows: tuple[RegionScore, ...]
    summary: RegionSummary
    names: Mapping[str, str]
    left_out: Mapping[str, str]
    national: bool
    origins: tuple[str, ...]
    priors: str
    engine: str
    population: str
    personas: int
    code_version: str
    seconds: float = 0.0
