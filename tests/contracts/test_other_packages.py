"""What other packages bring through entry points is used like what ships, and what is wrong with it is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from other_package import BESIDE, ENGINE, install, python
from small_runs import TEST_END, TRAIN_END

from core.cognition.registry import ENGINES
from core.errors import InputError
from core.store.database import Store

CONTRACT = """
from core.testing.baseline_contract import BaselineContract
from core.testing.calibrator_contract import CalibratorContract
from core.testing.engine_contract import EngineContract


class TestCoin(EngineContract):
    name = "coin"


class TestMedian(CalibratorContract):
    name = "median"


class TestWorstWeek(BaselineContract):
    name = "worst_week"
"""


@pytest.fixture(scope="module")
def coin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two packages: one brings an engine, the other a calibrator and a baseline."""
    folder = install(
        tmp_path_factory.mktemp("site"), "coin_engine", ENGINE, "[policytwin.engines]\ncoin = coin_engine:COIN\n"
    )
    beside = "[policytwin.calibrators]\nmedian = beside:MEDIAN\n\n[policytwin.baselines]\nworst_week = beside:WORST\n"
    return install(folder, "beside", BESIDE, beside)


def test_a_run_takes_engine_calibrator_and_baseline_of_other_packages(coin: Path, tmp_path: Path) -> None:
    words = ("-m", "core.cli", "run", "meridia", "--engine", "coin", "--personas", "20", "--trials", "1", "--json")
    words += ("--train-end", str(TRAIN_END), "--test-end", str(TEST_END))
    done = python(coin, *words, POLICYTWIN_DB=str(tmp_path / "s.duckdb"))
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert values["engine"] == "coin" and 0.0 <= values["parameters"]["obedience"] <= 1.0
    assert values["bounds"]["obedience"] == [0.0, 1.0] and "fatigue" not in values["parameters"]
    errors = values["macro_rmse"]
    assert errors["worst_week"] > errors["last_7_days"] and errors["median"] != errors["uncalibrated"]
    with Store(tmp_path / "s.duckdb") as store:
        assert store.run(values["run_id"]).record.parameters["beside"] == {
            "median": "beside 0.1",
            "worst_week": "beside 0.1",
        }
    shown = python(coin, "-m", "core.cli", "show", values["run_id"], POLICYTWIN_DB=str(tmp_path / "s.duckdb"))
    assert "a coin that obeys" in shown.stdout and "The worst week so far" in shown.stdout, shown.stderr


def test_the_shipped_contracts_judge_them(coin: Path, tmp_path: Path) -> None:
    (tmp_path / "test_coin.py").write_text(CONTRACT, encoding="utf-8")
    done = python(coin, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "test_coin.py"))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("code", "entry", "wrong"),
    [
        ("import nothing_of_the_kind", "broken = broken_engine:KIND", "ModuleNotFoundError"),
        ("KIND = 'no engine'", "broken = broken_engine:KIND", "is a str"),
        (ENGINE, "rules = broken_engine:COIN", "is called rules, and it coin"),
        (ENGINE.replace('name="coin"', 'name="gemini"'), "gemini = broken_engine:COIN", "another engine of this name"),
    ],
)
def test_what_cannot_be_used_is_told_and_the_rest_goes_on(tmp_path: Path, code: str, entry: str, wrong: str) -> None:
    folder = install(tmp_path, "broken_engine", code, f"[policytwin.engines]\n{entry}\n")
    listed = python(folder, "-c", "from core.cognition.registry import ENGINES; print(list(ENGINES))")
    assert listed.stdout.strip() == str(["rules", "gemini", "openai", "local", "replay"])
    assert wrong in listed.stderr and "broken_engine 0.1" in listed.stderr
    if entry.startswith("broken"):
        asked = python(folder, "-W", "ignore", "-m", "core.cli", "run", "meridia", "--engine", "broken")
        assert asked.returncode == 2 and wrong in asked.stderr and len(asked.stderr.splitlines()) == 1


def test_an_engine_that_is_not_here_is_refused_and_still_has_a_name() -> None:
    assert ENGINES.label("coin") == "coin" and "coin" not in ENGINES
    with pytest.raises(InputError, match=r"unknown engine 'rule'.*Nearest valid: rules"):
        ENGINES.named("rule")
