"""A measurement that takes a while: a button to start it as a job, its progress, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import streamlit as st

from core.services.jobs import FAILED, STOPPED
from core.services.progress import Watch
from pages.shared.shell import Workspace, show_job


def measure(
    workspace: Workspace,
    kind: str,
    subject: str,
    work: Callable[[Watch, Executor], Any],
    *,
    takes: str,
    label: str = "Measure it",
    primary: bool = True,
) -> None:
    """A button that starts `work` on the job board, or its progress where it runs; `takes` says how long it takes.

    The page runs again when the work is done, and finds the result in the store.
    """
    job = workspace.board.latest(kind, subject)
    if job is not None and job.active:
        with st.container(border=True):
            _watch(workspace, kind, subject)
        return
    if job is not None and job.status == STOPPED:
        st.info("The measurement was stopped. Nothing of it was kept.", icon=":material/stop_circle:")
    elif job is not None and job.status == FAILED:
        st.error("The measurement ended early:", icon=":material/error:")
        st.text(job.message)
    kept = st.container(horizontal=True, vertical_alignment="center")
    if kept.button(
        label, key=f"measure-{kind}", type="primary" if primary else "secondary", icon=":material/play_arrow:"
    ):
        workspace.board.start(kind, subject, work)
        st.rerun()
    kept.caption(f"Takes {takes}. You can leave or reload this page meanwhile.")


@st.fragment(run_every=1.0)
def _watch(workspace: Workspace, kind: str, subject: str) -> None:
    job = workspace.board.latest(kind, subject)
    if job is None or not job.active:
        st.rerun()
    assert job is not None
    show_job(job, resumable=False)
