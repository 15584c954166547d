"""What somebody does who is due to eat: at home, or out, and where (a nested logit over the places that are known)."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from core.society.draws import Stream
from core.society.world import CROWD, FATIGUE, MONEY, SLEEP, World

MEALS = np.array([8.0, 13.0, 19.0])


def meal_signal(world: World, hour: float) -> float:
    """How usual it is to eat at this hour, 0 to 1."""
    return _meal_signal(hour, world.numbers.meal_width)


@cache
def _meal_signal(hour: float, width: float) -> float:
    away = np.abs(hour - MEALS)
    return float(np.exp(-(np.minimum(away, 24 - away) ** 2) / (2 * width**2)).max())


def due_to_eat(world: World, signal: float) -> NDArray[np.int64]:
    """Households that are awake, free, and hungry enough for the hour."""
    numbers, hour = world.numbers, world.step * world.hours % 24
    due = world.hunger >= np.float32(numbers.meal_due - numbers.meal_signal * signal)
    due &= world.until <= world.step
    due &= ~world.people.asleep[hour]
    due &= world.last_meal <= world.step - numbers.meal_gap / world.hours
    if world.terms.weekday < 5:
        due &= ~world.people.at_work[hour]
    return due.nonzero()[0]


def base_cells(world: World, who: NDArray[np.int64] | slice) -> NDArray[np.float32]:
    """Where they are: at work in its hours, the break among them, else at home."""
    people, hour = world.people, world.step * world.hours % 24
    there = people.working[hour, who]
    if world.terms.weekday >= 5 or not there.any():
        return people.home[who]
    return np.where(there[:, None], people.work[who], people.home[who])


def open_now(world: World) -> NDArray[np.bool_]:
    """Which places let somebody in at this hour."""
    hour = world.step * world.hours % 24
    found: NDArray[np.bool_] = (world.terms.opens <= hour) & (hour < world.terms.closes) & ~world.terms.barred
    return found


def to_pay(world: World, groceries: bool = False) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Price, tax and subsidy of a meal at each restaurant (R,), or of each good at each grocery (S - R, I), whole cents. All
    of them change at midnight only, so that they are worked out once a day."""
    terms, first = world.terms, world.restaurants
    if groceries not in terms.to_pay:
        price, these = (world.shelf, np.s_[first:, None]) if groceries else (world.price[:first], np.s_[:first])
        shown = np.round(price * terms.price[these]).astype(np.int64)
        shown = np.maximum(np.minimum(shown, terms.cap[these]), terms.floor[these])
        tax, subsidy = np.round(shown * terms.tax[these]), np.floor(shown * terms.subsidy[these])
        terms.to_pay[groceries] = shown, tax.astype(np.int64), subsidy.astype(np.int64)
    return terms.to_pay[groceries]


