"""A scenario without one of its parts, and with levers whose direction is registered (`data/society/signs.toml`): as arms."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from core.errors import InputError
from core.settings import shipped_data
from core.society.arms import paired
from core.society.scenario import Scenario, read_scenario

HELD, REVERSED, NOT_SHOWN = "held", "reversed", "not shown"


def with_arms(scenario: Scenario, arms: Sequence[Mapping[str, Any]]) -> Scenario:
    """The scenario with these arms in place of its own. InputError where one does not fit."""
    return read_scenario(scenario.as_dict() | {"arms": list(arms)}, f"scenario {scenario.id}")


def ablated(scenario: Scenario) -> Scenario:
    """The scenario with an arm for each of its parts that can be left out."""
    dimensions = scenario.stress.dimensions if scenario.stress.on else ()
    edits: list[tuple[str, str, str, Any]] = [
        (
            f"without_{name}",
            f"No stress of {name}",
            "stress.dimensions",
            [other for other in dimensions if other != name],
        )
        for name in (dimensions if len(dimensions) > 1 else ())
    ]
    for there, *edit in (
        (bool(dimensions), "stress_off", "Stress changes nothing", "stress.on", False),
        (scenario.memory.on, "memory_off", "Nobody learns or remembers", "memory.on", False),
        (scenario.network.feed.read, "unread", "Nobody reads posts", "network.feed.read", False),
        (not scenario.households.homogeneous, "homogeneous", "All households are alike", "households.homogeneous", True),
        (
            scenario.network.feed.ranking != "chronological", "chronological", "The feed is in order of time",
            "network.feed.ranking", "chronological",
        ),
    ):  # fmt: skip
        if there:
            edits.append(tuple(edit))  # type: ignore[arg-type]
    return with_arms(
        scenario, [{"id": id, "title": title, "edit": [{"set": key, "value": to}]} for id, title, key, to in edits]
    )


@dataclass(frozen=True)
class Sign:
    """A direction that was registered: of a quantity of a group's level, as it stands or `above` the highest of other levels."""

    id: str
    title: str
    arm: str
    quantity: str
    group: str
    level: str
    expected: int
    above: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SignTest:
    """What came of a registered direction: the paired mean with its 95% interval over worlds, and the verdict; None where what
    it is about did not happen in every world (nobody made a trip)."""

    id: str
    title: str
    arm: str
    quantity: str
    expected: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    seeds: int = 0
    same_sign: float = 0.0
    verdict: str = NOT_SHOWN


@cache
def registered_signs() -> Mapping[str, Any]:
    """What `signs.toml` says."""
    return tomllib.loads(_text())


def signs_hash() -> str:
    """SHA-256 of what is registered."""
    return hashlib.sha256(_text().encode()).hexdigest()


def _text() -> str:
    return (shipped_data() / "society" / "signs.toml").read_text(encoding="utf-8")


def signed(scenario: Scenario) -> tuple[Scenario, tuple[Sign, ...]]:
    """The scenario with an arm for each registered lever, and what is expected of them. InputError without a restaurant."""
    restaurants = [place for place in scenario.places if place.kind == "restaurant"]
    if not restaurants:
        raise InputError("there is no restaurant", where=f"scenario {scenario.id}", allowed="one at least, for signs")
    main = max(restaurants, key=lambda place: place.stock)
    here = {
        "@start": scenario.start.isoformat(), "@restaurants": [place.id for place in restaurants], "@main": main.id,
        "@main_cell": list(main.cell),
    }  # fmt: skip
    arms = _placed(registered_signs()["arm"], here)
    signs = tuple(
        Sign(arm=arm["id"], **sign | {"above": tuple(sign.get("above", ()))}) for arm in arms for sign in arm["sign"]
    )
    edited = [{"id": arm["id"], "title": arm["title"], "edit": [{"add": arm["edit"]}]} for arm in arms]
    return with_arms(scenario, edited), signs


def _placed(raw: Any, here: Mapping[str, Any]) -> Any:
    if isinstance(raw, Mapping):
        return {key: _placed(value, here) for key, value in raw.items()}
    if isinstance(raw, list):
        return [_placed(value, here) for value in raw]
    return here.get(raw, raw) if isinstance(raw, str) else raw


def judged(sign: Sign, arm: pd.DataFrame, base: pd.DataFrame) -> SignTest:
    """A registered direction in the worlds of an arm and the scenario as it stands (`quantities` of each)."""
    change = (arm - base).dropna()
    rows = dict(zip(change.index, change.to_numpy(float), strict=True))
    asked = [(sign.group, level, sign.quantity) for level in (sign.level, *sign.above)]
    told: dict[str, Any] = {
        "id": sign.id,
        "title": sign.title,
        "arm": sign.arm,
        "quantity": sign.quantity,
        "expected": sign.expected,
    }
    if any(row not in rows for row in asked):
        return SignTest(**told)
    of = rows[asked[0]]
    if sign.above:
        of = of - np.max([rows[row] for row in asked[1:]], axis=0)
    mean, low, high, same = (float(part[0]) for part in paired(of[None]))
    side = int(low > 0) - int(high < 0)
    verdict = NOT_SHOWN if not side else HELD if side == sign.expected else REVERSED
    return SignTest(**told, mean=mean, low=low, high=high, seeds=len(of), same_sign=same, verdict=verdict)
