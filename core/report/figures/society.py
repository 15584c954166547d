"""Figures of the society lab: contrasts of arms, who gains and loses, stress over time, the network, the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.report.document import signed
from core.report.figures.style import GRID, INK, PALETTE, colours, labels_above, settled, styled
from core.society.ledger import PARTIES, Purpose
from core.society.scenario import STRESSES

#: Nobody asks at first sight for more than these.
SHOWN = ("spending_out", "visits", "turned_away", "trips", "km", "posts")
#: What leaving a part out is looked at by.
ABLATED = ("spending_out", "visits", "posts")
STRESS_WORDS = ("Hunger", "Fatigue", "Crowds", "Money", "Sleep", "What is read")
NOTHING = "#9aa5ae"


def effect_dots(rows: pd.DataFrame, source: str) -> go.Figure:
    """Differences in percent with 95% intervals: `rows` has label, arm, mean, low, high (percent), one mark for each."""
    figure = go.Figure()
    labels = list(dict.fromkeys(rows["label"]))
    arms = list(dict.fromkeys(rows["arm"]))
    shades = colours(arms)
    for place, arm in enumerate(arms):
        part = rows[rows["arm"] == arm]
        offset = (place - (len(arms) - 1) / 2) * 0.16
        height = [labels.index(label) + offset for label in part["label"]]
        figure.add_trace(
            go.Scatter(
                x=part["mean"],
                y=height,
                mode="markers",
                name=arm,
                marker={"color": shades[arm], "size": 9},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": part["high"] - part["mean"],
                    "arrayminus": part["mean"] - part["low"],
                },
                customdata=np.stack([part["label"], [signed(value) for value in part["mean"]]], axis=-1),
                hovertemplate="%{customdata[0]}: %{customdata[1]}%<extra>" + arm + "</extra>",
            )
        )
    figure.add_vline(x=0, line_color=NOTHING, line_width=1)
    styled(figure, title="", x="Change in percent (95%)", source=source, legend=len(arms) > 1)
    figure.update_yaxes(tickvals=list(range(len(labels))), ticktext=labels, autorange="reversed", zeroline=False)
    figure.update_layout(height=150 + len(labels) * (26 + 12 * len(arms)), hovermode="closest")
    return settled(figure, left=150, top=50 if len(arms) > 1 else 20)


def group_bars(rows: pd.DataFrame, source: str) -> go.Figure:
    """Who changes how much: `rows` has group, level, mean, low, high (money or counts a household-day) and `unit`."""
    groups = list(dict.fromkeys(rows["group"]))
    figure = make_subplots(rows=len(groups), cols=1, subplot_titles=groups, vertical_spacing=0.18)
    for place, group in enumerate(groups, start=1):
        part = rows[rows["group"] == group]
        figure.add_trace(
            go.Bar(
                x=part["mean"],
                y=part["level"],
                orientation="h",
                marker_color=[PALETTE[0] if value >= 0 else PALETTE[1] for value in part["mean"]],
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": part["high"] - part["mean"],
                    "arrayminus": part["mean"] - part["low"],
                    "color": INK,
                },
                hovertemplate="%{y}: %{x:.2f}<extra></extra>",
            ),
            row=place,
            col=1,
        )
        figure.add_vline(x=0, line_color=NOTHING, line_width=1, row=place, col=1)
        figure.update_yaxes(autorange="reversed", row=place, col=1)
    unit = str(rows["unit"].iloc[0]) if len(rows) else ""
    styled(figure, title="", source=source, legend=False, height=130 + 34 * len(rows) + 60 * len(groups))
    figure.update_xaxes(title_text=unit, row=len(groups), col=1)
    figure.update_layout(hovermode="closest", bargap=0.35)
    figure.update_annotations(font_size=13)
    return settled(figure, left=110, top=40)


def stress_lines(steps: pd.DataFrame, hours: int, marks: Sequence[tuple[int, str]], source: str) -> go.Figure:
    """Mean stress by day, a panel for each: `steps` has arm, seed, step (from the first after the warm-up) and the six stresses;
    `marks` are days and words of what begins."""
    figure = make_subplots(
        rows=3, cols=2, subplot_titles=STRESS_WORDS, shared_xaxes=True, vertical_spacing=0.09, horizontal_spacing=0.08
    )
    by_day = steps.assign(day=steps["step"] * hours // 24 + 1).groupby(["arm", "seed", "day"])[list(STRESSES)].mean()
    shades = colours(list(dict.fromkeys(steps["arm"])))
    for at, name in enumerate(STRESSES):
        row, column = at // 2 + 1, at % 2 + 1
        for arm, shade in shades.items():
            worlds = by_day.loc[arm][name].unstack("seed")  # noqa: PD010 (no two rows to aggregate)
            days, mean = worlds.index, worlds.mean(axis=1)
            if worlds.shape[1] > 1:
                low, high = worlds.quantile(0.1, axis=1), worlds.quantile(0.9, axis=1)
                figure.add_trace(
                    go.Scatter(x=[*days, *days[::-1]], y=[*high, *low[::-1]], fill="toself", fillcolor=_faint(shade),
                        line_width=0,
                        hoverinfo="skip", showlegend=False,
                    ),
                    row=row, col=column,
                )  # fmt: skip
            figure.add_trace(
                go.Scatter(x=days, y=mean, name=arm, line={"color": shade, "width": 2}, showlegend=at == 0, legendgroup=arm),
                row=row, col=column,
            )  # fmt: skip
        for day, _ in marks:
            figure.add_vline(x=day + 1, line={"color": NOTHING, "dash": "dot", "width": 1}, row=row, col=column)
    styled(figure, title="", source=source, height=620)
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(title_text="Day", row=3)
    figure.update_annotations(font_size=13)
    figure.update_layout(legend={"y": 1.07})
    return settled(figure, left=50, top=100)


def _faint(shade: str) -> str:
    red, green, blue = (int(shade[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.15)"


def network_map(positions: pd.DataFrame, edges: pd.DataFrame, source: str) -> go.Figure:
    """Who follows whom among the sampled: `positions` has household, x, y, followers, tone (−1 to 1, NaN for none); `edges` are
    pairs of households (reader, author)."""
    place = positions.set_index("household")
    xs, ys = [], []
    for reader, author in edges.itertuples(index=False):
        xs += [place.loc[reader, "x"], place.loc[author, "x"], None]
        ys += [place.loc[reader, "y"], place.loc[author, "y"], None]
    figure = go.Figure(go.Scatter(x=xs, y=ys, mode="lines", line={"color": GRID, "width": 0.6}, hoverinfo="skip"))
    shown = positions["tone"].fillna(0.0)
    figure.add_trace(
        go.Scatter(
            x=positions["x"],
            y=positions["y"],
            mode="markers",
            marker={
                "size": 5 + 3 * np.sqrt(positions["followers"]),
                "color": shown,
                "cmin": -1,
                "cmax": 1,
                "colorscale": [[0, "#c1440e"], [0.5, "#cfd6db"], [1, "#0b5d7a"]],
                "colorbar": {"title": {"text": "Tone"}, "thickness": 10, "len": 0.6},
            },
            customdata=np.stack([positions["household"], positions["followers"]], axis=-1),
            hovertemplate="Household %{customdata[0]}, %{customdata[1]} followers<extra></extra>",
        )
    )
    styled(figure, title="", source=source, legend=False, height=460)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    figure.update_layout(hovermode="closest")
    return settled(figure, left=10, top=10)


def ledger_sankey(cents: Mapping[str, int], source: str) -> go.Figure:
    """Who paid whom: cents by purpose, over a run."""
    names = ["Households", "Places", "Government", "Employers", "Outside"]
    paid = [(purpose, cents.get(purpose.name, 0)) for purpose in Purpose if cents.get(purpose.name, 0) > 0]
    figure = go.Figure(
        go.Sankey(
            node={"label": names, "color": list(PALETTE[:5]), "pad": 18, "thickness": 14},
            link={
                "source": [names.index(PARTIES[purpose][0].capitalize()) for purpose, _ in paid],
                "target": [names.index(PARTIES[purpose][1].capitalize()) for purpose, _ in paid],
                "value": [value / 100 for _, value in paid],
                "label": [purpose.name.replace("_", " ") for purpose, _ in paid],
                "color": "rgba(92, 102, 112, 0.28)",
                "hovertemplate": "%{label}: %{value:,.0f}<extra></extra>",
            },
        )
    )
    return settled(styled(figure, title="", source=source, legend=False, height=420), left=10, top=20)


def dose_curve(rows: pd.DataFrame, source: str) -> go.Figure:
    """Sales by posts an hour: `rows` has arm, dose, mean, low, high (1: as without posts)."""
    figure = go.Figure()
    shades = colours(list(dict.fromkeys(rows["arm"])))
    for arm, shade in shades.items():
        part = rows[rows["arm"] == arm]
        spread = {
            "type": "data",
            "symmetric": False,
            "array": part["high"] - part["mean"],
            "arrayminus": part["mean"] - part["low"],
        }
        figure.add_trace(
            go.Scatter(
                x=part["dose"], y=part["mean"], error_y=spread, mode="lines+markers", name=arm, line={"color": shade}
            )
        )
    figure.add_hline(y=1, line_color=NOTHING, line_width=1)
    styled(figure, title="", x="Posts an hour, set by us", y="Sales, 1 = without posts", source=source, height=380)
    return settled(figure, left=60, top=60)


def echo_scatter(rows: pd.DataFrame, a: float, b: float, source: str) -> go.Figure:
    """Posts and sales as they happen to come together: `rows` has posts and sales (z-scores), with the fit a·x² + b·x + c."""
    figure = go.Figure(
        go.Scatter(
            x=rows["posts"],
            y=rows["sales"],
            mode="markers",
            marker={"color": PALETTE[7], "size": 5, "opacity": 0.5},
            name="A day in a world",
        )
    )
    x = np.linspace(rows["posts"].min(), rows["posts"].max(), 60)
    c = float((rows["sales"] - a * rows["posts"] ** 2 - b * rows["posts"]).mean())
    figure.add_trace(
        go.Scatter(x=x, y=a * x**2 + b * x + c, mode="lines", line={"color": PALETTE[1]}, name="Fit (echo)")
    )
    styled(figure, title="", x="Posts (z)", y="Sales (z)", source=source, height=380)
    return settled(figure, left=60, top=60)


def fact_ranges(rows: pd.DataFrame, source: str) -> go.Figure:
    """Each fact in units of its own range (0: lower end, 1: upper end): `rows` has label, value, low, high, hit, tuned."""
    scale = rows["high"] - rows["low"]
    at = ((rows["value"] - rows["low"]) / scale).clip(-1.5, 2.5)
    figure = go.Figure()
    figure.add_vrect(x0=0, x1=1, fillcolor="rgba(11, 93, 122, 0.12)", line_width=0)
    for hit, shade, name in ((True, PALETTE[0], "Inside"), (False, PALETTE[1], "Outside")):
        part = rows["hit"] == hit
        figure.add_trace(
            go.Scatter(
                x=at[part],
                y=rows["label"][part],
                mode="markers",
                name=name,
                marker={
                    "color": shade,
                    "size": 10,
                    "symbol": ["diamond-open" if tuned else "circle" for tuned in rows["tuned"][part]],
                },
                customdata=rows[part][["value", "low", "high"]],
                hovertemplate="%{y}: %{customdata[0]:.3g} (range %{customdata[1]:.3g} to %{customdata[2]:.3g})<extra></extra>",
            )
        )
    styled(figure, title="", source=source)
    figure.update_xaxes(tickvals=[0, 1], ticktext=["lower end", "upper end"], range=[-1.6, 2.6])
    figure.update_yaxes(categoryorder="array", categoryarray=list(rows["label"])[::-1])
    figure.update_layout(hovermode="closest")
    return labels_above(figure, list(rows["label"]))
