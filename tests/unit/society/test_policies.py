"""A study's policy becomes levers of a town: level by level, over the days it was in force, and nothing else."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from core.errors import InputError
from core.services.studies.inputs import open_study
from core.society import load, simulate
from core.society.policies import policy_levers, with_policy
from core.society.scenario import of_arm
from core.society.terms import terms_of
from core.society.world import build

FIRST = date(2030, 6, 1)


def test_each_day_has_the_lever_of_the_level_in_force() -> None:
    timeline, table = open_study("meridia", None).timeline, policy_levers("pandemic_mobility")
    link = with_policy(load("meridia_town"), timeline, "pandemic_mobility", FIRST, "A town")
    scenario = of_arm(link.scenario, "policy")
    for number in range(scenario.days):
        day = FIRST + timedelta(days=number)
        levels = {code: level for code, (level, _) in timeline.in_force(day).items() if level > 0}
        assert set(levels) <= {*link.carried, *link.not_carried}
        wanted = {table[code][max(known for known in table[code] if known <= level)]["kind"] for code, level in levels.items()
                  if code in table and any(known <= level for known in table[code])}  # fmt: skip
        assert {lever.kind for lever in scenario.levers if lever.start <= day <= (lever.end or day)} == wanted
    assert link.carried and link.not_carried


def test_a_closed_workplace_closes_restaurants() -> None:
    timeline = open_study("meridia", None).timeline.with_constant({"C2": 3.0}, FIRST, FIRST + timedelta(days=40))
    link = with_policy(load("meridia_town"), timeline, "pandemic_mobility", FIRST, "A town")
    world = build(of_arm(link.scenario, "policy"), 1, 30)
    terms = terms_of(world.scenario, world.places, world.people, 1, FIRST)
    assert (terms.opens[: world.restaurants] == terms.closes[: world.restaurants]).all()
    assert (
        simulate(link.scenario, arm="policy", households=30, days=2, detail=False)
        .days.query("place == 'pizzeria'")["served"]
        .sum()
        == 0
    )


def test_days_beyond_the_policy_and_domains_without_a_table_are_refused() -> None:
    timeline = open_study("meridia", None).timeline
    with pytest.raises(InputError, match="Nearest valid: 2031-12-04"):
        with_policy(load("meridia_town"), timeline, "pandemic_mobility", date(2039, 1, 1), "A town")
    with pytest.raises(InputError, match="pandemic_mobility"):
        policy_levers("household_water")
