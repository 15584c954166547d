"""The rows of a backtest as the tables of the store, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import pandas as pd

from core.forecasting.backtest_scores import BacktestRow, IntervalScores

#: What names a row, what every row has besides, and the figures of an interval.
PLACE = ("country", "origin", "horizon")
HEAD = (*PLACE, "stringency_change", "categories")
SCORES = ("coverage", "width", "score")


def tables_of(rows: Sequence[BacktestRow]) -> dict[str, pd.DataFrame]:
    """Rows of a backtest as the store's three tables, without `run_id`."""
    heads = [[getattr(row, name) for name in HEAD] for row in rows]
    scores = [
        (*_key(row), name, value) for row in rows for name, value in row.macro_rmse.items()
    ]  # fmt: skip
    intervals = [
        (*_key(row), name, int(level), item.coverage, item.width, item.score)
        for row in rows
        for name, level, item in intervals_of(row)
    ]
    return {
        "backtest_rows": pd.DataFrame(heads, columns=list(HEAD)).assign(further=None),
        "backtest_scores": pd.DataFrame(scores, columns=[*PLACE, "forecaster", "macro_rmse"]),
        "backtest_intervals": pd.DataFrame(intervals, columns=[*PLACE, "forecaster", "level", *SCORES]),
    }


def intervals_of(row: BacktestRow) -> Iterator[tuple[str, str, IntervalScores]]:
    """Forecaster, level and scores of each interval of a row."""
    for name, levels in row.intervals.items():
        for level, item in levels.items():
            yield name, level, item


def rows_of_tables(table: Callable[[str], pd.DataFrame], forecasters: Sequence[str]) -> tuple[BacktestRow, ...]:
    """The rows that `tables_of` took apart, in the order of country, origin and horizon."""
    scores: dict[tuple[str, date, int], dict[str, float]] = {}
    for *place, name, value in _records(table("backtest_scores"), "forecaster", "macro_rmse"):
        scores.setdefault(_place(*place), {})[str(name)] = float(value)
    intervals: dict[tuple[str, date, int], dict[str, dict[str, IntervalScores]]] = {}
    for *place, name, level, coverage, width, score in _records(
        table("backtest_intervals"), "forecaster", "level", *SCORES
    ):
        own = intervals.setdefault(_place(*place), {}).setdefault(str(name), {})
        own[str(level)] = IntervalScores(coverage=float(coverage), width=float(width), score=float(score))
    rows = []
    for *place, change, categories in _records(table("backtest_rows"), "stringency_change", "categories"):
        country, origin, horizon = key = _place(*place)
        rows.append(
            BacktestRow(
                country=country,
                origin=origin,
                horizon=horizon,
                stringency_change=float(change),
                categories=int(categories),
                macro_rmse={name: scores[key][name] for name in forecasters if name in scores[key]},
                intervals=intervals.get(key, {}),
            )
        )
    return tuple(rows)


def _key(row: BacktestRow) -> tuple[str, date, int]:
    return row.country, row.origin, row.horizon


def _records(frame: pd.DataFrame, *columns: str) -> Iterator[tuple[Any, ...]]:
    return frame[[*PLACE, *columns]].itertuples(index=False, name=None)


def _place(country: Any, origin: Any, horizon: Any) -> tuple[str, date, int]:
    return str(country), pd.Timestamp(origin).date(), int(horizon)
