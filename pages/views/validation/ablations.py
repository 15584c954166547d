"""What each part of the twin is worth on this study's hold-out."""

from __future__ import annotations

import streamlit as st

from core.report.sentences.ablations import WHAT, ablations_blocks, shown_split
from core.report.sentences.skill import where_from
from core.services.evaluation.ablations import latest_ablations, run_ablations
from core.services.evaluation.results import AblationsResult
from core.services.evaluation.shown_results import shown_result
from core.settings import observed_data
from pages.common.job_panel import measure
from pages.common.render import render
from pages.common.shell import Workspace, link, plain_text
from pages.common.terms import linked


def ablations_view(workspace: Workspace) -> None:
    """The measured ablations of the run shown, or what they are and a button to measure them."""
    run, study = workspace.run, workspace.study
    st.markdown("## What is each part of the twin worth?")
    result = None if run is None else latest_ablations(workspace.store, run.run_id)
    if result is None and (shipped := shown_result(AblationsResult, study.id)) is not None:
        st.caption(linked(WHAT))
        st.caption(plain_text(where_from("Ablations", shipped, shown_split(shipped.result))))
        render(ablations_blocks(shipped.result, study), "ablations-shipped", terms=True)
    if run is None:
        st.info("This study has no fitted twin yet, and so no parts to leave out.", icon=":material/flag:")
        link("Calibration", "Fit the twin")
        return
    if result is None:
        st.info("The parts of this run's own twin have not been measured yet.", icon=":material/science:")
    else:
        st.caption(linked(WHAT))
        render(ablations_blocks(result, study), "ablations", terms=True)
    store, run_id, data_folder = workspace.store, run.run_id, observed_data()
    measure(
        workspace,
        AblationsResult.kind,
        run_id,
        lambda watch, executor: run_ablations(store, run_id, data=data_folder, watch=watch, executor=executor),
        takes="from a quarter of a minute to a few minutes: about thirty fits like the run's own",
        label="Measure it" if result is None else "Measure again",
        primary=result is None,
    )
    st.caption(plain_text(f"On the command line: policytwin ablate {workspace.study.id}, with the run's own choices."))
