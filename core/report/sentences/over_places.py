"""What scenarios change over all places of a panel."""

from __future__ import annotations

from core.report.document import Document, Heading, Items, Paragraph, Table, signed
from core.report.sentences.left_out import left_out_items
from core.services.counterfactuals.over_places import PlacesComparison, TotalRow
from core.study import Behaviour, Study

TOGETHER = (
    "The interval of the total is as if all places erred together, the widest that it can be. It holds what the engine and the "
    "calibration leave open; it is no causal effect."
)


def places_document(result: PlacesComparison, study: Study) -> Document:
    """The totals first, then each place."""
    count = len({row.place for row in result.places})
    names = ", ".join(f"“{item.scenario}”" for item in result.totals)
    weighed = f"weighted by {result.weight}" if result.weight else "each counting alike"
    said = tuple(_sentence(item, behaviour) for item in result.totals for behaviour in study.behaviours)
    first = study.behaviours[0]
    rows = sorted(result.places, key=lambda row: row.difference[first.id])
    return Document(
        f"What would {names} change over the {count} places of {study.place}?",
        (
            Items(said),
            Paragraph(f"Mean over {count} places, {weighed}, against the policy that was in force in each."),
            Paragraph(TOGETHER),
            Heading("Place by place"),
            Table(
                ("Place", "Policy", first.label, "10%", "90%"),
                tuple(
                    (row.place, row.scenario, row.difference[first.id], row.lower[first.id], row.upper[first.id])
                    for row in rows
                ),
                "Points of the metric, mean over the time compared.",
            ),
            *left_out_items(result.left_out),
        ),
        result.fictional,
    )


def _sentence(item: TotalRow, behaviour: Behaviour) -> str:
    value, low, high = (part[behaviour.id] for part in (item.difference, item.lower, item.upper))
    clear = "" if low > 0 or high < 0 else "no clear difference: "
    span = f"80% interval {signed(low)} to {signed(high)}"
    return f"{behaviour.label} under “{item.scenario}”: {clear}{signed(value)} points ({span})."
