"""A configuration of econsimulacra 0.14.1 as arrays: its rule-based households, its sellers, what they begin with.

Keys and defaults are that package's own (MIT licence, Copyright (c) 2026 SimulacraBusiness).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError, nearest
from core.printable import quoted
from core.society.draws import Stream, uniforms

Floats = NDArray[np.float64]
Path = tuple[str, ...]
_NEEDED: Any = object()
_LARGEST = 1e15
_MOST_AGENTS = _MOST_STEPS = 1_000_000
#: Least of what is divided by.
_SHORT = 1e-6
_CONST, _UNIFORM, _NORMAL, _EXPON = range(4)
_DISTRIBUTIONS = {"const": (_CONST, 1), "uniform": (_UNIFORM, 2), "normal": (_NORMAL, 2), "expon": (_EXPON, 1)}


class Source:
    """JSON that remembers which of its keys were read, so that nothing is left out unsaid."""

    def __init__(self, raw: Mapping[str, Any], where: str) -> None:
        self.raw, self.where = raw, where
        self._read: set[Path] = set()

    def get(self, *path: str, default: Any = _NEEDED) -> Any:
        """The value at a path of keys, which is then read. InputError where it is not there and nothing stands for it."""
        found = self.peek(*path, default=default)
        self._read.add(path)
        return found

    def peek(self, *path: str, default: Any = _NEEDED) -> Any:
        """As `get`, but what is looked up counts as unread."""
        here: Any = self.raw
        for depth, key in enumerate(path):
            if not isinstance(here, Mapping) or key not in here:
                if default is not _NEEDED:
                    return default
                known = list(here) if isinstance(here, Mapping) else []
                raise InputError(
                    f"has no key {quoted('.'.join(path[: depth + 1]))}", where=self.where,
                    allowed="a configuration of econsimulacra", nearest=nearest(key, known),
                )  # fmt: skip
            here = here[key]
        return here

    def number(self, *path: str, default: Any = _NEEDED, least: float = -_LARGEST, most: float = _LARGEST) -> float:
        value = self.get(*path, default=default)
        if not _is_number(value) or not (least <= value <= most or value is np.nan):
            allowed = f"a number {'' if least == -_LARGEST else f'from {least:g} '}up to {most:g}"
            raise self.wrong(path, f"is {quoted(value)}", allowed)
        return float(value)

    def table(self, *path: str) -> dict[str, Any]:
        """The values of a table, all of them read; none where it is not there."""
        value = self.get(*path, default={})
        if not isinstance(value, Mapping):
            raise self.wrong(path, f"is {quoted(value)}", "a table of keys and values")
        return dict(value)

    def texts(self, *path: str, default: Any = _NEEDED) -> tuple[str, ...]:
        value = self.get(*path, default=default)
        if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(one, str) for one in value):
            raise self.wrong(path, f"is {quoted(value)}", "a list of names")
        return tuple(value)

    def wrong(self, path: Sequence[str], problem: str, allowed: str) -> InputError:
        return InputError(problem, where=f"{self.where}, {'.'.join(path)}", allowed=allowed)

    def was_read(self, path: Path) -> bool:
        """Whether the value there was read, or a table that it is in."""
        return any(path[:depth] in self._read for depth in range(1, len(path) + 1))

    def keys(self, wanted: Callable[[Path], bool]) -> tuple[str, ...]:
        """The paths of wanted values; one path for a table of them only."""
        return tuple(".".join(path) for path in _paths(self.raw, (), wanted)[0])


def _paths(here: Any, path: Path, wanted: Callable[[Path], bool]) -> tuple[list[Path], bool]:
    """Paths of wanted values in a table, and whether all are wanted: then the table's own path stands for them."""
    if not isinstance(here, Mapping) or not here:
        return ([path], True) if wanted(path) else ([], False)
    parts = [_paths(value, (*path, key), wanted) for key, value in here.items()]
    if path and all(whole for _, whole in parts):
        return [path], True
    return [found for some, _ in parts for found in some], False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at(*path: str, default: float, least: float = -_LARGEST, most: float = _LARGEST) -> dict[str, Any]:
    """Where a household's configuration has a number, what stands for it, and its bounds."""
    return {"path": path, "given": {"default": default, "least": least, "most": most}}


