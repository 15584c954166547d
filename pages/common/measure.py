"""A measurement that takes a while: a button to start it as a job, its progress, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.services.dashboard.jobs import FAILED, STOPPED
from pages.common.shell import Workspace, show_job, visitor

NOTHING_KEPT = "Nothing of it is kept."
#: Of what asks a language model: its answers are in the cache.
ANSWERS_KEPT = "What was answered is kept, and is not asked again."


def measure(
    workspace: Workspace,
    kind: str,
    subject: str,
    work: Callable[[ProgressReporter, Executor], Any],
    *,
    takes: str,
    label: str = "Measure it",
    primary: bool = True,
    keeps: str = NOTHING_KEPT,
) -> None:
    """A button that starts `work` as a job, or its progress where it runs; `takes` says how long it takes,
    and `keeps` what is left of it where it was stopped.

    The page runs again when the work is done, and finds the result in the store.
    """
    job = workspace.jobs.latest(kind, subject)
    if job is not None and job.active:
        with st.container(border=True):
            _watch(workspace, kind, subject, keeps)
        return
    if job is not None and job.status == STOPPED:
        st.info(job.message if job.cut_off else f"It was stopped. {keeps}", icon=":material/stop_circle:")
    elif job is not None and job.status == FAILED:
        with st.container(border=True):
            st.error(f"It ended early. {keeps} The reason:", icon=":material/error:")
            st.text(job.message)
    kept = st.container(horizontal=True, vertical_alignment="center")
    if kept.button(
        label, key=f"measure-{kind}", type="primary" if primary else "secondary", icon=":material/play_arrow:"
    ):
        workspace.jobs.start(kind, subject, work, by=visitor())
        st.rerun()
    kept.caption(f"Takes {takes}. You can leave or reload this page meanwhile.")


@st.fragment(run_every=1.0)
def _watch(workspace: Workspace, kind: str, subject: str, keeps: str) -> None:
    job = workspace.jobs.latest(kind, subject)
    if job is None or not job.active:
        st.rerun()
    assert job is not None
    show_job(job, keeps)
