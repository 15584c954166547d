"""Calibrate twins with people's answers to other questions."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from core.errors import InputError, one_of
from core.execution.progress import ProgressReporter
from core.services.surveys.answer_files import read_answers, read_pair
from core.services.surveys.calibration_requests import CalibrateRequest, PredictRequest
from core.services.surveys.calibration_results import CalibrationResult, PredictionResult
from core.survey.calibration.base import TWIN_METHODS
from core.survey.calibration.board import Board, board, method_names
from core.survey.calibration.diagnostics import diagnose
from core.survey.calibration.problem import QUESTION, CalibrationProblem
from core.survey.calibration.scores import correlations
from core.survey.calibration.tables import AnswerTables, paired
from core.survey.calibration.verdicts import question_verdicts

LEVEL = 80


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

    problem = CalibrationProblem(tables.twins, tables.people, request.target)
    found = board(problem, method_names(request.methods), at)
    result = CalibrationResult(
        human=Path(request.human).name, twin=Path(request.twin).name, construction=request.construction,
        target=request.target, raw=found.raw, trivial=found.trivial, methods=found.methods, people=len(tables.ids),
        questions=len(tables.questions), missing=round(tables.missing, 6), left_out=dict(tables.left_out),
        unmatched=tables.unmatched, blanked=tables.blanked,
        names=tables.ids if request.target == "user" else tables.questions,
        diagnostics=diagnose(problem), verdicts=question_verdicts(problem) if request.target == QUESTION else None,
        seconds=round(time.perf_counter() - began, 3),
    )  # fmt: skip
    return result, found


def predict(request: PredictRequest) -> PredictionResult:
    """People's answers to a new question, with what the method reached on the others. What people answered to it is not read.

    InputError for a question that the twins were not asked, and for tables that do not fit together.
    """
    people, twins = read_answers(request.human), read_answers(request.twin, request.construction)
    question = one_of(request.question, twins.columns, what="question", where=str(request.twin))
    people[question] = np.nan
    tables = paired(people, twins, new=(question,))
    if question not in tables.questions:
        raise InputError(
            tables.left_out.get(question, "is not there"), where=f"question {question}", allowed="twins' answers to it"
        )
    return predicted(tables, question, request.method)


def predicted(tables: AnswerTables, question: str, method: str) -> PredictionResult:
    """The same of tables at hand; people's answers to the question are left out."""
    place = tables.questions.index(question)
    people = tables.people.copy()
    people[:, place] = np.nan
    problem = CalibrationProblem(tables.twins, people)
    answers = TWIN_METHODS[method].make(QUESTION).fit(problem).predict()
    others = np.delete(np.arange(len(tables.questions)), place)
    seen = ~np.isnan(people) & ~np.isnan(tables.twins)
    count = np.maximum(seen.sum(axis=0), 1)
    spread = problem.twin_scale.spread
    missed = ((np.where(seen, people - answers, 0.0).sum(axis=0) / count) / spread)[others]
    reached = np.nan_to_num(correlations(problem, answers)[others])
    # The finite-sample quantile of split conformal prediction, over questions.
    part = min(np.ceil((len(others) + 1) * LEVEL / 100) / len(others), 1.0)
    reach = float(np.quantile(np.abs(missed), part)) * float(spread[place])
    mean = float(answers[:, place].mean())
    tail = (1 - LEVEL / 100) / 2
    return PredictionResult(
        question=question, method=method,
        answers={who: round(float(value), 6) for who, value in zip(tables.ids, answers[:, place], strict=True)},
        mean=round(mean, 6), lower=round(mean - reach, 6), upper=round(mean + reach, 6), level=LEVEL,
        twin_mean=round(float(np.nanmean(tables.twins[:, place])), 6), correlation=round(float(reached.mean()), 6),
        correlation_lower=round(float(np.quantile(reached, tail)), 6),
        correlation_upper=round(float(np.quantile(reached, 1 - tail)), 6),
        people=len(tables.ids), questions=len(others), left_out=dict(tables.left_out),
    )  # fmt: skip
