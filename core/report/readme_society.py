"""README's part on the society: stylised facts, inside their ranges or not."""

from __future__ import annotations

from core.report.readme_text import measured_line, paragraph, table_of
from core.report.sentences.society_facts import HEAD, WHAT, counted, fact_row
from core.services.society.facts import MeasuredFacts


def society_table(found: MeasuredFacts) -> str:
    """Every figure, the count, and what is not computed."""
    result = found.result
    rows = [list(fact_row(item)) for item in result.figures]
    missing = "; ".join(f"{item.fact} ({item.reason})" for item in result.left_out)
    said = [counted(result), WHAT, f"Not computed and not counted: {missing}."]
    return f"{table_of(HEAD, rows)}\n\n{paragraph(said)}\n\n{measured_line(found.header)}"
