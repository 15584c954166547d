"""“Why?”: the parts of a forecast or of what a policy changes, made only when they are asked for."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.cognition.llm.memoising import NotAsked
from core.counterfactual.explain import explain_contrast, explain_forecast
from core.policy.timeline import PolicyTimeline
from core.report.sentences.explanations import EXACT_TEXT, TWO_ORDERS_TEXT, explanation_figure, why_sentence
from core.services.counterfactuals.explanations import ExplanationResult, explanation_result
from core.services.runs.fitted import horizon_dates
from pages.common.charts import chart
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, plain_text


def why(
    workspace: Workspace, behaviour: str, key: str, scenario: PolicyTimeline | None = None,
    reference: PolicyTimeline | None = None, person: int | None = None,
) -> None:  # fmt: skip
    """A button that opens the parts of what `scenario` changes for a behaviour (None: of the forecast); of one `person` before
    calibration."""
    with st.popover("Why?", icon=":material/account_tree:", type="tertiary", on_change="rerun", key=key) as opened:
        if not opened.open:
            return
        run = workspace.run
        assert run is not None
        try:
            found = _explained(workspace.store.name, run.run_id, scenario, reference, person, _workspace=workspace)
        except NotAsked:
            st.info("The language model was not asked about each measure alone, so its answer cannot be split.")
            return
        st.markdown(plain_text(why_sentence(found, workspace.study, behaviour)))
        figure = explanation_figure(found, workspace.study, behaviour)
        chart(figure.draw(), figure.data, figure.name, f"{key}-figure", figure.words)
        st.caption(EXACT_TEXT if found.shapley else TWO_ORDERS_TEXT)


@remembered(show_spinner="Taking the answer apart…", max_entries=32, hash_funcs={PolicyTimeline: lambda item: item.id})
def _explained(
    store: str, run_id: str, scenario: PolicyTimeline | None, reference: PolicyTimeline | None, person: int | None,
    _workspace: Workspace,
) -> ExplanationResult:  # fmt: skip
    twin = _workspace.twin()
    dates: pd.DatetimeIndex = horizon_dates(twin, None, None)
    if scenario is None:
        return explanation_result(_workspace.study, run_id, explain_forecast(twin, dates), "", dates)
    found = explain_contrast(twin, scenario, dates, reference, person)
    return explanation_result(_workspace.study, run_id, found, scenario.name, dates, person)
