"""The board of methods, what the tables say beforehand, question by question, by group, and a new question."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from core.report.document import Code, Details, Figure, Heading, Paragraph, Table
from core.report.figures.twins import board_bars, question_dots
from core.report.sentences.twins import board_table, diagnostics_blocks, prediction_document, rule, verdict
from core.services.surveys.calibrate import calibrated, predicted
from core.services.surveys.calibration_requests import CalibrateRequest
from core.services.surveys.calibration_results import CalibrationResult, method_label
from core.survey.calibration.base import TWIN_METHODS
from core.survey.calibration.board import RAW, TRIVIAL, Board
from core.survey.calibration.problem import QUESTION, TARGETS, CalibrationProblem
from core.survey.calibration.scores import by_group
from pages.common.render import render
from pages.views.survey_twins.tables import Pair

#: Quick ones, of tables that are brought; the example is small enough for all.
QUICK = ("ridge", "elastic_net", "synthetic_control", "synthetic_intervention", "stack")
PLACE = {"question": "a new question", "user": "a new person"}


def board_view(pair: Pair) -> None:
    """Choose what to predict and how; see how well that goes, and where."""
    left, right = st.columns([2, 3])
    target = left.segmented_control(
        "Predict",
        TARGETS,
        default=QUESTION,
        format_func=PLACE.__getitem__,
        required=True,
        key="target",
        bind="query-params",
    )
    known = list(TWIN_METHODS)
    methods = right.multiselect(
        "Methods", known, default=known if pair.generated else list(QUICK), format_func=method_label, key="methods"
    )
    result, board = _calibrated(pair, str(target), tuple(methods))
    source = f"{pair.name}{' (generated: nobody was asked)' if pair.generated else ''}"
    rows = result.rows()
    render(
        (
            Heading("Is it likely to help?"), *diagnostics_blocks(result.diagnostics, result.verdicts, result.names),
            Heading("What it is worth"), verdict(result),
            Figure("survey-twins-board", lambda: board_bars(rows, source), "Mean correlation of each method, best on top.", rows),
            Details("All figures, and how they are made", (board_table(result), Paragraph(rule(result.target)))),
        ),
        f"board-{target}",
    )  # fmt: skip
    best = next((name for name in rows["method"] if name in result.methods), None)
    if best is not None and target == QUESTION:
        _by_question(pair, result, best, source)
        _by_group(pair, board, best)
        _new_question(pair, best)
    render((Details("The same without a browser", (Code(
        "policytwin survey calibrate --human PEOPLE --twin TWINS "
        f"--target {target} --methods {','.join(methods) or 'all'}", "bash",
    ),)),), "again")  # fmt: skip


@st.cache_resource(show_spinner="Predicting every answer as if it were not there…", max_entries=8)
def _kept(key: str, target: str, methods: tuple[str, ...], _pair: Pair) -> tuple[CalibrationResult, Board]:
    request = CalibrateRequest(_pair.name, _pair.name, None, target, methods)
    return calibrated(request, _pair.tables)


def _calibrated(pair: Pair, target: str, methods: tuple[str, ...]) -> tuple[CalibrationResult, Board]:
    return _kept(pair.key, target, methods, pair)


def _by_question(pair: Pair, result: CalibrationResult, best: str, source: str) -> None:
    frame = pd.DataFrame(
        {
            "question": pair.tables.questions,
            "raw": result.raw.correlations,
            "calibrated": result.methods[best].correlations,
        }
    ).sort_values("calibrated", ignore_index=True)
    worse = int((frame["calibrated"].fillna(0) < frame["raw"].fillna(0)).sum())
    label = method_label(best)
    shown = frame if len(frame) <= 40 else pd.concat([frame.head(20), frame.tail(20)])
    render(
        (
            Heading("Question by question"),
            Paragraph(f"{label} is worse than the twins as they are on {worse} of {len(frame)} questions."),
            Figure(
                "survey-twins-questions", lambda: question_dots(shown, label, source),
                "Correlation with people's answers of each question, as twins say it and as calibrated.", frame,
            ),
        ),
        f"questions-{best}",
    )  # fmt: skip


def _by_group(pair: Pair, board: Board, best: str) -> None:
    if pair.groups is None:
        return
    problem = CalibrationProblem(pair.tables.twins, pair.tables.people)
    found = {name: by_group(problem, board.answers[name], pair.groups) for name in (RAW, TRIVIAL, best)}
    groups = list(found[RAW])
    gap = {name: max(values.values()) - min(values.values()) for name, values in found.items()}
    table = Table(
        ("Predicted by", *groups, "Best less worst group"),
        tuple((method_label(name), *(found[name][group] for group in groups), gap[name]) for name in found),
        "Mean correlation within each group (demographic parity difference: best less worst). A small one is no merit by itself.",
        digits=3,
    )
    render((Heading("Who is predicted well"), table), "groups")


def _new_question(pair: Pair, best: str) -> None:
    render((Heading("A question that people were not asked"),), "new")
    st.caption("Take one of the questions as if nobody had been asked it: what people said to it is not read.")
    chosen = st.selectbox("Question", pair.tables.questions, key="new-question")
    result = predicted(pair.tables, str(chosen), best)
    render(prediction_document(result).blocks, "new-answer")
    place = pair.tables.questions.index(str(chosen))
    people = pair.tables.people[:, place]
    real = float(np.nanmean(people)) if np.isfinite(people).any() else None
    if real is not None:
        st.caption(f"What people did say to it, now looked at: {real:.2f} on average.")
