"""Figures of what the twin's claims are worth: contrasts in worlds with a known truth, and groups of people."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from core.report.document import signed
from core.report.figures.style import (
    ACCENT,
    GRID,
    OBSERVED,
    PALETTE,
    TWIN,
    interval_bars,
    plain,
    settled,
    styled,
    wrapped,
)

SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x")


def worlds_figure(table: pd.DataFrame, words: Mapping[str, str], title: str, source: str) -> go.Figure:
    """A line per kind of world with a mark per way of answering: how far its contrasts lie from the truth.

    `table` has label, truth (root mean square of the true effects) and a column of errors per name in `words`.
    """
    labels = [wrapped(str(text), 20) for text in table["label"]]
    figure = go.Figure()
    figure.add_scatter(
        x=table["truth"], y=labels, mode="markers", name="Size of the true effect (no effect assumed)",
        marker={"symbol": "line-ns-open", "size": 20, "color": OBSERVED, "line": {"width": 2}},
        hovertemplate="%{y}: true effects of %{x:.1f} points<extra></extra>",
    )  # fmt: skip
    for number, (name, text) in reversed(list(enumerate(words.items()))):
        ours = name == "twin"
        figure.add_scatter(
            x=table[name], y=labels, mode="markers", name=plain(text), legendrank=number,
            marker={"symbol": SYMBOLS[number % len(SYMBOLS)], "size": 14 if ours else 10,
                    "color": TWIN if ours else PALETTE[number % len(PALETTE)], "opacity": 1.0 if ours else 0.85},
            hovertemplate="%{y}: off by %{x:.1f} points<extra>" + plain(text) + "</extra>",
        )  # fmt: skip
    figure = styled(
        figure,
        title=title,
        x="Distance from the truth, points (further left is better)",
        source=plain(source),
        height=300 + 48 * len(table),
    )
    figure.update_yaxes(categoryorder="array", categoryarray=labels[::-1], gridcolor=GRID)
    figure.update_xaxes(rangemode="tozero")
    figure.update_layout(
        hovermode="closest",
        legend={"x": 0, "xanchor": "left", "orientation": "v", "yref": "container", "y": 0.93, "yanchor": "top"},
    )
    return settled(figure, left=150, top=70 + 21 * (len(words) + 1))


def categories_figure(table: pd.DataFrame, everyone: float, title: str, unit: str, source: str) -> go.Figure:
    """A dot with its interval per category: `table` has label, change, lower, upper and personas."""
    labels = [wrapped(str(text), 20) for text in table["label"]]
    figure = go.Figure()
    figure.add_scatter(
        x=table["change"], y=labels, mode="markers", name="Category, with 80% interval",
        marker={"size": 11, "color": TWIN}, customdata=table[["personas"]],
        error_x=interval_bars(table["change"], table["lower"], table["upper"], OBSERVED),
        hovertemplate="%{y}: %{x:+.1f} (%{customdata[0]:,} personas)<extra></extra>",
    )  # fmt: skip
    figure.add_vline(x=everyone, line={"color": ACCENT, "width": 1.5, "dash": "dash"})
    figure.add_annotation(
        text=f"Everyone: {signed(everyone)}", x=everyone, y=1, yref="y domain", yshift=14, showarrow=False,
        font={"size": 11, "color": ACCENT},
    )  # fmt: skip
    figure = styled(
        figure, title=title, x=f"Change, {unit}", source=plain(source), height=200 + 38 * len(table), legend=False
    )
    figure.update_yaxes(categoryorder="array", categoryarray=labels[::-1], gridcolor=GRID)
    figure.update_layout(hovermode="closest")
    return settled(figure, left=150, top=80)
