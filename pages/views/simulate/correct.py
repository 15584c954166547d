"""Correct a question's answers by what people said to other questions, in one click, and read what comes of it."""

from __future__ import annotations

import streamlit as st

from core.errors import InputError, PolicyTwinError
from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.report.document import Code, Details
from core.report.sentences.corrections import correction_document, plan_words
from core.services.language.server_check import require_server
from core.services.surveys.correct import (
    CorrectionResult,
    correct_asked,
    kept_corrections,
    people_of,
    plan_correction,
)
from core.services.surveys.people_shares import BETWEEN, LAYOUT, PeopleShares, people_shares_of
from core.services.surveys.requests import asked_with
from core.services.surveys.results import SurveyResult
from core.store.runs import StoredRun
from core.survey.calibration.correction import FEWEST_QUESTIONS
from pages.common.job_panel import ANSWERS_KEPT, measure
from pages.common.model_choices import may_be_asked
from pages.common.render import render
from pages.common.shell import Workspace, plain_text

KIND = CorrectionResult.kind


def correct_view(workspace: Workspace, run: StoredRun, result: SurveyResult) -> None:
    """The button, where people's answers to other questions are there, and the correction of this question."""
    st.markdown("## What would people say?")
    if result.question.several:
        st.caption("Answers of which several may be given cannot be corrected by others.")
        return
    done = kept_corrections(workspace.store, workspace.study.id)
    own = next((item for item in done if item.record.parameters["of_run"] == run.run_id), None)
    with st.container(border=True):
        people = _people(workspace, result, done)
        if people is not None:
            _button(workspace, run, people)
    if own is not None:
        found = CorrectionResult.from_dict({**own.summary, "run_id": own.run_id})
        render(correction_document(found, workspace.study).blocks, "corrected")
        render((Details("As a report, or again", (Code(
            f"policytwin report {own.run_id} --to corrected.html\npolicytwin rerun {own.run_id}", "bash",
        ),)),), "corrected-report")  # fmt: skip


def _people(workspace: Workspace, result: SurveyResult, done: list[StoredRun]) -> PeopleShares | None:
    """People's answers to other questions: a file, or those that the newest correction used."""
    st.caption(
        "Personas are not people. Bring what people answered to other questions of the same form, from any survey: PolicyTwin "
        "puts those questions to the same personas, learns how their answers must be weighted to agree with people's, and says "
        f"what people would answer here, how sure that is, and whether it helps. {FEWEST_QUESTIONS} questions or more."
    )
    file = st.file_uploader(
        "People's answers to other questions", ["csv", "parquet"], key="people-shares",
        help=f"{LAYOUT}. Of a question with other answers of as many, a column 'answers' names them, parted by {BETWEEN}.",
    )  # fmt: skip
    try:
        if file is not None:
            return people_shares_of(file.getvalue(), file.name, result.question)
        if done:
            people = people_of(workspace.store, done[0].record, result.question)
            st.caption(plain_text(f"Without a file: {people.name}, as in the newest correction."))
            return people
    except InputError as wrong:
        st.error(plain_text(str(wrong)), icon=":material/error:")
    return None


def _button(workspace: Workspace, run: StoredRun, people: PeopleShares) -> None:
    store = workspace.store
    asking = asked_with(run.record)
    try:
        plan = plan_correction(store, run.run_id, people)
    except PolicyTwinError as wrong:
        st.error(plain_text(str(wrong)), icon=":material/error:")
        return
    usable = plan.asked + (0 if asking is None else len(plan.unasked))
    st.caption(plan_words(plan, asking is None))
    if usable < FEWEST_QUESTIONS:
        why = f"{usable} questions of {plain_text(people.name)} can be used, {FEWEST_QUESTIONS} are needed."
        st.warning(why, icon=":material/flag:")
        return
    if plan.unasked and asking is not None and not may_be_asked(asking):
        st.caption("The model cannot be asked from here yet: see above.")
        return

    def work(watch: ProgressReporter, _: Executor) -> CorrectionResult:
        if plan.unasked and asking is not None:
            require_server(asking)
        return correct_asked(store, run.run_id, people, put=True, watch=watch)

    measure(
        workspace, KIND, run.run_id, work, label="Correct with people's answers", keeps=ANSWERS_KEPT,
        takes="a moment" if not plan.unasked else "as long as the model needs for these calls",
    )  # fmt: skip