@dataclass(frozen=True)
class Rules:
    """Numbers of the household's rules, one for each household."""

    start_hour: Floats = field(metadata=_at("startHour", default=6.0))
    step_hours: Floats = field(metadata=_at("stepHours", default=1.0, least=_SHORT))
    initial_pressure: Floats = field(metadata=_at("sleepRule", "initialPressure", default=0.35))
    least_pressure: Floats = field(metadata=_at("sleepRule", "lowerAsymptote", default=0.05))
    most_pressure: Floats = field(metadata=_at("sleepRule", "upperAsymptote", default=1.0))
    tau_wake: Floats = field(metadata=_at("sleepRule", "tauWakeHours", default=18.0, least=_SHORT))
    tau_sleep: Floats = field(metadata=_at("sleepRule", "tauSleepHours", default=4.0, least=_SHORT))
    circadian_amplitude: Floats = field(metadata=_at("sleepRule", "circadianAmplitude", default=0.12))
    circadian_phase: Floats = field(metadata=_at("sleepRule", "circadianPhaseHour", default=2.0))
    sleep_onset: Floats = field(metadata=_at("sleepRule", "onsetThreshold", default=0.78))
    wake_threshold: Floats = field(metadata=_at("sleepRule", "wakeThreshold", default=0.28))
    longest_sleep: Floats = field(metadata=_at("sleepRule", "maxSleepSteps", default=10, least=1, most=1000))
    initial_hunger: Floats = field(metadata=_at("mealRule", "initialHunger", default=0.25))
    hunger_awake: Floats = field(metadata=_at("mealRule", "awakeHungerRate", default=0.07))
    hunger_asleep: Floats = field(metadata=_at("mealRule", "sleepHungerRate", default=0.025))
    meal_width: Floats = field(metadata=_at("mealRule", "mealSignalWidthHours", default=1.25, least=_SHORT))
    meal_signal: Floats = field(metadata=_at("mealRule", "mealSignalWeight", default=0.35))
    meal_threshold: Floats = field(metadata=_at("mealRule", "mealThreshold", default=0.72))
    critical_hunger: Floats = field(metadata=_at("mealRule", "criticalHunger", default=0.92))
    meal_interval: Floats = field(metadata=_at("mealRule", "minMealIntervalHours", default=3.0))
    cash_reserve: Floats = field(metadata=_at("budgetRule", "cashReserve", default=0.0))
    basket_share: Floats = field(metadata=_at("budgetRule", "maxBasketShare", default=0.35))
    beta_price: Floats = field(metadata=_at("storeChoice", "betaPrice", default=1.0))
    beta_availability: Floats = field(metadata=_at("storeChoice", "betaAvailability", default=2.0))
    beta_budget: Floats = field(metadata=_at("storeChoice", "betaBudgetPressure", default=1.0))
    beta_distance: Floats = field(metadata=_at("storeChoice", "betaDistance", default=0.1))
    initial_availability: Floats = field(metadata=_at("storeChoice", "initialAvailability", default=0.5))
    learning: Floats = field(metadata=_at("storeChoice", "beliefLearningRate", default=0.5))
    price_learning: Floats = field(metadata=_at("storeChoice", "priceLearningRate", default=np.nan))
    availability_learning: Floats = field(metadata=_at("storeChoice", "availabilityLearningRate", default=np.nan))


@dataclass(frozen=True)
class FoodRules:
    """Numbers of the household's rules for each food: households × items; a default of nan is an equal share."""

    share: Floats = field(metadata=_at("mealRule", "composition", default=np.nan))
    energy: Floats = field(metadata=_at("mealRule", "energyPerUnit", default=1.0))
    reorder: Floats = field(metadata=_at("sSinventoryRule", "reorderPoints", default=1.0))
    target: Floats = field(metadata=_at("sSinventoryRule", "targetStocks", default=4.0))
    prior: Floats = field(metadata=_at("pricePriors", default=1.0))
    importance: Floats = field(metadata=_at("itemImportance", default=1.0))


