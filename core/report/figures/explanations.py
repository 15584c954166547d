"""The figure of an explanation: what each part adds, one after another."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from core.report.document import signed
from core.report.figures.style import ACCENT, INK, OBSERVED, TWIN, plain, styled


def waterfall_figure(table: pd.DataFrame, *, unit: str) -> go.Figure:
    """A bar for each part from where the one before it ended, and one for the whole; `table` has part, points and whole."""
    labels = [plain(name[:1].upper() + name[1:]) for name in table["part"]]
    figure = go.Figure(
        go.Waterfall(
            orientation="h",
            y=labels,
            x=table["points"],
            measure=["total" if whole else "relative" for whole in table["whole"]],
            text=[signed(value) for value in table["points"]],
            textposition="outside",
            cliponaxis=False,
            increasing={"marker": {"color": TWIN}},
            decreasing={"marker": {"color": ACCENT}},
            totals={"marker": {"color": OBSERVED}},
            connector={"line": {"color": "#9aa5ae", "width": 1}},
            hovertemplate="%{y}: %{text} points<extra></extra>",
        )
    )
    styled(figure, title="", height=30 * len(table) + 80, legend=False)
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_xaxes(zeroline=True, zerolinecolor=INK, zerolinewidth=1, title={"text": unit, "font": {"size": 11}})
    figure.update_layout(title=None, hovermode="closest", margin={"l": 8, "r": 40, "t": 8, "b": 40})
    return figure
