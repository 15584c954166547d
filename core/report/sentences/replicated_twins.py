"""What language models' twins of people are worth, beside what asks no model, in sentences."""

from __future__ import annotations

from core.report.document import Document, Heading, Paragraph, Table
from core.services.evaluation.replication_results import TwinsReplication

OWN = {
    "mode": "the mode, nobody known",
    "cell": "commonest answer of the demographic cell",
    "demographics": "demographics, no language model",
    "memory": "memory: demographics and scores, no language model",
    "stack": "memory with the best twin's answers to all questions",
}


def twins_document(result: TwinsReplication) -> Document:
    """Whether a twin, or what asks no model, or both together meet people's own answers."""
    best, memory, stack = result.engines[result.best_twin], result.engines["memory"], result.stack_over_best
    apart = result.memory_over_best
    beside = "less than" if apart.high < 0 else "more than" if apart.low > 0 else "not to be told from"
    return Document(
        f"Do language models' twins answer as the {result.people:,} people they stand for?",
        (
            Paragraph(
                f"The best twin ({result.best_twin}) meets {best.normalised:.3f} of people's own retest ({result.level}% "
                f"interval {best.low:.3f} to {best.high:.3f}); demographics and scores without a language model "
                f"{memory.normalised:.3f}, "
                f"{beside} it; the commonest answer, which knows nobody, {result.engines['mode'].normalised:.3f}.",
                "caution" if apart.high >= 0 else "plain",
            ),
            Paragraph(
                f"Both together reach {result.engines['stack'].normalised:.3f}: {stack.value:.3f} ({stack.low:.3f} to "
                f"{stack.high:.3f}) over the twin. What a twin says to other questions tells of the person too.",
                "good" if stack.low > 0 else "plain",
            ),
            Table(
                ("Who answers", "People", "Same answer", "Of own retest", f"{result.level}% interval", "Spread"),
                tuple(
                    (OWN.get(name, name), item.people, item.exact, item.normalised, f"{item.low:.3f} to {item.high:.3f}",
                     item.variance_ratio)
                    for name, item in result.engines.items()
                ),
                f"{result.items} questions; people repeat {100 * result.retest:.1f}% of their answers. Everybody is predicted by "
                f"the others, in {result.folds} parts. Spread is the variance of answers over people, as a share of theirs.",
                digits=3, strong=frozenset(
                    place for place, name in enumerate(result.engines) if name in ("mode", "memory", "stack", result.best_twin)
                ),
            ),
            Heading("Does it serve everybody alike?"),
            Table(
                ("Attribute", "Who answers", "Best less worst", "By chance", "p", "Worst group", "Its level"),
                tuple(
                    (group.replace("_", " "), OWN.get(name, name), item.difference, item.chance, item.p, item.worst,
                     item.worst_normalised)
                    for group, found in result.parity.items() for name, item in found.items() if item.difference is not None
                ),
                "Shares of answers met, for the retest of groups is not known. A bad engine may differ little: read the level of "
                "the worst group with it.", digits=3,
            ),
        ),
        run_id=result.run_id,
    )  # fmt: skip
