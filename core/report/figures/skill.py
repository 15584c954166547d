"""Figures of validation: where the twin helps, country by country, and whether its intervals keep their promise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.report.figures.style import GRID, INK, OBSERVED, TWIN, labels_above, plain, settled, styled, wrapped

RIVAL = "#a66a00"
#: Characters of a label on one line.
LABEL = 52
#: The twin worse, level, better: orange to white to blue, which colour-blind readers tell apart; the cells say it in words.
SCALE = [[0.0, "#b35806"], [0.25, "#f1a340"], [0.5, "#f7f7f7"], [0.75, "#74add1"], [1.0, TWIN]]
#: Skill at either end of the scale.
STRONGEST = 0.25
#: Cells as dark as this have white text.
DARK = 0.19


def skill_heat(table: pd.DataFrame, words: Mapping[str, str], against: str, source: str) -> go.Figure:
    """A cell per class of policy change (rows, in the order of `words`) and horizon (columns).

    `table` has change, horizon, skill, low, high, wins, rows, verdict; a cell says how far the twin's error lies below
    (or above) that of `against`.
    """
    horizons = sorted(table["horizon"].unique())
    order = [name for name in words if name in set(table["change"])]
    cells = {(row["change"], row["horizon"]): row for row in table.to_dict("records")}
    values = np.full((len(order), len(horizons)), np.nan)
    figure = go.Figure()
    for down, change in enumerate(order):
        for across, horizon in enumerate(horizons):
            row = cells.get((change, horizon))
            if row is None:
                continue
            values[down, across] = row["skill"]
            dark = abs(float(row["skill"])) >= DARK
            figure.add_annotation(
                x=across, y=down, text=_cell(row), showarrow=False, align="center",
                font={"size": 13, "color": "#ffffff" if dark else INK},
            )  # fmt: skip
    figure.add_heatmap(
        z=values, x=list(range(len(horizons))), y=list(range(len(order))), colorscale=SCALE, zmin=-STRONGEST, zmax=STRONGEST,
        xgap=4, ygap=4, showscale=False, hoverinfo="skip",
    )  # fmt: skip
    figure = styled(
        figure,
        title=f"The twin's error against {against}",
        source=plain(source),
        height=130 + 96 * len(order),
        legend=False,
    )
    figure.update_xaxes(
        tickvals=list(range(len(horizons))), ticktext=[f"{horizon} days" for horizon in horizons], side="top",
        showgrid=False, tickfont={"size": 13}, ticks="",
    )  # fmt: skip
    figure.update_yaxes(
        tickvals=list(range(len(order))), ticktext=[wrapped(words[name], 14) for name in order],
        autorange="reversed", showgrid=False, zeroline=False,
    )  # fmt: skip
    return settled(figure, left=108, top=86, below=24)


def forecaster_bars(table: pd.DataFrame, horizon: int, source: str) -> go.Figure:
    """Mean error of every forecaster at a horizon, the best on top. `table` has forecaster, words and mean."""
    ours = table["forecaster"] == "twin"
    figure = go.Figure()
    for part, name, colour in ((table[ours], "The twin", TWIN), (table[~ours], "Baselines", RIVAL)):
        figure.add_bar(
            x=part["mean"], y=[wrapped(text, LABEL) for text in part["words"]], orientation="h", name=name, marker_color=colour,
            text=[f"{value:.1f}" for value in part["mean"]], textposition="outside", cliponaxis=False,
            hovertemplate="%{y}: %{x:.2f} points<extra></extra>",
        )  # fmt: skip
    figure = styled(
        figure,
        title=f"Mean error of every forecaster {horizon} days ahead (shorter is better)",
        x="RMSE, points of the metric, mean over behaviours and rows",
        source=plain(source),
    )
    order = [wrapped(text, LABEL) for text in table["words"]]
    figure.update_yaxes(categoryorder="array", categoryarray=order[::-1], gridcolor="#ffffff")
    figure.update_xaxes(rangemode="tozero")
    figure.update_layout(hovermode="closest", barmode="overlay", bargap=0.62)
    return settled(labels_above(figure, order), left=8, right=50, top=78)


def country_dots(table: pd.DataFrame, chosen: str | None, against: str, source: str) -> go.Figure:
    """A dot per country, the one where the twin helps most at the left.

    `table` has country, name, skill, twin, rival_score, wins, rows and kept_out, in the order drawn; `chosen` is marked.
    """
    figure = go.Figure()
    place = np.arange(1, len(table) + 1)
    skill = -100 * table["skill"].to_numpy(float)
    for mask, name, symbol, fill in (
        (~table["kept_out"].to_numpy(bool), "Countries used when the forecast's form was chosen", "circle", "#8db4c4"),
        (table["kept_out"].to_numpy(bool), "Countries kept out of that choice", "diamond", TWIN),
    ):
        part = table[mask]
        figure.add_scatter(
            x=place[mask], y=skill[mask], mode="markers", name=name,
            marker={"size": 9, "symbol": symbol, "color": fill, "line": {"width": 1, "color": TWIN}},
            customdata=np.column_stack([part["name"], part["twin"], part["rival_score"], 100 * part["wins"], part["rows"]]),
            hovertemplate="%{customdata[0]}: %{y:+.0f}%<br>twin %{customdata[1]:.1f}, baseline %{customdata[2]:.1f} points<br>"
            "twin better in %{customdata[3]:.0f}% of %{customdata[4]} rows<extra></extra>",
        )  # fmt: skip
    _named(figure, table, place, skill, chosen)
    figure.add_hline(y=0, line={"color": OBSERVED, "width": 1.4})
    figure = styled(
        figure,
        title=f"The twin's error against {against}, country by country",
        x="Countries, from where the twin helps most to where it helps least",
        y="Error against the baseline's, %",
        source=plain(source),
        height=440,
    )
    figure.update_layout(hovermode="closest", legend={"x": 0, "xanchor": "left"})
    figure.update_xaxes(showgrid=False, showticklabels=False, range=[-1, len(table) + 2])
    figure.update_yaxes(ticksuffix="%", tickformat="+d")
    for shift, text in ((-12, "below the line: twin better"), (12, "above the line: baseline better")):
        figure.add_annotation(
            x=0, xref="paper", xanchor="left", y=0, yshift=shift, xshift=6, text=text, showarrow=False,
            font={"size": 11, "color": "#5c6670"}, bgcolor="rgba(255,255,255,0.8)",
        )  # fmt: skip
    return settled(figure, top=92)


def dumbbells(
    table: pd.DataFrame, title: str, rival: str, unit: str, source: str, *, metric: str = "RMSE"
) -> go.Figure:
    """The twin's and the rival's error on one line each: `table` has label, twin and rival_score, and perhaps a `note`
    for beneath the label; `rival` names the other."""
    labels = [wrapped(str(text), LABEL) for text in table["label"]]
    if "note" in table:
        small = [
            f"<span style='font-size:11px;color:#5c6670'>{wrapped(str(text), 50)}</span>" for text in table["note"]
        ]
        labels = [f"{text}<br>{note}" for text, note in zip(labels, small, strict=True)]
    figure = go.Figure()
    for text, ours, theirs in zip(labels, table["twin"], table["rival_score"], strict=True):
        figure.add_scatter(
            x=[ours, theirs], y=[text, text], mode="lines", line={"color": "#9aa5ae", "width": 3}, showlegend=False,
            hoverinfo="skip",
        )  # fmt: skip
    for column, name, symbol, colour in (
        ("twin", "The twin", "circle", TWIN),
        ("rival_score", rival, "diamond", RIVAL),
    ):
        figure.add_scatter(
            x=table[column], y=labels, mode="markers", name=name, marker={"size": 12, "symbol": symbol, "color": colour},
            hovertemplate="%{y}: %{x:.1f}<extra>" + name + "</extra>",
        )  # fmt: skip
    figure = styled(
        figure,
        title=title,
        x=f"{metric}, {unit}",
        source=plain(source),
    )
    figure.update_yaxes(categoryorder="array", categoryarray=labels[::-1], gridcolor=GRID)
    figure.update_xaxes(rangemode="tozero")
    figure.update_layout(hovermode="closest", legend={"x": 0, "xanchor": "left"})
    return settled(labels_above(figure, labels), left=12, top=92)


def coverage_figure(table: pd.DataFrame, names: Mapping[str, str], source: str) -> go.Figure:
    """Achieved coverage by horizon, a panel beneath each other per nominal level with a dashed line at the promise.

    `table` has horizon, forecaster, level and coverage; `names` are the forecasters in words, in the order drawn.
    """
    levels = sorted(table["level"].unique())
    figure = make_subplots(
        rows=len(levels), cols=1, shared_xaxes=True, vertical_spacing=0.09,
        subplot_titles=[f"An interval that promises {level}%" for level in levels],
    )  # fmt: skip
    colours = dict(zip(names, (TWIN, RIVAL), strict=False))
    for row, level in enumerate(levels, start=1):
        for name, text in names.items():
            part = table[(table["level"] == level) & (table["forecaster"] == name)]
            figure.add_bar(
                x=[f"{horizon} days" for horizon in part["horizon"]], y=100 * part["coverage"], name=text,
                legendgroup=name, showlegend=row == 1, marker_color=colours.get(name, OBSERVED),
                text=[f"{100 * value:.0f}" for value in part["coverage"]], textposition="inside", insidetextanchor="start",
                textangle=0,
                insidetextfont={"color": "#ffffff"},
                hovertemplate="%{x} ahead: %{y:.1f}% inside<extra>" + text + "</extra>", row=row, col=1,
            )  # fmt: skip
        figure.add_hline(y=level, line={"color": INK, "width": 1.6, "dash": "dash"}, row=row, col=1)
    figure = styled(
        figure,
        title="Promised and achieved: share of days inside the interval",
        source=plain(source),
        height=190 + 140 * len(levels),
    )
    figure.update_yaxes(title_text="Inside, %")
    figure.update_yaxes(range=[0, 104])
    figure.update_layout(
        barmode="group", hovermode="closest", bargap=0.3, legend={"y": 1.08, "x": 0, "xanchor": "left"}
    )
    return settled(figure, top=112)


def _named(figure: go.Figure, table: pd.DataFrame, place: np.ndarray, skill: np.ndarray, chosen: str | None) -> None:
    """Names at the two best and the two worst dots, and at the chosen one, which gets a ring."""
    count = len(table)
    shown = {0: "right", count - 1: "left"} if count else {}
    marked = [number for number, code in enumerate(table["country"]) if code == chosen]
    for number in marked:
        shown[number] = "left" if number > count / 2 else "right"
        figure.add_scatter(
            x=[place[number]], y=[skill[number]], mode="markers", name="The country chosen", hoverinfo="skip",
            marker={"size": 18, "symbol": "circle-open", "color": "#c1440e", "line": {"width": 3}},
        )  # fmt: skip
    for number, side in shown.items():
        toward = 1 if side == "right" else -1
        figure.add_annotation(
            x=place[number], y=skill[number], text=plain(str(table["name"].iloc[number])), showarrow=True, arrowhead=0,
            arrowcolor="#9aa5ae", ax=36 * toward, ay=-26 if number > count / 2 else 26,
            xanchor="left" if toward > 0 else "right",
            font={"size": 12, "color": "#c1440e" if number in marked else INK},
        )  # fmt: skip


def _cell(row: Mapping[object, object]) -> str:
    skill, wins = float(str(row["skill"])), float(str(row["wins"]))
    size = f"{abs(100 * skill):.0f}%"
    said = "level" if size == "0%" else f"{size} {'below' if skill > 0 else 'above'}"
    low, high = -100 * float(str(row["high"])), -100 * float(str(row["low"]))
    span = f"{low:+.0f} to {high:+.0f}%".replace("-", "−")
    return (
        f"<b>{said}:<br>{row['verdict']}</b><br><span style='font-size:11px'>{span}<br>"
        f"{100 * wins:.0f}% of {row['rows']}</span>"
    )
