"""The figure of a place made of its donors."""

from __future__ import annotations

from datetime import date

import pandas as pd
import plotly.graph_objects as go

from core.report.figures.style import ACCENT, INK, OBSERVED, plain, settled, styled


def donors_path(rows: pd.DataFrame, day: date, place: str, metric: str, source: str) -> go.Figure:
    """A place's weekly means and those of what its donors make, parted at `day`. `rows` has day, actual and synthetic."""
    figure = go.Figure()
    for column, name, colour in (("actual", "As it was", OBSERVED), ("synthetic", "Made of its donors", ACCENT)):
        figure.add_scatter(
            x=rows["day"], y=rows[column], mode="lines", name=name, line={"color": colour, "width": 2},
            hovertemplate="%{y:.1f}",
        )  # fmt: skip
    figure.add_vline(x=str(day), line={"color": INK, "width": 1.2, "dash": "dash"})
    figure = styled(
        figure, title=plain(f"{metric.capitalize()} in {place}"), y="mean of the week", source=plain(source)
    )
    return settled(figure, top=80)
