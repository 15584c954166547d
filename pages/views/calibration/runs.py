"""The fits of a study: listed, two of them side by side, and one to take along."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.forecasting.metrics import MACRO
from core.report.document import Heading, Table
from core.report.figures.calibration import comparison_figure
from core.report.sentences.calibration import asked_otherwise
from core.report.sentences.runs import UNIT
from core.report.sentences.sources import record_source
from core.services.runs.forecasters import label
from core.services.runs.reading import compared, journal_bytes, list_results
from core.store.runs import StoredRun
from pages.common.charts import chart, download
from pages.common.render import render
from pages.common.shell import Workspace, choose_run
from pages.common.stored import curves_of, finished_trials

NOBODY = ""
#: The name in the link of the run to compare with.
OTHER = "other"


def runs_view(workspace: Workspace, run: StoredRun, metric: str) -> None:
    """Every fit of the study; which is shown, and which it is compared with."""
    listed = list_results(workspace.store, workspace.study.id)
    by_id = {row["run_id"]: row for row in listed.to_dict("records")}
    words = {
        name: f"{row['finished_at']:%-d %b %Y %H:%M} · to {row['train_end']} · {row['personas']:,} personas · "
        f"{row['trials']} trials · {row['twin']:.1f} points"
        for name, row in by_id.items()
    }
    best = [
        f"{value:.1f} ({name})"
        for value, name in zip(listed["best_baseline"], listed["best_baseline_name"], strict=True)
    ]
    shown = listed.drop(columns=["population_id", "best_baseline_name"]).assign(
        finished_at=listed["finished_at"].dt.strftime("%-d %b %Y %H:%M"), best_baseline=best
    )
    shown.columns = pd.Index(
        ["Run", "Finished (UTC)", "Training to", "Test to", "Personas", "Trials", "Seed", "Twin", "Best baseline"]
    )
    note = "Twin and best baseline: RMSE on each run's own hold-out, in points. Compare runs with equal splits only."
    render((Heading("Fits of this study"), Table.of(shown, note, digits=1)), "fits")
    left, right = st.columns(2)
    chosen = left.selectbox(
        "Run shown",
        list(words),
        index=list(words).index(run.run_id),
        format_func=lambda name: words[name],
        key=f"shown-{run.run_id}",
    )
    if chosen != run.run_id:
        choose_run(str(chosen))
        st.rerun()
    others = [name for name in words if name != run.run_id]
    if not others:
        right.info(
            "Fit the twin once more, with another split or seed, to compare two runs.", icon=":material/compare:"
        )
        return
    options = [NOBODY, *others]
    asked = st.query_params.get(OTHER, NOBODY)
    other = right.selectbox(
        "Compare with",
        options,
        index=options.index(asked) if asked in options else 0,
        format_func=lambda name: words.get(name, "nothing"),
        key=f"compare-{run.run_id}",
    )
    if not other:
        st.query_params.pop(OTHER, None)
        return
    # By hand: a bound selectbox would put its whole label into the link, and not the id of the run.
    st.query_params[OTHER] = str(other)
    _comparison(workspace, run, str(other), metric)
    said = asked_otherwise(by_id[run.run_id], by_id[str(other)])
    st.caption("They differ in: " + "; ".join(said) + "." if said else "Both were asked the same.")


def _comparison(workspace: Workspace, run: StoredRun, with_run: str, metric: str) -> None:
    study = workspace.study
    errors = compared(workspace.store, [run.run_id, with_run], metric)
    shown, other = f"Run shown ({run.run_id[-10:]})", f"Compared with ({with_run[-10:]})"
    errors.columns = pd.Index([shown, other])
    labels = {item.id: item.label for item in study.behaviours} | {MACRO: "Average"}
    twin = pd.DataFrame(errors.xs("twin", level="forecaster")).reindex(list(labels)).rename(index=labels)
    figure = comparison_figure(twin, metric.upper(), UNIT, record_source(study, run.record))
    chart(
        figure,
        errors,
        f"comparison-{run.run_id}-{with_run}",
        "comparison",
        "The twin's error by behaviour in both runs",
    )
    macro = (
        pd.DataFrame(errors.xs(MACRO, level="behaviour")).rename(index=label).rename_axis("Forecaster").reset_index()
    )
    # Adding 0 turns a rounded -0.0 into 0.0.
    table = Table.of(macro.assign(Change=(macro[other] - macro[shown]).round(1) + 0.0), digits=1)
    render((Heading(f"{metric.upper()}, average over behaviours, in {UNIT}"), table), "both")


def export_view(workspace: Workspace, run: StoredRun) -> None:
    """Scores, forecasts and trials as files."""
    study, store, run_id = workspace.study, workspace.store, run.run_id
    st.markdown("## Take it with you")
    frames = curves_of(store, run_id, study.behaviour_ids)
    tall = pd.concat({"fitted on training days": frames.structural, **frames.forecasts}, names=["forecast", "date"])
    tried = finished_trials(store, run_id, study.behaviour_ids)
    columns = st.columns(4)
    with columns[0]:
        download(store.read_result("scores", run_id), f"scores-{run_id}", "export-scores", "Scores (CSV)", index=False)
    with columns[1]:
        download(tall, f"forecasts-{run_id}", "export-forecasts", "Forecasts (CSV)")
    with columns[2]:
        download(tried.table(), f"trials-{run_id}", "export-trials", "Trials (CSV)")
    with columns[3]:
        st.download_button(
            "Trials (Optuna journal)",
            data=lambda: journal_bytes(store, run_id),
            file_name=f"trials-{run_id}.journal",
            mime="application/x-ndjson",
            key="export-journal",
            on_click="ignore",
            icon=":material/download:",
        )
    st.caption("The journal is a study of Optuna's. Look into it with optuna-dashboard (an optional package):")
    st.code(f"optuna-dashboard trials-{run_id}.journal", language="bash")
    st.caption(
        f"The search minimises macro, the mean of the behaviours' errors. {len(tried)} trials; smaller is better."
    )
