"""Published effects of the study's policies: ours beside theirs."""

from __future__ import annotations

import streamlit as st

from core.report.reproduction import reproduction
from core.report.sentences.known_effects import known_effects_document
from core.services.evaluation.known_effects import (
    KnownEffectsRequest,
    KnownEffectsResult,
    known_effects,
    newest_known_effects,
)
from core.study.effects import published_effects
from pages.common.job_panel import measure
from pages.common.render import render
from pages.common.shell import Workspace, plain_text


def effects_view(workspace: Workspace) -> None:
    """The newest comparison of the store, and a button to make one; what to do where the study names no published effects."""
    study, store = workspace.study, workspace.store
    st.markdown("##### Does the twin find what others found?")
    wanted = published_effects(study)
    if not wanted:
        st.info(
            f"{plain_text(study.title)} names no published effects. A study of many places can: see `[known_effects]` in README.",
            icon=":material/menu_book:",
        )
        return
    found = newest_known_effects(store, study)
    if found is not None:
        document = known_effects_document(found)
        render(document.blocks, "known-effects")
    request = KnownEffectsRequest(study.folder)
    measure(
        workspace, KnownEffectsResult.kind, study.folder,
        lambda watch, executor: known_effects(request, store, watch=watch, executor=executor, again=found is not None),
        takes=f"a minute or two: {len(wanted)} contrasts in each place",
        label="Measure again" if found is not None else "Measure it", primary=found is None,
    )  # fmt: skip
    render((reproduction("effects", request, known_effects).details("The same without a browser"),), "effects-again")
