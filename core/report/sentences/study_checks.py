"""What a check of a study's files found."""

from __future__ import annotations

from core.report.document import Document, Items, Paragraph
from core.report.sentences.domain import periods
from core.report.sentences.left_out import left_out_items
from core.services.studies.checks import StudyCheck
from core.study import Step


def check_document(found: StudyCheck) -> Document:
    """The places that can be used, and why others cannot."""
    count = f"{found.places} place{'' if found.places == 1 else 's'}"
    seen = tuple(f"{name}: {periods(Step(found.step), number)} observed." for name, number in found.observed.items())
    good = Paragraph(f"{count} can be used, {found.first} to {found.last}.", "good" if found.places else "bad")
    return Document(f"The files of {found.study}", (good, Items(seen), *left_out_items(found.left_out)))
