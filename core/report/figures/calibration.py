"""Figures of a calibration: what was tried, who forecasts best, and the curves against what was observed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.report.figures.style import (
    ACCENT,
    INK,
    OBSERVED,
    PALETTE,
    TRAIN_SHADE,
    TWIN,
    labels_above,
    settled,
    styled,
    wrapped,
)

#: Families of forecasters: name in the legend and colour.
FAMILIES: dict[str, tuple[str, str]] = {
    "twin": ("The twin", TWIN),
    "ablation": ("The twin with something left out", "#8db4c4"),
    "baseline": ("Baselines", "#a66a00"),
}
MUTED = "#9aa5ae"
LABEL_WIDTH = 52
#: Small panels in a row, so that each can be read on a narrow screen.
PANELS = 3
SOURCE_WIDTH = 118
#: Baselines on the curves take these, so that they are never the twin's colour.
BASELINE_COLOURS = tuple(colour for colour in PALETTE if colour != TWIN)


def leaderboard_figure(board: pd.DataFrame, metric: str, unit: str, source: str) -> go.Figure:
    """Horizontal bars, the best on top. `board` has label, family and value, best first; `metric` is "RMSE" or "MAE"."""
    figure = go.Figure()
    order = [wrapped(text, LABEL_WIDTH) for text in board["label"]]
    for family, (name, colour) in FAMILIES.items():
        part = board[board["family"] == family]
        figure.add_bar(
            x=part["value"],
            y=[wrapped(text, LABEL_WIDTH) for text in part["label"]],
            orientation="h",
            name=name,
            marker_color=colour,
            text=[f"{value:.1f}" for value in part["value"]],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.2f}<extra></extra>",
        )
    figure = styled(
        figure,
        title="Average error on the hold-out (shorter is better)",
        x=f"{metric}, {unit}, mean over behaviours",
        source=wrapped(source, SOURCE_WIDTH),
    )
    figure.update_yaxes(categoryorder="array", categoryarray=order[::-1], gridcolor="#ffffff")
    figure.update_xaxes(rangemode="tozero")
    figure.update_layout(hovermode="closest", barmode="overlay", bargap=0.62)
    return settled(labels_above(figure, order), left=8, right=50, top=75)


def trial_history_figure(
    macro: pd.Series,
    best: pd.Series,
    objectives: pd.DataFrame,
    labels: Mapping[str, str],
    total: int,
    unit: str,
    source: str,
) -> go.Figure:
    """Error of each trial with the best so far, and below it a small panel per behaviour.

    Series and frame have one row per trial (index: its number from 1); a panel's line is the behaviour's error in the
    trial that was best by then.
    """
    names = list(objectives.columns)
    columns = min(max(len(names), 1), PANELS)
    beneath = -(-max(len(names), 1) // columns)
    figure = make_subplots(
        rows=1 + beneath,
        cols=columns,
        specs=[[{"colspan": columns}, *[None] * (columns - 1)], *[[{}] * columns] * beneath],
        row_heights=[2.0, *[1.0] * beneath],
        vertical_spacing=0.36 / (1 + beneath),
        horizontal_spacing=0.06,
        subplot_titles=["", *[wrapped(labels.get(name, name), 16) for name in names]],
    )
    figure.add_scatter(
        x=macro.index, y=macro, mode="markers", name="A trial", marker={"color": MUTED, "size": 7},
        hovertemplate="Trial %{x}: %{y:.2f}<extra></extra>", row=1, col=1,
    )  # fmt: skip
    figure.add_scatter(
        x=best.index, y=best, mode="lines", name="Best so far", line={"color": TWIN, "width": 3, "shape": "hv"},
        hovertemplate="Best after %{x}: %{y:.2f}<extra></extra>", row=1, col=1,
    )  # fmt: skip
    leading = _leading(macro)
    for position, name in enumerate(names):
        place = {"row": 2 + position // columns, "col": position % columns + 1}
        figure.add_scatter(
            x=objectives.index, y=objectives[name], mode="markers", marker={"color": MUTED, "size": 3},
            showlegend=False, hovertemplate=f"{labels.get(name, name)}, trial %{{x}}: %{{y:.2f}}<extra></extra>",
            **place,
        )  # fmt: skip
        figure.add_scatter(
            x=objectives.index, y=objectives[name].to_numpy()[leading], mode="lines", showlegend=False,
            line={"color": TWIN, "width": 2, "shape": "hv"}, hoverinfo="skip", **place,
        )  # fmt: skip
    figure = styled(
        figure, title="Trials of the search", source=wrapped(source, SOURCE_WIDTH), height=380 + 160 * beneath
    )
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(range=[0, max(total, len(macro), 1) + 1])
    figure.update_xaxes(title_text="Trial", row=1, col=1)
    for row in range(2, 2 + beneath):
        figure.update_xaxes(nticks=3, row=row)
        figure.update_yaxes(nticks=4, row=row)
    figure.update_yaxes(title_text=f"Error, {unit}", row=1, col=1)
    for note in figure.layout.annotations[: len(names)]:
        note.font.size = 11
    return settled(figure, left=60, top=75)


def curves_figure(
    observed: pd.DataFrame,
    structural: pd.DataFrame,
    forecasts: Mapping[str, pd.DataFrame],
    behaviours: Mapping[str, str],
    train_end: pd.Timestamp,
    names: Mapping[str, str],
    unit: str,
    title: str,
    source: str,
    holidays: pd.Series | None = None,
) -> go.Figure:
    """Observed, fitted and forecast values by day, a panel per behaviour (id -> label).

    All frames are (days × behaviours); `forecasts` goes by forecaster, the twin among them, with its words in `names`;
    `holidays` holds names of days by date and is marked along the bottom.
    """
    columns = 1 if len(behaviours) == 1 else 2
    rows = -(-len(behaviours) // columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        shared_xaxes=True,
        vertical_spacing=0.24 / rows,
        horizontal_spacing=0.07,
        subplot_titles=["" if len(behaviours) == 1 else label for label in behaviours.values()],
    )
    colour = {
        "twin": TWIN,
        **{
            name: BASELINE_COLOURS[i % len(BASELINE_COLOURS)]
            for i, name in enumerate(n for n in forecasts if n != "twin")
        },
    }
    thick = 2.4 if len(behaviours) == 1 else 1.8
    for position, behaviour in enumerate(behaviours):
        place = {"row": position // columns + 1, "col": position % columns + 1}
        first = position == 0
        _line(figure, observed[behaviour], "Observed", {"color": OBSERVED, "width": 1.3}, first, place, 1)
        fit = {"color": TWIN, "width": thick - 0.6, "dash": "dot"}
        _line(figure, structural[behaviour], "Fitted on training days", fit, first, place, 2)
        for name, frame in sorted(forecasts.items(), key=lambda item: item[0] == "twin"):
            style = {"color": colour[name], "width": thick if name == "twin" else 1.4}
            _line(figure, frame[behaviour], names.get(name, name), style, first, place, 3 if name == "twin" else 4)
        figure.add_vline(x=train_end, line={"color": ACCENT, "width": 1.5, "dash": "dash"}, **place)
        if holidays is not None and len(holidays):
            _holiday_marks(figure, observed[behaviour], holidays, first, place)
    single = len(behaviours) == 1
    figure = styled(
        figure, title=title, source=wrapped(source, SOURCE_WIDTH), height=540 if single else 170 + 250 * rows
    )
    figure.update_layout(
        hovermode="x unified" if single else "x", legend={"x": 0, "xanchor": "left", "y": 1.02 if single else 1.06}
    )
    figure.add_annotation(
        text=f"Training ends {train_end:%-d %B %Y}", x=train_end, y=1, xref="x", yref="y domain", xanchor="left", yanchor="top",
        xshift=4, showarrow=False, font={"size": 11, "color": ACCENT}, bgcolor="rgba(255,255,255,0.75)",
    )  # fmt: skip
    figure.add_vrect(
        x0=observed.index.min(), x1=train_end, fillcolor=TRAIN_SHADE, line_width=0, layer="below", row="all", col="all"
    )
    for row in range(1, rows + 1):
        figure.update_yaxes(title_text=unit, title_font_size=12, row=row, col=1)
    return settled(figure, left=60, top=120 if single else 140)


def explorer_figure(
    parameters: pd.DataFrame,
    macro: pd.Series,
    labels: Mapping[str, str],
    unit: str,
    source: str,
) -> go.Figure:
    """Parallel coordinates: an axis per parameter and the error at the end; a line is a trial, drag on an axis to filter."""
    dimensions = []
    for name in parameters.columns:
        values = parameters[name].to_numpy(float)
        title = wrapped(labels.get(name, name), 18)
        dimensions.append({"label": title, "values": values, "tickformat": ".2f" if np.ptp(values) < 10 else ".0f"})
    dimensions.append({"label": "Error", "values": macro.to_numpy(float), "tickformat": ".1f"})
    figure = go.Figure(
        go.Parcoords(
            dimensions=dimensions,
            line={
                "color": macro.to_numpy(float),
                "colorscale": [[0, TWIN], [0.25, "#8db4c4"], [1, "#e0d6c8"]],
                "cmin": float(macro.min()),
                "cmax": float(macro.quantile(0.9)),
                "showscale": True,
                "colorbar": {"title": {"text": f"Error,<br>{unit}"}, "thickness": 12},
            },
            labelfont={"size": 12, "color": INK},
            tickfont={"size": 11, "color": INK},
            rangefont={"size": 1, "color": "rgba(0,0,0,0)"},
        )
    )
    figure = styled(
        figure,
        title="Which parameters gave which error",
        source=wrapped(source, SOURCE_WIDTH),
        height=430,
        legend=False,
    )
    return settled(figure, left=70, right=40, top=120)


def comparison_figure(errors: pd.DataFrame, metric: str, unit: str, source: str) -> go.Figure:
    """The twin's error by behaviour in two runs: `errors` is (behaviours in words × runs in words)."""
    figure = go.Figure()
    for column, colour in zip(errors.columns, (TWIN, ACCENT), strict=False):
        figure.add_bar(
            x=[wrapped(str(item), 16) for item in errors.index],
            y=errors[column],
            name=str(column),
            marker_color=colour,
            text=[f"{value:.1f}" for value in errors[column]],
            textposition="outside",
            hovertemplate="%{y:.2f}<extra>" + str(column) + "</extra>",
        )
    figure = styled(
        figure,
        title="The twin's error in both runs (shorter is better)",
        y=f"{metric}, {unit}",
        source=wrapped(source, SOURCE_WIDTH),
        height=400,
    )
    figure.update_layout(barmode="group", hovermode="closest")
    return settled(figure, left=60, top=90)


