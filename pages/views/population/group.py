"""Edit a group of people at once: those that a search finds, by their attributes and traits."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.people.group_edits import LARGEST_SHARE
from core.services.populations.drafts import SHARE, GroupEdit, group_of
from core.services.populations.tables import Filter
from pages.common.shell import plain_text
from pages.views.population.draft import PEOPLE, Edited, propose


def group_edit(edited: Edited, chosen: Sequence[Filter]) -> None:
    """Move a trait of the people chosen, or set their share of all inhabitants."""
    who = tuple((item.name, item.value) for item in chosen)
    spec, weight = edited.population.spec, edited.population.personas["weight"].to_numpy(float)
    share = float(weight[group_of(edited.population, GroupEdit(who, SHARE, 0.0))].sum() / weight.sum())
    named = ", ".join(item.label for item in chosen) or "Everybody"
    if not share:
        return
    with st.expander(plain_text(f"Edit this group: {named} ({share:.0%} of all)"), icon=":material/group:"):
        traits = {item.name: f"{item.label} (trait, an assumption)" for item in spec.traits}
        kinds = {**({SHARE: "How many there are"} if chosen else {}), **traits}
        what = st.selectbox(
            "Change", list(kinds), format_func=kinds.__getitem__, key=f"group-what-{edited.study.id}-{bool(chosen)}"
        )
        if what is None:
            st.caption("These people have no traits; choose some of them above to change how many there are.")
            return
        if what == SHARE:
            now = 100 * share
            by = st.number_input(
                "Percent of all",
                0.0,
                100 * LARGEST_SHARE,
                round(now, 1),
                1.0,
                key=f"group-share-{edited.draft.key}-{'-'.join(value for _, value in who)}",
            )
            st.caption(f"Now {now:.1f}%. All others stay in proportion, so the tables may no longer be met.")
            edit = GroupEdit(who, SHARE, by / 100)
        else:
            by = st.slider("Move by", -0.5, 0.5, -0.2, 0.05, key=f"group-by-{what}")
            st.caption(f"Traits go from 0 to 1: {spec.trait(what).meaning}.")
            edit = GroupEdit(who, what, by)
        if st.button("Apply to the group", type="primary", icon=":material/check:", key="group-apply"):
            said = f"{named} edited as a group."
            propose(edited.workspace, lambda draft: draft.with_group(edit), said, PEOPLE)
            st.rerun()
