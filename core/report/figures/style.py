"""One look for every figure: colours that colour-blind readers tell apart, units on axes, sources beneath."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from html import escape, unescape
from typing import Any

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio

#: Okabe and Ito's colours, darkened where they are too light for lines on white.
INK, OBSERVED, TWIN, ACCENT = "#16202a", "#3c4752", "#0b5d7a", "#c1440e"
PALETTE = ("#0b5d7a", "#c1440e", "#00795a", "#8a4f9e", "#a66a00", "#4a6fa5", "#7a5c3e", "#5c6670")
#: From strong falls over nothing to strong rises, told apart by colour-blind readers.
CHANGES = ((0.0, "#8c3b0a"), (0.25, "#e08a4f"), (0.5, "#eef1f3"), (0.75, "#5fa8c4"), (1.0, "#08506b"))
BAND = "rgba(11, 93, 122, 0.18)"
TRAIN_SHADE = "rgba(60, 71, 82, 0.06)"
GRID = "#e3e8ec"
HEIGHT = 420
#: Characters of a source line that fit beneath a figure on a screen 1,280 pixels wide.
SOURCE_WIDTH = 128
SOURCE_WORD = "Source: "
#: Pixels from the plot to the source beneath it, and of a line of it.
_ABOVE_SOURCE, _SOURCE_LINE = 58, 16
#: Pixels of a title above what follows it.
_TITLE_LINE = 28


def styled(
    figure: go.Figure,
    *,
    title: str,
    y: str = "",
    x: str = "",
    source: str = "",
    height: int = HEIGHT,
    legend: bool = True,
) -> go.Figure:
    """The figure with the project's look, its axis titles with units, and the source of its data beneath it."""
    beneath = ""
    if source:
        text = f"{SOURCE_WORD}{source}"
        beneath = text if "<br>" in text else "<br>".join(textwrap.wrap(text, SOURCE_WIDTH))
    lines = max(2, beneath.count("<br>") + 1)
    figure.update_layout(
        title={"text": title, "x": 0, "xanchor": "left", "font": {"size": 16, "color": INK}},
        height=height,
        margin={"l": 60, "r": 20, "t": 50, "b": _ABOVE_SOURCE + _SOURCE_LINE * lines if source else 50},
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
        font={"color": INK, "size": 13},
        showlegend=legend,
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "right", "x": 1.0},
        hovermode="x unified",
        colorway=list(PALETTE),
    )
    figure.update_xaxes(gridcolor=GRID, zeroline=False, linecolor=GRID)
    figure.update_yaxes(gridcolor=GRID, zerolinecolor="#9aa5ae")
    if x:
        figure.update_xaxes(title_text=x)
    if y:
        figure.update_yaxes(title_text=y)
    if source:
        figure.add_annotation(
            text=beneath,
            xref="paper",
            yref="paper",
            x=0,
            y=0,
            yshift=-_ABOVE_SOURCE,
            xanchor="left",
            yanchor="top",
            showarrow=False,
            align="left",
            font={"size": 11, "color": "#5c6670"},
        )
    return figure


def settled(
    figure: go.Figure, *, left: int = 70, right: int = 20, top: int = 60, below: int = _ABOVE_SOURCE
) -> go.Figure:
    """Title at the very top, and the source at the left edge, `below` the plot, with room for all its lines."""
    notes = [item for item in figure.layout.annotations if str(item.text).startswith(SOURCE_WORD)]
    lines = sum(str(item.text).count("<br>") + 1 for item in notes)
    figure.update_layout(
        margin={"l": left, "r": right, "t": top, "b": below + 12 + 15 * lines},
        title={"y": 0.99, "yanchor": "top", "yref": "container", "pad": {"t": 4}},
    )
    for item in notes:
        item.update(xshift=8 - left, yshift=-below)
    return figure