@dataclass(frozen=True)
class Amounts:
    """What agents begin with, cash first: the distribution of each amount and its two numbers; agents × (1 + items)."""

    kind: NDArray[np.int8]
    first: Floats
    second: Floats

    @property
    def mean(self) -> Floats:
        return np.where(self.kind == _UNIFORM, (self.first + self.second) / 2.0, self.first)

    def drawn(self, seed: int, who: NDArray[np.uint64]) -> Floats:
        slots = np.arange(self.kind.shape[1])
        one, two = (uniforms(seed, Stream.CASH, 0, who[:, None], slots + add).astype(float) for add in (0, len(slots)))
        normal = np.sqrt(-2 * np.log(one)) * np.cos(2 * np.pi * two)
        among = [self.first, self.first + one * (self.second - self.first), self.first + normal * self.second]
        found: Floats = np.choose(self.kind, [*among, -self.first * np.log(one)])
        return found


@dataclass(frozen=True)
class Refill:
    """Each so many steps, who is meant receives once more what he began with: his cash, or his goods."""

    every: int
    cash: bool
    households: NDArray[np.bool_]
    sellers: NDArray[np.bool_]


@dataclass(frozen=True)
class Town:
    """N households of rules and S sellers on a grid; cells of -1 are drawn. `foods` (N, I) are bought and eaten, in the
    order of `ranks` (N, F), -1 at the end; `may` (N, 4): sleep, eat, order, move."""

    steps: int
    grid: tuple[int, ...]
    items: tuple[str, ...]
    cash_price: float
    prices: Floats
    rules: Rules
    food: FoodRules
    foods: NDArray[np.bool_]
    ranks: NDArray[np.int64]
    meal_hours: Floats
    may: NDArray[np.bool_]
    homes: NDArray[np.int64]
    begin: Amounts
    sellers: tuple[str, ...]
    seller_cells: NDArray[np.int64]
    seller_begin: Amounts
    shows_place: NDArray[np.bool_]
    shows_stock: NDArray[np.bool_]
    refills: tuple[Refill, ...]


def town_of(source: Source) -> Town:
    """The town of a configuration. InputError for what is missing or cannot be, and where households are not of rules."""
    cash = str(source.get("environment", "cashName"))
    items = tuple(name for name in source.texts("environment", "items") if name != cash)
    grid = _grid(source)
    named = agent_names(source)
    lives = [key for key in named if source.get(key, "isHousehold", default=False)]
    sells = [key for key in named if key not in lives and source.table(key, "inventory")]
    if not any(named[key] for key in lives) or not any(named[key] for key in sells):
        raise source.wrong(("environment", "agents"), "has no household, or no seller", "one of each at least")
    for key in lives:
        if source.get(key, "type", default=key) != "RuleBasedHousehold":
            raise source.wrong(
                (key, "type"), f"is {quoted(source.get(key, 'type', default=key))}", "RuleBasedHousehold"
            )
    home, shop = [len(named[key]) for key in lives], [len(named[key]) for key in sells]
    listed = [source.texts(key, "foodItems", default=()) for key in lives]
    food = _food(source, lives, listed, items)
    shows = [
        [what in source.texts(key, said, default=()) for key in sells]
        for what, said in (("self_pos", "provideInfo4AllAgents"), ("inventory", "provideInfo4CoLocatedAgents"))
    ]
    return Town(
        steps=int(source.number("simulation", "numSteps", least=1, most=_MOST_STEPS)),
        grid=grid,
        items=items,
        cash_price=source.number(cash, "initialPrice", default=0.0),
        prices=np.array([source.number(name, "initialPrice", default=0.0) for name in items]),
        rules=_rules(source, lives, home),
        food=FoodRules(*(np.repeat(table, home, axis=0) for table in food)),
        foods=np.repeat([[name in names for name in items] for names in listed], home, axis=0),
        ranks=np.repeat(_ranks(listed, items, food[-1]), home, axis=0),
        meal_hours=np.repeat(_meal_hours(source, lives), home, axis=0),
        may=np.repeat(_allowed(source, lives), home, axis=0),
        homes=np.repeat(_cells(source, lives, grid), home, axis=0),
        begin=_amounts(source, lives, home, (cash, *items)),
        sellers=tuple(name for key in sells for name in named[key]),
        seller_cells=np.repeat(_cells(source, sells, grid), shop, axis=0),
        seller_begin=_amounts(source, sells, shop, (cash, *items)),
        shows_place=np.repeat(shows[0], shop),
        shows_stock=np.repeat(shows[1], shop),
        refills=_refills(source, *([name for key in keys for name in named[key]] for keys in (lives, sells))),
    )


