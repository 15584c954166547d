"""What the page of the society draws beside a kept result: one world in detail, and tables of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.services.society.results import ARMS, SocietyResult
from core.services.society.run import Plan
from core.society.arms import Contrast
from core.society.ledger import Purpose
from core.society.recorder import SeedRun
from core.society.scenario import STRESSES, Scenario, of_arm, scenario_hash

#: Households whose follows are drawn: more are a ball of wool.
DRAWN = 160
#: The scenario whose run ships.
SHIPPED = "pizza"
DIGITS = 6


@dataclass(frozen=True)
class Replay:
    """Sampled households of a world, step by step: base64 of uint16 cell x, cell y and of uint8 state and mean stress (percent),
    each (steps, households) row by row."""

    steps: int
    households: int
    x: str
    y: str
    state: str
    strain: str


def replay_of(world: SeedRun, households: int) -> Replay:
    """The first so many sampled households of a world."""
    shown = world.replay[:, :households]
    strain = world.strain[:, :households].astype(float) / 100
    mean = np.rint(100 * (1 - np.prod(1 - 0.5 * strain, axis=2))).astype(np.uint8)
    parts = (shown[..., 0], shown[..., 1], shown[..., 2].astype(np.uint8), mean)
    x, y, state, stress = (base64.b64encode(np.ascontiguousarray(part).tobytes()).decode("ascii") for part in parts)
    return Replay(shown.shape[0], shown.shape[1], x, y, state, stress)


@dataclass(frozen=True)
class Inspected:
    """A household of a world as it is at a step. `thoughts` has a row for each place it knows; `events` are its last visits and
    what it read; `purse` has a row a day up to then (cents)."""

    household: int
    income: int
    quartile: int
    employed: bool
    stress: dict[str, float]
    thoughts: pd.DataFrame
    events: pd.DataFrame
    purse: pd.DataFrame


def inspect(world: SeedRun, scenario: Scenario, household: int, step: int) -> Inspected:
    """What is known of a sampled household up to a step, counted from the end of the warm-up."""
    names = [place.id for place in sorted(scenario.places, key=lambda place: place.kind != "restaurant")]
    person = world.households.iloc[household]
    first = int(world.steps["step"].iloc[0])
    events = world.events
    events = events[(events["household"] == household) & (events["step"] <= first + step)].tail(12)
    events = events.assign(step=events["step"] - first, place=[names[at] if at >= 0 else "" for at in events["place"]])
    memories = world.memories
    mine = memories[(memories["household"] == household) & memories["known"]]
    purse = world.purses[
        (world.purses["household"] == household) & (world.purses["day"] <= step * scenario.step_hours // 24)
    ]
    return Inspected(
        household=household,
        income=int(person["income"]),
        quartile=int(person["quartile"]),
        employed=bool(person["employed"]),
        stress={name: float(world.strain[step, household, at]) / 100 for at, name in enumerate(STRESSES)},
        thoughts=mine.assign(place=[names[at] for at in mine["place"]]).drop(columns=["household", "known"]),
        events=events.drop(columns="household"),
        purse=purse.drop(columns="household"),
    )


def drawn_network(world: SeedRun, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Positions of the accounts with most followers among the sampled, and follows between them.

    Positions are those of the two slowest ways in which the follows between them could swing (spectral layout), with a little
    jitter, so that equal networks are drawn equally.
    """
    first, reader = world.network["first"], world.network["reader"]
    number = len(first) - 1
    followers = np.diff(first)
    chosen = np.sort(np.argsort(-followers, kind="stable")[: min(DRAWN, number)])
    place = np.full(number, -1)
    place[chosen] = np.arange(len(chosen))
    author = np.repeat(np.arange(number), followers)
    inside = (place[author] >= 0) & (place[reader] >= 0)
    edges = np.stack([place[reader[inside]], place[author[inside]]], axis=1)
    links = np.zeros((len(chosen), len(chosen)))
    links[edges[:, 0], edges[:, 1]] = 1
    links = np.maximum(links, links.T)
    degree = links.sum(axis=1) + 1e-3
    _, vectors = np.linalg.eigh(np.eye(len(chosen)) - links / np.sqrt(np.outer(degree, degree)))
    spread = vectors[:, 1:3] / np.sqrt(degree)[:, None]
    ranks = np.argsort(np.argsort(spread, axis=0, kind="stable"), axis=0, kind="stable") / len(chosen)
    jitter = np.random.default_rng(seed).normal(0, 0.012, ranks.shape)
    tone = world.posts[world.posts["author"] >= 0].groupby("author")["valence"].mean()
    positions = pd.DataFrame(
        {
            "household": chosen,
            "x": ranks[:, 0] + jitter[:, 0],
            "y": ranks[:, 1] + jitter[:, 1],
            "followers": followers[chosen],
            "tone": tone.reindex(chosen).to_numpy(),
        }
    )
    return positions, pd.DataFrame({"reader": chosen[edges[:, 0]], "author": chosen[edges[:, 1]]})


def shipped_form(result: SocietyResult) -> SocietyResult:
    """A result as it ships: of ablations and tests only what everybody has is drawn, and so many digits are enough."""
    kept = [item for item in result.contrasts if result.what == ARMS or item.group == "all"]
    return replace(result, contrasts=tuple(map(_rounded, kept)))


def _rounded(item: Contrast) -> Contrast:
    def short(value: float) -> float:
        return float(f"{value:.{DIGITS}g}")

    low, high = (None if value is None else short(value) for value in (item.low, item.high))
    return replace(
        item,
        reference=short(item.reference),
        mean=short(item.mean),
        low=low,
        high=high,
        same_sign=short(item.same_sign),
    )


def arm_hashes(plan: Plan) -> dict[str, str]:
    """The hash of the scenario as each arm of a plan has it."""
    return {arm: scenario_hash(of_arm(plan.scenario, arm, plan.scenario.id)) for arm in plan.arms}


def paid(ledger: pd.DataFrame, purposes: Sequence[Purpose] = tuple(Purpose)) -> dict[str, int]:
    """Cents by purpose, a world's mean: `ledger` has seed, purpose and cents."""
    worlds = max(ledger["seed"].nunique(), 1)
    totals = ledger.groupby("purpose")["cents"].sum()
    return {purpose.name: int(totals.get(purpose.name, 0) / worlds) for purpose in purposes}
