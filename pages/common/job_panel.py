"""Long work beside the page: a button to start it as a job, its progress, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.execution.executor import Executor
from core.execution.progress import STAGE_WORDS, ProgressReporter
from core.report.document import duration
from core.services.dashboard.jobs import FAILED, STOPPED, Job
from core.settings import read_only
from pages.common.shell import Workspace, plain_text, visitor

RESUMED = "What is finished is kept, and it can be resumed."
KEPT = "What was finished is kept."
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
    if read_only():
        return
    job = workspace.jobs.latest(kind, subject)
    if job is not None and job.active:
        with st.container(border=True):
            watch_job(job, keeps)
        return
    say_how_it_ended(job, keeps=keeps)
    kept = st.container(horizontal=True, vertical_alignment="center")
    if kept.button(
        label, key=f"measure-{kind}", type="primary" if primary else "secondary", icon=":material/play_arrow:"
    ):
        workspace.jobs.start(kind, subject, work, by=visitor())
        st.rerun()
    kept.caption(f"Takes {takes}. You can leave or reload this page meanwhile.")


@st.fragment(run_every=1.0)
def watch_job(job: Job, keeps: str = RESUMED, below: Callable[[], None] = lambda: None) -> None:
    """Progress of a job, drawn anew each second with what is `below`; the page goes on by itself when it ends.

    `keeps` says what is left of it where it is stopped.
    """
    if not job.active:
        st.rerun()
    _show(job, keeps)
    below()


def _show(job: Job, keeps: str) -> None:
    if job.by != visitor():
        what = f" ({job.what})" if job.what else ""
        text = f"Started at {job.began_at:%H:%M} UTC by another visitor, or from another window{what}."
        st.caption(plain_text(text))
    progress = job.progress
    share = 0.0 if progress is None or not progress.total else progress.done / progress.total
    if job.place:
        text = f"Waiting for its turn, place {job.place} in the queue"
    elif progress is None:
        text = "Starting"
    else:
        stage = STAGE_WORDS.get(progress.stage, progress.stage)
        text = f"{stage}: {progress.done} of {progress.total} {progress.text}" if progress.total > 1 else stage
    text = f"{text} · {job.seconds:.0f} s so far"
    # Asking a model tells its own time.
    if (left := job.seconds_left) is not None and "left" not in text:
        text += f", about {duration(left)} left of this step"
    st.progress(min(share, 1.0), text=text)
    if st.button("Stop", key=f"stop-{job.id}", icon=":material/stop_circle:", disabled=job.stopping):
        job.stop()
    if job.stopping:
        st.caption(f"Stopping after the current step. {keeps}")


def say_how_it_ended(
    job: Job | None, what: str = "It", keeps: str = KEPT, reason: Callable[[str], str] = lambda message: message
) -> None:
    """That a job was stopped or failed, and why, `reason` being its message in words; nothing of one that is done or at work."""
    if job is None or job.status not in (STOPPED, FAILED):
        return
    if job.status == STOPPED:
        st.info(job.message if job.cut_off else f"{what} was stopped. {keeps}", icon=":material/stop_circle:")
        return
    with st.container(border=True):
        st.error(f"{what} ended early. {keeps} The reason:", icon=":material/error:")
        st.text(reason(job.message))
