"""Rivals that look at the series itself: boosting on lags, and exponential smoothing."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from core.forecasting.baselines import BaselineInputs, baseline

WEEK = 7
LAGS = (7, 14)


@baseline("Gradient boosting on stringency, weekday and the last two weeks", order=90, in_runs=False, days_only=True)
def gradient_boosting_lags(known: BaselineInputs) -> pd.DataFrame:
    """Gradient boosting on (stringency, weekday, the values one and two weeks before), a week at a time.

    Beyond the first week the lags are the model's own forecasts. Missing lags are filled with the last value seen.
    """
    from sklearn.ensemble import GradientBoostingRegressor

    days = known.observed.index.union(known.horizon)
    shared = np.column_stack([known.stringency.reindex(days), pd.DatetimeIndex(days).day_of_week])
    trained = len(known.observed)
    forecasts = {}
    for behaviour in known.observed.columns:
        values = known.observed[behaviour].to_numpy(float)
        filled = np.concatenate(
            [known.observed[behaviour].ffill().bfill().to_numpy(float), np.full(len(known.horizon), np.nan)]
        )
        lagged = np.column_stack([shared, *(np.concatenate([np.full(lag, np.nan), filled[:-lag]]) for lag in LAGS)])
        usable = np.isfinite(values) & np.isfinite(lagged[:trained]).all(axis=1)
        model = GradientBoostingRegressor(random_state=0).fit(lagged[:trained][usable], values[usable])
        for start in range(trained, len(days), WEEK):
            block = np.arange(start, min(start + WEEK, len(days)))
            features = np.column_stack([shared[block], *(filled[block - lag] for lag in LAGS)])
            filled[block] = model.predict(features)
        forecasts[behaviour] = filled[trained:]
    return pd.DataFrame(forecasts, index=known.horizon)


@baseline("Exponential smoothing of the series itself", name="ets", order=100, in_runs=False, days_only=True)
def exponential_smoothing(known: BaselineInputs) -> pd.DataFrame:
    """Additive exponential smoothing with a damped trend and a weekly season (statsmodels), by behaviour.

    Missing days are interpolated, as the method needs every day; where it does not converge its last estimate counts.
    """
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    forecasts = {}
    for behaviour in known.observed.columns:
        series = known.observed[behaviour].interpolate(limit_direction="both").to_numpy(float)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = ExponentialSmoothing(series, trend="add", damped_trend=True, seasonal="add", seasonal_periods=WEEK)
            forecasts[behaviour] = np.asarray(model.fit().forecast(len(known.horizon)))
    return pd.DataFrame(forecasts, index=known.horizon)
