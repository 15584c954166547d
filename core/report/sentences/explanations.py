"""Why an answer is what it is, in words and as a figure."""

from __future__ import annotations

import pandas as pd

from core.counterfactual.explain import ANCHOR, AROUND, CALENDAR, CASES, FATIGUE, FITTED, MEASURE
from core.report.document import Document, Figure, Paragraph, Table, signed
from core.report.figures.explanations import waterfall_figure
from core.services.counterfactuals.explanations import ExplainedPart, ExplanationResult
from core.study import Study

PART_WORDS = {
    FATIGUE: "how long restrictions have lasted",
    CASES: "the epidemic",
    CALENDAR: "the kinds of day",
    FITTED: "the fitted level of an ordinary day",
    ANCHOR: "what the last days before the forecast say",
}
#: Parts below this many points are drawn together.
SMALL = 0.05
OTHERS = "all smaller parts"
NAMED = 2
EXACT_TEXT = (
    "The parts are Shapley values: means over all orders in which they could be added. They sum to the whole exactly."
)
TWO_ORDERS_TEXT = (
    "The parts are means over two orders, that of the study and its reverse. They sum to the whole exactly; what two measures do "
    "together is shared between them."
)


def explanation_document(result: ExplanationResult, study: Study) -> Document:
    """The first sentence for each behaviour, a figure of the largest, and all parts."""
    table = result.frame()
    names = [item.id for item in study.behaviours]
    totals = pd.Series({name: result.end_value[name] - result.start_value[name] for name in names})
    most = str(totals.abs().idxmax())
    shown = pd.DataFrame(
        {
            "Part": [part_words(item) for item in result.parts],
            **{study.behaviour(name).label: table[name] for name in names},
        }
    )
    asked = f"What makes the effect of “{result.scenario}”" if result.scenario else "What makes the forecast"
    who = "" if result.person is None else f" for person {result.person}"
    return Document(
        f"{asked} in {study.place}{who}",
        (
            *(Paragraph(why_sentence(result, study, name)) for name in names),
            explanation_figure(result, study, most),
            Table.of(shown, f"{unit_words(result)}, mean of {result.start} to {result.end}.", digits=1),
            Paragraph(EXACT_TEXT if result.shapley else TWO_ORDERS_TEXT),
        ),
        result.fictional,
        study.citation,
    )


def explanation_figure(result: ExplanationResult, study: Study, behaviour: str) -> Figure:
    """The waterfall of one behaviour."""
    rows = part_rows(result, behaviour)
    label = study.behaviour(behaviour).label
    whole = f"“{result.scenario}”" if result.scenario else "the forecast"
    return Figure(
        f"why-{result.study}-{behaviour}",
        lambda: waterfall_figure(rows, unit=unit_words(result)),
        f"{label}: what each part adds to {whole}.",
        rows,
    )


def why_sentence(result: ExplanationResult, study: Study, behaviour: str) -> str:
    """The largest parts of one behaviour, and what works against them."""
    total = result.end_value[behaviour] - result.start_value[behaviour]
    label = study.behaviour(behaviour).label
    parts = sorted(result.parts, key=lambda item: -abs(item.points[behaviour]))
    along = [item for item in parts if item.points[behaviour] * total > 0][:NAMED]
    against = next((item for item in parts if item.points[behaviour] * total < 0), None)
    if not along or abs(total) < SMALL:
        return f"{label} hardly moves ({signed(total)} points)."
    said = " and ".join(f"{signed(item.points[behaviour])} from {part_words(item)}" for item in along)
    text = f"{label}: of {signed(total)} points, {said}"
    if against is not None and abs(against.points[behaviour]) > 0.1 * abs(total):
        text += f"; against it, {signed(against.points[behaviour])} from {part_words(against)}"
    return f"{text}."


def part_words(item: ExplainedPart) -> str:
    """A part as it stands in a sentence and beside its bar."""
    return item.label.lower() if item.kind in (MEASURE, AROUND) else PART_WORDS[item.kind]


def unit_words(result: ExplanationResult) -> str:
    """What the parts are counted in."""
    return "Points of the metric" if result.person is None else "Percentage points of probability, before calibration"


def part_rows(result: ExplanationResult, behaviour: str) -> pd.DataFrame:
    """The parts of one behaviour as they are drawn: part, points, whole (of the last row, the sum)."""
    total = result.end_value[behaviour] - result.start_value[behaviour]
    rows = [(part_words(item), item.points[behaviour]) for item in result.parts if abs(item.points[behaviour]) >= SMALL]
    rest = total - sum(value for _, value in rows)
    if abs(rest) >= SMALL / 10:
        rows.append((OTHERS, rest))
    whole = "together" if result.scenario else "the forecast"
    return pd.DataFrame(
        [*((name, value, False) for name, value in rows), (whole, total, True)], columns=["part", "points", "whole"]
    )
