"""Intervals of a forecast in plain words, for the command line and the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from core.report.terminal import table

PART_WORDS = {
    "personas": "Which personas were drawn",
    "calibration": "Which weeks it was fitted on",
    "repeated_answers": "Asking the engine again",
    "working_week": "Days that the working week moves",
    "residual": "What the model does not know",
}


def parts_table(parts: list[dict[str, Any]]) -> pd.DataFrame:
    """Standard deviations by part and class of days ahead, averaged over behaviours: a row per class, in points. The working
    week is there where it moves."""
    frame = pd.DataFrame(parts)
    if not (frame[frame["part"] == "working_week"]["deviation"] > 0).any():
        frame = frame[frame["part"] != "working_week"]
    variance = frame.assign(variance=frame["deviation"] ** 2)
    wide = variance.pivot_table(index=["first_day", "last_day"], columns="part", values="variance") ** 0.5
    wide = wide[[name for name in PART_WORDS if name in wide]].rename(columns=PART_WORDS)
    wide.index = pd.Index([f"{first} to {last}" for first, last in wide.index], name="Days ahead")
    return wide


def parts_words(parts: list[dict[str, Any]]) -> str:
    """One sentence on which part counts, computed from the parts."""
    frame = pd.DataFrame(parts)
    share = frame.groupby("part")["share"].mean()
    first = str(share.idxmax())
    others = frame[~frame["part"].isin(["residual", "working_week"])]["deviation"].max()
    moved = frame[frame["part"] == "working_week"]["deviation"].max()
    least = {
        "residual": "more personas or more trials would hardly narrow it",
        "personas": "more personas would narrow it",
        "calibration": "a longer training period would narrow it",
        "repeated_answers": "more samples per question would narrow it",
        "working_week": "training under the new week would narrow it",
    }[first]
    size = "Nearly all" if share[first] > 0.985 else f"{share[first]:.0%}"
    said = f"{size} of the interval's variance is {PART_WORDS[first][0].lower()}{PART_WORDS[first][1:]}"
    if first == "residual":
        said += f"; neither people nor training weeks move a forecast by more than {others:.1f} points on average"
    week = " Where the working week makes days what their weekday never was in training, how busy they are is not known to "
    week += f"{moved:.0f} points for the least certain behaviour."
    return f"{said}: {least}.{week if moved >= 1 else ''}"


def intervals_text(values: Mapping[str, Any]) -> str:
    """What `policytwin intervals` prints."""
    head = ["Promised", "Days inside", "Mean width", "Interval score"]
    rows = [
        [f"{level}%", f"{item['coverage']:.0%}", f"{item['width']:.1f}", f"{item['score']:.1f}"]
        for level, item in values["levels"].items()
    ]
    parts = parts_table(values["parts"])
    body = [
        [str(index), *(f"{value:.2f}" for value in row)]
        for index, row in zip(parts.index, parts.to_numpy(), strict=True)
    ]
    return "\n".join(
        [
            f"Run {values['run_id']}; widths from {values['source']}.",
            "",
            table(head, rows),
            "",
            "What the interval is made of: standard deviations in points, by days ahead",
            table(["Days ahead", *map(str, parts.columns)], body),
            "",
            parts_words(values["parts"]),
        ]
    )
