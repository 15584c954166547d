"""The trials of a search: what it was worth, which parameter mattered, and every trial."""

from __future__ import annotations

import streamlit as st

from core.report.document import Heading, Table
from core.report.figures.calibration import explorer_figure
from core.report.sentences.calibration import PARAMETER_LABELS, trial_figure, trial_source
from core.report.sentences.runs import UNIT
from core.report.sentences.searches import FEWEST, contour_block, search_blocks, search_words, slice_block
from core.services.runs.reading import Trials
from core.services.runs.results import RunResult
from core.store.runs import StoredRun
from core.study import Study
from pages.common.charts import chart
from pages.common.render import render
from pages.common.results_cache import remembered
from pages.common.shell import Workspace
from pages.common.stored import finished_trials
from pages.common.terms import linked

LISTED_TRIALS = 10


def trials_view(workspace: Workspace, run: StoredRun, result: RunResult) -> None:
    """One sentence on the search, its parameters, and beneath them its history and the best trials."""
    study = workspace.study
    tried = finished_trials(workspace.store, run.run_id, study.behaviour_ids)
    st.markdown("## What the search was worth")
    st.markdown(linked(search_words(tried, result)))
    both = _analysed(workspace.store.name, run.run_id, _tried=tried, _result=result, _study=study)
    for place, (column, blocks) in enumerate(zip(st.columns(2), both, strict=True)):
        with column:
            render(blocks, f"search-{place}")
    _along(tried, result, study)
    render((Heading("Every trial"), trial_figure(tried, run.run_id, study, run.record.engine, len(tried))), "trials")
    explorer = explorer_figure(
        tried.parameters, tried.macro, PARAMETER_LABELS, UNIT, trial_source(study, run.record.engine)
    )
    with st.expander("All parameters of every trial, and the best trials"):
        chart(explorer, tried.table(), f"trials-{run.run_id}", "explorer", "Parameters of each trial and its error")
        st.caption(
            "These errors chose the parameters, so they are not a test; the test is the hold-out under Scores. "
            "The small panels follow the trial that was best by then. Each line is a trial. "
            "Drag along an axis to keep only the trials that cross it there; click it to let go."
        )
        best = tried.table().nsmallest(LISTED_TRIALS, "macro")[["macro", *tried.parameters.columns]].reset_index()
        named = best.rename(columns={"trial": "Trial", "macro": "Error, points", **PARAMETER_LABELS})
        render((Table.of(named, f"The {len(best)} best trials."),), "best-trials")


def _along(tried: Trials, result: RunResult, study: Study) -> None:
    """The error along one parameter and over two."""
    names = list(tried.parameters)
    if len(tried) < FEWEST or not names:
        return
    left, right = st.columns(2)
    with left:
        st.markdown("### Along one parameter")
        one = st.selectbox("Parameter", names, format_func=_label, key="slice-of")
        render((slice_block(tried, result, study, str(one)),), "slice")
    if len(names) < 2:
        return
    with right:
        st.markdown("### Over two parameters")
        other = st.selectbox("And", [name for name in names if name != one], format_func=_label, key="contour-with")
        render((contour_block(tried, result, study, str(one), str(other)),), "contour")


def _label(name: str) -> str:
    return PARAMETER_LABELS.get(name, name)


@remembered(show_spinner=False, max_entries=16)
def _analysed(store: str, run_id: str, _tried: Trials, _result: RunResult, _study: Study) -> tuple[tuple, tuple]:
    return search_blocks(_tried, _result, _study)
