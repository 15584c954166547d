"""The user's own studies: open one, or delete it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import streamlit as st

from core.report.sentences.projections import newer_sentence
from core.services.counterfactuals.newer import RefreshedStudy, refresh
from core.services.studies.inputs import StudyListing
from core.services.studies.newer import NewerRequest
from core.services.studies.own import DeleteStudyRequest, delete_study, own_listings, runs_of, unplaced
from core.study import load_study
from pages.common.shell import PAGES, RUN, STUDY, Workspace, plain_text, try_to
from pages.views.data.adding import ADDED

DELETED = "data-deleted"


def news_view() -> None:
    """What was just added, with the way to fit it; or what was deleted."""
    if added := st.session_state.get(ADDED):
        study, title = added
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f":green[:material/check_circle:] **{plain_text(title)}** is in the study choice.")
            _open(study, "Open it on Home and fit it")
    if gone := st.session_state.pop(DELETED, ""):
        st.success(plain_text(gone), icon=":material/check_circle:")


def mine_view(workspace: Workspace) -> None:
    """Each study with its place and its runs."""
    own = own_listings()
    if not own:
        st.info("You have made no study yet.", icon=":material/flag:")
        return
    for item in own:
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"own-{item.id}"):
            runs = runs_of(workspace.store, item.id)
            with st.container(width="stretch"):
                st.markdown(f"**{plain_text(item.title)}**")
                places = f"{len(item.places)} places" if len(item.places) > 1 else item.place
                st.caption(plain_text(f"{item.id} · {places} · {_runs(runs)}" if item.ready else item.missing))
            if item.ready:
                _open(item.id, "Open")
                _newer(workspace, item)
            _delete(workspace, item, runs)


def _newer(workspace: Workspace, item: StudyListing) -> None:
    """Newer observations of a study that was made of tables."""
    with st.popover("Newer tables", icon=":material/update:", type="tertiary"):
        st.caption(
            "The same columns as before, from the first period on. The last forecast is kept first, so that it can be seen "
            "against what came; runs stay as they were made."
        )
        kinds = ["csv", "xlsx", "parquet"]
        did = st.file_uploader("What people did", kinds, key=f"newer-{item.id}", max_upload_size=50)
        held = st.file_uploader("Policies, where they are a table of their own", kinds, key=f"newer-policy-{item.id}")
        if did is None or not st.button("Take them in", type="primary", key=f"newer-take-{item.id}"):
            return
        found: list[RefreshedStudy] = []

        def take() -> None:
            with TemporaryDirectory() as folder, unplaced(Path(folder)):
                paths = []
                for number, file in enumerate([did, *([held] if held is not None else [])]):
                    path = Path(folder) / f"{number}{Path(file.name).suffix.lower()}"
                    path.write_bytes(file.getvalue())
                    paths.append(path)
                policy = paths[1] if len(paths) > 1 else None
                found.append(refresh(NewerRequest(item.id, paths[0], policy), workspace.store))

        if try_to(take):
            st.session_state[DELETED] = newer_sentence(found[0], load_study(item.id))
            st.rerun()


def _open(study: str, label: str) -> None:
    st.page_link(PAGES[0][1], label=label, icon=":material/open_in_new:", query_params={STUDY: study})


def _runs(count: int) -> str:
    return f"{count} run{'s' * (count != 1)}" if count else "no runs yet"


def _delete(workspace: Workspace, item: StudyListing, runs: int) -> None:
    with st.popover("Delete", icon=":material/delete:", type="tertiary"):
        stay = (
            f"{_runs(runs).capitalize()} of it stay{'s' * (runs == 1)} in the store, where `policytwin show` still reads "
            f"{'it' if runs == 1 else 'them'}; no page shows {'it' if runs == 1 else 'them'} until the study is made again."
            if runs
            else "No run of it is in this store."
        )
        st.markdown(f"The study {plain_text(item.id)} and its tables are removed from this machine. {stay}")
        if st.button("Delete study for good", key=f"delete-{item.id}", type="primary") and try_to(
            lambda: _gone(workspace, item)
        ):
            st.rerun()


def _gone(workspace: Workspace, item: StudyListing) -> None:
    delete_study(DeleteStudyRequest(item.id, yes=True))
    st.session_state[DELETED] = f"Deleted: {item.title}."
    if (st.session_state.get(ADDED) or ("",))[0] == item.id:
        st.session_state.pop(ADDED)
    if workspace.study.folder == item.id:
        for name in (STUDY, RUN):
            st.session_state.pop(name, None)
            st.query_params.pop(name, None)
