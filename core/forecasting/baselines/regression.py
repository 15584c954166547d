"""Regressions on what the policy is: they learn from training days what each level goes with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from core.datasets.cases import reports_per_day
from core.forecasting.baselines import BaselineInputs, baseline, index_of

CASE_WINDOW = 7


@baseline(
    "A straight line on stringency, and weekday",
    order=50,
    long_label="A straight line on the index of policy and the month",
)
def linear(known: BaselineInputs) -> pd.DataFrame:
    """Ridge regression (strength 1) on stringency and weekday dummies."""
    from sklearn.linear_model import Ridge

    def features(days: pd.DatetimeIndex) -> np.ndarray:
        return np.column_stack([known.stringency.reindex(days), np.eye(known.step.cycle)[known.step.in_cycle(days)]])

    return _regression(known, features, lambda: Ridge(alpha=1.0))


@baseline(
    "Gradient boosting on stringency and weekday",
    order=60,
    long_label="Gradient boosting on the index of policy and the month",
)
def gradient_boosting(known: BaselineInputs) -> pd.DataFrame:
    """Gradient boosting on (stringency, weekday), scikit-learn's defaults: the published rival."""
    return _boosting(known, lambda days: [known.stringency.reindex(days), known.step.in_cycle(days)])


@baseline(
    "Gradient boosting on ten indicators, weekday and cases as of the origin",
    order=70,
    long_label="Gradient boosting on each lever and the month",
)
def gradient_boosting_indicators(known: BaselineInputs) -> pd.DataFrame:
    """Gradient boosting on the indicators' levels, weekday, and cases frozen at the origin."""
    origin = known.observed.index[-1]

    def cases(days: pd.DatetimeIndex) -> np.ndarray:
        reports = None if known.cases is None else reports_per_day(known.cases.loc[:origin])
        if reports is None or not reports.notna().any():
            return np.zeros(len(days))  # the same on all days: nothing is told
        mean = reports.rolling(CASE_WINDOW, min_periods=1).mean().ffill()
        # Days before the first report are told what it says: that none was made does not mean that nobody was ill.
        return mean.reindex(days, method="ffill").bfill().to_numpy()

    return _boosting(
        known, lambda days: [*known.indicators.reindex(days).to_numpy(float).T, known.step.in_cycle(days), cases(days)]
    )


# Not in backtests: beyond training, a day index only repeats the last one.
@baseline(
    "Gradient boosting on stringency, weekday, month and day",
    order=80,
    in_backtests=False,
    long_label="Gradient boosting on the index of policy, the month and how much time has passed",
)
def gradient_boosting_trend(known: BaselineInputs) -> pd.DataFrame:
    """Gradient boosting on (stringency, weekday, month, day index)."""
    start = known.observed.index[0]
    return _boosting(
        known, lambda days: [known.stringency.reindex(days), known.step.in_cycle(days), days.month, (days - start).days]
    )


def _boosting(
    known: BaselineInputs, columns: Callable[[pd.DatetimeIndex], list[np.ndarray | pd.Series | pd.Index]]
) -> pd.DataFrame:
    from sklearn.ensemble import GradientBoostingRegressor

    return _regression(
        known, lambda days: np.column_stack(columns(days)), lambda: GradientBoostingRegressor(random_state=0)
    )


def _regression(
    known: BaselineInputs, features: Callable[[pd.DatetimeIndex], np.ndarray], model: Callable[[], object]
) -> pd.DataFrame:
    """One model per behaviour, fitted on the days on which it was observed."""
    from sklearn import config_context

    train, future = features(index_of(known.observed)), features(known.horizon)
    forecasts = {}
    for behaviour in known.observed.columns:
        values = known.observed[behaviour].to_numpy(float)
        seen = np.isfinite(values)
        # Boosting builds its hundred trees anew for every behaviour, and would look over its parameters for each of them.
        with config_context(skip_parameter_validation=True):
            fitted = model().fit(train[seen], values[seen])  # type: ignore[attr-defined]
            forecasts[behaviour] = fitted.predict(future)
    return pd.DataFrame(forecasts, index=known.horizon)
