"""What each part of the twin is worth on this study's hold-out."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.report.figures.ablations import PERSONAS, ablation_bars, persona_count_curve
from core.report.sentences.left_out import left_out_lines
from core.report.sentences.validity import ablation_words
from core.services.evaluation.ablations import latest_ablations, run_ablations
from core.services.runs.results import twin_source
from core.settings import observed_data
from pages.common.charts import chart
from pages.common.measure import measure
from pages.common.shell import Workspace, link, plain_text

KIND = "ablations"
WHAT = (
    "Each part of the twin is left out in turn, everything else is fitted anew, and the same hold-out is forecast. What the "
    "error grows by is what the part is worth here."
)


def ablations_view(workspace: Workspace) -> None:
    """The measured ablations of the run shown, or what they are and a button to measure them."""
    run = workspace.run
    st.markdown("##### What is each part of the twin worth?")
    if run is None:
        st.info("This study has no fitted twin yet, and so no parts to leave out.", icon=":material/flag:")
        link("Calibration", "Fit the twin")
        return
    st.caption(WHAT)
    values = latest_ablations(workspace.store, run.run_id)
    if values is None:
        st.info("The parts of this run's twin have not been measured yet.", icon=":material/science:")
    else:
        for text in ablation_words(values):
            st.markdown(f"- {plain_text(text)}")
        source = twin_source(workspace.study, run.record.engine, run.run_id)
        rows = values["rows"]
        table = pd.DataFrame(rows).drop(columns=["rmse", "seeds", "macro_rmse_by_seed"])
        chart(
            ablation_bars(rows, source),
            table,
            f"ablations-{run.run_id}",
            "ablation-bars",
            "What leaving each part out costs",
        )
        st.caption(
            "Pale bars cannot be told from chance: other weeks of the same kind, another draw of the people, or the same search "
            "begun anew would move the error as much."
        )
        counts = [row for row in rows if row["ablation"].startswith(PERSONAS)]
        if counts:
            data = table[table["ablation"].str.startswith(PERSONAS)]
            chart(
                persona_count_curve(rows, source), data, f"personas-{run.run_id}", "persona-curve",
                "Error against the number of personas",
            )  # fmt: skip
        for line in left_out_lines(values.get("left_out", {})):
            st.caption(plain_text(f"Left out: {line}"))
    store, run_id, data_folder = workspace.store, run.run_id, observed_data()
    measure(
        workspace,
        KIND,
        run_id,
        lambda watch, executor: run_ablations(store, run_id, data=data_folder, watch=watch, executor=executor),
        takes="from a quarter of a minute to a few minutes: about thirty fits like the run's own",
        label="Measure it" if values is None else "Measure again",
        primary=values is None,
    )
    st.caption(plain_text(f"On the command line: policytwin ablate {workspace.study.id}, with the run's own choices."))