def without_source(figure: go.Figure) -> tuple[go.Figure, str]:
    """The figure, from which the source beneath it is taken away, and that source as plain text ("" where there was none).

    A page sets it beneath the figure as text, which is broken where the screen ends; in a picture it would be cut off. The
    figure itself is changed, for a copy takes longer than drawing it, and remembers what was taken away.
    """
    notes = [item for item in figure.layout.annotations if str(item.text).startswith(SOURCE_WORD)]
    if notes:
        spare = max(0, (figure.layout.margin.b or 0) + min(int(item.yshift or 0) for item in notes))
        source = " ".join(unescape(str(item.text).replace("<br>", " ")) for item in notes)
        figure.layout.annotations = [item for item in figure.layout.annotations if item not in notes]
        figure.layout.margin.b = (figure.layout.margin.b or 0) - spare
        if figure.layout.height:
            figure.layout.height = figure.layout.height - spare
        figure.layout.meta = {**(figure.layout.meta or {}), "source": source}
    return figure, str((figure.layout.meta or {}).get("source", ""))


def without_title(figure: go.Figure) -> tuple[go.Figure, str]:
    """The figure, from which its title is taken away, and that title as plain text: as text on a page it is broken where the
    screen ends. As `without_source`, it changes the figure."""
    layout = figure.layout
    if title := str(layout.title.text or ""):
        spare = min(_TITLE_LINE, layout.margin.t or 0)
        layout.title.text = ""
        layout.margin.t = (layout.margin.t or 0) - spare
        if layout.height:
            layout.height = layout.height - spare
        if layout.legend.yref == "container":
            layout.legend.y = 1.0
        layout.meta = {**(layout.meta or {}), "title": unescape(title.replace("<br>", " "))}
    return figure, str((layout.meta or {}).get("title", ""))


def labels_above(figure: go.Figure, labels: Sequence[str], rows: int | None = None) -> go.Figure:
    """A horizontal chart's labels on lines of their own above what they label, so that the plot has the whole width on a narrow
    screen too. Sets the height by the number of rows."""
    lines = max((label.count("<br>") for label in labels), default=0) + 1
    figure.update_yaxes(showticklabels=False)
    for label in labels:
        figure.add_annotation(
            text=label, x=0, xref="paper", y=label, yshift=9, xanchor="left", yanchor="bottom", align="left", showarrow=False,
            font={"size": 12},
        )  # fmt: skip
    figure.update_layout(height=190 + (28 + 15 * lines) * (rows or len(labels)))
    return figure


def colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name, in order, repeating after eight."""
    return {name: PALETTE[position % len(PALETTE)] for position, name in enumerate(names)}


#: The same look on a dark screen: each colour of ours, and what stands for it.
DARK = {
    "#ffffff": "#0f1720", INK: "#e6edf3", OBSERVED: "#b4c0cb", TWIN: "#4fb4dc", ACCENT: "#f2915f", GRID: "#27323d",
    "#00795a": "#3cc79d", "#8a4f9e": "#c792dc", "#a66a00": "#e0a84a", "#4a6fa5": "#8fb2e3", "#7a5c3e": "#c9a98a",
    "#5c6670": "#a3afba", "#9aa5ae": "#6b7783", "#eef1f3": "#33404c", "rgba(11, 93, 122,": "rgba(79, 180, 220,",
    "rgba(60, 71, 82,": "rgba(180, 192, 203,", "rgba(193, 68, 14,": "rgba(242, 145, 95,",
}  # fmt: skip


def darkened(figure: go.Figure) -> go.Figure:
    """The figure for a dark screen."""
    text = str(figure.to_json())
    for light, dark in DARK.items():
        text = text.replace(light, dark)
    return pio.from_json(text)


def faint(colour: str) -> str:
    """A colour `#rrggbb` as it is under a line: for bands."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.16)"


def plain(label: object) -> str:
    """A label as it is: plotly would take tags in it for formatting."""
    return escape(str(label), quote=False)


def wrapped(text: str, width: int, **how: Any) -> str:
    """Plain text on lines of at most `width` characters; `how` is `textwrap.wrap`'s."""
    return "<br>".join(plain(line) for line in textwrap.wrap(text, width, **how))


def interval_bars(value: Any, lower: Any, upper: Any, colour: str) -> dict[str, Any]:
    """Error bars from `lower` to `upper` around `value` (arrays of one length), for `error_x` or `error_y`."""
    middle, low, high = (np.asarray(item, dtype=float) for item in (value, lower, upper))
    above, below = np.maximum(high - middle, 0.0), np.maximum(middle - low, 0.0)
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "color": colour, "thickness": 1.5}
