"""A study begun from a panel file: what columns are taken for, that it runs as it is, and what stands in the way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from own_panel import own_panel

from core.cli import main
from core.errors import InputError
from core.services.studies.inputs import open_study
from core.services.studies.skeleton import SkeletonRequest, new_study
from core.study import Step, load_study


def panel(folder: Path, places: int = 2) -> Path:
    own_panel(folder, places=places)
    table = pd.read_csv(folder / "mobility.csv").merge(pd.read_csv(folder / "policy.csv"))
    table["area"] = table["place"].map({"P0": 12.0, "P1": 80.0})
    table.loc[3:5, "watering"] = None
    path = folder / "panel.csv"
    table.to_csv(path, index=False)
    return path


def test_columns_are_sorted_by_how_they_move(tmp_path: Path) -> None:
    found = new_study(SkeletonRequest(panel(tmp_path), tmp_path / "mine"))
    assert (found.behaviours, found.levers, found.step, found.places) == (
        ("watering", "saving"),
        ("S", "I"),
        "month",
        2,
    )
    assert found.left_out == {"note": "holds something else than numbers", "area": "never changes in a place"}
    study = load_study(found.study)
    assert study.step is Step.MONTH and study.is_panel and study.metric == "same_period_change"
    cut, told = study.indicators
    assert cut.amount is not None and cut.amount.reference == 0 and told.maximum == 1
    assert "CHECK" in Path(found.study).read_text() and "assumption" in Path(found.coefficients).read_text()


def test_it_runs_as_it_is_and_the_command_says_how(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, folder = panel(tmp_path), tmp_path / "mine"
    words = [
        "study",
        "new",
        str(path),
        "--to",
        str(folder),
        "--id",
        "water",
        "--behaviours",
        "watering",
        "--context",
        "I",
    ]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "Behaviours: watering." in said and "Context: I." in said and "policytwin run" in said
    run = [
        "run",
        str(folder / "study.toml"),
        "--data",
        str(tmp_path),
        "--place",
        "P1",
        "--personas",
        "10",
        "--trials",
        "1",
    ]
    assert main([*run, "--db", str(tmp_path / "s.duckdb"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["study"] == "water@P1"


@pytest.mark.parametrize("step", list(Step))
def test_the_step_is_as_the_dates_are(step: Step, tmp_path: Path) -> None:
    start = pd.Timestamp("2001-01-01").date()
    days = [step.text(step.after(start, count)) for count in range(30)]
    table = pd.DataFrame({"place": "A", "date": days, "use": [count % 7 + 20 for count in range(30)]})
    table["law"] = (table.index >= 20).astype(int)
    table.to_csv(tmp_path / "t.csv", index=False)
    found = new_study(SkeletonRequest(tmp_path / "t.csv", tmp_path / "mine"))
    assert found.step == step and load_study(found.study).metric == "share" and found.levers == ("law",)


def test_what_stands_in_the_way_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    path, folder = panel(tmp_path), tmp_path / "mine"
    asked = SkeletonRequest(path, folder)
    for other, said in (
        (replace(asked, behaviours=("watring",)), r"unknown column of numbers 'watring'.*Nearest valid: watering"),
        (replace(asked, behaviours=("S",), levers=("S",)), "named twice"),
        (replace(asked, file=tmp_path / "none.csv"), "no such file"),
    ):
        with pytest.raises(InputError, match=said):
            new_study(other)
    assert not folder.exists()
    folder.mkdir()
    (folder / "study.toml").write_text("mine")
    with pytest.raises(InputError, match="a study"):
        new_study(asked)
    assert (folder / "study.toml").read_text() == "mine"
    pd.DataFrame({"district": ["A"], "date": ["2001"], "use": [1]}).to_csv(path, index=False)
    with pytest.raises(InputError, match="has no column 'place'"):
        new_study(asked)


def test_a_measure_that_raises_a_behaviour_and_a_policy_with_holes_run_as_they_are_written(tmp_path: Path) -> None:
    """As of masks: a stricter rule has more people wear one, and some weeks of some places are not reported."""
    file = panel(tmp_path)
    table = pd.read_csv(file)
    table.drop(index=table.index[len(table) // 3]).to_csv(file, index=False)
    found = new_study(
        SkeletonRequest(file, tmp_path / "rising", behaviours=("saving",), levers=("S",), rising=("saving",))
    )
    assert "carried = true" in Path(found.study).read_text()
    rows = pd.read_csv(found.coefficients)
    assert (rows.loc[rows["term"] == "policy", "value"] < 0).all()
    assert open_study(found.study, tmp_path).observations.shape[1] == 1
