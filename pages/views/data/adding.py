"""What a study is called, and taking it in."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.services.studies.own import AddedStudy
from core.study import available_studies, load_study, own_studies
from pages.common.shell import plain_text, try_to

ADDED = "data-added"


def naming(usual_id: str, usual_title: str, key: str) -> tuple[str, str]:
    """The id and the title that are asked for; one's own where nothing is typed."""
    left, right = st.columns([2, 1])
    title = left.text_input("Title", usual_title, key=f"title-{key}", max_chars=120)
    name = right.text_input(
        "Name", usual_id, key=f"id-{key}", max_chars=40,
        help="By which commands and links call it: letters, digits, - and _.",
    )  # fmt: skip
    return name.strip() or usual_id, title.strip() or usual_title


def is_taken(name: str) -> bool:
    """Whether a study is called so."""
    return name.casefold() in {item.casefold() for item in (*available_studies(), *own_studies())}


def add_button(name: str, add: Callable[[], AddedStudy], key: str) -> None:
    """Keep the study, unless it was just kept, or another has its name already."""
    if (st.session_state.get(ADDED) or ("",))[0] == name:
        return
    if is_taken(name):
        free = next(f"{name}-{number}" for number in range(2, 10_000) if not is_taken(f"{name}-{number}"))
        st.warning(
            f"There is a study called {plain_text(name)} already. Another name, such as {plain_text(free)}, keeps both.",
            icon=":material/badge:",
        )
        return
    if st.button("Add this study", type="primary", icon=":material/add:", key=f"add-{key}") and try_to(
        lambda: _add(add)
    ):
        st.rerun()


def _add(add: Callable[[], AddedStudy]) -> None:
    with st.spinner("Reading and keeping the tables…"):
        kept = add()
    st.session_state[ADDED] = (kept.study, load_study(kept.study).title)
