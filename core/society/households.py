"""Who lives in the society: homes, work, incomes, hours of sleep, and the personas of a population behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from core.errors import InputError
from core.society.draws import Stream, named, normals, uniforms
from core.society.scenario import Scenario

#: Personas drawn of a population; households share them.
PERSONAS = 400
#: Cells among which a job is chosen.
JOBS = 20
#: Who is no household of their own.
_CHILD = "child"


@dataclass(frozen=True, eq=False)
class Households:
    """What does not change of N households. `home` and `work` are cells (x, y), work that of home where there is none;
    `income` is cents a month; `asleep`, `at_work` and `working` (the break too) are by hour, (24, N); `quartile` is 1 to 4;
    `district` counts the scenario's districts, the number of them for none; `persona` is a row of `personas`, -1 for none;
    `buffer` is the cash one likes to keep, cents: some live from pay to pay."""

    names: NDArray[np.uint64]
    home: NDArray[np.float32]
    work: NDArray[np.float32]
    employed: NDArray[np.bool_]
    income: NDArray[np.int64]
    quartile: NDArray[np.int8]
    district: NDArray[np.int8]
    need: NDArray[np.float32]
    asleep: NDArray[np.bool_]
    at_work: NDArray[np.bool_]
    working: NDArray[np.bool_]
    activity: NDArray[np.float32]
    buffer: NDArray[np.float64]
    persona: NDArray[np.int32]
    personas: Any = None

    @property
    def number(self) -> int:
        return len(self.income)


def settle(scenario: Scenario, seed: int, number: int) -> Households:
    """The households of a scenario in the world of this seed, ids 0 to `number` - 1."""
    numbers = scenario.numbers()
    who = named(np.arange(number))
    score = uniforms(seed, Stream.INCOME, 0, who).astype(np.float64)
    employed = uniforms(seed, Stream.WORK, 0, who, 9) < scenario.households.employed
    persona, personas = np.full(number, -1, np.int32), None
    if scenario.households.population:
        personas = _adults(scenario.households.population)
        chances = np.cumsum(personas["weight"].to_numpy(float))
        persona = (
            np.searchsorted(chances, uniforms(seed, Stream.WORK, 0, who, 7) * chances[-1])
            .clip(max=len(chances) - 1)
            .astype(np.int32)
        )
        employed = personas["employed"].to_numpy()[persona]
        score = personas["income_rank"].to_numpy()[persona] + score * 0.999
        score = (np.argsort(np.argsort(score, kind="stable"), kind="stable") + 0.5) / number
    spread = 0.0 if scenario.households.homogeneous else numbers.income_sd
    income = numbers.income_mean * np.exp(spread * ndtri(score) - spread**2 / 2)
    income *= np.where(employed, 1.0, numbers.benefit_share)
    home = _cells(scenario, seed, Stream.HOME, who)
    work = np.where(employed[:, None], _work(scenario, seed, who, home), home)
    activity = np.exp(
        (0.0 if scenario.households.homogeneous else numbers.post_sd) * normals(seed, Stream.POSTING, 0, who)
    )
    need = numbers.sleep_need_mean + numbers.sleep_need_sd * normals(seed, Stream.SLEEP, 0, who, 1)
    wake = numbers.wake_mean + numbers.wake_sd * normals(seed, Stream.SLEEP, 0, who)
    begins = np.floor(8.0 + 2.0 * uniforms(seed, Stream.WORK, 0, who, 8))
    hour = np.arange(24)[:, None]
    # Whole hours of sleep whose mean is the need: the part of an hour is rounded by a draw.
    hours = np.floor(need + uniforms(seed, Stream.SLEEP, 0, who, 9))
    wakes = np.minimum(np.round(wake), np.where(employed, begins - 1, 24)).astype(int)
    working = employed & (hour >= begins) & (hour < begins + 8)
    return Households(
        names=who,
        home=home,
        work=work.astype(np.float32),
        employed=employed,
        income=np.maximum(np.round(income), 1).astype(np.int64),
        quartile=_quartiles(income),
        district=_districts(scenario, home),
        need=need.astype(np.float32),
        asleep=(wakes - 1 - hour) % 24 < hours,
        at_work=working & ~(hour == begins + 4),
        working=working,
        activity=(activity / activity.mean()).astype(np.float32),
        buffer=numbers.cash_target
        * income
        * (income / numbers.income_mean) ** numbers.cash_power
        * (2 * uniforms(seed, Stream.CASH, 0, who, 1)),
        persona=persona,
        personas=personas,
    )


def _cells(
    scenario: Scenario, seed: int, stream: Stream, who: NDArray[np.uint64], slot: int = 0
) -> NDArray[np.float32]:
    width, height = scenario.space.grid
    x = np.floor(uniforms(seed, stream, 0, who, slot + 1) * width)
    y = np.floor(uniforms(seed, stream, 0, who, slot + 2) * height)
    return np.stack([x, y], axis=1).astype(np.float32)


def _work(scenario: Scenario, seed: int, who: NDArray[np.uint64], home: NDArray[np.float32]) -> NDArray[np.float32]:
    """Jobs are anywhere, and taken the sooner the nearer they are: one of some cells, by a power of its distance."""
    offers = np.stack([_cells(scenario, seed, Stream.JOB, who, 3 * offer) for offer in range(JOBS)])
    km = np.hypot(*np.moveaxis(offers - home, 2, 0)) * scenario.space.km_per_cell
    pull = -scenario.numbers().work_decay * np.log(np.maximum(km, 0.5 * scenario.space.km_per_cell))
    pull -= np.log(-np.log([uniforms(seed, Stream.JOB, 0, who, 3 * offer + 3) for offer in range(JOBS)]))
    found: NDArray[np.float32] = offers[pull.argmax(axis=0), np.arange(len(who))]
    return found


def _quartiles(income: NDArray[np.float64]) -> NDArray[np.int8]:
    rank = np.argsort(np.argsort(income, kind="stable"), kind="stable")
    return (1 + 4 * rank // len(income)).astype(np.int8)


def _districts(scenario: Scenario, home: NDArray[np.float32]) -> NDArray[np.int8]:
    found = np.full(len(home), len(scenario.space.districts), np.int8)
    for number, district in enumerate(scenario.space.districts):
        inside = (home >= district.from_cell).all(axis=1) & (home <= district.to_cell).all(axis=1)
        found[inside] = number
    return found


_ADULTS: dict[str, Any] = {}


def _adults(population: str) -> Any:
    """The adult personas of a shipped population, with `employed` and `income_rank` (0 for the lowest category)."""
    if population in _ADULTS:
        return _ADULTS[population]
    from core.people.personas import synthesise
    from core.people.population_file import load_population_spec

    spec = load_population_spec(population)
    people = synthesise(spec, PERSONAS, seed=0).personas
    names = {item.name: item for item in spec.attributes}
    working = next((group for group in spec.groupings if group.name == "work"), None)
    if "income" not in names or working is None:
        raise InputError(
            f"population {population} has no income or no grouping 'work'",
            where="households, population",
            allowed="meridia, uae",
        )
    people = people[people[working.attribute] != _CHILD].reset_index(drop=True)
    order = [category.id for category in names["income"].categories]
    people["income_rank"] = people["income"].map(order.index).astype(float)
    people["employed"] = people[working.attribute].isin(working.groups["employed"]).to_numpy()
    _ADULTS[population] = people
    return people
