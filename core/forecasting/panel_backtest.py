"""Rolling origins over the places of a panel: the twin, taught by the other places, and its rivals; scores of the study's
first metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from core.forecasting.backtest import PlaceForecasts, counted_behaviours, interval_scores, why_not_counted
from core.forecasting.backtest_scores import TWIN
from core.forecasting.intervals import Widths
from core.forecasting.metrics import macro_rmse
from core.forecasting.places import Place
from core.statistics.bootstrap import DRAWS, unit_counts

#: A policy moved where some lever is in force by this much more or less than at the origin, as a share of it in full.
MOVED_BY = 0.05


@dataclass(frozen=True, kw_only=True)
class PanelRow:
    """Errors after one origin of one place (`origin` as the step writes it): RMSE of the study's first metric by forecaster.
    `policy_change` is by how much the lever that moved most moved, in points of its full range; `coverage` the share of periods
    in the twin's intervals by level, {} where none is known."""

    place: str
    origin: str
    horizon: int
    policy_moved: bool
    policy_change: float
    rmse: Mapping[str, float]
    coverage: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PanelScores:
    """Scores over `rows`: mean error by forecaster, the rival with the least and what share of that the twin's lies below it,
    and the mean coverage of the twin's intervals by level. `difference` is the 95% interval of the twin's mean error less that
    rival's, from places drawn again (both of each row together)."""

    rows: int
    mean: Mapping[str, float]
    best_rival: str
    gain_on_best_rival: float
    coverage: Mapping[str, float]
    difference: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PanelSummary:
    """Scores by horizon, and where policy moved by horizon too."""

    rows: int = 0
    places: int = 0
    by_horizon: Mapping[str, PanelScores] = field(default_factory=dict)
    where_policy_moved: Mapping[str, PanelScores] = field(default_factory=dict)


def panel_rows(
    place: Place,
    found: PlaceForecasts,
    horizons: Sequence[int],
    widths: Mapping[tuple[str, date], Widths],
    metric: str,
) -> tuple[list[PanelRow], dict[str, str]]:
    """The rows of a place for the behaviour `metric`, and why an origin or a horizon has none."""
    rows, step = [], found.step
    left_out = {f"{found.place} after {step.text(origin)}": why for origin, why in found.left_out.items()}
    intensities = place.timeline.intensities()
    for origin, forecasts in found.forecasts.items():
        for horizon in horizons:
            periods = found.ahead(origin, horizon)
            if metric not in counted_behaviours(found.observations, origin, periods, step):
                which = f"{found.place} after {step.text(origin)}, {horizon} {step}s"
                left_out[which] = why_not_counted(found.observations, periods)
                continue
            truth = found.observations.reindex(periods)[[metric]]
            scores = {name: macro_rmse(frame.reindex(periods)[[metric]], truth) for name, frame in forecasts.items()}
            change = _largest_change(intensities, origin, periods)
            spread = interval_scores(found, origin, periods, truth, widths).get(TWIN, {})
            rows.append(
                PanelRow(
                    place=found.place, origin=step.text(origin), horizon=horizon, policy_moved=change > MOVED_BY,
                    policy_change=round(100 * change, 2), rmse={name: round(value, 6) for name, value in scores.items()},
                    coverage={level: item.coverage for level, item in spread.items()},
                )
            )  # fmt: skip
    return rows, left_out


def _largest_change(intensities: pd.DataFrame, origin: date, periods: pd.DatetimeIndex) -> float:
    now = intensities.loc[: pd.Timestamp(origin)].iloc[-1]
    return float((intensities.reindex(periods) - now).abs().max().max())


def panel_summary(rows: Sequence[PanelRow]) -> PanelSummary:
    """Means by horizon."""
    horizons = sorted({row.horizon for row in rows})

    def of(chosen: Sequence[PanelRow]) -> PanelScores:
        scores = pd.DataFrame([row.rmse for row in chosen]).mean()
        best = str(scores.drop(TWIN).idxmin())
        held = pd.DataFrame([row.coverage for row in chosen]).mean()
        gain = 1.0 - float(scores[TWIN] / scores[best]) if scores[best] > 0 else float(np.sign(-scores[TWIN]))
        return PanelScores(
            rows=len(chosen),
            mean=_plain(scores),
            best_rival=best,
            gain_on_best_rival=round(gain, 4),
            coverage=_plain(held),
            difference=_difference(chosen, best),
        )

    def by_horizon(chosen: Sequence[PanelRow]) -> dict[str, PanelScores]:
        parts = {str(ahead): [row for row in chosen if row.horizon == ahead] for ahead in horizons}
        return {ahead: of(part) for ahead, part in parts.items() if part}

    return PanelSummary(
        rows=len(rows),
        places=len({row.place for row in rows}),
        by_horizon=by_horizon(rows),
        where_policy_moved=by_horizon([row for row in rows if row.policy_moved]),
    )


def _difference(rows: Sequence[PanelRow], rival: str) -> tuple[float, ...]:
    """Ends of a 95% interval of the mean over rows of the twin's error less the rival's; places are drawn with all their rows."""
    by_place: dict[str, list[float]] = {}
    for row in rows:
        by_place.setdefault(row.place, []).append(row.rmse[TWIN] - row.rmse[rival])
    sums, sizes = (np.array([measure(values) for values in by_place.values()], float) for measure in (sum, len))
    drawn = unit_counts(len(sums), DRAWS, seed=0)
    return tuple(round(float(end), 4) for end in np.quantile(drawn @ sums / (drawn @ sizes), (0.025, 0.975)))


def _plain(values: pd.Series) -> dict[str, float]:
    return {str(name): round(float(value), 4) for name, value in values.items() if np.isfinite(value)}
