"""The society's question, its answer, and behind it the replay and everything that explains or limits it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.report.documents import document_of
from core.report.sentences.society import society_document
from core.services.society.results import ENGINE
from pages.common.address import pick_part
from pages.common.report_button import report_button
from pages.common.shell import Workspace, plain_text
from pages.views.society.arms import effects_view, groups_view
from pages.views.society.checks import ablations_view, record_view
from pages.views.society.chosen import Shown, choose
from pages.views.society.levers import levers_view
from pages.views.society.patterns import attention_view, facts_view
from pages.views.society.replay import replay_view
from pages.views.society.worlds import ledger_view, network_view, stress_view

Parts = dict[str, tuple[str, Callable[[Workspace, Shown], None]]]
INSIDE: Parts = {
    "stress": ("Stress", stress_view),
    "network": ("Network", network_view),
    "money": ("Money", ledger_view),
}
SURE: Parts = {
    "facts": ("Facts of real places", facts_view),
    "ablations": ("What each part does", ablations_view),
    "record": ("Record", record_view),
}


def _inside(workspace: Workspace, shown: Shown) -> None:
    pick_part(workspace.study, "inside", INSIDE, buttons=True)(workspace, shown)


def _sure(workspace: Workspace, shown: Shown) -> None:
    pick_part(workspace.study, "sure", SURE, buttons=True)(workspace, shown)


VIEWS: Parts = {
    "effects": ("Effects", effects_view),
    "who": ("Who gains, who loses", groups_view),
    "replay": ("Replay", replay_view),
    "attention": ("Posts and sales", attention_view),
    "inside": ("Inside", _inside),
    "sure": ("How sure", _sure),
}


def society_view(workspace: Workspace) -> None:
    """Left what is set, right what follows."""
    left, right = st.columns([1, 2.4], gap="large")
    with left:
        shown = choose(workspace)
        levers_view(shown.scenario)
    with right:
        result = shown.result
        st.markdown(f"## {plain_text(shown.scenario.question or shown.scenario.title)}")
        with st.container(horizontal=True, gap="small"):
            if shown.scenario.fictional:
                st.badge("Fictional", icon=":material/theater_comedy:", color="orange")
            st.badge(
                "Rules, no language model" if result.engine == ENGINE else result.engine,
                icon=":material/settings:",
                color="gray",
                help="Who decides what households do.",
            )
            worlds = f"{len(result.seeds)} world{'s' if len(result.seeds) > 1 else ''}"
            st.badge(f"{result.households:,} households, {result.days} days, {worlds}", color="gray")
            if not shown.kept:
                st.badge("Ships with PolicyTwin", color="gray")
        if result.run_id:
            report_button(lambda: document_of(workspace.store, result.run_id), f"society-{result.run_id}")
        else:
            report_button(lambda: society_document(result), f"society-{result.scenario}")
        pick_part(workspace.study, "view", VIEWS, pills=True)(workspace, shown)
