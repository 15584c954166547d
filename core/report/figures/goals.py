"""The figure of a goal: how much policy against what it comes to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.report.figures.style import ACCENT, OBSERVED, TWIN, plain, styled


def front_figure(
    table: pd.DataFrame, *, goal: float, best: int | None, in_force: tuple[float, float], label: str, unit: str
) -> go.Figure:
    """The front (`table` has burden, value, chance, words), the goal as a line, and marks for the policy to take and the policy
    in force (burden, value)."""
    words = [plain(text) for text in table["words"]]
    figure = go.Figure(
        go.Scatter(
            x=table["burden"], y=table["value"], mode="lines+markers", name="Best trade-offs",
            line={"color": TWIN, "shape": "hv", "width": 1.5}, marker={"size": 9, "color": TWIN},
            customdata=np.column_stack([words]), hovertemplate="%{customdata[0]}<br>%{y:+.1f}<extra></extra>",
        )
    )  # fmt: skip
    if best is not None:
        row = table.iloc[best]
        figure.add_trace(
            go.Scatter(
                x=[row["burden"]], y=[row["value"]], mode="markers", name="To take", hoverinfo="skip",
                marker={"size": 17, "color": "rgba(0,0,0,0)", "line": {"color": ACCENT, "width": 3}},
            )
        )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=[in_force[0]], y=[in_force[1]], mode="markers", name="Policy in force",
            marker={"size": 11, "symbol": "x", "color": OBSERVED}, hovertemplate="in force: %{y:+.1f}<extra></extra>",
        )
    )  # fmt: skip
    figure.add_hline(y=goal, line={"color": ACCENT, "dash": "dash", "width": 1.5}, annotation_text="goal")
    styled(figure, title=plain(label), x="How much policy (sum of the measures' intensities)", y=unit, height=360)
    figure.update_layout(hovermode="closest")
    return figure
