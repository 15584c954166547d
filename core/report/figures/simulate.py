"""Figures of simulated answers: one person in one situation, and engines side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.report.figures.style import ACCENT, GRID, INK, OBSERVED, PALETTE, TWIN, plain, styled

#: Signs beside colours, so that nobody has to tell engines by colour alone. The offline engine has its own.
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star")
RULES_SYMBOL = "circle-open"
ROW, AROUND, LEAST = 34, 190, 300


def person_figure(rows: pd.DataFrame, *, person: str, situation: str, source: str, fictional: bool) -> go.Figure:
    """One person beside everybody in one situation: `rows` as `simulated_answers.about_situation` gives them.

    Where a question was asked several times, each answer is a small mark around their mean.
    """
    labels = [plain(item) for item in rows["behaviour"]]
    figure = go.Figure()
    for person_value, everybody, label in zip(rows["person"], rows["everybody"], labels, strict=True):
        figure.add_scatter(
            x=[person_value, everybody], y=[label, label], mode="lines", line={"color": "#b9c3cb", "width": 2},
            hoverinfo="skip", showlegend=False,
        )  # fmt: skip
    several = [(label, value) for label, given in zip(labels, rows["samples"], strict=True) for value in given]
    if any(len(given) > 1 for given in rows["samples"]):
        figure.add_scatter(
            x=[value for _, value in several], y=[label for label, _ in several], mode="markers", name="Each time asked",
            marker={"symbol": "line-ns-open", "size": 14, "color": TWIN, "line": {"width": 1.5}},
            hovertemplate="%{x:.0f}%<extra>asked once</extra>",
        )  # fmt: skip
    figure.add_scatter(
        x=rows["everybody"], y=labels, mode="markers", name="Everybody",
        marker={"symbol": "diamond", "size": 11, "color": ACCENT}, hovertemplate="%{x:.0f}%<extra>everybody</extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=rows["person"], y=labels, mode="markers", name=plain(person), marker={"size": 12, "color": TWIN},
        hovertemplate=f"%{{x:.0f}}%<extra>{plain(person)}</extra>",
    )  # fmt: skip
    styled(
        figure,
        title="<br>".join(
            plain(line) for line in textwrap.wrap(f"{person}: {situation}", 64, max_lines=2, placeholder=" …")
        ),
        x="Chance; of what takes part of a day, the share of it (%)",
        source=_source(source, fictional),
        height=max(LEAST, AROUND + ROW * len(rows)),
    )
    figure.update_layout(hovermode="closest", margin={"t": 104}, legend={"y": 1.02})
    figure.update_yaxes(autorange="reversed", automargin=True, showgrid=False)
    figure.update_xaxes(range=[-3, 103], tick0=0, dtick=25, ticksuffix="%")
    return figure


def engine_errors_figure(
    errors: pd.DataFrame, behaviours: Mapping[str, str], labels: Sequence[str], source: str, fictional: bool
) -> go.Figure:
    """The error of each run's twin by behaviour, with the best baseline of each: `errors` of a `Comparison`.

    `behaviours` maps ids (and `macro`) to names on the axis, in its order; `labels` are the runs' names.
    """
    figure = go.Figure()
    order = [name for name in behaviours if name in set(errors["behaviour"])]
    rivals = errors.dropna(subset=["best"]).groupby("behaviour")["best"].min().reindex(order).dropna()
    figure.add_scatter(
        x=rivals, y=[plain(behaviours[name]) for name in rivals.index], mode="markers", name="Best baseline",
        marker={"symbol": "line-ns-open", "size": 20, "color": OBSERVED, "line": {"width": 3}},
        hovertemplate="%{x:.1f} points<extra>best baseline of this behaviour</extra>",
    )  # fmt: skip
    for place, label in enumerate(labels):
        part = errors[errors["engine"] == label].set_index("behaviour").reindex(order)
        figure.add_scatter(
            x=part["value"], y=[plain(behaviours[name]) for name in order], mode="markers", name=plain(label),
            marker=_marker(place, bool(part["rules"].iloc[0])),
            hovertemplate=f"%{{x:.1f}} points<extra>{plain(label)}</extra>",
        )  # fmt: skip
    styled(
        figure,
        title="Error of the twin with each engine (further left is better)",
        x="RMSE on the held-out days, points of the metric",
        source=_source(source, fictional),
        height=max(LEAST, AROUND + 60 + ROW * len(order)),
    )
    figure.update_layout(
        hovermode="closest", margin={"t": 100}, legend={"y": 1.02, "x": 0, "xanchor": "left"}, title_y=0.97
    )
    figure.update_yaxes(autorange="reversed", automargin=True, gridcolor=GRID)
    figure.update_xaxes(rangemode="tozero")
    return figure


def by_kind_figure(
    rows: pd.DataFrame,
    column: str,
    behaviours: Mapping[str, str],
    labels: Sequence[str],
    *,
    title: str,
    x: str,
    source: str,
    fictional: bool,
) -> go.Figure:
    """A panel for each kind of day: `column` (0 to 1) of `rows` (a `Comparison`'s activity) by behaviour and run, in %."""
    kinds = list(dict.fromkeys(rows["kind"]))
    figure = make_subplots(
        cols=len(kinds), shared_yaxes=True, horizontal_spacing=0.05,
        subplot_titles=["<br>".join(textwrap.wrap(kind.capitalize(), 16)) for kind in kinds],
    )  # fmt: skip
    for panel, kind in enumerate(kinds, start=1):
        here = rows[rows["kind"] == kind]
        for place, label in enumerate(labels):
            part = here[here["engine"] == label].set_index("behaviour").reindex(list(behaviours))
            if part["rules"].isna().all():
                continue
            figure.add_trace(
                go.Scatter(
                    x=100.0 * part[column], y=[plain(name) for name in behaviours.values()], mode="markers",
                    name=plain(label), legendgroup=label, showlegend=panel == 1,
                    marker=_marker(place, bool(part["rules"].iloc[0])),
                    hovertemplate=f"%{{x:.0f}}%<extra>{plain(label)}</extra>",
                ),
                row=1, col=panel,
            )  # fmt: skip
    styled(
        figure,
        title=title,
        source=_source(source, fictional),
        height=max(LEAST, AROUND + 110 + ROW * len(behaviours)),
    )
    figure.update_layout(
        hovermode="closest", margin={"t": 150}, legend={"y": 1.2, "x": 0, "xanchor": "left"}, title_y=0.97
    )
    figure.update_yaxes(autorange="reversed", automargin=True, gridcolor=GRID)
    largest = 100.0 * float(rows[column].max()) if rows[column].notna().any() else 0.0
    step = next(size for size in (5, 10, 20, 50) if largest <= 2.2 * size or size == 50)
    figure.update_xaxes(range=[-0.05 * largest, 1.06 * largest], dtick=step, tick0=0, ticksuffix="%", zeroline=True)
    figure.update_xaxes(title_text=x, row=1, col=(len(kinds) + 1) // 2)
    figure.update_annotations(font_size=12, selector={"yanchor": "bottom"})
    return figure


def _marker(place: int, rules: bool) -> dict[str, object]:
    symbol = RULES_SYMBOL if rules else SYMBOLS[place % len(SYMBOLS)]
    colour = INK if rules else PALETTE[place % len(PALETTE)]
    return {"symbol": symbol, "size": 12, "color": colour, "line": {"width": 2, "color": colour}}


def _source(source: str, fictional: bool) -> str:
    return plain(f"{source} (fictional)" if fictional and "fictional" not in source.lower() else source)
