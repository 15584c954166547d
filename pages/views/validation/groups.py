"""Diversity of the personas, how groups respond, and accuracy by region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.report.figures.skill import dumbbells
from core.report.figures.validity import categories_figure
from core.report.sentences.left_out import left_out_lines
from core.report.sentences.validity import (
    attribute_table,
    diversity_words,
    explained_table,
    extreme_words,
    names_of,
    region_horizons,
    region_lines,
    region_words,
)
from core.services.audits.groups import group_checks, latest_group_checks
from core.services.evaluation.skill import words_of
from core.services.runs.results import twin_source
from core.settings import observed_data
from core.store.runs import StoredRun
from pages.common.charts import chart, download
from pages.common.measure import measure
from pages.common.shell import Workspace, link, plain_text

KIND = "groups"


def groups_view(workspace: Workspace) -> None:
    """The newest checks of the run shown, or what they are and a button to make them."""
    run = workspace.run
    st.markdown("##### Are the people different enough, and is everybody served alike?")
    if run is None:
        st.info("This study has no fitted twin yet.", icon=":material/flag:")
        link("Calibration", "Fit the twin")
        return
    values = latest_group_checks(workspace.store, run.run_id)
    if values is None:
        st.info(
            "Not checked yet for this run: how many different people its personas amount to, how differently groups respond in "
            "the simulation, and how well each region is forecast where regions were observed.",
            icon=":material/groups:",
        )
    else:
        _diversity(workspace, run, values)
        _responses(workspace, run, values)
        _regions(workspace, run, values)
    store, run_id, data_folder = workspace.store, run.run_id, observed_data()
    measure(
        workspace,
        KIND,
        run_id,
        lambda watch, executor: group_checks(store, run_id, data_folder, watch=watch, executor=executor),
        takes="under half a minute for a thousand personas",
        label="Measure it" if values is None else "Measure again",
        primary=values is None,
    )


def _diversity(workspace: Workspace, run: StoredRun, values: Mapping[str, Any]) -> None:
    st.markdown("###### Diversity")
    for text in diversity_words(values):
        st.markdown(f"- {plain_text(text)}")
    table = explained_table(values, names_of(workspace.study.behaviours))
    st.caption(
        "How much of the difference between personas each attribute or trait explains alone. 100%: who falls into which "
        "category says all; shares can add up to more than 100%, since attributes go together."
    )
    st.table(
        table.rename(index=plain_text, columns=plain_text)
        .rename_axis(index=None, columns=None)
        .style.format("{:.0%}", na_rep="–")
    )
    download(table, f"diversity-{run.run_id}", "diversity-data")


def _responses(workspace: Workspace, run: StoredRun, values: Mapping[str, Any]) -> None:
    groups, labels = values["groups"], names_of(workspace.study.behaviours)
    by_name = {item["attribute"]: item for item in groups["attributes"]}
    if not by_name:
        return
    st.markdown("###### Who responds how, in the simulation")
    st.caption(plain_text(f"{groups['means'][:1].upper()}{groups['means'][1:]}."))
    left, right = st.columns(2)
    attribute = left.selectbox(
        "Attribute", list(by_name), format_func=lambda name: by_name[name]["label"], key="group-attribute"
    )
    behaviour = right.selectbox("Behaviour", list(labels), format_func=lambda name: labels[name], key="group-behaviour")
    chosen = by_name[str(attribute)]
    table = attribute_table(chosen, str(behaviour))
    everyone = groups["everyone"][str(behaviour)]
    if table.empty or everyone is None:
        st.info("None of its categories has this behaviour.", icon=":material/info:")
        return
    st.markdown(plain_text(extreme_words(chosen, str(behaviour), "points")))
    figure = categories_figure(
        table,
        float(everyone),
        f"{labels[str(behaviour)]} by {chosen['label'].lower()}: strictest policy of training against none",
        groups["unit"],
        f"{twin_source(workspace.study, run.record.engine, run.run_id)} Simulated, {groups['start']} to {groups['end']}; nobody "
        "observed these groups.",
    )
    chart(figure, table, f"groups-{attribute}-{behaviour}", "group-response", "Simulated response of each category")
    if chosen["small"]:
        st.caption(plain_text(f"Few personas stand for: {', '.join(chosen['small'])}."))
    st.caption(plain_text(values["truth_note"]))


def _regions(workspace: Workspace, run: StoredRun, values: Mapping[str, Any]) -> None:
    st.markdown("###### Accuracy by region")
    horizons = region_horizons(values)
    for line in left_out_lines((values["regions"] or {}).get("left_out", {})):
        st.caption(plain_text(f"Left out: {line}"))
    if not horizons:
        st.info(
            plain_text(values["regions_note"] or "No region was observed around the origin."), icon=":material/map:"
        )
        return
    asked = st.segmented_control(
        "Days ahead",
        horizons,
        default=horizons[0],
        format_func=lambda item: f"{item} days",
        required=True,
        key="region-days",
    )
    horizon = horizons[0] if asked is None else int(asked)
    for text in region_words(values, horizon):
        st.markdown(f"- {plain_text(text)}")
    lines = region_lines(values, horizon)
    figure = dumbbells(
        lines,
        f"Error in each region, {horizon} days ahead (further left is better)",
        words_of("seasonal_naive"),
        "points",
        twin_source(workspace.study, run.record.engine, run.run_id),
    )
    chart(
        figure,
        lines,
        f"regions-{horizon}-{run.run_id}",
        "regions",
        "Errors of the twin and of a baseline in each region",
    )
    st.caption(plain_text(values["regions"]["summary"]["known_of_regions"]))
