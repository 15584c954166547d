"""Figures of stringency sweeps, from plain tables (see core.services.counterfactuals.tables)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.report.figures.style import ACCENT, BAND, INK, TWIN, colours, plain, styled

PANEL_COLUMNS, PANEL_HEIGHT = 3, 270
OUTSIDE = "outside what training saw"
CHANGE = "% change from baseline"


def sweep_figure(
    table: pd.DataFrame,
    reference: pd.DataFrame | None,
    *,
    source: str,
    index: str = "stringency",
    in_force: float | None = None,
) -> go.Figure:
    """Mean response against realised stringency, a panel per behaviour, with the 80% band.

    `table` as `sweep_table`, `reference` as `reference_table`, None where it is not known. Levels outside training are hollow.
    With `in_force`, the mean index of the policy that was, `table` is as `sweep_difference_table`, and a line marks it.
    """
    unit = "%" if in_force is None else " points"
    behaviours = list(dict.fromkeys(table["behaviour"]))
    labels = dict(zip(table["behaviour"], table["label"], strict=True))
    columns = min(PANEL_COLUMNS, len(behaviours))
    rows = -(-len(behaviours) // columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[labels[name] for name in behaviours],
        horizontal_spacing=0.07,
        vertical_spacing=0.16,
    )
    for position, name in enumerate(behaviours):
        place = {"row": position // columns + 1, "col": position % columns + 1}
        first = position == 0
        part = table[table["behaviour"] == name].sort_values("realised")
        band(figure, part["realised"], part["lower"], part["upper"], BAND, first, place)
        figure.add_trace(
            go.Scatter(
                x=part["realised"],
                y=part["mean"],
                mode="lines",
                line={"color": TWIN, "width": 2},
                name="Twin, policy held",
                legendgroup="twin",
                showlegend=first,
                hoverinfo="skip",
            ),
            **place,
        )
        for outside in (False, True):
            points = part[part["outside"] == outside]
            figure.add_trace(
                go.Scatter(
                    x=points["realised"],
                    y=points["mean"],
                    mode="markers",
                    marker={
                        "color": "#ffffff" if outside else TWIN,
                        "size": 9,
                        "line": {"color": TWIN, "width": 2},
                    },
                    name=f"Level {OUTSIDE}" if outside else "Level seen in training",
                    legendgroup=f"level-{outside}",
                    showlegend=first and bool((table["outside"] == outside).any()),
                    customdata=np.column_stack([points["level"], points["lower"], points["upper"], points["similar"]]),
                    hovertemplate=(
                        f"Level %{{customdata[0]:.0f}}, {index} %{{x:.1f}}<br>"
                        f"%{{y:+.1f}}{unit} (80%: %{{customdata[1]:+.1f}} to "
                        "%{customdata[2]:+.1f})<br>%{customdata[3]:.0f} training days with a similar policy"
                        "<extra></extra>"
                    ),
                ),
                **place,
            )
        if reference is not None:
            _reference_points(figure, reference[reference["behaviour"] == name], first, place)
    if in_force is not None:
        figure.add_vline(x=in_force, line={"color": ACCENT, "dash": "dash", "width": 1.5})
    title = f"Mean response at each level of {index}, held over the time chosen"
    styled(
        figure,
        title=title if in_force is None else f"Difference from the policy in force, at each level of {index}",
        source=source,
        height=330 * rows + 110,
    )
    figure.update_layout(hovermode="closest")
    legend_below_title(figure, rows=2, panel_titles=True)
    figure.update_xaxes(range=[-4, 104], dtick=25)
    figure.update_xaxes(title_text=f"{index[0].upper()}{index[1:]} realised (0 to 100)", row=rows)
    figure.update_yaxes(title_text=CHANGE if in_force is None else "points of difference", col=1)
    return figure


def sweep_panels(
    table: pd.DataFrame, reference: pd.DataFrame | None, *, index: str, in_force: float | None = None
) -> dict[str, go.Figure]:
    """The panels of `sweep_figure` as figures of their own, by behaviour, without legend and source: a page sets them side by
    side where there is room, and below one another where there is not."""
    panels = {}
    for name in dict.fromkeys(table["behaviour"]):
        known = None if reference is None else reference[reference["behaviour"] == name]
        figure = sweep_figure(table[table["behaviour"] == name], known, source="", index=index, in_force=in_force)
        figure.update_layout(
            title=None, showlegend=False, height=PANEL_HEIGHT, margin={"l": 8, "r": 8, "t": 30, "b": 8},
        )  # fmt: skip
        figure.update_yaxes(automargin=True, title={"font": {"size": 11}})
        figure.update_xaxes(automargin=True, title={"font": {"size": 11}})
        panels[str(name)] = figure
    return panels


def level_heatmap(table: pd.DataFrame, *, source: str, index: str = "stringency") -> go.Figure:
    """Levels against behaviours, the mean response written in each cell; levels outside training carry a mark."""
    levels = table.drop_duplicates("level").sort_values("level")
    names = [f"{row.level:g}{' ○' if row.outside else ''}<br>({row.realised:.1f})" for row in levels.itertuples()]
    grid = table.pivot_table(index="label", columns="level", values="mean", sort=False, dropna=False).loc[
        list(dict.fromkeys(table["label"]))
    ]
    most = float(np.nanmax(np.abs(grid.to_numpy()))) or 1.0
    figure = go.Figure(
        go.Heatmap(
            z=grid.to_numpy(),
            x=names,
            y=list(grid.index),
            zmin=-most,
            zmax=most,
            colorscale=[[0, "#c1440e"], [0.5, "#f7f7f5"], [1, "#0b5d7a"]],
            text=[[f"{value:+.1f}".replace("-", "−") for value in row] for row in grid.to_numpy()],
            texttemplate="%{text}",
            hovertemplate="%{y}, level %{x}: %{text}%<extra></extra>",
            colorbar={"title": {"text": "% change"}, "thickness": 12},
        )
    )
    styled(
        figure,
        title="Mean response by level and behaviour (% change from baseline)",
        x=f"Level asked for ({index} realised); ○ = {OUTSIDE}",
        source=source,
        height=60 * len(grid) + 190,
        legend=False,
    )
    figure.update_layout(hovermode="closest", margin={"l": 150, "b": 130})
    figure.update_yaxes(autorange="reversed")
    _lower_source(figure, 90)
    return figure


def sweep_group_figure(
    table: pd.DataFrame, label: str, attribute: str, *, source: str, index: str = "stringency"
) -> go.Figure:
    """One behaviour's mean response by level, a line per category of an attribute; `table` as `sweep_group_table`."""
    figure = go.Figure()
    shades = colours(sorted(table["category"].unique()))
    for category, part in table.dropna(subset="mean").groupby("category"):
        part = part.sort_values("realised")
        figure.add_trace(
            go.Scatter(
                x=part["realised"],
                y=part["mean"],
                mode="lines+markers",
                name=plain(readable(str(category))),
                line={"color": shades[str(category)]},
                hovertemplate="%{y:+.1f}%",
            )
        )
    styled(
        figure,
        title=f"{label} by {readable(attribute).lower()}",
        x=f"{index[0].upper()}{index[1:]} realised (0 to 100)",
        y=CHANGE,
        source=source,
    )
    return legend_below_title(figure)


