"""Figures of sweeps and contrasts, from plain tables (see core.services.counterfactual_tables)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.report.style import ACCENT, BAND, GRID, INK, OBSERVED, PALETTE, TWIN, colours, styled

PANEL_COLUMNS = 3
OUTSIDE = "outside what training saw"
CHANGE = "% change from baseline"
POINTS = "Difference in points of % change"


def sweep_figure(table: pd.DataFrame, reference: pd.DataFrame, *, source: str) -> go.Figure:
    """Mean response against realised stringency, a panel per behaviour, with the 80% band.

    `table` as `sweep_table`, `reference` as `reference_table`. Levels outside training are hollow.
    """
    behaviours = list(dict.fromkeys(table["behaviour"]))
    labels = dict(zip(table["behaviour"], table["label"], strict=True))
    rows = -(-len(behaviours) // PANEL_COLUMNS)
    figure = make_subplots(
        rows=rows,
        cols=PANEL_COLUMNS,
        subplot_titles=[labels[name] for name in behaviours],
        horizontal_spacing=0.07,
        vertical_spacing=0.16,
    )
    for position, name in enumerate(behaviours):
        place = {"row": position // PANEL_COLUMNS + 1, "col": position % PANEL_COLUMNS + 1}
        first = position == 0
        part = table[table["behaviour"] == name].sort_values("realised")
        _band(figure, part["realised"], part["lower"], part["upper"], BAND, first, place)
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
                        "Level %{customdata[0]:.0f}, stringency %{x:.1f}<br>%{y:+.1f}% (80%: %{customdata[1]:+.1f} to "
                        "%{customdata[2]:+.1f})<br>%{customdata[3]:.0f} training days with a similar policy"
                        "<extra></extra>"
                    ),
                ),
                **place,
            )
        _reference_points(figure, reference[reference["behaviour"] == name], first, place)
    styled(
        figure,
        title="Mean response at each level of stringency, held over the days chosen",
        source=source,
        height=330 * rows + 110,
    )
    figure.update_layout(hovermode="closest", margin={"t": 110}, legend={"y": 1.07, "x": 0, "xanchor": "left"})
    figure.update_layout(title={"y": 0.985, "yanchor": "top"})
    figure.update_xaxes(range=[-4, 104], dtick=25)
    figure.update_xaxes(title_text="Stringency realised (0 to 100)", row=rows)
    figure.update_yaxes(title_text=CHANGE, col=1)
    return figure


def level_heatmap(table: pd.DataFrame, *, source: str) -> go.Figure:
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
        x=f"Level asked for (stringency realised); ○ = {OUTSIDE}",
        source=source,
        height=60 * len(grid) + 190,
        legend=False,
    )
    figure.update_layout(hovermode="closest", margin={"l": 150, "b": 130})
    figure.update_yaxes(autorange="reversed")
    _lower_source(figure, 90)
    return figure


def sweep_group_figure(table: pd.DataFrame, label: str, attribute: str, *, source: str) -> go.Figure:
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
                name=readable(str(category)),
                line={"color": shades[str(category)]},
                hovertemplate="%{y:+.1f}%",
            )
        )
    styled(
        figure,
        title=f"{label} by {readable(attribute).lower()}",
        x="Stringency realised (0 to 100)",
        y=CHANGE,
        source=source,
    )
    return _legend_below_title(figure)


def group_figure(table: pd.DataFrame, everyone: float, *, title: str, source: str, axis: str = POINTS) -> go.Figure:
    """Differences by category with 80% intervals, largest fall first; `table` has category, difference, lower, upper.

    The dashed line is everyone. Categories without a value (next to no baseline activity) are left out.
    """
    shown = table.dropna(subset="difference").sort_values("difference", ascending=False)
    figure = go.Figure(
        go.Scatter(
            x=shown["difference"],
            y=[readable(name) for name in shown["category"]],
            mode="markers",
            marker={"color": TWIN, "size": 10},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": shown["upper"] - shown["difference"],
                "arrayminus": shown["difference"] - shown["lower"],
                "color": TWIN,
                "thickness": 1.5,
            },
            customdata=np.column_stack([shown["lower"], shown["upper"], shown["people"] / 1000]),
            hovertemplate=(
                "%{y}: %{x:+.2f} points (80%: %{customdata[0]:+.2f} to %{customdata[1]:+.2f})<br>"
                "stands for %{customdata[2]:,.0f} thousand people<extra></extra>"
            ),
        )
    )
    figure.add_vline(x=everyone, line={"color": ACCENT, "dash": "dash", "width": 1.5})
    figure.add_annotation(
        x=everyone, y=1, yref="paper", yanchor="bottom", text="everyone", showarrow=False, font={"color": ACCENT}
    )
    styled(figure, title=title, x=axis, source=source, height=38 * max(len(shown), 3) + 180, legend=False)
    figure.update_layout(hovermode="closest", margin={"l": 190, "t": 70})
    figure.update_xaxes(zeroline=True, zerolinecolor="#9aa5ae")
    return figure


def contrast_figure(table: pd.DataFrame, *, reference: str, source: str) -> go.Figure:
    """Each scenario's difference from the reference by behaviour, with 80% intervals; `table` as `contrast_table`."""
    figure = go.Figure()
    scenarios = list(dict.fromkeys(table["scenario"]))
    shades = _scenario_colours(scenarios)
    labels = list(dict.fromkeys(table["label"]))
    for position, name in enumerate(scenarios):
        part = table[table["scenario"] == name].set_index("label").loc[labels]
        shift = (position - (len(scenarios) - 1) / 2) * min(0.22, 0.7 / len(scenarios))
        figure.add_trace(
            go.Scatter(
                x=part["difference"],
                y=np.arange(len(labels)) + shift,
                mode="markers",
                name=name,
                marker={"color": shades[name], "size": 10},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": part["upper"] - part["difference"],
                    "arrayminus": part["difference"] - part["lower"],
                    "color": shades[name],
                    "thickness": 1.5,
                },
                customdata=np.column_stack([labels, part["lower"], part["upper"]]),
                hovertemplate=(
                    "%{customdata[0]}: %{x:+.1f} points (80%: %{customdata[1]:+.1f} to %{customdata[2]:+.1f})"
                ),
            )
        )
    styled(
        figure,
        title=f"Difference from “{reference}”, mean over the days",
        x=POINTS,
        source=source,
        height=64 * len(labels) + 170 + 22 * len(scenarios),
    )
    figure.update_yaxes(
        tickvals=list(range(len(labels))), ticktext=labels, range=[len(labels) - 0.5, -0.5], gridcolor="#ffffff"
    )
    figure.update_xaxes(zeroline=True, zerolinecolor=INK, zerolinewidth=1)
    figure.update_layout(hovermode="closest")
    return _legend_below_title(figure, rows=len(scenarios), left=150)


