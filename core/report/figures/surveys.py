"""Figures of a survey question's answers: the distribution, subgroups side by side, and what the spread comes from.

All take a `SurveyResult`.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.report.figures.style import ACCENT, OBSERVED, PALETTE, TWIN, interval_bars, plain, styled, wrapped
from core.services.surveys.results import SurveyResult
from core.survey.distribution import Estimate
from core.survey.questions import SCALE, SurveyQuestion

#: Height of a row, and of what surrounds the rows, in pixels.
ROW, AROUND, LEAST = 30, 190, 300
LABEL_WIDTH, TITLE_WIDTH, SOURCE_WIDTH = 42, 80, 100
PANEL_WIDTH, MOST_COLUMNS = 36, 3
PALE = "#9aa5ae"
#: Light enough for the lower half of an interval to show on a bar.
FILL = "#7fb0c4"
PARTS = (
    ("between_personas", "Between personas", TWIN),
    ("between_samples", "Between samples of one persona", ACCENT),
    ("within", "A person's own uncertainty", PALETTE[3]),
)

#: What the spread is measured in, by the kind of question.
MEASURES = {
    "scale": "variance of the answers (squared points of the scale)",
    "choices": "Gini's impurity: the chance that two answers drawn at random differ",
    "several": "sum over answers of the share that gives it times the share that does not",
}


def measure_words(question: SurveyQuestion) -> str:
    """What the spread of a question's answers is measured in."""
    return MEASURES["several" if question.several else question.kind]


def answer_figure(result: SurveyResult, *, source: str) -> go.Figure:
    """The share of each answer with its interval; a line at the mean of a scale."""
    shares = result.everyone.shares
    names = _labels(result)
    scale = result.question.kind == SCALE
    figure = go.Figure(
        go.Bar(
            y=[100.0 * share.value for share in shares] if scale else names,
            x=names if scale else [100.0 * share.value for share in shares],
            orientation="v" if scale else "h",
            marker_color=FILL,
            **{"error_y" if scale else "error_x": _error(shares)},
            customdata=_bounds(shares),
            hovertemplate=("%{x}: %{y:.1f}%" if scale else "%{y}: %{x:.1f}%")
            + f", {result.level}% interval %{{customdata[0]:.1f}} to %{{customdata[1]:.1f}}<extra></extra>",
        )
    )
    styled(
        figure,
        title=_title(result.question.text),
        source=wrapped(source, SOURCE_WIDTH),
        height=LEAST + 90 if scale else _height(len(names)),
        legend=False,
    )
    figure.update_layout(hovermode="closest", bargap=0.35)
    share_axis = figure.update_yaxes if scale else figure.update_xaxes
    name_axis = figure.update_xaxes if scale else figure.update_yaxes
    share_axis(title_text="% of inhabitants", range=[0, min(100.0, 1.12 * _most(shares))])
    name_axis(type="category", automargin=True)
    if not scale:
        figure.update_yaxes(autorange="reversed", gridcolor="#ffffff")
    mean = result.everyone.mean
    if mean is not None:
        first = float(result.question.low)
        figure.add_vline(
            x=mean.value - first,
            line={"color": ACCENT, "dash": "dash"},
            annotation={"text": f"mean {mean.value:.2f}", "font": {"color": ACCENT}},
        )
    return figure


