"""Ablations in plain words for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.cognition.registry import engine_label
from core.report.sentences.left_out import left_out_lines
from core.report.terminal import table
from core.services.evaluation.ablation_parts import CONTROL, GROUPS


def ablations_text(values: Mapping[str, Any]) -> str:
    """What each part is worth, group by group, with what can be told from chance."""
    lines = [
        f"Study {values['study']}{' (fictional)' if values['fictional'] else ''}; engine: {engine_label(values['engine'])}.",
        f"The twin of {values['of_run']} missed by {values['macro_rmse']:.2f} points on average (RMSE over behaviours), "
        f"with {values['personas']:,} personas, trained to {values['train_end']}, tested to {values['test_end']}.",
        "Each part left out in turn, and everything else fitted anew. The price is the error without it minus the twin's.",
    ]
    for group, name in GROUPS.items():
        rows = [
            (
                row["label"],
                float(row["macro_rmse"]),
                _range(row),
                _cents(row["price"]),
                f"{_cents(row['price_low']):.2f} to {_cents(row['price_high']):.2f}",
                _reading(row),
            )
            for row in values["rows"]
            if row["group"] == group
        ]
        if rows:
            interval = f"{values['interval']}% interval"
            lines += [
                "",
                name,
                table(["Left out, or in its place", "RMSE", "Draws", "Price", interval, "Reading"], rows),
            ]
    lines += [
        "",
        f"Intervals: {values['draws']:,} draws of the test weeks, and all draws of the people. Worth or harm is said only "
        "where the interval leaves out 0, and where searching again with nothing left out moves the error by less.",
    ]
    lines += [f"Left out: {line}" for line in left_out_lines(values.get("left_out", {}))]
    return "\n".join([*lines, f"Took {values['seconds']:.0f} s. Kept as {values['run_id']}."])


def _cents(value: float) -> float:
    """To two decimals, without a minus before nothing."""
    return round(value, 2) + 0.0


def _range(row: Mapping[str, Any]) -> str:
    """The range of the draws, where there are several."""
    if len(row["seeds"]) == 1:
        return ""
    return f"{len(row['seeds'])}: {row['macro_rmse_min']:.2f} to {row['macro_rmse_max']:.2f}"


def _reading(row: Mapping[str, Any]) -> str:
    if row["ablation"] == CONTROL:
        return "what chance in the search makes"
    if not row["distinguishable"]:
        return "none" if row["price"] == row["price_low"] == row["price_high"] == 0 else "cannot be told from chance"
    return "worth having" if row["price"] > 0 else "better without"
