"""Four ways as textbooks have them, not strengthened nor weakened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.datasets.cases import reports_per_day
from core.errors import InputError
from core.study import Step
from core.validity.effect_estimators import EstimatedContrast, KnownPast, effect_estimator

#: Days (or longer periods) before and after a change whose means are compared.
COMPARED = {Step.DAY: 28, Step.WEEK: 8, Step.MONTH: 6, Step.YEAR: 2}
#: Those before and after a change that a segmented regression looks at, where training has as many.
SEGMENT = {Step.DAY: 56, Step.WEEK: 26, Step.MONTH: 18, Step.YEAR: 5}
#: Those over which errors are taken to be correlated (Newey and West 1987), with the usual correction for few days.
CORRELATED = {Step.DAY: 7, Step.WEEK: 2, Step.MONTH: 3, Step.YEAR: 1}
CASE_WINDOW = 7
#: The level of the intervals.
OUTSIDE = 0.2


@dataclass(frozen=True)
class PerPoint:
    """A constant effect per point of stringency: `effect` by behaviour, with the ends of its 80% interval or None."""

    effect: pd.Series
    low: pd.Series | None = None
    high: pd.Series | None = None

    def contrast(self, actual: pd.Series, alternative: pd.Series) -> EstimatedContrast:
        """The effect times the mean difference of stringency; where stringency is the same every day, 0 and no interval."""
        points = float((alternative - actual).mean())
        if self.low is None or self.high is None or bool((alternative == actual).all()):
            return EstimatedContrast(self.effect * points)
        ends = pd.DataFrame({"one": self.low * points, "other": self.high * points})
        return EstimatedContrast(self.effect * points, ends.min(axis=1), ends.max(axis=1))


@dataclass(frozen=True)
class LearnedResponse:
    """Models by behaviour that predict the metric from stringency and weekday."""

    models: dict[str, object]
    step: Step

    def contrast(self, actual: pd.Series, alternative: pd.Series) -> EstimatedContrast:
        """Mean prediction under the alternative minus mean prediction under the actual stringency."""
        weekday = self.step.in_cycle(pd.DatetimeIndex(actual.index))
        two = [np.column_stack([item.to_numpy(float), weekday]) for item in (actual, alternative)]
        found = {
            name: float((model.predict(two[1]) - model.predict(two[0])).mean())  # type: ignore[attr-defined]
            for name, model in self.models.items()
        }
        return EstimatedContrast(pd.Series(found, dtype=float))


def largest_change(stringency: pd.Series, step: Step = Step.DAY) -> int:
    """The position of the day at which stringency changed most: where the mean of the `COMPARED` days from it on differs
    most from that of the days before. InputError where training is too short or stringency never moves."""
    values, compared = stringency.to_numpy(float), COMPARED[step]
    if len(values) < 2 * compared:
        raise InputError(
            f"{len(values)} {step}s of stringency", where="before and after", allowed=f"{2 * compared} or more"
        )
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(compared, len(values) - compared + 1)
    after = sums[places + compared] - sums[places]
    before = sums[places] - sums[places - compared]
    change = np.abs(after - before).round(6)
    if not change.max() > 0:
        raise InputError("stringency never changes", where="before and after", allowed="at least one change")
    return int(places[int(np.argmax(change))])


@effect_estimator("Before and after the largest policy change", "before/after", 10, "before_after")
def before_and_after(past: KnownPast) -> PerPoint:
    """The naive comparison around the largest policy change in training.

    Effect per point = (mean of the 28 days from the change on − mean of the 28 days before) / (the same of stringency).
    Whatever else changed in these weeks, an epidemic above all, is taken for the policy's doing. No interval.
    """
    place, compared = largest_change(past.stringency, past.step), COMPARED[past.step]
    before, after = slice(place - compared, place), slice(place, place + compared)
    points = float(past.stringency.iloc[after].mean() - past.stringency.iloc[before].mean())
    return PerPoint((past.observed.iloc[after].mean() - past.observed.iloc[before].mean()) / points)


@effect_estimator("Interrupted time series at that change", "interrupted series", 20)
def interrupted_time_series(past: KnownPast) -> PerPoint:
    """Segmented regression around the largest policy change (Wagner et al. 2002, doi 10.1046/j.1365-2710.2002.00430.x).

    y = level + trend + change of level + change of trend + weekday, by least squares over up to 56 days on each side,
    errors after Newey and West. The effect is the change of level plus the change of trend half-way through the days
    after, per point of stringency between the two segments, with the 80% interval of that combination. A trend that
    goes on for the whole horizon would lead anywhere, so it is not extrapolated.
    """
    place, segment = largest_change(past.stringency, past.step), SEGMENT[past.step]
    rows = slice(max(place - segment, 0), min(place + segment, len(past.days)))
    time = np.arange(rows.start, rows.stop) - place
    after = (time >= 0).astype(float)
    design = np.column_stack(
        [np.ones(len(time)), time, after, after * time, _weekdays(past.days[rows], past.step)[:, 1:]]
    )
    stringency = past.stringency.iloc[rows].to_numpy(float)
    points = stringency[after > 0].mean() - stringency[after == 0].mean()
    wanted = np.zeros(design.shape[1])
    wanted[2], wanted[3] = 1.0 / points, time[after > 0].mean() / points
    return _least_squares(past.observed.iloc[rows], design, wanted, past.step)


@effect_estimator(
    "Least squares on stringency, weekday and cases",
    "regression",
    30,
    long_label="Least squares on the index of policy and the {step}",
)
def regression(past: KnownPast) -> PerPoint:
    """Least squares on stringency, weekday and the last week's reported cases over all of training.

    The effect is the coefficient of stringency, with its 80% interval, errors after Newey and West. Cases enter as the
    logarithm of one plus their 7-day mean up to the day before.
    """
    columns = [past.stringency.to_numpy(float)[:, None], _weekdays(past.days, past.step)]
    if past.cases is not None and past.cases.notna().any():
        recent = reports_per_day(past.cases).rolling(CASE_WINDOW, min_periods=1).mean().shift(1).ffill()
        columns.append(np.log1p(recent.reindex(past.days, method="ffill").bfill().to_numpy(float))[:, None])
    design = np.hstack(columns)
    wanted = np.zeros(design.shape[1])
    wanted[0] = 1.0
    return _least_squares(past.observed, design, wanted, past.step)


@effect_estimator(
    "Gradient boosting on stringency and weekday",
    "GB",
    40,
    long_label="Gradient boosting on the index of policy and the {step}",
)
def gradient_boosting(past: KnownPast) -> LearnedResponse:
    """Gradient boosting on (stringency, weekday), scikit-learn's defaults, as among the forecasts. No interval."""
    from sklearn.ensemble import GradientBoostingRegressor

    features = np.column_stack([past.stringency.to_numpy(float), past.step.in_cycle(past.days)])
    models: dict[str, object] = {}
    for name in past.observed.columns:
        values = past.observed[name].to_numpy(float)
        seen = np.isfinite(values)
        models[str(name)] = GradientBoostingRegressor(random_state=0).fit(features[seen], values[seen])
    return LearnedResponse(models, past.step)


def _weekdays(days: pd.DatetimeIndex, step: Step) -> np.ndarray:
    """A dummy for each weekday, (days, 7), or place in the year; those that no day has are left out."""
    places = step.in_cycle(days)
    return np.asarray(np.eye(step.cycle)[places][:, np.unique(places)])


def _least_squares(observed: pd.DataFrame, design: np.ndarray, wanted: np.ndarray, step: Step) -> PerPoint:
    """The combination `wanted` of the coefficients of each behaviour's regression, with its 80% interval."""
    from statsmodels.regression.linear_model import OLS

    rows = {}
    for name in observed.columns:
        values = observed[name].to_numpy(float)
        seen = np.isfinite(values)
        fitted = OLS(values[seen], design[seen]).fit(
            cov_type="HAC", cov_kwds={"maxlags": CORRELATED[step], "use_correction": True}, use_t=True
        )
        test = fitted.t_test(wanted)
        low, high = test.conf_int(alpha=OUTSIDE)[0]
        rows[str(name)] = (float(test.effect[0]), float(low), float(high))
    table = pd.DataFrame(rows, index=["effect", "low", "high"]).T
    return PerPoint(table["effect"], table["low"], table["high"])
