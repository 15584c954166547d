"""The rule-based town of econsimulacra, and what becomes of its configurations."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference_town import configuration, household, shop

from core.cli import main
from core.errors import InputError
from core.society.compat import simulate_compat
from core.society.compat_town import Source, Town, town_of
from core.society.importer import import_configuration


def town(raw: dict[str, Any]) -> Town:
    return town_of(Source(raw, "here"))


def test_where_nothing_is_left_to_chance_it_ends_as_in_econsimulacra() -> None:
    """The expected values are those of econsimulacra 0.14.1 itself, run on this configuration."""
    found = simulate_compat(town(configuration()), seed=5)
    expected = {
        "qty": 1.5333, "orders": 1.4667, "meals": 2.8, "units_eaten": 1.3131, "sleep_starts": 0.9333, "sleep_hours": 5.4667,
        "moves": 9.1333,
    }  # fmt: skip
    assert {name: found.figures[f"{name}_per_household_day"] for name in expected} == pytest.approx(expected, abs=5e-5)
    assert found.figures["revenue_share.Bar1"] == pytest.approx(0.3574, abs=5e-5)
    assert found.figures["wealth_gini"] == pytest.approx(0.39454328257261007)
    assert found.cells.tolist() == [[0, 0], [6, 6], [3, 1]]
    assert found.cash.tolist() == [22560.0, 56240.0, 380.0]
    assert found.pantry[:, :3] == pytest.approx(
        np.array([[2.855, 1.355, 1.055], [0.0, 1.29709151, 0.59227453], [2.87442350, 1.37442350, 0.0]])
    )
    assert found.tills.tolist() == [6760.0, 3760.0]
    assert found.shelves[:, :3].tolist() == [[29.0, 23.0, 15.0], [0.0, 0.0, 0.0]]


def chancy(households: int = 40) -> dict[str, Any]:
    raw = configuration(96)
    raw["Near"] |= {
        "initialCoords": None,
        "numAgents": households,
        "inventory": {"Yen": {"expon": [5000]}, "Rice": [0, 4]},
    }
    raw["Near"]["storeChoice"] = {"betaDistance": 0.2}
    raw["simulation"]["events"] = []
    return raw


def test_nothing_is_made_from_nothing_or_lost() -> None:
    raw = chancy()
    first = simulate_compat(town(raw | {"simulation": {"numSteps": 1, "events": []}}), seed=3)
    last = simulate_compat(town(raw), seed=3)
    assert last.cash.sum() + last.tills.sum() == pytest.approx(first.cash.sum() + first.tills.sum())
    sold = last.figures["qty_per_household_day"] * 42 * 4
    eaten = last.figures["units_eaten_per_household_day"] * 42 * 4
    assert sold > 0 and last.shelves.sum() == pytest.approx(first.shelves.sum() - sold)
    assert last.pantry.sum() == pytest.approx(first.pantry.sum() + sold - eaten)
    assert last.shelves.min() >= 0 and last.pantry.min() >= -1e-12


def test_a_seed_is_a_world_and_others_change_nobody_who_meets_none() -> None:
    raw = chancy()
    assert simulate_compat(town(raw), 1).figures == simulate_compat(town(raw), 1).figures
    assert simulate_compat(town(raw), 1).figures != simulate_compat(town(raw), 2).figures
    for key in ("Mart", "Bar"):  # so much of everything that nobody takes anything from anybody
        raw[key]["inventory"] |= dict.fromkeys(("Rice", "Tea", "Fish"), 10_000)
    more = deepcopy(raw)
    more["environment"]["agents"] += ["Late"]
    more["Late"] = household([5, 5], 7000.0, numAgents=9)
    few, many = simulate_compat(town(raw), 1), simulate_compat(town(more), 1)
    assert many.cash[: len(few.cash)].tolist() == few.cash.tolist()
    assert many.pantry[: len(few.cash)].tolist() == few.pantry.tolist()


def test_what_is_allowed_is_done_and_nothing_else() -> None:
    raw = chancy()
    for key in ("Near", "Far", "Poor"):
        raw[key]["disabledActions"] = ["orders", "sleep_duration"]
    found = simulate_compat(town(raw), 1).figures
    assert found["orders_per_household_day"] == found["sleep_starts_per_household_day"] == 0
    assert found["moves_per_household_day"] == 0 and found["meals_per_household_day"] > 0


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("Near", "type"), "LLMAgent", r"Near\.type: is 'LLMAgent'.*RuleBasedHousehold"),
        (("Near", "foodItems"), ["Rise"], r"Near\.foodItems: has 'Rise', which is no item"),
        (("Near", "inventory"), {"Yen": {"gamma": [1]}}, r"Near\.inventory\.Yen: is .*expon"),
        (("Near", "initialCoords"), [8, 0], r"Near\.initialCoords: is .*a cell of the grid"),
        (("Near", "sleepRule"), {"tauWakeHours": "long"}, r"Near\.sleepRule\.tauWakeHours: is 'long'.*a number"),
        (("grid", "gridSize"), [8, 0], r"grid\.gridSize"),
        (("Near", "numAgents"), 10**9, r"Near\.numAgents: is 1000000000.*up to 1e\+06"),
        (("Near", "inventory"), [1], r"Near\.inventory: is .*a table"),
        (("Near", "mealRule"), {"mealCenters": ["noon"]}, r"Near\.mealRule\.mealCenters: is .*hours"),
        (("simulation", "numSteps"), 0, r"simulation\.numSteps: is 0.*from 1 up to"),
        (("environment", "agents"), ["Near"], r"no seller"),
        (("environment", "cashName"), None, None),
    ],
)
def test_what_cannot_be_simulated_is_said(path: tuple[str, str], value: Any, said: str | None) -> None:
    raw = configuration()
    raw[path[0]][path[1]] = value
    if said is None:
        raw["environment"]["cash_name"] = raw["environment"].pop("cashName")
        said = r"has no key 'environment\.cashName'.*Nearest valid: cash_name"
    with pytest.raises(InputError, match="here.*" + said):
        town(raw)


def leaves(here: Any, path: tuple[str, ...] = ()) -> list[str]:
    if isinstance(here, dict) and here:
        return [leaf for key, value in here.items() for leaf in leaves(value, (*path, key))]
    return [".".join(path)]


def test_every_key_is_accounted_for_once_and_kept() -> None:
    raw = configuration() | {
        "tax": {"type": "ConsumptionTax", "trigger": {"with": ["OrderReactionLog"]}, "governmentName": "Bar1",
                "taxRates": [{"start": 0, "end": 47, "rate": 0.1}, {"start": 900, "end": 990, "rate": 0.2}]},
    }  # fmt: skip
    raw["simulation"]["events"].append("tax")
    found = import_configuration(raw, "here")
    for leaf in leaves(raw):
        said = [
            name
            for name in ("carried", "compat_only", "not_carried")
            if any(leaf == key or leaf.startswith(f"{key}.") for key in getattr(found, name))
        ]
        assert len(said) == 1, (leaf, said)
    assert "tax.governmentName" in found.not_carried and "Near.mealRule" not in found.not_carried
    scenario = found.scenario
    assert scenario.compat is not None and scenario.compat["configuration"] == raw
    assert [(place.id, place.kind, place.cell) for place in scenario.places] == [
        ("Mart0", "restaurant", (1, 1)), ("Bar1", "restaurant", (6, 4)),
    ]  # fmt: skip
    tax = scenario.levers[0]
    assert (tax.kind, tax.start.isoformat(), str(tax.end)) == ("sales_tax", "2030-03-01", "2030-03-02")
    assert scenario.days == 5 and len(scenario.levers) == 1


def test_a_grocery_sells_goods() -> None:
    raw = configuration()
    more = [f"Good {number}" for number in range(4)]
    raw["environment"]["items"] += more
    raw |= {name: {"initialPrice": 120.4} for name in more}
    raw["Near"]["foodItems"] += more
    raw["Mart"] = shop("Mart", [1, 1], Rice=6, **dict.fromkeys(more, 10))
    scenario = import_configuration(raw, "here").scenario
    assert [good.id for good in scenario.goods] == ["Rice", "Good-0", "Good-1", "Good-2", "Good-3"]
    assert (scenario.places[0].kind, scenario.goods[1].price_cents) == ("grocery", 120)


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, kept, reference = (tmp_path / f"{name}.json" for name in ("given", "kept", "reference"))
    given.write_text(json.dumps(configuration(24)))
    assert main(["society", "import", str(given), "--to", str(kept), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["households"] == 3
    figures = {
        "note": "x",
        "moves_per_household_day": {"mean": 1.0, "sd": 0.1},
        "revenue_share": {"Bar1": {"mean": 0, "sd": 9}},
    }
    reference.write_text(json.dumps(figures))
    found = []
    for file in (given, kept):
        assert main(["society", "compat", str(file), "--seeds", "2", "--reference", str(reference), "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] == found[1]
    assert found[0]["misses"] == ["moves_per_household_day"] and found[0]["compared"] == 2
    assert found[0]["not_compared"] == ["note"] and "network" in found[0]["not_simulated"]
    reference.write_text("{}")
    assert main(["society", "compat", str(given), "--reference", str(reference)]) == 2
    assert "holds no figure" in capsys.readouterr().err
    assert main(["society", "compat", str(given), "--seeds", "0"]) == 2
    given.write_text('{"format": "policytwin.society/1"}')
    assert main(["society", "compat", str(given)]) == 2
    assert "nothing under 'compat'" in capsys.readouterr().err


@pytest.mark.real_data
def test_the_baseline_is_as_the_reference_says(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """116 households, 72 steps. The reference's Gini coefficient comes from three worlds, which were more unequal than most of
    econsimulacra's own; shares of single goods have no spread there, and 5% is less than worlds differ."""
    folder = real_data / "society"
    words = ["--reference", str(folder / "econsimulacra_reference.json"), "--seeds", "12", "--json"]
    assert main(["society", "compat", str(folder / "econsimulacra_baseline_116.json"), *words]) == 0
    found = json.loads(capsys.readouterr().out)
    outside = {name for name in found["misses"] if not name.startswith("item_qty_share.")}
    assert found["compared"] == 34 and outside <= {"wealth_gini"}
    assert abs(found["figures"]["wealth_gini"]["mean"] - 0.255) < 0.02
