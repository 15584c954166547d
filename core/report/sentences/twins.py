"""What calibrated twins mean, in sentences and tables."""

from __future__ import annotations

from core.report.document import Document, Paragraph, Table
from core.report.sentences.left_out import left_out_items
from core.services.surveys.calibration_results import CalibrationResult

#: A lead of fewer standard errors than this is not told apart from chance.
CLEAR = 2.0
BASELINE_WORDS = {
    "question": "a person's own mean over other questions",
    "user": "the mean of the other people's answers",
}
RULE = (
    "Each row predicts every {unit} as if people had not answered {it}, and is scored by Pearson's correlation with what they "
    "said. The mean counts an undefined correlation, where a prediction is the same for everybody, as 0; “where defined” "
    "leaves those out."
)


def verdict(result: CalibrationResult) -> Paragraph:
    """Which is best, and whether twins were needed for it."""
    rows = result.rows()
    best = rows[~rows["method"].isin(["raw", "trivial"])].iloc[0] if result.methods else None
    raw, trivial = result.raw.mean_correlation, result.trivial.mean_correlation
    baseline = BASELINE_WORDS[result.target]
    if best is None:
        return Paragraph(f"Twins as they are reach {raw:.3f}; {baseline}, which needs no twin, {trivial:.3f}.")
    value = float(best["mean_correlation"])
    text = f"{best['label']} reaches {value:.3f}, twins as they are {raw:.3f}."
    if trivial >= value:
        return Paragraph(
            f"{text} The trivial baseline wins: {baseline} reaches {trivial:.3f}, without any twin.", "caution"
        )
    clear = value - raw > CLEAR * float(best["standard_error"])
    return Paragraph(f"{text} The trivial baseline, {baseline}, reaches {trivial:.3f}.", "good" if clear else "plain")


def board_table(result: CalibrationResult) -> Table:
    """Raw twins, the trivial baseline and every method, best first."""
    rows = result.rows()
    units = result.raw.units
    return Table(
        ("Method", "Mean correlation", "Standard error", "Where defined", "Defined", "CPU seconds"),
        tuple(
            (row.label, row.mean_correlation, row.standard_error, row.mean_correlation_defined, f"{row.defined} of {units}",
             f"{row.cpu_seconds:.1f}" if row.method in result.methods else "")
            for row in rows.itertuples()
        ),
        digits=3,
        strong=frozenset(int(place) for place in rows.index[rows["method"].isin(["raw", "trivial"])]),
    )  # fmt: skip


def calibration_document(result: CalibrationResult) -> Document:
    """The board and what it rests on."""
    question = result.target == "question"
    which = f", {result.construction}" if result.construction else ""
    return Document(
        f"Do calibrated twins predict a new {result.target}?",
        (
            verdict(result),
            board_table(result),
            Paragraph(RULE.format(unit="question" if question else "user", it="it" if question else "anything")),
            Paragraph(
                f"{result.people:,} people and {result.questions} questions of {result.human}, twins of {result.twin}{which}; "
                f"{100 * result.missing:.0f}% of the people's cells are empty."
                + (f" {result.unmatched:,} ids are in one table only." if result.unmatched else "")
                + (
                    f" {result.blanked:,} answers have no twin's beside them and are not scored."
                    if result.blanked
                    else ""
                )
            ),
            *left_out_items(result.left_out),
        ),
        source=f"{result.human} and {result.twin}",
    )