def subgroup_figure(result: SurveyResult, attribute: str, *, source: str) -> go.Figure:
    """The answers of each group of an attribute, with intervals: means on a scale; of choices, a small panel for each.

    Groups of few personas are drawn pale. A dashed line marks everyone.
    """
    found, groups, everyone = result.by[attribute], result.groups(attribute), result.everyone
    names = [plain(group.label) for group in groups]
    if everyone.mean is not None:
        panels = [("", [group.mean for group in groups if group.mean is not None], everyone.mean.value, 1.0)]
    else:
        panels = [
            (label, [group.shares[place] for group in groups], 100.0 * everyone.shares[place].value, 100.0)
            for place, label in enumerate(_labels(result, PANEL_WIDTH))
        ]
    # Four panels are two and two; a last row of one would leave most of it empty.
    columns = 2 if len(panels) == 4 else min(MOST_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    height = max(LEAST, AROUND + 40 + rows * (ROW * len(groups) + 90))
    figure = make_subplots(
        rows=rows,
        cols=columns,
        shared_yaxes=True,
        subplot_titles=[label for label, *_ in panels] if len(panels) > 1 else None,
        horizontal_spacing=0.04,
        vertical_spacing=90 / height if rows > 1 else 0.0,
    )
    for place, (label, estimates, middle, factor) in enumerate(panels):
        row, column = place // columns + 1, place % columns + 1
        figure.add_trace(
            go.Scatter(
                x=[factor * item.value for item in estimates],
                y=names,
                mode="markers",
                name=label,
                marker={"size": 10, "color": [PALE if group.small else TWIN for group in groups]},
                error_x=_error(estimates, factor),
                customdata=[
                    [factor * item.lower, factor * item.upper, group.people, group.personas]
                    for item, group in zip(estimates, groups, strict=True)
                ],
                hovertemplate=f"%{{y}}: %{{x:.2f}}, {result.level}% interval %{{customdata[0]:.2f}} to "
                "%{customdata[1]:.2f}<br>%{customdata[2]:,} inhabitants, %{customdata[3]:,} personas<extra></extra>",
            ),
            row=row,
            col=column,
        )
        figure.add_vline(x=middle, line={"color": ACCENT, "dash": "dash", "width": 1.5}, row=row, col=column)
    unit = "% of inhabitants" if result.question.kind != SCALE else _scale_words(result)
    styled(
        figure,
        title=_title(f"{result.question.text} – by {str(found.label).lower()}"),
        source=wrapped(source, SOURCE_WIDTH),
        height=height,
        legend=False,
    )
    figure.update_layout(hovermode="closest", margin_t=80 if len(panels) == 1 else 120)
    figure.update_layout(title={"yref": "container", "y": 1.0, "yanchor": "top", "pad": {"t": 16}})
    figure.for_each_annotation(lambda item: item.update(font_size=13) if item.yanchor == "bottom" else None)
    figure.update_yaxes(autorange="reversed", automargin=True)
    if result.question.kind == SCALE:
        figure.update_xaxes(range=[result.question.low - 0.1, result.question.high + 0.1])
    else:
        # One range for all, so that panels can be compared.
        most = max(_most(group.shares) for group in groups)
        figure.update_xaxes(range=[0, min(100.0, 1.05 * most)])
    for place in range(len(panels)):
        row, column = place // columns + 1, place % columns + 1
        if place + columns >= len(panels):
            figure.update_xaxes(title_text=unit, row=row, col=column)
    return figure


def spread_figure(result: SurveyResult, attribute: str | None = None, *, source: str) -> go.Figure:
    """What the spread of the answers comes from, in percent of it: one bar for everyone, and one for each group.

    Left out is whoever has no spread at all, and what cannot be known from one sample.
    """
    rows = [result.everyone, *(result.groups(attribute) if attribute else ())]
    rows = [item for item in rows if item.spread.percent["within"] is not None]
    figure = go.Figure()
    for name, words, colour in PARTS:
        known = [item for item in rows if item.spread.percent[name] is not None]
        if not known:
            continue
        figure.add_trace(
            go.Bar(
                x=[item.spread.percent[name] for item in known],
                y=[plain(item.label) for item in known],
                orientation="h",
                name=words,
                marker_color=colour,
                customdata=[[getattr(item.spread, name), item.spread.total] for item in known],
                hovertemplate="%{x:.0f}% (%{customdata[0]:.3g} of %{customdata[1]:.3g})",
            )
        )
    styled(
        figure,
        title=_title("What the spread of the answers comes from"),
        x=f"% of the spread: {plain(measure_words(result.question))}",
        source=wrapped(source, SOURCE_WIDTH),
        height=_height(len(rows)),
    )
    figure.update_layout(barmode="stack", bargap=0.35, hovermode="y unified", margin_t=95, legend_traceorder="normal")
    figure.update_xaxes(range=[0, 100])
    figure.update_yaxes(autorange="reversed", automargin=True, gridcolor="#ffffff")
    return figure


def _labels(result: SurveyResult, width: int = LABEL_WIDTH) -> list[str]:
    """Each answer in words, broken into lines; made distinct, for an axis would draw equal ones as one."""
    names: list[str] = []
    for label in result.labels:
        lines = wrap(str(label), width, max_lines=3, placeholder=" …") or [str(label)]
        name = "<br>".join(plain(line) for line in lines)
        names.append(f"{name} ({len(names) + 1})" if name in names else name)
    return names


def _scale_words(result: SurveyResult) -> str:
    question = result.question
    ends = ((question.low, question.low_label), (question.high, question.high_label))
    return "Mean, " + ", ".join(f"{number} = {plain(label)}" for number, label in ends)


def _error(items: Sequence[Estimate], factor: float = 100.0) -> dict[str, Any]:
    value, lower, upper = ([factor * getattr(item, name) for item in items] for name in ("value", "lower", "upper"))
    return interval_bars(value, lower, upper, OBSERVED)


def _bounds(items: Sequence[Estimate]) -> list[list[float]]:
    return [[100.0 * item.lower, 100.0 * item.upper] for item in items]


def _most(items: Sequence[Estimate]) -> float:
    return max(1.0, 100.0 * max(max(item.upper, item.value) for item in items))


def _title(text: str) -> str:
    return wrapped(text, TITLE_WIDTH, max_lines=2, placeholder=" …")


def _height(rows: int) -> int:
    return max(LEAST, AROUND + ROW * rows)
