"""How to get the same figures without the page, and what its claims are worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.report.sentences.reproduce_simulate import reproduce_section
from pages.common.rerun_view import lines_view, reproduce_run_view
from pages.common.shell import Workspace

METHODS = (
    (
        "What a run is",
        "Each persona of a population is asked about each situation that occurs in the study: the rules in force, the kind of "
        "day, what else people live with, and how long restrictions have lasted. Days that are alike are asked about once. "
        "The answers are "
        "probabilities; their weighted mean is set against what was observed, a line for each behaviour is fitted on the "
        "training days, and the result is tested on later days beside baselines.",
    ),
    (
        "What a language model's answers are",
        "What a model says that such a person would do. Nobody was asked. A model may know the history of the study's place "
        "from its training, in which case a good forecast of the past shows memory and not understanding; the "
        "persona audit measures that as far as it can be measured.",
    ),
    (
        "What is kept",
        "Every question and answer, word for word, with the id of the model that the provider returned, the version of the "
        "prompts, temperature, seed and time. The same question to the same model in the same way is never asked twice. Keys "
        "are never kept.",
    ),
)


def reproduce_view(workspace: Workspace, section: str, shown: Mapping[str, Any]) -> None:
    """The expanders beneath every section; `shown` says what the section chose."""
    with st.expander("Methods and limits", icon=":material/menu_book:"):
        for title, text in METHODS:
            st.markdown(f"**{title}.** {text}")
    run = workspace.run
    if run is None:
        return
    with st.expander("Reproduce this", icon=":material/replay:", key="reproduce"):
        reproduce_run_view(workspace, run, f"The run shown ({run.run_id}), made again:")
        own = reproduce_section(section, run, workspace.store.name, shown)
        if own is not None:
            lines_view(own)
