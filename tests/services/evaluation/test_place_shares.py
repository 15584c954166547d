"""Places of a panel have people of their own: shares by place in the study's table, in the backtest and in a run."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import tomli_w
from own_panel import PLACES, own_panel

from core.cli import main
from core.datasets.panels import load_panel
from core.errors import InputError
from core.forecasting.panel_people import people_of_places
from core.forecasting.places import places_from_panel
from core.people.population_file import population_of
from core.services.evaluation.panel_backtests import panel_backtest
from core.services.evaluation.requests import PanelBacktestRequest
from core.services.populations.synthesis import load_population, make_population
from core.services.runs.fitted import fitted_twin
from core.services.runs.run import run_study
from core.services.studies.inputs import inputs_digest, open_study, study_hash
from core.services.studies.requests import RunRequest
from core.store.database import Store
from core.study import load_study, study_from


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A panel of three districts that differ in how many are poor, which shares of 30 persons in percent."""
    path = own_panel(tmp_path, places=3)
    study = tomllib.loads(path.read_text())
    study["places"] = {"file": "places.csv", "unit": "percent", "shares": {"income": {"low": "poor"}}}
    path.write_text(tomli_w.dumps(study))
    pd.DataFrame({"place": PLACES[:3], "poor": [10.0, 50.0, 85.0]}).to_csv(tmp_path / "places.csv", index=False)
    return path


def _poor(people: pd.DataFrame) -> float:
    return float(people.loc[people["income"] == "low", "weight"].sum() / people["weight"].sum())


def test_a_run_of_a_place_has_its_people(path: Path, tmp_path: Path) -> None:
    request = RunRequest(str(path), tmp_path, personas=30, trials=1, place="P2")
    with Store(tmp_path / "runs.duckdb") as store:
        run = run_study(request, store)
        record = store.run(run.run_id).record
        people = load_population(store, str(record.population_id))
        assert _poor(people.personas) == pytest.approx(0.85, abs=1e-3) and people.largest_error < 0.1
        assert fitted_twin(store, run.run_id, tmp_path).problem.study.shares[0].shares == (("low", 0.85),)
    own = open_study(f"{path}@P2", tmp_path)
    assert study_hash(study_from(own.texts["study"], Path("kept"))) == study_hash(own.study)
    assert study_hash(own.study) != study_hash(open_study(f"{path}@P0", tmp_path).study)
    before = inputs_digest(path, tmp_path)
    (tmp_path / "places.csv").write_text("place,poor\nP0,20\nP1,50\nP2,85\n")
    assert inputs_digest(path, tmp_path) != before


def test_the_backtest_weighs_every_place_as_a_run_of_it_does(path: Path, tmp_path: Path) -> None:
    asked = PanelBacktestRequest(str(path), (date(2017, 6, 1),), (3,), data=tmp_path, personas=20)
    before = {row.place: row.rmse["twin"] for row in panel_backtest(asked).rows}
    study = load_study(path)
    usual, people = people_of_places(study, places_from_panel(study, load_panel(study, tmp_path))[0], 20, 0)
    alone = make_population(open_study(f"{path}@P2", tmp_path).study, 20).personas
    pd.testing.assert_frame_equal(people["P2"], alone)
    assert [round(_poor(people[name]), 3) for name in PLACES[:3]] == [0.1, 0.5, 0.85] and len(usual) == 20
    (tmp_path / "places.csv").write_text("place,poor\nP0,90\nP1,50\nP2,85\n")
    after = {row.place: row.rmse["twin"] for row in panel_backtest(asked).rows}
    assert abs(after["P0"] - before["P0"]) > abs(after["P1"] - before["P1"])


def test_shares_are_checked_with_the_study(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data", "check", "--study", str(path), "--data", str(tmp_path), "--json"]
    (tmp_path / "places.csv").write_text("place,poor\nP0,20\nP1,120\n")
    assert main(words) == 0
    left_out = json.loads(capsys.readouterr().out)["left_out"]
    assert "its poor is 120" in left_out["P1"] and "has no row in places.csv" in left_out["P2"]
    (tmp_path / "places.csv").write_text("place,pooor\nP0,20\n")
    assert main(words) == 2 and "pooor" in capsys.readouterr().err
    study = tomllib.loads(path.read_text())
    study["places"]["shares"] = {"incomes": {"low": "pooor"}}
    path.write_text(tomli_w.dumps(study))
    assert main(words) == 2 and "Nearest valid: income" in capsys.readouterr().err


def test_a_study_of_one_place_says_its_shares_itself(tmp_path: Path) -> None:
    path = own_panel(tmp_path, places=1)
    study = tomllib.loads(path.read_text())
    study["population"]["shares"] = {"income": {"low": 0.6}}
    path.write_text(tomli_w.dumps(study))
    own = open_study(path, tmp_path).study
    assert population_of(own).target_shares[0].shares == (("low", 0.6),)
    study["population"]["shares"] = {"income": {"lowest": 0.6}}
    path.write_text(tomli_w.dumps(study))
    with pytest.raises(InputError, match="Nearest valid: low"):
        population_of(open_study(path, tmp_path).study)
