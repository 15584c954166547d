"""Figures of subgroup and diversity checks: errors by region, what explains the spread, and who responds how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from textwrap import wrap
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from core.report.figures.style import ACCENT, INK, OBSERVED, PALETTE, TWIN, styled

#: Height of a row, and of what surrounds the rows, in pixels.
ROW, AROUND, LEAST = 26, 200, 300
SOURCE_WIDTH = 100
#: Forecasters of a region: name in the legend, marker and colour. Filled markers know the region's past.
MARKS: dict[str, tuple[str, str, str]] = {
    "twin": ("The twin", "circle", TWIN),
    "seasonal_naive": ("Weekday means of the region", "diamond", ACCENT),
    "last_7_days": ("The region's last 7 days", "square", PALETTE[4]),
    "national_twin": ("National twin, no data of the region", "circle-open", TWIN),
    "national_twin_own_people": ("National twin over the region's people", "circle-x-open", PALETTE[3]),
    "national_seasonal_naive": ("Weekday means of the country", "diamond-open", ACCENT),
}


def _text(label: object) -> str:
    """A label as plain text: plotly would take tags in it for formatting."""
    return escape(str(label), quote=False)


def _source(source: str) -> str:
    return "<br>".join(_text(line) for line in wrap(source, SOURCE_WIDTH))


def _height(rows: int) -> int:
    return max(LEAST, AROUND + ROW * rows)


def regions_figure(
    rows: pd.DataFrame,
    *,
    title: str,
    unit: str,
    source: str,
    forecasters: Sequence[str] = ("twin", "seasonal_naive", "national_twin"),
) -> go.Figure:
    """Errors by region as dots, the region that the twin serves worst on top.

    `rows` is the table of `region_summary.region_table`: one row per region, `name` and a column per forecaster. A line
    joins the twin to the baseline; forecasters that the table lacks are left out.
    """
    shown = [name for name in forecasters if name in rows]
    ordered = rows.sort_values("twin")
    labels = [_text(item) for item in ordered["name"]]
    figure = go.Figure()
    if {"twin", "seasonal_naive"} <= set(shown):
        figure.add_trace(
            go.Scatter(
                x=[
                    value
                    for pair in zip(ordered["twin"], ordered["seasonal_naive"], strict=True)
                    for value in (*pair, None)
                ],
                y=[label for label in labels for _ in range(3)],
                mode="lines",
                line={"color": "#9aa5ae", "width": 1.5},
                hoverinfo="skip",
                showlegend=False,
            )
        )
    for name in shown:
        words, symbol, colour = MARKS[name]
        figure.add_trace(
            go.Scatter(
                x=ordered[name],
                y=labels,
                mode="markers",
                name=words,
                marker={"symbol": symbol, "size": 11, "color": colour, "line": {"width": 1.5, "color": colour}},
                hovertemplate="%{x:.2f}",
            )
        )
    styled(figure, title=_text(title), x=f"RMSE, {_text(unit)}", source=_source(source), height=_height(len(rows)))
    # The legend takes two lines where the figure is narrow, below the title.
    figure.update_layout(hovermode="y unified", margin_t=105)
    figure.update_yaxes(categoryorder="array", categoryarray=labels, automargin=True)
    figure.update_xaxes(rangemode="tozero")
    return figure


def explained_figure(
    shares: Sequence[Mapping[str, Any]], labels: Mapping[str, str], *, behaviour: str, source: str
) -> go.Figure:
    """What each attribute explains of the spread between personas in one behaviour, the largest on top.

    `shares` are the rows `explained_by` of the diversity values; `labels` name behaviours. A mark shows what a label
    that means nothing would explain by chance. Attributes and traits overlap, so that bars do not sum to 100%.
    """
    known = [item for item in shares if item["share"][behaviour] is not None]
    ordered = sorted(known, key=lambda item: item["share"][behaviour])
    names = [_text(item["label"]) for item in ordered]
    figure = go.Figure()
    for kind, words, colour in (("attribute", "Attributes", TWIN), ("trait", "Traits (assumptions)", PALETTE[3])):
        part = [item for item in ordered if item["kind"] == kind]
        if part:
            figure.add_trace(
                go.Bar(
                    x=[100.0 * item["share"][behaviour] for item in part],
                    y=[_text(item["label"]) for item in part],
                    orientation="h",
                    name=words,
                    marker_color=colour,
                    hovertemplate="%{x:.1f}%",
                )
            )
    figure.add_trace(
        go.Scatter(
            x=[100.0 * item["by_chance"] for item in ordered],
            y=names,
            mode="markers",
            name="By chance",
            marker={"symbol": "line-ns-open", "size": 12, "color": INK, "line": {"width": 2, "color": INK}},
            hovertemplate="%{x:.1f}%",
        )
    )
    styled(
        figure,
        title=f"What sets simulated people apart: {_text(labels[behaviour])}",
        x="% of the spread between personas (shares overlap)",
        source=_source(source),
        height=_height(len(ordered)),
    )
    figure.update_layout(hovermode="y unified", barmode="overlay", bargap=0.3)
    figure.update_yaxes(categoryorder="array", categoryarray=names, automargin=True, gridcolor="#ffffff")
    figure.update_xaxes(range=[0, 105])
    return figure


def response_figure(
    attribute: Mapping[str, Any], everyone: float | None, *, behaviour: str, label: str, unit: str, source: str
) -> go.Figure:
    """The simulated change of each category with its 80% interval; `everyone` is the whole population's.

    `attribute` is one of the attributes in the values of the group checks. Categories of few personas are drawn pale.
    """
    rows = [item for item in attribute["categories"] if item["change"][behaviour] is not None]
    figure = go.Figure(
        go.Scatter(
            x=[item["change"][behaviour] for item in rows],
            y=[_text(item["label"]) for item in rows],
            mode="markers",
            marker={
                "size": 11,
                "color": ["#9aa5ae" if item["label"] in attribute["small"] else TWIN for item in rows],
            },
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [max(item["upper"][behaviour] - item["change"][behaviour], 0.0) for item in rows],
                "arrayminus": [max(item["change"][behaviour] - item["lower"][behaviour], 0.0) for item in rows],
                "color": OBSERVED,
                "thickness": 1.5,
            },
            customdata=[
                [item["lower"][behaviour], item["upper"][behaviour], item["people"], item["personas"]] for item in rows
            ],
            hovertemplate="%{y}: %{x:+.1f} points, 80% interval %{customdata[0]:+.1f} to %{customdata[1]:+.1f}"
            "<br>%{customdata[2]:,} inhabitants, %{customdata[3]:,} personas<extra></extra>",
        )
    )
    if everyone is not None:
        figure.add_vline(
            x=everyone,
            line={"color": ACCENT, "dash": "dash"},
            annotation={"text": "everyone", "font": {"color": ACCENT}},
        )
    styled(
        figure,
        title=f"Simulated response by {_text(str(attribute['label']).lower())}: {_text(label)}",
        x=f"Change of the mean, {_text(unit)}",
        source=_source(source),
        height=_height(len(rows)),
        legend=False,
    )
    figure.update_layout(hovermode="closest")
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_xaxes(rangemode="tozero", zeroline=True, zerolinecolor=INK)
    return figure
