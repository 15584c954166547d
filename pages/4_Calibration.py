"""Calibration: fit the twin, watch the search, and test the fitted curve on days it has not seen."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from core.forecasting.metrics import MACRO
from core.report.figures.calibration import (
    comparison_figure,
    explorer_figure,
    leaderboard_figure,
    trial_history_figure,
)
from core.services.runs.fits import reproduce
from core.services.runs.results import (
    METRICS,
    PARAMETER_LABELS,
    compared,
    differences,
    fitted_lines,
    found_parameters,
    in_words,
    journal_bytes,
    label,
    leaderboard,
    list_results,
    score_matrix,
    twin_source,
    verdict,
    working_week_note,
)
from core.settings import observed_data
from core.store.runs import StoredRun
from pages.common.charts import chart, download
from pages.common.curve_view import curve_view
from pages.common.fit_panel import adopt_finished_fit, fit_panel
from pages.common.rerun_view import rerun_view
from pages.common.shell import Workspace, choose_run, engine_note, open_page, plain_errors, plain_text
from pages.common.stored import curves_of, finished_trials, scores_of

VIEWS = ("Scores", "Curves", "Parameters", "Trials", "Runs", "Export")
UNIT = "points"
LISTED_TRIALS = 10
NOBODY = ""
#: The name in the link of the run to compare with.
OTHER = "other"


def main() -> None:
    workspace = open_page("Calibration")
    with plain_errors():
        adopt_finished_fit(workspace)
        fit_panel(workspace)
        run = workspace.run
        if run is None:
            st.info("There is no fitted twin of this study yet. Press “Fit the twin” above.", icon=":material/flag:")
            return
        _headline(workspace, run)
        view = st.segmented_control("Show", VIEWS, default=VIEWS[0], required=True, key="view", bind="query-params")
        {
            "Curves": _curves,
            "Parameters": _parameters,
            "Trials": _trials,
            "Runs": _runs,
            "Export": _export,
        }.get(str(view), _scores)(workspace, run)
        _reproduce(workspace, run)


def _headline(workspace: Workspace, run: StoredRun) -> None:
    record = run.record
    assert record.train_end is not None and record.test_end is not None
    left, right = st.columns([3, 1.3], vertical_alignment="bottom")
    left.markdown("#### How good is the twin on days it had not seen?")
    with right:
        st.segmented_control(
            "Error measure",
            list(METRICS),
            default="rmse",
            format_func=str.upper,
            required=True,
            key="measure",
            bind="query-params",
            help="Taken per behaviour on all held-out days, then averaged over behaviours. "
            + "; ".join(METRICS.values())
            + ".",
        )
    found = verdict(scores_of(workspace.store, run.run_id), _metric(), UNIT, run.summary.get("differences"))
    with st.container(border=True):
        st.markdown(f"**{found.headline}**")
        for note in found.notes:
            st.markdown(f"- {note}")
    days = (record.test_end - record.train_end).days
    st.caption(
        f"Hold-out: the {days:,} days after {record.train_end:%-d %B %Y}, to {record.test_end:%-d %B %Y}. Errors are in "
        f"points of the metric ({workspace.study.metric_unit}). One split is one test: another can turn the order round."
    )
    engine_note(run)


def _metric() -> str:
    chosen = st.session_state.get("measure")
    return str(chosen) if chosen in METRICS else "rmse"


def _scores(workspace: Workspace, run: StoredRun) -> None:
    study, metric = workspace.study, _metric()
    scores = scores_of(workspace.store, run.run_id)
    board = leaderboard(scores, metric)
    figure = leaderboard_figure(board, metric.upper(), UNIT, _source(workspace, run))
    chart(
        figure,
        board,
        f"leaderboard-{run.run_id}",
        "leaderboard",
        "Average error of the twin, its ablations and baselines",
    )
    st.caption(working_week_note(scores, metric))
    st.markdown(f"##### {metric.upper()} by behaviour, in {UNIT}")
    st.caption(
        "★ marks the smallest error of each column. Rows are in the order of the figure; the twin's row is tinted."
    )
    matrix = score_matrix(scores, study.behaviour_ids, metric)
    labels = {item.id: plain_text(item.label) for item in study.behaviours} | {MACRO: "Average"}
    st.table(_marked(matrix.rename(index=label, columns=labels)))
    download(matrix.rename(columns=labels), f"errors-{metric}-{run.run_id}", "score-table-data")


def _marked(matrix: pd.DataFrame) -> Styler:
    """One decimal, the best of each column with a star, the twin's row tinted."""
    matrix = matrix.rename_axis(index=None, columns=None)
    styler = matrix.style.format("{:.1f}", na_rep="not scored")
    for column in matrix.columns[matrix.notna().any()]:
        best = pd.IndexSlice[[str(matrix[column].idxmin())], [column]]
        styler = styler.format("{:.1f}\u00a0★", subset=best).set_properties(subset=best, **{"font-weight": "bold"})
    twin = [name for name in [label("twin")] if name in matrix.index]
    return styler.set_properties(subset=pd.IndexSlice[twin, :], **{"background-color": "#dcebf1"})


