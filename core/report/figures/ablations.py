"""Figures of ablations: what each part of the twin is worth, and how many personas are enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.report.document import signed
from core.report.figures.style import (
    ACCENT,
    BAND,
    INK,
    OBSERVED,
    PALETTE,
    TWIN,
    interval_bars,
    plain,
    settled,
    styled,
    wrapped,
)
from core.services.evaluation.results import AblationRow

#: Groups in the order they are shown, from the top: name in the legend and colour.
GROUPS: dict[str, tuple[str, str]] = {
    "calibration": ("Calibration", PALETTE[0]),
    "people": ("People", PALETTE[1]),
    "calendar": ("Calendar", PALETTE[2]),
    "anchoring": ("Anchoring", PALETTE[3]),
    "priors": ("Learned from other places", PALETTE[4]),
    "knowledge": ("What people know of", PALETTE[5]),
}
#: The rows of an ablation that only differ in the number of personas.
PERSONAS = "personas_"
#: Bars whose price chance alone could have made are paler.
PALE = 0.35
LABELS_WIDTH = 150
ROW_HEIGHT = 24


def ablation_bars(rows: Sequence[AblationRow], words: Mapping[str, str], source: str = "") -> go.Figure:
    """A horizontal bar per ablation, the price in macro RMSE with its interval, group by group.

    Pale bars are prices that cannot be told from chance; `words` say by ablation what was left out.
    """
    figure = go.Figure()
    shown = [row for group in GROUPS for row in rows if row.group == group]
    order = [plain(row.label) for row in shown]
    for group, (name, colour) in GROUPS.items():
        part = [row for row in shown if row.group == group]
        if not part:
            continue
        figure.add_bar(
            x=[row.price for row in part], y=[plain(row.label) for row in part], orientation="h", name=name,
            marker={"color": colour, "opacity": [1.0 if row.distinguishable else PALE for row in part]},
            error_x=interval_bars(
                [row.price for row in part], [row.price_low for row in part], [row.price_high for row in part], OBSERVED
            ),
            customdata=[
                [row.macro_rmse, row.price_low, row.price_high, wrapped(words.get(row.ablation, row.label), 60)] for row in part
            ],
            hovertemplate="%{customdata[3]}<br>Error %{customdata[0]:.2f}, price %{x:.2f} "
            "(%{customdata[1]:.2f} to %{customdata[2]:.2f})<extra></extra>",
        )  # fmt: skip
    figure = styled(
        figure,
        title="What leaving a part out costs (right of 0: the part is worth having)",
        x="Price, points of macro RMSE, with 80% interval (pale: cannot be told from chance)",
        source=plain(source),
        height=190 + ROW_HEIGHT * len(order),
    )
    figure.update_yaxes(categoryorder="array", categoryarray=order[::-1], gridcolor="#ffffff")
    figure.update_xaxes(zeroline=True, zerolinecolor=INK, zerolinewidth=1)
    figure.update_layout(hovermode="closest", barmode="overlay", bargap=0.3)
    # Many bars are too short to read off: the numbers stand in a column of their own.
    for label, row in zip(order, shown, strict=True):
        figure.add_annotation(
            text=f"{signed(round(row.price, 2) + 0.0, 2)}", x=1, xref="paper", xanchor="left", y=label, showarrow=False,
            xshift=6, font={"size": 11, "color": INK},
        )  # fmt: skip
    return settled(figure, left=LABELS_WIDTH, right=60, top=75, below=56)


def persona_count_curve(rows: Sequence[AblationRow], source: str = "") -> go.Figure:
    """Macro RMSE against the number of personas: the median of the draws, their range, each draw, and the twin.

    Other ablations among the rows are passed over.
    """
    part = sorted((row for row in rows if row.ablation.startswith(PERSONAS)), key=lambda row: row.personas)
    counts = [row.personas for row in part]
    figure = go.Figure()
    figure.add_scatter(
        x=[*counts, *counts[::-1]],
        y=[*(row.macro_rmse_max for row in part), *(row.macro_rmse_min for row in part[::-1])],
        fill="toself", fillcolor=BAND, line={"width": 0}, mode="lines", name="Range of the draws", hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=[row.personas for row in part for _ in row.macro_rmse_by_seed],
        y=[value for row in part for value in row.macro_rmse_by_seed],
        mode="markers", name="A draw", marker={"color": "#8db4c4", "size": 6},
        hovertemplate="%{x:,} personas: %{y:.2f}<extra>A draw</extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=counts, y=[row.macro_rmse for row in part], mode="lines+markers", name="Median of the draws",
        line={"color": TWIN, "width": 2.5}, marker={"size": 8},
        hovertemplate="%{x:,} personas: %{y:.2f}<extra>Median</extra>",
    )  # fmt: skip
    figure = styled(
        figure,
        title="How many personas are enough",
        x="Number of personas (logarithmic axis)",
        y="Macro RMSE, points",
        source=plain(source),
        height=440,
    )
    if part:
        twin = part[0].macro_rmse - part[0].price
        figure.add_hline(y=twin, line={"color": ACCENT, "width": 1.5, "dash": "dash"})
        figure.add_annotation(
            text=f"The twin: {twin:.2f}", x=1, xref="x domain", y=twin, yshift=10, xanchor="right", showarrow=False,
            font={"size": 11, "color": ACCENT}, bgcolor="rgba(255,255,255,0.75)",
        )  # fmt: skip
    figure.update_xaxes(type="log", tickvals=counts, ticktext=[f"{count:,}" for count in counts])
    figure.update_layout(hovermode="closest")
    return settled(figure, left=70, right=30, top=75)
