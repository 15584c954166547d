"""Diversity of the personas, how groups respond, and accuracy by region."""

from __future__ import annotations

import streamlit as st

from core.report.document import Paragraph
from core.report.sentences.groups import (
    DIVERSITY,
    NO_TRUTH,
    REGIONS,
    RESPONSE_MEANS,
    RESPONSES,
    diversity_blocks,
    no_regions,
    region_horizons,
    response_blocks,
)
from core.report.sentences.regions import footnotes, region_blocks
from core.report.sentences.skill import where_from
from core.services.audits.group_results import KIND, GroupsResult
from core.services.audits.groups import group_checks
from core.services.evaluation.shown_results import shown_result
from core.services.runs.finished import newest_about
from core.settings import observed_data
from core.study import Study
from pages.common.job_panel import measure
from pages.common.render import render
from pages.common.shell import Workspace, link, plain_text


def groups_view(workspace: Workspace) -> None:
    """The newest checks of the run shown, or what they are and a button to make them."""
    run, study = workspace.run, workspace.study
    st.markdown("## Are the people different enough, and is everybody served alike?")
    result = None if run is None else newest_about(workspace.store, run.run_id, GroupsResult)
    if result is None and (shipped := shown_result(GroupsResult, study.id)) is not None:
        st.caption(plain_text(where_from("Groups", shipped, f"{shipped.result.personas:,} personas.")))
        _parts(shipped.result, study)
    if run is None:
        st.info("This study has no fitted twin yet.", icon=":material/flag:")
        link("Calibration", "Fit the twin")
        return
    if result is None:
        st.info(
            "Not checked yet for this run: how many different people its personas amount to, how differently groups respond in "
            "the simulation, and how well each region is forecast where regions were observed.",
            icon=":material/groups:",
        )
    else:
        _parts(result, study)
    store, run_id, data_folder = workspace.store, run.run_id, observed_data()
    measure(
        workspace,
        KIND,
        run_id,
        lambda watch, executor: group_checks(store, run_id, data_folder, watch=watch, executor=executor),
        takes="under half a minute for a thousand personas",
        label="Measure it" if result is None else "Measure again",
        primary=result is None,
    )


def _parts(result: GroupsResult, study: Study) -> None:
    st.markdown(f"### {DIVERSITY}")
    render(diversity_blocks(result, study), "diversity", terms=True)
    _responses(result, study)
    _regions(result, study)


def _responses(result: GroupsResult, study: Study) -> None:
    by_name = {item.attribute: item for item in result.groups.attributes}
    if not by_name:
        return
    labels = {item.id: item.label for item in study.behaviours}
    st.markdown(f"### {RESPONSES}")
    st.caption(RESPONSE_MEANS)
    left, right = st.columns(2)
    attribute = left.selectbox(
        "Attribute", list(by_name), format_func=lambda name: by_name[name].label, key="group-attribute"
    )
    behaviour = right.selectbox("Behaviour", list(labels), format_func=lambda name: labels[name], key="group-behaviour")
    chosen = by_name[str(attribute)]
    found = response_blocks(result, study, chosen, str(behaviour))
    render(found or (Paragraph("None of its categories has this behaviour."),), "group-response")
    if chosen.small:
        st.caption(plain_text(f"Few personas stand for: {', '.join(chosen.small)}."))
    st.caption(NO_TRUTH)


def _regions(result: GroupsResult, study: Study) -> None:
    st.markdown(f"### {REGIONS}")
    horizons = region_horizons(result)
    if not horizons:
        st.info(plain_text(no_regions(result, study)), icon=":material/map:")
    else:
        asked = st.segmented_control(
            "Days ahead",
            horizons,
            default=horizons[0],
            format_func=lambda item: f"{item} days",
            required=True,
            key="region-days",
        )
        render(region_blocks(result, study, horizons[0] if asked is None else int(asked)), "regions")
    if result.regions is not None:
        render(footnotes(result.regions), "regions-rest")
