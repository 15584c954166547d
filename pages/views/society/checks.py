"""How far to believe it: posts and sales, stylised facts, ablations, and the record."""

from __future__ import annotations

import streamlit as st

from core.report.document import Code
from core.report.documents import document_of
from core.society.parameters import parameters_hash, registered
from core.society.scenario import scenario_hash
from pages.common.render import render
from pages.common.shell import Workspace, plain_text
from pages.views.society.chosen import Shown


def attention_view(workspace: Workspace, shown: Shown) -> None:
    """The randomised dose beside the observational fit."""


def facts_view(workspace: Workspace, shown: Shown) -> None:
    """Each fact, hit or missed."""


def ablations_view(workspace: Workspace, shown: Shown) -> None:
    """The model without one part at a time."""


def record_view(workspace: Workspace, shown: Shown) -> None:
    """What the run rests on, what it leaves out, and how to make it again."""
    result = shown.result
    if result.run_id:
        document = document_of(workspace.store, result.run_id)
        render(document.blocks[-4:], "society-record")
    changed = shown.scenario.parameters
    st.markdown(
        plain_text(
            f"Scenario {scenario_hash(shown.scenario)[:12]}; parameters {parameters_hash()[:12]} ({len(registered())} numbers, "
            f"{sum(item.status == 'assumption' for item in registered().values())} of them assumptions"
            f"{', changed here: ' + ', '.join(changed) if changed else ''})."
        )
    )
    render((Code(f"policytwin society run {shown.scenario.id} --seeds {len(result.seeds)}", "bash"),), "society-line")
