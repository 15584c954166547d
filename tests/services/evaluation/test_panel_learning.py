"""What places of a panel teach each other, written down and taken up by a run of one of them; and years with little past."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tomli_w
from own_panel import own_years

from core.calibration.learned import WEIGHTS_FILE
from core.calibration.pace import PACES
from core.calibration.transfer_prior import TREND_FILE, DampedTrend, transfer_prior_after
from core.cli import main
from core.errors import InputError
from core.forecasting.intervals import Widths
from core.forecasting.learned_widths import WIDTHS_FILE, widths_after, widths_rows
from core.services.evaluation.panel_backtests import panel_backtest
from core.services.evaluation.panel_learning import learn_panel
from core.services.evaluation.requests import PanelBacktestRequest, PanelLearnRequest
from core.services.runs.fitted import fitted_twin
from core.services.runs.run import run_study
from core.services.studies.inputs import open_study
from core.services.studies.requests import RunRequest
from core.statistics.levels import LEVELS
from core.store.database import Store
from core.study import Step

KNOWN = date(1992, 1, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("years")
    own_years(folder)
    return folder


@pytest.fixture(scope="module")
def learned(folder: Path) -> Path:
    """The tables, and the study told to take them up."""
    _learned(folder)
    path = folder / "district.toml"
    path.write_text(tomli_w.dumps(tomllib.loads(path.read_text()) | {"forecast": {"learned": "learned"}}))
    return folder / "learned"


def _learned(folder: Path, to: str = "learned") -> pd.DataFrame:
    asked = PanelLearnRequest(str(folder / "district.toml"), folder / to, data=folder, personas=20)
    assert learn_panel(asked).countries == 4
    tables = [pd.read_csv(folder / to / file, keep_default_na=False) for file in (WEIGHTS_FILE, TREND_FILE)]
    return tables[0].merge(tables[1], on=["without", "known_until"])


def test_neither_a_place_itself_nor_what_came_after_has_a_say(folder: Path, learned: Path) -> None:
    before = _learned(folder, "again")
    assert set(before["without"]) == {"", "P0", "P1", "P2", "P3"} and (before["known_until"] == str(KNOWN)).any()
    drift = before[(before["without"] == "P0") & (before["behaviour"] == "watering")]["drift"].iloc[-1]
    assert drift < 0, "things fall for other reasons than the cut"
    other = folder / "other"
    other.mkdir()
    own_years(other)
    table = pd.read_csv(folder / "mobility.csv")
    table.loc[table["place"] == "P2", "watering"] *= 0.7
    table.to_csv(other / "mobility.csv", index=False)
    for changed, same in (
        (table, before["without"] == "P2"),
        (_after(pd.read_csv(folder / "mobility.csv")), before["known_until"] <= str(KNOWN)),
    ):
        changed.to_csv(other / "mobility.csv", index=False)
        after = _learned(other)
        pd.testing.assert_frame_equal(after[same], before[same])
        assert not after[~same].equals(before[~same])


def _after(table: pd.DataFrame) -> pd.DataFrame:
    later = table["date"] > KNOWN.year
    table.loc[later, "watering"] = table.loc[later, "watering"].to_numpy()[::-1] * 0.6
    return table


def test_a_run_of_a_place_starts_from_what_the_others_taught(folder: Path, learned: Path) -> None:
    request = RunRequest(
        str(folder / "district.toml"),
        folder,
        personas=20,
        trials=2,
        place="P1",
        train_end=KNOWN,
        test_end=date(1996, 1, 1),
    )
    with Store(folder / "runs.duckdb") as store:
        run = run_study(request, store)
        record = store.run(run.run_id).record
        twin = fitted_twin(store, run.run_id, folder)
    rows = pd.read_csv(learned / TREND_FILE, keep_default_na=False).query(
        "without == 'P1' and known_until == '1992-01-01'"
    )
    prior = twin.problem.final.transfer_prior
    assert isinstance(prior, DampedTrend) and prior.damping == rows["damping"].iloc[0]
    assert prior.drift.tolist() == rows["drift"].tolist()
    assert "drift" in record.priors and "3 other places on days up to 1992-01-01" in record.priors
    weight = (
        pd.read_csv(learned / WEIGHTS_FILE, keep_default_na=False).query("without == 'P1'").set_index("known_until")
    )
    assert abs(run.parameters["policy_effect_weight"] - weight.loc["1992-01-01", "weight"]) <= 0.3
    early = transfer_prior_after(twin.problem.study, date(1985, 1, 1))
    assert (early.of(Step.YEAR.periods(date(1986, 1, 1), date(1990, 1, 1))) == 0).all(), "nothing was known by then"


def test_two_years_are_enough_to_forecast_from_and_a_first_law_has_its_effect(folder: Path) -> None:
    """P0 had no cut until 1990: from 1988, after four years without, it is forecast to have one, and the engine's own slope says
    what that does."""
    asked = PanelBacktestRequest(
        str(folder / "district.toml"), (date(1987, 1, 1), date(1988, 1, 1)), (3,), data=folder, personas=20
    )
    found = panel_backtest(asked)
    assert {(row.place, row.origin) for row in found.rows} == {
        (f"P{place}", str(year)) for place in range(4) for year in (1987, 1988)
    }
    first = next(row for row in found.rows if (row.place, row.origin) == ("P0", "1988"))
    assert first.policy_moved and first.rmse["twin"] < first.rmse["last_value"]


def test_widths_are_kept_by_the_classes_of_the_step(folder: Path, learned: Path, tmp_path: Path) -> None:
    classes = PACES[Step.YEAR].classes
    wide = {
        name: np.outer(np.arange(1, len(LEVELS) + 1), np.arange(1.0, len(classes) + 1))
        for name in ("watering", "saving")
    }
    head = {"without": "P1", "known_until": "1990-01-01"}
    table = pd.DataFrame([{**head, **row} for row in widths_rows(Widths(wide, classes), "twin", 12)])
    for file in (WEIGHTS_FILE, TREND_FILE):
        (tmp_path / file).write_text((learned / file).read_text())
    table.to_csv(tmp_path / WIDTHS_FILE, index=False)
    study = replace(open_study(f"{folder / 'district.toml'}@P1", folder).study, learned=tmp_path)
    found = widths_after(study, KNOWN)
    assert found is not None and found.classes == classes and (found.by_behaviour["saving"] == wide["saving"]).all()
    assert widths_after(replace(study, learned=learned), KNOWN) is None, "four places are too few for widths"


def test_what_cannot_be_learned_is_said(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = str(folder / "district.toml")
    for words, said in (
        (["learn", study, "--to", str(tmp_path / "t"), "--mobility", "F"], "--mobility is of learn from countries"),
        (["learn", "--to", str(tmp_path / "t"), "--data", str(folder)], "--data is of learn from a study's panel"),
        (["learn", "meridia", "--to", str(tmp_path / "t")], "the layout panel_table"),
    ):
        assert main(words) == 2 and said in capsys.readouterr().err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / TREND_FILE).write_text("mine")
    own_years(tmp_path, years=4)
    with pytest.raises(InputError, match="learned tables"):
        learn_panel(PanelLearnRequest(study, tmp_path / "mine", data=folder, personas=10))