def _grid(source: Source) -> tuple[int, ...]:
    space = str(source.get("environment", "space"))
    grid = source.get(space, "gridSize")
    if (
        not isinstance(grid, list)
        or not grid
        or not all(isinstance(size, int) and 0 < size <= _MOST_AGENTS for size in grid)
    ):
        raise source.wrong((space, "gridSize"), f"is {quoted(grid)}", "whole numbers from 1 on, one for each dimension")
    return tuple(grid)


def agent_names(source: Source) -> dict[str, list[str]]:
    """The names of agents by their key: what is said for all of them, and the number each has among all agents."""
    named: dict[str, list[str]] = {}
    number = 0
    for key in source.texts("environment", "agents"):
        count = int(source.number(key, "numAgents", default=1, least=0, most=_MOST_AGENTS))
        name = str(source.get(key, "name", default=key))
        named[key] = [f"{name}{number + one}" for one in range(count)]
        number += count
    return named


def _rules(source: Source, lives: Sequence[str], home: Sequence[int]) -> Rules:
    found = {}
    for one in fields(Rules):
        values = [source.number(key, *one.metadata["path"], **one.metadata["given"]) for key in lives]
        found[one.name] = np.repeat(values, home)
    for name in ("price_learning", "availability_learning"):
        found[name] = np.where(np.isnan(found[name]), found["learning"], found[name])
    for name in ("initial_availability", "price_learning", "availability_learning"):
        found[name] = np.clip(found[name], 0.0, 1.0)
    return Rules(**found)


def _food(source: Source, lives: Sequence[str], listed: Sequence[Sequence[str]], items: Sequence[str]) -> list[Floats]:
    """The tables of `FoodRules`, each groups of households × items; 0 for what is no food of theirs."""
    tables = []
    for one in fields(FoodRules):
        path, usual = one.metadata["path"], one.metadata["given"]["default"]
        table = np.zeros((len(lives), len(items)))
        for group, (key, foods) in enumerate(zip(lives, listed, strict=True)):
            for name in foods:
                if name not in items:
                    raise source.wrong((key, "foodItems"), f"has {quoted(name)}, which is no item", ", ".join(items))
                value = source.number(key, *path, name, default=1.0 / len(foods) if np.isnan(usual) else usual)
                table[group, items.index(name)] = max(0.0, value) if one.name == "importance" else value
        tables.append(table)
    return tables


def _ranks(listed: Sequence[Sequence[str]], items: Sequence[str], importance: Floats) -> NDArray[np.int64]:
    """The foods of each group, the most important first, else as listed; -1 where a group has fewer."""
    ranks = np.full((len(listed), max(map(len, listed))), -1)
    for group, foods in enumerate(listed):
        order = sorted((items.index(name) for name in foods), key=lambda item: -importance[group, item])
        ranks[group, : len(order)] = order
    return ranks


