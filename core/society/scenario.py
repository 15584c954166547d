"""A society as somebody wrote it: households, space, goods, places, network, levers, shocks and arms, in JSON.

    {"format": "policytwin.society/1", "title": "…", "start": "2030-03-01", "days": 28, …}

Keys that are left out have the values of the models below; an unknown key is refused with the nearest known one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from core.errors import InputError, one_of
from core.inputs.checking import checked, choice_of, wrong
from core.inputs.kinds import Day, Identifier, Line, Share
from core.society.levers import POLICIES, SHOCKS, Hour, Lever, Written
from core.society.parameters import parameters

FORMAT = "policytwin.society/1"
Dimension = Literal["hunger", "fatigue", "crowd", "money", "sleep", "social"]
STRESSES: tuple[str, ...] = get_args(Dimension)
MOST_PLACES, MOST_HOUSEHOLDS, MOST_DAYS = 64, 1_000_000, 730
Count = Annotated[int, Field(ge=1, le=MOST_HOUSEHOLDS)]


class Households(Written):
    """How many, who they are (a shipped population's id, else drawn by income alone), and the share who work."""

    number: Count = 1000
    population: Identifier | None = None
    employed: Share = 0.6
    homogeneous: bool = False


class District(Written):
    """Cells from the first corner to the second, both included."""

    id: Identifier
    from_cell: tuple[int, int]
    to_cell: tuple[int, int]


class Space(Written):
    """A grid of cells; whoever goes somewhere is there after whole steps."""

    grid: tuple[Annotated[int, Field(ge=1, le=1000)], Annotated[int, Field(ge=1, le=1000)]] = (10, 10)
    km_per_cell: Annotated[float, Field(gt=0, le=1000)] = 1.0
    speed_kmh: Annotated[float, Field(gt=0, le=1000)] = 12.0
    cents_per_km: Annotated[int, Field(ge=0)] = 0
    districts: tuple[District, ...] = ()


class Good(Written):
    """Something eaten at home: `a_meal` is the probability that a meal of the mean income has it, which grows with
    income to the power `income_power`."""

    id: Identifier
    price_cents: Annotated[int, Field(ge=1)]
    energy: Annotated[float, Field(ge=0, le=2)] = 1.0
    a_meal: Share = 0.5
    income_power: Annotated[float, Field(ge=-2, le=3)] = 0.0
    target: Annotated[int, Field(ge=1, le=1000)] = 14


class Place(Written):
    """A restaurant, which sells meals at `price_cents`, or a grocery, which sells all goods at its `price_level`.

    `capacity` (guests a step) and `stock` (meals, or units of each good, a day) are for the scenario's own number of
    households, and grow with another."""

    id: Identifier
    kind: Literal["restaurant", "grocery"]
    cell: tuple[int, int]
    price_cents: Annotated[int, Field(ge=1)] = 1200
    price_level: Annotated[float, Field(gt=0, le=10)] = 1.0
    quality: Annotated[float, Field(ge=-1, le=1)] = 0.2
    capacity: Annotated[int, Field(ge=1)] = 60
    stock: Annotated[int, Field(ge=0)] = 400
    hours: tuple[Hour, Hour] = (11, 22)
    closed_at_first: bool = False


class Weights(Written):
    """What ranks a feed."""

    recency: float = 1.0
    engagement: float = 1.0
    popularity: float = 0.5
    tie: float = 1.0


class Feed(Written):
    read: bool = True
    cap: Annotated[int, Field(ge=0, le=200)] = 8
    ranking: Literal["engagement", "chronological"] = "engagement"
    weights: Weights = Weights()


class Network(Written):
    """Whom households follow at the start."""

    mean_follows: Annotated[float, Field(ge=0, le=500)] = 25.0
    mutual: Share = 0.22
    follow_cap: Annotated[int, Field(ge=0)] | None = None
    feed: Feed = Feed()


class Stress(Written):
    """Whether stress changes what people do, and which; it is recorded in any case."""

    on: bool = True
    dimensions: tuple[Dimension, ...] = get_args(Dimension)


class Memory(Written):
    """Whether people learn from visits and posts, and how many places one keeps in mind."""

    on: bool = True
    slots: Annotated[int, Field(ge=1, le=MOST_PLACES)] = 8


class Add(Written):
    """One more lever or shock."""

    add: dict[str, Any]


class Remove(Written):
    """No lever or shock of this id."""

    remove: str


class Set(Written):
    """Another value at a path of keys, such as `stress.on` or `network.feed.read`."""

    set: str
    value: Any


class Arm(Written):
    """The scenario with edits, in order."""

    id: Identifier
    title: Line
    edit: tuple[Add | Remove | Set, ...] = ()

    @field_validator("edit", mode="before")
    @classmethod
    def _edits(cls, raw: Any) -> Any:
        if not isinstance(raw, Sequence) or isinstance(raw, str):
            raise wrong("is no list", "a list of edits")
        models: dict[str, type[Written]] = {"add": Add, "remove": Remove, "set": Set}
        found = []
        for number, one in enumerate(raw, start=1):
            kind = next((name for name in models if isinstance(one, Mapping) and name in one), None)
            if kind is None:
                raise wrong(f"edit {number} has none of the keys add, remove, set", "add, remove, set")
            found.append(models[kind].model_validate(one))
        return tuple(found)


class Record(Written):
    """How many households a replay shows, and how many posts are kept."""

    households: Annotated[int, Field(ge=0, le=2000)] = 300
    posts: Annotated[int, Field(ge=0, le=20_000)] = 2000


class Scenario(Written):
    """A society, before anything happened in it."""

    format: Literal["policytwin.society/1"]
    id: Identifier = "society"
    title: Line
    question: str = ""
    fictional: bool = True
    start: Day
    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 28
    step_hours: Literal[1, 2, 3, 4] = 1
    warm_up_days: Annotated[int, Field(ge=0, le=60)] = 7
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    households: Households = Households()
    space: Space = Space()
    goods: Annotated[tuple[Good, ...], Field(max_length=32)]
    places: Annotated[tuple[Place, ...], Field(min_length=1, max_length=MOST_PLACES)]
    network: Network = Network()
    stress: Stress = Stress()
    memory: Memory = Memory()
    levers: tuple[Lever, ...] = ()
    shocks: tuple[Lever, ...] = ()
    arms: tuple[Arm, ...] = ()
    record: Record = Record()
    parameters: dict[str, float] = Field(default_factory=dict)
    compat: dict[str, Any] | None = None

    @field_validator("levers", "shocks", mode="before")
    @classmethod
    def _kinds(cls, raw: Any, info: Any) -> Any:
        models = POLICIES if info.field_name == "levers" else SHOCKS
        if not isinstance(raw, Sequence) or isinstance(raw, str):
            raise wrong("is no list", f"a list of {info.field_name}")
        found = []
        for number, one in enumerate(raw, start=1):
            if isinstance(one, Lever):
                found.append(one)
                continue
            if not isinstance(one, Mapping) or not isinstance(one.get("kind"), str):
                raise wrong(f"entry {number} has no key 'kind'", ", ".join(models))
            found.append(models[choice_of(one["kind"], list(models), "kind")].model_validate(one))
        return tuple(found)

    @model_validator(mode="after")
    def _consistent(self) -> Scenario:
        cells = self.space.grid
        names = [place.id for place in self.places]
        for place in self.places:
            if not all(0 <= at < size for at, size in zip(place.cell, cells, strict=True)):
                raise wrong(
                    f"place {place.id} lies in cell {list(place.cell)}",
                    f"[0, 0] to [{cells[0] - 1}, {cells[1] - 1}]",
                    key="places",
                )
        for kind, found in (
            ("places", names),
            ("goods", [good.id for good in self.goods]),
            ("arms", [arm.id for arm in self.arms]),
        ):
            twice = next((name for name in found if found.count(name) > 1), None)
            if twice:
                raise wrong(f"two of the {kind} are called {twice}", "a name of its own for each", key=kind)
        if any(place.kind == "grocery" for place in self.places) and not self.goods:
            raise wrong("there is a grocery and nothing to sell in it", "at least one good", key="goods")
        last = self.start + timedelta(days=self.days - 1)
        for key, levers in (("levers", self.levers), ("shocks", self.shocks)):
            for lever in levers:
                for name in (*getattr(lever, "places", ()), *([lever.place] if hasattr(lever, "place") else [])):
                    choice_of(name, names, "place")
                for name in getattr(getattr(lever, "who", None), "district", ()):
                    choice_of(name, [district.id for district in self.space.districts], "district")
                if lever.end is not None and lever.end < lever.start:
                    raise wrong(
                        f"{lever.kind} ends on {lever.end}, before it starts on {lever.start}",
                        f"{lever.start} and later",
                        str(lever.start),
                        key=key,
                    )
                if not self.start <= lever.start <= last:
                    raise wrong(
                        f"{lever.kind} starts on {lever.start}",
                        f"{self.start} to {last}",
                        str(min(max(lever.start, self.start), last)),
                        key=key,
                    )
        return self

    @property
    def end(self) -> date:
        """The last day."""
        return self.start + timedelta(days=self.days - 1)

    def numbers(self) -> Any:
        """The parameters of `data/society/parameters.csv` with those that this scenario changes."""
        return parameters(self.parameters, where=f"scenario {self.id}, parameters")

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it, all keys written."""
        raw = self.model_dump(mode="json")
        for key in ("levers", "shocks"):
            raw[key] = [lever.model_dump(mode="json") for lever in getattr(self, key)]
        return raw


def read_scenario(raw: Any, where: str = "scenario") -> Scenario:
    """A scenario from JSON's own values. InputError with the key where something is wrong."""
    found = checked(Scenario, raw, where)
    found.numbers()
    for arm in found.arms:
        of_arm(found, arm.id, where)
    return found


def scenario_hash(scenario: Scenario) -> str:
    """SHA-256 of all that changes what happens: without titles, question and arms."""
    raw = {
        key: value
        for key, value in scenario.as_dict().items()
        if key not in ("id", "title", "question", "arms", "fictional")
    }
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()


def of_arm(scenario: Scenario, arm: str, where: str = "scenario") -> Scenario:
    """The scenario as one of its arms has it, itself for `base`. InputError for an unknown arm and an edit that does not fit."""
    if arm == "base":
        return scenario
    one_of(arm, ["base", *(item.id for item in scenario.arms)], what="arm", where=where)
    edits = next(item.edit for item in scenario.arms if item.id == arm)
    return edited(scenario, edits, f"{where}, arm {arm}")


def edited(scenario: Scenario, edits: Sequence[Add | Remove | Set], where: str = "edit") -> Scenario:
    """The scenario with edits, checked as a whole; without arms of its own."""
    raw = scenario.as_dict() | {"arms": []}
    for edit in edits:
        if isinstance(edit, Add):
            raw["shocks" if edit.add.get("kind") in SHOCKS else "levers"].append(edit.add)
        elif isinstance(edit, Remove):
            ids = [lever["id"] for key in ("levers", "shocks") for lever in raw[key]]
            one_of(edit.remove, [name for name in ids if name], what="lever", where=where)
            for key in ("levers", "shocks"):
                raw[key] = [lever for lever in raw[key] if lever["id"] != edit.remove]
        else:
            _put(raw, edit.set, edit.value, where)
    return checked(Scenario, raw, where)


def _put(raw: dict[str, Any], path: str, value: Any, where: str) -> None:
    """Set the value at a path of keys; entries of lists are called by their id."""
    here: Any = raw
    keys = path.split(".")
    for depth, key in enumerate(keys):
        if isinstance(here, list):
            known = [str(item["id"]) for item in here]
            here = here[known.index(one_of(key, known, what="entry", where=f"{where}, {path}"))]
            continue
        if not isinstance(here, dict):
            raise InputError(
                f"'{key}' is no key of {'.'.join(keys[:depth])}",
                where=f"{where}, {path}",
                allowed="a path of keys such as stress.on",
            )
        if keys[0] != "parameters" or depth == 0:
            one_of(key, list(here), what="key", where=f"{where}, {path}")
        if depth == len(keys) - 1:
            here[key] = value
            return
        here = here[key]
    raise InputError(
        f"'{path}' is an entry, not a value", where=where, allowed=f"a key of it, such as {path}.price_cents"
    )
