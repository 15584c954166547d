"""The figure of a projection: what was observed, and what may come under each policy."""

from __future__ import annotations

from datetime import date

import pandas as pd
import plotly.graph_objects as go

from core.report.figures.answers import BASELINE_COLOUR, WHAT_IF_COLOUR
from core.report.figures.style import colours, faint, plain, settled, styled
from core.report.figures.sweeps import band

SEEN, SIMPLE = "Observed", "Best simple forecast"


def projection_figure(table: pd.DataFrame, *, origin: date, unit: str, source: str, height: int = 380) -> go.Figure:
    """A behaviour's course: `table` has name, date, value, lower, upper; `SEEN` and `SIMPLE` have no band; of the policies the
    one held comes first, in grey. The line marks `origin`, the last period that the twin knows."""
    figure = go.Figure()
    names = [name for name in dict.fromkeys(table["name"]) if name not in (SEEN, SIMPLE)]
    seen, simple = (table[table["name"] == name] for name in (SEEN, SIMPLE))
    dots = go.Scatter(
        x=seen["date"], y=seen["value"], mode="markers", name=SEEN,
        marker={"color": BASELINE_COLOUR, "size": 4, "opacity": 0.55}, hovertemplate="%{y:+.1f}",
    )  # fmt: skip
    shades = {name: BASELINE_COLOUR if place == 0 else WHAT_IF_COLOUR for place, name in enumerate(names)}
    if len(names) > 2:
        shades |= colours(names[1:])
    for name in names:
        part = table[table["name"] == name]
        band(figure, part["date"], part["lower"], part["upper"], faint(shades[name]), False, {})
    figure.add_trace(dots)
    for name in names:
        part = table[table["name"] == name]
        figure.add_trace(
            go.Scatter(
                x=part["date"], y=part["value"], mode="lines", name=plain(name), line={"color": shades[name], "width": 2.4},
                customdata=part[["lower", "upper"]], hovertemplate="%{y:+.1f} (%{customdata[0]:+.1f} to %{customdata[1]:+.1f})",
            )
        )  # fmt: skip
    if len(simple):
        line = {"color": "#9aa5ae", "width": 1.6, "dash": "dot"}
        figure.add_trace(
            go.Scatter(
                x=simple["date"], y=simple["value"], mode="lines", name=SIMPLE, line=line, hovertemplate="%{y:+.1f}"
            )
        )
    figure.add_vline(x=str(origin), line={"color": "#9aa5ae", "width": 1, "dash": "dot"})
    # Grouped entries would stand under one another.
    figure.update_traces(legendgroup="")
    settled(styled(figure, title="", y=unit, source=source, height=height), left=56, right=8, top=34, below=34)
    figure.update_layout(
        title=None,
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.01, "yanchor": "bottom", "font": {"size": 12}},
    )  # fmt: skip
    return figure
