"""Figures of calibrated twins: the board, and question by question."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from core.report.figures.style import ACCENT, OBSERVED, TWIN, settled, styled, wrapped
from core.services.surveys.calibration_results import PredictedShares

#: Characters of a label's line, and pixels of one.
LABEL, CHARACTER = 22, 6.5


def board_bars(rows: pd.DataFrame, source: str) -> go.Figure:
    """Mean correlation of every method, raw twins and the trivial baseline, best on top. `rows` has method, label,
    mean_correlation and standard_error."""
    figure = go.Figure()
    plain = rows["method"].isin(["raw", "trivial"])
    for part, name, colour in ((rows[~plain], "Calibrated", TWIN), (rows[plain], "Not calibrated", ACCENT)):
        figure.add_bar(
            x=part["mean_correlation"], y=[wrapped(text, LABEL) for text in part["label"]], orientation="h", name=name,
            marker_color=colour, error_x={"type": "data", "array": part["standard_error"], "color": OBSERVED},
            hovertemplate="%{y}: %{x:.3f}<extra></extra>",
        )  # fmt: skip
    figure = styled(
        figure, title="How well hidden answers are predicted", x="mean correlation, standard error",
        source=source, height=160 + 30 * len(rows),
    )  # fmt: skip
    figure.update_layout(hovermode="closest")
    order = [wrapped(text, LABEL) for text in rows["label"]]
    figure.update_yaxes(autorange="reversed", categoryorder="array", categoryarray=order)
    return settled(figure, left=_left(order), top=70, below=60)


def question_dots(rows: pd.DataFrame, label: str, source: str) -> go.Figure:
    """Each question's correlation as twins say it and as calibrated. `rows` has question, raw, calibrated, and the ends
    of its interval, lower and upper, in order."""
    figure = go.Figure()
    names = [wrapped(str(text), LABEL) for text in rows["question"]]
    for column, name, colour in (("raw", "Twins as they are", ACCENT), ("calibrated", label, TWIN)):
        ends = {}
        if column == "calibrated":
            above, below = rows["upper"] - rows[column], rows[column] - rows["lower"]
            ends = {
                "error_x": {
                    "type": "data",
                    "array": above,
                    "arrayminus": below,
                    "color": colour,
                    "thickness": 1,
                    "width": 0,
                }
            }
        figure.add_scatter(
            x=rows[column], y=names, **ends, mode="markers", name=name, marker={"size": 10, "color": colour},
            hovertemplate="%{y}: %{x:.2f}<extra></extra>",
        )  # fmt: skip
    figure = styled(
        figure, title="Predicted against real, question by question", x="correlation with people's", source=source,
        height=180 + 20 * len(rows),
    )  # fmt: skip
    figure.update_layout(hovermode="closest")
    return settled(figure, left=_left(names), top=70, below=60)


def share_bars(found: PredictedShares, source: str, who: str = "Twins") -> go.Figure:
    """The share of each answer as twins say it and as corrected, with its interval."""
    names = [wrapped(text, LABEL) for text in found.labels]
    figure = go.Figure()
    raw = [100 * value for value in found.raw]
    figure.add_bar(x=raw, y=names, orientation="h", name=f"{who} as they are", marker_color=ACCENT,
                   hovertemplate="%{y}: %{x:.0f}%<extra></extra>")  # fmt: skip
    shares = [100 * item.value for item in found.shares]
    above = [100 * (item.upper - item.value) for item in found.shares]
    below = [100 * (item.value - item.lower) for item in found.shares]
    figure.add_bar(
        x=shares, y=names, orientation="h", name=f"Corrected, {found.level}% interval", marker_color=TWIN,
        error_x={"type": "data", "array": above, "arrayminus": below, "color": OBSERVED},
        hovertemplate="%{y}: %{x:.0f}%<extra></extra>",
    )  # fmt: skip
    figure = styled(
        figure, title="What people would answer", x="% of people", source=source, height=190 + 56 * len(names)
    )
    figure.update_layout(hovermode="closest")
    figure.update_yaxes(type="category", autorange="reversed", categoryorder="array", categoryarray=names)
    return settled(figure, left=_left(names), top=70, below=60)


def _left(labels: list[str]) -> int:
    """Pixels that these labels take."""
    return 30 + round(CHARACTER * max(len(line) for text in labels for line in text.split("<br>")))
