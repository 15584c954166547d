"""How a run that is shown is made again: from nothing, and from the store alone."""

from __future__ import annotations

import streamlit as st

from core.report.reproduction import Reproduction, rerun_lines
from core.report.sentences.runs import reproduce_run
from core.settings import observed_data
from core.store.runs import StoredRun
from core.study import Study
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, plain_text


def reproduce_run_view(workspace: Workspace, run: StoredRun, title: str = "") -> None:
    """The lines of the run, under a `title`, and those that make it again from its store."""
    lines_view(_lines(run, workspace.study, str(observed_data() or ""), workspace.store.name), title)
    lines_view(rerun_lines(run.run_id, workspace.store.name))


def lines_view(lines: Reproduction, title: str = "") -> None:
    """What to know before, the command where there is one, and the Python lines."""
    for text in filter(None, (title, lines.note)):
        st.caption(plain_text(text))
    if lines.command:
        st.code(lines.command, language="bash", wrap_lines=True)
    if lines.python:
        st.code(lines.python, language="python")


@remembered(
    show_spinner=False, max_entries=32, hash_funcs={StoredRun: lambda run: run.run_id, Study: lambda study: study.id}
)
def _lines(run: StoredRun, study: Study, data: str, store_name: str) -> Reproduction:
    return reproduce_run(run.record, study, observed_data(), store_name)
