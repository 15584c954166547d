"""The policy of a place over time: measures as bars over the curve of their index, on one time axis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.report.figures.style import ACCENT, INK, OBSERVED, TRAIN_SHADE, TWIN, plain, styled, wrapped

_DAY_MS = 86_400_000
#: Lowest and highest level of a measure; between them the shade follows the level's share of its maximum.
_LIGHT, _DARK = (201, 224, 234), (8, 62, 84)
_SEEN = "rgba(11, 93, 122, 0.07)"
_HATCH = {"fillmode": "overlay", "fgcolor": "#ffffff", "fgopacity": 0.6, "size": 6, "solidity": 0.22}
_LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.01, "yanchor": "bottom", "traceorder": "normal"}
#: Characters of a bar's label that the whole width holds on a desk.
_CHARACTERS_ACROSS = 110
_LONGEST_LABEL = 24
_CALENDAR_COLOURS = {"Working week": "#dfe5e9", "Public holidays": "#a66a00", "Ramadan": "#c9b27c"}
#: Of what else people live with.
_AROUND = "#d3c7e0"
_ROW, _CURVE, _STRIP, _EDGES = 25, 170, 19, 185


@dataclass(frozen=True)
class Split:
    """The training end and the hold-out after it, as marked in a figure."""

    train_end: date
    test_end: date


def policy_figure(
    stretches: pd.DataFrame,
    calendar: pd.DataFrame,
    stringency: pd.Series,
    *,
    measures: Sequence[str],
    split: Split,
    source: str,
    title: str,
    name: str,
    index: str,
    parent: pd.Series | None = None,
    parent_name: str = "",
    changed: pd.DataFrame | None = None,
    seen: tuple[float, float] | None = None,
    outside: pd.Series | None = None,
) -> go.Figure:
    """A Gantt chart of measures, a strip of the calendar, and the curve of the index (0-100), above one another.

    `stretches`, `calendar` and `changed` are as `core.services.policies.tables` makes them; `stringency` (index `date`)
    sets the days shown, and `parent` is the dashed curve of the timeline this one was made from. `seen` is the range of
    the index in training; `outside` (bool by day) marks days unlike training. Names are shown as they are, never as
    markup.
    """
    rows = [item for item in _CALENDAR_COLOURS if item in set(calendar["row"])]
    rows += [item for item in dict.fromkeys(calendar["row"]) if item not in rows]
    heights = [_ROW * len(measures), max(_STRIP * len(rows), 1), _CURVE]
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.02, row_heights=heights)
    _measures(figure, stretches, measures)
    if changed is not None and len(changed):
        _outlines(figure, changed)
    _calendar(figure, calendar)
    for trace in _curves(stringency, parent, _label(name), _label(parent_name), outside):
        figure.add_trace(trace, row=3, col=1)
    if seen is not None:
        figure.add_hrect(y0=seen[0], y1=seen[1], fillcolor=_SEEN, line_width=0, layer="below", row=3, col=1)
    styled(figure, title=plain(title), source=plain(source), height=sum(heights) + _EDGES)
    first, last = stringency.index.min(), stringency.index.max()
    figure.update_layout(
        barmode="overlay",
        bargap=0.18,
        hovermode="closest",
        hoverlabel={"align": "left", "bgcolor": "#ffffff", "bordercolor": OBSERVED, "font": {"color": INK, "size": 13}},
        margin={"l": 10, "r": 20, "t": 92 if parent is None else 114, "b": 92},
        legend=_LEGEND,
        uniformtext={"minsize": 10, "mode": "hide"},
        title={"y": 0.985, "yanchor": "top"},
    )
    figure.update_xaxes(
        range=[first, last + pd.Timedelta(days=1)], hoverformat="%-d %b %Y", tickformatstops=_TICKS, type="date"
    )
    order = list(reversed(measures))
    figure.update_yaxes(categoryorder="array", categoryarray=order, range=[-0.5, len(order) - 0.5], row=1)
    figure.update_yaxes(
        categoryorder="array", categoryarray=rows[::-1], range=[-0.5, max(len(rows), 1) - 0.5], showgrid=False, row=2
    )
    figure.update_yaxes(title_text=f"{in_words(index)}<br>(0–100)", range=[0, 103], automargin=True, row=3)
    _mark_split(figure, split, first, last)
    return figure


def in_words(index: str) -> str:
    """The name of an index as words: "StringencyIndex" becomes "Stringency index"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", index).capitalize()


