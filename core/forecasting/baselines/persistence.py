"""Baselines that repeat what was observed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.forecasting.baselines import BaselineInputs, baseline, index_of

RECENT_WEEK = 7
RECENT_MONTH = 28


@baseline("The last observed value", order=10)
def last_value(known: BaselineInputs) -> pd.DataFrame:
    """The last observed value of each behaviour, for ever."""
    return _constant(known, known.observed.ffill().iloc[-1])


@baseline("The mean of the last 7 days", order=20)
def last_7_days(known: BaselineInputs) -> pd.DataFrame:
    """The mean of the last seven days."""
    return _constant(known, known.observed.iloc[-RECENT_WEEK:].mean())


@baseline("Each weekday's mean over the last 28 days", order=30)
def seasonal_naive(known: BaselineInputs) -> pd.DataFrame:
    """The mean of the same weekday over the last 28 days."""
    recent = known.observed.iloc[-RECENT_MONTH:]
    by_weekday = recent.groupby(index_of(recent).day_of_week).mean().reindex(range(7))
    by_weekday = by_weekday.fillna(recent.mean())
    return pd.DataFrame(
        by_weekday.to_numpy()[known.horizon.day_of_week], index=known.horizon, columns=known.observed.columns
    )


@baseline("The mean of the training period", order=40)
def train_mean(known: BaselineInputs) -> pd.DataFrame:
    """The mean of all training days."""
    return _constant(known, known.observed.mean())


def _constant(known: BaselineInputs, values: pd.Series) -> pd.DataFrame:
    rows = np.tile(values.to_numpy(float), (len(known.horizon), 1))
    return pd.DataFrame(rows, index=known.horizon, columns=known.observed.columns)
