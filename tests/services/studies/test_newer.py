"""Newer tables of an own study: the last forecast is seen against them, runs stay, and what lacks something is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from own_panel import own_panel

from core.cli import main
from core.errors import InputError
from core.report.sentences.projections import newer_sentence
from core.services.counterfactuals.newer import refresh
from core.services.counterfactuals.projections import kept_projections
from core.services.runs.fitted import changed_inputs, latest_run
from core.services.runs.run import run_study
from core.services.studies.inputs import open_study
from core.services.studies.newer import NewerRequest
from core.services.studies.requests import RunRequest
from core.services.studies.tables import TablesRequest, study_of_tables
from core.store.database import Store
from core.study import load_study, own_studies


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The first table, six months shorter than the whole, from which a study was made; and the whole."""
    monkeypatch.setenv("POLICYTWIN_STUDIES", str(tmp_path / "studies"))
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    (tmp_path / "made").mkdir()
    own_panel(tmp_path / "made", places=3)
    did, held = (pd.read_csv(tmp_path / "made" / f"{kind}.csv") for kind in ("mobility", "policy"))
    whole = (
        did.drop(columns="note").merge(held, on=["place", "date"]).rename(columns={"watering": "Outdoor watering, %"})
    )
    months = sorted(whole["date"].unique())
    whole.to_csv(tmp_path / "whole.csv", index=False)
    whole[whole["date"] <= months[-7]].to_csv(tmp_path / "first.csv", index=False)
    study_of_tables(TablesRequest(tmp_path / "first.csv", id="water", title="Water", levers=("S", "I")))
    return tmp_path / "first.csv", tmp_path / "whole.csv"


def test_the_last_forecast_stands_against_what_came_and_the_run_stays(
    tables: tuple[Path, Path], tmp_path: Path
) -> None:
    file = own_studies()["water"]
    file.write_text(file.read_text() + "\n# edited by hand\n")
    before = open_study("water@P1")
    with Store(tmp_path / "s.duckdb") as store:
        run_id = run_study(RunRequest("water", place="P1", personas=30, trials=1), store).run_id
        found = refresh(NewerRequest("water", tables[1]), store)
        after = open_study("water@P1")
        assert found.tables.added == 18 and found.tables.revised == 0
        assert after.study.step.between(before.study.end, after.study.end) == 6
        assert "# edited by hand" in file.read_text(), "the study's own file is kept"
        assert list(found.forecasts) == ["water@P1"] and found.came["water@P1"][0].periods == 6
        (kept,) = kept_projections(store, "water@P1")
        assert kept.past[-1] == before.study.end and kept.run_id == found.forecasts["water@P1"]
        run = latest_run(store, "water@P1")
        assert run is not None and run.run_id == run_id and changed_inputs(run, after)
        assert "missed by Outdoor watering" in newer_sentence(found, load_study("water"))
        again = run_study(RunRequest("water", place="P1", personas=30, trials=1), store)
        assert again.run_id != run_id and store.run(run_id).complete, "both are kept"


def test_what_lacks_something_changes_nothing(tables: tuple[Path, Path], tmp_path: Path) -> None:
    first, whole = tables
    text, panel = (path.read_text() for path in (own_studies()["water"], own_studies()["water"].parent / "panel.csv"))
    table = pd.read_csv(whole)
    wrong = {
        "ends already": pd.read_csv(first), "lacks": table[table["date"] > "2016-12"],
        "Outdoor watering": table.drop(columns="Outdoor watering, %"),
        "row 3": table.astype({"saving": "object"}).assign(saving=lambda t: t["saving"].where(t.index != 1, "much")),
    }  # fmt: skip
    with Store(tmp_path / "s.duckdb") as store:
        for said, content in wrong.items():
            content.to_csv(tmp_path / "wrong.csv", index=False)
            with pytest.raises(InputError) as refused:
                refresh(NewerRequest("water", tmp_path / "wrong.csv"), store)
            assert said in str(refused.value)
        with pytest.raises(InputError, match="study of your own"):
            refresh(NewerRequest("meridia", whole), store)
    assert own_studies()["water"].read_text() == text
    assert (own_studies()["water"].parent / "panel.csv").read_text() == panel


def test_the_command_counts_what_was_revised(
    tables: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_csv(tables[1])
    table.loc[0, "saving"] += 1
    table.to_csv(tmp_path / "newer.csv", index=False)
    command = [
        "study",
        "refresh",
        "water",
        "--file",
        str(tmp_path / "newer.csv"),
        "--db",
        str(tmp_path / "s.duckdb"),
        "--json",
    ]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tables"]["revised"] == 1 and found["forecasts"] == {}