_TICKS = [
    {"dtickrange": [None, "M1"], "value": "%-d %b<br>%Y"},
    {"dtickrange": ["M1", "M12"], "value": "%b<br>%Y"},
    {"dtickrange": ["M12", None], "value": "%Y"},
]


def _measures(figure: go.Figure, stretches: pd.DataFrame, measures: Sequence[str]) -> None:
    share = stretches["share"].astype(float)
    lines = [
        f"<b>{plain(row.measure)}</b><br>{wrapped(str(row.meaning), 60)}"
        f"{f'<br>Scope: {plain(row.scope)}' if row.scope else ''}"
        f"<br>{row.start:%-d %b %Y} to {row.end:%-d %b %Y} ({row.days:,} {'day' if row.days == 1 else 'days'})"
        for row in stretches.itertuples()
    ]
    figure.add_trace(
        go.Bar(
            orientation="h",
            y=stretches["measure"],
            base=stretches["start"],
            x=stretches["days"] * _DAY_MS,
            marker={
                "color": [_shade(value) for value in share],
                "line": {"color": "#ffffff", "width": 0.6},
                "pattern": {
                    "shape": ["/" if targeted else "" for targeted in stretches["targeted"]],
                    **_HATCH,
                },
            },
            text=[f"{level:g}" for level in stretches["level"]],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont={"color": ["#ffffff" if value > 0.45 else INK for value in share]},
            hovertext=lines,
            hoverinfo="text",
            showlegend=False,
            name="Measures",
        ),
        row=1,
        col=1,
    )
    # An axis of categories shows only those that some trace names; a measure never in force has its row too.
    figure.add_trace(
        go.Bar(
            orientation="h",
            y=list(measures),
            base=[None] * len(measures),
            x=[None] * len(measures),
            showlegend=False,
            hoverinfo="skip",
        ),
        row=1,
        col=1,
    )
    for label, value, shape in (
        ("low level", 0.25, ""),
        ("high level", 1.0, ""),
        ("targeted", 0.7, "/"),
    ):
        pattern = {"shape": shape, **_HATCH}
        figure.add_trace(
            go.Bar(
                orientation="h", x=[None], y=[None], name=label, marker={"color": _shade(value), "pattern": pattern}
            ),
            row=1,
            col=1,
        )


def _outlines(figure: go.Figure, changed: pd.DataFrame) -> None:
    figure.add_trace(
        go.Bar(
            orientation="h",
            y=changed["measure"],
            base=changed["start"],
            x=((changed["end"] - changed["start"]).dt.days + 1) * _DAY_MS,
            marker={"color": "rgba(0,0,0,0)", "line": {"color": ACCENT, "width": 2}},
            hoverinfo="skip",
            name="changed",
        ),
        row=1,
        col=1,
    )


