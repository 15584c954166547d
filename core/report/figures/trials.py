"""Figures of a search: which parameter mattered, how the error went along one and along two, and start, best and chosen values.

The analyses are Optuna's; looks are ours.
"""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from core.report.figures.style import GRID, OBSERVED, PALETTE, TWIN, plain, styled, wrapped

#: From small errors to large ones.
ERRORS = [[0, TWIN], [0.35, "#8db4c4"], [1, "#f3ece2"]]
MARKS = (
    ("start", "Start", "circle-open", OBSERVED),
    ("best", "Best trial", "diamond", PALETTE[4]),
    ("chosen", "Chosen", "circle", TWIN),
)
SEED = 0


def importance_figure(study: Any, source: str) -> tuple[go.Figure, pd.DataFrame]:
    """The share of the error's variance that each parameter explains (functional ANOVA), with its data. Of a study of trials."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=SEED))
    table = pd.DataFrame({"parameter": list(found), "share": list(found.values())})[::-1]
    figure = go.Figure()
    figure.add_bar(
        x=100 * table["share"], y=[wrapped(name, 18) for name in table["parameter"]], orientation="h", marker_color=TWIN,
        text=[f"{share:.0%}" for share in table["share"]], textposition="outside", cliponaxis=False,
        hovertemplate="%{y}: %{x:.0f}%<extra></extra>",
    )  # fmt: skip
    figure = styled(figure, title="", x="% of the error's variance", source=plain(source), height=300, legend=False)
    figure.update_layout(hovermode="closest", margin={"l": 140, "r": 50, "t": 10})
    return figure, table[::-1]


def slice_figure(study: Any, parameter: str, unit: str, source: str) -> go.Figure:
    """The error of each trial along one parameter."""
    figure = _optuna("plot_slice", study, params=[parameter])
    figure.update_traces(
        marker={
            "size": 8, "colorscale": [[0, "#c9dbe3"], [1, TWIN]], "line": {"width": 0},
            "colorbar": {"title": {"text": "Trial"}, "thickness": 10, "x": 1.0},
        },
        hovertemplate=f"{plain(parameter)} %{{x:.3g}}: error %{{y:.2f}}<extra></extra>",
    )  # fmt: skip
    return _ours(figure, parameter, f"Error, {unit}", source)


def contour_figure(study: Any, across: str, up: str, unit: str, source: str) -> go.Figure:
    """The error over two parameters, interpolated between trials, which are marked."""
    figure = _optuna("plot_contour", study, params=[across, up])
    figure.update_traces(
        colorscale=ERRORS, reversescale=False, line={"width": 0.5, "color": "#ffffff"}, contours={"coloring": "heatmap"},
        colorbar={"title": {"text": f"Error, {unit}", "side": "right"}, "thickness": 10}, selector={"type": "contour"},
    )  # fmt: skip
    figure.update_traces(marker={"color": "#16202a", "size": 5}, selector={"type": "scatter"})
    return _ours(figure, across, up, source)


def start_best_chosen(table: pd.DataFrame, source: str) -> go.Figure:
    """Start, best and chosen value of each parameter on one axis, the range that was searched. `table` has label, low, high,
    and the three values with their words (`start_words`, …)."""
    labels = [wrapped(str(label), 18) for label in table["label"]]
    span = table["high"] - table["low"]
    figure = go.Figure()
    for column, name, symbol, colour in MARKS:
        figure.add_scatter(
            x=100 * (table[column] - table["low"]) / span, y=labels, mode="markers", name=name,
            marker={
                "symbol": symbol, "size": 15 if column == "start" else 11, "color": colour, "line": {"width": 2, "color": colour},
            },
            customdata=table[f"{column}_words"], hovertemplate="%{y}: %{customdata}<extra>" + name + "</extra>",
        )  # fmt: skip
    figure = styled(
        figure, title="", x="Place in the searched range, %", source=plain(source),
        height=150 + 48 * len(table),
    )  # fmt: skip
    figure.update_xaxes(range=[-4, 104])
    figure.update_yaxes(categoryorder="array", categoryarray=labels[::-1], gridcolor=GRID)
    figure.update_layout(hovermode="closest", legend={"x": 0, "xanchor": "left"}, margin={"l": 140, "t": 40})
    return figure


def _optuna(name: str, study: Any, **options: Any) -> go.Figure:
    import optuna.visualization

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(optuna.visualization, name)(study, **options)


def _ours(figure: go.Figure, x: str, y: str, source: str) -> go.Figure:
    figure = styled(figure, title="", x=x, y=y, source=plain(source), height=380, legend=False)
    figure.update_layout(template=None, hovermode="closest", margin={"l": 70, "r": 20, "t": 10}, width=None)
    return figure
