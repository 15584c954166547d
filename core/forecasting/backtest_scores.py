"""What a backtest found: a row per place, origin and horizon, and their means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from core.forecasting.intervals import LEVELS, WITH_INTERVALS

TWIN = "twin"
#: By how far mean stringency over the horizon lies from that of the four weeks before the origin, in points.
CHANGE_CLASSES: Mapping[str, tuple[float, float]] = {"<5": (0, 5), "5-15": (5, 15), ">=15": (15, np.inf)}


@dataclass(frozen=True, kw_only=True)
class IntervalScores:
    """Share of days inside an interval, and its mean width and interval score in points (a lower score is better)."""

    coverage: float
    width: float
    score: float


#: By forecaster and level in percent.
Intervals = Mapping[str, Mapping[str, IntervalScores]]


@dataclass(frozen=True, kw_only=True)
class BacktestRow:
    """Scores of one place, origin and horizon: macro RMSE by forecaster over as many `categories` of behaviour. `intervals`
    lacks what has none; `coverage` is the twin's by level, which says the same shorter."""

    country: str
    origin: date
    horizon: int
    stringency_change: float
    categories: int
    macro_rmse: Mapping[str, float]
    coverage: Mapping[str, float] = field(default_factory=dict)
    intervals: Intervals = field(default_factory=dict)

    def __post_init__(self) -> None:
        held = {level: item.coverage for level, item in self.intervals.get(TWIN, {}).items()}
        object.__setattr__(self, "coverage", held)


@dataclass(frozen=True, kw_only=True)
class MeanScores:
    """Scores over `rows`: mean and median by forecaster, the twin's share of wins against each other, the other with the least
    mean error, and what share of that the twin's lies below it."""

    rows: int
    mean: Mapping[str, float]
    median: Mapping[str, float]
    wins: Mapping[str, float]
    best_rival: str
    intervals: Intervals
    gain_on_best_rival: float


@dataclass(frozen=True, kw_only=True)
class BacktestSummary:
    """Scores by horizon, and by class of stringency change and horizon."""

    rows: int = 0
    countries: int = 0
    by_horizon: Mapping[str, MeanScores] = field(default_factory=dict)
    by_change: Mapping[str, Mapping[str, MeanScores]] = field(default_factory=dict)


def summary_of(rows: Sequence[BacktestRow], rivals: Sequence[str]) -> BacktestSummary:
    """Means, medians and the twin's share of wins, by horizon, and by horizon and class of stringency change."""
    if not rows:
        return BacktestSummary()
    scores = pd.DataFrame([row.macro_rmse for row in rows])
    horizon = pd.Series([row.horizon for row in rows])
    change = pd.Series([row.stringency_change for row in rows])
    nothing = dict.fromkeys(("coverage", "width", "score"), np.nan)
    intervals = {
        (name, str(level)): pd.DataFrame(
            [vars(own[str(level)]) if str(level) in (own := row.intervals.get(name, {})) else nothing for row in rows]
        )
        for name in WITH_INTERVALS
        for level in LEVELS
    }

    def part(mask: pd.Series) -> MeanScores:
        chosen = scores[mask]
        best = str(chosen[list(rivals)].mean().idxmin())
        spread: dict[str, dict[str, IntervalScores]] = {name: {} for name in WITH_INTERVALS}
        for (name, level), frame in intervals.items():
            if frame[mask].notna().any(axis=None):
                spread[name][level] = IntervalScores(**_plain(frame[mask].mean()))
        return MeanScores(
            rows=len(chosen),
            mean=_plain(chosen.mean()),
            median=_plain(chosen.median()),
            wins=_plain(pd.Series({name: (chosen[TWIN] < chosen[name]).mean() for name in rivals})),
            best_rival=best,
            intervals=spread,
            gain_on_best_rival=round(1.0 - float(chosen[TWIN].mean() / chosen[best].mean()), 4),
        )

    horizons = sorted(horizon.unique())
    by_change = {}
    for name, (low, high) in CHANGE_CLASSES.items():
        masks = {str(ahead): (change >= low) & (change < high) & (horizon == ahead) for ahead in horizons}
        by_change[name] = {ahead: part(mask) for ahead, mask in masks.items() if mask.any()}
    return BacktestSummary(
        rows=len(rows),
        countries=len({row.country for row in rows}),
        by_horizon={str(ahead): part(horizon == ahead) for ahead in horizons},
        by_change=by_change,
    )


def _plain(values: pd.Series) -> dict[str, float]:
    return {str(name): round(float(value), 4) for name, value in values.items()}
