"""The intervals of the run shown: the fan over the hold-out, whether they held, and what they are made of."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.errors import PolicyTwinError
from core.report.figures.intervals import forecast_fan
from core.report.sentences.intervals import held_sentence, held_table, part_blocks
from core.report.sentences.residuals import held_blocks
from core.report.sentences.sources import record_source
from core.services.evaluation.residuals import held_over_time
from core.services.runs.interval_parts import intervals_of_run, stored_intervals
from core.services.runs.results import IntervalsResult, RunResult
from core.services.studies.stored_inputs import stored_observations
from core.store.database import Store
from pages.common.charts import chart
from pages.common.render import render
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, link, plain_text
from pages.common.terms import linked


def run_intervals_view(workspace: Workspace) -> None:
    """Fan, table and parts; what to do where there is no run, or one from before runs kept intervals."""
    run, study = workspace.run, workspace.study
    st.markdown("## This study's forecast")
    if run is None:
        st.info("This study has no fitted twin yet, and so no forecast.", icon=":material/flag:")
        link("Calibration", "Fit the twin")
        return
    held = RunResult.of(run).intervals
    if held is None:
        st.info(
            "This run was made before forecasts kept intervals. Fit the twin again to have them.",
            icon=":material/flag:",
        )
        link("Calibration", "Fit the twin again")
        return
    st.markdown(linked(held_sentence(held, study.step)))
    labels = {plain_text(item.label): item.id for item in study.behaviours}
    name = st.selectbox("Behaviour", list(labels), key="behaviour", bind="query-params", width=320)
    behaviour = labels[name]
    forecast, observed, ends = _series(workspace.store, workspace.store.name, run.run_id, behaviour)
    frame = pd.DataFrame({"forecast": forecast, "observed": observed})
    for level, (lower, upper) in ends.items():
        frame[f"{level}% from"], frame[f"{level}% to"] = lower, upper
    figure = forecast_fan(
        forecast, ends, observed, title=f"{name}: forecast and intervals", unit=study.metric_unit,
        source=record_source(study, run.record, run.run_id),
    )  # fmt: skip
    chart(
        figure, frame, f"intervals-{behaviour}-{run.run_id}", "run-fan", f"Forecast of {name} with its intervals by day"
    )
    render([held_table(held, study.step)], "run-held")
    shares = held_over_time(workspace.store, run.run_id, study.step)
    render(
        held_blocks(shares, study, run.run_id, record_source(study, run.record, run.run_id)),
        "run-held-course",
        terms=True,
    )
    try:
        result = _intervals_of(workspace, workspace.store.name, run.run_id)
    except PolicyTwinError as wrong:
        st.info(plain_text(f"What the intervals are made of cannot be told here: {wrong}"), icon=":material/info:")
        return
    render(part_blocks(result, record_source(study, run.record, run.run_id), study.step), "run-parts", terms=True)


@st.cache_data(show_spinner=False, max_entries=24)
def _series(
    _store: Store, store_name: str, run_id: str, behaviour: str
) -> tuple[pd.Series, pd.Series, dict[int, tuple[pd.Series, pd.Series]]]:
    rows = _store.read_result("forecasts", run_id, forecaster="twin", phase="test", behaviour=behaviour)
    forecast = rows.set_index("date")["value"].sort_index()
    seen = stored_observations(_store, _store.run(run_id).record)[behaviour]
    ends = {level: (low[behaviour], high[behaviour]) for level, (low, high) in stored_intervals(_store, run_id).items()}
    return forecast, seen.reindex(forecast.index), ends


@remembered(show_spinner="Drawing people and weeks anew…", max_entries=8)
def _intervals_of(_workspace: Workspace, store_name: str, run_id: str) -> IntervalsResult:
    return intervals_of_run(_workspace.store, run_id, twin=_workspace.twin())
