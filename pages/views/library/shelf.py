"""The shelf: find a thing, and name, note, star, open, export or delete it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import PolicyTwinError
from core.report.documents import document_of, reportable
from core.services.library.items import LibraryItem, delete_item, dependents, export_item, library
from core.store.labels import LONGEST_NAME, LONGEST_NOTE, set_label
from pages.common.address import key_of, pick
from pages.common.report_button import report_button
from pages.common.shell import PAGES, RUN, STUDY, Workspace, forget_run, plain_text, try_to
from pages.views.library.addresses import address_of

#: Kinds as the page names them, in the order in which they are offered; the others are under their own names.
KINDS = {
    "run": "Fit", "scenario": "Scenario", "sweep": "Sweep", "compare": "Comparison", "projection": "Projection",
    "ask": "Question", "population": "Population",
    "backtest": "Backtest", "worlds": "Known worlds", "persona_audit": "Persona audit", "ablations": "Ablations",
    "groups": "Groups", "donors": "Donor places", "survey_calibration": "Survey twins", "survey_prediction": "Prediction",
    "survey_correction": "Corrected answers", "sensitivity": "Sensitivity", "panel_backtest": "Panel backtest",
    "known_effects": "Known effects", "society": "Society", "replicate": "Replication",
}  # fmt: skip
ALL, STARRED, ITEM = "all", "starred", "item"
NEWS = "library-news"
LISTED = 5


def shelf_view(workspace: Workspace) -> None:
    """Everything of the study, narrowed by what is looked for; then the one that is chosen."""
    study = workspace.study
    items = library(workspace.store, study)
    if news := st.session_state.pop(NEWS, ""):
        st.success(news, icon=":material/check_circle:")
    if not items:
        st.info("Nothing is kept of this study yet.", icon=":material/flag:")
        return
    found = _found(workspace, items)
    if not found:
        st.info("Nothing here is called so.", icon=":material/search_off:")
        return
    by_id = {item.id: item for item in found}

    def choose() -> None:
        rows = st.session_state["library-table"]["selection"]["rows"]
        if rows:
            st.session_state[key_of(study, ITEM)] = list(by_id)[rows[0]]

    st.dataframe(
        _table(found), width="stretch", height=min(35 * (len(found) + 1) + 3, 400), hide_index=True, key="library-table",
        on_select=choose, selection_mode="single-row",
        column_config={"Made": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm")},
    )  # fmt: skip
    chosen = pick(
        study, ITEM, "Look at", list(by_id), lambda name: f"{_word(by_id[name].kind)}: {by_id[name].name}", next(iter(by_id))
    )  # fmt: skip
    _one(workspace, by_id[chosen], items)


def _found(workspace: Workspace, items: Sequence[LibraryItem]) -> list[LibraryItem]:
    kinds = [kind for kind in KINDS if any(item.kind == kind for item in items)]
    words = {ALL: f"All ({len(items)})", STARRED: "Starred"} | {kind: KINDS[kind] for kind in kinds}
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    text = left.text_input(
        "Search names, notes and ids", key="library-search", placeholder="for example a word of a note"
    )
    with right:
        kind = pick(
            workspace.study,
            "kind",
            "Kind",
            list(words),
            words.__getitem__,
            ALL,
            pills=True,
            label_visibility="collapsed",
        )
    return [
        item
        for item in items
        if item.holds(text) and (kind == ALL or item.kind == kind or (kind == STARRED and item.label.starred))
    ]


def _table(items: Sequence[LibraryItem]) -> pd.DataFrame:
    columns: dict[str, list[Any]] = {
        "★": ["★" if item.label.starred else "" for item in items],
        "Name": [item.name for item in items],
        "Kind": [_word(item.kind) for item in items],
        "Note": [item.label.note for item in items],
        "Made": [item.created_at for item in items],
        "State": ["" if item.status == "complete" else item.status for item in items],
        "Id": [item.id for item in items],
    }
    return pd.DataFrame({name: values for name, values in columns.items() if name != "State" or any(values)})


def _word(kind: str) -> str:
    return KINDS.get(kind, kind.replace("_", " ").capitalize())


def _one(workspace: Workspace, item: LibraryItem, items: Sequence[LibraryItem]) -> None:
    left, right = st.columns([3, 2], gap="medium")
    with left, st.form(f"label-{item.id}"):
        name = st.text_input("Name", item.label.name, max_chars=LONGEST_NAME, placeholder=item.about)
        note = st.text_area("Note", item.label.note, max_chars=LONGEST_NOTE, height=96)
        starred = st.checkbox("Starred", item.label.starred)
        if st.form_submit_button("Save", icon=":material/save:") and try_to(
            lambda: _label(workspace, item, name, note, starred)
        ):
            st.rerun()
    with right, st.container(border=True):
        st.markdown(f"**{plain_text(item.name)}**")
        made = f"{_word(item.kind)}, made {item.created_at:%-d %B %Y, %H:%M} UTC. {item.id}"
        st.caption(plain_text(made if item.name == item.about else f"{item.about}. {made}"))
        if item.status != "complete":
            st.badge(item.status, icon=":material/warning:", color="orange")
        with st.container(horizontal=True, vertical_alignment="center"):
            _open(workspace, item, items)
            _export(workspace, item)
            _delete(workspace, item, items)
        if item.status == "complete" and reportable(item.kind):
            report_button(lambda: document_of(workspace.store, item.id), item.id, corner=False)


def _label(workspace: Workspace, item: LibraryItem, name: str, note: str, starred: bool) -> None:
    set_label(workspace.store, item.id, name=name, note=note, starred=starred)
    st.session_state[NEWS] = "Saved."


def _open(workspace: Workspace, item: LibraryItem, items: Sequence[LibraryItem]) -> None:
    of_run = next((other for other in items if other.id == item.of_run), None)
    where = address_of(item, of_run) if item.status == "complete" else None
    if where is None:
        return
    page, parameters = where
    run = {RUN: workspace.run.run_id} if workspace.run is not None else {}
    script = next(script for name, script, _ in PAGES if name == page)
    st.page_link(
        script, label="Open", icon=":material/open_in_new:",
        query_params={STUDY: workspace.study.id, **run, **parameters},
    )  # fmt: skip


def _export(workspace: Workspace, item: LibraryItem) -> None:
    if item.status != "complete":
        return
    kind = {"scenario": "toml", "population": "csv"}.get(item.kind, "zip")
    st.download_button(
        "Export", data=lambda: export_item(workspace.store, workspace.study, workspace.inputs.timeline, item)[1],
        file_name=f"{item.id}.{kind}", key="library-export", on_click="ignore", icon=":material/download:", type="tertiary",
        help="A run's tables and record as ZIP, a scenario as TOML, a population as CSV.",
    )  # fmt: skip


def _delete(workspace: Workspace, item: LibraryItem, items: Sequence[LibraryItem]) -> None:
    """Delete after a second click, which says what goes with it, or why it cannot go."""
    with st.popover("Delete", icon=":material/delete:", type="tertiary"):
        hanging = dependents(workspace.store, item)
        names = {other.id: other.name for other in items}
        listed = "; ".join(names.get(name, name) for name in hanging[:LISTED])
        listed += f" and {len(hanging) - LISTED} more" * (len(hanging) > LISTED)
        if hanging and item.kind == "population":
            st.markdown(f"Runs were made with these people, so they stay: {plain_text(listed)}.")
            return
        if hanging and item.kind == "scenario":
            st.markdown(f"Scenarios made of it stay: {plain_text(listed)}.")
        elif hanging:
            st.markdown(f"**With it go {len(hanging)} that were made on it:** {plain_text(listed)}.")
        else:
            st.markdown("Nothing was made on it.")
        if st.button(f"Delete {_word(item.kind).lower()} for good", key="library-delete", type="primary"):
            try:
                gone = delete_item(workspace.store, workspace.study, item, with_dependents=True)
            except PolicyTwinError as wrong:
                st.error(plain_text(str(wrong)), icon=":material/error:")
                return
            st.session_state[NEWS] = f"Deleted: {item.name}{f' and {len(gone) - 1} more' * (len(gone) > 1)}."
            st.session_state.pop(key_of(workspace.study, ITEM), None)
            st.query_params.pop(ITEM, None)
            if st.session_state.get(RUN) in gone:
                forget_run()
            st.rerun()
