"""How policy went in real countries and how simple forecasts' errors compare with each other there, and whether an invented
country is like them.

Only policy and forecasts that know no persons are looked at, so an invented country can be held against these facts before
any twin is scored on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from core.calibration.pace import PACES
from core.forecasting.backtest import counted_behaviours
from core.forecasting.baselines import baseline_forecasts
from core.forecasting.metrics import macro_rmse
from core.forecasting.past import known_at
from core.forecasting.places import Place, last_observed
from core.study import Step

#: Days before the origin that tell what policy was like.
RECENT = PACES[Step.DAY].profile
#: Between these shares of the places lies the middle half.
QUARTERS = (0.25, 0.75)
#: What policy is described by, with the words for it; all but the last in points of stringency (0–100).
POLICY_FACTS: Mapping[str, str] = {
    "training_mean": "mean stringency in training",
    "recent": f"mean stringency in the last {RECENT} days of training",
    "change": "mean stringency after training, against those days",
    "training_spread": "standard deviation of stringency in training",
    "test_spread": "standard deviation of stringency after training",
    "followed": "correlation of mobility with stringency in training",
}
#: The behaviours whose mean is "mobility" here: what measures act on most, and seasons least.
MOBILITY = ("retail", "transit", "workplaces")


@dataclass(frozen=True)
class BaselineFact:
    """A baseline beside the others of one place: its macro RMSE over the geometric mean of all baselines' (`relative`), and
    its `rank` among them, 1 for the smallest error; ties share their mean rank."""

    relative: float
    rank: float


@dataclass(frozen=True)
class MiddleHalf:
    """Between what the facts of one baseline lie in the middle half of the places, both ends included."""

    low: BaselineFact
    high: BaselineFact

    def holds_relative(self, fact: BaselineFact) -> bool:
        return self.low.relative <= fact.relative <= self.high.relative

    def holds_rank(self, fact: BaselineFact) -> bool:
        return self.low.rank <= fact.rank <= self.high.rank


def last_training_day(first: date, last: date, share: float) -> date:
    """The end of training where this share of the days from `first` to `last` trains."""
    return first + timedelta(days=round(((last - first).days + 1) * share) - 1)


def baseline_errors(place: Place, train_end: date, test_end: date) -> dict[str, float] | None:
    """Each baseline's macro RMSE in points over the behaviours that count in a backtest; None where none does, or nothing
    was observed by `test_end`."""
    days = pd.date_range(train_end + timedelta(days=1), test_end, freq="D")
    counted = counted_behaviours(place.observations, train_end, days)
    if not counted or last_observed(place) < test_end:
        return None
    known, truth = known_at(place, train_end, days), place.observations.reindex(days)[counted]
    return {name: macro_rmse(forecast[counted], truth) for name, forecast in baseline_forecasts(known).items()}


def policy_facts(
    stringency: pd.Series[float], observations: pd.DataFrame, train_end: date, test_end: date
) -> dict[str, float]:
    """`POLICY_FACTS` of one place from its daily `stringency` and `observations` (days × behaviours), whose first day begins
    training; mobility is the mean over a week."""
    origin, last = pd.Timestamp(train_end), pd.Timestamp(test_end)
    training = stringency.loc[observations.index[0] : origin]
    after = stringency.loc[origin + pd.Timedelta(days=1) : last]
    recent = float(training.iloc[-RECENT:].mean())
    columns = [name for name in MOBILITY if name in observations]
    mobility = observations[columns].mean(axis=1).rolling(7).mean().loc[:origin]
    return {
        "training_mean": float(training.mean()),
        "recent": recent,
        "change": float(after.mean()) - recent,
        "training_spread": float(training.std()),
        "test_spread": float(after.std()),
        "followed": float(mobility.corr(training)),
    }


def facts_of(errors: Mapping[str, float]) -> dict[str, BaselineFact]:
    """The facts of one place from its baselines' macro RMSE."""
    relative, ranks = _facts(pd.DataFrame([errors]))
    return {name: BaselineFact(float(relative[name].iloc[0]), float(ranks[name].iloc[0])) for name in errors}


def middle_half(errors: pd.DataFrame) -> dict[str, MiddleHalf]:
    """By baseline, the middle half of the places, from macro RMSE (places × baselines)."""
    relative, ranks = _facts(errors)
    found = {}
    for name in errors.columns:
        low, high = (BaselineFact(float(relative[name].quantile(q)), float(ranks[name].quantile(q))) for q in QUARTERS)
        found[str(name)] = MiddleHalf(low, high)
    return found


def middle_half_of_policy(facts: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """By fact, the lower and upper quarter over the places, from `policy_facts` (places × facts)."""
    low, high = (facts.quantile(q) for q in QUARTERS)
    return {str(name): (float(low[name]), float(high[name])) for name in facts.columns}


def _facts(errors: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return errors.div(np.exp(np.log(errors).mean(axis=1)), axis=0), errors.rank(axis=1)
