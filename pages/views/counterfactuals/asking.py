"""A what-if that needs answers which the run of a language model did not ask for: their cost, and a button to ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import streamlit as st

from core.cognition.llm.memoising import NotAsked
from core.cognition.registry import replays
from core.execution.progress import ProgressReporter
from core.services.language.engines import asking_of
from core.services.language.server_check import require_server
from core.services.runs.costs import cost_of_lacking
from core.services.runs.fitted import fitted_twin
from pages.common.job_panel import ANSWERS_KEPT, measure
from pages.common.model_choices import may_be_asked
from pages.common.shell import plain_text
from pages.views.counterfactuals.choices import CounterfactualInputs
from pages.views.simulate.run import plan_view

KIND = "what-if"
T = TypeVar("T")


def found_or_asked(
    asked: CounterfactualInputs, choices: str, work: Callable[[CounterfactualInputs], T], found: Callable[[], T]
) -> T | None:
    """What `found` gives; where answers of a language model are lacking for that, their cost and a button to ask, and None.

    `work` computes the same with the twin of the Asked that it is given; `choices` names what was chosen.
    """
    try:
        return found()
    except NotAsked as lacking:
        if replays(asked.run.record.engine):
            st.info(
                "This run replays answers, and nobody was ever asked about these policies. Take in a file of answers that "
                "covers them, or open a run whose model can be asked.",
                icon=":material/inventory_2:",
            )
            return None
        store, run_id, inputs = asked.workspace.store, asked.run.run_id, asked.workspace.inputs
        st.info(
            "The run shown has asked its language model about the policies that were in force, and not about these. It can "
            "be asked now; what was answered once is not asked again.",
            icon=":material/contact_support:",
        )
        plan_view(cost_of_lacking(store, run_id, lacking, inputs))
        if not may_be_asked(asking_of(asked.run.record)):
            st.caption(plain_text("The model's key is not set: see the Simulate page for how to set it."))
            return None

    def ask(watch: ProgressReporter) -> None:
        require_server(asking_of(asked.run.record))
        twin = fitted_twin(store, run_id, inputs=inputs, asks=True, watch=watch)
        work(replace(asked, twin=twin if asked.population is None else twin.with_personas(asked.population.personas)))

    measure(
        asked.workspace, KIND, " ".join([*asked.key, choices]), lambda watch, _: ask(watch),
        takes="as long as the model needs for these calls", label="Ask the model", keeps=ANSWERS_KEPT,
    )  # fmt: skip
    return None
