"""What a fit found: errors on the hold-out, parameters and lines."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.report.document import Heading
from core.report.sentences.calibration import found_parameters, line_table, parameter_blocks
from core.report.sentences.runs import UNIT, error_table, leaderboard
from core.services.runs.reading import fitted_lines
from core.services.runs.results import RunResult
from core.store.runs import StoredRun
from pages.common.charts import download
from pages.common.render import render
from pages.common.shell import Workspace, plain_text


def scores_view(workspace: Workspace, result: RunResult, metric: str) -> None:
    """Every forecaster's error, on average and by behaviour."""
    blocks = (
        leaderboard(result, workspace.study, metric),
        Heading(f"{metric.upper()} by behaviour, in {UNIT}"),
        error_table(result, workspace.study, metric),
    )
    render(blocks, f"scores-{metric}")


def parameters_view(workspace: Workspace, run: StoredRun, result: RunResult) -> None:
    """The parameters of the best trial, and the line of each behaviour."""
    study = workspace.study
    render((Heading("Parameters that the search found"), *parameter_blocks(result, study)), "parameters")
    found = pd.DataFrame(map(vars, found_parameters(result, study)))
    download(found, f"parameters-{run.run_id}", "parameters-data", index=False)
    if run.record.priors != "none":
        st.caption(f"Learned from other places beforehand: {plain_text(run.record.priors)}.")
    st.markdown("## The line of each behaviour")
    lines = fitted_lines(workspace.store, run.run_id, study)
    render((line_table(lines),), "lines")
    download(lines, f"lines-{run.run_id}", "lines-data", index=False)
    st.expander("How to read this").caption(
        "Calibrated activity = a × simulated activity + b, kept between the least and the most that activity can be. "
        "Activity is the share of people who do it on a day; the measurement model turns it into the metric. "
        "Which slope a forecast follows was chosen by forecasts from earlier days inside training; the engine's own is 1. "
        "What another policy would change is always said with the fitted slope."
    )
    for text in lines.loc[lines["flat"], "label"]:
        st.warning(
            f"{text}: the line is nearly flat, so the simulated response has no say in this behaviour's forecast. "
            "Counterfactuals of it will show almost no effect.",
            icon=":material/horizontal_rule:",
        )
    with st.expander("The published calibration, for comparison"):
        st.caption(
            "The paper's own form: Optuna's TPE searches a and b of each behaviour straight onto the metric, without a "
            f"measurement model and without anchoring. Its search ended {result.calibration_gap:.1%} above the least-squares "
            "line."
        )
        render((line_table(fitted_lines(workspace.store, run.run_id, study, "paper")),), "paper")