def paths_figure(
    table: pd.DataFrame, *, reference: str, label: str, difference: bool, weekly: bool, source: str
) -> go.Figure:
    """One behaviour over time under each policy with its 80% band, above the stringency of each policy.

    `table` as `path_table` or `difference_table`. Days or weeks outside training are drawn as hollow marks.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.74, 0.26], vertical_spacing=0.06)
    names = list(dict.fromkeys(table["name"]))
    shades = {reference: OBSERVED} | _scenario_colours([name for name in names if name != reference])
    for name in names:
        part, colour = table[table["name"] == name], shades[name]
        _band(figure, part["date"], part["lower"], part["upper"], _faint(colour), False, {"row": 1, "col": 1})
        figure.add_trace(
            go.Scatter(
                x=part["date"],
                y=part["value"],
                mode="lines",
                line={"color": colour, "width": 2, "dash": "dot" if name == reference else "solid"},
                name=name,
                legendgroup=name,
                customdata=np.column_stack([part["lower"], part["upper"]]),
                hovertemplate="%{y:+.1f} (80%: %{customdata[0]:+.1f} to %{customdata[1]:+.1f})",
            ),
            row=1,
            col=1,
        )
        figure.add_trace(
            go.Scatter(
                x=part["date"],
                y=part["stringency"],
                mode="lines",
                line={"color": colour, "shape": "hv", "width": 2, "dash": "dot" if name == reference else "solid"},
                name=name,
                legendgroup=name,
                showlegend=False,
                hovertemplate="stringency %{y:.1f}",
            ),
            row=2,
            col=1,
        )
        far = part[part["outside"]]
        figure.add_trace(
            go.Scatter(
                x=far["date"],
                y=far["stringency"],
                mode="markers",
                marker={"color": "#ffffff", "size": 6, "line": {"color": colour, "width": 1.5}},
                name=f"Policy {OUTSIDE}",
                legendgroup="outside",
                showlegend=False,
                hoverinfo="skip",
            ),
            row=2,
            col=1,
        )
    step = "weekly means" if weekly else "by day"
    what = f"{label}: difference from “{reference}”, {step}" if difference else f"{label}, {step}"
    styled(figure, title=what, source=f"{source} Hollow marks: policy {OUTSIDE}.", height=560)
    figure.update_yaxes(title_text="Points" if difference else CHANGE, row=1)
    figure.update_yaxes(title_text="Stringency", range=[0, 105], row=2)
    return _legend_below_title(figure, rows=-(-len(names) // 3))


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


def _band(
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


def _scenario_colours(names: Sequence[str]) -> dict[str, str]:
    """Colours for scenarios; the reference is grey, so the palette is all theirs."""
    return {name: PALETTE[position % len(PALETTE)] for position, name in enumerate(names)}


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.16)"


def _legend_below_title(figure: go.Figure, rows: int = 1, left: int | None = None) -> go.Figure:
    """Room for a legend of several entries between the title and the plot."""
    margin = {"t": 64 + 22 * rows} | ({} if left is None else {"l": left})
    figure.update_layout(
        margin=margin,
        legend={"x": 0, "xanchor": "left", "y": 1.01, "yanchor": "bottom", "bordercolor": GRID},
        title={"y": 0.985, "yanchor": "top"},
    )
    return figure


def _lower_source(figure: go.Figure, shift: int) -> None:
    for item in figure.layout.annotations:
        if str(item.text).startswith("Source:"):
            item.yshift = -shift
