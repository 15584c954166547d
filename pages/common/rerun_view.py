"""How a run that is shown is made again from the store alone."""

from __future__ import annotations

import streamlit as st

from core.services.runs.fits import rerun_lines


def rerun_view(run_id: str, store_name: str) -> None:
    """The command and the Python lines; the store is open in one program at a time."""
    lines = rerun_lines(run_id, store_name)
    st.caption(lines.note)
    st.code(lines.command, language="bash", wrap_lines=True)
    st.code(lines.python, language="python")
