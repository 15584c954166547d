"""Calibrate twins with people's answers to other questions."""

from __future__ import annotations

import time
from pathlib import Path

from core.execution.progress import ProgressReporter
from core.services.surveys.answer_files import read_pair
from core.services.surveys.calibration_requests import CalibrateRequest
from core.services.surveys.calibration_results import CalibrationResult
from core.survey.calibration.board import Board, board, method_names
from core.survey.calibration.problem import CalibrationProblem
from core.survey.calibration.tables import AnswerTables


def calibrate(request: CalibrateRequest, *, watch: ProgressReporter | None = None) -> CalibrationResult:
    """Predict every question (or user) of two tables with each method, as if people had not answered it, and score that.

    InputError for tables that cannot be read or paired. Cancelled where the watch says stop.
    """
    tables = read_pair(request.human, request.twin, request.construction)
    return calibrated(request, tables, watch=watch)[0]


def calibrated(
    request: CalibrateRequest, tables: AnswerTables, *, watch: ProgressReporter | None = None
) -> tuple[CalibrationResult, Board]:
    """The same of tables at hand, with the predictions."""
    began = time.perf_counter()
    reporter = watch or ProgressReporter()

    def at(name: str, done: int, total: int) -> None:
        reporter.check()
        reporter.report("calibrate", done, total, name)

    found = board(CalibrationProblem(tables.twins, tables.people, request.target), method_names(request.methods), at)
    result = CalibrationResult(
        human=Path(request.human).name, twin=Path(request.twin).name, construction=request.construction,
        target=request.target, raw=found.raw, trivial=found.trivial, methods=found.methods, people=len(tables.ids),
        questions=len(tables.questions), missing=round(tables.missing, 6), left_out=dict(tables.left_out),
        unmatched=tables.unmatched, blanked=tables.blanked,
        names=tables.ids if request.target == "user" else tables.questions,
        seconds=round(time.perf_counter() - began, 3),
    )  # fmt: skip
    return result, found
