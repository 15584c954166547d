"""Every baseline that ships keeps to the contract."""

from __future__ import annotations

import pytest

from core.forecasting.baselines import BASELINES, Baseline, backtest_baselines, run_baselines
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
    assert backtest_baselines() == (*run_baselines()[:-1], "gradient_boosting_lags", "ets")
