"""What the draft, or the scenario looked at, would change: beside the edit, and new after each one."""

from __future__ import annotations

import streamlit as st

from core.policy.timeline import PolicyTimeline
from core.report.figures.answers import effects_figure
from core.report.sentences.answers import (
    EFFECT_INTERVAL,
    calendar_sentence,
    effect_sentence,
    support_sentence,
    truth_sentence,
)
from core.report.what_if import Basis, answer_document
from core.services.counterfactuals.answers import effects_table, most_moved
from pages.common.answers import answered
from pages.common.charts import chart
from pages.common.report_button import report_button
from pages.common.shell import bold, link
from pages.common.why import why
from pages.views.policy.draft import Editing


def beside(editing: Editing, draft: PolicyTimeline | None) -> None:
    """The effects of what is edited by behaviour, against what it is made of."""
    workspace, study = editing.workspace, editing.study
    base = editing.base(draft)
    st.markdown("##### What it would change")
    if workspace.run is None:
        st.caption("Fit a twin, and each edit shows here what it would change.")
        link("Calibration", "Fit the twin")
        return
    if base is None:
        st.caption("Nothing is changed yet. Make an edit, and its effects appear here.")
        return
    found = answered(workspace, draft or editing.parent, base)
    if found is None:
        return
    table = effects_table(study, found.item, found.true_effect)
    most = most_moved(table)
    against = "the policy in force" if base.parent_id is None else f"“{base.name}”"
    st.markdown(bold(effect_sentence(table, most)))
    chart(
        effects_figure(table, periods=f"{study.step}s"), table, f"effects-{study.id}", "beside",
        f"What the edited policy changes by behaviour, with 80% effect intervals, against {against}.",
    )  # fmt: skip
    why(workspace, most, "why-edit", draft or editing.parent, base)
    said = [support_sentence(study, found.item), calendar_sentence(found.item), truth_sentence(table)]
    st.caption(
        bold(" ".join([f"Against {against}, over the hold-out. Lines: {EFFECT_INTERVAL}.", *filter(None, said)]))
    )
    basis, name = Basis(workspace.inputs, workspace.run, workspace.twin()), (draft or editing.parent).name
    title = f"What would people do in {study.place} under “{name}”?"
    report_button(lambda: answer_document(basis, found, title, most), f"answer-{study.id}")
