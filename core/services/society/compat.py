"""Comparison with econsimulacra: its stresses, number for number; its configurations, imported; its rule-based town."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError, in_range
from core.inputs.files import parsed, read_list, read_text
from core.options import option
from core.result import Result
from core.society.compat import simulate_compat
from core.society.compat_town import town_of
from core.society.importer import configuration, import_configuration
from core.society.shipped import write_scenario
from core.society.stress_compat import stress_level

#: A figure is inside where it is as near to the reference as the wider of these: standard deviations, a share of it.
NEAR_SDS, NEAR_SHARE = 2.0, 0.05
MOST_SEEDS = 10_000


@dataclass(frozen=True)
class StressRequest:
    """Situations with the stress that econsimulacra gives them: a JSON list, each with `kind`, its inputs and `stress`."""

    vectors: Path = option("JSON list of situations with their stress", word="FILE")


@dataclass(frozen=True, kw_only=True)
class StressMismatch:
    """A situation by its place in the list, from 0: the stress that was given for it, and ours."""

    index: int
    kind: str
    given: int
    ours: int


@dataclass(frozen=True, kw_only=True)
class StressCheck(Result):
    """How many situations were computed, for how many ours is another stress, and which."""

    vectors: int
    mismatches: int
    which: tuple[StressMismatch, ...]


def check_stress(request: StressRequest) -> StressCheck:
    """Compare our integer stresses with those of a file. InputError names the situation and the key that is wrong."""
    raw = read_list(request.vectors)
    which = []
    for index, vector in enumerate(raw):
        where = f"{request.vectors.name}, vectors[{index}]"
        if not isinstance(vector, dict):
            raise InputError(f"is {vector!r}", where=where, allowed="a table: kind, its inputs and stress")
        inputs = dict(vector)
        given = inputs.pop("stress", None)
        ours = stress_level(inputs, where)
        if not isinstance(given, int) or isinstance(given, bool):
            raise InputError("has no whole number as 'stress'", where=where, allowed="stress: 0 to max_stress")
        if ours != given:
            which.append(StressMismatch(index=index, kind=inputs["kind"], given=given, ours=ours))
    return StressCheck(vectors=len(raw), mismatches=len(which), which=tuple(which))


@dataclass(frozen=True)
class ImportRequest:
    """A configuration of econsimulacra, written as a scenario: what our model knows too, the rest word for word."""

    file: Path = option("configuration of econsimulacra (JSON)", positional=True, word="FILE")
    to: Path = option("scenario to write (JSON)", word="FILE")


@dataclass(frozen=True, kw_only=True)
class ImportedScenario(Result):
    """The scenario's file and size, and the configuration's keys: those it was made from, those that only
    `society compat` reads, and those that nothing reads (a table's key stands for all that is in it)."""

    file: str
    households: int
    restaurants: tuple[str, ...]
    groceries: tuple[str, ...]
    goods: tuple[str, ...]
    levers: tuple[str, ...]
    days: int
    step_hours: int
    carried: tuple[str, ...]
    compat_only: tuple[str, ...]
    not_carried: tuple[str, ...]


def import_scenario(request: ImportRequest) -> ImportedScenario:
    """Write the scenario of a configuration. InputError with the key where it is none."""
    found = import_configuration(_read(request.file), request.file.name)
    scenario = found.scenario
    write_scenario(scenario, request.to)
    return ImportedScenario(
        file=str(request.to),
        households=scenario.households.number,
        restaurants=tuple(place.id for place in scenario.places if place.kind == "restaurant"),
        groceries=tuple(place.id for place in scenario.places if place.kind == "grocery"),
        goods=tuple(good.id for good in scenario.goods),
        levers=tuple(lever.id for lever in scenario.levers),
        days=scenario.days,
        step_hours=scenario.step_hours,
        carried=found.carried,
        compat_only=found.compat_only,
        not_carried=found.not_carried,
    )


@dataclass(frozen=True)
class CompatRequest:
    """The rule-based town of a configuration of econsimulacra, or of a scenario imported from one, in so many worlds."""

    file: Path = option(
        "configuration of econsimulacra, or a scenario imported from one (JSON)", positional=True, word="FILE"
    )
    seeds: int = option("worlds (default 20)", 20)
    seed: int = option("of the first world (default 1)", 1)
    reference: Path | None = option("figures to compare with (JSON: names with mean and sd)", None, word="FILE")

    def __post_init__(self) -> None:
        in_range(self.seeds, 1, MOST_SEEDS, f"is {self.seeds}", where="--seeds")
        in_range(self.seed, 0, 2**31 - 1, f"is {self.seed}", where="--seed")


@dataclass(frozen=True, kw_only=True)
class CompatFigure:
    """Mean and standard deviation over worlds; those of the reference, and whether the mean lies from `low` to `high`."""

    mean: float
    sd: float | None
    reference: float | None = None
    reference_sd: float | None = None
    low: float | None = None
    high: float | None = None
    inside: bool | None = None


@dataclass(frozen=True, kw_only=True)
class CompatComparison(Result):
    """What the town did, for each household and day; `misses` are figures outside what the reference allows, `not_compared`
    keys of the reference that are no figure of ours, `not_simulated` keys of the configuration that nothing here reads."""

    households: int
    steps: int
    seeds: int
    figures: Mapping[str, CompatFigure]
    compared: int
    misses: tuple[str, ...]
    not_compared: tuple[str, ...]
    not_simulated: tuple[str, ...]


def compare_compat(request: CompatRequest) -> CompatComparison:
    """Simulate the town by the reference's own rules, and set its figures beside those of the reference. InputError where
    the configuration cannot be simulated by rules, and where the reference holds no figure."""
    source = configuration(_read(request.file), request.file.name)
    town = town_of(source)
    worlds = [simulate_compat(town, request.seed + world).figures for world in range(request.seeds)]
    given: dict[str, tuple[float, float | None]] = {}
    keys: list[str] = []
    if request.reference is not None:
        raw = _read(request.reference)
        given = dict(_reference(raw, ""))
        keys = list(raw)
        if not given.keys() & worlds[0].keys():
            raise InputError("holds no figure", where=request.reference.name, allowed=", ".join(worlds[0]))
    figures = {name: _figure(np.array([world[name] for world in worlds]), given.get(name)) for name in worlds[0]}
    return CompatComparison(
        households=len(town.homes),
        steps=town.steps,
        seeds=request.seeds,
        figures=figures,
        compared=sum(figure.inside is not None for figure in figures.values()),
        misses=tuple(name for name, figure in figures.items() if figure.inside is False),
        not_compared=tuple(
            key for key in keys if not any(name.split(".")[0] == key for name in figures if name in given)
        ),
        not_simulated=source.keys(lambda path: not source.was_read(path)),
    )


def _figure(values: Any, given: tuple[float, float | None] | None) -> CompatFigure:
    mean, sd = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None
    if given is None:
        return CompatFigure(mean=mean, sd=sd)
    wanted, spread = given
    near = max(NEAR_SDS * (spread or 0.0), NEAR_SHARE * abs(wanted))
    low, high = wanted - near, wanted + near
    return CompatFigure(
        mean=mean, sd=sd, reference=wanted, reference_sd=spread, low=low, high=high, inside=low <= mean <= high
    )


def _reference(raw: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, tuple[float, float | None]]]:
    """Figures of the reference by name, with their standard deviation where it is given; tables of shares as `table.name`."""
    for name, value in raw.items():
        if isinstance(value, Mapping):
            if isinstance(value.get("mean"), int | float):
                yield prefix + name, (float(value["mean"]), None if value.get("sd") is None else float(value["sd"]))
            elif not prefix:
                yield from _reference(value, f"{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + name, (float(value), None)


def _read(path: Path) -> dict[str, Any]:
    return parsed(read_text(path), "json", str(path))
