"""Which document says what a stored result means, by the class of the result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.files_out import written_whole
from core.report.document import Document
from core.report.renderers.html import html_text
from core.report.sentences.counterfactuals import comparison_document, sweep_document
from core.result import Result
from core.services.counterfactuals.results import ComparisonResult, SweepResult
from core.services.library.archive import load_result
from core.services.studies.stored_inputs import stored_study
from core.store.database import Store
from core.study import Study

#: Each takes a result and the study that it is about.
DOCUMENTS: dict[type[Result], Callable[[Any, Study], Document]] = {
    SweepResult: sweep_document,
    ComparisonResult: comparison_document,
}
_MARK = b"Made by PolicyTwin"


def document_of(store: Store, run_id: str) -> Document:
    """What a complete run found, as it is to be read. InputError where nothing is said of its kind."""
    result = load_result(store, run_id)
    if type(result) not in DOCUMENTS:
        raise InputError(f"is a {result.kind}, of which no report is made", where=f"run {run_id}")
    return DOCUMENTS[type(result)](result, stored_study(store, store.run(run_id).record))


def write_report(store: Store, run_id: str, path: Path) -> Path:
    """Write the report of a run as one HTML file. InputError where it cannot be, or another file is in its place."""
    text = html_text(document_of(store, run_id))
    with written_whole(path, "a report", lambda found: _MARK in found.read_bytes()) as place:
        place.write_text(text, encoding="utf-8")
    return path
