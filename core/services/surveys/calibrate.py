"""Calibrate twins with people's answers to other questions."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import InputError, one_of
from core.execution.progress import ProgressReporter
from core.records import content_hash
from core.services.surveys.answer_files import read_answers, read_pair, read_retest, read_traits
from core.services.surveys.calibration_requests import CalibrateRequest, PredictRequest
from core.services.surveys.calibration_results import CalibrationResult, PredictedShares, PredictionResult
from core.statistics.levels import SHOWN, tails
from core.survey.calibration.accuracy import accuracies, group_scores
from core.survey.calibration.base import TWIN_METHODS
from core.survey.calibration.board import TRIVIAL, board, method_names
from core.survey.calibration.correction import FEWEST_QUESTIONS, corrected_shares
from core.survey.calibration.diagnostics import diagnose
from core.survey.calibration.problem import QUESTION, CalibrationProblem
from core.survey.calibration.scores import correlations
from core.survey.calibration.tables import AnswerTables, paired
from core.survey.calibration.verdicts import question_verdicts
from core.survey.questions import MOST_POINTS

LEVEL = SHOWN


@dataclass(frozen=True)
class People:
    """What is known of the people of a pair besides: `traits` by id, and the share who repeat their answer by question."""

    traits: pd.DataFrame | None = None
    retest: pd.Series | None = None


def calibrate(request: CalibrateRequest, *, watch: ProgressReporter | None = None) -> CalibrationResult:
    """Predict every question (or user) of two tables with each method, as if people had not answered it, and score that.

    InputError for tables that cannot be read or paired. Cancelled where the watch says stop.
    """
    tables = read_pair(request.human, request.twin, request.construction)
    return calibrated(request, tables, people_of(request), watch=watch)


def people_of(request: CalibrateRequest) -> People:
    """What the request's files say of people."""
    return People(
        None if request.demographics is None else read_traits(request.demographics),
        None if request.retest is None else read_retest(request.retest),
    )


def calibrated(
    request: CalibrateRequest, tables: AnswerTables, people: People | None = None, *, watch: ProgressReporter | None = None
) -> CalibrationResult:  # fmt: skip
    """The same of tables at hand."""
    began, people = time.perf_counter(), people or People()
    reporter = watch or ProgressReporter()

    def at(name: str, done: int, total: int) -> None:
        reporter.check()
        reporter.report("calibrate", done, total, name)

    problem = CalibrationProblem(tables.twins, tables.people, request.target)
    found = board(problem, method_names(request.methods), at)
    reporter.check()
    by_question = request.target == QUESTION
    verdicts = question_verdicts(problem) if by_question else None
    accuracy, groups = {}, {}
    if by_question and (people.traits is not None or people.retest is not None):
        traits = None if people.traits is None else people.traits.reindex(list(tables.ids))
        retest = None if people.retest is None else people.retest.reindex(list(tables.questions)).to_numpy(float)
        # The trivial baseline orders people, and is on no question's own scale.
        placed = {name: table for name, table in found.answers.items() if name != TRIVIAL}
        accuracy = accuracies(problem, placed, retest, traits)
        groups = {} if traits is None else group_scores(problem, placed, traits)
    result = CalibrationResult(
        human=Path(request.human).name, twin=Path(request.twin).name, construction=request.construction,
        target=request.target, raw=found.raw, trivial=found.trivial, methods=found.methods, people=len(tables.ids),
        questions=len(tables.questions), missing=round(tables.missing, 6), left_out=dict(tables.left_out),
        unmatched=tables.unmatched, blanked=tables.blanked, names=tables.questions if by_question else tables.ids,
        diagnostics=diagnose(problem), verdicts=verdicts, accuracy=accuracy, groups=groups,
        seconds=round(time.perf_counter() - began, 3),
    )  # fmt: skip
    told = {name: item.correlations for name, item in result.scores().items()}
    return replace(result, result_hash=content_hash([told, verdicts, accuracy, groups]))


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
    return predicted(request, tables)


def predicted(request: PredictRequest, tables: AnswerTables) -> PredictionResult:
    """The same of tables at hand; people's answers to the question are left out."""
    began, question, method = time.perf_counter(), request.question, request.method
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
    low, high = tails(LEVEL)
    shares = _shares(tables.twins, people, place)
    result = PredictionResult(
        human=Path(request.human).name, twin=Path(request.twin).name, question=question, method=method,
        answers={who: round(float(value), 6) for who, value in zip(tables.ids, answers[:, place], strict=True)},
        mean=round(mean, 6), lower=round(mean - reach, 6), upper=round(mean + reach, 6), level=LEVEL,
        twin_mean=round(float(np.nanmean(tables.twins[:, place])), 6), correlation=round(float(reached.mean()), 6),
        correlation_lower=round(float(np.quantile(reached, low)), 6),
        correlation_upper=round(float(np.quantile(reached, high)), 6),
        people=len(tables.ids), questions=len(others), shares=shares, left_out=dict(tables.left_out),
        seconds=round(time.perf_counter() - began, 3),
    )  # fmt: skip
    return replace(result, result_hash=content_hash([result.answers, result.lower, result.upper, shares]))


def _shares(twins: np.ndarray, people: np.ndarray, place: int) -> PredictedShares | None:
    """Shares of each answer, by the other questions that people answered in the same whole numbers; None where these are few."""
    values = np.unique(twins[~np.isnan(twins[:, place]), place])
    kept = []
    for other in np.delete(np.arange(twins.shape[1]), place):
        said, told = people[~np.isnan(people[:, other]), other], twins[~np.isnan(twins[:, other]), other]
        if len(said) and np.array_equal(np.unique(np.r_[said, told]), values):
            kept.append(int(other))
    if len(kept) < FEWEST_QUESTIONS or not 2 <= len(values) <= MOST_POINTS:
        return None

    def places(column: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(column), -1, np.searchsorted(values, np.nan_to_num(column)))

    counts = np.array([[(people[:, other] == value).sum() for value in values] for other in kept], dtype=float)
    found = corrected_shares(
        places(twins[:, place]), np.stack([places(twins[:, other]) for other in kept]), counts / counts.sum(1, keepdims=True)
    )  # fmt: skip
    return PredictedShares.of(found, [f"{value:g}" for value in values])
