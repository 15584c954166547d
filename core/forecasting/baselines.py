"""The forecasts that a twin has to beat, fitted on the same days and told no more about the future than it is.

They see the observations up to the origin, the policy path, and cases up to the origin (the last 7-day mean is carried
forward). Definitions follow the table that this project publishes for the UAE.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.content_cache import Remembered
from core.datasets.cases import reports_per_day
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.records import content_hash

CASE_WINDOW = 7
RECENT_WEEK = 7
RECENT_MONTH = 28


@dataclass(frozen=True)
class BaselineInputs:
    """What a baseline may know.

    `observed` (training days × behaviours); `horizon` the days to forecast; `stringency` (0–100) and `indicators`
    (ordinal levels) cover both; `cases` ends at the origin or is None.
    """

    observed: pd.DataFrame
    horizon: pd.DatetimeIndex
    stringency: pd.Series
    indicators: pd.DataFrame
    cases: pd.Series | None


def last_value(known: BaselineInputs) -> pd.DataFrame:
    """The last observed value of each behaviour, for ever."""
    return _constant(known, known.observed.ffill().iloc[-1])


def last_7_days(known: BaselineInputs) -> pd.DataFrame:
    """The mean of the last seven days."""
    return _constant(known, known.observed.iloc[-RECENT_WEEK:].mean())


def seasonal_naive(known: BaselineInputs) -> pd.DataFrame:
    """The mean of the same weekday over the last 28 days."""
    recent = known.observed.iloc[-RECENT_MONTH:]
    by_weekday = recent.groupby(_index(recent).day_of_week).mean().reindex(range(7))
    by_weekday = by_weekday.fillna(recent.mean())
    return pd.DataFrame(
        by_weekday.to_numpy()[known.horizon.day_of_week], index=known.horizon, columns=known.observed.columns
    )


def train_mean(known: BaselineInputs) -> pd.DataFrame:
    """The mean of all training days."""
    return _constant(known, known.observed.mean())


def linear(known: BaselineInputs) -> pd.DataFrame:
    """Ridge regression (strength 1) on stringency and weekday dummies."""
    from sklearn.linear_model import Ridge

    def features(days: pd.DatetimeIndex) -> np.ndarray:
        return np.column_stack([known.stringency.reindex(days), np.eye(7)[days.day_of_week]])

    return _regression(known, features, lambda: Ridge(alpha=1.0))


def gradient_boosting(known: BaselineInputs) -> pd.DataFrame:
    """Gradient boosting on (stringency, weekday), scikit-learn's defaults: the published rival."""
    return _boosting(known, lambda days: [known.stringency.reindex(days), days.day_of_week])


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
        known, lambda days: [*known.indicators.reindex(days).to_numpy(float).T, days.day_of_week, cases(days)]
    )


def gradient_boosting_trend(known: BaselineInputs) -> pd.DataFrame:
    """Gradient boosting on (stringency, weekday, month, day index)."""
    start = known.observed.index[0]
    return _boosting(
        known, lambda days: [known.stringency.reindex(days), days.day_of_week, days.month, (days - start).days]
    )


BASELINES: dict[str, Callable[[BaselineInputs], pd.DataFrame]] = {
    "last_value": last_value,
    "last_7_days": last_7_days,
    "seasonal_naive": seasonal_naive,
    "train_mean": train_mean,
    "linear": linear,
    "gradient_boosting": gradient_boosting,
    "gradient_boosting_indicators": gradient_boosting_indicators,
    "gradient_boosting_trend": gradient_boosting_trend,
}


def baseline_forecasts(known: BaselineInputs, executor: Executor = IN_THIS_PROCESS) -> dict[str, pd.DataFrame]:
    """Every baseline's forecast of the horizon, (days × behaviours).

    They see no personas: another population on the same split has the same rivals, which are not fitted again.
    """
    digest = content_hash(known)
    kept = {name: _remembered.get((digest, forecast)) for name, forecast in BASELINES.items()}
    missing = {name: forecast for name, forecast in BASELINES.items() if kept[name] is None}
    with executor.share(known):
        tasks = {name: executor.submit(forecast, known) for name, forecast in missing.items()}
        made = {name: task.result() for name, task in tasks.items()}
    for name, forecast in missing.items():
        _remembered.put((digest, forecast), made[name])
    return {name: found.copy() for name, found in (kept | made).items() if found is not None}


_remembered: Remembered[pd.DataFrame] = Remembered(8 * len(BASELINES))


def forget_baselines() -> None:
    """The next run fits its rivals anew, as the first of a process does: for measuring how long that takes."""
    _remembered.clear()


def _constant(known: BaselineInputs, values: pd.Series) -> pd.DataFrame:
    rows = np.tile(values.to_numpy(float), (len(known.horizon), 1))
    return pd.DataFrame(rows, index=known.horizon, columns=known.observed.columns)


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

    train, future = features(_index(known.observed)), features(known.horizon)
    forecasts = {}
    for behaviour in known.observed.columns:
        values = known.observed[behaviour].to_numpy(float)
        seen = np.isfinite(values)
        # Boosting builds its hundred trees anew for every behaviour, and would look over its parameters for each of them.
        with config_context(skip_parameter_validation=True):
            fitted = model().fit(train[seen], values[seen])  # type: ignore[attr-defined]
            forecasts[behaviour] = fitted.predict(future)
    return pd.DataFrame(forecasts, index=known.horizon)


def _index(frame: pd.DataFrame) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(frame.index)
