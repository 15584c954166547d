"""What a place made of its donors means, in sentences."""

from __future__ import annotations

from core.report.document import Document, Paragraph, Table
from core.report.sentences.left_out import left_out_items
from core.services.evaluation.donors import DonorsResult

ERROR_WORDS = {
    "synthetic": "made of its donors",
    "last_week": "the last week before, held",
    "donor_mean": "mean of all donors",
}
MOST = 12


def donors_document(result: DonorsResult) -> Document:
    """The difference that something made in one place, how sure, and which places stand in for it."""
    clear = result.lower > 0 or result.upper < 0
    rows = tuple((name, weight) for name, weight in list(result.weights.items())[:MOST])
    errors = tuple(
        (ERROR_WORDS[name], value) for name, value in sorted(result.errors.items(), key=lambda item: item[1])
    )
    return Document(
        f"What would {result.metric.replace('_', ' ')} in {result.place} have been like after {result.day:%-d %B %Y}?",
        (
            Paragraph(
                f"Over the {result.days} days after, {result.metric.replace('_', ' ')} averaged {result.actual:.1f}; made of its "
                f"donors, {result.place} would have been at {result.synthetic:.1f}: a difference of {result.effect:+.1f} points "
                f"({result.level}% interval {result.lower:+.1f} to {result.upper:+.1f}).", "good" if clear else "plain",
            ),
            Paragraph(
                f"The interval is as wide as {result.donors} placebos were off: every donor made of the others, as if it had "
                f"happened there. {100 * result.placebo_share:.0f}% of places moved off their donors as much as {result.place}"
                f"{'' if clear else ', so that chance would do'}. Donors' own days after are used: this is no forecast, and what "
                "happened to donors too is not in the difference."
            ),
            Table(("Place", "Weight"), rows, f"Weights fitted on {result.days_before} days before; error there "
                  f"{result.error_before:.1f} points.", digits=3),
            Table(("After the day, the place as", "Off by (points)"), errors, "Root mean square; an effect is in it.", digits=1),
            *left_out_items(result.left_out),
        ),
    )  # fmt: skip