def _curves(workspace: Workspace, run: StoredRun) -> None:
    curve_view(workspace, run, key="curve")


def _parameters(workspace: Workspace, run: StoredRun) -> None:
    study = workspace.study
    found = found_parameters(run, study)
    st.markdown("##### Parameters that the search found")
    st.caption(
        "They hold for everybody and all behaviours. Found means: of the way from the start to the mean of the trials that "
        "forecast as well as the best from rolling origins inside the training days, as little as forecasts as well. They "
        "describe this engine on these data; they are not measurements of people."
    )
    if run.record.priors != "none":
        st.caption(f"Learned from other places beforehand: {plain_text(run.record.priors)}.")
    st.table(
        pd.DataFrame(
            {
                "Found": [in_words(value, unit) for value, unit in zip(found["value"], found["unit"], strict=True)],
                "Searched between": [
                    f"{in_words(low, unit)} and {in_words(high, unit)}"
                    for low, high, unit in zip(found["low"], found["high"], found["unit"], strict=True)
                ],
                "What it means": found["text"].to_numpy(),
                "Remark": ["at the edge of what was searched" if edge else "" for edge in found["edge"]],
            },
            index=list(found["label"]),
        )
    )
    download(found, f"parameters-{run.run_id}", "parameters-data", index=False)
    st.markdown("##### The line of each behaviour")
    st.caption(
        "Calibrated activity = a × simulated activity + b, kept between the least and the most that activity can be. "
        "Activity is the share of people who do it on a day; the measurement model turns it into the metric. "
        "Which slope a forecast follows was chosen by forecasts from earlier days inside training; the engine's own is 1. "
        "What another policy would change is always said with the fitted slope."
    )
    lines = fitted_lines(workspace.store, run.run_id, study)
    _lines(lines)
    for text in lines.loc[lines["flat"], "label"]:
        st.warning(
            f"{text}: the line is nearly flat, so the simulated response has no say in this behaviour's forecast. "
            "Counterfactuals of it will show almost no effect.",
            icon=":material/horizontal_rule:",
        )
    download(lines, f"lines-{run.run_id}", "lines-data", index=False)
    with st.expander("The published calibration, for comparison"):
        gap = run.summary.get("calibration_gap")
        st.caption(
            "The paper's own form: Optuna's TPE searches a and b of each behaviour straight onto the metric, without a "
            "measurement model and without anchoring."
            + ("" if gap is None else f" Its search ended {gap:.1%} above the least-squares line.")
        )
        _lines(fitted_lines(workspace.store, run.run_id, study, "paper"))


def _lines(lines: pd.DataFrame) -> None:
    table = pd.DataFrame(
        {
            "The forecast follows": lines["chosen"],
            "a (slope)": lines["a"],
            "b (intercept)": lines["b"],
            "Least": lines["lower"],
            "Most": lines["upper"],
            "RMSE on training days": lines["train_rmse"],
        }
    ).set_index(lines["label"].map(plain_text).rename(None))
    table = table.dropna(axis=1, how="all")
    numbers = table.select_dtypes("number").columns
    digits = {name: "{:.1f}" if name.startswith("RMSE") else "{:.3f}" for name in numbers}
    st.table(table.style.format(digits))


def _trials(workspace: Workspace, run: StoredRun) -> None:
    study = workspace.study
    tried = finished_trials(workspace.store, run.run_id, study.behaviour_ids)
    labels = {item.id: item.label for item in study.behaviours}
    source = f"{twin_source(study, run.record.engine)} Errors are on rolling forecasts inside the training days."
    figure = trial_history_figure(
        tried.macro, tried.best, tried.objectives, labels, total=len(tried), unit=UNIT, source=source
    )
    chart(figure, tried.table(), f"trials-{run.run_id}", "trials", "Error of each trial, and the best of them so far")
    st.caption(
        f"The best trial, number {tried.macro.idxmin()}, has an error of {tried.macro.min():.2f} {UNIT}. These errors chose "
        "the parameters, so they are not a test; the test is the hold-out under Scores."
    )
    explorer = explorer_figure(tried.parameters, tried.macro, PARAMETER_LABELS, unit=UNIT, source=source)
    chart(explorer, tried.table(), f"trials-{run.run_id}", "explorer", "Parameters of each trial and its error")
    st.caption(
        "Each line is a trial. Drag along an axis to keep only the trials that cross it there; click it to let go."
    )
    st.markdown(f"##### The {min(LISTED_TRIALS, len(tried))} best trials")
    best = tried.table().nsmallest(LISTED_TRIALS, "macro")
    table = best[["macro", *tried.parameters.columns]].rename(columns={"macro": "Error, points", **PARAMETER_LABELS})
    st.table(table.rename_axis("Trial").style.format("{:.2f}"))


