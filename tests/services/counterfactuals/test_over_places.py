"""Scenarios over all places of a panel: each place as alone, and a weighted total with its interval."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import tomli_w
from own_panel import own_panel

from core.cli import main
from core.datasets.panels import place_weights
from core.errors import InputError
from core.services.counterfactuals.over_places import compare_places
from core.services.counterfactuals.requests import CompareRequest
from core.services.counterfactuals.run import compare
from core.services.studies.requests import RunRequest
from core.store.database import Store
from core.study import load_study

NO_CUT = 'name = "No cut"\n[[edits]]\nset = "S"\nlevel = 0\nstart = 2018-07-01\n'


def asked(folder: Path) -> CompareRequest:
    path = own_panel(folder, places=2)
    study = tomllib.loads(path.read_text())
    study["places"] = {"file": "places.csv", "weight": "homes"}
    path.write_text(tomli_w.dumps(study))
    pd.DataFrame({"place": ["P0", "P1"], "homes": [300, 100]}).to_csv(folder / "places.csv", index=False)
    (folder / "no_cut.toml").write_text(NO_CUT)
    run = RunRequest(str(path), folder, personas=15, trials=1, train_end=date(2018, 6, 1), place="all")
    return CompareRequest(run, (folder / "no_cut.toml",))


def test_the_total_is_the_weighted_mean_of_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = asked(tmp_path)
    with Store(tmp_path / "s.duckdb") as store:
        found = compare_places(request, store)
        alone = compare(replace(request, run=replace(request.run, study=f"{tmp_path / 'district.toml'}@P1")), store)
        runs = store.runs(kind="compare")
    assert [(row.place, row.weight) for row in found.places] == [("P0", 300.0), ("P1", 100.0)] and len(runs) == 2
    assert found.places[1].difference == alone.scenarios[0].difference
    (total,) = found.totals
    for part in ("difference", "lower", "upper"):
        one, other = (getattr(row, part)["watering"] for row in found.places)
        assert getattr(total, part)["watering"] == pytest.approx(0.75 * one + 0.25 * other, abs=1e-3)
    assert total.lower["watering"] <= total.difference["watering"] <= total.upper["watering"]
    words = ["compare", str(tmp_path / "district.toml"), "--data", str(tmp_path), "--place", "all", "--personas", "15"]
    words += ["--trials", "1", "--train-end", "2018-06", "--scenario", str(tmp_path / "no_cut.toml")]
    assert main([*words, "--db", str(tmp_path / "s.duckdb")]) == 0
    said = capsys.readouterr().out
    assert "Mean over 2 places, weighted by homes" in said and "as if all places erred together" in said
    assert main([*words, "--db", str(tmp_path / "s.duckdb"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"][0]["scenario"] == "No cut"


def test_a_place_that_cannot_be_compared_is_left_out_with_the_reason(tmp_path: Path) -> None:
    request = asked(tmp_path)
    policy = pd.read_csv(tmp_path / "policy.csv")
    policy[(policy["place"] != "P1") | (policy["date"] != "2016-05")].to_csv(tmp_path / "policy.csv", index=False)
    with Store(tmp_path / "s.duckdb") as store:
        found = compare_places(request, store)
    assert {row.place for row in found.places} == {"P0"} and "no level of some lever in 2016-05" in found.left_out["P1"]


def test_a_place_without_a_weight_is_an_error(tmp_path: Path) -> None:
    request = asked(tmp_path)
    pd.DataFrame({"place": ["P0"], "homes": [300]}).to_csv(tmp_path / "places.csv", index=False)
    study = load_study(tmp_path / "district.toml")
    with pytest.raises(InputError, match=r"no homes above 0 for P1"):
        place_weights(study, tmp_path, ("P0", "P1"))
    assert place_weights(replace(study, places=None), tmp_path, ("P0", "P1")) == {"P0": 1.0, "P1": 1.0}
    assert request.run.study.endswith("@all")
