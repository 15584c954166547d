"""What a policy would change, as Home and the Policy page ask: at once where that takes a moment, with the way on where not."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from core.cognition.llm.memoising import NotAsked
from core.counterfactual.contrast import Contrast, contrasts
from core.policy.timeline import PolicyTimeline
from core.services.counterfactuals.known_truth import true_paths
from core.services.runs.fitted import horizon_dates
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, link

#: Above this many people an answer takes long enough to be made beside the page, on Counterfactuals.
MOST_PEOPLE = 20_000


@dataclass(frozen=True)
class Answer:
    """A policy's contrast with its reference over the hold-out; the true course and effect of it, where they are known."""

    item: Contrast
    truth: pd.DataFrame | None
    true_effect: pd.Series | None


def answered(workspace: Workspace, timeline: PolicyTimeline, reference: PolicyTimeline | None = None) -> Answer | None:
    """What a policy changes against `reference` (default: the policy that was in force). Where it cannot be said at once, says
    why and where it can, and gives None."""
    assert workspace.run is not None
    people = workspace.run.record.personas
    if people > MOST_PEOPLE:
        st.info(f"With {people:,} people an answer takes longer: Counterfactuals makes it beside the page.")
        link("Counterfactuals")
        return None
    base = workspace.inputs.timeline if reference is None else reference
    try:
        return _answered(
            workspace.store.name, workspace.run.run_id, workspace.study.id, timeline, base, _workspace=workspace
        )
    except NotAsked:
        st.info(
            "The language model of this run was not asked about this policy. Counterfactuals says what asking it costs.",
            icon=":material/contact_support:",
        )
        link("Counterfactuals")
        return None


@remembered(show_spinner="Following the policy…", max_entries=32, hash_funcs={PolicyTimeline: lambda item: item.id})
def _answered(
    store: str, run_id: str, study_id: str, timeline: PolicyTimeline, reference: PolicyTimeline, _workspace: Workspace
) -> Answer:
    twin, study = _workspace.twin(), _workspace.study
    dates = horizon_dates(twin, None, None)
    observed = _workspace.inputs.timeline
    item = contrasts(twin, [timeline], dates, None if reference.id == observed.id else reference)[0]
    truth, base = (true_paths(study, observed, path, dates) for path in (timeline, reference))
    known = None if truth is None or base is None else (truth - base).mean()
    return Answer(item, truth, known)
