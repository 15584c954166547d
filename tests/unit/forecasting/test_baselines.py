"""The rivals: definitions by hand, and against scikit-learn itself."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Ridge

from core.forecasting.baselines import BASELINES, BaselineInputs, baseline_forecasts, forget_baselines, run_baselines
from core.forecasting.metrics import MACRO, mae, rmse, score_frame
from core.services.runs.forecasters import FORECASTERS, TWINS
from core.services.studies.inputs import StudyInputs, open_study


@lru_cache(maxsize=1)
def meridia() -> StudyInputs:
    return open_study("meridia")


@lru_cache(maxsize=1)
def known() -> BaselineInputs:
    inputs = meridia()
    origin = pd.Timestamp("2030-12-31")
    assert inputs.cases is not None
    return BaselineInputs(
        observed=inputs.observations.loc[:origin],
        horizon=pd.date_range("2031-01-01", "2031-03-31"),
        stringency=inputs.stringency,
        indicators=inputs.timeline.levels()[list(inputs.study.indicator_codes)],
        cases=inputs.cases.loc[:origin],
    )


@lru_cache(maxsize=1)
def forecasts() -> dict[str, pd.DataFrame]:
    return baseline_forecasts(known())


def small(values: list[float]) -> BaselineInputs:
    days = pd.date_range("2030-03-04", periods=len(values))  # a Monday
    return replace(
        known(),
        observed=pd.DataFrame({"retail": values}, days, dtype=float),
        horizon=pd.date_range(days[-1] + pd.Timedelta(days=1), periods=14),
    )


def test_the_simple_ones_by_hand() -> None:
    days = list(range(35))
    last = {
        name: BASELINES[name](small(days))["retail"]
        for name in ("last_value", "last_7_days", "seasonal_naive", "train_mean")
    }
    assert (last["last_value"] == 34).all()
    assert (last["last_7_days"] == 31).all()
    assert (last["train_mean"] == 17).all()
    # The last 28 days are 7..34, so Mondays were 7, 14, 21, 28: mean 17.5.
    assert last["seasonal_naive"].tolist() == [17.5 + day for day in range(7)] * 2


def test_missing_days_are_left_out() -> None:
    values = [float(day) for day in range(35)]
    values[34] = values[33] = np.nan
    for day in range(13, 35, 7):
        values[day] = np.nan  # no Sunday in the last 28 days
    found = {name: BASELINES[name](small(values))["retail"] for name in ("last_value", "last_7_days", "seasonal_naive")}
    assert (found["last_value"] == 32).all()
    assert (found["last_7_days"] == np.mean([28, 29, 30, 31, 32])).all()
    recent = np.array(values[7:])
    assert found["seasonal_naive"].iloc[6] == np.nanmean(recent)
    assert found["seasonal_naive"].notna().all()


def test_regressions_are_scikit_learns_on_the_same_features() -> None:
    inputs = known()
    train, future = pd.DatetimeIndex(inputs.observed.index), inputs.horizon
    assert inputs.cases is not None
    mean_cases = [inputs.cases.loc[:day].iloc[-7:].mean() for day in train]

    def dummies(days: pd.DatetimeIndex) -> np.ndarray:
        return np.array([[inputs.stringency[day], *(float(day.day_of_week == k) for k in range(7))] for day in days])

    def plain(days: pd.DatetimeIndex) -> np.ndarray:
        return np.array([[inputs.stringency[day], day.day_of_week] for day in days])

    def trend(days: pd.DatetimeIndex) -> np.ndarray:
        return np.array([[inputs.stringency[d], d.day_of_week, d.month, (d - train[0]).days] for d in days])

    def levels(days: pd.DatetimeIndex) -> np.ndarray:
        cases = mean_cases if len(days) == len(train) else [mean_cases[-1]] * len(days)
        return np.array([[*inputs.indicators.loc[d], d.day_of_week, c] for d, c in zip(days, cases, strict=True)])

    cases = {
        "linear": (Ridge(alpha=1.0), dummies),
        "gradient_boosting": (GradientBoostingRegressor(random_state=0), plain),
        "gradient_boosting_trend": (GradientBoostingRegressor(random_state=0), trend),
        "gradient_boosting_indicators": (GradientBoostingRegressor(random_state=0), levels),
    }
    for name, (model, features) in cases.items():
        for behaviour in ("parks", "workplaces"):  # parks has a week of holes
            seen = inputs.observed[behaviour].notna()
            model.fit(features(train[seen.to_numpy()]) if name != "gradient_boosting_indicators" else levels(train)[seen],
                      inputs.observed.loc[seen, behaviour])  # fmt: skip
            assert np.allclose(forecasts()[name][behaviour], model.predict(features(future)), rtol=0, atol=1e-6), name


def test_every_forecast_covers_the_horizon_and_has_a_name_for_the_screen() -> None:
    assert set(forecasts()) == set(run_baselines()) and set(run_baselines()) | set(TWINS) == set(FORECASTERS)
    for name, frame in forecasts().items():
        assert frame.index.equals(known().horizon) and list(frame.columns) == list(known().observed.columns), name
        assert frame.notna().all(axis=None), name


def test_without_cases_the_indicators_still_forecast() -> None:
    assert BASELINES["gradient_boosting_indicators"](replace(known(), cases=None)).notna().all(axis=None)


def test_what_is_remembered_is_what_would_be_fitted_again() -> None:
    first = baseline_forecasts(small([float(day) for day in range(35)]))
    first["linear"].iloc[:] = -1.0  # whoever changes a forecast changes nobody else's
    again = baseline_forecasts(small([float(day) for day in range(35)]))
    forget_baselines()
    anew = baseline_forecasts(small([float(day) for day in range(35)]))
    other = baseline_forecasts(small([float(day) for day in range(34)] + [99.0]))
    for name in run_baselines():
        assert again[name].equals(anew[name]), name
        assert not other[name].equals(anew[name]), name


def test_scores_leave_out_what_was_not_observed() -> None:
    days = pd.date_range("2030-03-04", periods=4)
    observed = pd.DataFrame({"a": [1.0, np.nan, 3.0, 5.0], "b": [0.0, 0.0, 0.0, 4.0], "c": [np.nan] * 4}, days)
    forecast = pd.DataFrame({"a": [1.0, 50.0, 1.0, 7.0], "b": [0.0, 0.0, 0.0, 0.0], "c": [1.0] * 4}, days)
    assert rmse(forecast, observed)[["a", "b"]].tolist() == pytest.approx([np.sqrt(8 / 3), 2.0])
    assert mae(forecast, observed)[["a", "b"]].tolist() == pytest.approx([4 / 3, 1.0])
    assert np.isnan(rmse(forecast, observed)["c"])
    table = score_frame("x", forecast, observed).set_index(["metric", "behaviour"])["value"]
    assert table["rmse", MACRO] == pytest.approx((np.sqrt(8 / 3) + 2) / 2)
    assert table["mae", MACRO] == pytest.approx((4 / 3 + 1) / 2) and len(table) == 8
