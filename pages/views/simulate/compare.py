"""Engines side by side on one study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.forecasting.metrics import MACRO
from core.report.figures.simulate import by_kind_figure, engine_errors_figure
from core.report.sentences.asked_small import asked_blocks
from core.report.sentences.simulate import took_row
from core.report.sentences.sources import source_line
from core.services.evaluation.engine_comparison import MOST_RUNS, Comparison, beside, compare_engines, runs_to_compare
from core.study import Study
from core.validity.measured import AskedScores, read_measured
from pages.common.address import pick_several
from pages.common.charts import chart, download
from pages.common.render import render
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, plain_text

ALSO_SHOWN = "Average"


def compare_view(workspace: Workspace) -> dict[str, Any]:
    """Runs side by side, and what was measured of a small model beside the rules engine; returns which runs."""
    chosen = _runs(workspace)
    render(asked_blocks(read_measured(AskedScores, "asked_small"), workspace.study.id), "asked-small")
    return chosen


def _runs(workspace: Workspace) -> dict[str, Any]:
    """Choose runs, and see their errors, what their people do, how much they differ, and what they took; returns which."""
    study, run = workspace.study, workspace.run
    st.markdown("##### Which engine answers best, and how differently do its people answer?")
    runs = runs_to_compare(workspace.store, study.id)
    if run is None or runs.empty:
        st.info("Nothing has been simulated yet. Run an engine first.", icon=":material/flag:")
        return {}
    words = {row["run_id"]: _named(row) for row in runs.to_dict("records")}
    chosen = pick_several(
        study, "beside", "Runs", list(words), lambda name: words[name], beside(runs, run.run_id),
        max_selections=MOST_RUNS, help="Runs of this study, the newest first.",
    )  # fmt: skip
    if not chosen:
        st.info("Choose one run or more.", icon=":material/compare_arrows:")
        return {}
    if len(chosen) == 1:
        st.info(
            "Only one run is shown. Simulate with another engine, design or model, on the same people and days, to set them "
            "side by side.",
            icon=":material/compare_arrows:",
        )
    found = _compared(workspace.store.name, tuple(chosen), study.id, workspace)
    for note in found.notes:
        st.warning(plain_text(note), icon=":material/warning:")
    source = f"{source_line(study).rstrip('.')}. " + "; ".join(
        f"{label} ({run_id})" for run_id, label in found.labels.items()
    )
    _errors(study, found, source)
    _what_they_do(study, found, source)
    _took(workspace, found)
    return {"run_ids": chosen}


def _errors(study: Study, found: Comparison, source: str) -> None:
    labels = {item.id: item.label for item in study.behaviours}
    names = {MACRO: ALSO_SHOWN, **labels}
    figure = engine_errors_figure(found.errors, names, list(found.labels.values()), source, study.fictional)
    chart(
        figure, found.errors, "engines-errors", "compare-errors",
        "Error of each run's twin by behaviour, and the best baseline of each behaviour",
    )  # fmt: skip
    wide = found.errors.pivot(index="engine", columns="behaviour", values="value")  # noqa: PD010 (nothing to aggregate)
    wide = wide.loc[list(found.labels.values()), list(names)].rename(columns=names)
    best = found.errors.drop_duplicates(["run_id", "behaviour"]).pivot_table(
        index="behaviour", values="best", aggfunc="min"
    )
    wide.loc["Best baseline of each behaviour"] = [best["best"].get(name) for name in names]
    st.table(
        wide.rename(index=plain_text, columns=plain_text)
        .rename_axis(index=None, columns=None)
        .style.format("{:.1f}", na_rep="–")
    )
    macro = found.errors[found.errors["behaviour"] == MACRO].set_index("engine")
    for label, row in macro.iterrows():
        if pd.isna(row["best"]):
            continue
        against = "less" if row["value"] < row["best"] else "more"
        st.caption(
            plain_text(
                f"{label}: the twin misses by {row['value']:.1f} points on average, {against} than the best baseline "
                f"({row['best_name']}, {row['best']:.1f})."
            )
        )
    st.caption(
        f"Root mean squared error on the held-out days, in points of the metric ({study.metric_unit}). The calibration is "
        "fitted to each engine's answers, so that a small error does not show that the answers themselves are right. One "
        "split is one test."
    )


def _what_they_do(study: Study, found: Comparison, source: str) -> None:
    labels = {item.id: item.label for item in study.behaviours}
    names = list(found.labels.values())
    st.markdown("###### What they say before calibration")
    figure = by_kind_figure(
        found.activity, "mean", labels, names, title="Mean answer by kind of day", x="Mean over people and days",
        source=source, fictional=study.fictional,
    )  # fmt: skip
    chart(
        figure, found.activity, "engines-activity", "compare-activity",
        "Mean answer of each run's people by kind of day and behaviour",
    )  # fmt: skip
    known = found.activity.dropna(subset=["spread"])
    if known.empty:
        st.caption("None of these runs kept the answers of single people, so that their spread cannot be shown.")
        return
    figure = by_kind_figure(
        known, "spread", labels, [name for name in names if name in set(known["engine"])],
        title="Spread between personas by kind of day", x="Standard deviation, points of probability",
        source=source, fictional=study.fictional,
    )  # fmt: skip
    chart(
        figure, known, "engines-spread", "compare-spread",
        "Standard deviation between the personas of each run by kind of day and behaviour",
    )  # fmt: skip
    st.caption(
        "The spread is the weighted standard deviation between personas in a situation, averaged over days. Near nothing, all "
        "personas are one person; it does not say whether the differences are those of people (see Persona audit)."
    )


def _took(workspace: Workspace, found: Comparison) -> None:
    st.markdown("###### What they took")
    rows = [took_row(workspace.store.run(run_id), label) for run_id, label in found.labels.items()]
    table = pd.DataFrame(rows).set_index("Engine")
    st.table(table.rename(index=plain_text, columns=plain_text).rename_axis(index=None))
    download(table, "engines-took", "compare-took")


def _named(row: Mapping[Any, Any]) -> str:
    finished = pd.Timestamp(str(row["finished_at"]))
    return (
        f"{row['label']} · {int(str(row['personas'])):,} personas · tested to {pd.Timestamp(row['test_end']):%-d %b %Y} · "
        f"{finished:%-d %b %Y %H:%M} · {row['run_id']}"
    )


@remembered(show_spinner="Setting the runs side by side…", max_entries=16)
def _compared(store_name: str, run_ids: tuple[str, ...], study_id: str, _workspace: Workspace) -> Comparison:
    return compare_engines(_workspace.store, run_ids, _workspace.study)
