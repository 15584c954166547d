"""The intervals of the run shown: the fan over the hold-out, whether they held, and what they are made of."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.errors import PolicyTwinError
from core.report.figures.intervals import forecast_fan, interval_parts
from core.report.sentences.intervals import parts_table, parts_words
from core.services.evaluation.skill import judged
from core.services.runs.intervals import interval_values, stored_intervals
from core.services.runs.results import twin_source
from core.services.studies.stored_inputs import stored_observations
from core.store.database import Store
from core.store.runs import StoredRun
from pages.common.charts import chart
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, link, plain_text


def run_intervals_view(workspace: Workspace) -> None:
    """Fan, table and parts; what to do where there is no run, or one from before runs kept intervals."""
    run, study = workspace.run, workspace.study
    st.markdown("##### This study's forecast")
    if run is None:
        st.info("This study has no fitted twin yet, and so no forecast.", icon=":material/flag:")
        link("Calibration", "Fit the twin")
        return
    about = run.summary.get("intervals") if isinstance(run.summary, dict) else None
    if not about:
        st.info(
            "This run was made before forecasts kept intervals. Fit the twin again to have them.",
            icon=":material/flag:",
        )
        link("Calibration", "Fit the twin again")
        return
    held = about["levels"]
    inside = float(held["80"]["coverage"])
    st.markdown(
        plain_text(
            f"Of the observed days after the origin, {inside:.0%} lie inside the 80% interval: {judged(inside, 0.8)}. "
            f"The widths come from {about['source']}."
        )
    )
    labels = {plain_text(item.label): item.id for item in study.behaviours}
    name = st.selectbox("Behaviour", list(labels), key="behaviour", bind="query-params", width=320)
    behaviour = labels[name]
    forecast, observed, ends = _series(workspace.store, workspace.store.name, run.run_id, behaviour)
    frame = pd.DataFrame({"forecast": forecast, "observed": observed})
    for level, (lower, upper) in ends.items():
        frame[f"{level}% from"], frame[f"{level}% to"] = lower, upper
    figure = forecast_fan(
        forecast, ends, observed, title=f"{name}: forecast and intervals", unit=study.metric_unit,
        source=twin_source(study, run.record.engine, run.run_id),
    )  # fmt: skip
    chart(
        figure, frame, f"intervals-{behaviour}-{run.run_id}", "run-fan", f"Forecast of {name} with its intervals by day"
    )
    rows = {
        f"{level}% promised": {
            "Days inside": f"{item['coverage']:.0%}, {judged(float(item['coverage']), int(level) / 100)}",
            "Mean width, points": f"{item['width']:.1f}",
            "Interval score": f"{item['score']:.1f}",
        }
        for level, item in held.items()
    }
    st.table(pd.DataFrame.from_dict(rows, orient="index"))
    _parts(workspace, run)


def _parts(workspace: Workspace, run: StoredRun) -> None:
    try:
        parts = _parts_of(workspace, workspace.store.name, run.run_id)
    except PolicyTwinError as wrong:
        st.info(plain_text(f"What the intervals are made of cannot be told here: {wrong}"), icon=":material/info:")
        return
    st.markdown(plain_text(parts_words(parts)))
    table = parts_table(parts)
    source = twin_source(workspace.study, run.record.engine, run.run_id)
    chart(
        interval_parts(table, source), table, f"parts-{run.run_id}", "run-parts", "Parts of the intervals by days ahead"
    )
    st.caption(
        "Drawing other personas, fitting on other training weeks, and asking the engine again each move the forecast by this "
        "much; the rest of the interval is what the model does not know. Means over behaviours."
    )


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
def _parts_of(_workspace: Workspace, store_name: str, run_id: str) -> list[dict[str, object]]:
    parts: list[dict[str, object]] = interval_values(_workspace.store, run_id, twin=_workspace.twin())["parts"]
    return parts
