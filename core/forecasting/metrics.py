"""Scores of a forecast against what was observed; missing observations are left out."""

from __future__ import annotations

import numpy as np
import pandas as pd

MACRO = "macro"


def rmse(forecast: pd.DataFrame, observed: pd.DataFrame) -> pd.Series:
    """Root mean squared error per behaviour, in units of the metric; NaN where nothing was observed."""
    return pd.Series(np.sqrt(((forecast - observed) ** 2).mean()), dtype=float)


def mae(forecast: pd.DataFrame, observed: pd.DataFrame) -> pd.Series:
    """Mean absolute error per behaviour, in units of the metric."""
    return pd.Series((forecast - observed).abs().mean(), dtype=float)


def macro_rmse(forecast: pd.DataFrame, observed: pd.DataFrame) -> float:
    """Mean of `rmse` over the behaviours of which anything was observed."""
    return float(rmse(forecast, observed).mean())


def score_frame(forecaster: str, forecast: pd.DataFrame, observed: pd.DataFrame) -> pd.DataFrame:
    """Long table forecaster, behaviour (with `macro` = mean over behaviours), metric, value."""
    rows = []
    for name, scores in (("rmse", rmse(forecast, observed)), ("mae", mae(forecast, observed))):
        for behaviour, value in [*scores.items(), (MACRO, scores.mean())]:
            rows.append({"forecaster": forecaster, "behaviour": behaviour, "metric": name, "value": float(value)})
    return pd.DataFrame(rows)
