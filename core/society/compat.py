"""The rule-based town of econsimulacra 0.14.1, all households at once: what an imported configuration does there.

Its rules in our words (MIT licence, Copyright (c) 2026 SimulacraBusiness), its order of a step, and its peculiarities: an
order is answered one step later, a journey goes on under whoever eats on the way, and a meal is spread over all foods.
Our own model of a household is another one; this serves comparison, and reads nobody's posts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from core.society.compat_town import Floats, Town
from core.society.draws import Stream, named, uniforms

Bools = NDArray[np.bool_]
_SELLER = 1 << 40  # sellers draw under ids of their own


class Mode(IntEnum):
    """What a household is about."""

    HOME = 0
    AWAY = 1
    SLEEPING = 2
    TO_STORE = 3
    HOMEWARD = 4


@dataclass(frozen=True)
class CompatResult:
    """What one world did: figures under the names of the reference, for each household and day, shares as `table.name`; and
    where it ended: N cells, cash (N), pantries (N, I), tills (S), shelves (S, I)."""

    figures: Mapping[str, float]
    cells: NDArray[np.int64]
    cash: Floats
    pantry: Floats
    tills: Floats
    shelves: Floats


def simulate_compat(town: Town, seed: int) -> CompatResult:
    """One world of the town: the same seed gives the same one, whatever other households there are."""
    world = _World(town, seed)
    for step in range(town.steps):
        world.step(step)
    return world.result()


class _World:
    """The state: N households, S sellers, I items, cells of as many numbers as the grid has dimensions."""

    def __init__(self, town: Town, seed: int) -> None:
        self.town, self.seed = town, seed
        households, sellers = len(town.homes), len(town.sellers)
        self.who = named(np.arange(households))
        shops = named(_SELLER + np.arange(sellers))
        self.home = _placed(town.homes, town.grid, seed, self.who)
        self.shop = _placed(town.seller_cells, town.grid, seed, shops)
        self.begin, self.shop_begin = town.begin.drawn(seed, self.who), town.seller_begin.drawn(seed, shops)
        self.cash, self.pantry = self.begin[:, 0].copy(), self.begin[:, 1:].copy()
        self.till, self.shelf = self.shop_begin[:, 0].copy(), self.shop_begin[:, 1:].copy()
        self.cell, self.goal, self.route = self.home.copy(), self.home.copy(), self.home.copy()
        self.has_goal, self.moving, self.asleep, self.rested = (np.zeros(households, bool) for _ in range(4))
        self.mode = np.full(households, Mode.HOME)
        self.wakes = np.zeros(households, np.int64)
        self.pressure, self.hunger = town.rules.initial_pressure.copy(), town.rules.initial_hunger.copy()
        self.since_meal = np.full(households, np.inf)
        self.price = np.repeat(town.food.prior[:, None, :], sellers, axis=1)
        self.available = np.broadcast_to(town.rules.initial_availability[:, None, None], self.price.shape).copy()
        self.order, self.ordered_at = np.zeros_like(self.pantry), np.zeros(households, np.int64)
        self.bought, self.eaten = np.zeros(len(town.items)), 0.0
        self.revenue = np.zeros(sellers)
        self.orders = self.meals = self.moves = self.sleeps = self.slept = 0.0
        self.now = 0
        self._refill(0)

    def step(self, step: int) -> None:
        """Everybody sees the state before the step; then sleep, meals, orders, journeys, sales, and what falls due."""
        town, rules, self.now = self.town, self.town.rules, step
        may_sleep, may_eat, may_order, may_move = town.may.T
        hour = (rules.start_hour + step * rules.step_hours) % 24.0
        if step:
            self._age()
        here = (self.cell[:, None, :] == self.shop).all(axis=2) & town.shows_stock
        self._learn(here)
        away = (self.cell != self.home).any(axis=1)
        tired = may_sleep & (self.pressure + self._circadian(hour) >= rules.sleep_onset)
        fed = may_eat & ((self.pantry > 0) & town.foods).any(axis=1)
        due = (self.since_meal >= rules.meal_interval) & (
            self.hunger + rules.meal_signal * self._meal_signal(hour) >= rules.meal_threshold
        )

        # The first of these that applies is what a household does.
        still = self.asleep.copy()
        free = ~still

        def those(condition: Bools) -> Bools:
            nonlocal free
            chosen = free & condition
            free = free & ~condition
            return chosen

        eat = those(fed & (self.hunger >= rules.critical_hunger))
        to_bed = those(tired & ~away)
        homeward = those(may_move & away & (tired | (self.mode == Mode.HOMEWARD)))
        eat |= those(due & fed)
        self._choose_store(free & may_order & ~self.has_goal)
        shopping = free & self.has_goal & (self.mode == Mode.TO_STORE)
        arrived = (self.cell == self.goal).all(axis=1)
        travel = those(shopping & ~arrived)
        basket = self._basket(shopping & arrived, here)
        ordering = those(basket.sum(axis=1) > 0)
        empty = shopping & arrived & ~ordering
        self.mode[empty] = Mode.HOMEWARD  # nothing to be had: back, unless this is home
        homeward |= those(may_move & away)
        idle = free

        homeward |= ordering & may_move & away
        self._settle_down(idle | (ordering & ~homeward), away)
        self.mode[still | to_bed] = Mode.SLEEPING
        self.mode[homeward] = Mode.HOMEWARD
        self.goal[homeward] = self.home[homeward]
        self.has_goal[homeward] = True
        self.has_goal[to_bed] = False
        self.rested[still | to_bed] = True
        self.rested[homeward | travel | ordering | idle] = False

        still &= self.wakes > step
        self.asleep &= still
        self._sleep(to_bed, hour)
        self._eat(eat)
        self._move(homeward | travel, ~still & ~to_bed)
        self._sell(basket, here)
        self._refill(step + 1)

    def _age(self) -> None:
        """An hour of sleep pressure and hunger."""
        rules = self.town.rules
        least, most, hours = rules.least_pressure, rules.most_pressure, rules.step_hours
        asleep = least + (self.pressure - least) * np.exp(-hours / rules.tau_sleep)
        awake = most - (most - self.pressure) * np.exp(-hours / rules.tau_wake)
        self.pressure = np.where(self.rested, asleep, awake)
        rate = np.where(self.rested, rules.hunger_asleep, rules.hunger_awake)
        self.hunger = np.minimum(1.0, self.hunger + rate * hours)
        self.since_meal += hours

    def _circadian(self, hour: Floats) -> Floats:
        rules = self.town.rules
        found: Floats = rules.circadian_amplitude * np.cos(2.0 * np.pi * (hour - rules.circadian_phase) / 24.0)
        return found

    def _meal_signal(self, hour: Floats) -> Floats:
        apart = np.abs(hour[:, None] - self.town.meal_hours) % 24.0
        apart = np.minimum(apart, 24.0 - apart)
        found: Floats = np.exp(-(apart**2) / (2 * self.town.rules.meal_width[:, None] ** 2)).max(axis=1)
        return found

    def _learn(self, here: Bools) -> None:
        """Whoever is where a seller shows its stock learns what there is, and the price of that."""
        who, seller = np.nonzero(here)
        if not len(who):
            return
        rules, offered = self.town.rules, self.shelf[seller] > 0
        seen, foods = self.available[who, seller], self.town.foods[who]
        rate = rules.availability_learning[who, None]
        self.available[who, seller] = np.where(foods, (1.0 - rate) * seen + rate * offered, seen)
        seen, rate = self.price[who, seller], rules.price_learning[who, None]
        self.price[who, seller] = np.where(foods & offered, (1.0 - rate) * seen + rate * self.town.prices, seen)

    def _budget(self, who: NDArray[np.intp]) -> Floats:
        cash, rules = np.maximum(0.0, self.cash[who]), self.town.rules
        return np.maximum(0.0, np.minimum(cash - rules.cash_reserve[who], cash * rules.basket_share[who]))

    def _wanted(self, who: NDArray[np.intp]) -> Floats:
        lacking = np.maximum(0.0, self.town.food.target[who] - np.maximum(0.0, self.pantry[who]))
        found: Floats = np.where(self.town.foods[who], lacking, 0.0)
        return found

    def _choose_store(self, choosing: Bools) -> None:
        """A logit over the sellers that show where they are, by what is believed of their goods and by the way."""
        town, rules = self.town, self.town.rules
        low = ((self.pantry <= town.food.reorder) & town.foods).any(axis=1)
        who = np.nonzero(choosing & low)[0]
        wanted = self._wanted(who)
        budget = self._budget(who)
        weighted = town.food.importance[who] * wanted
        total = weighted.sum(axis=1)
        open_to = np.broadcast_to(town.shows_place, (len(who), len(town.sellers))).copy()
        at = (self.cell[who, None, :] == self.shop).all(axis=2)
        open_to &= town.may[who, 3, None] | at
        able = (budget > 1e-9) & (total > 0.0) & open_to.any(axis=1)
        who, wanted, budget, weighted, total, open_to = (
            part[able] for part in (who, wanted, budget, weighted, total, open_to)
        )
        if not len(who):
            return
        hoped, price, prior = self.available[who], self.price[who], town.food.prior[who, None, :]
        saved = np.divide(prior - price, prior, out=np.zeros_like(price), where=prior > 0.0)
        covered = (weighted[:, None] * hoped).sum(axis=2) / total[:, None]
        saving = (weighted[:, None] * hoped * saved).sum(axis=2) / total[:, None]
        spent = (wanted[:, None] * hoped * np.maximum(0.0, price)).sum(axis=2) / budget[:, None]
        way = np.abs(self.cell[who, None, :] - self.shop).max(axis=2)
        worth = rules.beta_price[who, None] * saving + rules.beta_availability[who, None] * covered
        worth -= rules.beta_budget[who, None] * spent + rules.beta_distance[who, None] * way
        worth[~open_to] = -np.inf
        weight = np.exp(worth - worth.max(axis=1, keepdims=True)).cumsum(axis=1)
        drawn = uniforms(self.seed, Stream.PLACE, self.now, self.who)[who] * weight[:, -1]
        store = (weight < drawn[:, None]).sum(axis=1)
        self.goal[who] = self.shop[store]
        self.has_goal[who] = True
        self.mode[who] = Mode.TO_STORE

    def _basket(self, buying: Bools, here: Bools) -> Floats:
        """What is ordered of the first seller on the spot (N, I): what is lacking in whole units, the most important first,
        as far as the budget goes."""
        basket = np.zeros_like(self.pantry)
        who = np.nonzero(buying & here.any(axis=1))[0]
        if not len(who):
            return basket
        seller, left, wanted = here[who].argmax(axis=1), self._budget(who), self._wanted(who)
        row = np.arange(len(who))
        for item in self.town.ranks[who].T:
            price = self.town.prices[item]
            most = np.minimum(wanted[row, item], self.shelf[seller, item])
            afford = np.divide(left, price, out=most.copy(), where=price > 0.0)
            units = np.where(item >= 0, np.floor(np.maximum(0.0, np.minimum(most, afford))), 0.0)
            basket[who, item] += units
            left = left - units * price
        return basket

    def _settle_down(self, staying: Bools, away: Bools) -> None:
        self.mode[staying] = np.where(away[staying], Mode.AWAY, Mode.HOME)
        self.has_goal[staying] = False

    def _sleep(self, to_bed: Bools, hour: Floats) -> None:
        """Until pressure and the hour let one wake, foreseen at the start, in whole steps."""
        if not to_bed.any():
            return
        rules = self.town.rules
        steps = rules.longest_sleep.astype(np.int64)
        for ahead in range(int(steps.max()), 0, -1):
            hours = ahead * rules.step_hours
            pressure = rules.least_pressure + (self.pressure - rules.least_pressure) * np.exp(-hours / rules.tau_sleep)
            awake = pressure + self._circadian((hour + hours) % 24.0) <= rules.wake_threshold
            steps = np.where(awake & (ahead <= rules.longest_sleep), ahead, steps)
        self.wakes[to_bed] = self.now + steps[to_bed]
        self.asleep |= to_bed
        self.sleeps += to_bed.sum()
        self.slept += (steps * rules.step_hours)[to_bed].sum()

    def _eat(self, eating: Bools) -> None:
        """As much of each food as its share of hunger, or what there is."""
        food = self.town.food
        amount = np.maximum(0.0, self.hunger)[:, None] * food.share / np.maximum(food.energy, 1e-12)
        amount = np.where(eating[:, None] & self.town.foods, np.clip(amount, 0.0, np.maximum(0.0, self.pantry)), 0.0)
        ate = amount.any(axis=1)
        self.pantry -= amount
        self.hunger = np.where(ate, np.maximum(0.0, self.hunger - (amount * food.energy).sum(axis=1)), self.hunger)
        self.since_meal[ate] = 0.0
        self.mode[ate] = Mode.HOME
        self.has_goal[ate] = self.rested[ate] = False
        self.meals += ate.sum()
        self.eaten += amount.sum()

    def _move(self, setting_out: Bools, acting: Bools) -> None:
        """One cell in every dimension; who does something else goes on with a journey once begun."""
        self.route[setting_out] = self.goal[setting_out]
        going = acting & (setting_out | self.moving)
        self.cell[going] += np.sign(self.route[going] - self.cell[going])
        self.moving[going] = (self.cell[going] != self.route[going]).any(axis=1)
        self.moves += going.sum()

    def _sell(self, basket: Floats, here: Bools) -> None:
        """Orders of the step before are served, by household, as far as the stock goes; those of this step wait."""
        for seller in np.unique(self.ordered_at[self.order.any(axis=1)]):
            who = np.nonzero(self.order.any(axis=1) & (self.ordered_at == seller))[0]
            sold = np.minimum(self.order[who].cumsum(axis=0), np.maximum(0.0, self.shelf[seller]))
            sold = np.diff(sold, axis=0, prepend=0.0)
            paid = sold @ self.town.prices
            self.pantry[who] += sold
            self.cash[who] -= paid
            self.shelf[seller] -= sold.sum(axis=0)
            self.till[seller] += paid.sum()
            self.revenue[seller] += paid.sum()
            self.bought += sold.sum(axis=0)
        self.order, self.ordered_at = basket, here.argmax(axis=1)
        self.orders += (basket > 0).sum()

    def _refill(self, step: int) -> None:
        """Salaries and supplies that fall due at the beginning of a step."""
        for refill in self.town.refills:
            if step % refill.every != refill.every - 1:
                continue
            people, shops = refill.households, refill.sellers
            if refill.cash:
                self.cash[people] += self.begin[people, 0]
                self.till[shops] += self.shop_begin[shops, 0]
            else:
                self.pantry[people] += self.begin[people, 1:]
                self.shelf[shops] += self.shop_begin[shops, 1:]

    def result(self) -> CompatResult:
        """Totals for each household and day; the Gini coefficient is that of wealth at the end."""
        town = self.town
        each = 24.0 / (town.steps * town.rules.step_hours.sum())
        totals = {
            "qty": self.bought.sum(), "orders": self.orders, "meals": self.meals, "units_eaten": self.eaten,
            "sleep_starts": self.sleeps, "sleep_hours": self.slept, "moves": self.moves,
        }  # fmt: skip
        figures = {f"{name}_per_household_day": float(total * each) for name, total in totals.items()}
        wealth = np.sort(self.cash * town.cash_price + self.pantry @ town.prices)
        rank = np.arange(1, len(wealth) + 1)
        figures["wealth_gini"] = float(
            2.0 * (rank * wealth).sum() / (len(wealth) * (wealth.sum() or 1.0)) - (len(wealth) + 1.0) / len(wealth)
        )
        for table, names, amounts in (
            ("revenue_share", town.sellers, self.revenue),
            ("item_qty_share", town.items, self.bought),
        ):
            whole = float(amounts.sum()) or 1.0
            figures |= {f"{table}.{name}": float(amount) / whole for name, amount in zip(names, amounts, strict=True)}
        return CompatResult(figures, self.cell, self.cash, self.pantry, self.till, self.shelf)


def _placed(cells: NDArray[np.int64], grid: tuple[int, ...], seed: int, who: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Cells as they are given, anywhere where they are not."""
    drawn = uniforms(seed, Stream.HOME, 0, who[:, None], np.arange(len(grid)))
    found: NDArray[np.int64] = np.where(cells < 0, (drawn * np.array(grid)).astype(np.int64), cells)
    return found
