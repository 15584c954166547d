"""Does attention sell? A randomised dose of posts about a place, and beside it what days alone would have said.

The doses, the seeds and the rules of the verdict are registered in `data/society/attention_plan.toml`. A dose begins where
the warm-up ends, so that one world, built and warmed, serves all doses of its seed.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError, one_of
from core.execution.executor import Executor
from core.execution.progress import ProgressReporter, each_of
from core.settings import shipped_data
from core.society.run import recorded, warmed
from core.society.scenario import Add, Place, Remove, Scenario, Set, edited
from core.society.world import World, build

FULL, STRESS_OFF, UNREAD = "full", "stress_off", "unread"
#: What tells an arm from the scenario as it stands.
ARMS: dict[str, tuple[Set, ...]] = {
    FULL: (),
    STRESS_OFF: (Set(set="stress.on", value=False),),
    UNREAD: (Set(set="network.feed.read", value=False),),
}
#: Columns of a world's days that are kept of the place.
SERIES = ("sales_cents", "posts", "mean_valence", "dispersion", "turned_away", "served")


@dataclass(frozen=True)
class Plan:
    """What was registered: `raw` is the file, `sha256` that of its bytes."""

    raw: dict[str, Any]
    sha256: str

    def __getattr__(self, name: str) -> Any:
        try:
            return self.raw[name]
        except KeyError:
            raise AttributeError(name) from None


@cache
def registered_plan() -> Plan:
    """The plan that ships."""
    written = (shipped_data() / "society" / "attention_plan.toml").read_bytes()
    return Plan(tomllib.loads(written.decode()), hashlib.sha256(written).hexdigest())


@dataclass(frozen=True)
class Design:
    """The doses (posts an hour) that a place gets in so many seeds and days, and what a post is like."""

    scenario: Scenario
    place: str
    other: str
    doses: tuple[float, ...]
    first_seed: int
    seeds: int
    days: int
    households: int
    reach: float
    valence: float

    def arm(self, arm: str, dose: float = 0.0) -> Scenario:
        """The scenario of an arm with a dose from its first day on."""
        campaign = {
            "kind": "campaign", "id": "dose", "start": str(self.scenario.start), "place": self.place,
            "posts_per_hour": dose, "valence": self.valence, "reach": self.reach,
        }  # fmt: skip
        edits: list[Add | Remove | Set] = [*ARMS[arm], *([Add(add=campaign)] if dose else [])]
        return edited(self.scenario, edits, f"scenario {self.scenario.id}, {arm} with {dose:g} posts an hour")


@dataclass(frozen=True, eq=False)
class DoseRuns:
    """What became of the place in one arm: `series` by column, (R, D, T) of seeds, doses and days; sales of the other place,
    cents; `hashes` of the worlds' last state, (R, D)."""

    series: dict[str, NDArray[np.float64]]
    other_sales: NDArray[np.float64]
    hashes: NDArray[np.str_]


def restaurant_of(scenario: Scenario, place: str | None) -> Place:
    """The restaurant of this id, the first of the scenario where none is named. InputError where it is none."""
    restaurants = {item.id: item for item in scenario.places if item.kind == "restaurant"}
    if not restaurants:
        raise InputError("has no restaurant", where=f"scenario {scenario.id}", allowed="a place of the kind restaurant")
    name = next(iter(restaurants)) if place is None else place
    return restaurants[one_of(name, list(restaurants), what="restaurant", where=f"scenario {scenario.id}")]


def farthest_from(scenario: Scenario, place: Place) -> Place:
    """The restaurant farthest from a place, the place itself where it is alone."""

    def away(other: Place) -> float:
        return float(np.hypot(other.cell[0] - place.cell[0], other.cell[1] - place.cell[1]))

    return max((item for item in scenario.places if item.kind == "restaurant"), key=away)


def run_doses(design: Design, arms: Sequence[str], executor: Executor, watch: ProgressReporter) -> dict[str, DoseRuns]:
    """All arms in all seeds at every dose. The executor changes nothing; Cancelled where the watch says stop."""
    tasks = [(design, arm, design.first_seed + number) for arm in arms for number in range(design.seeds)]
    parts = each_of(doses_of_seed, tasks, watch, "simulate", "worlds, each at every dose", executor)
    found = {}
    for at, arm in enumerate(arms):
        series, other, hashes = zip(*parts[at * design.seeds : (at + 1) * design.seeds], strict=True)
        joined = {name: np.stack([item[name] for item in series]) for name in SERIES}
        found[arm] = DoseRuns(joined, np.stack(other), np.array(hashes))
    return found


def doses_of_seed(
    design: Design, arm: str, seed: int
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64], list[str]]:
    """Every dose in one world of chance: built and warmed up once, and copied for each dose."""
    world = warmed(build(design.arm(arm), seed, design.households))
    kept: dict[str, list[NDArray[np.float64]]] = {name: [] for name in SERIES}
    other, hashes = [], []
    for dose in design.doses:
        run = recorded(copied(world, design.arm(arm, dose)), design.days, detail=False)
        here = run.days[run.days["place"] == design.place]
        for name in SERIES:
            kept[name].append(here[name].to_numpy(float))
        other.append(run.days.loc[run.days["place"] == design.other, "sales_cents"].to_numpy(float))
        hashes.append(run.state_hash)
    return {name: np.stack(rows) for name, rows in kept.items()}, np.stack(other), hashes


def copied(world: World, scenario: Scenario) -> World:
    """A world of its own that goes on under another scenario; what never changes is shared."""
    fixed = (world.scenario, world.numbers, world.people, world.places)
    found = deepcopy(world, {id(item): item for item in fixed})
    found.scenario = scenario
    return found
