"""The leaderboard of the run shown: every forecaster on this study's hold-out."""

from __future__ import annotations

import streamlit as st

from core.forecasting.metrics import MACRO
from core.report.figures.skill import dumbbells
from core.report.sentences.runs import pooled_note, verdict, working_week_note
from core.report.sentences.sources import record_source
from core.services.evaluation.skill import behaviour_comparisons, run_table
from core.services.runs.forecasters import ABLATION, BASELINE, TWIN, in_sentence
from core.services.runs.results import RunResult
from pages.common.address import pick_measure
from pages.common.charts import chart, download
from pages.common.shell import Workspace, link, plain_text
from pages.common.terms import linked

KINDS = {TWIN: "Twin", ABLATION: "Twin, part left out", BASELINE: "Baseline"}


def study_view(workspace: Workspace) -> None:
    """Table and figure of the run's scores; what to do where there is no run."""
    run, study = workspace.run, workspace.study
    if run is None:
        st.info("This study has no fitted twin yet, and so nothing to score.", icon=":material/flag:")
        link("Calibration", "Fit the twin")
        return
    record = run.record
    assert record.train_end is not None and record.test_end is not None
    metric, result = pick_measure(), RunResult.of(run)
    table = run_table(result, metric, study.step)
    st.markdown(
        f"## Every forecaster on the {study.step}s from {record.train_end:%-d %B %Y} to {record.test_end:%-d %B %Y}"
    )
    found = verdict(result, metric, step=workspace.study.step)
    st.markdown(plain_text(" ".join(found.notes)))
    labels = {item.id: item.label for item in study.behaviours}
    shown = table.assign(kind=table["kind"].map(KINDS), skill=(-100 * table["skill"]).round() + 0.0)
    shown = shown[["words", "kind", MACRO, "skill", *labels]].rename(columns={"words": "Forecaster", "kind": "Kind"})
    error = {name: st.column_config.NumberColumn(plain_text(text), format="%.1f") for name, text in labels.items()}
    st.dataframe(
        shown,
        width="stretch",
        height=38 + 35 * len(shown),
        hide_index=True,
        key="study-leaderboard",
        alt="Errors of the twin, its ablations and the baselines, in points",
        column_config={
            "Forecaster": st.column_config.TextColumn(width=330),
            MACRO: st.column_config.NumberColumn("Average", format="%.1f", help="Mean over the behaviours"),
            "skill": st.column_config.NumberColumn(
                "Against best baseline", format="%+.0f%%", help="The average against that of the best baseline"
            ),
            **error,
        },
    )
    with st.expander("How to read this"):
        st.caption(
            linked(
                f"{metric.upper()} in points of the metric ({study.metric_unit}); smaller is better. "
                f"“Against best baseline”: −10% means an average error a tenth smaller than the best baseline's. "
                f"{working_week_note(result, metric, workspace.study.step)} {pooled_note(study) or ''}"
            )
        )
    download(table, f"leaderboard-{metric}-{run.run_id}", "study-data", index=False)
    lines = behaviour_comparisons(table, labels)
    lines["note"] = [f"against {in_sentence(name, workspace.study.step)}" for name in lines["rival"]]
    figure = dumbbells(
        lines,
        "The twin and the best baseline of each behaviour (further left is better)",
        "The best baseline of that behaviour",
        "points",
        record_source(study, record, run.run_id),
        metric=metric.upper(),
    )
    chart(
        figure,
        lines,
        f"behaviours-{run.run_id}",
        "study-behaviours",
        "The twin's error and the best baseline's, by behaviour",
    )
    won = int((lines["twin"] < lines["rival_score"]).sum())
    st.caption(f"The twin misses by less than the best baseline of the behaviour in {won} of {len(lines)} behaviours.")