def _line(
    figure: go.Figure,
    values: pd.Series,
    name: str,
    line: Mapping[str, object],
    first: bool,
    place: Mapping[str, int],
    rank: int,
) -> None:
    figure.add_scatter(
        x=values.index, y=values, mode="lines", name=name, legendgroup=name, showlegend=first, line=dict(line),
        connectgaps=False, hovertemplate="%{y:.1f}", legendrank=rank, **place,
    )  # fmt: skip


def _holiday_marks(
    figure: go.Figure, observed: pd.Series, holidays: pd.Series, first: bool, place: Mapping[str, int]
) -> None:
    days = holidays[(holidays.index >= observed.index.min()) & (holidays.index <= observed.index.max())]
    bottom = float(np.nanmin(observed.to_numpy(float))) if observed.notna().any() else 0.0
    figure.add_scatter(
        x=days.index, y=np.full(len(days), bottom - 4), mode="markers", name="Public holiday", legendgroup="Public holiday",
        showlegend=first, marker={"symbol": "triangle-up", "size": 6, "color": MUTED}, customdata=days.to_numpy(),
        hovertemplate="%{customdata}<extra>Public holiday</extra>", **place,
    )  # fmt: skip


def _leading(macro: pd.Series) -> np.ndarray:
    """For each trial, the position of the best one by then (the first of equals, as the search decides)."""
    values = macro.to_numpy(float)
    leading = np.zeros(len(values), dtype=int)
    for position in range(1, len(values)):
        before = leading[position - 1]
        leading[position] = position if values[position] < values[before] else before
    return leading
