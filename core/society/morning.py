"""What happens at midnight: pay, taxes, rent, deliveries, prices, and who follows whom."""

from __future__ import annotations

import numpy as np

from core.society.draws import Stream, named, uniforms
from core.society.ledger import Purpose
from core.society.network import daily_changes
from core.society.posts import Kind, Posts
from core.society.terms import terms_of
from core.society.world import MONEY, SLEEP, Day, World


def begin_day(world: World) -> None:
    """The terms of the day, and what is due at its beginning."""
    world.terms = terms_of(world.scenario, world.places, world.people, world.seed, world.date())
    _incomes(world)
    _spending(world)
    _shops(world)
    _plan_shopping(world)


def end_day(world: World) -> None:
    """Daily stress and follows, after the last step of a day; the invariants; an empty day."""
    numbers, day, people = world.numbers, world.day, world.people
    if world.step * world.hours >= 24:
        sleep = world.stress[SLEEP]
        short = np.maximum(people.need - day.slept, 0) / people.need
        sleep += np.float32(numbers.stress_sleep_rate) * (short - sleep)
    money = world.stress[MONEY]
    poor = np.clip(1 - world.ledger.cash / (0.25 * people.income), 0, 1).astype(np.float32)
    money += np.float32(numbers.stress_money_rate) * (poor - money)
    daily_changes(world.network, world.seed, world.step, people, day.clashes, numbers, world.terms.follow_cap)
    world.ledger.check(world.stock, world.pantry, world.restaurants)
    world.last_sales, world.last_served, world.last_turned = day.sales, day.served, day.turned_away
    world.day = Day.empty(world.number, len(world.places))


def _incomes(world: World) -> None:
    """On Mondays: wages and benefits, income tax, rent. On their days: transfers and vouchers."""
    ledger, numbers, people = world.ledger, world.numbers, world.people
    if world.terms.weekday == 0:
        weekly = np.round(world.weekly * world.terms.income).astype(np.int64)
        earned = int(weekly[people.employed].sum())
        ledger.cash += weekly
        ledger.note(Purpose.wages, earned)
        ledger.note(Purpose.benefits, int(weekly.sum()) - earned)
        tax = np.where(people.employed, (weekly * numbers.income_tax).astype(np.int64), 0)
        ledger.cash -= tax
        ledger.note(Purpose.income_tax, int(tax.sum()))
        rent = np.minimum((world.weekly * numbers.rent_share).astype(np.int64), ledger.cash)
        ledger.cash -= rent
        ledger.note(Purpose.rent, int(rent.sum()))
        ledger.note(Purpose.exports, max(-ledger.accounts["employers"], 0))
    for transfer, who in world.terms.transfers:
        ledger.cash += np.where(who, transfer.cents, 0)
        ledger.note(Purpose.transfer, transfer.cents * int(who.sum()))
    today = world.step * world.hours // 24
    for lost in world.voucher_ends.pop(today, ()):
        ledger.voucher = np.maximum(ledger.voucher - lost, 0)
    for voucher, who in world.terms.vouchers:
        given = np.where(who, voucher.cents, 0)
        ledger.voucher += given
        world.voucher_ends.setdefault(today + voucher.days_valid, []).append(given)


def _spending(world: World) -> None:
    """All other spending: a part of what tax and rent leave, less where cash is short of what one keeps, more above it."""
    numbers, ledger, people = world.numbers, world.ledger, world.people
    left = people.income * (1 - numbers.rent_share - numbers.income_tax * people.employed) / 30
    above = np.maximum(ledger.cash - people.buffer, 0)
    rate = np.where(people.income < 0.5 * numbers.income_mean, numbers.spend_poor, numbers.spend_rich)
    held = np.minimum(ledger.cash / np.maximum(people.buffer, 1), 1)
    spent = np.minimum((numbers.other_share * left * held + rate * above).astype(np.int64), ledger.cash)
    ledger.cash -= spent
    ledger.note(Purpose.other, int(spent.sum()))
    world.day.other += spent


