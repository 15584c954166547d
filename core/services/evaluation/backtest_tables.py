"""The rows of a backtest as the tables of the store, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd

from core.forecasting.backtest import TWIN

#: What names a row, what every row has, and the figures of an interval.
PLACE = ("country", "origin", "horizon")
HEAD = (*PLACE, "stringency_change", "categories")
SCORES = ("coverage", "width", "score")
#: What a row has beside these is kept as it is.
KNOWN = frozenset({*HEAD, "macro_rmse", "coverage", "intervals"})
TABLES = ("backtest_rows", "backtest_scores", "backtest_intervals")


def tables_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, pd.DataFrame]:
    """Rows of a backtest as the store's three tables, without `run_id`."""
    heads, scores, intervals = [], [], []
    for row in rows:
        place = {name: row[name] for name in PLACE} | {"origin": date.fromisoformat(str(row["origin"]))}
        further = {name: value for name, value in row.items() if name not in KNOWN}
        heads.append({**{name: row[name] for name in HEAD}, **place, "further": further or None})
        scores += [{**place, "forecaster": name, "macro_rmse": value} for name, value in row["macro_rmse"].items()]
        intervals += [
            {**place, "forecaster": name, "level": int(level), **{key: value[key] for key in SCORES}}
            for name, levels in row.get("intervals", {}).items()
            for level, value in levels.items()
        ]
    return {
        "backtest_rows": pd.DataFrame(heads, columns=[*HEAD, "further"]),
        "backtest_scores": pd.DataFrame(scores, columns=[*PLACE, "forecaster", "macro_rmse"]),
        "backtest_intervals": pd.DataFrame(intervals, columns=[*PLACE, "forecaster", "level", *SCORES]),
    }


def rows_of_tables(tables: Mapping[str, pd.DataFrame], forecasters: Sequence[str]) -> list[dict[str, Any]]:
    """The rows that `tables_of` took apart, in the order of country, origin and horizon."""
    scores: dict[tuple[object, ...], dict[str, float]] = {}
    for item in tables["backtest_scores"].to_dict("records"):
        scores.setdefault(_key(item), {})[str(item["forecaster"])] = float(item["macro_rmse"])
    intervals: dict[tuple[object, ...], dict[str, dict[str, dict[str, float]]]] = {}
    for item in tables["backtest_intervals"].to_dict("records"):
        levels = intervals.setdefault(_key(item), {}).setdefault(str(item["forecaster"]), {})
        levels[str(item["level"])] = {key: float(item[key]) for key in SCORES}
    rows = []
    for item in tables["backtest_rows"].to_dict("records"):
        key = _key(item)
        country, origin, horizon = key
        rows.append(
            {
                "country": country,
                "origin": origin,
                "horizon": horizon,
                "stringency_change": float(item["stringency_change"]),
                "categories": int(item["categories"]),
                "macro_rmse": {name: scores[key][name] for name in forecasters if name in scores[key]},
                **with_coverage(intervals.get(key, {})),
                **(item["further"] if isinstance(item["further"], Mapping) else {}),
            }
        )
    return rows


def _key(item: Mapping[Any, Any]) -> tuple[str, str, int]:
    return str(item["country"]), str(pd.Timestamp(item["origin"]).date()), int(item["horizon"])


def with_coverage(intervals: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    """`intervals`, and the twin's `coverage` by level, which says the same shorter."""
    if not intervals:
        return {}
    coverage = {level: values["coverage"] for level, values in intervals.get(TWIN, {}).items()}
    return {"coverage": coverage, "intervals": dict(intervals)}