def _runs(workspace: Workspace, run: StoredRun) -> None:
    study, metric = workspace.study, _metric()
    listed = list_results(workspace.store, study.id)
    by_id = listed.set_index("run_id", drop=False)
    words = {row["run_id"]: _run_words(row) for row in listed.to_dict("records")}
    st.markdown("##### Fits of this study")
    st.table(
        pd.DataFrame(
            {
                "Finished (UTC)": listed["finished_at"].dt.strftime("%-d %b %Y %H:%M"),
                "Training to": listed["train_end"],
                "Test to": listed["test_end"],
                "Personas": [f"{count:,}" for count in listed["personas"]],
                "Trials": listed["trials"],
                "Seed": listed["seed"],
                "Twin": [f"{value:.1f}" for value in listed["twin"]],
                "Best baseline": [
                    f"{value:.1f} ({name})"
                    for value, name in zip(listed["best_baseline"], listed["best_baseline_name"], strict=True)
                ],
            }
        ).set_index(listed["run_id"].rename(None))
    )
    st.caption(
        "Twin and best baseline: RMSE on each run's own hold-out, in points. Compare runs with equal splits only."
    )
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
    _comparison(workspace, [run.run_id, str(other)], metric)
    said = differences(by_id.loc[run.run_id].to_dict(), by_id.loc[str(other)].to_dict())
    st.caption("They differ in: " + "; ".join(said) + "." if said else "Both were asked the same.")


def _comparison(workspace: Workspace, runs: list[str], metric: str) -> None:
    study = workspace.study
    shown, other = (
        f"{text} ({run_id[-10:]})" for text, run_id in zip(("Run shown", "Compared with"), runs, strict=True)
    )
    errors = compared(workspace.store, runs, study.behaviour_ids, metric)
    errors.columns = pd.Index([shown, other])
    labels = {item.id: item.label for item in study.behaviours} | {MACRO: "Average"}
    twin = pd.DataFrame(errors.xs("twin", level="forecaster")).reindex(list(labels)).rename(index=labels)
    figure = comparison_figure(
        twin, metric.upper(), UNIT, twin_source(study, workspace.store.run(runs[0]).record.engine)
    )
    chart(figure, errors, f"comparison-{runs[0]}-{runs[1]}", "comparison", "The twin's error by behaviour in both runs")
    st.markdown(f"##### {metric.upper()}, average over behaviours, in {UNIT}")
    macro = pd.DataFrame(errors.xs(MACRO, level="behaviour")).rename(index=label).rename_axis(index=None)
    # Adding 0 turns a rounded -0.0 into 0.0.
    macro["Change"] = (macro[other] - macro[shown]).round(1) + 0.0
    st.table(macro.style.format("{:.1f}", na_rep="not scored").format("{:+.1f}", subset=["Change"]))


def _run_words(row: Mapping[Hashable, Any]) -> str:
    return (
        f"{pd.Timestamp(str(row['finished_at'])):%-d %b %Y %H:%M} · to {row['train_end']} · {row['personas']:,} personas · "
        f"{row['trials']} trials · {row['twin']:.1f} points"
    )


def _export(workspace: Workspace, run: StoredRun) -> None:
    study, store = workspace.study, workspace.store
    st.markdown("##### Take it with you")
    columns = st.columns(4)
    with columns[0]:
        download(scores_of(store, run.run_id), f"scores-{run.run_id}", "export-scores", "Scores (CSV)", index=False)
    with columns[1]:
        frames = curves_of(store, run.run_id, study.behaviour_ids)
        tall = pd.concat({"fitted on training days": frames.structural, **frames.forecasts}, names=["forecast", "date"])
        download(tall, f"forecasts-{run.run_id}", "export-forecasts", "Forecasts (CSV)")
    with columns[2]:
        tried = finished_trials(store, run.run_id, study.behaviour_ids)
        download(tried.table(), f"trials-{run.run_id}", "export-trials", "Trials (CSV)")
    with columns[3]:
        st.download_button(
            "Trials (Optuna journal)",
            data=lambda: journal_bytes(store, run.run_id),
            file_name=f"trials-{run.run_id}.journal",
            mime="application/x-ndjson",
            key="export-journal",
            on_click="ignore",
            icon=":material/download:",
        )
    st.caption("The journal is a study of Optuna's. Look into it with optuna-dashboard (an optional package):")
    st.code(f"optuna-dashboard trials-{run.run_id}.journal", language="bash")
    st.caption(
        f"The search minimises macro, the mean of the behaviours' errors. {len(tried)} trials; smaller is better."
    )


def _reproduce(workspace: Workspace, run: StoredRun) -> None:
    with st.expander("Reproduce this", icon=":material/replay:", key="reproduce"):
        lines = reproduce(run.record, workspace.study, observed_data(), workspace.store.name)
        if lines.note:
            st.text(lines.note)
        if lines.command:
            st.caption("On the command line:")
            st.code(lines.command, language="bash", wrap_lines=True)
        st.caption("In Python:")
        st.code(lines.python, language="python")
        st.caption(
            "The same inputs give the same result hash, however many workers there are. On another kind of processor the "
            "last digits, and with them the hash, can differ. This run's:"
        )
        st.code(str(run.record.result_hash), language=None)
        rerun_view(run.run_id, workspace.store.name)


def _source(workspace: Workspace, run: StoredRun) -> str:
    return twin_source(workspace.study, run.record.engine, run.run_id)


if __name__ == "__main__":
    with plain_errors():
        main()
