"""Starting a run as a job: where another of the study is being made, that is said, and it is shown instead."""

from __future__ import annotations

import streamlit as st

from core.errors import PolicyTwinError
from core.records import content_hash
from core.report.sentences.calibration import request_text
from core.services.dashboard.jobs import OtherJobRuns
from core.services.language.server_check import require_server
from core.services.runs.run import run_once
from core.services.studies.requests import RunRequest
from pages.common.shell import Workspace, plain_text, visitor

KIND = "run"
_REFUSED = "run-not-started"
#: The buttons that start a run, and how those begin that take one up again.
_BUTTONS, _RESUME = ("fit", "simulate"), "resume-"


def _pressed() -> bool:
    """Whether a button that starts a run was pressed on the page as it was drawn last."""
    names = [str(name) for name in st.session_state]
    return any(st.session_state[name] is True for name in names if name in _BUTTONS or name.startswith(_RESUME))


def start_run(workspace: Workspace, request: RunRequest) -> None:
    """Start the run and draw the page anew. The same run asked for by two visitors is one, which both watch.

    What keeps it from being started, as another visitor's run of the study, is said by `say_refusal`.
    """
    store = workspace.store
    try:
        require_server(request.asking)
        workspace.jobs.start(
            KIND,
            workspace.study.id,
            lambda watch, executor: run_once(request, store, watch, executor).run_id,
            what=request_text(request),
            key=content_hash(request),
            by=visitor(),
        )
    except PolicyTwinError as refused:
        st.session_state[_REFUSED] = str(refused)
    st.rerun()


def say_refusal(workspace: Workspace) -> None:
    """Why the run that was just asked for was not started, if so; call it above the progress of what is at work."""
    refused = st.session_state.pop(_REFUSED, None)
    job = workspace.jobs.latest(KIND, workspace.study.id)
    if refused is None and job is not None and job.active and _pressed():
        # A button of a page that was drawn before another visitor's run began: it is not drawn any more.
        refused = str(OtherJobRuns(job, own=job.by == visitor()))
    if refused:
        st.error(plain_text(refused), icon=":material/error:")