def _shops(world: World) -> None:
    """Yesterday's meals spoil, goods are delivered as far as the till pays, staff and owners are paid, prices move."""
    ledger, numbers, first = world.ledger, world.numbers, world.restaurants
    spoiled = world.stock[:first, 0].copy()
    ledger.spoiled[-1] += int(spoiled.sum())
    world.stock[:first] = 0
    goal = np.round(world.supply * world.terms.supply).astype(np.int64)
    cost = np.concatenate([world.price[:first, None] * np.ones((1, world.stock.shape[1]), np.int64), world.shelf])
    cost = np.maximum((cost * numbers.wholesale_share).astype(np.int64), 1)
    want = np.maximum(goal[:, None] - world.stock, 0)
    want[:first, 1:] = 0
    whole = np.maximum((want * cost).sum(axis=1), 1)
    want = np.floor(want * np.minimum(1.0, ledger.till / whole)[:, None]).astype(np.int64)
    paid = (want * cost).sum(axis=1)
    ledger.till -= paid
    ledger.note(Purpose.wholesale, int(paid.sum()))
    world.stock += np.concatenate([np.repeat(want[:first, :1], want.shape[1], axis=1), want[first:]])
    ledger.delivered += np.append(want[first:].sum(axis=0), want[:first, 0].sum())
    staff = np.minimum((world.last_sales * numbers.staff_share).astype(np.int64), ledger.till)
    ledger.till -= staff
    ledger.note(Purpose.staff, int(staff.sum()))
    if world.terms.weekday == 0:
        keep = np.round(world.price * world.supply * 0.5).astype(np.int64) + 100_000
        profit = np.maximum(ledger.till - keep, 0)
        ledger.till -= profit
        ledger.note(Purpose.profit, int(profit.sum()))
    _reprice(world)


def _reprice(world: World) -> None:
    """Now and then a restaurant that turned many away is dearer by a step, and one that sold little is cheaper."""
    numbers, first = world.numbers, world.restaurants
    served, turned = world.last_served[:first], world.last_turned[:first]
    moves = uniforms(world.seed, Stream.REPRICE, world.step, named(np.arange(first))) < numbers.reprice_rate
    up = turned > 0.05 * np.maximum(served + turned, 1)
    down = ~up & (served < 0.5 * world.supply[:first])
    step = 1 + numbers.reprice_step * (up.astype(float) - down)
    world.price[:first] = np.where(
        moves, np.maximum(np.round(world.price[:first] * step), 1), world.price[:first]
    ).astype(np.int64)


def _plan_shopping(world: World) -> None:
    """Households short of some good shop today, at an hour of their own."""
    if world.restaurants == len(world.places):
        return
    short = (world.pantry < world.numbers.restock_at * world.target).any(axis=1)
    who = np.flatnonzero(short)
    works = world.people.employed[who] & (world.terms.weekday < 5)
    drawn = world.uniforms(Stream.SHOP_HOUR, who)
    hour = np.where(works, 17 + np.floor(drawn * 4), 9 + np.floor(drawn * 11)).astype(int)
    hour -= hour % world.hours
    world.shopping = {int(at): who[hour == at] for at in np.unique(hour)}


def begin_rumours(world: World) -> Posts:
    """Those who believe a rumour that begins today think so, and post it."""
    parts = []
    names = [place.id for place in world.places]
    for rumour in world.terms.rumours:
        place = names.index(rumour.place)
        if place >= world.restaurants:
            continue
        who = np.flatnonzero(uniforms(world.seed, Stream.BELIEVE, world.step, world.people.names) < rumour.believers)
        if world.learns:
            world.quality[who, place] = np.float32(rumour.valence)
        count = len(who)
        slot = world.people.names[who] + np.uint64(7)
        parts.append(
            Posts.of(
                who, np.full(count, place), np.full(count, rumour.valence, np.float32), Kind.false, slot, false=True
            )
        )
    return Posts.joined(parts)
