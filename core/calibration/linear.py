"""Per-behaviour linear calibration with clipping, in closed form.

activity* = clip(a·activity + b, lower, upper) and metric = offset + scale·activity*, so that for given simulated
activity the best a and b are those of a weighted least-squares line. Source of the linear form: arXiv 2601.06111.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from core.errors import InputError
from core.simulation.measurement import MeasurementModel

#: A behaviour with fewer observed training days than this cannot be calibrated.
FEWEST_DAYS = 14


@dataclass(frozen=True)
class DirectMetric:
    """The paper's form: the line maps mean probability straight onto the metric."""

    def affine(self, dates: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((len(dates), 1)), np.ones((len(dates), 1))

    def upper(self, multiples: np.ndarray) -> np.ndarray:
        return np.full(len(multiples), np.inf)


def least_squares_lines(
    activity: np.ndarray,
    metric: np.ndarray,
    offset: np.ndarray,
    scale: np.ndarray,
    weight: np.ndarray,
    *,
    positive: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Slope a and intercept b, each (behaviours,), minimising Σ w·(metric − offset − scale·(a·activity + b))².

    All inputs are (days, behaviours) but `weight`, (days,); days with a missing metric are left out. With `positive`
    the slope is held at 0 or above: more simulated activity never means less observed activity.
    """
    seen = np.isfinite(metric)
    share = np.where(seen, weight[:, None], 0.0)
    target = np.where(seen, metric - offset, 0.0)
    one, slope = scale * np.ones_like(activity), scale * activity
    s11, s12, s22 = ((share * left * right).sum(0) for left, right in ((slope, slope), (slope, one), (one, one)))
    t1, t2 = (share * slope * target).sum(0), (share * one * target).sum(0)
    determinant = s11 * s22 - s12**2
    flat = determinant <= 1e-12 * s11 * s22
    safe = np.where(flat, 1.0, determinant)
    a = np.where(flat, 0.0, (t1 * s22 - t2 * s12) / safe)
    if positive:
        a = np.maximum(a, 0.0)
    b = (t2 - a * s12) / s22
    return a, b


class LinearCalibrator(RegressorMixin, BaseEstimator):
    """clip(a·activity + b) per behaviour, passed through a measurement model; a and b by least squares.

    Parameters: `measurement` (see core.simulation.measurement), `lower` and `upper` bounds of activity (upper shape
    (behaviours,) or None), `memory_days`: days after which a training day counts half (None: all count alike),
    `positive`: keep slopes at 0 or above.

    `fit(X, y)` takes activity and metric as DataFrames with the same daily DatetimeIndex and columns = behaviours;
    `predict(X)` returns the metric in the same shape. NaN in y means not observed. Raises InputError where a behaviour
    has fewer than 14 observed days, and where rows or columns do not agree.
    """

    def __init__(
        self,
        measurement: MeasurementModel | None = None,
        lower: float = 0.0,
        upper: np.ndarray | None = None,
        memory_days: float | None = None,
        positive: bool = True,
    ) -> None:
        self.measurement = measurement
        self.lower = lower
        self.upper = upper
        self.memory_days = memory_days
        self.positive = positive

    def fit(self, X: pd.DataFrame, y: pd.DataFrame) -> Self:
        if not X.index.equals(y.index) or list(X.columns) != list(y.columns):
            raise InputError(
                "activity and metric differ in days or behaviours",
                where="calibration",
                allowed="equal rows and columns",
            )
        observed = y.notna().sum()
        if (observed < FEWEST_DAYS).any():
            worst = str(observed.idxmin())
            raise InputError(
                f"'{worst}' was observed on {int(observed.min())} training days",
                where="calibration",
                allowed=f"{FEWEST_DAYS} or more",
            )
        offset, scale = self._measurement().affine(_days(X))
        self.coef_, self.intercept_ = self._solve(
            X.to_numpy(float), y.to_numpy(float), offset, scale, self._weights(_days(X))
        )
        self.behaviours_ = tuple(str(name) for name in X.columns)
        return self

    def _solve(
        self, activity: np.ndarray, metric: np.ndarray, offset: np.ndarray, scale: np.ndarray, weight: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return least_squares_lines(activity, metric, offset, scale, weight, positive=self.positive)

    def _weights(self, dates: pd.DatetimeIndex) -> np.ndarray:
        if self.memory_days is None:
            return np.ones(len(dates))
        age = (dates.max() - dates).days.to_numpy(dtype=float)
        return np.exp2(-age / self.memory_days)

    def _measurement(self) -> MeasurementModel:
        return DirectMetric() if self.measurement is None else self.measurement

    def activity(self, X: pd.DataFrame) -> pd.DataFrame:
        """Calibrated activity, clipped to what activity can be. InputError for other behaviours than those fitted."""
        check_is_fitted(self)
        if tuple(X.columns) != self.behaviours_:
            given = ", ".join(map(str, X.columns))
            raise InputError(f"behaviours {given}", where="calibration", allowed=", ".join(self.behaviours_))
        line = X.to_numpy(float) * self.coef_ + self.intercept_
        return pd.DataFrame(np.clip(line, self.lower, self.upper), index=X.index, columns=X.columns)

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        offset, scale = self._measurement().affine(_days(X))
        return offset + scale * self.activity(X)

    def table(self) -> pd.DataFrame:
        """a, b and the bounds per behaviour, ready to be shown or stored."""
        check_is_fitted(self)
        upper: Any = np.inf if self.upper is None else self.upper
        return pd.DataFrame(
            {"behaviour": self.behaviours_, "a": self.coef_, "b": self.intercept_, "lower": self.lower, "upper": upper}
        )


class IdentityCalibrator(LinearCalibrator):
    """No calibration: the measurement model on raw activity (the ablation `uncalibrated`)."""

    def _solve(
        self, activity: np.ndarray, metric: np.ndarray, offset: np.ndarray, scale: np.ndarray, weight: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return np.ones(activity.shape[1]), np.zeros(activity.shape[1])


def _days(frame: pd.DataFrame) -> pd.DatetimeIndex:
    index = frame.index
    if not isinstance(index, pd.DatetimeIndex):
        raise InputError("rows are not days", where="calibration", allowed="a DatetimeIndex of calendar days")
    return index
