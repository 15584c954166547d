"""A place made of its donors: the known mixture and the known effect are found, and nothing of the place's days after is read."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.cli import main
from core.errors import InputError
from core.services.evaluation.donors import DonorsRequest, donors
from core.survey.calibration.places import synthetic_place

EFFECT, PLACES = -12.0, ("ARE", "SAU", "KWT", "EGY", "TUR", "PAK", "IND", "IDN")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    days = pd.date_range("2020-03-01", periods=260)
    steps = np.cumsum(random.normal(size=(len(days), len(PLACES))), axis=0)
    steps[:, 0] = 0.7 * steps[:, 1] + 0.3 * steps[:, 2] + 0.2 * random.normal(size=len(days))
    steps[200:, 0] += EFFECT
    frame = pd.DataFrame(steps, columns=list(PLACES)).assign(date=days)
    frame = frame.melt("date", var_name="place", value_name="workplaces")
    path = tmp_path / "mobility.csv"
    frame.to_csv(path, index=False)
    return path


def test_a_known_effect_is_found_and_named_by_its_donors(file: Path, capsys) -> None:
    command = ["donors", "--mobility", str(file), "--place", "ARE", "--day", "2020-09-16", "--days", "60"]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["weights"]["SAU"] == pytest.approx(0.7, abs=0.03) and found["weights"]["KWT"] == pytest.approx(
        0.3, abs=0.03
    )
    # Weekly means: the first six days after still hold days before.
    assert found["effect"] == pytest.approx(EFFECT * 57 / 60, abs=0.3)
    assert found["placebo_share"] == round(1 / 8, 4) and found["donors"] == 7
    assert main(command) == 0
    assert "made of its donors" in capsys.readouterr().out


@pytest.mark.parametrize("method", ["ridge", "synthetic_control", "elastic_net", "synthetic_intervention"])
def test_days_after_of_the_place_are_not_read(method: str) -> None:
    table = np.cumsum(np.random.default_rng(1).normal(size=(120, 6)), axis=0)
    changed = table.copy()
    changed[80:, 2] = 99.0
    (one, made), (other, again) = (synthetic_place(each, 2, 80, method) for each in (table, changed))
    assert np.array_equal(one, other) and np.array_equal(made, again) and one[2] == 0


def test_a_kept_result_is_found_reported_and_made_again(file: Path, tmp_path: Path, capsys) -> None:
    command = ["donors", "--mobility", str(file), "--place", "ARE", "--day", "2020-09-16", "--days", "60", "--json"]
    store = ["--db", str(tmp_path / "kept.duckdb")]
    printed = []
    for more in (store, store, [*store, "--again"]):
        assert main([*command, *more]) == 0
        printed.append(json.loads(capsys.readouterr().out))
    first, second, anew = printed
    assert first == second and anew["run_id"] != first["run_id"] and anew["result_hash"] == first["result_hash"]
    assert first["path"][-1]["day"] == "2020-11-15" and first["mobility"] == "mobility.csv"
    report = tmp_path / "donors.html"
    assert main(["report", first["run_id"], "--to", str(report), *store]) == 0
    assert "made of its donors" in report.read_text() and "mobility.csv" in report.read_text()
    assert main(["rerun", first["run_id"], "--data", str(tmp_path), *store]) == 0
    file.unlink()
    assert main(["rerun", first["run_id"], "--data", str(tmp_path), *store]) == 2
    assert "not found by their content: mobility.csv" in capsys.readouterr().err


def test_what_cannot_be_made_is_refused(file: Path) -> None:
    day = date(2020, 9, 16)
    with pytest.raises(InputError, match="Nearest valid: ARE"):
        donors(DonorsRequest(file, "AER", day))
    with pytest.raises(InputError, match="gives donors no weights"):
        donors(DonorsRequest(file, "ARE", day, method="als"))
    with pytest.raises(InputError, match="days before"):
        donors(DonorsRequest(file, "ARE", date(2020, 3, 20)))
    with pytest.raises(InputError, match="2 donors have all days"):
        donors(DonorsRequest(file, "ARE", day, donors=("SAU", "KWT")))
    frame = pd.read_csv(file)
    frame[(frame["place"] == "ARE") | (frame["date"] <= "2020-10-01")].to_csv(file, index=False)
    with pytest.raises(InputError, match=r"0 donors have all days up to 2020-11-15.* as up to 2020-10-01"):
        donors(DonorsRequest(file, "ARE", day))
