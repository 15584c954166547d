"""Baselines that repeat what was observed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.calibration.pace import PACES
from core.forecasting.baselines import BaselineInputs, baseline, index_of


@baseline("The last observed value", order=10)
def last_value(known: BaselineInputs) -> pd.DataFrame:
    """The last observed value of each behaviour, for ever."""
    return _constant(known, known.observed.ffill().iloc[-1])


@baseline("The mean of the last 7 days", order=20, long_label="The mean of the last periods")
def last_7_days(known: BaselineInputs) -> pd.DataFrame:
    """The mean of the last seven days, or of the last periods that tell the level where they are longer."""
    return _constant(known, known.observed.iloc[-PACES[known.step].level :].mean())


@baseline("Each weekday's mean over the last 28 days", order=30, long_label="The same period of the last year")
def seasonal_naive(known: BaselineInputs) -> pd.DataFrame:
    """The mean of the same weekday over the last 28 days, or of the same month (week) of the last year."""
    recent = known.observed.iloc[-max(PACES[known.step].profile, known.step.cycle) :]
    alike = recent.groupby(known.step.in_cycle(index_of(recent))).mean().reindex(range(known.step.cycle))
    alike = alike.fillna(recent.mean())
    return pd.DataFrame(
        alike.to_numpy()[known.step.in_cycle(known.horizon)], index=known.horizon, columns=known.observed.columns
    )


@baseline("The mean of the training period", order=40)
def train_mean(known: BaselineInputs) -> pd.DataFrame:
    """The mean of all training days."""
    return _constant(known, known.observed.mean())


def _constant(known: BaselineInputs, values: pd.Series) -> pd.DataFrame:
    rows = np.tile(values.to_numpy(float), (len(known.horizon), 1))
    return pd.DataFrame(rows, index=known.horizon, columns=known.observed.columns)
