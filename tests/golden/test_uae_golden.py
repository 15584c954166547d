"""The UAE case on the real data: the contract's JSON, and a twin that beats gradient boosting on all three splits."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from core.services.runs.forecasters import FORECASTERS
from core.services.runs.results import RunResult
from core.services.runs.run import run_study
from core.services.studies.requests import RunRequest
from core.store.database import Store
from core.validity.measured import StudyScores, read_measured

pytestmark = [pytest.mark.real_data, pytest.mark.full]

#: Macro RMSE of the UAE case as the project's table gives it: (training end, test end) -> by baseline. To refresh, copy
#: what the failing test shows, with the reason in the commit.
GOLDEN = {
    (date(2020, 12, 31), date(2021, 12, 31)): {
        "last_value": 17.22,
        "last_7_days": 15.36,
        "seasonal_naive": 15.67,
        "train_mean": 23.35,
        "gradient_boosting": 19.24,
        "gradient_boosting_indicators": 18.31,
        "linear": 19.66,
        "gradient_boosting_trend": 16.77,
    },
    (date(2021, 6, 30), date(2022, 10, 13)): {
        "last_value": 31.19,
        "last_7_days": 32.04,
        "seasonal_naive": 31.27,
        "train_mean": 39.98,
        "gradient_boosting": 34.09,
        "gradient_boosting_indicators": 31.27,
        "linear": 31.05,
        "gradient_boosting_trend": 31.22,
    },
    (date(2021, 12, 31), date(2022, 10, 13)): {
        "last_value": 23.91,
        "last_7_days": 24.48,
        "seasonal_naive": 22.53,
        "train_mean": 41.42,
        "gradient_boosting": 34.58,
        "gradient_boosting_indicators": 34.72,
        "linear": 30.54,
        "gradient_boosting_trend": 22.78,
    },
}
#: Rounding of the table. Ties between equally good splits of the ten indicators are broken by the order of features,
#: which the table does not give: other orders move that figure by up to 0.8.
TOLERANCE = {"gradient_boosting_indicators": 0.2}
SPLITS = list(GOLDEN)
STANDARD = (date(2021, 6, 30), date(2022, 10, 13))


@pytest.fixture(scope="module")
def runs(real_data: Path) -> dict[tuple[date, date], RunResult]:
    """The three splits as anyone would run them: 1,000 personas, the default number of trials, seed 0."""
    with Store.memory() as store:
        return {
            split: run_study(
                RunRequest("uae", real_data, train_end=split[0], test_end=split[1], keep_responses=False), store
            )
            for split in SPLITS
        }


def test_the_keys_of_the_command_contract(runs: dict[tuple[date, date], RunResult]) -> None:
    values = json.loads(json.dumps(runs[STANDARD].as_dict(), allow_nan=False))
    assert {
        "study", "engine", "personas", "days", "contexts", "train_end", "test_end", "macro_rmse", "rmse",
        "calibration_gap", "seconds", "peak_memory_mb", "run_id",
    } <= set(values)  # fmt: skip
    assert {
        "twin", "paper", "uncalibrated", "single_persona", "identical_personas", "last_value", "last_7_days",
        "seasonal_naive", "train_mean", "linear", "gradient_boosting", "gradient_boosting_indicators",
        "gradient_boosting_trend",
    } <= set(values["macro_rmse"])  # fmt: skip
    assert set(values["macro_rmse"]) == set(FORECASTERS)
    assert set(values["rmse"]) == {"retail", "grocery", "parks", "transit", "workplaces", "residential"}
    assert {"ingest", "simulate", "calibrate", "validate", "total"} <= set(values["seconds"])
    assert (values["study"], values["engine"], values["personas"], values["days"]) == ("uae", "rules", 1000, 972)
    assert (values["train_end"], values["test_end"], values["fictional"]) == ("2021-06-30", "2022-10-13", False)
    assert 150 <= values["contexts"] <= 250
    assert values["largest_marginal_error"] < 0.5


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: str(split[0]))
def test_the_rivals_score_what_the_table_says(
    runs: dict[tuple[date, date], RunResult], split: tuple[date, date]
) -> None:
    found = {name: runs[split].macro_rmse[name] for name in GOLDEN[split]}
    wrong = {
        name: figure for name, figure in found.items() if abs(figure - GOLDEN[split][name]) > TOLERANCE.get(name, 0.01)
    }
    assert not wrong, f"measured {wrong}; the table says {GOLDEN[split]}"


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: str(split[0]))
def test_the_twin_beats_gradient_boosting(runs: dict[tuple[date, date], RunResult], split: tuple[date, date]) -> None:
    macro = runs[split].macro_rmse
    assert macro["twin"] < macro["gradient_boosting"]
    assert macro["twin"] < macro["uncalibrated"] and macro["twin"] < macro["paper"]
    assert 0 <= runs[split].calibration_gap <= 0.001


def test_it_says_where_it_stands_without_the_change_of_the_week(runs: dict[tuple[date, date], RunResult]) -> None:
    """In June 2021 nobody knew that the weekend would move: knowing it is worth something, and is shown apart."""
    macro = runs[STANDARD].macro_rmse
    assert macro["twin"] < macro["twin_announced_calendar"]
    late = runs[(date(2021, 12, 31), date(2022, 10, 13))].macro_rmse
    assert late["twin"] == late["twin_announced_calendar"], "by December it was announced"


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: str(split[0]))
def test_the_twin_scores_what_the_file_of_figures_says(
    runs: dict[tuple[date, date], RunResult], split: tuple[date, date]
) -> None:
    """Golden figures of the twin, its parts left out and its intervals; they change by `policytwin figures` alone."""
    kept = read_measured(StudyScores, "study_uae")
    assert kept is not None
    expected, values = kept.split(split[0]), runs[split].as_dict()
    wrong = {
        name: values["macro_rmse"][name]
        for name, value in expected.macro.items()
        if abs(values["macro_rmse"][name] - value) > TOLERANCE.get(name, 0.02)
    }
    assert not wrong, f"measured {wrong}; the file says {dict(expected.macro)}"
    held = {int(level): item["coverage"] for level, item in values["intervals"]["levels"].items()}
    assert held == pytest.approx(dict(expected.coverage), abs=0.01)
