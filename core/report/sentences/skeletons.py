"""What `policytwin study new` wrote, and what is to be checked."""

from __future__ import annotations

import shlex

from core.report.document import Code, Document, Items, Paragraph
from core.services.studies.skeleton import SkeletonResult

#: Of a study whose place has no population file of its own.
STAND_IN = "Its people are a stand-in, the world's adults: a population file of its own says who lives there."


def skeleton_document(result: SkeletonResult, data: str) -> Document:
    """The columns and what they were taken for, and how to go on."""
    taken = [
        f"Behaviours: {', '.join(result.behaviours)}.",
        f"Levers: {', '.join(result.levers)}.",
        *([f"Context: {', '.join(result.context)}."] if result.context else []),
        *(f"Not used: {name}, which {why}." for name, why in result.left_out.items()),
    ]
    words = ["policytwin", "run", result.study, "--data", data]
    return Document(
        f"A study of {result.places} places by {result.step}",
        (
            Items(tuple(taken)),
            Paragraph(
                f"Written to {result.study} and {result.coefficients}. Go through the lines with CHECK: what a column means, "
                "and in which direction a policy moves it, no file can tell."
            ),
            Code(shlex.join(words), "bash"),
        ),
    )
