"""Try with the model on this machine: its shipped answers of the embedded study at once, or the model itself."""

from __future__ import annotations

import streamlit as st

from core.cognition.llm.local_weights import SMALL, SMOLLM2
from core.services.dashboard.jobs import DONE
from core.services.language.local_models import model_is_here
from core.services.surveys.trial import STUDY, try_local
from pages.common.address import into_address, key_of
from pages.common.job_panel import measure
from pages.common.shell import Workspace, choose_run

KIND = "try-local"


def try_view(workspace: Workspace) -> None:
    """What can be tried, and the button; a run and a question that were made are shown from then on."""
    if workspace.study.id != STUDY:
        return
    job = workspace.jobs.latest(KIND, STUDY)
    if job is not None and job.status == DONE and st.session_state.get("tried-seen") != job.id:
        st.session_state["tried-seen"] = job.id
        st.session_state[key_of(workspace.study, "asked")] = job.result.asked
        into_address("asked", job.result.asked, "")
        choose_run(job.result.run_id)
        st.rerun()
    with st.expander(
        "Try with the model on this machine", icon=":material/science:", expanded=job is not None and job.active
    ):
        st.warning(f"{SMOLLM2.name} has {SMALL}", icon=":material/science:")
        st.markdown(
            "What it answered about Meridia is shipped: a run and a survey question from that need no model, no key and no "
            "network."
        )
        if job is not None and job.status == DONE:
            st.success(
                f"Made: the run {job.result.run_id}, and a question under “Ask a question”.",
                icon=":material/check_circle:",
            )
        if model_is_here():
            st.caption("To ask the model itself, choose the engine “Model on this machine” below.")
        else:
            st.caption(
                "To ask the model itself: `pip install 'policytwin[local]'`, `policytwin models fetch` (98 MB), and choose the "
                "engine “Model on this machine” below."
            )
        measure(
            workspace, KIND, STUDY, lambda watch, _: try_local(workspace.store, watch=watch), takes="less than a minute",
            label="Show what it answered", primary=False,
        )  # fmt: skip
