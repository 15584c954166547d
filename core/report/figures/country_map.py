"""A map of equal tiles, a country each, and one country's forecast."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.report.figures.skill import RIVAL, SCALE, STRONGEST
from core.report.figures.style import ACCENT, BAND, INK, OBSERVED, TWIN, plain, settled, styled

#: Pixels of a row of tiles.
ROW = 27


def country_map(
    table: pd.DataFrame, tiles: Mapping[str, tuple[int, int]], chosen: str | None, source: str
) -> go.Figure:
    """A tile per country of `table` (country, name, skill, twin, rival_score), coloured by the twin's gain over the baseline;
    countries without a tile stand in rows beneath. No outlines are loaded from anywhere."""
    places = _places(list(table["country"]), tiles)
    columns = max(column for column, _ in places) + 1
    rows = max(row for _, row in places) + 1
    skill, codes = np.full((rows, columns), np.nan), np.full((rows, columns), "", dtype=object)
    for (column, row), code, value in zip(places, table["country"], table["skill"], strict=True):
        skill[row, column], codes[row, column] = value, code
    figure = go.Figure()
    figure.add_heatmap(
        z=100 * skill, text=codes, texttemplate="%{text}", colorscale=SCALE, zmin=-100 * STRONGEST, zmax=100 * STRONGEST,
        xgap=2, ygap=2, hoverinfo="skip",
        colorbar={
            "orientation": "h", "thickness": 10, "len": 0.7, "y": -0.02, "yanchor": "top",
            "tickvals": [-18, 0, 18], "ticktext": ["Baseline better", "Level", "Twin better"], "tickangle": 0,
        },
    )  # fmt: skip
    # A heatmap's cells cannot be chosen; marks that nobody sees lie over them.
    figure.add_scatter(
        x=[column for column, _ in places], y=[row for _, row in places], mode="markers", showlegend=False,
        marker={"symbol": "square", "size": 24, "opacity": 0}, unselected={"marker": {"opacity": 0}},
        selected={"marker": {"opacity": 0}},
        customdata=np.column_stack([table["name"], -100 * table["skill"], table["twin"], table["rival_score"]]),
        hovertemplate="<b>%{customdata[0]}</b><br>twin %{customdata[2]:.1f}, baseline %{customdata[3]:.1f} points "
        "(%{customdata[1]:+.0f}%)<extra></extra>",
    )  # fmt: skip
    for (column, row), code in zip(places, table["country"], strict=True):
        if code == chosen:
            figure.add_shape(
                type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5, line={"color": ACCENT, "width": 3}
            )  # fmt: skip
    figure = styled(figure, title="", source=plain(source), height=90 + ROW * rows, legend=False)
    figure.update_layout(hovermode="closest", dragmode=False)
    figure.update_xaxes(visible=False, range=[-0.6, columns - 0.4], fixedrange=True)
    figure.update_yaxes(visible=False, range=[rows - 0.4, -0.6], fixedrange=True)
    return settled(figure, left=4, right=4, top=6, below=44)


def _places(codes: list[str], tiles: Mapping[str, tuple[int, int]]) -> list[tuple[int, int]]:
    """Each country's tile; those without one follow in rows beneath."""
    columns = max((column for column, _ in tiles.values()), default=19) + 1
    beneath = max((row for _, row in tiles.values()), default=-2) + 2
    without = [code for code in codes if code not in tiles]
    extra = {code: (place % columns, beneath + place // columns) for place, code in enumerate(without)}
    return [tiles.get(code) or extra[code] for code in codes]


def country_curve(table: pd.DataFrame, origin: pd.Timestamp, rival: str, unit: str, source: str) -> go.Figure:
    """Observed, the twin with its 80% interval, and a baseline called `rival`, of one behaviour; `table` has observed, twin,
    lower, upper and baseline by day, the last four after `origin` alone."""
    figure = go.Figure()
    ahead = table[table["twin"].notna()]
    if ahead["lower"].notna().any():
        figure.add_scatter(
            x=[*ahead.index, *ahead.index[::-1]], y=[*ahead["upper"], *ahead["lower"][::-1]], fill="toself", fillcolor=BAND,
            line={"width": 0}, mode="lines", name="80% forecast interval", hoverinfo="skip",
        )  # fmt: skip
    for column, name, line in (
        ("observed", "Observed", {"color": OBSERVED, "width": 1.4}),
        ("baseline", rival, {"color": RIVAL, "width": 1.6}),
        ("twin", "The twin", {"color": TWIN, "width": 2.4}),
    ):
        figure.add_scatter(
            x=table.index, y=table[column], mode="lines", name=plain(name), line=line, hovertemplate="%{y:.1f}"
        )
    figure.add_vline(x=origin, line={"color": INK, "width": 1, "dash": "dot"})
    figure = styled(figure, title="", y=unit, source=plain(source), height=380)
    figure.update_layout(legend={"x": 0, "xanchor": "left"})
    return settled(figure, left=60, top=70)
