"""What a policy would change, as Home and the Policy page ask: at once where that takes a moment, with the way on where not."""

from __future__ import annotations

import streamlit as st

from core.cognition.llm.memoising import NotAsked
from core.policy.timeline import PolicyTimeline
from core.services.counterfactuals.answers import Answer, answer_of
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, link

#: Above this many personas a result takes more than about a second and is made beside the page, with progress.
AT_ONCE_UP_TO = 20_000


def answered(workspace: Workspace, timeline: PolicyTimeline, reference: PolicyTimeline | None = None) -> Answer | None:
    """What a policy changes against `reference` (default: the policy that was in force). Where it cannot be said at once, says
    why and where it can, and gives None."""
    assert workspace.run is not None
    people = workspace.run.record.personas
    if people > AT_ONCE_UP_TO:
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
    return answer_of(_workspace.twin(), timeline, reference)