def _calendar(figure: go.Figure, calendar: pd.DataFrame) -> None:
    if calendar.empty:
        return
    calendar = calendar.assign(days=(calendar["end"] - calendar["start"]).dt.days + 1)
    figure.add_trace(
        go.Bar(
            orientation="h",
            y=calendar["row"],
            base=calendar["start"],
            x=calendar["days"] * _DAY_MS,
            marker={
                "color": [_CALENDAR_COLOURS.get(row, _AROUND) for row in calendar["row"]],
                # A holiday is one day, less than a pixel of three years: its outline keeps it visible.
                "line": {
                    "width": [0.8 if row == "Public holidays" else 0 for row in calendar["row"]],
                    "color": _CALENDAR_COLOURS["Public holidays"],
                },
            },
            hovertext=[
                f"{plain(row.text)}<br>{row.start:%-d %b %Y}" + ("" if row.days == 1 else f" to {row.end:%-d %b %Y}")
                for row in calendar.itertuples()
            ],
            hoverinfo="text",
            showlegend=False,
            name="Calendar",
        ),
        row=2,
        col=1,
    )
    # A label that ran beyond its bar would stand on the next one; on a phone the words are by pointing at a bar.
    shown_days = max((calendar["end"].max() - calendar["start"].min()).days + 1, 1)
    fits = (calendar["days"] / shown_days * _CHARACTERS_ACROSS).astype(int)
    labels = [
        text if len(text) <= most else f"{text[: most - 1].rstrip()}…" if most > 3 else ""
        for text, most in zip(calendar["label"], fits, strict=True)
    ]
    labelled = calendar.assign(label=labels)
    labelled = labelled[labelled["label"] != ""]
    figure.add_trace(
        go.Scatter(
            x=labelled["start"],
            y=labelled["row"],
            text=[f" {plain(label)}" for label in labelled["label"]],
            mode="text",
            textposition="middle right",
            textfont={"color": INK, "size": 11},
            hoverinfo="skip",
            showlegend=False,
            name="Labels",
        ),
        row=2,
        col=1,
    )


def _curves(
    stringency: pd.Series, parent: pd.Series | None, name: str, parent_name: str, outside: pd.Series | None
) -> list[go.Scatter]:
    """The curve, its parent's beneath it, and a strip along the floor on days unlike training."""
    colour = TWIN if parent is None else ACCENT
    traces = [_line(stringency, name, {"color": colour, "width": 2.2, "shape": "hv"})]
    if parent is not None:
        line = {"color": OBSERVED, "width": 1.6, "dash": "dash", "shape": "hv"}
        traces.insert(0, _line(parent, parent_name, line))
    if outside is not None and outside.any():
        floor = pd.Series(2.0, index=outside.index).where(outside)
        strip = _line(floor, "unlike training", {"color": ACCENT, "width": 7})
        traces.append(strip.update(connectgaps=False, hovertemplate="Unlike anything in training<extra></extra>"))
    return traces


def _line(values: pd.Series, name: str, line: dict[str, object]) -> go.Scatter:
    # The name goes in by reference: inside the template itself, a name could pose as a placeholder.
    template = "%{fullData.name}: %{y:.1f}<extra></extra>"
    return go.Scatter(x=values.index, y=values, name=name, mode="lines", line=line, hovertemplate=template)


def _mark_split(figure: go.Figure, split: Split, first: pd.Timestamp, last: pd.Timestamp, axis: str = "y3") -> None:
    begins = pd.Timestamp(split.train_end) + pd.Timedelta(days=1)
    ends = pd.Timestamp(split.test_end) + pd.Timedelta(days=1)
    left, right = max(begins, first), min(ends, last + pd.Timedelta(days=1))
    if left < right:
        figure.add_shape(
            type="rect", x0=left, x1=right, y0=0, y1=1, yref="paper", fillcolor=TRAIN_SHADE, line_width=0, layer="below"
        )
    label = {"yref": axis, "y": 101, "yanchor": "top", "showarrow": False, "font": {"size": 12, "color": INK}}
    if first < begins <= last:
        figure.add_shape(
            type="line",
            x0=begins,
            x1=begins,
            y0=0,
            y1=1,
            yref="paper",
            line={"color": INK, "width": 1.2, "dash": "dot"},
        )
        figure.add_annotation(x=begins, text=f"training to {split.train_end:%-d %b %Y} ◂ ", xanchor="right", **label)
    if left < right:
        figure.add_annotation(x=left, text=" ▸ hold-out", xanchor="left", **label)


def _label(name: str) -> str:
    """A name for a legend: not too long, and never markup."""
    return plain(name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1].rstrip()}…")


def _shade(share: float) -> str:
    mixed = [round(low + (high - low) * share) for low, high in zip(_LIGHT, _DARK, strict=True)]
    return f"rgb({mixed[0]}, {mixed[1]}, {mixed[2]})"
