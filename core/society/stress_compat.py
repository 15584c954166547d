"""The five stresses of econsimulacra 0.14.1 as whole numbers from 0 to the maximum, equal to its own for equal input.

Ours are the directional loads of `stress`; these serve scenarios that were imported, and comparison. They follow the
behaviour of that package's functions (MIT licence, Copyright (c) 2026 SimulacraBusiness), written anew. Common to all:
shares of the maximum are cut off towards zero, never rounded; too little counts as much as too much, but for sleep and
the state; the tolerance threshold only decides what agents are told, except for the crowd, which is 0 below it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, Strict, model_validator

from core.errors import InputError, one_of
from core.inputs.checking import WrittenModel, checked, choice_of, wrong

_TINY = 1e-8
_HOURS = 24.0

Amount = Annotated[float, Field(ge=0)]
#: A whole step, or a moment as text; moments are compared in hours.
Moment = int | Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$")]


class _Stress(WrittenModel):
    """What every kind is told: the step it is now, the maximum, and the level from which agents hear of it."""

    current_time_step: int
    max_stress: Annotated[int, Field(ge=0)]
    tolerance_threshold: Amount

    @model_validator(mode="after")
    def _tolerance_below_maximum(self) -> _Stress:
        if self.tolerance_threshold > self.max_stress:
            raise wrong(
                f"is {self.tolerance_threshold:g}", f"0 to {self.max_stress}, the maximum", str(self.max_stress),
                key="tolerance_threshold",
            )  # fmt: skip
        return self

    def level(self) -> int:
        """The stress. ZeroDivisionError where a target is 0 and there is something to compare with it."""
        raise NotImplementedError

    def _nothing(self, window: float) -> int:
        """Nothing happened: bearable until a whole window has passed."""
        return self.max_stress if self.current_time_step >= window else 0

    def _cut(self, share: float) -> int:
        return int(min(self.max_stress, share * self.max_stress))

    def _away_from(self, target: float, value: float) -> int:
        return self._cut(abs(value - target) / target)


class ConsumptionStress(_Stress):
    """Of what was eaten: (item, quantity, step), oldest first; weighted, and less the longer ago."""

    kind: Literal["consumption"]
    history: list[Annotated[tuple[str, float, int], Strict(False)]]
    item2weight: dict[str, float]
    target_quantity: Amount
    window_size: int
    time_decay: float

    @model_validator(mode="after")
    def _weighted(self) -> ConsumptionStress:
        for item, *_ in self._recent():
            choice_of(item, list(self.item2weight), "item")
        return self

    def _recent(self) -> list[tuple[str, float, int]]:
        return [entry for entry in self.history if entry[2] >= self.current_time_step - self.window_size]

    def level(self) -> int:
        eaten = 0.0
        for item, quantity, step in self._recent():
            eaten += quantity * self.item2weight[item] * self.time_decay ** (self.current_time_step - step)
        return self._nothing(self.window_size) if eaten == 0.0 else self._away_from(self.target_quantity, eaten)


class MoveStress(_Stress):
    """Of the cells that were reached: (coordinates…, step), oldest first. A leg counts when both its ends are in the window."""

    kind: Literal["move"]
    history: list[list[int]]
    home: list[int]
    target_distance: Amount
    window_size: int
    time_decay: float
    home_comfort: Annotated[float, Field(ge=0, le=1)]

    @model_validator(mode="after")
    def _as_many_coordinates(self) -> MoveStress:
        for place, entry in enumerate(self.history):
            if len(entry) != len(self.home) + 1:
                raise wrong(
                    f"entry {place + 1} has {len(entry)} numbers", "as many as home, and the step", key="history"
                )
        return self

    def level(self) -> int:
        moved, before = 0.0, None
        for *cell, step in self.history:
            if step < self.current_time_step - self.window_size:
                continue
            if before is not None:
                leg = sum((now - then) ** 2 for now, then in zip(cell, before, strict=True)) ** 0.5
                moved += leg * self.time_decay ** (self.current_time_step - step)
            before = cell
        if moved == 0.0:
            return self._nothing(self.window_size)
        level = self._away_from(self.target_distance, moved)
        return int(level * (1 - self.home_comfort)) if self.history[-1][:-1] == self.home else level


class StateStress(_Stress):
    """Of money: (wealth, wealth relative to others as a z-score or none, baskets that cash buys or none, step)."""

    kind: Literal["state"]
    history: list[Annotated[tuple[float, float | None, float | None, int], Strict(False)]]
    target_buying_power: Amount
    target_relative_wealth: float
    target_wealth_growth: float
    window_size: Annotated[int, Field(ge=0)]
    buying_power_weight: float = 1.0
    relative_wealth_weight: float = 1.0
    wealth_drawdown_weight: float = 1.0

    def level(self) -> int:
        first = self.current_time_step - self.window_size
        seen = [entry for entry in self.history if first <= entry[3] <= self.current_time_step]
        if not seen:
            return self._nothing(self.window_size)
        wealth, relative, baskets, _ = seen[-1]
        poor = lowly = 0.0
        if baskets is not None and self.target_buying_power > 0.0:
            poor = max(0.0, (self.target_buying_power - baskets) / (self.target_buying_power + _TINY))
        if relative is not None:
            lowly = max(
                0.0, (self.target_relative_wealth - relative) / (abs(self.target_relative_wealth) + 1.0 + _TINY)
            )
        growth = wealth - seen[0][0]
        shrunk = max(
            0.0, (self.target_wealth_growth - growth) / (abs(self.target_wealth_growth) + abs(seen[0][0]) + _TINY)
        )
        score = self.buying_power_weight * poor + self.relative_wealth_weight * lowly
        return self._cut(score + self.wealth_drawdown_weight * shrunk)


class SleepStress(_Stress):
    """Of sleep: (start, end or none while asleep). Too little of it, and hours of going to bed and rising that vary."""

    kind: Literal["sleep"]
    history: list[Annotated[tuple[Moment, Moment | None], Strict(False)]]
    current_time: Moment
    target_sleep_duration: Annotated[float, Field(gt=0)]
    window_size: Annotated[float, Field(gt=0)]
    duration_weight: Amount = 0.7
    regularity_weight: Amount = 0.3

    @model_validator(mode="after")
    def _possible(self) -> SleepStress:
        if not self.duration_weight + self.regularity_weight:
            raise wrong("is 0, as the other weight", "a sum above 0", key="duration_weight")
        for place, (start, end) in enumerate(self._sleeps()):
            if _hours(end) < _hours(start):
                raise wrong(f"entry {place + 1} ends before it starts", "a start, then an end or null", key="history")
        return self

    def _sleeps(self) -> list[tuple[Moment, Moment]]:
        return [(start, self.current_time if end is None else end) for start, end in self.history]

    def level(self) -> int:
        now = _hours(self.current_time)
        target = self.target_sleep_duration
        if self.current_time_step < self.window_size:
            target *= self.current_time_step / self.window_size
        slept, to_bed, risen = 0.0, list[float](), list[float]()
        for start, end in self._sleeps():
            overlap = min(_hours(end), now) - max(_hours(start), now - self.window_size)
            if overlap > 0.0:
                slept += overlap
                to_bed.append(_clock(start))
                risen.append(_clock(end))
        if slept == 0.0:
            return self._nothing(self.window_size)
        lacking = self._cut(max(0.0, target - slept) / target)
        varying = 0
        if len(to_bed) > 1:
            varying = int((circular_variance(to_bed) + circular_variance(risen)) / 2.0 * self.max_stress)
        both = self.duration_weight + self.regularity_weight
        return min(
            self.max_stress, int(self.duration_weight / both * lacking + self.regularity_weight / both * varying)
        )


class CrowdStress(_Stress):
    """Of those within one step of Manhattan distance; none where nobody has looked yet. Alone is as bad as twice the target."""

    kind: Literal["crowd"]
    nearby: Annotated[int, Field(ge=0)] | None
    target_num_nearby: Annotated[int, Field(ge=0)]

    def level(self) -> int:
        if self.nearby is None:
            return 0
        level = self._away_from(self.target_num_nearby, self.nearby)
        return 0 if level < self.tolerance_threshold else level


KINDS: dict[str, type[_Stress]] = {
    "consumption": ConsumptionStress,
    "move": MoveStress,
    "state": StateStress,
    "sleep": SleepStress,
    "crowd": CrowdStress,
}


def stress_level(raw: Mapping[str, Any], where: str) -> int:
    """The stress of a situation as it is written: its `kind` and what that asks for. InputError names the key that is wrong."""
    if not isinstance(raw, Mapping) or "kind" not in raw:
        raise InputError("has no key 'kind'", where=where, allowed=f"kind: {', '.join(KINDS)}")
    situation = checked(KINDS[one_of(raw["kind"], KINDS, what="kind", where=where)], raw, where)
    try:
        return situation.level()
    except ArithmeticError as failed:
        raise InputError(
            f"cannot be computed ({failed})", where=where, allowed="a target and a decay above 0"
        ) from None


def circular_variance(hours: Sequence[float]) -> float:
    """1 minus the mean resultant length of hours of the day on a circle: 0 all alike, towards 1 all over the day."""
    angles = [2.0 * math.pi * hour / _HOURS for hour in hours]
    sine = sum(math.sin(angle) for angle in angles) / len(angles)
    cosine = sum(math.cos(angle) for angle in angles) / len(angles)
    return 1.0 - math.sqrt(sine**2 + cosine**2)


def _hours(moment: int | str) -> float:
    if isinstance(moment, int):
        return float(moment)
    return (datetime.fromisoformat(moment) - datetime(1970, 1, 1)).total_seconds() / 3600.0


def _clock(moment: int | str) -> float:
    """The hour of the day; a step is an hour."""
    if isinstance(moment, int):
        return float(moment % 24)
    at = datetime.fromisoformat(moment)
    return at.hour + at.minute / 60.0 + at.second / 3600.0
