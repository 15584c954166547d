"""Figures of contrasts, from plain tables (see core.services.counterfactuals.tables)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.report.document import signed
from core.report.figures.style import (
    ACCENT,
    CHANGES,
    INK,
    OBSERVED,
    TWIN,
    colours,
    faint,
    interval_bars,
    plain,
    styled,
    wrapped,
)
from core.report.figures.sweeps import CHANGE, OUTSIDE, band, legend_below_title, readable

SEEN = "Observed data"
POINTS = "Difference in points of % change"


def group_figure(table: pd.DataFrame, everyone: float, *, title: str, source: str, axis: str = POINTS) -> go.Figure:
    """Differences by category with 80% intervals, largest fall first; `table` has category, difference, lower, upper.

    The dashed line is everyone. Categories without a value (next to no baseline activity) are left out.
    """
    shown = table.dropna(subset="difference").sort_values("difference", ascending=False)
    figure = go.Figure(
        go.Scatter(
            x=shown["difference"],
            y=[plain(readable(name)) for name in shown["category"]],
            mode="markers",
            marker={"color": TWIN, "size": 10},
            error_x=interval_bars(shown["difference"], shown["lower"], shown["upper"], TWIN),
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
    styled(figure, title=plain(title), x=axis, source=source, height=38 * max(len(shown), 3) + 180, legend=False)
    figure.update_layout(hovermode="closest", margin={"l": 190, "t": 70})
    figure.update_xaxes(zeroline=True, zerolinecolor="#9aa5ae")
    return figure


def movers_figure(table: pd.DataFrame, *, label: str, source: str) -> go.Figure:
    """Shares of people who fall, stay alike and rise, by category; `table` as `movers_table`."""
    figure = go.Figure()
    parts = (
        ("falls", "Fall", CHANGES[1][1]),
        ("alike", "Move by less than a point", "#eef1f3"),
        ("rises", "Rise", CHANGES[3][1]),
    )
    for column, name, colour in parts:
        share = 100 * table[column]
        figure.add_trace(
            go.Bar(
                x=share, y=[plain(readable(item)) for item in table["category"]], orientation="h", name=name, marker_color=colour,
                text=[f"{value:.0f}%" if value >= 8 else "" for value in share], textposition="inside", insidetextanchor="middle",
                hovertemplate=f"{name}: %{{x:.0f}}% of %{{y}}<extra></extra>",
            )
        )  # fmt: skip
    styled(figure, title="", x=f"% of people, {plain(label.lower())}", source=source, height=38 * len(table) + 150)
    figure.update_layout(title=None, barmode="stack", hovermode="closest", margin={"l": 8, "r": 8, "t": 30})
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_xaxes(range=[0, 100])
    return figure


def contrast_figure(table: pd.DataFrame, *, reference: str, source: str, step: str = "day") -> go.Figure:
    """Each scenario's difference from the reference by behaviour, with 80% intervals, mean over the study's periods (`step`);
    `table` as `contrast_table`."""
    figure = go.Figure()
    scenarios = list(dict.fromkeys(table["scenario"]))
    shades = colours(scenarios)
    labels = list(dict.fromkeys(table["label"]))
    for position, name in enumerate(scenarios):
        part = table[table["scenario"] == name].set_index("label").loc[labels]
        shift = (position - (len(scenarios) - 1) / 2) * min(0.22, 0.7 / len(scenarios))
        figure.add_trace(
            go.Scatter(
                x=part["difference"],
                y=np.arange(len(labels)) + shift,
                mode="markers",
                name=plain(name),
                marker={"color": shades[name], "size": 10},
                error_x=interval_bars(part["difference"], part["lower"], part["upper"], shades[name]),
                customdata=np.column_stack([labels, part["lower"], part["upper"]]),
                hovertemplate=(
                    "%{customdata[0]}: %{x:+.1f} points (80%: %{customdata[1]:+.1f} to %{customdata[2]:+.1f})"
                ),
            )
        )
    styled(
        figure,
        title=f"Difference from {plain(reference)}, mean over the {step}s",
        x=POINTS,
        source=source,
        height=64 * len(labels) + 190,
    )
    figure.update_yaxes(
        tickvals=list(range(len(labels))), ticktext=labels, range=[len(labels) - 0.5, -0.5], zeroline=False
    )
    figure.update_xaxes(zeroline=True, zerolinecolor=INK, zerolinewidth=1)
    figure.update_layout(hovermode="closest")
    return legend_below_title(figure, rows=_legend_rows(scenarios), left=150)


def matrix_figure(table: pd.DataFrame, *, source: str) -> go.Figure:
    """Behaviours × policies: the difference from the reference with its 80% interval in each cell, coloured by direction and
    size; a cell whose interval holds 0 is pale. `table` as `contrast_table`."""
    scenarios, labels = list(dict.fromkeys(table["scenario"])), list(dict.fromkeys(table["label"]))
    cells = {(row["label"], row["scenario"]): row for row in table.to_dict("records")}
    most = float(table["difference"].abs().max()) or 1.0
    grid = np.zeros((len(labels), len(scenarios)))
    texts: list[list[str]] = [[] for _ in labels]
    for place, label in enumerate(labels):
        for column, name in enumerate(scenarios):
            cell = cells[label, name]
            value, low, high = cell["difference"], cell["lower"], cell["upper"]
            grid[place, column] = value if low > 0 or high < 0 else 0.2 * value
            texts[place].append(f"<b>{signed(value)}</b><br>{signed(low)} to {signed(high)}")
    figure = go.Figure(
        go.Heatmap(
            z=grid,
            x=[wrapped(name, 18) for name in scenarios],
            y=labels,
            zmin=-most,
            zmax=most,
            colorscale=[list(item) for item in CHANGES],
            text=texts,
            texttemplate="%{text}",
            showscale=False,
            xgap=3,
            ygap=3,
            hovertemplate="%{y}, %{x}<br>%{text}<extra></extra>",
        )
    )
    # Without a title: on a narrow screen it would be cut off.
    styled(figure, title="", source=source, height=54 * len(labels) + 180, legend=False)
    figure.update_layout(title=None, hovermode="closest", margin={"l": 8, "r": 8, "t": 96})
    figure.update_yaxes(autorange="reversed", showgrid=False, automargin=True)
    figure.update_xaxes(side="top", showgrid=False, tickangle=0)
    return figure


def paths_figure(
    table: pd.DataFrame,
    *,
    reference: str,
    label: str,
    difference: bool,
    weekly: bool,
    source: str,
    summed: bool = False,
    index: str = "stringency",
    step: str = "day",
    unit: str = CHANGE,
) -> go.Figure:
    """One behaviour over time under each policy with its 80% band, above the index of each policy; `step` is the study's period.

    `table` as `path_table` or `difference_table`; rows named `SEEN` are what was observed. Days or weeks outside
    training are drawn as hollow marks.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.74, 0.26], vertical_spacing=0.06)
    names = [name for name in dict.fromkeys(table["name"]) if name != SEEN]
    shades = {reference: OBSERVED} | colours([name for name in names if name != reference])
    seen = table[table["name"] == SEEN]
    if len(seen):
        figure.add_trace(
            go.Scatter(
                x=seen["date"],
                y=seen["value"],
                mode="markers",
                marker={"color": OBSERVED, "size": 5, "symbol": "x-thin", "line": {"color": OBSERVED, "width": 1.5}},
                name=SEEN,
                hovertemplate="%{y:+.1f}",
            ),
            row=1,
            col=1,
        )
    for name in names:
        part, colour = table[table["name"] == name], shades[name]
        band(figure, part["date"], part["lower"], part["upper"], faint(colour), False, {"row": 1, "col": 1})
        figure.add_trace(
            go.Scatter(
                x=part["date"],
                y=part["value"],
                mode="lines",
                line={"color": colour, "width": 2, "dash": "dot" if name == reference else "solid"},
                name=plain(name),
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
                name=plain(name),
                legendgroup=name,
                showlegend=False,
                hovertemplate=f"{plain(index)} %{{y:.1f}}",
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
    said = "weekly means" if weekly else f"by {step}"
    if summed:
        said = f"added up, points × {step}s"
    what = f"{label}: difference from the reference, {said}" if difference else f"{label}, {said}"
    styled(figure, title=what, source=f"{source} Hollow marks: policy {OUTSIDE}.", height=560)
    figure.update_yaxes(title_text=f"Points × {step}s" if summed else "Points" if difference else unit, row=1)
    figure.update_yaxes(title_text=plain(index[:1].upper() + index[1:]), range=[0, 105], row=2)
    return legend_below_title(figure, rows=_legend_rows(names))


def _legend_rows(names: Sequence[str]) -> int:
    """Lines that a legend of these names needs at about 100 characters a line."""
    return 1 + sum(len(name) + 8 for name in names) // 100
