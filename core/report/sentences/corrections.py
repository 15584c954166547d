"""What corrected shares of answers mean: of a question that personas, or twins of a table, answered and people did not."""

from __future__ import annotations

import pandas as pd

from core.report.document import Block, Details, Document, Figure, Heading, Paragraph, Table
from core.report.figures.twins import share_bars
from core.report.sentences.left_out import left_out_items
from core.services.surveys.calibration_results import PredictedShares
from core.services.surveys.correct import CorrectionPlan, CorrectionResult
from core.study import Study

WAY_WORDS = {
    "corrected": "corrected", "calibrated": "{who} weighted anew", "raw": "{who} as they are",
    "trivial": "mean of people's other answers, no {one}",
}  # fmt: skip
ONE = {"personas": "persona", "twins": "twin"}


def correction_document(result: CorrectionResult, study: Study | None = None) -> Document:
    """The corrected shares, how far such corrections miss, and what they rest on."""
    source = (
        f"{result.place}{' (fictional)' if result.fictional and 'fictional' not in result.place else ''}, {result.personas:,} "
        f"personas, {result.model or 'mapped by assumption, no language model'}; run {result.of_run}"
    )
    rows = tuple((item.question, 100 * item.raw, 100 * item.corrected) for item in result.anchors)
    return Document(
        f"What would people answer to “{result.question.text}”?",
        (
            *share_blocks(result.predicted, f"{source}; people: {result.people_file}", "personas"),
            Details("The questions that people answered", (
                Table(("Question", "Personas miss by (points)", "Corrected misses by (points)"), rows,
                      "Share of answers on the wrong option, each question predicted from the others.", digits=1),
            )),
            *left_out_items(result.left_out),
        ),
        result.fictional, source, result.run_id,
    )  # fmt: skip


def share_blocks(found: PredictedShares, source: str, who: str = "twins") -> tuple[Block, ...]:
    """Headline, picture, figures, and what the correction was worth where people's answers are known."""
    top = max(range(len(found.labels)), key=lambda place: found.shares[place].value)
    best = found.shares[top]
    rows = tuple(
        (label, 100 * share.value, f"{100 * share.lower:.0f} to {100 * share.upper:.0f}", 100 * raw, 100 * trivial)
        for label, share, raw, trivial in zip(found.labels, found.shares, found.raw, found.trivial, strict=True)
    )
    words = {name: text.format(who=who, one=ONE[who]) for name, text in WAY_WORDS.items()}
    counted = ", ".join(f"{words[name]} {100 * share:.0f}%" for name, share in found.mixture.items() if share)
    table = Table(("Answer", "Corrected (%)", f"{found.level}% interval", f"{who.capitalize()} as they are (%)",
                   "Mean of people's other answers (%)"), rows, digits=0)  # fmt: skip
    return (
        Paragraph(
            f"“{found.labels[top]}”: {100 * best.value:.0f}% of people ({found.level}% interval {100 * best.lower:.0f} to "
            f"{100 * best.upper:.0f}); {who} as they are say {100 * found.raw[top]:.0f}%."
        ),
        worth(found, who),
        Figure("corrected-shares", lambda: share_bars(found, source, who.capitalize()),
               "Share of each answer as it was said and as corrected, with its interval.",
               pd.DataFrame(list(rows), columns=list(table.head))),
        table,
        Details("How it is made", (
            Heading("What is mixed"),
            Paragraph(
                f"{counted[:1].upper()}{counted[1:]}: the mixture that served the {found.questions} known questions best, each "
                f"predicted from the others. The interval is as wide as {found.level}% of these needed: it says how far such "
                "corrections were from people, which an interval over personas does not."
            ),
            Table(("Predicted by", "Misses by (points)"),
                  tuple((words[name], 100 * value) for name, value in sorted(found.missed.items(), key=lambda item: item[1])),
                  "Mean share of answers on the wrong option (total variation) over the questions left out in turn.", digits=1),
        )),
    )  # fmt: skip


def worth(found: PredictedShares, who: str = "twins") -> Paragraph:
    """Whether correcting helped where people's answers are known, and whether it needed personas at all."""
    missed = {name: f"{100 * value:.0f}" for name, value in found.missed.items()}
    known = f"On the {found.questions} questions that people did answer, each predicted from the others,"
    if not found.helps:
        return Paragraph(f"{known} correcting does not help: it misses by {missed['corrected']} points, {who} as they are by "
                         f"{missed['raw']}.", "caution")  # fmt: skip
    text = f"{known} the correction misses by {missed['corrected']} points, {who} as they are by {missed['raw']}"
    if found.missed["trivial"] <= found.missed["corrected"]:
        return Paragraph(f"{text}. The trivial baseline wins: the mean of people's other answers misses by {missed['trivial']}, "
                         f"without any {ONE[who]}.", "caution")  # fmt: skip
    return Paragraph(
        f"{text}, the mean of people's other answers, which needs no {ONE[who]}, by {missed['trivial']}.", "good"
    )


def plan_words(plan: CorrectionPlan, mapped: bool) -> str:
    """What correcting would take, before it is begun."""
    if not plan.unasked:
        return f"All {plan.asked} questions were put to these personas already: nothing is asked."
    if mapped:
        return (f"{len(plan.unasked)} questions were not put to these personas and are left out; {plan.asked} were. Without a "
                "model, answer them by a trait or a behaviour above first.")  # fmt: skip
    return (f"{len(plan.unasked)} questions are put to the same personas in the same way first, {plan.calls:,} calls; "
            f"{plan.asked} were already.")  # fmt: skip