def readable(text: str) -> str:
    """An identifier such as `born_here` as a reader would write it."""
    words = text.replace("_", " ")
    return words[:1].upper() + words[1:]


def _reference_points(figure: go.Figure, row: pd.DataFrame, first: bool, place: dict[str, int]) -> None:
    for column, name, symbol, colour in (
        ("forecast", "Twin, policy that was in force", "diamond", ACCENT),
        ("observed", "Observed, policy that was in force", "x", INK),
    ):
        figure.add_trace(
            go.Scatter(
                x=row["stringency"],
                y=row[column],
                mode="markers",
                marker={"symbol": symbol, "size": 10, "color": colour},
                name=name,
                legendgroup=column,
                showlegend=first,
                hovertemplate=f"{name}<br>mean stringency %{{x:.1f}}: %{{y:+.1f}}%<extra></extra>",
            ),
            **place,
        )


def band(
    figure: go.Figure,
    x: pd.Series,
    lower: pd.Series,
    upper: pd.Series,
    colour: str,
    legend: bool,
    place: dict[str, int],
) -> None:
    figure.add_trace(
        go.Scatter(
            x=pd.concat([x, x[::-1]]),
            y=pd.concat([upper, lower[::-1]]),
            fill="toself",
            fillcolor=colour,
            line={"width": 0},
            mode="lines",
            name="80% interval",
            legendgroup="band",
            showlegend=legend,
            hoverinfo="skip",
        ),
        **place,
    )


def legend_below_title(
    figure: go.Figure, rows: int = 1, *, left: int | None = None, panel_titles: bool = False
) -> go.Figure:
    """Room for a legend of several entries between the title and the plot."""
    height = float(figure.layout.height)
    margin = {"t": 48 + 24 * rows + (26 if panel_titles else 0)} | ({} if left is None else {"l": left})
    figure.update_layout(
        margin=margin,
        legend={"x": 0, "xanchor": "left", "yref": "container", "y": 1 - 40 / height, "yanchor": "top"},
        title={"yref": "container", "y": 1 - 10 / height, "yanchor": "top"},
    )
    return figure


def _lower_source(figure: go.Figure, shift: int) -> None:
    for item in figure.layout.annotations:
        if str(item.text).startswith("Source:"):
            item.yshift = -shift