def choose_out(
    world: World, due: NDArray[np.int64], signal: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Of those who are due, who goes out, to which restaurant, and how far it is (km)."""
    numbers, people, count = world.numbers, world.people, world.restaurants
    there = open_now(world)[:count]
    if not len(due) or not there.any():
        return _nobody()
    shown, tax, subsidy = to_pay(world)
    net = shown + tax - subsidy
    km = distances(world, due)
    can = world.known[due]
    can &= there
    funds = world.ledger.cash[due] + np.where(world.terms.voucher_places[:count].any(), world.ledger.voucher[due], 0)
    allowed = (net <= funds[:, None]) & within_limits(world, due, km)
    can &= allowed
    some = can.any(axis=1)
    if not some.all():
        due, km, can, allowed = due[some], km[some], can[some], allowed[some]
        if not len(due):
            return _nobody()
    utility = utility_of(world, due, net, km)
    utility /= np.float32(numbers.nest)
    utility[~can] = -np.inf
    top = utility.max(axis=1)
    inclusive = numbers.nest * (top + np.log(np.exp(utility - top[:, None]).sum(axis=1)))
    inclusive += numbers.out_open + numbers.out_meal * signal - numbers.sleep_stress * world.acting_stress(SLEEP, due)
    inclusive += numbers.beta_income * np.log(people.income[due] / numbers.income_mean)
    # Below e^-80 no draw lies, and the exponential of more would not be a number of its kind.
    chance = 1.0 / (1.0 + np.exp(np.minimum(-inclusive, 80)))
    goes = (world.uniforms(Stream.GO_OUT, due) < chance).nonzero()[0]
    if not len(goes):
        return _nobody()
    who, km, allowed = due[goes], km[goes], allowed[goes]
    gumbel = -np.log(-np.log(world.uniforms(Stream.PLACE, who[:, None], np.arange(1, count + 1))))
    place = (utility[goes] + gumbel).argmax(axis=1)
    place = _explored(world, who, place, km, allowed & there)
    return who, place, km[np.arange(len(who)), place]


def utility_of(
    world: World, due: NDArray[np.int64], net: NDArray[np.int64], km: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What each place is worth to each of them, (n, R); `net` is what a meal costs there, in cents."""
    numbers = world.numbers
    found = np.float32(numbers.beta_quality) * world.quality[due]
    found += np.float32(numbers.beta_attention) * np.log1p(world.attention[due])
    found += np.float32(numbers.beta_visits) * np.log1p(world.visits[due].astype(np.float32))
    dear = np.float32(numbers.beta_price) * (1 + world.acting_stress(MONEY, due)) / world.wage[due]
    paid = net.astype(np.float32)
    if world.terms.voucher_places.any():
        # A voucher is felt as a lower price, though not in full.
        held = world.ledger.voucher[due, None] * world.terms.voucher_places[: world.restaurants]
        paid = paid - np.float32(numbers.voucher_felt) * np.minimum(held, net).astype(np.float32)
    found -= dear[:, None] * paid
    # A way counts by the time that it takes.
    far = np.float32(numbers.beta_distance * world.terms.km_cost / world.terms.speed) * (
        1 + world.acting_stress(FATIGUE, due)
    )
    if world.terms.fare:
        far = far + np.float32(2 * numbers.beta_price * world.terms.fare) / world.wage[due]
    found -= far[:, None] * km
    full = np.float32(numbers.beta_crowding) * (1 + np.float32(numbers.crowd_stress) * world.acting_stress(CROWD, due))
    found -= full[:, None] * world.crowding[due]
    return found


def _explored(
    world: World, who: NDArray[np.int64], place: NDArray[np.int64], km: NDArray[np.float32], can: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Some go where they never were, sooner the nearer and better it is (Song, Koren, Wang and Barabasi 2010)."""
    numbers = world.numbers
    been = world.visits[who] > 0
    chance = numbers.explore * np.maximum(been.sum(axis=1), 1) ** -numbers.explore_power
    tries = np.flatnonzero(
        (world.uniforms(Stream.EXPLORE, who) < chance) & (can & ~been).any(axis=1) & bool(world.learns)
    )
    if not len(tries):
        return place
    pull = (world.merit + np.float32(1.1)) / np.maximum(km[tries], np.float32(0.5)) ** 2
    pull = np.where(can[tries] & ~been[tries], pull, 0).cumsum(axis=1)
    aim = world.uniforms(Stream.NEW_PLACE, who[tries]) * pull[:, -1]
    found = place.copy()
    found[tries] = (pull < aim[:, None]).sum(axis=1)
    return found


def distances(world: World, who: NDArray[np.int64], places: slice | None = None) -> NDArray[np.float32]:
    """Kilometres from where they are to each restaurant (or to `places`)."""
    here, there = base_cells(world, who), world.cell[slice(0, world.restaurants) if places is None else places]
    found: NDArray[np.float32] = np.hypot(here[:, :1] - there[:, 0], here[:, 1:] - there[:, 1])
    found *= np.float32(world.scenario.space.km_per_cell)
    return found


def within_limits(
    world: World, who: NDArray[np.int64], km: NDArray[np.float32], first: int = 0
) -> NDArray[np.bool_] | bool:
    """Where travel limits let them go; `first` is the place of the first column."""
    found: NDArray[np.bool_] | bool = True
    hour = world.step * world.hours % 24
    for bound, longest, closed, hours in world.terms.limits:
        banned = (km > longest) | closed[first : first + km.shape[1]]
        if not hours[0] <= hour < hours[1]:
            banned = np.ones_like(banned)
        found = found & ~(banned & bound[who, None])
    return found


def _nobody() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
