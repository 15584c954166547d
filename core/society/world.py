"""The state of a society: arrays over households, places and follows, built from a scenario and a seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.society.draws import Stream, uniforms
from core.society.households import Households, settle
from core.society.ledger import Ledger
from core.society.network import Network, first_network
from core.society.posts import Posts
from core.society.scenario import STRESSES, Place, Scenario
from core.society.terms import Terms, terms_of

HUNGER, FATIGUE, CROWD, MONEY, SLEEP, SOCIAL = range(len(STRESSES))


@dataclass(eq=False)
class Day:
    """What happened since midnight, by household (N) and by place (S)."""

    out: NDArray[np.int64]
    home: NDArray[np.int64]
    other: NDArray[np.int64]
    trips: NDArray[np.int32]
    km: NDArray[np.float32]
    trip_km: NDArray[np.float32]
    posted: NDArray[np.int32]
    slept: NDArray[np.float32]
    minutes: NDArray[np.float32]
    clashes: NDArray[np.int32]
    sales: NDArray[np.int64]
    units: NDArray[np.int64]
    served: NDArray[np.int64]
    turned_away: NDArray[np.int64]
    wait: NDArray[np.float64]
    adverts: int = 0
    reposts: int = 0
    passed_on: int = 0
    passed_far: int = 0

    @classmethod
    def empty(cls, number: int, places: int) -> Day:
        def cents() -> NDArray[np.int64]:
            return np.zeros(number, np.int64)

        def whole() -> NDArray[np.int32]:
            return np.zeros(number, np.int32)

        def part() -> NDArray[np.float32]:
            return np.zeros(number, np.float32)

        def count() -> NDArray[np.int64]:
            return np.zeros(places, np.int64)

        return cls(
            cents(), cents(), cents(), whole(), part(), part(), whole(), part(), part(), whole(),
            count(), count(), count(), count(), np.zeros(places),
        )  # fmt: skip


class Decide(Protocol):
    """Who of those that are due goes out, to which restaurant, and how far it is (km)."""

    def __call__(
        self, world: World, due: NDArray[np.int64], signal: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]: ...


@dataclass(eq=False)
class World:
    """One society in one world of chance. R restaurants come first among S places; I goods; stress is (6, N) in [0, 1].

    `merit` (R,) is how good a restaurant is. Memory, (N, R): `known` places, attention, quality, crowding, the price expected,
    own visits. `until` is the step from which somebody is free again, `arrives` that at which he is where he goes, `goal` where.
    Money is whole cents. `felt` (who, place, valence) are the experiences of the last step, `seen` what was read in it; `decide`
    stands in for the rules' choice.
    """

    scenario: Scenario
    numbers: Any
    seed: int
    people: Households
    places: tuple[Place, ...]
    network: Network
    ledger: Ledger
    restaurants: int
    theta: NDArray[np.float32]
    learns: float
    cell: NDArray[np.float32]
    price: NDArray[np.int64]
    shelf: NDArray[np.int64]
    merit: NDArray[np.float32]
    capacity: NDArray[np.float64]
    supply: NDArray[np.int64]
    stock: NDArray[np.int64]
    wage: NDArray[np.float32]
    weekly: NDArray[np.int64]
    hunger: NDArray[np.float32]
    last_meal: NDArray[np.int32]
    pantry: NDArray[np.int16]
    target: NDArray[np.int16]
    a_meal: NDArray[np.float32]
    energy: NDArray[np.float32]
    stress: NDArray[np.float32]
    known: NDArray[np.bool_]
    attention: NDArray[np.float32]
    quality: NDArray[np.float32]
    crowding: NDArray[np.float32]
    expected: NDArray[np.float32]
    visits: NDArray[np.int32]
    until: NDArray[np.int32]
    arrives: NDArray[np.int32]
    goal: NDArray[np.int16]
    hunger_rate: NDArray[np.float32]
    fatigue_left: NDArray[np.float32]
    posts: Posts
    day: Day
    terms: Terms
    decide: Decide | None = None
    arriving: dict[int, list[NDArray[np.int64]]] = field(default_factory=dict)
    shopping: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    voucher_ends: dict[int, list[NDArray[np.int64]]] = field(default_factory=dict)
    felt: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = field(default_factory=list)
    seen: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]] | None = None
    last_sales: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    last_served: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    last_turned: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    step: int = 0
    number: int = field(init=False)
    hours: int = field(init=False)
    too_much: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        self.number, self.hours = self.people.number, self.scenario.step_hours
        # Of which stress one complains: of none that changes nothing.
        self.too_much = np.where(self.theta > 0, np.float32(self.numbers.complaint_from), np.inf)[:, None].astype(
            np.float32
        )
        self.last_sales = np.zeros(len(self.places), np.int64)
        self.last_served, self.last_turned = self.supply.copy(), np.zeros(len(self.places), np.int64)

    def date(self, step: int | None = None) -> date:
        """The day of a step; the warm-up comes before the scenario's start."""
        steps = self.step if step is None else step
        return self.scenario.start + timedelta(days=steps * self.hours // 24 - self.scenario.warm_up_days)

    def acting_stress(self, dimension: int, who: NDArray[np.int64]) -> NDArray[np.float32]:
        """Stress of one kind of some households as far as it changes what they do."""
        found: NDArray[np.float32] = self.stress[dimension, who] * self.theta[dimension]
        return found

    def uniforms(
        self, stream: Stream, who: NDArray[np.int64] | slice = slice(None), slot: Any = 0
    ) -> NDArray[np.float32]:
        """Draws of this step for some of the households."""
        return uniforms(self.seed, stream, self.step, self.people.names[who], slot)


def build(scenario: Scenario, seed: int, households: int | None = None) -> World:
    """The world before its first step. Capacities and stocks grow with the number of households."""
    number = scenario.households.number if households is None else households
    numbers = scenario.numbers()
    people = settle(scenario, seed, number)
    places = tuple(sorted(scenario.places, key=lambda place: place.kind != "restaurant"))
    restaurants = sum(place.kind == "restaurant" for place in places)
    scale = number / scenario.households.number
    levels = np.array([place.price_level for place in places[restaurants:]]).reshape(-1, 1)
    goods = scenario.goods
    shelf = np.maximum(np.round(levels * [good.price_cents for good in goods]), 1).astype(np.int64)
    relative = (people.income / numbers.income_mean).clip(0.05)
    powers = np.array([good.income_power for good in goods])
    richer = relative[:, None] ** powers
    target = np.clip(np.round(richer * [good.target for good in goods]), 1, 500).astype(np.int16)
    cell = np.array([place.cell for place in places], np.float32)
    prices = np.array([place.price_cents for place in places], np.int64)
    supply = np.round(np.array([place.stock for place in places]) * scale).astype(np.int64)
    known, quality = _first_memory(scenario, seed, people, places, cell, restaurants)
    steps = 24 // scenario.step_hours
    asleep = people.asleep[:: scenario.step_hours]
    theta = np.array([scenario.stress.on and name in scenario.stress.dimensions for name in STRESSES], np.float32)
    stock = np.repeat(supply[:, None], max(len(goods), 1), axis=1)
    world = World(
        scenario=scenario,
        numbers=numbers,
        seed=seed,
        people=people,
        places=places,
        network=first_network(scenario, seed, people),
        ledger=Ledger.begin(
            np.round(people.buffer * (0.5 + uniforms(seed, Stream.CASH, 0, people.names))).astype(np.int64),
            np.round(prices * supply * 0.2).astype(np.int64) + 100_000,
        ),
        restaurants=restaurants,
        theta=theta,
        learns=float(scenario.memory.on),
        cell=cell,
        price=prices,
        shelf=shelf,
        merit=np.array([place.quality for place in places[:restaurants]], np.float32),
        capacity=np.maximum(np.round(np.array([place.capacity for place in places]) * scale * scenario.step_hours), 1),
        supply=supply,
        stock=stock,
        wage=(numbers.income_mean / 120.0 * relative**numbers.price_power).astype(np.float32),
        weekly=(people.income * 12 // 52),
        hunger=(0.2 + 0.3 * uniforms(seed, Stream.EAT, 0, people.names)).astype(np.float32),
        last_meal=np.full(number, -12, np.int32),
        pantry=np.round(target * (0.4 + 0.6 * uniforms(seed, Stream.SHOP, 0, people.names))[:, None]).astype(np.int16),
        target=target,
        a_meal=np.minimum(richer * [good.a_meal for good in goods], 1.0).astype(np.float32),
        energy=np.array([good.energy for good in goods], np.float32),
        stress=np.zeros((len(STRESSES), number), np.float32),
        known=known,
        attention=np.zeros((number, restaurants), np.float32),
        quality=quality,
        crowding=np.zeros((number, restaurants), np.float32),
        expected=np.tile(prices[:restaurants].astype(np.float32), (number, 1)),
        visits=np.zeros((number, restaurants), np.int32),
        until=np.zeros(number, np.int32),
        arrives=np.zeros(number, np.int32),
        goal=np.full(number, -1, np.int16),
        hunger_rate=np.where(asleep, numbers.hunger_asleep, numbers.hunger_awake).astype(np.float32)
        * scenario.step_hours,
        fatigue_left=(
            0.5 ** (scenario.step_hours / (numbers.stress_fatigue_half_life * np.where(asleep, 0.5, 1.0)))
        ).astype(np.float32),
        posts=Posts.none(),
        day=Day.empty(number, len(places)),
        terms=terms_of(scenario, places, people, seed, scenario.start - timedelta(days=max(scenario.warm_up_days, 1))),
    )
    world.ledger.count_first(world.stock, world.pantry, restaurants)
    assert len(world.hunger_rate) == steps
    return world


def _first_memory(
    scenario: Scenario,
    seed: int,
    people: Households,
    places: tuple[Place, ...],
    cell: NDArray[np.float32],
    restaurants: int,
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """The restaurants that are known at first, the nearest with some luck, and what is thought of them."""
    slots = min(scenario.memory.slots, restaurants)
    rooms = np.arange(restaurants)[None, :]
    who = people.names[:, None]
    km = np.hypot(people.home[:, :1] - cell[None, :restaurants, 0], people.home[:, 1:] - cell[None, :restaurants, 1])
    luck = uniforms(seed, Stream.KNOWN, 0, who, rooms + 1)
    order = np.argsort(np.argsort(km * (0.5 + luck), axis=1, kind="stable"), axis=1, kind="stable")
    known = (order < slots) & ~np.array([place.closed_at_first for place in places[:restaurants]])
    of_place = np.array([place.quality for place in places[:restaurants]], np.float32)
    doubt = uniforms(seed, Stream.QUALITY, 0, who, rooms + 1) - np.float32(0.5)
    return known, of_place[None, :] + np.float32(0.4) * doubt
