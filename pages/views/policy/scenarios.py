"""Saved scenarios on the Policy timeline page: the list, files in and out, deletion, and how to reproduce one."""

from __future__ import annotations

import streamlit as st

from core.errors import InputError
from core.policy.scenario import scenario_text
from core.policy.timeline import PolicyTimeline
from core.report.sentences.policies import reproduce_timeline
from core.services.policies.timelines import (
    delete_scenario,
    load_timeline,
    read_scenario_file,
    save_scenario,
    saved_scenarios,
    scenario_table,
)
from core.services.runs.fits import told_again
from core.services.studies.requests import RunRequest
from pages.common.rerun_view import lines_view
from pages.common.shell import try_to
from pages.views.policy.draft import SCENARIO, Editing

OBSERVED_ID = "observed"
SHOWN_CHANGES = 8


def show_changes(changes: list[str], against: str) -> None:
    """The differences in words: the first few, and the rest on demand."""
    st.markdown(f"**What differs from {against}** ({len(changes)})")
    if not changes:
        st.caption("Nothing yet.")
    st.text("\n".join(f"• {line}" for line in changes[:SHOWN_CHANGES]))
    if len(changes) > SHOWN_CHANGES:
        with st.expander(f"{len(changes) - SHOWN_CHANGES} more"):
            st.text("\n".join(f"• {line}" for line in changes[SHOWN_CHANGES:]))


def scenarios_section(editing: Editing) -> None:
    """The scenarios of this study: a list, the chosen one's file and deletion, and a way to bring one in."""
    store, study, observed = editing.workspace.store, editing.study, editing.workspace.inputs.timeline
    st.subheader("Saved scenarios")
    first, last = editing.holdout
    table = scenario_table(store, study, observed, first, last)
    if table.empty:
        st.caption("None yet. Edit the policy above and save it under a name, or bring in a scenario file.")
    else:
        shown = table.assign(against=table["stringency"] - table["observed_stringency"])
        columns = ["name", "parent", "stringency", "against", "created_at", "problem"]
        st.dataframe(
            shown[columns if (shown["problem"] != "").any() else columns[:-1]],
            hide_index=True,
            width="stretch",
            column_config={
                "name": "Scenario",
                "parent": "Made from",
                "stringency": st.column_config.NumberColumn("Mean index, hold-out", format="%.1f"),
                "against": st.column_config.NumberColumn("Against observed", format="%+.1f"),
                "created_at": st.column_config.DatetimeColumn("Saved (UTC)", format="YYYY-MM-DD HH:mm"),
                "problem": "Problem",
            },
        )
    left, right = st.columns(2, gap="large")
    with left:
        _chosen(editing)
    with right:
        _bring_in(editing)


def _chosen(editing: Editing) -> None:
    parent = editing.parent
    if parent.parent_id is None:
        st.caption("Choose a scenario at the top of the page to download or delete it.")
        return
    st.text(f"Chosen: {parent.name}")
    try:
        content = _file(editing.study.id, parent.id, editing.workspace.inputs.timeline.id, editing)
        st.download_button(
            "Download as a scenario file (TOML)",
            content,
            file_name=f"{parent.id}.toml",
            mime="application/toml",
            icon=":material/download:",
            on_click="ignore",
            key=editing.key("file"),
            help="Written as edits of the observed policy, so that any store and `policytwin compare` can read it.",
        )
    except InputError as wrong:
        st.text(f"It cannot be written as a file: {wrong}")
    with st.popover("Delete this scenario", icon=":material/delete:"):
        st.write("It is gone for good, with any draft made of it. Results computed with it stay.")
        if st.button("Yes, delete it", key=editing.key("delete")) and try_to(
            lambda: delete_scenario(editing.workspace.store, editing.study, parent.id)
        ):
            st.query_params.pop(SCENARIO, None)
            st.session_state.pop(f"policy-scenario-{editing.study.id}", None)
            st.toast("Deleted.", icon=":material/delete:")
            st.rerun()


@st.cache_data(show_spinner=False, max_entries=64)
def _file(study_id: str, timeline_id: str, observed_id: str, _editing: Editing) -> str:
    """The scenario's file; the ids are what it depends on."""
    return scenario_text(_editing.parent, _editing.workspace.inputs.timeline)


def _bring_in(editing: Editing) -> None:
    uploaded = st.file_uploader(
        "Bring in a scenario file (TOML or JSON)",
        type=["toml", "json"],
        key=f"upload-{editing.study.id}",
        max_upload_size=1,
    )
    if uploaded is None:
        return
    if st.button("Add this scenario", icon=":material/upload_file:", key="add-upload"):
        added: list[str] = []
        if try_to(lambda: added.append(_add(editing, uploaded.getvalue(), uploaded.name))):
            st.query_params[SCENARIO] = added[0]
            st.toast("Added. The scenario is chosen at the top.", icon=":material/check:")
            st.rerun()


def _add(editing: Editing, content: bytes, name: str) -> str:
    store, study, observed = editing.workspace.store, editing.study, editing.workspace.inputs.timeline
    parents: dict[str, PolicyTimeline] = {}
    unread: dict[str, InputError] = {}
    saved = saved_scenarios(store, study)
    for identifier, title in zip(saved["timeline_id"], saved["name"], strict=True):
        try:
            parents[identifier] = load_timeline(store, study, identifier)
        except InputError as wrong:
            unread[str(title)] = wrong
    try:
        scenario, parent = read_scenario_file(content, name, parents, observed)
    except InputError as wrong:
        if not unread:
            raise
        # The file may be an edit of one of these.
        problem = f"{wrong.problem}; of the saved scenarios {', '.join(unread)} cannot be read with these data"
        raise InputError(problem, where=wrong.where, allowed=wrong.allowed, nearest=wrong.nearest) from None
    return save_scenario(store, study, scenario, parent, scenario.name)


def reproduce(editing: Editing) -> None:
    """The command and the Python that give what is on the screen."""
    study, parent, run = editing.study, editing.parent, editing.workspace.run
    data = None if study.shipped else "DATA"
    asked = RunRequest(study.id, data) if run is None else told_again(run.record, data)
    with st.expander("Reproduce this"):
        lines_view(reproduce_timeline(parent, asked, (editing.first, editing.last), editing.holdout))
