"""What was observed, before any twin is fitted to it."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from core.report.figures.style import PALETTE, plain, styled

#: More lines than this are not told apart.
MOST_LINES = len(PALETTE)


def observed_figure(observations: pd.DataFrame, unit: str, source: str) -> go.Figure:
    """A line for each behaviour; `observations` are periods × behaviours by their labels."""
    figure = go.Figure()
    for name in list(observations)[:MOST_LINES]:
        figure.add_scatter(
            x=observations.index,
            y=observations[name],
            name=plain(name),
            mode="lines",
            line={"width": 1.3},
            connectgaps=False,
        )
    figure = styled(figure, title="", y=plain(unit), source=plain(source), height=380)
    # Beneath the plot the names have room on a phone too.
    legend = {"orientation": "h", "yanchor": "top", "y": -0.2, "xanchor": "left", "x": 0}
    return figure.update_layout(margin={"t": 12, "b": 130}, legend=legend)
