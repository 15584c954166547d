"""The figures of one answer to “what would people do if”, small enough for one screen: its course, effects and people."""

from __future__ import annotations

from datetime import date
from textwrap import wrap

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.report.document import signed
from core.report.figures.style import (
    ACCENT,
    CHANGES,
    GRID,
    INK,
    OBSERVED,
    TWIN,
    colours,
    faint,
    interval_bars,
    plain,
    styled,
)
from core.report.figures.sweeps import band

#: Names of the courses, short enough for one line of a phone.
OBSERVED_NAME, IN_FORCE, WHAT_IF, TRUTH = "Observed", "As it was", "What if", "Truth"
#: One colour each, everywhere: what was in force is grey, what is asked about is blue.
BASELINE_COLOUR, WHAT_IF_COLOUR, TRUTH_COLOUR = OBSERVED, TWIN, ACCENT
PEOPLE_ROWS = 6
#: Characters of a unit that stand beside one course without running into the index below.
LONGEST_UNIT = 22


def answer_figure(table: pd.DataFrame, *, origin: date, unit: str, index: str, height: int = 240) -> go.Figure:
    """A behaviour's course under the policy in force and under the one asked about, above the index of both.

    `table` as `answer_table`: name, date, value, lower, upper, stringency; those observed and true have no band. The line
    marks the end of training at `origin`.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.78, 0.22], vertical_spacing=0.05)
    names = list(dict.fromkeys(table["name"]))
    for name in names:
        part = table[table["name"] == name]
        if name == OBSERVED_NAME:
            look = {"mode": "markers", "marker": {"color": BASELINE_COLOUR, "size": 4, "opacity": 0.55}}
        elif name == TRUTH:
            look = {"mode": "lines", "line": {"color": TRUTH_COLOUR, "width": 2, "dash": "dash"}}
        else:
            colour = BASELINE_COLOUR if name == IN_FORCE else WHAT_IF_COLOUR
            look = {"mode": "lines", "line": {"color": colour, "width": 2.2}}
            band(figure, part["date"], part["lower"], part["upper"], faint(colour), False, {"row": 1, "col": 1})
            strip = go.Scatter(
                x=part["date"], y=part["stringency"], mode="lines", name=plain(name), showlegend=False,
                line={"color": colour, "shape": "hv", "width": 1.6}, hovertemplate=f"{plain(index)} %{{y:.0f}}",
            )  # fmt: skip
            figure.add_trace(strip, row=2, col=1)
        figure.add_trace(
            go.Scatter(x=part["date"], y=part["value"], name=plain(name), hovertemplate="%{y:+.1f}", **look),
            row=1,
            col=1,
        )
    # Grouped entries would stand under one another.
    figure.update_traces(legendgroup="")
    figure.add_vline(x=str(origin), line={"color": "#9aa5ae", "width": 1, "dash": "dot"})
    styled(figure, title="", height=height)
    lines = wrap(unit, LONGEST_UNIT)
    figure.update_yaxes(title={"text": "<br>".join(lines), "font": {"size": 11}}, row=1)
    figure.update_yaxes(title={"text": "index", "font": {"size": 11}}, range=[0, 105], nticks=3, row=2)
    figure.update_layout(
        title=None, margin={"l": 42 + 14 * len(lines), "r": 8, "t": 24, "b": 22},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.01, "yanchor": "bottom", "font": {"size": 12}},
    )  # fmt: skip
    return figure


def observed_figure(table: pd.DataFrame, *, origin: date, unit: str, height: int = 330) -> go.Figure:
    """What was observed, a line per behaviour; `table` has label, date, value. The line marks the end of training."""
    figure = go.Figure()
    shades = colours(list(dict.fromkeys(table["label"])))
    for label, shade in shades.items():
        part = table[table["label"] == label]
        figure.add_trace(
            go.Scatter(
                x=part["date"], y=part["value"], mode="lines", name=plain(label), line={"color": shade, "width": 1.8},
                hovertemplate="%{y:+.1f}",
            )
        )  # fmt: skip
    figure.add_vline(x=str(origin), line={"color": "#9aa5ae", "width": 1, "dash": "dot"})
    styled(figure, title="", y=unit, height=height)
    figure.update_layout(
        title=None, margin={"l": 56, "r": 8, "t": 50, "b": 26},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.01, "yanchor": "bottom", "font": {"size": 12}},
    )  # fmt: skip
    return figure


def effects_figure(table: pd.DataFrame, *, periods: str, height: int = 0) -> go.Figure:
    """What a policy changes by behaviour with 80% effect intervals; `table` has label, difference, lower, upper and truth (NaN
    where it is not known), in points; `periods` are what it is a mean over."""
    labels = [plain(name) for name in table["label"]]
    rows = np.arange(len(table))
    figure = go.Figure(
        go.Scatter(
            x=table["difference"], y=rows, mode="markers", name="Twin, 80% effect interval",
            marker={"color": WHAT_IF_COLOUR, "size": 11},
            error_x=interval_bars(table["difference"], table["lower"], table["upper"], WHAT_IF_COLOUR),
            customdata=np.column_stack([labels, table["lower"], table["upper"]]),
            hovertemplate=(
                "%{customdata[0]}: %{x:+.1f} points (80%: %{customdata[1]:+.1f} to %{customdata[2]:+.1f})<extra></extra>"
            ),
        )
    )  # fmt: skip
    known = table["truth"].notna().to_numpy()
    if known.any():
        figure.add_trace(
            go.Scatter(
                x=table["truth"][known], y=rows[known], mode="markers", name=TRUTH,
                marker={"color": TRUTH_COLOUR, "size": 12, "symbol": "diamond-open", "line": {"width": 2}},
                hovertemplate="truth: %{x:+.1f} points<extra></extra>",
            )
        )  # fmt: skip
    styled(figure, title="", height=height or max(29 * len(table) + 66, 150))
    texts = [f"{name}  <b>{signed(value)}</b>" for name, value in zip(labels, table["difference"], strict=True)]
    figure.update_yaxes(tickvals=list(rows), ticktext=texts, range=[len(rows) - 0.5, -0.5], zeroline=False)
    figure.update_xaxes(
        zeroline=True,
        zerolinecolor=INK,
        zerolinewidth=1,
        rangemode="tozero",
        title={"text": f"points, mean over the {plain(periods)}", "font": {"size": 11}},
    )
    figure.update_layout(
        title=None, hovermode="closest", margin={"l": 8, "r": 8, "t": 26, "b": 30}, showlegend=bool(known.any()),
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.01, "yanchor": "bottom", "font": {"size": 12}},
    )  # fmt: skip
    figure.update_yaxes(automargin=True)
    return figure


def people_figure(
    table: pd.DataFrame, *, label: str, height: int = 140, rows: int = PEOPLE_ROWS, size: int = 12
) -> go.Figure:
    """A field of people, a dot each, from the one who falls most to the one who rises most; `table` has person, change
    (percentage points of probability) and words."""
    # Rows stay in their order: a dot that is pointed at is known by its number.
    shown = table
    rows = min(rows, len(shown))
    place = shown["change"].rank(method="first").to_numpy(int) - 1
    most = max(float(shown["change"].abs().max()), 1.0)
    figure = go.Figure(
        go.Scatter(
            x=place // rows, y=-(place % rows), mode="markers",
            marker={
                "size": size, "color": shown["change"], "cmin": -most, "cmax": most,
                "colorscale": [list(item) for item in CHANGES],
                "line": {"width": 0.5, "color": GRID},
                "colorbar": {"thickness": 8, "len": 1.0, "title": {"text": "points", "side": "top"}, "nticks": 4},
            },
            customdata=np.column_stack([shown["person"], [plain(text) for text in shown["words"]]]),
            hovertemplate=f"%{{customdata[1]}}<br>{plain(label)}: %{{marker.color:+.1f}} points<extra></extra>",
        )
    )  # fmt: skip
    styled(figure, title="", height=height, legend=False)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.update_layout(title=None, hovermode="closest", margin={"l": 4, "r": 4, "t": 4, "b": 4}, dragmode=False)
    return figure
