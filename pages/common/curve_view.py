"""The fitted curve against held-out truth: what was observed, what the twin fitted and forecast, and its rivals."""

from __future__ import annotations

from datetime import date

import pandas as pd
import streamlit as st

from core.report.figures.calibration import curves_figure
from core.report.sentences.sources import record_source
from core.services.runs.forecasters import label as forecaster_label
from core.services.runs.reading import Curves, curve_table, holidays, weekly
from core.services.studies.stored_inputs import own_observations
from core.store.runs import StoredRun
from core.study import Step
from pages.common.charts import chart
from pages.common.shell import Workspace
from pages.common.stored import curves_of

ALL = "all"
DEFAULT_BASELINES = ("last_7_days", "gradient_boosting")


def curve_view(workspace: Workspace, run: StoredRun, key: str) -> None:
    """Controls and figure of a run's curves; `key` begins the names of its choices in the URL."""
    study, record = workspace.study, run.record
    found = curves_of(workspace.store, run.run_id, study.behaviour_ids)
    assert record.train_end is not None and record.test_end is not None
    behaviours = _behaviours(workspace, key)
    rivals = st.multiselect(
        "Forecasts beside the twin",
        [name for name in found.forecasts if name != "twin"],
        default=[name for name in DEFAULT_BASELINES if name in found.forecasts],
        format_func=forecaster_label,
        key=f"{key}_beside",
        bind="query-params",
        help="Baselines that the twin has to beat, and versions of the twin with something left out.",
    )
    left, right = st.columns([4, 1.2], vertical_alignment="bottom")
    with left:
        first, last = _period(study.start, record.test_end, f"{key}_{study.id}_days")
    smooth = study.step is Step.DAY
    if smooth:
        with right:
            smooth = st.toggle(
                "Weekly means",
                value=True,
                key=f"{key}_weekly",
                bind="query-params",
                help="The mean of the seven days around each day. Off: every day as it was.",
            )
    shown = {name: frame for name, frame in found.forecasts.items() if name == "twin" or name in rivals}
    observed = own_observations(workspace.store, record, workspace.inputs).loc[str(study.start) : str(record.test_end)]
    observed, structural, *forecasts = (
        (weekly(frame) if smooth else frame).loc[str(first) : str(last)]
        for frame in (observed, found.structural, *shown.values())
    )
    drawn = Curves(structural, dict(zip(shown, forecasts, strict=True)))
    label = next(iter(behaviours.values())) if len(behaviours) == 1 else "All behaviours"
    figure = curves_figure(
        observed,
        drawn.structural,
        drawn.forecasts,
        behaviours,
        pd.Timestamp(record.train_end),
        {name: forecaster_label(name) for name in drawn.forecasts},
        unit=study.metric_unit,
        title=f"{label}: fitted to {record.train_end:%-d %B %Y}, forecast after it",
        source=record_source(study, record, run.run_id),
        holidays=None if smooth else holidays(workspace.inputs, pd.DatetimeIndex(observed.index)),
    )
    data = curve_table(observed, drawn, tuple(behaviours))
    chart(figure, data, f"curves-{run.run_id}", f"{key}-curves", f"{label}: observed, fitted and forecast by day")
    if smooth:
        st.caption("Lines are means of seven days. Scores are always taken on single days.")


def _behaviours(workspace: Workspace, key: str) -> dict[str, str]:
    labels = {item.id: item.label for item in workspace.study.behaviours}
    chosen = st.segmented_control(
        "Behaviour",
        [*labels, ALL],
        default=next(iter(labels)),
        format_func=lambda name: labels.get(name, "All"),
        required=True,
        key=f"{key}_behaviour",
        bind="query-params",
    )
    if chosen is None or chosen == ALL:
        return labels
    st.caption(f"{workspace.study.behaviour(chosen).text}. In {workspace.study.metric_unit}.")
    return {chosen: labels[chosen]}


def _period(start: date, end: date, key: str) -> tuple[date, date]:
    first, last = st.slider(
        "Days shown",
        min_value=start,
        max_value=end,
        value=(start, end),
        format="D MMM YYYY",
        key=key,
        bind="query-params",
    )
    return first, last
