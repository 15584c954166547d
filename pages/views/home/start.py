"""Home before the first twin: what was observed, and the way to the first answer."""

from __future__ import annotations

import streamlit as st

from core.report.figures.answers import observed_figure
from core.services.counterfactuals.answers import observed_table
from core.services.counterfactuals.questions import example_questions
from pages.common.charts import chart
from pages.common.shell import Workspace, plain_text


def observed_view(workspace: Workspace) -> None:
    """The questions that can be asked, and the observations that the twin will learn from."""
    study = workspace.study
    asked = example_questions(study, workspace.inputs.timeline, study.train_end)
    st.markdown(" · ".join(plain_text(item.text) for item in asked))
    if workspace.run is None:
        st.info(
            "No twin has been fitted to this study yet. Fit it below: it takes about a minute.", icon=":material/flag:"
        )
    else:
        st.info(
            "The tables of this study have changed since the twin was fitted. Fit it again; the run stays as it was made.",
            icon=":material/update:",
        )
    table = observed_table(study, workspace.inputs.observations)
    chart(
        observed_figure(table, origin=study.train_end, unit=study.metric_unit), table, f"observed-{study.id}", "observed",
        "What was observed, by behaviour.",
    )  # fmt: skip
