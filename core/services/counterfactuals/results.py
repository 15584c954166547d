"""What came of a sweep and of a comparison, as commands print them, pages draw them and the store keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from core.counterfactual.contrast import Contrast
from core.counterfactual.sweep import Sweep
from core.result import Result
from core.services.language.usage import ModelUsage

#: How the reference is called among a comparison's stored paths; ids of timelines end in a hash and never equal it.
REFERENCE = "reference"


@dataclass(frozen=True, kw_only=True)
class About:
    """Whose answer it is: the run `of_run`, by `engine` over so many `personas`; `rung` is the claim it stands on. `asking` is
    what a language model was asked beyond its run. `run_id` is "" for what is not kept."""

    study: str
    fictional: bool
    engine: str
    personas: int
    of_run: str
    origin: date | None = None
    run_id: str = ""
    rung: str = ""
    asking: ModelUsage | None = None
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class LevelResult:
    """One level of a sweep: the stringency asked for and `realised` by the `indicators`, the mean `metric` with its 80% interval
    by behaviour, and how the policy compares with those of training."""

    level: float
    realised_stringency: float
    indicators: Mapping[str, float]
    metric: Mapping[str, float]
    lower: Mapping[str, float]
    upper: Mapping[str, float]
    distance_to_training: float
    similar_training_days: int
    outside_support: bool


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """What every level of a sweep has in common, as at the origin."""

    epidemic_level: int
    days_under_restrictions: int


@dataclass(frozen=True, kw_only=True)
class SweepResult(About, Result, kind="sweep"):
    """Stringency, or one `lever`, held at each level from `start` to `end`; the other fields are those of
    `core.counterfactual.sweep.Sweep`."""

    levels: tuple[LevelResult, ...]
    monotone: bool
    not_monotone: tuple[str, ...]
    bounded: bool
    outside_support: tuple[float, ...]
    start: date
    end: date
    days: int
    day_types: Mapping[str, int]
    held: Frozen
    lever: str = ""

    @property
    def coherent(self) -> bool:
        """Whether the checks were passed and there was something to check: one level alone is no sweep."""
        return len(self.levels) > 1 and self.monotone and self.bounded


@dataclass(frozen=True, kw_only=True)
class ScenarioResult:
    """A scenario against the reference: what it does otherwise, and by how many points the means differ, with 80% intervals."""

    name: str
    timeline_id: str
    changes: tuple[str, ...]
    mean_stringency: float
    reference_stringency: float
    difference: Mapping[str, float]
    lower: Mapping[str, float]
    upper: Mapping[str, float]
    days_outside_support: int


@dataclass(frozen=True, kw_only=True)
class ComparisonResult(About, Result, kind="compare"):
    """Scenarios against a reference from `start` to `end`."""

    start: date
    end: date
    days: int
    reference: str
    reference_days_outside_support: int
    scenarios: tuple[ScenarioResult, ...]


def sweep_result(sweep: Sweep, about: About) -> SweepResult:
    """A sweep as a result of `about`."""
    return SweepResult(
        **vars(about),
        levels=tuple(
            LevelResult(
                level=item.policy.target,
                realised_stringency=round(item.policy.realised, 4),
                indicators=item.policy.levels,
                metric=_rounded(item.mean),
                lower=_rounded(item.lower),
                upper=_rounded(item.upper),
                distance_to_training=round(item.distance, 3),
                similar_training_days=item.similar,
                outside_support=item.outside,
            )
            for item in sweep.levels
        ),
        monotone=sweep.monotone,
        not_monotone=sweep.not_monotone,
        bounded=sweep.bounded,
        outside_support=tuple(sweep.outside_support),
        start=sweep.dates[0].date(),
        end=sweep.dates[-1].date(),
        days=len(sweep.dates),
        day_types=sweep.day_types,
        held=Frozen(epidemic_level=sweep.epidemic, days_under_restrictions=sweep.restricted_days),
    )


def comparison_result(found: Sequence[Contrast], ids: Sequence[str], about: About) -> ComparisonResult:
    """Contrasts as a result of `about`; `ids` are the scenarios' timeline ids."""
    dates = found[0].path.dates
    return ComparisonResult(
        **vars(about),
        start=dates[0].date(),
        end=dates[-1].date(),
        days=len(dates),
        reference=found[0].reference_name,
        reference_days_outside_support=found[0].reference_outside_days,
        scenarios=tuple(
            ScenarioResult(
                name=item.name,
                timeline_id=identifier,
                changes=tuple(item.changes),
                mean_stringency=round(float(item.path.stringency.mean()), 3),
                reference_stringency=round(float(item.reference.stringency.mean()), 3),
                difference=_rounded(item.difference),
                lower=_rounded(item.lower),
                upper=_rounded(item.upper),
                days_outside_support=item.outside_days,
            )
            for item, identifier in zip(found, ids, strict=True)
        ),
    )


def sweep_frame(sweep: Sweep) -> pd.DataFrame:
    """The store's rows of a sweep: means over the days by level, everyone and each subgroup; subgroups carry no interval."""
    parts = []
    for item in sweep.levels:
        everyone = pd.DataFrame({"mean": item.mean, "lower": item.lower, "upper": item.upper})
        everyone = everyone.rename_axis("behaviour").reset_index().assign(attribute="all", attribute_level="all")
        groups = item.path.group_tall().rename(columns={"category": "attribute_level"})
        both = pd.concat([everyone, groups.assign(lower=np.nan, upper=np.nan)[everyone.columns]], ignore_index=True)
        parts.append(both.assign(level=item.policy.target, realised_stringency=item.policy.realised))
    return pd.concat(parts, ignore_index=True)


def path_frame(found: Sequence[Contrast], ids: Sequence[str]) -> pd.DataFrame:
    """The store's rows of a comparison: each path by day with its interval; `ids` are the scenarios' timeline ids."""
    paths = {REFERENCE: found[0].reference} | {name: item.path for name, item in zip(ids, found, strict=True)}
    parts = []
    for name, path in paths.items():
        lower, upper = path.interval()
        tall = [
            frame.rename_axis(index="date").reset_index().melt("date", var_name="behaviour", value_name=column)
            for column, frame in (("value", path.metric), ("lower", lower), ("upper", upper))
        ]
        rows = tall[0].assign(lower=tall[1]["lower"], upper=tall[2]["upper"])
        parts.append(rows.assign(forecaster=name, phase="counterfactual"))
    return pd.concat(parts, ignore_index=True)


def _rounded(values: pd.Series) -> dict[str, float]:
    return {str(name): round(float(value), 4) for name, value in values.items()}
