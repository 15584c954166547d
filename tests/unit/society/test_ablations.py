"""Parts of a scenario are left out one at a time, and registered directions are judged by known differences."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.settings import shipped_data
from core.society import load
from core.society.ablations import HELD, NOT_SHOWN, REVERSED, Sign, ablated, judged, signed
from core.society.scenario import Set, edited, of_arm, read_scenario, scenario_hash
from core.society.schema import scenario_schema, schema_text
from core.society.shipped import shipped_scenarios


def test_every_part_that_is_there_is_left_out_by_itself() -> None:
    town = ablated(load("meridia_town"))
    ids = [arm.id for arm in town.arms]
    assert ids == [
        "without_hunger", "without_fatigue", "without_crowd", "without_money", "without_sleep", "without_social",
        "stress_off", "memory_off", "unread", "homogeneous", "chronological",
    ]  # fmt: skip
    hashes = {scenario_hash(of_arm(town, arm)) for arm in ("base", *ids)}
    assert len(hashes) == len(ids) + 1, "no two are the same scenario"
    assert "crowd" not in of_arm(town, "without_crowd").stress.dimensions
    plain = edited(load("meridia_town"), [Set(set="stress.on", value=False), Set(set="network.feed.read", value=False)])
    assert [arm.id for arm in ablated(plain).arms] == ["memory_off", "homogeneous", "chronological"]


@pytest.mark.parametrize("name", shipped_scenarios())
def test_registered_directions_fit_every_shipped_scenario(name: str) -> None:
    scenario, signs = signed(load(name))
    assert {sign.arm for sign in signs} == {arm.id for arm in scenario.arms}
    assert not any("@" in json.dumps(arm.model_dump(mode="json")) for arm in scenario.arms)
    largest = max(place.stock for place in scenario.places if place.kind == "restaurant")
    (praised,) = (sign.level for sign in signs if sign.id == "praise_raises_sales")
    assert next(place.stock for place in scenario.places if place.id == praised) == largest


def test_a_town_without_restaurants_has_no_signs() -> None:
    own = load("meridia_town").as_dict()
    groceries = [place for place in own["places"] if place["kind"] == "grocery"]
    with pytest.raises(InputError, match="there is no restaurant"):
        signed(read_scenario(own | {"places": groceries, "arms": []}))


def table(**levels: list[float]) -> pd.DataFrame:
    keys = pd.MultiIndex.from_tuples([("income_quartile", name[1:], "spending_out") for name in levels])
    return pd.DataFrame(list(levels.values()), index=keys, columns=range(5))


def test_a_direction_holds_is_reversed_or_not_shown_by_its_interval() -> None:
    base = table(q1=[1, 1, 1, 1, 1], q2=[0, 0, 0, 0, 0])
    up = table(q1=[2.0, 2.1, 1.9, 2.2, 2.0], q2=[3, -3, 2, -2, 0])
    for level, expected, verdict in (("1", 1, HELD), ("1", -1, REVERSED), ("2", 1, NOT_SHOWN)):
        found = judged(Sign("s", "S", "a", "spending_out", "income_quartile", level, expected), up, base)
        assert found.verdict == verdict and found.seeds == 5
    assert found.low is not None and found.mean is not None and found.high is not None
    assert found.low < found.mean < found.high
    assert judged(Sign("s", "S", "a", "km_a_trip", "all", "all", 1), up, base).verdict == NOT_SHOWN


def test_above_is_above_the_highest_of_the_others() -> None:
    zero = np.zeros(5).tolist()
    base, up = table(q1=zero, q2=zero, q3=zero), table(q1=[2, 2, 2, 2, 2.1], q2=zero, q3=[3, 3, 3, 3, 3])
    sign = Sign("s", "S", "a", "spending_out", "income_quartile", "1", 1, ("2", "3"))
    found = judged(sign, up, base)
    assert found.verdict == REVERSED and found.mean == pytest.approx(-0.98)


def test_the_published_schema_is_that_of_the_models() -> None:
    file = shipped_data() / "society" / "schema" / "scenario.schema.json"
    assert file.read_text(encoding="utf-8") == schema_text(), "policytwin society schema --to it"


@pytest.mark.parametrize("name", shipped_scenarios())
def test_shipped_scenarios_follow_the_schema(name: str) -> None:
    schema = scenario_schema()
    jsonschema.validate(json.loads((shipped_data() / "society" / f"{name}.json").read_text(encoding="utf-8")), schema)
    jsonschema.validate(load(name).as_dict(), schema)


def test_the_schema_refuses_what_the_reader_refuses() -> None:
    whole = load("meridia_town").as_dict()
    wrong = (
        {"levers": [{"kind": "vouchr", "start": "2030-03-04", "cents": 5}]},
        {"levers": [{"kind": "voucher", "start": "2030-03-04", "cent": 5}]},
        {"shocks": [{"kind": "voucher", "start": "2030-03-04", "cents": 5}]},
        {"arms": [{"id": "a", "title": "A", "edit": [{"add": {"kind": "outage"}}]}]},
        {"day": 3},
    )
    schema = jsonschema.Draft202012Validator(scenario_schema())
    for change in wrong:
        with pytest.raises(InputError):
            read_scenario(whole | change)
        assert not schema.is_valid(whole | change)
