"""Per-behaviour linear calibration with clipping, in closed form.

activity* = clip(a·activity + b, lower, upper). For given simulated activity the best a and b are those of a weighted
least-squares line. Source of the linear form: arXiv 2601.06111. How much of the fitted slope a forecast follows is a
choice between calibrators (`core.calibration.calibrators`): a slope that fits training well may forecast worse than the
engine's own.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from core.errors import InputError, TooLittleObserved

#: A behaviour with fewer observed training days than this cannot be calibrated.
FEWEST_DAYS = 14
TINY = 1e-300


def least_squares_lines(
    activity: np.ndarray, observed: np.ndarray, weight: np.ndarray, *, positive: bool, share: float | np.ndarray = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Slope a and intercept b, each (behaviours,), minimising Σ weight · (observed − a·activity − b)².

    All inputs are (days, behaviours); days with a missing observation are left out. With `positive` the slope is held
    at 0 or above: more simulated activity never means less observed activity. With a `share` below 1, one or (behaviours,),
    the slope goes only so far from 1 to the fitted one, and the intercept is the best for it. Activity that never moved, as where
    no policy was ever in force, says nothing of the slope, which is then 1: the engine's own.
    """
    counted = np.where(np.isfinite(observed), weight, 0.0)
    target = np.where(np.isfinite(observed), observed, 0.0)
    total = np.maximum(counted.sum(axis=0), TINY)
    mean_x, mean_y = (counted * activity).sum(axis=0) / total, (counted * target).sum(axis=0) / total
    centred = activity - mean_x
    spread = (counted * centred**2).sum(axis=0)
    flat = spread <= 1e-12 * total
    a = np.where(flat, 1.0, (counted * centred * target).sum(axis=0) / np.where(flat, 1.0, spread))
    if positive:
        a = np.maximum(a, 0.0)
    a = share * a + (1.0 - share)
    return a, mean_y - a * mean_x


class LinearCalibrator(RegressorMixin, BaseEstimator):
    """clip(a·activity + b) per behaviour; a and b by weighted least squares.

    Parameters: `lower` and `upper` bounds of activity (upper shape (behaviours,) or None); `positive`: keep slopes at 0
    or above; `share`, one or (behaviours,): how far to go from the engine's own slope (0) to the fitted one (1); `fewest`
    observed days of each behaviour.

    `fit(X, y, sample_weight)` takes simulated and observed activity as DataFrames with the same daily DatetimeIndex and
    columns = behaviours, and weights of that shape (None: 1); `predict(X)` returns calibrated activity in the same
    shape. NaN in y means not observed. Raises InputError where a behaviour has too few observed days, and where
    rows or columns do not agree.
    """

    def __init__(
        self,
        lower: float = 0.0,
        upper: np.ndarray | None = None,
        positive: bool = True,
        share: float | np.ndarray = 1.0,
        fewest: int = FEWEST_DAYS,
    ) -> None:
        self.lower = lower
        self.upper = upper
        self.positive = positive
        self.share = share
        self.fewest = fewest

    def fit(self, X: pd.DataFrame, y: pd.DataFrame, sample_weight: np.ndarray | None = None) -> Self:
        if not X.index.equals(y.index) or list(X.columns) != list(y.columns):
            raise InputError(
                "simulated and observed activity differ in days or behaviours",
                where="calibration",
                allowed="equal rows and columns",
            )
        seen = y.notna().sum()
        if (seen < self.fewest).any():
            worst = str(seen.idxmin())
            raise TooLittleObserved(
                f"'{worst}' was observed on {int(seen.min())} training days",
                where="calibration",
                allowed=f"{self.fewest} or more",
            )
        weight = np.ones(X.shape) if sample_weight is None else sample_weight
        self.coef_, self.intercept_ = self._solve(X.to_numpy(float), y.to_numpy(float), weight)
        self.behaviours_ = tuple(str(name) for name in X.columns)
        return self

    def _solve(self, activity: np.ndarray, observed: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return least_squares_lines(activity, observed, weight, positive=self.positive, share=self.share)

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Calibrated activity, clipped to what it can be. InputError for other behaviours than those fitted."""
        check_is_fitted(self)
        if tuple(X.columns) != self.behaviours_:
            given = ", ".join(map(str, X.columns))
            raise InputError(f"behaviours {given}", where="calibration", allowed=", ".join(self.behaviours_))
        return pd.DataFrame(self.line(X.to_numpy(float)), index=X.index, columns=X.columns)

    def line(self, activity: np.ndarray) -> np.ndarray:
        """clip(a·activity + b) of an array (…, behaviours)."""
        check_is_fitted(self)
        return np.asarray(np.clip(activity * self.coef_ + self.intercept_, self.lower, self.upper))

    def table(self) -> pd.DataFrame:
        """a, b and the bounds per behaviour, ready to be shown or stored."""
        check_is_fitted(self)
        upper: Any = np.inf if self.upper is None else self.upper
        return pd.DataFrame(
            {"behaviour": self.behaviours_, "a": self.coef_, "b": self.intercept_, "lower": self.lower, "upper": upper}
        )
