"""Contrasts in generated worlds, where the truth is known."""

from __future__ import annotations

import streamlit as st

from core.report.document import Items
from core.report.sentences.known_worlds import CLAIM, GROUPS, WHAT, WHAT_ORLO, world_words, worlds_from, worlds_group
from core.services.evaluation.known_worlds import WORLDS, known_worlds, newest_worlds
from core.services.evaluation.requests import SEEDS, WorldsRequest
from core.services.evaluation.results import WorldsResult
from core.synthetic.worlds import ORLO
from pages.common.job_panel import measure
from pages.common.render import render
from pages.common.shell import Workspace, plain_text
from pages.common.terms import linked


def worlds_view(workspace: Workspace) -> None:
    """The newest measurement of the store, else the one that ships, and a button to make one."""
    store = workspace.store
    st.markdown("## How far are counterfactuals off where the truth is known?")
    of_orlo = workspace.study.folder == ORLO
    request = WorldsRequest(kinds=(ORLO,)) if of_orlo else WorldsRequest()
    st.caption(linked(WHAT_ORLO if of_orlo else WHAT))
    measured = newest_worlds(store, workspace.study)
    if measured is None:
        st.info("No generated world has been measured in this store yet.", icon=":material/public:")
    else:
        st.caption(plain_text(worlds_from(measured)))
        render((Items(tuple(world_words(measured.result))),), "world-words", terms=True)
        groups = [name for name in GROUPS if getattr(measured.result.summary, name)]
        if groups:
            chosen = st.segmented_control(
                "Split by", groups, default=groups[0], format_func=lambda name: GROUPS[name][0],
                required=True, key="worlds-by", bind="query-params",
            )  # fmt: skip
            render((worlds_group(measured, str(chosen) if chosen in groups else groups[0]),), "worlds")
        st.expander("What may be claimed").caption(linked(CLAIM))
    own = measured is not None and bool(measured.run_id)
    measure(
        workspace,
        WorldsResult.kind,
        "generated",
        lambda watch, executor: known_worlds(request, store, watch=watch, executor=executor),
        takes=f"half a minute: {SEEDS} districts"
        if of_orlo
        else f"about a minute and a half: {SEEDS} worlds of each of {len(WORLDS)} kinds",
        label="Measure again" if own else "Measure it",
        primary=not own,
    )
