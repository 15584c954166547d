"""What it would take to let a language model decide in a society."""

from __future__ import annotations

from core.report.document import Document, Paragraph
from core.report.sentences.language import cost_before_text
from core.services.society.asking import SocietyCost


def society_cost_document(cost: SocietyCost) -> Document:
    """Situations and calls, and what the estimate does not know."""
    said = (
        f"{cost.decisions:,} decisions in {cost.worlds} of {cost.of_worlds} worlds, through {cost.engine} {cost.model}. "
        f"{cost_before_text(cost)} Rules decided in the model's place to count: a model that sends people elsewhere meets other "
        "situations, and further worlds add some."
    )
    return Document("What would it take to ask a model?", (Paragraph(said),))
