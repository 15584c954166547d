"""README's parts on the society: stylised facts, inside their ranges or not, and whether posts sell."""

from __future__ import annotations

from core.report.document import Paragraph
from core.report.readme_text import measured_line, paragraph, table_of
from core.report.sentences.society_attention import ARM_WORDS, attention_document, span
from core.report.sentences.society_facts import HEAD, WHAT, counted, fact_row
from core.services.society.facts import MeasuredFacts
from core.society.attention_verdict import AttentionResult
from core.validity.measured import ShownResult


def society_table(found: MeasuredFacts) -> str:
    """Every figure, the count, and what is not computed."""
    result = found.result
    rows = [list(fact_row(item)) for item in result.figures]
    missing = "; ".join(f"{item.fact} ({item.reason})" for item in result.left_out)
    said = [counted(result), WHAT, f"Not computed and not counted: {missing}."]
    return f"{table_of(HEAD, rows)}\n\n{paragraph(said)}\n\n{measured_line(found.header)}"


def attention_tables(found: ShownResult) -> str:
    """Sales by dose in each arm, the shape, and every sentence of the test."""
    result = AttentionResult.from_dict(found.result)
    arms = list(result.arms.items())
    head = ["Posts an hour", *(f"Sales relative to none: {ARM_WORDS[name]}" for name, _ in arms)]
    rows = [
        [
            f"{doses[0].posts_per_hour:g}",
            *(f"{item.relative_sales:.3f} ({span(item.low, item.high)})" for item in doses),
        ]
        for doses in zip(*(arm.doses for _, arm in arms), strict=True)
    ]
    for name, a, low, high in (("bend a", "a", "a_low", "a_high"), ("rise b", "b", "b_low", "b_high")):
        rows.append(
            [name, *(f"{getattr(arm, a):.3f} ({span(getattr(arm, low), getattr(arm, high))})" for _, arm in arms)]
        )
    said = [paragraph([item.text]) for item in attention_document(result).blocks if isinstance(item, Paragraph)]
    return "\n\n".join([table_of(head, rows), *said, measured_line(found.header)])
