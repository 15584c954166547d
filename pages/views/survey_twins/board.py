"""The board of methods, what the tables say beforehand, question by question, by group, and a new question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.report.document import Block, Code, Details, Figure, Heading, Paragraph
from core.report.documents import document_of
from core.report.figures.twins import board_bars, question_dots
from core.report.sentences.twins import (
    accuracy_blocks,
    board_table,
    diagnostics_blocks,
    group_blocks,
    prediction_document,
    rule,
    verdict,
)
from core.services.surveys.calibrate import calibrated, predicted
from core.services.surveys.calibration_requests import CalibrateRequest, PredictRequest
from core.services.surveys.calibration_results import CalibrationResult, PredictionResult, method_label
from core.services.surveys.kept_calibrations import (
    Request,
    kept_calibration,
    kept_runs,
    read_kept,
    record_of,
)
from core.survey.calibration.base import TWIN_METHODS
from core.survey.calibration.problem import QUESTION, TARGETS
from pages.common.address import pick
from pages.common.job_panel import measure
from pages.common.render import render
from pages.common.shell import Workspace, visitor
from pages.views.survey_twins.tables import Pair

#: Quick ones, which serve most tables.
QUICK = ("ridge", "elastic_net", "synthetic_control", "synthetic_intervention", "stack")
PLACE = {"question": "a new question", "user": "a new person"}


def board_view(workspace: Workspace, pair: Pair) -> None:
    """Choose what to predict and how; see how well that goes, and where."""
    target = str(st.segmented_control(
        "Predict", TARGETS, default=QUESTION, format_func=PLACE.__getitem__, required=True, key="target", bind="query-params",
    ))  # fmt: skip
    known = list(TWIN_METHODS)
    methods = st.multiselect("Methods", known, default=list(QUICK), format_func=method_label, key="methods")
    request = CalibrateRequest(
        pair.names["human"], pair.names["twin"], pair.construction, target, tuple(methods), pair.names.get("demographics"),
        pair.names.get("retest"),
    )  # fmt: skip
    result = _result(
        workspace, pair, request, lambda watch: calibrated(request, pair.tables, pair.people, watch=watch),
        "Predict every hidden answer", "seconds for hundreds of people, a minute or two for thousands",
    )  # fmt: skip
    if isinstance(result, CalibrationResult):
        result_view(result, pair.source)
        best = _best(result)
        if best is not None and target == QUESTION:
            _new_question(workspace, pair, best)
    _again(request)


def result_view(result: CalibrationResult, source: str) -> None:
    """What was measured, wherever it comes from."""
    rows = result.rows()
    render(
        (
            Heading("What it is worth"), verdict(result),
            Figure("survey-twins-board", lambda: board_bars(rows, source), "Mean correlation of each method, best on top.", rows),
            Details("All figures, and how they are made", (board_table(result), Paragraph(rule(result.target)))),
            Heading("Could that be known beforehand?"),
            *diagnostics_blocks(result.diagnostics, result.verdicts, result.names),
        ),
        f"board-{result.target}",
    )  # fmt: skip
    best = _best(result)
    if best is not None and result.target == QUESTION:
        render(_by_question(result, best, source), f"questions-{best}")
    render(accuracy_blocks(result), "accuracy")
    if result.groups and best is not None:
        render((Heading("Who is predicted well?"),), "groups")
        attribute = st.selectbox("By", list(result.groups), format_func=_readable, key="twins-by")
        render(group_blocks(result, str(attribute), best), f"groups-{attribute}")


def kept_view(workspace: Workspace) -> None:
    """A result that was kept, read again without its tables."""
    runs = {run.run_id: run for run in kept_runs(workspace.store)}
    if not runs:
        st.info("Nothing has been kept yet: predict answers of the example, or of two tables.", icon=":material/flag:")
        return
    words = {
        name: " · ".join(
            [str(run.record.parameters["human"]), str(run.record.parameters.get("question") or "the board"),
             f"{run.created_at:%-d %B, %H:%M}"]
        )
        for name, run in runs.items()
    }  # fmt: skip
    chosen = str(pick(workspace.study, "kept", "Result", list(words), words.__getitem__, next(iter(words))))
    result = read_kept(runs[chosen])
    if isinstance(result, CalibrationResult):
        result_view(result, " and ".join(dict.fromkeys((result.human, result.twin))))
    else:
        document = document_of(workspace.store, chosen)
        render((Heading(document.title), *document.blocks), "kept")
    report = f"policytwin report {chosen} --to twins.html"
    render((Details("As a report", (Code(report, "bash"),)),), "report")


def _result(
    workspace: Workspace, pair: Pair, request: Request, work: Callable[[ProgressReporter], Any], label: str, takes: str
) -> CalibrationResult | PredictionResult | None:
    """What is in the store for this request; a button or the progress where nothing is."""
    record = record_of(request, pair.hashes)
    found = workspace.store.find_complete(record.inputs_hash())
    if found is not None:
        return read_kept(found)
    subject = record.inputs_hash()

    def job(watch: ProgressReporter, _: Executor) -> Any:
        return kept_calibration(workspace.store, request, pair.hashes, measure=lambda: work(watch), watch=watch)

    if pair.generated and workspace.jobs.latest(record.kind, subject) is None:
        # The example is small, and there to be seen.
        workspace.jobs.start(record.kind, subject, job, by=visitor())
    measure(workspace, record.kind, subject, job, takes=takes, label=label)
    return None


def _readable(name: str) -> str:
    return name.replace("_", " ")


def _best(result: CalibrationResult) -> str | None:
    return next((str(name) for name in result.rows()["method"] if name in result.methods), None)


def _by_question(result: CalibrationResult, best: str, source: str) -> tuple[Block, ...]:
    own = result.methods[best]
    frame = pd.DataFrame({
        "question": result.names, "raw": result.raw.correlations, "calibrated": own.correlations,
        "lower": own.each_lower or np.nan, "upper": own.each_upper or np.nan,
    }).sort_values("calibrated", ignore_index=True)  # fmt: skip
    worse = int((frame["calibrated"].astype(float).fillna(0) < frame["raw"].astype(float).fillna(0)).sum())
    label = method_label(best)
    shown = frame if len(frame) <= 40 else pd.concat([frame.head(20), frame.tail(20)])
    return (
        Heading("Question by question"),
        Paragraph(f"{label} is worse than the twins as they are on {worse} of {len(frame)} questions. Bars are "
                  f"{own.level}% intervals over people drawn anew."),
        Figure(
            "survey-twins-questions", lambda: question_dots(shown, label, source),
            "Correlation with people's answers of each question, as twins say it and as calibrated.", frame,
        ),
    )  # fmt: skip


def _new_question(workspace: Workspace, pair: Pair, best: str) -> None:
    render((Heading("A question that people were not asked"),), "new")
    st.caption("Take one of the questions as if nobody had been asked it: what people said to it is not read.")
    chosen = str(st.selectbox("Question", pair.tables.questions, key="new-question"))
    request = PredictRequest(pair.names["human"], pair.names["twin"], chosen, pair.construction, best)
    result = _result(
        workspace, pair, request, lambda watch: predicted(request, pair.tables), "Predict it", "seconds to a minute"
    )
    if not isinstance(result, PredictionResult):
        return
    render(prediction_document(result).blocks, "new-answer")
    people = pair.tables.people[:, pair.tables.questions.index(chosen)]
    if np.isfinite(people).any():
        st.caption(f"What people did say to it, now looked at: {float(np.nanmean(people)):.2f} on average.")


def _again(request: CalibrateRequest) -> None:
    words = [f"--human {request.human}", f"--twin {request.twin}", f"--target {request.target}"]
    words += [
        f"--{name} {value}" for name in ("construction", "demographics", "retest") if (value := getattr(request, name))
    ]
    words.append(f"--methods {','.join(request.methods) or 'all'}")
    text = f"policytwin survey calibrate {' '.join(words)} --keep"
    render((Details("The same without a browser", (Code(text, "bash"),)),), "again")
