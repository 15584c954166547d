"""What is kept of a run: frames by day, group and step, the ledger, and a sample of households and posts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.society.ledger import Purpose
from core.society.market import where_they_are
from core.society.posts import Kind, Posts
from core.society.scenario import STRESSES
from core.society.world import World

#: What is summed of each household over a run, in the order of `households`.
HOUSEHOLD_SUMS = ("out", "home", "other", "trips", "km", "trip_km", "posted", "slept", "minutes")

POST_COLUMNS = ("step", "author", "place", "valence", "kind", "depth")
PURSE_COLUMNS = ("day", "household", "cash", "out", "home", "other")
EVENT_COLUMNS = ("step", "household", "what", "place", "valence")


@dataclass(eq=False)
class SeedRun:
    """One world after its run.

    Of sampled households: `replay` is (steps, households, 3) of uint16: cell x, cell y, state (`where_they_are`);
    `strain` is (steps, households, 6) of uint8: each stress in percent; `memories` are what each thinks of each restaurant at the
    end, `purses` what each had and spent by day (cents).
    """

    seed: int
    days: pd.DataFrame
    groups: pd.DataFrame
    steps: pd.DataFrame
    ledger: pd.DataFrame
    posts: pd.DataFrame
    events: pd.DataFrame
    households: pd.DataFrame
    visits: NDArray[np.int32]
    cascades: dict[str, int]
    network: dict[str, NDArray[Any]]
    replay: NDArray[np.uint16]
    strain: NDArray[np.uint8]
    memories: pd.DataFrame
    purses: pd.DataFrame
    state_hash: str


@dataclass(eq=False)
class Recorder:
    """Takes notes of a world, from the end of its warm-up; `detail` of sampled households and posts too."""

    world: World
    detail: bool = True
    days: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    steps: list[tuple[float, ...]] = field(default_factory=list)
    flows: list[NDArray[np.int64]] = field(default_factory=list)
    posts: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    replay: list[NDArray[np.uint16]] = field(default_factory=list)
    strain: list[NDArray[np.uint8]] = field(default_factory=list)
    purses: list[tuple[Any, ...]] = field(default_factory=list)
    said: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        world = self.world
        self.sample = (
            np.arange(min(world.scenario.record.households, world.number)) if self.detail else np.zeros(0, np.int64)
        )
        self.left = world.scenario.record.posts if self.detail else 0
        self.before = world.ledger.flows.copy()
        self.sums = {name: np.zeros(world.number) for name in HOUSEHOLD_SUMS}
        self.visits = np.zeros((world.number, world.restaurants), np.int32)
        self.cascades = {"posts": 0, "passed_on": 0, "passed_far": 0}
        codes = world.people.district.astype(np.int64)
        self.by_group = (
            ("income_quartile", world.people.quartile.astype(np.int64) - 1, 4),
            ("district", codes, int(codes.max()) + 1),
        )

    def step(self, posts: Posts) -> None:
        """After a step."""
        world = self.world
        hour = world.step * world.hours % 24
        away = int(np.count_nonzero(world.until > world.step))
        awake = world.number - int(np.count_nonzero(world.people.asleep[hour]))
        self.steps.append((world.step, *world.stress.mean(axis=1).tolist(), awake, away, len(posts)))
        if len(posts):
            own = (posts.author >= 0) & (posts.kind != Kind.repost)
            self.cascades["posts"] += int(own.sum())
            about = own & (posts.place >= 0)
            self.said.append((posts.place[about], posts.valence[about]))
        for who, place, _ in world.felt:
            np.add.at(self.visits, (who, place), 1)
        if not self.detail:
            return
        if self.left and len(posts):
            kept = slice(0, self.left)
            self.posts.append((world.step, *(getattr(posts, name)[kept] for name in POST_COLUMNS[1:])))
            self.left -= len(posts.author[kept])
        if len(self.sample):
            cells, state = where_they_are(world, slice(len(self.sample)))
            row = np.empty((len(self.sample), 3), np.uint16)
            row[:, :2], row[:, 2] = np.rint(cells), state
            self.replay.append(row)
            self.strain.append(np.rint(100 * world.stress[:, : len(self.sample)].T).astype(np.uint8))
            for what, parts in (("visit", world.felt), ("read", [world.seen] if world.seen else [])):
                for who, place, valence in parts:
                    mine = who < len(self.sample)
                    if mine.any():
                        self.events.append((world.step, who[mine], what, place[mine], valence[mine]))

    def day(self, number: int) -> None:
        """After the last step of a day, before its sums are emptied."""
        world, day = self.world, self.world.day
        for name in HOUSEHOLD_SUMS:
            self.sums[name] += getattr(day, name)
        self.cascades["passed_on"] += day.passed_on
        self.cascades["passed_far"] += day.passed_far
        place = np.concatenate([part[0] for part in self.said]) if self.said else np.zeros(0, np.int64)
        valence = np.concatenate([part[1] for part in self.said]) if self.said else np.zeros(0, np.float32)
        self.said = []
        for at, item in enumerate(world.places):
            mine = valence[place == at]
            arrivals = int(day.served[at] + day.turned_away[at])
            self.days.append(
                {
                    "day": number, "place": item.id, "sales_cents": int(day.sales[at]), "units": int(day.units[at]),
                    "served": int(day.served[at]), "turned_away": int(day.turned_away[at]),
                    "wait": float(day.wait[at] / arrivals) if arrivals else 0.0, "price_cents": int(world.price[at]),
                    "posts": len(mine), "mean_valence": float(mine.mean()) if len(mine) else np.nan,
                    "dispersion": gini_difference(mine),
                    "adverts": day.adverts if at == 0 else 0, "reposts": day.reposts if at == 0 else 0,
                }
            )  # fmt: skip
        for group, code, levels in self.by_group:
            count = np.bincount(code, minlength=levels)
            means = {name: np.bincount(code, getattr(day, name), levels) for name in HOUSEHOLD_SUMS}
            means["cash"] = np.bincount(code, world.ledger.cash, levels)
            means |= {f"stress_{name}": np.bincount(code, world.stress[at], levels) for at, name in enumerate(STRESSES)}
            for level in np.flatnonzero(count):
                row = {name: float(total[level] / count[level]) for name, total in means.items()}
                self.groups.append(
                    {"day": number, "group": group, "level": int(level), "households": int(count[level])} | row
                )
        if len(self.sample):
            who = self.sample
            self.purses.append((number, who, world.ledger.cash[who], day.out[who], day.home[who], day.other[who]))
        self.flows.append(world.ledger.flows - self.before)
        self.before = world.ledger.flows.copy()

    def finished(self) -> SeedRun:
        world = self.world
        steps = pd.DataFrame(self.steps, columns=["step", *STRESSES, "awake", "away", "posts"])
        ledger = (
            pd.DataFrame(np.array(self.flows), columns=[purpose.name for purpose in Purpose])
            .rename_axis("day")
            .reset_index()
        )
        groups = pd.DataFrame(self.groups)
        districts = [district.id for district in world.scenario.space.districts] + ["elsewhere"]
        is_district = groups["group"] == "district"
        groups["level"] = [
            districts[level] if named else str(level + 1)
            for level, named in zip(groups["level"], is_district, strict=True)
        ]
        people = world.people
        households = pd.DataFrame(
            {
                "household": np.arange(world.number),
                "income": people.income,
                "quartile": people.quartile,
                "employed": people.employed,
                **self.sums,
            }
        )
        network: dict[str, NDArray[Any]] = {}
        if self.detail:
            network = {"first": world.network.first, "reader": world.network.reader}
        return SeedRun(
            seed=world.seed,
            days=pd.DataFrame(self.days),
            groups=groups,
            steps=steps,
            ledger=ledger,
            posts=_table(self.posts, POST_COLUMNS),
            events=_table(self.events, EVENT_COLUMNS),
            households=households,
            visits=self.visits,
            cascades=self.cascades,
            network=network,
            replay=np.array(self.replay, np.uint16) if self.replay else np.zeros((0, 0, 3), np.uint16),
            strain=np.array(self.strain, np.uint8) if self.strain else np.zeros((0, 0, len(STRESSES)), np.uint8),
            memories=self._memories(),
            purses=_table(self.purses, PURSE_COLUMNS),
            state_hash=state_hash(world),
        )

    def _memories(self) -> pd.DataFrame:
        """What sampled households know of each restaurant."""
        world, count = self.world, self.world.restaurants
        names = ("known", "quality", "attention", "crowding", "visits")
        found = {name: getattr(world, name)[self.sample].ravel() for name in names}
        return pd.DataFrame(
            {"household": np.repeat(self.sample, count), "place": np.tile(np.arange(count), len(self.sample)), **found}
        )


def _table(parts: list[tuple[Any, ...]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Rows of parts, each a value or an array of them for every column."""
    sizes = [len(part[1]) for part in parts]
    found = {}
    for at, name in enumerate(columns):
        filled = [
            part[at] if isinstance(part[at], np.ndarray) else np.full(size, part[at])
            for part, size in zip(parts, sizes, strict=True)
        ]
        found[name] = np.concatenate(filled) if filled else np.zeros(0)
    return pd.DataFrame(found)


def gini_difference(values: NDArray[np.float32]) -> float:
    """Gini's mean difference: the mean distance of two of the values. Not a number for fewer than two."""
    n = len(values)
    if n < 2:
        return float("nan")
    return float(2 * (np.sort(values.astype(float)) * (2 * np.arange(n) - n + 1)).sum() / (n * (n - 1)))


def state_hash(world: World) -> str:
    """SHA-256 of all that the next step depends on."""
    digest = hashlib.sha256()
    for array in (
        world.ledger.cash, world.ledger.till, world.ledger.voucher, world.ledger.flows, world.stock, world.price, world.pantry,
        world.hunger, world.last_meal, world.stress, world.known, world.attention, world.quality, world.crowding, world.expected,
        world.visits, world.until, world.goal, world.network.reader, world.network.first,
    ):  # fmt: skip
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
