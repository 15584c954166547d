"""A scenario, or one of its arms, run in several worlds of chance."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.society.morning import end_day
from core.society.recorder import Recorder, SeedRun
from core.society.scenario import MOST_DAYS, MOST_HOUSEHOLDS, Scenario, of_arm
from core.society.step import advance
from core.society.world import Decide, World, build

#: Worlds of one run.
MOST_SEEDS = 1000


@dataclass(frozen=True, eq=False)
class SocietyRun:
    """One arm of a scenario in R worlds. `worlds` are in the order of their seeds; days count from the end of the warm-up."""

    scenario: Scenario
    arm: str
    households: int
    worlds: tuple[SeedRun, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(world.seed for world in self.worlds)

    @property
    def result_hash(self) -> str:
        """SHA-256 of what became of every world."""
        return hashlib.sha256("".join(world.state_hash for world in self.worlds).encode()).hexdigest()

    def frame(self, name: str) -> pd.DataFrame:
        """A frame of all worlds (`days`, `groups`, `steps`, `ledger`, `households`), with the column `seed` first."""
        parts = [getattr(world, name).assign(seed=world.seed) for world in self.worlds]
        found = pd.concat(parts, ignore_index=True)
        return found[["seed", *(column for column in found.columns if column != "seed")]]

    @property
    def days(self) -> pd.DataFrame:
        return self.frame("days")

    @property
    def groups(self) -> pd.DataFrame:
        return self.frame("groups")

    @property
    def steps(self) -> pd.DataFrame:
        return self.frame("steps")

    @property
    def ledger(self) -> pd.DataFrame:
        return self.frame("ledger")


def simulate(
    scenario: Scenario,
    *,
    seeds: int = 1,
    arm: str = "base",
    households: int | None = None,
    days: int | None = None,
    detail: bool = True,
    executor: Executor = IN_THIS_PROCESS,
    done: Callable[[int], None] | None = None,
    decide: Decide | None = None,
) -> SocietyRun:
    """Run an arm (`base`: as it stands) in `seeds` worlds, those of the scenario's seed and the ones after it.

    `detail` keeps sampled households and posts of the first world. `done` is told the number of worlds that ended. `decide`
    stands in for the rules where a language model is asked: worlds are then run here, one after another. The
    result does not depend on the executor. InputError for numbers out of range and unknown arms.
    """
    number = scenario.households.number if households is None else households
    length = scenario.days if days is None else days
    check_size(number, length, seeds)
    chosen = of_arm(scenario, arm, scenario.id)
    tasks = [
        (chosen, scenario.seed + number_of, number, length, detail and number_of == 0) for number_of in range(seeds)
    ]
    worlds = []
    runs = executor.map(run_world, tasks) if decide is None else (run_world(*task, decide) for task in tasks)
    for world in runs:
        worlds.append(world)
        if done:
            done(len(worlds))
    return SocietyRun(chosen, arm, number, tuple(worlds))


def check_size(households: int, days: int, seeds: int) -> None:
    """InputError for numbers out of range."""
    for value, most, what in (
        (households, MOST_HOUSEHOLDS, "households"),
        (days, MOST_DAYS, "days"),
        (seeds, MOST_SEEDS, "seeds"),
    ):
        if not 1 <= value <= most:
            raise InputError(f"{value} {what}", allowed=f"1 to {most:,}", nearest=str(min(max(value, 1), most)))


def run_world(
    scenario: Scenario, seed: int, households: int, days: int, detail: bool, decide: Decide | None = None
) -> SeedRun:
    """One world from its beginning to its end."""
    world = build(scenario, seed, households)
    world.decide = decide
    return recorded(warmed(world), days, detail)


def warmed(world: World) -> World:
    """The world after the days of its warm-up."""
    for day in range(world.scenario.warm_up_days):
        _live_day(world, day)
    return world


def recorded(world: World, days: int, detail: bool = True) -> SeedRun:
    """What becomes of a warmed world in so many days; of a first world of a run in detail."""
    warm, recorder = world.scenario.warm_up_days, Recorder(world, detail)
    for day in range(warm, warm + days):
        _live_day(world, day, recorder)
    return recorder.finished()


def _live_day(world: World, day: int, recorder: Recorder | None = None) -> None:
    """A day by its number since the world began."""
    steps = 24 // world.hours
    for step in range(day * steps, (day + 1) * steps):
        world.step = step
        posts = advance(world)
        if recorder:
            recorder.step(posts)
    if recorder:
        recorder.day(day - world.scenario.warm_up_days)
    end_day(world)
