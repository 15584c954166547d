"""What the forecast of the run shown missed: over time, by kind of period and level of policy, and without calibration."""

from __future__ import annotations

import streamlit as st

from core.report.sentences.residuals import calibration_blocks, class_blocks, residual_blocks
from core.report.sentences.sources import record_source
from core.services.evaluation.residuals import residuals_of
from pages.common.render import render
from pages.common.shell import Workspace, link, plain_text


def residuals_view(workspace: Workspace) -> None:
    """A behaviour's misses; what to do where there is no run."""
    run, study = workspace.run, workspace.study
    if run is None:
        st.info("This study has no fitted twin yet, and so no forecast that could miss.", icon=":material/flag:")
        link("Calibration", "Fit the twin")
        return
    labels = {plain_text(item.label): item.id for item in study.behaviours}
    behaviour = labels[st.selectbox("Behaviour", list(labels), key="behaviour", bind="query-params", width=320)]
    found = residuals_of(workspace.store, run.run_id, behaviour, workspace.inputs.timeline)
    source = record_source(study, run.record, run.run_id)
    render(residual_blocks(found, study, behaviour, source), "residuals", terms=True)
    for place, (column, blocks) in enumerate(
        zip(st.columns(2), class_blocks(found, study, behaviour, source), strict=True)
    ):
        with column:
            render(blocks, f"residuals-{place}", terms=True)
    render(calibration_blocks(found, study, behaviour, source), "before-after", terms=True)
