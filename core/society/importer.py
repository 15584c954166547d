"""From a configuration of econsimulacra to a scenario: what our model knows too, the rest kept under `compat`, word for word."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from core.errors import InputError
from core.printable import quoted
from core.society.compat_town import Source, Town, agent_names, town_of
from core.society.scenario import FORMAT, MOST_DAYS, Scenario, read_scenario

_MOMENT = "%Y-%m-%d %H:%M:%S"
_START = date(2030, 3, 1)
#: Who sells fewer kinds of food than this is taken for a restaurant: sellers there are all of one kind.
_GROCERY_FROM = 5
_STEPS = (1, 2, 3, 4)
_PERIOD = {"start", "end", "rate"}


@dataclass(frozen=True)
class Imported:
    """A scenario and the keys of its configuration: those it was made from, those that only the compat simulation reads, and
    those that nothing reads. All of them stand in the scenario's `compat`."""

    scenario: Scenario
    carried: tuple[str, ...]
    compat_only: tuple[str, ...]
    not_carried: tuple[str, ...]


def configuration(raw: Mapping[str, Any], where: str) -> Source:
    """The configuration in a file: the file itself, or what a scenario keeps under `compat`."""
    if raw.get("format") != FORMAT:
        return Source(raw, where)
    kept = raw.get("compat")
    if not isinstance(kept, Mapping) or not isinstance(kept.get("configuration"), Mapping):
        raise InputError("has nothing under 'compat'", where=where, allowed="a scenario that was imported")
    return Source(kept["configuration"], f"{where}, compat.configuration")


def import_configuration(raw: Mapping[str, Any], where: str) -> Imported:
    """The scenario of a configuration. InputError where the configuration is not one that the reference would run by rules."""
    simulated = configuration(raw, where)
    mapped = Source(simulated.raw, simulated.where)
    document = _document(mapped, town_of(simulated))
    not_carried = mapped.keys(lambda path: not mapped.was_read(path) and not simulated.was_read(path))
    document["compat"] = {"of": "econsimulacra", "not_carried": list(not_carried), "configuration": dict(simulated.raw)}
    return Imported(
        scenario=read_scenario(document, where),
        carried=mapped.keys(mapped.was_read),
        compat_only=mapped.keys(lambda path: not mapped.was_read(path) and simulated.was_read(path)),
        not_carried=not_carried,
    )


def _document(source: Source, town: Town) -> dict[str, Any]:
    """What our scenario can say of it: one unit of their cash is taken for a cent, one cell a step for the speed."""
    if len(town.grid) > 2:
        raise source.wrong(
            (str(source.get("environment", "space")), "gridSize"), f"has {len(town.grid)} dimensions", "1 or 2"
        )
    start, hours = _clock(source, town)
    step = int(hours) if hours in _STEPS else 1
    days = min(MOST_DAYS + 1, max(1, math.ceil(source.number("simulation", "numSteps") * hours / 24.0)))
    sold = _foods(source)
    groceries = [foods for foods in sold.values() if len(foods) >= _GROCERY_FROM]
    source.get(str(source.get("environment", "space")), "gridSize")
    network = str(source.peek("environment", "socialNetwork", default=""))
    for key in source.peek("environment", "agents"):
        for name in ("numAgents", "isHousehold", "name", "initialCoords"):
            source.get(key, name, default=None)
    return {
        "format": FORMAT,
        "id": "imported",
        "title": "Imported from a configuration of econsimulacra",
        "start": start.isoformat(),
        "days": days,
        "step_hours": step,
        "warm_up_days": 0,
        "households": {"number": len(town.homes)},
        "space": {"grid": [*town.grid, *([1] if len(town.grid) == 1 else [])], "speed_kmh": 1.0 / step},
        "goods": [_good(source, name) for name in town.items if any(name in foods for foods in groceries)],
        "places": [place for key, foods in sold.items() if foods for place in _places(source, town, key, foods)],
        "network": {"mean_follows": 0.0, "follow_cap": source.get(network, "followCap", default=None)},
        "levers": _levers(source, start, hours, start + timedelta(days=days - 1)),
    }


