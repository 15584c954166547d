"""`data check --study`: which places of a panel can be used, and why others cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from own_panel import own_panel

from core.cli import main


def test_places_are_counted_and_those_left_out_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = own_panel(tmp_path, places=3)
    policy = pd.read_csv(tmp_path / "policy.csv")
    policy[(policy["place"] != "P2") | (policy["date"] != "2016-05")].to_csv(tmp_path / "policy.csv", index=False)
    words = ["data", "check", "--study", str(path), "--data", str(tmp_path)]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["places"], found["first"], found["last"]) == (2, "2013-01", "2020-12")
    assert found["observed"] == {"watering": 192, "saving": 192} and "2016-05" in found["left_out"]["P2"]
    assert main(words) == 0 and "2 places can be used, 2013-01 to 2020-12." in capsys.readouterr().out


def test_shipped_studies_and_bad_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", "--study", "orlo", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["places"] == 20
    assert main(["data", "check", "--study", "meridia", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["places"] == 1
    path = own_panel(tmp_path, places=1)
    (tmp_path / "policy.csv").write_text("place,date,S\nP0,2013-01,900\n")
    assert main(["data", "check", "--study", str(path), "--data", str(tmp_path)]) == 2
    assert "'900' is above 36" in capsys.readouterr().err
    assert main(["data", "check"]) == 2 and "no file is named" in capsys.readouterr().err
