"""Figures of a population: who is in it, how it meets its tables, what one person would do, and what an edit changes."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.report.figures.style import (
    ACCENT,
    INK,
    OBSERVED,
    PALETTE,
    TWIN,
    colours,
    interval_bars,
    plain,
    styled,
    wrapped,
)

#: Height of a row of horizontal bars, and of what surrounds them, in pixels.
ROW, AROUND, LEAST = 26, 190, 300
#: Characters of a line of sources that fit beneath the narrowest figure.
SOURCE_WIDTH = 100
#: How far the days of one behaviour lie apart, of the room of a row.
DAYS_APART = 0.7
#: Where the axis of a trait names its levels.
LEVEL_TICKS = ((0.1, "very low"), (0.5, "middle"), (0.9, "very high"))


def _source(source: str, fictional: bool) -> str:
    named = f"{source} (fictional)" if fictional and "fictional" not in source.lower() else source
    return wrapped(named, SOURCE_WIDTH)


def _height(rows: int) -> int:
    return max(LEAST, AROUND + ROW * rows)


def marginal_figure(rows: pd.DataFrame, *, title: str, source: str, fitted: bool, fictional: bool) -> go.Figure:
    """Target beside result of one table, and the error: `rows` as `persona_tables.fit_rows` gives them."""
    labels = [plain(item) for item in rows["category"]]
    figure = make_subplots(
        cols=2, shared_yaxes=True, column_widths=[0.68, 0.32], horizontal_spacing=0.03,
    )  # fmt: skip
    for name, column, colour in (("Target", "target", OBSERVED), ("Personas", "achieved", TWIN)):
        figure.add_trace(
            go.Bar(
                x=rows[column], y=labels, name=name, orientation="h", marker_color=colour,
                hovertemplate="%{x:.2f}%",
            ),
            row=1, col=1,
        )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=rows["error"], y=labels, name="Error", mode="markers", marker={"color": ACCENT, "size": 9},
            hovertemplate="%{x:+.3f} points",
        ),
        row=1, col=2,
    )  # fmt: skip
    use = "fitted" if fitted else "seed only, not matched"
    styled(
        figure,
        title=f"{plain(title)} ({use})",
        source=_source(source, fictional),
        height=_height(2 * len(rows) if len(rows) < 8 else int(1.4 * len(rows))),
    )
    figure.update_layout(hovermode="y unified", barmode="group", bargap=0.25)
    # The first category on top; left to itself, the axis leaves room around the markers.
    figure.update_yaxes(range=[len(rows) - 0.5, -0.5], automargin=True, gridcolor="#ffffff")
    figure.update_xaxes(title_text="% of all", rangemode="tozero", row=1, col=1)
    figure.update_xaxes(title_text="Error, percentage points", zeroline=True, zerolinecolor=INK, row=1, col=2)
    largest = float(rows["error"].abs().max()) if len(rows) else 0.0
    span = max(1.15 * largest, 0.05)
    figure.update_xaxes(range=[-span, span], row=1, col=2)
    return figure


def composition_figure(
    rows: pd.DataFrame, *, title: str, category: str, by: str, source: str, fictional: bool
) -> go.Figure:
    """Inhabitants by one attribute, split by another: `rows` as `persona_tables.composition` gives them."""
    figure = go.Figure()
    groups = list(dict.fromkeys(rows["by"]))
    total = float(rows["inhabitants"].sum())
    for position, group in enumerate(groups):
        part = rows[rows["by"] == group]
        figure.add_trace(
            go.Bar(
                x=part["inhabitants"],
                y=[plain(item) for item in part["category"]],
                name=plain(group),
                orientation="h",
                marker_color=PALETTE[position % len(PALETTE)],
                customdata=100.0 * part["inhabitants"] / total,
                hovertemplate="%{x:,.0f} (%{customdata:.1f}%)",
            )
        )
    bars = len(set(rows["category"])) * (len(groups) if len(groups) <= 3 else 1)
    styled(
        figure,
        title=plain(title),
        x="Inhabitants",
        source=_source(source, fictional),
        height=_height(bars),
        legend=len(groups) > 1,
    )
    # Side by side while bars stay readable; more groups are stacked.
    figure.update_layout(
        hovermode="y unified",
        barmode="group" if len(groups) <= 3 else "stack",
        bargap=0.25,
        legend_title_text=plain(by),
    )
    figure.update_yaxes(autorange="reversed", automargin=True, title_text=plain(category), gridcolor="#ffffff")
    figure.update_xaxes(rangemode="tozero", tickformat=",.3~s")
    return figure


def trait_figure(rows: pd.DataFrame, *, fictional: bool) -> go.Figure:
    """How each assumed trait is spread over the inhabitants: `rows` as `persona_tables.trait_shares` gives them."""
    names = list(dict.fromkeys(rows["trait"]))
    columns = 3
    lines = max(1, -(-len(names) // columns))
    figure = make_subplots(
        rows=lines, cols=columns, shared_yaxes=True, subplot_titles=[plain(name) for name in names],
        vertical_spacing=0.2 / lines + 0.04, horizontal_spacing=0.04,
    )  # fmt: skip
    for position, name in enumerate(names):
        part = rows[rows["trait"] == name]
        figure.add_trace(
            go.Bar(
                x=part["value"],
                y=part["percent"],
                marker_color=PALETTE[3],
                name=plain(name),
                hovertemplate="%{y:.1f}% of all at %{x:.2f}",
            ),
            row=position // columns + 1,
            col=position % columns + 1,
        )
    styled(
        figure,
        title="Traits of the personas: assumptions, not data",
        source=_source("assumptions of the population file", fictional),
        height=AROUND + 210 * lines,
        legend=False,
    )
    figure.update_layout(hovermode="closest", bargap=0.03, margin_t=85)
    figure.update_xaxes(
        range=[0, 1], tickvals=[value for value, _ in LEVEL_TICKS], ticktext=[text for _, text in LEVEL_TICKS]
    )
    for line in range(lines):
        figure.update_yaxes(title_text="% of all", row=line + 1, col=1)
    figure.update_annotations(font_size=13, selector={"xref": "paper", "showarrow": False, "yanchor": "bottom"})
    return figure


def answers_figure(rows: pd.DataFrame, *, person: str, engine: str, fictional: bool) -> go.Figure:
    """One person beside everybody on a few days, one facet for any screen; `rows` as `population_effects.answers_of`."""
    days, labels = (list(dict.fromkeys(rows[name])) for name in ("day", "behaviour"))
    figure, shades = go.Figure(), colours(days)
    for position, day in enumerate(days):
        part = rows[rows["day"] == day].set_index("behaviour").loc[labels]
        place = [number + (position - (len(days) - 1) / 2) * DAYS_APART / len(days) for number in range(len(labels))]
        for name, column, marker in (
            (plain(day), "person", {"size": 12, "color": shades[day]}),
            (
                "Everybody",
                "everybody",
                {"size": 9, "symbol": "diamond-open", "color": shades[day], "line": {"width": 1.5}},
            ),
        ):
            figure.add_trace(
                go.Scatter(
                    x=part[column], y=place, mode="markers", name=name, marker=marker, customdata=labels,
                    showlegend=column == "person" or not position,
                    hovertemplate=f"%{{customdata}}, {plain(person) if column == 'person' else 'everybody'}: %{{x:.0f}}%",
                )
            )  # fmt: skip
    styled(
        figure, title="", source=_source(engine, fictional), height=_height(2 * len(labels)),
        x="The engine's answer: a chance, or a share of the time",
    )  # fmt: skip
    figure.update_layout(
        title=None, hovermode="closest", margin={"l": 8, "r": 8, "t": 30 + 22 * (len(days) + 1)},
        legend={"orientation": "v", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom", "font": {"size": 12}},
    )  # fmt: skip
    figure.update_yaxes(
        tickvals=list(range(len(labels))), ticktext=[plain(item) for item in labels], range=[len(labels) - 0.5, -0.5],
        automargin=True, zeroline=False,
    )  # fmt: skip
    figure.update_xaxes(range=[-2, 105], tickvals=[0, 50, 100], ticktext=["0%", "50%", "100%"])
    return figure


def effect_figure(
    rows: pd.DataFrame, *, labels: Sequence[str], before: str, period: str, unit: str, source: str, fictional: bool
) -> go.Figure:
    """Change of each behaviour's mean over the hold-out with its 80% interval: `rows` of `PopulationEffect.frame`."""
    figure = go.Figure(
        go.Bar(
            x=rows["difference"],
            y=[plain(item) for item in labels],
            orientation="h",
            marker_color=[TWIN if value >= 0 else ACCENT for value in rows["difference"]],
            error_x=interval_bars(rows["difference"], rows["lower"], rows["upper"], INK),
            customdata=rows[["before", "after", "lower", "upper"]],
            hovertemplate="%{customdata[0]:.3f} → %{customdata[1]:.3f}: %{x:+.4f} points"
            "<br>80% interval %{customdata[2]:+.4f} to %{customdata[3]:+.4f}<extra></extra>",
        )
    )
    styled(
        figure,
        title=f"Change of the forecast against {plain(before)}",
        x=f"Change of the mean, {plain(period)}, in points ({plain(unit)})",
        source=_source(source, fictional),
        height=_height(len(rows)),
        legend=False,
    )
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(zeroline=True, zerolinecolor=INK)
    figure.update_yaxes(autorange="reversed", automargin=True, gridcolor="#ffffff")
    ends = rows[["lower", "upper", "difference"]].abs().to_numpy(dtype=float)
    # An axis without extent would be drawn from -1 to 1 and suggest an effect of that order.
    span = max(1.15 * float(ends.max()) if ends.size else 0.0, 0.005)
    figure.update_xaxes(range=[-span, span])
    return figure
