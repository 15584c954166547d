"""What a place made of its donors means, in sentences."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from core.report.document import Block, Document, Figure, Paragraph, Table, signed
from core.report.figures.donors import donors_path
from core.report.reproduction import Reproduction, reproduction
from core.report.sentences.left_out import left_out_items
from core.services.evaluation.donors import DonorsRequest, DonorsResult, kept_donors

ERROR_WORDS = {
    "synthetic": "made of its donors",
    "last_week": "the last week before, held",
    "donor_mean": "mean of all donors",
}
#: As many rows as a page shows without scrolling inside a table.
MOST = 9


def donors_document(result: DonorsResult) -> Document:
    """The difference that something made in one place, how sure, and which places stand in for it."""
    clear = result.lower > 0 or result.upper < 0
    rows = tuple((name, weight) for name, weight in list(result.weights.items())[:MOST])
    errors = tuple(
        (ERROR_WORDS[name], value) for name, value in sorted(result.errors.items(), key=lambda item: item[1])
    )
    metric = result.metric.replace("_", " ")
    what: tuple[Block, ...] = (
        Table(("Place", "Weight"), rows, f"Weights fitted on {result.days_before} days before; error there "
              f"{result.error_before:.1f} points.", digits=3),
        Table(("After the day, the place as", "Off by (points)"), errors, "Root mean square; an effect is in it.", digits=1),
        *left_out_items(result.left_out),
    )  # fmt: skip
    return Document(
        f"What would {metric} in {result.place} have been like after {result.day:%-d %B %Y}?",
        (
            Paragraph(
                f"Over the {result.days} days after, {metric} averaged {result.actual:.1f}; made of its donors, {result.place} "
                f"would have been at {result.synthetic:.1f}: a difference of {signed(result.effect)} points ({result.level}% "
                f"interval {signed(result.lower)} to {signed(result.upper)}).", "good" if clear else "plain",
            ),
            *_path(result, metric),
            Paragraph(
                f"The interval is as wide as {result.donors} placebos were off: every donor made of the others, as if it had "
                f"happened there. {100 * result.placebo_share:.0f}% of places moved off their donors as much as {result.place}"
                f"{'' if clear else '; the interval includes 0'}. Donors' own days after are used: this is "
                "no forecast, and what happened to donors too is not in the difference."
            ),
            *what,
        ),
        source=result.mobility, run_id=result.run_id,
    )  # fmt: skip


def _path(result: DonorsResult, metric: str) -> tuple[Block, ...]:
    if not result.path:
        return ()
    rows = pd.DataFrame([asdict(item) for item in result.path])
    return (Figure(
        f"donors-{result.place}-{result.metric}",
        lambda: donors_path(rows, result.day, result.place, metric, f"{result.mobility}, weekly means"),
        f"{metric.capitalize()} in {result.place} by week, as it was and as its donors make it.", rows,
    ),)  # fmt: skip


def reproduce_donors(request: DonorsRequest, name: str) -> Reproduction:
    """The lines that ask for the same of a file called `name`."""
    note = "DIR is the folder of the file."
    return reproduction("donors", replace(request, mobility=Path("DIR") / name), kept_donors, note=note)
