"""Arrivals at places: served in drawn order as far as capacity, stock and money go, paid to the cent, and felt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.society.choice import base_cells, distances, open_now, to_pay, within_limits
from core.society.draws import Stream, keys
from core.society.ledger import Purpose
from core.society.posts import NONE, Kind, Posts
from core.society.world import CROWD, FATIGUE, HUNGER, MONEY, SOCIAL, World

#: Of one visit.
MOST_POSTS = 12


def set_out(world: World, who: NDArray[np.int64], place: NDArray[np.int64], km: NDArray[np.float32]) -> None:
    """They go: there after whole steps, a step there, and the same way back."""
    if not len(who):
        return
    speed = np.float32(world.scenario.space.speed_kmh * world.terms.speed * world.hours)
    steps = (km / speed).astype(np.int32)
    world.goal[who] = place
    world.arrives[who] = world.step + steps
    world.until[who] = world.step + 2 * steps + 1
    world.day.km[who] += 2 * km
    world.day.trip_km[who] += 2 * km
    world.day.trips[who] += 1
    if world.terms.fare:
        fare = np.minimum(np.round(2 * km * world.terms.fare).astype(np.int64), world.ledger.cash[who])
        world.ledger.cash[who] -= fare
        world.ledger.note(Purpose.fares, int(fare.sum()))
    _tire(world, who, 2 * km)
    if not steps.any():
        world.arriving.setdefault(world.step, []).append(who)
        return
    for count in np.flatnonzero(np.bincount(steps)):
        world.arriving.setdefault(world.step + int(count), []).append(who[steps == count])


def _tire(world: World, who: NDArray[np.int64], km: NDArray[np.float32]) -> None:
    tired = world.stress[FATIGUE]
    gain = np.float32(world.numbers.stress_fatigue_gain * world.terms.km_cost) * km
    tired[who] += np.minimum(gain, np.float32(1.0)) * (1 - tired[who])


def commute(world: World) -> None:
    """Those who go to work or come from it at this hour."""
    if world.terms.weekday >= 5:
        return
    people, hour = world.people, world.step * world.hours % 24
    before = people.at_work[(hour - world.hours) % 24]
    moved = np.flatnonzero(people.at_work[hour] & ~before if hour < 12 else before & ~people.at_work[hour])
    # The break in the middle of the day is spent at work.
    moved = moved[(hour < 12) | ~people.at_work[min(hour + world.hours, 23), moved]] if len(moved) else moved
    if len(moved):
        way = np.hypot(*(people.home[moved] - people.work[moved]).T) * np.float32(world.scenario.space.km_per_cell)
        world.day.km[moved] += way
        _tire(world, moved, way)
        if world.terms.fare:
            fare = np.minimum(np.round(way * world.terms.fare).astype(np.int64), world.ledger.cash[moved])
            world.ledger.cash[moved] -= fare
            world.ledger.note(Purpose.fares, int(fare.sum()))


def go_shopping(world: World) -> None:
    """Those whose hour of shopping this is, and who are free, go to a grocery that is near and cheap."""
    who = world.shopping.pop(world.step * world.hours % 24, None)
    first = world.restaurants
    if who is None or first == len(world.places):
        return
    hour = world.step * world.hours % 24
    who = who[(world.until[who] <= world.step) & ~world.people.asleep[hour, who]]
    there = open_now(world)[first:]
    if not len(who) or not there.any():
        return
    km = distances(world, who, slice(first, None))
    levels = np.array([place.price_level for place in world.places[first:]], np.float32)
    pull = -np.float32(world.numbers.grocery_distance * world.terms.km_cost / world.terms.speed) * km - 4 * np.log(
        levels * world.terms.price[first:]
    ).astype(np.float32)
    pull -= np.log(-np.log(world.uniforms(Stream.SHOP, who[:, None], np.arange(1, km.shape[1] + 1))))
    can = np.broadcast_to(there, km.shape) & within_limits(world, who, km, first)
    pull[~can] = -np.inf
    goes = can.any(axis=1)
    who, chosen, km = who[goes], pull[goes].argmax(axis=1), km[goes]
    set_out(world, who, chosen + first, km[np.arange(len(who)), chosen])


def serve(world: World) -> Posts:
    """Serve who arrives in this step; the posts they write."""
    lists = world.arriving.pop(world.step, None)
    if lists is None:
        return NONE
    who = np.sort(np.concatenate(lists)) if len(lists) > 1 else lists[0]
    place = world.goal[who].astype(np.int64)
    eats = place < world.restaurants
    posts = _eat_out(world, who[eats], place[eats]) if eats.any() else NONE
    if not eats.all():
        _shop(world, who[~eats], place[~eats] - world.restaurants)
    return posts


def _eat_out(world: World, who: NDArray[np.int64], place: NDArray[np.int64]) -> Posts:
    numbers, ledger, day, count = world.numbers, world.ledger, world.day, world.restaurants
    arrivals = np.bincount(place, minlength=count)
    capacity = np.maximum(world.capacity[:count] * world.terms.capacity[:count], 0)
    wait = np.clip(arrivals / np.maximum(capacity, 1e-9) - numbers.wait_from, 0, numbers.wait_most)
    most = np.minimum(numbers.serve_most * capacity, world.stock[:count, 0]).astype(np.int64)
    served = np.ones(len(who), bool)
    if (arrivals > most).any():
        order = np.lexsort((keys(world.seed, Stream.SERVED, world.step, world.people.names[who]), place))
        rank = np.arange(len(who)) - (np.cumsum(arrivals) - arrivals)[place[order]]
        served[order] = rank < most[place[order]]
    shown, tax, subsidy = (part[place] for part in to_pay(world))
    due = shown + tax - subsidy
    pays_voucher = np.where(world.terms.voucher_places[place], np.minimum(ledger.voucher[who], due), 0)
    served &= ledger.cash[who] >= due - pays_voucher
    guests, at = who[served], place[served]
    cash, coupon = (due - pays_voucher)[served], pays_voucher[served]
    ledger.cash[guests] -= cash
    ledger.voucher[guests] -= coupon
    # Cash pays the tax first; what a voucher pays of the tax goes back to the government.
    to_state, help_paid = tax[served], subsidy[served]
    _paid(world, at, cash, coupon, to_state, help_paid)
    day.out[guests] += due[served]
    meals = np.bincount(at, minlength=count)
    world.stock[:count] -= meals[:, None]
    ledger.eaten[-1] += len(guests)
    day.sales[:count] += np.bincount(at, shown[served], count).astype(np.int64)
    day.units[:count] += meals
    day.served[:count] += meals
    day.turned_away[:count] += arrivals - meals
    day.wait[:count] += arrivals * wait
    day.minutes[guests] += np.float32(numbers.minutes_out_meal)
    world.hunger[guests] = 0
    world.last_meal[guests] = world.step
    return _felt(world, who, place, served, wait[place].astype(np.float32), due.astype(np.float32))


def _paid(
    world: World,
    at: NDArray[np.int64],
    cash: NDArray[np.int64],
    coupon: NDArray[np.int64],
    tax: NDArray[np.int64],
    subsidy: NDArray[np.int64],
) -> None:
    """Book sales at places `at`: the till has the price; guests, vouchers and subsidies pay it, and the tax goes on."""
    ledger = world.ledger
    ledger.till += np.bincount(at, cash + coupon + subsidy - tax, len(ledger.till)).astype(np.int64)
    from_cash = int(np.minimum(tax, cash).sum())
    ledger.note(Purpose.sales, int(cash.sum()) - from_cash)
    ledger.note(Purpose.sales_tax, from_cash)
    ledger.note(Purpose.voucher, int(coupon.sum()) - (int(tax.sum()) - from_cash))
    ledger.note(Purpose.subsidy, int(subsidy.sum()))


def _felt(
    world: World,
    who: NDArray[np.int64],
    place: NDArray[np.int64],
    served: NDArray[np.bool_],
    wait: NDArray[np.float32],
    due: NDArray[np.float32],
) -> Posts:
    """How it was: stress, memory, and for some a post."""
    numbers, people, learns = world.numbers, world.people, world.learns
    crowd = world.acting_stress(CROWD, who)
    noise = np.float32(numbers.valence_noise) * (2 * world.uniforms(Stream.NOISE, who) - 1)
    valence = (
        world.merit[place]
        + noise
        - np.float32(0.5 * numbers.valence_wait)
        * wait
        * (np.float32(0.35) + np.float32(numbers.valence_crowd_stress) * crowd)
    )
    valence -= np.float32(numbers.valence_money_stress) * world.acting_stress(MONEY, who) + np.float32(
        numbers.valence_social_stress
    ) * world.acting_stress(SOCIAL, who)
    expected = world.expected[who, place]
    valence -= np.float32(numbers.valence_price) * np.maximum(due / expected - 1, 0)
    valence = np.where(served, np.clip(valence, -1, 1), np.float32(numbers.valence_turned_away))
    stress = world.stress[CROWD]
    stress[who] += np.float32(numbers.stress_crowd_gain) * np.minimum(wait, 1) * (1 - stress[who])
    if learns:
        world.quality[who, place] += np.float32(numbers.quality_rate) * (valence - world.quality[who, place])
        world.crowding[who, place] += np.float32(numbers.crowding_rate) * (wait - world.crowding[who, place])
        world.expected[who, place] += np.float32(numbers.price_rate) * (due - expected)
        world.visits[who, place] += served
        world.known[who, place] = True
    world.felt.append((who, place, valence))
    heat = 1 + np.float32(numbers.post_stress) * (world.stress[:, who] * world.theta[:, None]).max(axis=0)
    # So many posts in the mean, of busy accounts several about one visit.
    mean = np.minimum(people.activity[who] * np.float32(numbers.post_rate) * heat, MOST_POSTS)
    count = np.floor(mean + world.uniforms(Stream.POST, who)).astype(int)
    of = np.repeat(np.arange(len(who)), count)
    author = who[of]
    copy = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    slot = people.names[author] + np.uint64(16) * copy.astype(np.uint64)
    return Posts.of(author, place[of], valence[of].astype(np.float32), Kind.experience, slot)


def _shop(world: World, who: NDArray[np.int64], shop: NDArray[np.int64]) -> None:
    """Buy up to the target of each good, as far as stock and half of the cash go."""
    numbers, ledger, first = world.numbers, world.ledger, world.restaurants
    shown, tax, subsidy = to_pay(world, groceries=True)
    net = (shown + tax - subsidy)[shop]
    hungry = 1 + numbers.hunger_stress * world.acting_stress(HUNGER, who)
    want = np.maximum(np.round(world.target[who] * hungry[:, None]).astype(np.int64) - world.pantry[who], 0)
    funds = ledger.cash[who] + np.where(world.terms.voucher_places[shop + first], ledger.voucher[who], 0)
    cost = np.maximum((want * net).sum(axis=1), 1)
    want = np.floor(want * np.minimum(1.0, funds * numbers.basket_share / cost)[:, None]).astype(np.int64)
    taken = np.zeros_like(world.stock[first:])
    np.add.at(taken, shop, want)
    if (taken > world.stock[first:]).any():
        order = np.lexsort((keys(world.seed, Stream.SERVED, world.step, world.people.names[who]), shop))
        for number in range(len(taken)):
            rows = order[shop[order] == number]
            before = np.cumsum(want[rows], axis=0) - want[rows]
            want[rows] = np.clip(world.stock[first + number] - before, 0, want[rows])
            taken[number] = want[rows].sum(axis=0)
    world.stock[first:] -= taken
    due = (want * net).sum(axis=1)
    coupon = np.where(world.terms.voucher_places[shop + first], np.minimum(ledger.voucher[who], due), 0)
    ledger.cash[who] -= due - coupon
    ledger.voucher[who] -= coupon
    world.pantry[who] += want.astype(np.int16)
    _paid(world, shop + first, due - coupon, coupon, (want * tax[shop]).sum(axis=1), (want * subsidy[shop]).sum(axis=1))
    world.day.home[who] += due
    count = len(world.places)
    world.day.sales += np.bincount(shop + first, (want * shown[shop]).sum(axis=1), count).astype(np.int64)
    world.day.units += np.bincount(shop + first, want.sum(axis=1), count).astype(np.int64)
    world.day.served += np.bincount(shop + first, minlength=count)


def eat_at_home(world: World, who: NDArray[np.int64]) -> None:
    """A meal from the pantry: each good with its probability, at least one where there is any."""
    if not len(who):
        return
    goods = world.pantry.shape[1]
    if goods == 0:
        return
    there = world.pantry[who] > 0
    eats = (world.uniforms(Stream.EAT, who[:, None], np.arange(1, goods + 1)) < world.a_meal[who]) & there
    none = ~eats.any(axis=1) & there.any(axis=1)
    if none.any():
        rows = np.flatnonzero(none)
        eats[rows, world.pantry[who[rows]].argmax(axis=1)] = True
    fed = eats.any(axis=1)
    who, eats = who[fed], eats[fed]
    world.pantry[who] -= eats
    world.ledger.eaten[:goods] += eats.sum(axis=0)
    world.hunger[who] = np.maximum(world.hunger[who] - eats @ world.energy, 0)
    world.last_meal[who] = world.step
    world.day.minutes[who] += np.float32(world.numbers.minutes_home_meal)


def where_they_are(world: World, who: slice) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Cells and states of some households: 0 at home, 1 at work, 2 on the way, 3 at a place, 4 asleep."""
    hour = world.step * world.hours % 24
    cells = base_cells(world, who).copy()
    state = (cells != world.people.home[who]).any(axis=1).astype(np.int8)
    away = world.until[who] > world.step
    there = away & (world.arrives[who] == world.step)
    if away.any():
        state[away] = 2
        state[there] = 3
        goal = world.cell[world.goal[who][away]]
        part = np.where(there[away], 1.0, 0.5)[:, None]
        cells[away] += ((goal - cells[away]) * part).astype(np.float32)
    state[(state == 0) & world.people.asleep[hour, who]] = 4
    return cells, state
