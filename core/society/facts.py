"""Stylised facts: what is known of households elsewhere, and the same quantity computed in a society.

Each row of `data/society/facts.csv` is one figure with its range and source. Arms are paired: equal seeds share every draw,
so that a difference of two arms is the effect of what was changed. No fact says that a society is like a real place.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.settings import shipped_data
from core.society.recorder import SeedRun
from core.society.run import check_size, recorded, warmed
from core.society.scenario import Add, Scenario, Set, edited
from core.society.world import World, build
from core.statistics.spread import t_half_width

#: Worlds of the facts and of the search; neither uses one of the other, nor those of a scenario's own runs (from its seed on).
FACT_SEED, TUNE_SEED = 700_001, 800_001
#: Prices are moved by so much either way.
_PRICE = 0.1
#: A transfer of so many cents on the first day, and the fewest days in which what is spent of it is counted.
TRANSFER, FEWEST_DAYS = 60_000, 21
#: Campaign posts an hour, each to 2% of the households, about as many as follow one account.
DOSES = (1, 2, 4)
#: Visits from which the ranks of somebody's own places are counted, and how many ranks.
ZIPF_VISITS, ZIPF_RANKS = 8, 5

#: What a fact was used for. `tuned`: the search sees it. `mended`: its miss changed the mechanism once, before these seeds.
#: `input`: the society is built with it, or with what its sources say of it. `held out`: none of these.
Use = Literal["tuned", "mended", "input", "held out"]
USES: tuple[str, ...] = get_args(Use)


@dataclass(frozen=True)
class Fact:
    """One figure: `low` to `high` is where it lies elsewhere; `reason` says why it cannot be computed, and is empty where it
    can."""

    id: str
    fact: str
    quantity: str
    estimator: str
    low: float
    high: float
    use: Use
    source: str
    licence: str
    reason: str

    @property
    def computable(self) -> bool:
        return not self.reason


@cache
def registered_facts() -> tuple[Fact, ...]:
    """The rows of `data/society/facts.csv`, in their order."""
    with (shipped_data() / "society" / "facts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(
        Fact(**row | {"low": float(row["low"] or "nan"), "high": float(row["high"] or "nan")})  # type: ignore[arg-type]
        for row in rows
    )


@dataclass(frozen=True, kw_only=True)
class FactFigure:
    """A figure in R worlds: their mean and its 95% interval (Student's t; None for one world), and where it lies elsewhere."""

    id: str
    fact: str
    quantity: str
    value: float | None
    low: float | None
    high: float | None
    range_low: float
    range_high: float
    hit: bool
    use: Use
    source: str
    by_seed: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A fact that a society cannot show, and why."""

    fact: str
    quantity: str
    reason: str
    source: str


def left_out() -> tuple[LeftOut, ...]:
    return tuple(
        LeftOut(fact=row.fact, quantity=row.quantity, reason=row.reason, source=row.source)
        for row in registered_facts()
        if not row.computable
    )


def measure_facts(
    scenario: Scenario,
    *,
    seeds: int = 20,
    first_seed: int = FACT_SEED,
    households: int | None = None,
    use: Use | None = None,
    executor: Executor = IN_THIS_PROCESS,
    done: Callable[[int], None] | None = None,
) -> tuple[FactFigure, ...]:
    """The figures that can be computed (those of one use, where it is named), over `seeds` worlds.

    InputError where the scenario has levers or shocks of its own, for then there is no undisturbed arm; fewer than three
    restaurants; or is shorter than three weeks.
    """
    restaurants = sum(place.kind == "restaurant" for place in scenario.places)
    for wrong, told, allowed in (
        (bool(scenario.levers or scenario.shocks), "has levers or shocks of its own", "a scenario without"),
        (restaurants < 3, f"has {restaurants} restaurants", "3 and more"),
        (scenario.days < FEWEST_DAYS, f"lasts {scenario.days} days", f"{FEWEST_DAYS} and more"),
    ):
        if wrong:
            raise InputError(f"scenario {scenario.id} {told}", where="facts", allowed=allowed)
    wanted = tuple(fact for fact in registered_facts() if fact.computable and use in (None, fact.use))
    number = scenario.households.number if households is None else households
    check_size(number, scenario.days, seeds)
    tasks = [(scenario, first_seed + at, number, frozenset(fact.id for fact in wanted)) for at in range(seeds)]
    values: list[Mapping[str, float]] = []
    for found in executor.map(facts_of_world, tasks):
        values.append(found)
        if done:
            done(len(values))
    return tuple(_figure(fact, [value[fact.id] for value in values]) for fact in wanted)


def _figure(fact: Fact, values: Sequence[float]) -> FactFigure:
    known = np.array([value for value in values if np.isfinite(value)])
    mean = float(known.mean()) if len(known) else None
    half = None
    if len(known) > 1:
        half = float(t_half_width(known))
    return FactFigure(
        id=fact.id,
        fact=fact.fact,
        quantity=fact.quantity,
        value=mean,
        low=None if mean is None or half is None else mean - half,
        high=None if mean is None or half is None else mean + half,
        range_low=fact.low,
        range_high=fact.high,
        hit=mean is not None and fact.low <= mean <= fact.high,
        use=fact.use,
        source=fact.source,
        by_seed=tuple(float(value) if np.isfinite(value) else None for value in values),
    )


def facts_of_world(scenario: Scenario, seed: int, households: int, wanted: frozenset[str]) -> dict[str, float]:
    """The figures of one world by id; arms are run only where a wanted figure needs them."""
    plain = edited(scenario, [Set(set="record.households", value=0), Set(set="record.posts", value=0)])
    warm = warmed(build(plain, seed, households))

    def run(*levers: dict[str, Any]) -> tuple[World, SeedRun]:
        world = deepcopy(warm)
        world.scenario = edited(plain, [Add(add={"start": str(plain.start)} | lever) for lever in levers])
        return world, recorded(world, scenario.days, detail=False)

    world, base = run()
    found = _spending(base) | _time(base, scenario.days) | _posting(base)
    found |= _visits(world, base) | _network(world) | _commuting(world) | _wages(world)
    priced = sorted((place for place in scenario.places if place.kind == "restaurant"), key=lambda one: one.price_cents)
    middle = priced[len(priced) // 2].id

    def units(levers: Sequence[dict[str, Any]], place: str | None) -> int:
        names = [one.id for one in priced] if place is None else [place]
        days = run(*levers)[1].days
        return int(days.loc[days["place"].isin(names), "units"].sum())

    def price_elasticity(place: str | None, *levers: dict[str, Any]) -> float:
        places = [one.id for one in priced] if place is None else [place]
        up, down = (
            units([*levers, {"kind": "price_shock", "factor": factor, "places": places}], place)
            for factor in (1 + _PRICE, 1 - _PRICE)
        )
        return _log(up / max(down, 1)) / np.log((1 + _PRICE) / (1 - _PRICE))

    if "F3" in wanted:
        found["F3"] = price_elasticity(None)
    if "F4" in wanted:
        own = {one.id: price_elasticity(one.id) for one in (priced[0], priced[len(priced) // 2], priced[-1])}
        found["F4"] = float(np.mean(list(own.values())))
    if wanted & {"F5_sales", "F5_price"}:
        # Everybody reads the advert about once a day: 11 hours, a share of .35 of what is delivered is read.
        advert = {
            "kind": "campaign",
            "place": middle,
            "advert": True,
            "posts_per_hour": 1,
            "reach": 0.26,
            "hours": (11, 22),
        }
        at_rest = base.days.loc[base.days["place"] == middle, "units"].sum()
        found["F5_sales"] = units([advert], middle) / max(at_rest, 1)
        found["F5_price"] = price_elasticity(middle, advert) - own[middle]
    if wanted & {"F6_volume", "F6_valence"}:
        found |= _word_of_mouth(lambda lever: run(lever)[1], middle)
    if wanted & {"F8_all", "F8_poorest"}:
        found |= _propensity(run({"kind": "transfer", "cents": TRANSFER})[1], base)
    return {name: found[name] for name in wanted}


def _log(value: float) -> float:
    return float(np.log(value)) if value > 0 else float("nan")


def _slope(x: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None = None) -> float:
    good = np.isfinite(x) & np.isfinite(y)
    if good.sum() < 3:
        return float("nan")
    return float(np.polyfit(x[good], y[good], 1, w=None if weights is None else np.sqrt(weights[good]))[0])


def _spending(base: SeedRun) -> dict[str, float]:
    """Working and Leser: the share of spending (without rent) on its logarithm; elasticity at the mean share."""
    house = base.households
    total = house["out"] + house["home"] + house["other"]
    house, total = house[total > 0], total[total > 0]
    log = np.log(total.to_numpy())
    out = (house["out"] / total).to_numpy()
    return {
        "F1": _slope(log, (house["home"] / total).to_numpy()),
        "F2": 1 + _slope(log, out) / max(float(out.mean()), 1e-9),
    }


def _time(base: SeedRun, days: int) -> dict[str, float]:
    house = base.households
    return {"F16_sleep": float(house["slept"].mean()) / days, "F16_eating": float(house["minutes"].mean()) / days / 60}


def _posting(base: SeedRun) -> dict[str, float]:
    posted = np.sort(base.households["posted"].to_numpy())[::-1]
    begun = max(base.cascades["posts"], 1)
    return {
        "F14": float(posted[: max(len(posted) // 10, 1)].sum() / max(posted.sum(), 1)),
        "F15_unpassed": 1 - base.cascades["passed_on"] / begun,
        "F15_far": base.cascades["passed_far"] / begun,
    }


def _visits(world: World, base: SeedRun) -> dict[str, float]:
    """Ranks of one's own restaurants, and visitors of a place by distance from home and visits (Schlaepfer and others 2021)."""
    visits = base.visits
    often = np.sort(visits[visits.sum(axis=1) >= ZIPF_VISITS], axis=1)[:, ::-1].astype(float)
    share = (often / often.sum(axis=1, keepdims=True)).mean(axis=0)[:ZIPF_RANKS] if len(often) else np.zeros(0)
    ranks = np.arange(1, len(share) + 1)
    with np.errstate(divide="ignore"):
        zipf = -_slope(np.log(ranks), np.log(share))
    km = np.hypot(*(world.people.home[:, None] - world.cell[None, : world.restaurants]).transpose(2, 0, 1))
    ring = np.rint(km * world.scenario.space.km_per_cell).astype(int)
    rows = []
    for place in range(world.restaurants):
        for far in range(1, int(ring.max()) + 1):
            counts = np.bincount(visits[ring[:, place] == far, place])
            rows += [(far * times, seen / counts.sum(), seen) for times, seen in enumerate(counts) if times and seen]
    table = np.array(rows) if rows else np.zeros((0, 3))
    return {"F9": zipf, "F11_visitors": -_slope(np.log(table[:, 0]), np.log(table[:, 1]), table[:, 2])}


def _commuting(world: World) -> dict[str, float]:
    """Poisson gravity: commuters between cells on the logarithm of their distance, with the sizes of both cells as offset."""
    people, width = world.people, world.scenario.space.grid[0]
    home, work = ((cells[people.employed] @ np.array([1, width])).astype(int) for cells in (people.home, people.work))
    cells = np.prod(world.scenario.space.grid)
    flow = np.bincount(home * cells + work, minlength=cells**2).reshape(cells, cells)
    lives, works = flow.sum(axis=1), flow.sum(axis=0)
    at = np.stack([np.arange(cells) % width, np.arange(cells) // width], axis=1)
    km = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)) * world.scenario.space.km_per_cell
    pairs = (km > 0) & (np.outer(lives, works) > 0)
    return {"F11_commuting": _poisson_slope(np.log(km[pairs]), flow[pairs], np.outer(lives, works)[pairs])}


def _poisson_slope(x: NDArray[Any], count: NDArray[Any], size: NDArray[Any]) -> float:
    """The slope of a Poisson regression with log size as offset, by Newton's steps."""
    design, beta = np.stack([np.ones_like(x), x], axis=1), np.zeros(2)
    beta[0] = np.log(max(count.sum(), 1) / size.sum())
    for _ in range(50):
        mean = size * np.exp(design @ beta)
        step = np.linalg.solve(design.T @ (design * mean[:, None]), design.T @ (count - mean))
        beta += step
        if np.abs(step).max() < 1e-9:
            break
    return float(beta[1])


def _network(world: World) -> dict[str, float]:
    """Degrees and clustering of who is tied to whom in either direction; shares and tail of the follows themselves."""
    network, number = world.network, world.number
    follows = sparse.csr_array(
        (np.ones(network.follows), network.reader, network.first), shape=(number, number), dtype=float
    )
    either = ((follows + follows.T) > 0).astype(float)
    degree = np.sort(np.asarray(either.sum(axis=1)).ravel())[::-1]
    triangles = np.asarray((either @ either * either).sum(axis=1)).ravel()
    pairs = np.asarray(either.sum(axis=1)).ravel()
    pairs = pairs * (pairs - 1)
    followers = np.diff(network.first)
    least = max(float(np.median(followers[followers > 0])), 1.0) if network.follows else 1.0
    tail = followers[followers >= least]
    rising = degree[::-1]
    rank = np.arange(1, number + 1)
    return {
        "F12_top": float(degree[: number // 10].sum() / max(degree.sum(), 1)),
        "F12_gini": float((2 * rank - number - 1) @ rising / max(number * rising.sum(), 1)),
        "F12_clustering": float(np.mean(triangles[pairs > 0] / pairs[pairs > 0])) if (pairs > 0).any() else 0.0,
        "F13_mutual": float((follows * follows.T).sum() / max(network.follows, 1)),
        "F13_tail": float(1 + len(tail) / np.log(tail / (least - 0.5)).sum()) if len(tail) else float("nan"),
    }


def _wages(world: World) -> dict[str, float]:
    wage = np.sort(world.people.income[world.people.employed].astype(float))
    rank = np.arange(1, len(wage) + 1)
    ninth, first = np.quantile(wage, [0.9, 0.1])
    return {
        "F17_sd": float(np.log(wage).std()),
        "F17_gini": float((2 * rank - len(wage) - 1) @ wage / (len(wage) * wage.sum())),
        "F17_ratio": float(ninth / first),
    }


def _word_of_mouth(run: Callable[[dict[str, Any]], SeedRun], place: str) -> dict[str, float]:
    """Sales of a place on the number of posts about it, and on their mean in stars (1 to 5), campaign and others together."""

    def campaign(dose: float, valence: float) -> tuple[float, float, float]:
        days = run({"kind": "campaign", "place": place, "posts_per_hour": dose, "valence": valence}).days
        here = days[days["place"] == place]
        own, sent = here["posts"].sum(), dose * 24 * len(here)
        said = float((here["mean_valence"].fillna(0) * here["posts"]).sum()) + valence * sent
        return _log(here["units"].sum()), _log(own + sent), _log(3 + 2 * said / (own + sent))

    doses = np.array([campaign(dose, 0.5) for dose in DOSES])
    low, high = (campaign(DOSES[1], valence) for valence in (0.25, 0.75))
    return {
        "F6_volume": _slope(doses[:, 1], doses[:, 0]),
        "F6_valence": (high[0] - low[0]) / (high[2] - low[2]),
    }


def _propensity(given: SeedRun, base: SeedRun) -> dict[str, float]:
    """What is spent of a transfer until the last day, of all and of the poorest quarter above the richest."""
    spent, not_given = (run.households[["out", "home", "other"]].sum(axis=1) for run in (given, base))
    share = (spent - not_given) / TRANSFER
    by_quarter = share.groupby(base.households["quartile"]).mean()
    return {"F8_all": float(share.mean()), "F8_poorest": float(by_quarter.iloc[0] - by_quarter.iloc[-1])}