def _meal_hours(source: Source, lives: Sequence[str]) -> Floats:
    """Hours of meals, groups × hours; where a group has fewer, its first is repeated, which changes nothing."""
    hours = []
    for key in lives:
        found = source.get(key, "mealRule", "mealCenters", default=[8.0, 13.0, 19.0])
        if not isinstance(found, list) or not found or not all(_is_number(one) and 0 <= one <= 24 for one in found):
            raise source.wrong((key, "mealRule", "mealCenters"), f"is {quoted(found)}", "a list of hours, 0 to 24")
        hours.append(found)
    longest = max(map(len, hours))
    return np.array([one + one[:1] * (longest - len(one)) for one in hours], float)


def _allowed(source: Source, lives: Sequence[str]) -> list[list[bool]]:
    """Whether each group may sleep, eat, order and move; without a manager of sleep nobody sleeps."""
    services = source.texts("environment", "service", default=())
    sleeps = any(source.get(name, "type", default=name) == "SleepManager" for name in services)
    off = [source.texts(key, "disabledActions", default=()) for key in lives]
    actions = ("sleep_duration", "consumptions", "orders", "move")
    return [[name not in one and (sleeps or name != "sleep_duration") for name in actions] for one in off]


def _cells(source: Source, keys: Sequence[str], grid: Sequence[int]) -> NDArray[np.int64]:
    cells = []
    for key in keys:
        cell = source.get(key, "initialCoords", default=None)
        known = isinstance(cell, list) and len(cell) == len(grid) and all(isinstance(at, int) for at in cell)
        if cell is not None and not (known and all(0 <= at < size for at, size in zip(cell, grid, strict=True))):
            raise source.wrong(
                (key, "initialCoords"), f"is {quoted(cell)}", f"a cell of the grid of {quoted(list(grid))}"
            )
        cells.append([-1] * len(grid) if cell is None else cell)
    return np.array(cells, dtype=np.int64)


def _amounts(source: Source, keys: Sequence[str], counts: Sequence[int], names: Sequence[str]) -> Amounts:
    found = np.zeros((3, len(keys), len(names)))
    for row, key in enumerate(keys):
        for name, said in source.table(key, "inventory").items():
            if name not in names:
                raise source.wrong((key, "inventory", name), "is no item", ", ".join(names))
            found[:, row, names.index(name)] = _distribution(source, (key, "inventory", name), said)
    kind, first, second = (np.repeat(part, counts, axis=0) for part in found)
    return Amounts(kind.astype(np.int8), first, second)


def _distribution(source: Source, path: Path, said: Any) -> tuple[float, float, float]:
    """The kind of distribution and its two numbers: a number, [least, most], or {"expon": [mean]} and its like."""
    name, numbers = "const", [said]
    if isinstance(said, list):
        name, numbers = "uniform", said
    elif isinstance(said, Mapping) and len(said) == 1:
        name, numbers = next(iter(said.items()))
    kind, count = _DISTRIBUTIONS.get(name, (_CONST, -1))
    plain = isinstance(numbers, list) and all(_is_number(one) and abs(one) <= _LARGEST for one in numbers)
    if not plain or len(numbers) != count:
        allowed = 'a number, [least, most], {"uniform": [least, most]}, {"normal": [mean, sd]} or {"expon": [mean]}'
        raise source.wrong(path, f"is {quoted(said)}", allowed)
    return kind, float(numbers[0]), float(numbers[-1])


def _refills(source: Source, lives: Sequence[str], sells: Sequence[str]) -> tuple[Refill, ...]:
    """Salaries and supplies; other events stay unread, and so are listed by whoever imports."""
    found = []
    for key in source.texts("simulation", "events", default=()):
        kind = source.get(key, "type")
        if kind not in ("ConstantSalary", "ConstantSupply"):
            continue
        cash = kind == "ConstantSalary"
        told = source.texts(key, "unpaidAgentNames" if cash else "suppliedAgentNames")
        meant = [np.array([any(part in name for part in told) != cash for name in names]) for names in (lives, sells)]
        source.get(key, "trigger", "with", default=None)
        found.append(Refill(int(source.number(key, "trigger", "every", least=1)), cash, *meant))
    return tuple(found)
