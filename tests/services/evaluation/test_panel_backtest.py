"""Backtests over a study's own panel: asked by command, taught by other places, and blind to what comes after."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from own_panel import PLACES, own_panel

from core.cli import main
from core.datasets.panels import load_panel
from core.errors import InputError
from core.forecasting.baselines import backtest_baselines
from core.report.documents import document_of
from core.report.renderers.terminal import terminal_text
from core.services.evaluation.panel_backtests import panel_backtest
from core.services.evaluation.requests import PanelBacktestRequest
from core.services.library.reruns import rerun
from core.services.studies.inputs import open_study, study_hash
from core.store.database import Store
from core.study import Step, load_study, study_from

ORIGIN = date(2017, 6, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("panel")
    own_panel(folder)
    return folder


@pytest.fixture(scope="module")
def asked(folder: Path) -> PanelBacktestRequest:
    return PanelBacktestRequest(str(folder / "district.toml"), (ORIGIN,), (3,), data=folder, personas=10)


def test_the_command_gives_the_rows_of_every_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = str(folder / "district.toml")
    words = ["backtest", study, "--data", str(folder), "--origins", "2017-06", "--horizons", "3,12", "--personas", "20"]
    assert main([*words, "--workers", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["place"] for row in found["rows"]} == set(PLACES) and len(found["rows"]) == 2 * len(PLACES)
    row = found["rows"][0]
    assert (row["origin"], row["horizon"]) == ("2017-06", 3) and isinstance(row["policy_moved"], bool)
    assert set(row["rmse"]) == {"twin", *backtest_baselines(Step.MONTH)} and set(row["coverage"]) == {"50", "80", "95"}
    assert found["left_out"] == {} and set(found["summary"]["by_horizon"]) == {"3", "12"}
    moved = {row["horizon"]: row["policy_moved"] for row in found["rows"] if row["place"] == "P0"}
    levels = pd.read_csv(folder / "policy.csv").query("place == 'P0'").set_index("date")["S"]
    changed = (levels.loc["2017-07":"2018-06"] != levels.loc["2017-06"]).any()
    assert moved[12] == bool(changed)


def test_what_cannot_be_asked_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = str(folder / "district.toml")
    for words, said in (
        (["backtest", "--origins", "2017-06"], "--mobility: is needed"),
        (
            ["backtest", study, "--origins", "2017-06", "--countries", "ARE"],
            "--countries is of a backtest of countries",
        ),
        (["backtest", study, "--data", str(folder), "--origins", "2017-06-x"], "is not a date"),
        (["backtest", "meridia", "--origins", "2030-06-01"], "the layout panel_table"),
        (["run", "meridia", "--place", "P1"], "is of one place"),
    ):
        try:
            code = main(words)
        except SystemExit as end:
            code = int(str(end.code))
        assert code == 2 and said in capsys.readouterr().err
    with pytest.raises(InputError, match=r"unknown place 'P99'"):
        names = folder / "names.txt"
        names.write_text("place\nP1\nP99\n")
        panel_backtest(PanelBacktestRequest(study, (ORIGIN,), (3,), data=folder, places=str(names), personas=20))


def test_some_places_are_asked_and_others_teach(folder: Path, asked: PanelBacktestRequest, tmp_path: Path) -> None:
    names = tmp_path / "places.csv"
    names.write_text("place,name\nP1,One\n")
    alone = panel_backtest(replace(asked, places=str(names)))
    every = panel_backtest(asked)
    assert [row.place for row in alone.rows] == ["P1"] and alone.learned_from == len(PLACES)
    assert alone.rows == tuple(row for row in every.rows if row.place == "P1"), "the others teach it the same"
    own_panel(tmp_path, places=3)
    pooled = panel_backtest(replace(asked, pool=tmp_path))
    assert pooled.learned_from == 3 and {row.place for row in pooled.rows} == set(PLACES)


def test_nothing_after_the_origin_and_nothing_of_itself_reaches_a_forecast(
    asked: PanelBacktestRequest, tmp_path: Path
) -> None:
    """Other observations after the origin leave forecasts as they are, which errors against the true ones show; a place whose
    own past is another teaches the others something else and itself nothing beyond what it is calibrated on."""
    own_panel(tmp_path, places=3)
    other = replace(asked, data=tmp_path)
    before = panel_backtest(other)
    table = pd.read_csv(tmp_path / "mobility.csv")
    later = table["date"] > "2017-09"
    table.loc[later, ["watering", "saving"]] = table.loc[later, ["watering", "saving"]].to_numpy()[::-1]
    table.to_csv(tmp_path / "mobility.csv", index=False)
    after = panel_backtest(other)
    assert [row.rmse for row in after.rows] == [row.rmse for row in before.rows]
    assert [row.coverage for row in after.rows] == [row.coverage for row in before.rows]


def test_it_is_kept_found_told_and_made_again(folder: Path, asked: PanelBacktestRequest, tmp_path: Path) -> None:
    with Store(tmp_path / "kept.duckdb") as store:
        kept = panel_backtest(asked, store)
        assert panel_backtest(asked, store).rows == kept.rows
        assert len(store.runs(kind="panel_backtest")) == 1
        text = terminal_text(document_of(store, kept.run_id))
        assert "3 months ahead" in text and "Fictional" in text and "Gradient boosting over all places" in text
        assert rerun(store, kept.run_id, data=folder).same


def test_one_place_is_a_study_of_its_own(folder: Path) -> None:
    path = str(folder / "district.toml")
    found = open_study(f"{path}@P3", folder)
    assert found.study.id == "district-month@P3" and found.study.place == "P3"
    assert found.observations["watering"].iloc[0] != open_study(path, folder).observations["watering"].iloc[0]
    assert study_hash(study_from(found.texts["study"], Path("kept"))) == study_hash(found.study)


def test_a_place_has_the_periods_of_its_policy_and_says_where_one_lacks(tmp_path: Path) -> None:
    path = own_panel(tmp_path)
    policy = pd.read_csv(tmp_path / "policy.csv")
    short = policy[(policy["place"] != "P1") | (policy["date"] >= "2014-03")]
    hole = short[(short["place"] != "P2") | (short["date"] != "2016-05")]
    hole.to_csv(tmp_path / "policy.csv", index=False)
    found = open_study(f"{path}@P1", tmp_path).study
    assert (found.start, found.end) == (date(2014, 3, 1), date(2020, 12, 1))
    with pytest.raises(InputError, match=r"P2: no level of some lever in 2016-05"):
        open_study(f"{path}@P2", tmp_path)
    tables = load_panel(load_study(path), tmp_path)
    assert set(tables.mobility.columns) == {"place", "date", "watering", "saving"}


def test_a_folder_or_a_time_that_is_not_there_is_said(tmp_path: Path) -> None:
    path = own_panel(tmp_path, places=2)
    with pytest.raises(InputError, match="is not a folder"):
        load_panel(load_study(path), tmp_path / "gone")
    policy = pd.read_csv(tmp_path / "policy.csv")
    policy[(policy["place"] != "P1") | (policy["date"] < "2013-03")].to_csv(tmp_path / "policy.csv", index=False)
    observed = pd.read_csv(tmp_path / "mobility.csv")
    observed[observed["date"] >= "2014-01"].to_csv(tmp_path / "mobility.csv", index=False)
    with pytest.raises(InputError, match=r"P1: was observed from 2014-01 on, and its policy ends in 2013-02"):
        open_study(f"{path}@P1", tmp_path)
