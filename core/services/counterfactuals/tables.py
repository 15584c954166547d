"""Sweeps and contrasts as plain tables: what figures draw and what an analyst downloads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.counterfactual.contrast import Contrast, category_change
from core.counterfactual.fitted import FittedTwin
from core.counterfactual.support import FAR, Support
from core.counterfactual.sweep import Sweep, SweepLevel
from core.counterfactual.trajectories import ResponsePath, block_summary, interval_of, mean_draws
from core.services.counterfactuals.results import ComparisonResult, SweepResult
from core.services.counterfactuals.run import ReferencePoint
from core.statistics.levels import central
from core.study import Study

DAYS_IN_WEEK = 7
SEEN = "Observed data"


def sweep_table(result: SweepResult, study: Study) -> pd.DataFrame:
    """One row per level and behaviour: level, realised, behaviour (id), label, mean, lower, upper, outside, similar."""
    rows = [
        {
            "level": item.level,
            "realised": item.level if result.lever else item.realised_stringency,
            "behaviour": behaviour.id,
            "label": behaviour.label,
            "mean": item.metric[behaviour.id],
            "lower": item.lower[behaviour.id],
            "upper": item.upper[behaviour.id],
            "outside": item.outside_support,
            "similar": item.similar_training_days,
        }
        for item in result.levels
        for behaviour in study.behaviours
    ]
    return pd.DataFrame(rows)


def sweep_difference_table(sweep: Sweep, in_force: ResponsePath, study: Study) -> pd.DataFrame:
    """One row per level and behaviour: level, realised, behaviour (id), label, mean (the difference from the policy in force,
    points, mean over the days), lower, upper (80%, from draws that both share), outside, similar. `in_force` is the path of that
    policy over the same days by the same twin."""
    base = mean_draws(in_force.draws)
    rows = []
    for item in sweep.levels:
        low, high = interval_of(mean_draws(item.path.draws) - base, in_force.metric.columns)
        rows += [
            {
                "level": item.policy.target,
                "realised": item.policy.realised,
                "behaviour": behaviour.id,
                "label": behaviour.label,
                "mean": item.mean[behaviour.id] - in_force.mean[behaviour.id],
                "lower": low[behaviour.id],
                "upper": high[behaviour.id],
                "outside": item.outside,
                "similar": item.similar,
            }
            for behaviour in study.behaviours
        ]
    return pd.DataFrame(rows)


def level_table(sweep: Sweep, support: Support, study: Study) -> pd.DataFrame:
    """One row per level: what was asked for, what it really is, and how it compares to training, in words."""

    def said(item: SweepLevel) -> str:
        if not item.outside:
            return "seen in training"
        if item.distance > FAR:
            return f"outside: unlike every training {study.step}"
        return f"outside: training's {study.index_word} was {support.lowest:.1f} to {support.highest:.1f}"

    return pd.DataFrame(
        {
            "Level asked for": [item.policy.target for item in sweep.levels],
            "Index realised": [item.policy.realised for item in sweep.levels],
            f"Training {study.step}s with a similar policy": [item.similar for item in sweep.levels],
            "Distance to the nearest (0 to 100)": [item.distance for item in sweep.levels],
            "Support": [said(item) for item in sweep.levels],
        }
    )


def reference_table(point: ReferencePoint, study: Study) -> pd.DataFrame:
    """One row per behaviour: behaviour, label, stringency, forecast, lower, upper, observed (NaN), observed_days."""
    names = list(study.behaviour_ids)
    return pd.DataFrame(
        {
            "behaviour": names,
            "label": [item.label for item in study.behaviours],
            "stringency": point.stringency,
            "forecast": point.forecast[names].to_numpy(),
            "lower": point.lower[names].to_numpy(),
            "upper": point.upper[names].to_numpy(),
            "observed": point.observed[names].to_numpy(),
            "observed_days": point.observed_days[names].to_numpy(),
        }
    )


def sweep_group_table(sweep: Sweep, attribute: str) -> pd.DataFrame:
    """One row per level, category and behaviour of an attribute: level, realised, category, behaviour, mean."""
    parts = [
        item.path.group_tall().assign(level=item.policy.target, realised=item.policy.realised) for item in sweep.levels
    ]
    tall = pd.concat(parts, ignore_index=True)
    return tall.loc[tall["attribute"] == attribute, ["level", "realised", "category", "behaviour", "mean"]]


def sweep_group_change(twin: FittedTwin, sweep: Sweep, attribute: str) -> pd.DataFrame:
    """What going from the loosest to the strictest level changes, by category; columns as in `category_change`."""
    return category_change(twin, sweep.levels[0].path, sweep.levels[-1].path, attribute)


def contrast_table(result: ComparisonResult, study: Study) -> pd.DataFrame:
    """One row per scenario and behaviour: scenario, behaviour, label, difference, lower, upper, outside_days, days."""
    rows = [
        {
            "scenario": item.name,
            "behaviour": behaviour.id,
            "label": behaviour.label,
            "difference": item.difference[behaviour.id],
            "lower": item.lower[behaviour.id],
            "upper": item.upper[behaviour.id],
            "outside_days": item.days_outside_support,
            "days": result.days,
        }
        for item in result.scenarios
        for behaviour in study.behaviours
    ]
    return pd.DataFrame(rows)


def path_table(
    found: Sequence[Contrast], behaviour: str, *, weekly: bool, reference: str, observations: pd.DataFrame
) -> pd.DataFrame:
    """The reference, each scenario and what was observed over time, for one behaviour, by day or by blocks of seven days.

    Columns name, date, value, lower, upper, stringency, outside (whether any day of the block lies outside training).
    The reference is named `reference`, the observations "Observed data" (a block's mean is over its observed days).
    """
    size = DAYS_IN_WEEK if weekly else 1
    named = [(reference, found[0].reference), *((item.name, item.path) for item in found)]
    dates = found[0].path.dates
    seen = observations[behaviour].reindex(dates)
    blocks = np.arange(len(dates)) // size
    means = pd.DataFrame({"date": dates[::size], "value": seen.groupby(blocks).mean().to_numpy(), "name": SEEN})
    parts = [_over_time(path, behaviour, size).assign(name=name) for name, path in named]
    empty = {"lower": np.nan, "upper": np.nan, "stringency": np.nan, "outside": False}
    return pd.concat([*parts, means.assign(**empty)], ignore_index=True)


def difference_table(found: Sequence[Contrast], behaviour: str, *, weekly: bool) -> pd.DataFrame:
    """Each scenario minus the reference over time, for one behaviour; columns as in `path_table`."""
    size = DAYS_IN_WEEK if weekly else 1
    parts = []
    for item in found:
        value, lower, upper = item.over_time(size)
        frame = pd.DataFrame({"value": value[behaviour], "lower": lower[behaviour], "upper": upper[behaviour]})
        parts.append(_with_policy(frame, item.path, size).assign(name=item.name))
    return pd.concat(parts, ignore_index=True)


def cumulative_table(found: Sequence[Contrast], behaviour: str, *, weekly: bool) -> pd.DataFrame:
    """Each scenario minus the reference, added up from the first day on: points times periods, with intervals from the draws;
    a row a week (its last day's sum) where `weekly`. Columns as in `path_table`."""
    size = DAYS_IN_WEEK if weekly else 1
    parts = []
    for item in found:
        column = list(item.path.metric.columns).index(behaviour)
        draws = (item.path.draws - item.reference.draws)[:, :, column].cumsum(axis=1, dtype=float)
        low, high = central(draws, axis=0)
        summed = (item.path.metric - item.reference.metric)[behaviour].cumsum()
        whole = pd.DataFrame({"value": summed, "lower": low, "upper": high}, item.path.dates)
        last = whole.groupby(np.arange(len(whole)) // size).last().set_axis(whole.index[::size])
        parts.append(_with_policy(last, item.path, size).assign(name=item.name))
    return pd.concat(parts, ignore_index=True)


def _over_time(path: ResponsePath, behaviour: str, size: int) -> pd.DataFrame:
    value, lower, upper = block_summary(path.metric[[behaviour]], _one(path, behaviour), size)
    frame = pd.DataFrame({"value": value[behaviour], "lower": lower[behaviour], "upper": upper[behaviour]})
    return _with_policy(frame, path, size)


def _one(path: ResponsePath, behaviour: str) -> np.ndarray:
    position = list(path.metric.columns).index(behaviour)
    return path.draws[:, :, position : position + 1]


def _with_policy(frame: pd.DataFrame, path: ResponsePath, size: int) -> pd.DataFrame:
    blocks = pd.Series(range(len(path.dates)), index=path.dates) // size
    stringency = path.stringency.groupby(blocks.to_numpy()).mean().to_numpy()
    outside = path.outside.groupby(blocks.to_numpy()).any().to_numpy()
    return frame.assign(stringency=stringency, outside=outside).rename_axis("date").reset_index()