def _clock(source: Source, town: Town) -> tuple[date, float]:
    """The first day, and how many hours a step has."""
    for key in source.texts("environment", "service", default=()):
        if source.get(key, "type", default=key) == "TimeTranslator":
            first, last = (
                _moment(source, (key, name), source.get(key, name)) for name in ("startDatetime", "endDatetime")
            )
            hours = (last - first).total_seconds() / 3600.0 / source.number(key, "numSteps", least=1)
            if hours <= 0.0:
                raise source.wrong((key, "endDatetime"), f"is {last}", f"a moment after {first}")
            return first.date(), hours
    return _START, float(town.rules.step_hours.mean())


def _foods(source: Source) -> dict[str, list[str]]:
    """What each seller has that some household eats, by the seller's key."""
    keys = source.texts("environment", "agents")
    lives = [key for key in keys if source.peek(key, "isHousehold", default=False)]
    eaten = {name for key in lives for name in source.texts(key, "foodItems", default=())}
    return {
        key: [name for name in source.peek(key, "inventory", default={}) if name in eaten]
        for key in keys
        if key not in lives
    }


def _good(source: Source, name: str) -> dict[str, Any]:
    price = max(1, round(source.number(name, "initialPrice", default=0.0)))
    path = ("memoryHandler", "memorySummarizer", "stressCalculator", "item2Weight", name)
    energy = min(2.0, max(0.0, source.number(*path, default=10.0) / 10.0))
    return {"id": _identifier(name), "price_cents": price, "energy": energy}


def _places(source: Source, town: Town, key: str, foods: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A place for each seller of a kind: always open, room for everybody, its first stock each day, its mean price."""
    for name in agent_names(source)[key]:
        seller = town.sellers.index(name)
        cell = [
            int(at) if at >= 0 else size // 2 for at, size in zip(town.seller_cells[seller], town.grid, strict=True)
        ]
        stock = sum(town.seller_begin.mean[seller, 1 + town.items.index(food)] for food in foods)
        price = sum(source.number(food, "initialPrice", default=0.0) for food in foods) / len(foods)
        for food in foods:
            source.get(key, "inventory", food)
        shared = {
            "id": _identifier(name),
            "cell": [*cell, *([0] if len(cell) == 1 else [])],
            "capacity": len(town.homes),
            "hours": [0, 24],
        }
        if len(foods) >= _GROCERY_FROM:
            yield shared | {"kind": "grocery", "stock": round(stock / len(foods))}
        else:
            yield shared | {"kind": "restaurant", "stock": round(stock), "price_cents": max(1, round(price))}


def _levers(source: Source, first: date, hours: float, last: date) -> list[dict[str, Any]]:
    """Taxes on all that is sold, on days of the scenario."""
    levers = []
    for key in source.texts("simulation", "events", default=()):
        if source.peek(key, "type", default=None) != "ConsumptionTax":
            continue
        periods = source.get(key, "taxRates")
        if not isinstance(periods, list) or not all(isinstance(one, dict) and one.keys() >= _PERIOD for one in periods):
            raise source.wrong((key, "taxRates"), f"is {quoted(periods)}", "a list of periods: start, end, rate")
        for number, period in enumerate(periods, start=1):
            begin, end = (_day(source, (key, "taxRates"), period[name], first, hours) for name in ("start", "end"))
            if begin <= last and end >= first:
                days = {"start": max(first, begin).isoformat(), "end": min(last, end).isoformat()}
                tax = {"kind": "sales_tax", "id": f"{_identifier(key)}-{number}", "rate": period["rate"]}
                levers.append(tax | days)
    return levers


def _day(source: Source, path: Sequence[str], said: Any, first: date, hours: float) -> date:
    """The day of a moment, or of a step."""
    if not isinstance(said, int):
        return _moment(source, path, said).date()
    return first + timedelta(days=min(max(0, int(said * hours // 24)), MOST_DAYS + 1))


def _moment(source: Source, path: Sequence[str], said: Any) -> datetime:
    try:
        return datetime.strptime(str(said), _MOMENT)
    except ValueError:
        raise source.wrong(path, f"has {quoted(said)}", "moments such as 2025-03-01 00:00:00") from None


def _identifier(name: str) -> str:
    """A name as an id: letters, digits, - and _."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "unnamed"
