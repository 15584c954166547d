"""Every baseline that ships keeps to the contract."""

from __future__ import annotations

import pytest

from core.forecasting.baselines import BASELINES, Baseline, backtest_baselines, run_baselines
from core.study import Step
from core.testing.baseline_contract import BaselineContract


@pytest.mark.full
class TestBaselines(BaselineContract):
    @pytest.fixture(params=list(BASELINES))
    def baseline(self, request: pytest.FixtureRequest) -> Baseline:
        return BASELINES[request.param]


def test_runs_and_backtests_have_the_ones_that_they_always_had() -> None:
    assert run_baselines() == (
        "last_value", "last_7_days", "seasonal_naive", "train_mean", "linear", "gradient_boosting",
        "gradient_boosting_indicators", "gradient_boosting_trend",
    )  # fmt: skip
    pooled = ("pooled_drift", "first_differences", "panel_effects", "pooled_boosting")
    assert backtest_baselines() == (
        *run_baselines()[:4], "mean_of_12", *run_baselines()[4:-1], "gradient_boosting_lags", "ets", "own_drift", *pooled,
    )  # fmt: skip
    months = backtest_baselines(Step.MONTH)
    assert set(backtest_baselines()) - set(months) == {"gradient_boosting_lags", "ets"}
    assert run_baselines(Step.MONTH) == tuple(name for name in months if name not in pooled)
