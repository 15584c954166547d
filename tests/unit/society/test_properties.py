"""What holds in every society: conservation, bounds, and that neither order nor others' number changes anybody's draws."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.society import load
from core.society.draws import Stream, named, uniforms
from core.society.levers import POLICIES, SHOCKS
from core.society.morning import end_day
from core.society.network import Network, _rows
from core.society.scenario import Add, Scenario, Set, edited, of_arm
from core.society.step import advance
from core.society.world import World, build

NUMBER, DAYS = 60, 3


@pytest.fixture(scope="module")
def town() -> Scenario:
    sets = {"warm_up_days": 0, "households.population": None, "network.mean_follows": 12.0}
    return edited(load("meridia_town"), [Set(set=key, value=value) for key, value in sets.items()])


def lived(world: World, days: int = DAYS) -> World:
    steps = 24 // world.hours
    for step in range(days * steps):
        world.step = step
        advance(world)
        assert world.stress.min() >= 0 and world.stress.max() <= 1
        if (step + 1) % steps == 0:
            end_day(world)  # the ledger's check raises where a cent or a unit is missing
    return world


#: Keys of a lever of each kind besides kind, start and end.
KEYS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "voucher": st.fixed_dictionaries({"cents": st.integers(0, 5000), "who": st.just({"income_quartile": [1, 2]})}),
    "transfer": st.fixed_dictionaries({"cents": st.integers(0, 90_000), "weekly": st.booleans()}),
    "sales_tax": st.fixed_dictionaries({"rate": st.floats(0, 0.6)}),
    "subsidy": st.fixed_dictionaries({"rate": st.floats(0, 1)}),
    "price_cap": st.fixed_dictionaries({"cents": st.integers(1, 1500)}),
    "price_floor": st.fixed_dictionaries({"cents": st.integers(1, 2500)}),
    "wage": st.fixed_dictionaries({"factor": st.floats(0, 3)}),
    "opening_hours": st.fixed_dictionaries({"hours": st.tuples(st.integers(0, 24), st.integers(0, 24)).map(list)}),
    "capacity_limit": st.fixed_dictionaries({"share": st.floats(0, 1)}),
    "travel_limit": st.fixed_dictionaries(
        {"max_km": st.floats(0, 12), "closed_cells": st.just([[5, 5]]), "hours": st.just([6, 22])}
    ),
    "transit_fare": st.fixed_dictionaries({"cents_per_km": st.integers(0, 400)}),
    "speed": st.fixed_dictionaries({"factor": st.floats(0.1, 4)}),
    "new_place": st.just({"places": ["garden"]}),
    "close_place": st.just({"places": ["pizzeria", "west_store"]}),
    "campaign": st.fixed_dictionaries(
        {"place": st.just("garden"), "posts_per_hour": st.floats(0, 900), "reach": st.floats(0, 1)}
    ),
    "advert_ban": st.just({}),
    "moderation": st.fixed_dictionaries(
        {"share": st.floats(0, 1), "below": st.floats(-1, 1), "lag_hours": st.integers(0, 2)}
    ),
    "feed_ranking": st.just({"ranking": "chronological"}),
    "label_false": st.just({}),
    "follow_cap": st.fixed_dictionaries({"most": st.integers(0, 20)}),
    "supply_cut": st.fixed_dictionaries({"share": st.floats(0, 1)}),
    "price_shock": st.fixed_dictionaries({"factor": st.floats(0.1, 9)}),
    "income_shock": st.fixed_dictionaries({"factor": st.floats(0, 2)}),
    "rumour": st.fixed_dictionaries({"place": st.just("garden"), "believers": st.floats(0, 1)}),
    "outage": st.just({}),
    "heat": st.fixed_dictionaries({"factor": st.floats(1, 9)}),
    "festival": st.fixed_dictionaries({"factor": st.floats(0, 9)}),
}
LEVERS = st.sampled_from(sorted(KEYS)).flatmap(
    lambda kind: st.tuples(KEYS[kind], st.integers(0, 2)).map(
        lambda drawn: {"kind": kind, "start": f"2030-03-0{4 + drawn[1]}", **drawn[0]}
    )
)


def test_every_kind_of_lever_is_tried() -> None:
    assert set(KEYS) == POLICIES.keys() | SHOCKS.keys()


@given(levers=st.lists(LEVERS, min_size=1, max_size=4), seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_cent_and_no_unit_is_lost_under_any_levers(town: Scenario, levers: list[dict[str, Any]], seed: int) -> None:
    lived(build(edited(town, [Add(add=lever) for lever in levers]), seed, NUMBER))


@pytest.mark.parametrize("hours", [2, 3, 4])
def test_longer_steps_conserve_too(town: Scenario, hours: int) -> None:
    world = lived(build(edited(town, [Set(set="step_hours", value=hours)]), 3, NUMBER))
    assert world.ledger.eaten[-1] > 0


def shuffled(world: World, order: np.ndarray) -> World:
    """The same world with its households in another order."""
    number, back = world.number, np.argsort(order)

    def moved(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        axes = [axis for axis, size in enumerate(value.shape) if size == number]
        return np.take(value, order, axis=axes[0]) if axes else value

    def moved_all(thing: Any) -> Any:
        return replace(thing, **{item.name: moved(getattr(thing, item.name)) for item in fields(thing)})

    found = deepcopy(world)
    for item in fields(World):
        setattr(found, item.name, moved(getattr(found, item.name)))
    found.people, found.ledger, found.day = moved_all(found.people), moved_all(found.ledger), moved_all(found.day)
    net = world.network
    author, reader = back[np.repeat(np.arange(number), np.diff(net.first))], back[net.reader]
    by_author = np.argsort(author * number + reader)
    first, readers = _rows((author * number + reader)[by_author], number)
    begin, authors = _rows(np.sort(reader * number + author), number)
    found.network = Network(first, readers, net.tie[by_author], begin, authors)
    return found


def test_the_order_of_households_does_not_matter(town: Scenario) -> None:
    busy = edited(
        town,
        [Add(add={"kind": "campaign", "start": "2030-03-04", "place": "garden", "posts_per_hour": 60, "reach": 0.3})],
    )
    order = np.random.default_rng(0).permutation(61)
    one = build(busy, 7, 61)
    # Of equal rows of a network the one drawn is the n-th by number, which another numbering changes: nobody follows anew here.
    one.numbers = replace(one.numbers, follow_rate=0.0, unfollow_rate=0.0, unfollow_clash=0.0)
    other = lived(shuffled(one, order))
    one = lived(one)
    for name in ("cash", "voucher"):
        assert (getattr(other.ledger, name) == getattr(one.ledger, name)[order]).all()
    for name in ("pantry", "hunger", "visits", "known", "attention", "quality", "crowding", "until"):
        assert (getattr(other, name) == getattr(one, name)[order]).all(), name
    assert (other.stress == one.stress[:, order]).all()
    assert (other.price == one.price).all() and (other.ledger.till == one.ledger.till).all()


def test_draws_are_the_same_whoever_else_there_is() -> None:
    some, all_of_them = named(np.arange(5)), named(np.arange(5000))
    for step in (0, 1, 999):
        assert (uniforms(1, Stream.READ, step, some) == uniforms(1, Stream.READ, step, all_of_them)[:5]).all()
    many = uniforms(2, Stream.POST, 3, all_of_them)
    assert abs(many.mean() - 0.5) < 0.02 and many.min() > 0 and many.max() < 1
    assert abs(np.corrcoef(many, uniforms(2, Stream.POST, 4, all_of_them))[0, 1]) < 0.05
    assert abs(np.corrcoef(many, uniforms(2, Stream.NOISE, 3, all_of_them))[0, 1]) < 0.05


def test_further_households_do_not_change_who_the_first_are(town: Scenario) -> None:
    few, many = build(town, 4, 40).people, build(town, 4, 400).people
    for name in ("home", "work", "income", "need", "employed"):
        assert (getattr(few, name) == getattr(many, name)[:40]).all(), name


def test_a_lever_changes_nothing_before_it_starts(town: Scenario) -> None:
    late = edited(town, [Add(add={"kind": "price_shock", "start": "2030-03-06", "factor": 3.0})])
    plain, later = build(town, 5, NUMBER), build(late, 5, NUMBER)
    assert (lived(plain, 2).ledger.cash == lived(later, 2).ledger.cash).all()
    assert (plain.hunger == later.hunger).all()


def test_stress_that_changes_nothing_is_recorded_and_leaves_choices_as_they_are(town: Scenario) -> None:
    calm = of_arm(edited(town, [Set(set="stress.on", value=False)]), "base")
    worlds = []
    for change in (
        {"stress_fatigue_gain": 0.02, "stress_crowd_gain": 0.1},
        {"stress_fatigue_gain": 0.2, "stress_crowd_gain": 0.6},
    ):
        worlds.append(lived(build(edited(calm, [Set(set="parameters", value=change)]), 6, NUMBER)))
    assert (worlds[0].visits == worlds[1].visits).all() and (worlds[0].ledger.cash == worlds[1].ledger.cash).all()
    assert worlds[0].stress[1].mean() < worlds[1].stress[1].mean()


def test_both_directions_of_the_network_agree_after_days_of_change(town: Scenario) -> None:
    busy = edited(town, [Set(set="parameters", value={"follow_rate": 0.1, "unfollow_rate": 0.02})])
    world = lived(build(busy, 8, NUMBER))
    net = world.network
    by_author = {
        (int(reader), author)
        for author in range(NUMBER)
        for reader in net.reader[net.first[author] : net.first[author + 1]]
    }
    by_reader = {
        (reader, int(author))
        for reader in range(NUMBER)
        for author in net.author[net.begin[reader] : net.begin[reader + 1]]
    }
    assert by_author == by_reader and len(by_author) == net.follows
    assert not any(reader == author for reader, author in by_author)


def test_nobody_reads_more_than_the_feed_holds_and_nothing_of_the_same_step(town: Scenario) -> None:
    loud = edited(
        town,
        [Add(add={"kind": "campaign", "start": "2030-03-04", "place": "garden", "posts_per_hour": 500, "reach": 0.5})],
    )
    world = build(loud, 9, NUMBER)
    before = -1
    for step in range(48):
        world.step = step
        posts = advance(world)
        if world.seen is not None:
            assert np.bincount(world.seen[0]).max() <= loud.network.feed.cap
            assert before > 0
        before = len(posts)
    assert before > 0
