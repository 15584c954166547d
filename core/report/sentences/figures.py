"""Measured figures in plain words."""

from __future__ import annotations

from core.report.document import Block, Document, Items, Paragraph, Table
from core.services.evaluation.results import FiguresResult


def figures_document(result: FiguresResult) -> Document:
    """What was measured and how long it took, what README says otherwise, and what other code or other files made."""
    rows = tuple(
        (name, "measured" if item.made else "as it was", f"{item.seconds:.0f}", item.file)
        for name, item in result.measured.items()
    )
    blocks: list[Block] = [Table(("Measurement", "", "Seconds", "File"), rows)] if rows else []
    blocks += [Paragraph(f"README differs from its figures: {name}", "bad") for name in result.differing]
    if not result.differing:
        blocks.append(Paragraph("README was filled." if result.filled else "README says what the files say."))
    stale = tuple(f"Not of this code and these files: {name} ({why})" for name, why in result.stale.items())
    return Document("Do README and pages quote what was measured?", (*blocks, *((Items(stale),) if stale else ())))
