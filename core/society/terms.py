"""What is in force on a day: levers and shocks made into numbers by place and household."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from core.society import levers as kind
from core.society.draws import Stream, uniforms
from core.society.households import Households
from core.society.scenario import Place, Scenario


@dataclass(eq=False)
class Terms:
    """Terms of a day for S places and N households. Prices are factors and bounds of the places' own; `barred` places let
    nobody in; `bound` are the households under a travel limit (None: nobody)."""

    tax: NDArray[np.float64]
    subsidy: NDArray[np.float64]
    price: NDArray[np.float64]
    cap: NDArray[np.int64]
    floor: NDArray[np.int64]
    opens: NDArray[np.int64]
    closes: NDArray[np.int64]
    barred: NDArray[np.bool_]
    capacity: NDArray[np.float64]
    supply: NDArray[np.float64]
    voucher_places: NDArray[np.bool_]
    weekday: int = 0
    income: NDArray[np.float64] | float = 1.0
    limits: list[tuple[NDArray[np.bool_], float, NDArray[np.bool_], tuple[int, int]]] = field(default_factory=list)
    fare: int = 0
    speed: float = 1.0
    km_cost: float = 1.0
    campaigns: list[kind.Campaign] = field(default_factory=list)
    adverts: float = np.inf
    moderation: list[kind.Moderation] = field(default_factory=list)
    chronological: bool = False
    labelled: bool = False
    follow_cap: int | None = None
    outage: bool = False
    vouchers: list[tuple[kind.Voucher, NDArray[np.bool_]]] = field(default_factory=list)
    transfers: list[tuple[kind.Transfer, NDArray[np.bool_]]] = field(default_factory=list)
    rumours: list[kind.Rumour] = field(default_factory=list)
    to_pay: dict[bool, tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = field(default_factory=dict)


def concerned(who: kind.Who, people: Households, scenario: Scenario, seed: int) -> NDArray[np.bool_]:
    """The households that a lever concerns; the share is drawn once, the same for each lever."""
    found = np.ones(people.number, bool)
    if who.income_quartile:
        found &= np.isin(people.quartile, who.income_quartile)
    if who.district:
        names = [district.id for district in scenario.space.districts]
        found &= np.isin(people.district, [names.index(name) for name in who.district])
    if who.employed is not None:
        found &= people.employed == who.employed
    if who.share < 1.0:
        found &= uniforms(seed, Stream.BELIEVE, 1, people.names) < who.share
    return found


def terms_of(scenario: Scenario, places: Sequence[Place], people: Households, seed: int, day: date) -> Terms:
    """The terms of a day. `places` are the scenario's in the order of the world's arrays."""
    number = len(places)
    terms = Terms(
        tax=np.zeros(number),
        subsidy=np.zeros(number),
        price=np.ones(number),
        cap=np.full(number, np.iinfo(np.int64).max),
        floor=np.zeros(number, np.int64),
        opens=np.array([place.hours[0] for place in places]),
        closes=np.array([place.hours[1] for place in places]),
        barred=np.array([place.closed_at_first for place in places]),
        capacity=np.ones(number),
        supply=np.ones(number),
        voucher_places=np.zeros(number, bool),
        weekday=day.weekday(),
        fare=scenario.space.cents_per_km,
        chronological=scenario.network.feed.ranking == "chronological",
        follow_cap=scenario.network.follow_cap,
    )
    names = [place.id for place in places]
    restaurants = np.array([place.kind == "restaurant" for place in places])
    for lever in kind.lasting([*scenario.levers, *scenario.shocks], day):
        given = getattr(lever, "places", ())
        at = np.isin(names, given) if given else np.ones(number, bool)
        since = (day - lever.start).days
        match lever:
            case kind.Voucher():
                at = at if given else restaurants
                terms.voucher_places |= at
                if since % 7 == 0 and (lever.weekly or since == 0):
                    terms.vouchers.append((lever, concerned(lever.who, people, scenario, seed)))
            case kind.Transfer():
                if since == 0 or (lever.weekly and since % 7 == 0):
                    terms.transfers.append((lever, concerned(lever.who, people, scenario, seed)))
            case kind.SalesTax():
                terms.tax[at] += lever.rate
            case kind.Subsidy():
                terms.subsidy[at] = 1 - (1 - terms.subsidy[at]) * (1 - lever.rate)
            case kind.PriceCap():
                terms.cap[at] = np.minimum(terms.cap[at], lever.cents)
            case kind.PriceFloor():
                terms.floor[at] = np.maximum(terms.floor[at], lever.cents)
            case kind.PriceShock():
                terms.price[at] *= lever.factor
            case kind.Wage():
                chosen = concerned(lever.who, people, scenario, seed) & people.employed
                terms.income = terms.income * np.where(chosen, lever.factor, 1.0)
            case kind.IncomeShock():
                terms.income = terms.income * np.where(concerned(lever.who, people, scenario, seed), lever.factor, 1.0)
            case kind.OpeningHours():
                terms.opens[at], terms.closes[at] = lever.hours
            case kind.CapacityLimit():
                terms.capacity[at] *= lever.share
            case kind.Festival():
                terms.capacity[at] *= lever.factor
                terms.supply[at] *= lever.factor
            case kind.SupplyCut():
                terms.supply[at] *= 1 - lever.share
            case kind.TravelLimit():
                cells = {tuple(cell) for cell in lever.closed_cells}
                closed = np.array([tuple(place.cell) in cells for place in places])
                longest = np.inf if lever.max_km is None else lever.max_km
                terms.limits.append((concerned(lever.who, people, scenario, seed), longest, closed, lever.hours))
            case kind.TransitFare():
                terms.fare = lever.cents_per_km
            case kind.Speed():
                terms.speed *= lever.factor
            case kind.Heat():
                terms.km_cost *= lever.factor
            case kind.NewPlace():
                terms.barred[at & bool(given)] = False
            case kind.ClosePlace():
                terms.barred[at] = True
            case kind.Campaign():
                terms.campaigns.append(lever)
            case kind.AdvertBan():
                terms.adverts = min(terms.adverts, lever.posts_per_hour)
            case kind.Moderation():
                terms.moderation.append(lever)
            case kind.FeedRanking():
                terms.chronological = lever.ranking == "chronological"
            case kind.LabelFalse():
                terms.labelled = True
            case kind.FollowCap():
                terms.follow_cap = lever.most
            case kind.Rumour():
                if since == 0:
                    terms.rumours.append(lever)
            case kind.Outage():
                terms.outage = True
    return terms
