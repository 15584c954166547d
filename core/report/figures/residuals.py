"""Figures of what a forecast missed, of what calibration changed, and of what intervals held over time."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from core.report.figures.style import ACCENT, INK, OBSERVED, PALETTE, TWIN, plain, styled, wrapped
from core.study.definition import WEEKDAYS

#: A twin before anything was fitted.
BEFORE = PALETTE[4]


def residual_course(periods: pd.DataFrame, smooth: pd.Series, source: str) -> go.Figure:
    """What was missed period by period (column `residual`), and a running mean of it."""
    figure = go.Figure()
    figure.add_scatter(
        x=periods.index, y=periods["residual"], mode="markers", name="Observed minus forecast",
        marker={"size": 4, "color": OBSERVED, "opacity": 0.55}, hovertemplate="%{y:+.1f}",
    )  # fmt: skip
    figure.add_scatter(
        x=smooth.index, y=smooth, mode="lines", name="Running mean", line={"color": TWIN, "width": 2.2},
        hovertemplate="%{y:+.1f}",
    )  # fmt: skip
    figure.add_hline(y=0, line={"color": INK, "width": 1})
    return _plain_look(figure, "Observed minus forecast", source)


def residual_boxes(periods: pd.DataFrame, column: str, order: Sequence[str], words: str, source: str) -> go.Figure:
    """The spread of `residual` in each class of `column`: the middle half as a box, with the median."""
    figure = go.Figure()
    for name in order:
        part = periods.loc[periods[column] == name, "residual"]
        figure.add_box(
            y=part, name=name[:3] if name.lower() in WEEKDAYS else wrapped(name, 12),
            marker={"color": TWIN, "size": 3}, line={"width": 1.4},
            fillcolor="rgba(11, 93, 122, 0.18)", boxpoints=False, hoverinfo="y",
        )  # fmt: skip
    figure.add_hline(y=0, line={"color": INK, "width": 1})
    figure = _plain_look(figure, "Observed minus forecast", source)
    figure.update_layout(showlegend=False, hovermode="closest")
    figure.update_xaxes(title_text=words, tickangle=0)
    return figure


def calibration_course(periods: pd.DataFrame, unit: str, source: str) -> go.Figure:
    """What was observed after the origin, and the forecast before and after calibration."""
    figure = go.Figure()
    for column, name, line in (
        ("observed", "Observed", {"color": OBSERVED, "width": 1.3}),
        ("uncalibrated", "Before calibration", {"color": BEFORE, "width": 1.6, "dash": "dot"}),
        ("twin", "After calibration", {"color": TWIN, "width": 2.2}),
    ):
        figure.add_scatter(
            x=periods.index, y=periods[column], mode="lines", name=name, line=line, hovertemplate="%{y:.1f}"
        )
    return _plain_look(figure, unit, source)


def held_course(shares: pd.Series, level: int, source: str) -> go.Figure:
    """The share inside an interval by stretch of time, and the promise."""
    figure = go.Figure()
    figure.add_bar(
        x=shares.index, y=100 * shares, marker_color=TWIN, name=f"Inside the {level}% interval",
        hovertemplate="%{y:.0f}%",
    )  # fmt: skip
    figure.add_scatter(
        x=[shares.index[0], shares.index[-1]], y=[level, level], mode="lines", name=f"Promised: {level}%",
        line={"color": ACCENT, "width": 2, "dash": "dash"}, hoverinfo="skip",
    )  # fmt: skip
    figure = _plain_look(figure, "Values inside, %", source)
    figure.update_yaxes(range=[0, 104])
    return figure


def _plain_look(figure: go.Figure, y: str, source: str) -> go.Figure:
    figure = styled(figure, title="", y=y, source=plain(source), height=330)
    figure.update_layout(legend={"x": 0, "xanchor": "left"}, margin={"t": 36})
    return figure
