"""Calibration: fit the twin, watch the search, and test the fitted curve on days it has not seen."""

from __future__ import annotations

import streamlit as st

from core.report.documents import document_of
from core.report.sentences.domain import periods
from core.report.sentences.runs import verdict_blocks, working_week_note
from core.services.runs.results import RunResult
from core.store.runs import StoredRun
from pages.common.address import pick_measure
from pages.common.curve_view import curve_view
from pages.common.fit_panel import NEWS, adopt_finished_run, fit_panel
from pages.common.render import render
from pages.common.report_button import report_button
from pages.common.rerun_view import reproduce_run_view
from pages.common.shell import Workspace, engine_caution, engine_note, open_page, plain_errors, plain_text
from pages.common.terms import linked
from pages.views.calibration.found import parameters_view, scores_view
from pages.views.calibration.runs import export_view, runs_view
from pages.views.calibration.trials import trials_view

VIEWS = ("Scores", "Curves", "Parameters", "Trials", "Runs", "Export")


def main() -> None:
    workspace = open_page("Calibration")
    with plain_errors():
        adopt_finished_run(
            workspace, NEWS, lambda job: f"The twin has been fitted in {job.seconds:.0f} s. Its results are below."
        )
        fit_panel(workspace)
        run = workspace.run
        if run is None:
            st.info("There is no fitted twin of this study yet. Press “Fit the twin” above.", icon=":material/flag:")
            return
        result = RunResult.of(run)
        metric = _headline(workspace, run, result)
        match st.segmented_control("Show", VIEWS, default=VIEWS[0], required=True, key="view", bind="query-params"):
            case "Curves":
                curve_view(workspace, run, key="curve")
            case "Parameters":
                parameters_view(workspace, run, result)
            case "Trials":
                trials_view(workspace, run, result)
            case "Runs":
                runs_view(workspace, run, metric)
            case "Export":
                export_view(workspace, run)
            case _:
                scores_view(workspace, result, metric)
        with st.expander("Reproduce this", icon=":material/replay:", key="reproduce"):
            reproduce_run_view(workspace, run)
            st.caption(
                "The same inputs give the same result hash, however many workers there are. On another kind of processor the "
                "last digits, and with them the hash, can differ. This run's:"
            )
            st.code(str(run.record.result_hash), language=None)


def _headline(workspace: Workspace, run: StoredRun, result: RunResult) -> str:
    """What the run found, by the error measure that is chosen there; returns that."""
    left, right = st.columns([3, 1.3], vertical_alignment="bottom")
    left.markdown(f"## How good is the twin on {workspace.study.step}s it had not seen?")
    with right:
        metric = pick_measure()
    with st.container(border=True):
        render(verdict_blocks(result, metric, workspace.study.step), "verdict")
    study, first = workspace.study, workspace.study.step.after(result.train_end, 1)
    count = len(study.step.periods(first, result.test_end))
    with st.expander("About this test", icon=":material/info:"):
        st.caption(
            linked(
                f"Hold-out: the {periods(study.step, count)} after {result.train_end:%-d %B %Y}, to {result.test_end:%-d %B %Y}. "
                f"Errors are in points of the metric ({study.metric_unit}). One split is one test; another can turn the order "
                "round."
            )
        )
        if note := working_week_note(result, metric, study.step):
            st.caption(plain_text(note))
        engine_note(run, caution=False)
    engine_caution(run)
    report_button(lambda: document_of(workspace.store, run.run_id), run.run_id)
    return metric


if __name__ == "__main__":
    with plain_errors():
        main()
