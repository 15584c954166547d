"""Figures of one forecast's intervals: the fan over the hold-out, and what the intervals are made of."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from core.report.figures.style import OBSERVED, PALETTE, TWIN, styled
from core.report.figures.sweeps import legend_below_title

#: The bands from the widest to the narrowest level, ever darker.
BANDS = {95: "rgba(11, 93, 122, 0.10)", 80: "rgba(11, 93, 122, 0.20)", 50: "rgba(11, 93, 122, 0.32)"}


def forecast_fan(
    forecast: pd.Series,
    ends: Mapping[int, tuple[pd.Series, pd.Series]],
    observed: pd.Series,
    *,
    title: str,
    unit: str,
    source: str,
) -> go.Figure:
    """A behaviour's forecast of the hold-out with its intervals by level, and what was observed; series by day."""
    figure = go.Figure()
    for level, colour in BANDS.items():
        lower, upper = ends[level]
        figure.add_scatter(x=upper.index, y=upper, mode="lines", line_width=0, showlegend=False, hoverinfo="skip")
        figure.add_scatter(
            x=lower.index, y=lower, mode="lines", line_width=0, fill="tonexty", fillcolor=colour,
            name=f"{level}% interval", hoverinfo="skip",
        )  # fmt: skip
    figure.add_scatter(
        x=forecast.index, y=forecast, mode="lines", name="The twin's forecast", line={"color": TWIN, "width": 2}
    )
    figure.add_scatter(
        x=observed.index,
        y=observed,
        mode="markers",
        name="Observed",
        marker={"color": OBSERVED, "size": 4, "opacity": 0.7},
    )
    figure.update_traces(hovertemplate="%{y:.1f}", selector={"mode": "markers"})
    return styled(figure, title=title, y=unit, source=source)


def interval_parts(table: pd.DataFrame, source: str) -> go.Figure:
    """Standard deviation by part (columns) and class of periods ahead (rows, named by the index), in points of the metric."""
    figure = go.Figure()
    for place, name in enumerate(table.columns):
        figure.add_bar(
            x=list(table.index), y=table[name], name=str(name), marker_color=PALETTE[place],
            text=[f"{value:.1f}" for value in table[name]], textposition="outside", cliponaxis=False,
            hovertemplate="%{y:.2f} points",
        )  # fmt: skip
    figure.update_layout(barmode="group")
    styled(
        figure,
        title="What the intervals are made of",
        y="Standard deviation, points",
        x=str(table.index.name),
        source=source,
    )
    return legend_below_title(figure, rows=2)
