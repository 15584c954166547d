"""Figures of the persona audit and of the confounding audit: each shows figures with their intervals, and where zero is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.report.figures.style import (
    ACCENT,
    INK,
    OBSERVED,
    PALETTE,
    SOURCE_WIDTH,
    TWIN,
    interval_bars,
    plain,
    settled,
    styled,
    wrapped,
)
from core.services.audits.results import (
    AssociationRow,
    IntervalEstimate,
    RangeRow,
    RecalledMonth,
    SpreadFigures,
    WordingChange,
)

#: Height of a row and of what surrounds the rows, in pixels.
ROW, AROUND = 30, 220
SYMBOLS: dict[str, str] = {"blinded": "circle", "unblinded": "diamond", "levels": "square", "aggregate": "triangle-up"}
DESIGN_NAMES: dict[str, str] = {
    "blinded": "Blinded",
    "unblinded": "Unblinded between prompts",
    "levels": "All levels in one prompt",
    "aggregate": "Aggregate",
}


def association_figure(rows: Sequence[AssociationRow], *, stated: bool = True, source: str = "") -> go.Figure:
    """What else moves with the policy: a row for each variable, a mark with its interval for each design.

    `stated` chooses the rows in which the prompt says how many cases there are, or those in which it does not. Hollow marks
    do not move beyond chance. 0 is where an innocent model lies.
    """
    chosen = [row for row in rows if row.stated == stated and row.slope.value is not None]
    fixed = {row.variable for row in chosen if row.fixed}
    said = "with the number of cases stated" if stated else "with the number of cases left unsaid"
    return _by_design(
        [(row.variable, row.design, row.slope, row.moves, _association_text(row)) for row in chosen],
        {row.variable: plain(row.label) + "*" * (row.variable in fixed) for row in chosen},
        title=f"What else moves with the policy, {said}",
        x="Change of the answer from no policy to full policy, points of its scale (0: it does not move; *: said in the prompt)",
        source=source,
    )


def range_figure(rows: Sequence[RangeRow], *, source: str = "") -> go.Figure:
    """How answers at one level change when the policies shown beside it lie further apart, by behaviour and design; the row
    over all behaviours is left out."""
    chosen = [row for row in rows if row.behaviour is not None and row.effect.value is not None]
    level = f" at stringency {chosen[0].level:.0f}" if chosen else ""
    return _by_design(
        [
            (
                str(row.behaviour),
                row.design,
                row.effect,
                row.moves,
                f"{row.label}: {row.narrow:.1f} beside near policies, {row.wide:.1f} beside far ones",
            )
            for row in chosen
        ],
        {str(row.behaviour): plain(row.label) for row in chosen},
        title=f"The same policy{level}, shown beside far policies instead of near ones",
        x="Change of the answer, percentage points (0: what is shown beside it does not matter)",
        source=source,
    )


def wording_figure(rows: Sequence[WordingChange], texts: Sequence[str], *, source: str = "") -> go.Figure:
    """What other words and cues do to the answers: the shift towards going out less, with its interval, for each, and a text
    to read where it is pointed at. Hollow marks are not beyond chance."""
    known = [(row, text) for row, text in zip(rows, texts, strict=True) if row.shift.value is not None]
    kinds = {
        "paraphrase": ("Other words", TWIN),
        "irrelevant": ("Irrelevant sentence", PALETTE[3]),
        "leading": ("Leading sentence", ACCENT),
    }
    figure = go.Figure()
    for kind, (name, colour) in kinds.items():
        own = [(float(place), row, text) for place, (row, text) in enumerate(known) if row.kind == kind]
        if own:
            figure.add_trace(
                _dots(
                    [row.shift for _, row, _ in own],
                    [place for place, _, _ in own],
                    [row.moves for _, row, _ in own],
                    name=name,
                    colour=colour,
                    symbol="circle",
                    texts=[text for _, _, text in own],
                )
            )
    return _rows(
        figure,
        [wrapped(row.label[:1].upper() + row.label[1:], 30) for row, _ in known],
        title="The same question in other words, and with a sentence that tells nothing",
        x="Shift towards going out less, percentage points (0: no effect)",
        source=source,
        rows=len(known),
    )


def spread_figure(spread: SpreadFigures, labels: Mapping[str, str], *, source: str = "") -> go.Figure:
    """The spread between people over that of the rules engine, by behaviour, with intervals."""
    names = [name for name, ratio in spread.ratios.items() if ratio.value is not None]
    figure = go.Figure(
        _dots(
            [spread.ratios[name] for name in names],
            [float(place) for place in range(len(names))],
            [True] * len(names),
            name="Spread over that of the rules engine",
            colour=TWIN,
            symbol="circle",
            texts=[
                f"{labels[name]}: {spread.own[name]:.1f} points, rules engine {spread.rules[name]:.1f}"
                for name in names
            ],
        )
    )
    figure = _rows(
        figure,
        [plain(labels[name]) for name in names],
        title="How far people's answers differ, against the rules engine's",
        x="Standard deviation between people over the rules engine's (1: as much; 0: all alike)",
        source=source,
        rows=len(names),
        null=1.0,
    )
    figure.update_layout(showlegend=False)
    figure.update_xaxes(rangemode="tozero")
    return figure


def memory_figure(
    rows: Sequence[RecalledMonth], *, behaviour: str, label: str, unit: str, source: str = ""
) -> go.Figure:
    """Published figures of one behaviour and what the model recalls of them, month by month."""
    own = [row for row in rows if row.behaviour == behaviour]
    months = [f"{row.month}-01" for row in own]
    figure = go.Figure()
    for name, values, colour, symbol in (
        ("Observed", [row.observed for row in own], OBSERVED, "circle"),
        ("Recalled by the model", [row.recalled for row in own], ACCENT, "diamond-open"),
    ):
        figure.add_scatter(
            x=months, y=values, mode="lines+markers", name=name,
            line={"color": colour}, marker={"symbol": symbol, "size": 9, "color": colour},
        )  # fmt: skip
    figure = styled(
        figure, title=f"What the model recalls: {plain(label)}", y=plain(unit), source=wrapped(source, SOURCE_WIDTH)
    )
    return settled(figure, left=70, top=90)


def _by_design(
    marks: Sequence[tuple[str, str, IntervalEstimate, bool, str]],
    labels: Mapping[str, str],
    *,
    title: str,
    x: str,
    source: str,
) -> go.Figure:
    """A row for each label, and in it a mark for each design: (row, design, estimate, solid, text)."""
    designs = list(dict.fromkeys(design for _, design, *_ in marks))
    places = list(labels)
    figure = go.Figure()
    for number, design in enumerate(designs):
        own = [mark for mark in marks if mark[1] == design]
        offset = 0.0 if len(designs) < 2 else (number / (len(designs) - 1) - 0.5) * 0.55
        figure.add_trace(
            _dots(
                [estimate for _, _, estimate, _, _ in own],
                [places.index(row) + offset for row, *_ in own],
                [solid for *_, solid, _ in own],
                name=DESIGN_NAMES.get(design, design),
                colour=PALETTE[number % len(PALETTE)],
                symbol=SYMBOLS.get(design, "circle"),
                texts=[text for *_, text in own],
            )
        )
    rows = len(labels) * max(len(designs), 1) * 0.6
    return _rows(figure, list(labels.values()), title=title, x=x, source=source, rows=rows)


def _dots(
    estimates: Sequence[IntervalEstimate],
    places: Sequence[float],
    solid: Sequence[bool],
    *,
    name: str,
    colour: str,
    symbol: str,
    texts: Sequence[str],
) -> go.Scatter:
    """Marks with their intervals; an unknown interval has no bar."""
    values = [item.value or 0.0 for item in estimates]
    return go.Scatter(
        x=values,
        y=list(places),
        mode="markers",
        name=name,
        marker={
            "size": 10,
            "color": colour,
            "symbol": [symbol if shown else f"{symbol}-open" for shown in solid],
            "line": {"width": 1.5, "color": colour},
        },
        error_x=interval_bars(
            values,
            [value if item.lower is None else item.lower for item, value in zip(estimates, values, strict=True)],
            [value if item.upper is None else item.upper for item, value in zip(estimates, values, strict=True)],
            colour,
        ),
        text=[wrapped(text, SOURCE_WIDTH) for text in texts],
        customdata=[[_between(item)] for item in estimates],
        hovertemplate="%{text}<br>%{x:.2f} (95% interval %{customdata[0]})<extra></extra>",
    )


def _rows(
    figure: go.Figure, labels: list[str], *, title: str, x: str, source: str, rows: float, null: float = 0.0
) -> go.Figure:
    """Rows with a label each, the first on top, and a line where nothing would be found."""
    figure.add_vline(x=null, line={"color": INK, "width": 1.2})
    figure = styled(
        figure,
        title=title,
        x=x,
        source=wrapped(source, SOURCE_WIDTH),
        height=int(AROUND + ROW * max(rows, len(labels))),
    )
    figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(labels))),
        ticktext=labels,
        range=[len(labels) - 0.5, -0.5],
        automargin=True,
        zeroline=False,
    )
    figure.update_layout(
        hovermode="closest",
        legend={"x": 0, "xanchor": "left", "orientation": "h", "yref": "container", "y": 0.93, "yanchor": "top"},
    )
    return settled(figure, left=170, top=100)


def _association_text(row: AssociationRow) -> str:
    fixed = " (said in the prompt itself)" if row.fixed else ""
    units = f"{row.units} {row.unit}{'s' if row.units != 1 else ''}"
    return f"{row.label}{fixed}, {DESIGN_NAMES.get(row.design, row.design)}; {units}"


def _between(estimate: IntervalEstimate) -> str:
    if estimate.lower is None or estimate.upper is None:
        return "unknown"
    return f"{estimate.lower:.2f} to {estimate.upper:.2f}"
