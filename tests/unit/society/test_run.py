"""A small society: the same in each run, conserving money and goods, and moved by what is read and by nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import InputError
from core.society import load, simulate
from core.society.ledger import Purpose
from core.society.scenario import Add, Scenario, Set, edited, read_scenario
from core.society.shipped import shipped_scenarios

SMALL = {"households": 120, "days": 5, "detail": False}
CAMPAIGN = {
    "kind": "campaign",
    "start": "2030-03-04",
    "place": "pizzeria",
    "posts_per_hour": 40,
    "valence": 0.9,
    "reach": 0.1,
}


@pytest.fixture(scope="module")
def town() -> Scenario:
    return edited(load("meridia_town"), [Set(set="warm_up_days", value=2)])


def sales(scenario: Scenario, **how: object) -> int:
    days = simulate(scenario, **SMALL | how).days  # type: ignore[arg-type]
    return int(days.loc[days["place"] == "pizzeria", "sales_cents"].sum())


def test_equal_seeds_give_equal_worlds_and_others_do_not(town: Scenario) -> None:
    two = simulate(town, seeds=2, **SMALL)
    assert simulate(town, seeds=2, **SMALL).result_hash == two.result_hash
    assert two.worlds[0].state_hash != two.worlds[1].state_hash
    assert two.worlds[0].days["sales_cents"].sum() > 0


def test_an_arm_without_edits_is_the_same_world(town: Scenario) -> None:
    same = read_scenario(town.as_dict() | {"arms": [{"id": "same", "title": "Nothing changed", "edit": []}]})
    assert simulate(same, arm="same", **SMALL).result_hash == simulate(town, **SMALL).result_hash


def test_a_campaign_sells_where_it_is_read_and_changes_nothing_where_not(town: Scenario) -> None:
    plain, praised = town, edited(town, [Add(add=CAMPAIGN)])
    assert sales(praised) > 1.1 * sales(plain)
    unread = Set(set="network.feed.read", value=False)
    silent, shouted = (simulate(edited(one, [unread]), **SMALL).result_hash for one in (plain, praised))
    assert silent == shouted


def test_every_payment_has_two_sides(town: Scenario) -> None:
    scenario = edited(
        town,
        [
            Add(add={"kind": "sales_tax", "start": "2030-03-04", "rate": 0.19}),
            Add(add={"kind": "voucher", "start": "2030-03-05", "cents": 1500}),
            Add(add={"kind": "subsidy", "start": "2030-03-05", "rate": 0.33, "places": ["market_hall", "old_inn"]}),
        ],
    )
    ledger = simulate(
        scenario, **SMALL
    ).ledger  # the daily check of the ledger raises where a cent or a unit is missing
    assert all(ledger[purpose.name].min() >= 0 for purpose in (Purpose.sales, Purpose.sales_tax, Purpose.subsidy))
    assert ledger["voucher"].sum() > 0 and ledger["sales_tax"].sum() > 0 and ledger["subsidy"].sum() > 0


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("goods", [], "there is a grocery and nothing to sell"),
        ("levers", [{"kind": "vouchr", "start": "2030-03-05"}], "Nearest valid: voucher"),
        ("levers", [CAMPAIGN | {"place": "pizeria"}], "Nearest valid: pizzeria"),
        ("levers", [CAMPAIGN | {"start": "2031-01-01"}], "Nearest valid: 2030-03-31"),
        ("housholds", {}, "Nearest valid: households"),
        ("parameters", {"beta_pric": 1.0}, "Nearest valid: beta_price"),
        ("parameters", {"beta_price": 99.0}, "Nearest valid: 4"),
        ("arms", [{"id": "a", "title": "A", "edit": [{"set": "stress.onn", "value": False}]}], "Nearest valid: on"),
    ],
)
def test_what_is_wrong_in_a_scenario_is_told_with_the_nearest_valid_value(
    town: Scenario, path: str, value: object, told: str
) -> None:
    with pytest.raises(InputError, match=r"Nearest valid|there is") as failed:
        read_scenario(json.loads(json.dumps(town.as_dict() | {path: value})))
    assert told in str(failed.value)


@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_shipped_scenario_and_arm_runs(name: str) -> None:
    scenario = load(name)
    for arm in ("base", *(item.id for item in scenario.arms)):
        assert simulate(scenario, arm=arm, households=60, days=1, detail=False).days["units"].sum() > 0


def test_a_file_may_extend_a_shipped_scenario(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"format": "policytwin.society/1", "extends": "meridia_town", "id": "mine", "days": 14}))
    found = load(str(file))
    assert (found.id, found.days, found.places) == ("mine", 14, load("meridia_town").places)
    file.write_text(json.dumps({"extends": "meridia_twn"}))
    with pytest.raises(InputError, match="Nearest valid: meridia_town"):
        load(str(file))
