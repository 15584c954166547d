"""The editor of the Policy timeline page: name and save, the ways to edit, what the levels mean, and the effects beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.policy.timeline import PolicyTimeline
from core.services.policies import drafts
from core.services.policies.drafts import END, LEVEL, MEASURE, SCOPE, START, UNNAMED
from core.services.policies.timelines import LONGEST_NAME, discard_draft, save_scenario
from core.study import Step, codebook_of
from pages.common.shell import try_to
from pages.views.policy.bars import bar_edits
from pages.views.policy.beside import beside
from pages.views.policy.draft import SCENARIO, Editing, current_draft, draft_or_start, owner, set_draft
from pages.views.policy.edits import calendar_edits, policy_edits


def draft_notice(editing: Editing) -> None:
    """Say that what is shown is a draft."""
    st.info(
        "A draft, which only you see. It is kept as you go, also over a reload, and becomes a scenario when you save it under "
        "a name.",
        icon=":material/edit_note:",
    )


def editor(editing: Editing) -> None:
    """The whole editor: name and save, the ways to edit, and beside them what the edits would change."""
    st.subheader("Edit: make a scenario of it")
    with st.container():
        _name_and_save(editing)
    daily = editing.study.step is Step.DAY
    ways = ["Quick edits", "Bars", "Table", *(["Working week and holidays"] if daily else [])]
    left, right = st.columns([6, 5], gap="large")
    with left:
        quick, bars, table, *calendar = st.tabs(ways, key=editing.key("ways"))
        with quick:
            policy_edits(editing)
            with st.popover("What the levels mean", icon=":material/menu_book:"):
                _levels(editing, "quick")
        with bars:
            bar_edits(editing)
        with table:
            with st.popover("What the levels mean", icon=":material/menu_book:"):
                _levels(editing, "table")
            _table(editing)
        if calendar:
            with calendar[0]:
                calendar_edits(editing)
    with right, st.container():
        beside(editing, current_draft(editing))
    memory = "how long restrictions have lasted" if editing.study.fatigue else "effects that have built up or worn away"
    st.caption(
        "Editing never refits the calibration: only the policy that the twin is asked about changes. Effects are over the "
        f"hold-out; earlier edits count only through {memory} by then."
    )


def _name_and_save(editing: Editing) -> None:
    draft = draft_or_start(editing)
    key = editing.key("name")
    if key not in st.session_state:
        st.session_state[key] = "" if draft.name == UNNAMED else draft.name

    def rename() -> None:
        name = st.session_state[key].strip() or UNNAMED
        now = draft_or_start(editing)
        set_draft(editing, now.renamed(name, parent_id=editing.parent.id), undoable=False)

    name_place, save_place, undo_place, drop_place = st.columns([5, 2, 1.5, 1.5], vertical_alignment="bottom")
    name_place.text_input(
        "Name of the scenario",
        key=key,
        max_chars=LONGEST_NAME,
        placeholder="such as: Measures end in autumn",
        on_change=rename,
    )
    asked = save_place.button(
        "Save scenario", type="primary", icon=":material/save:", key=editing.key("save"), width="stretch"
    )
    _undo_and_drop(editing, undo_place, drop_place)
    if asked:
        saved: list[str] = []

        def save() -> None:
            now = draft_or_start(editing)
            store = editing.workspace.store
            saved.append(save_scenario(store, editing.study, now, editing.parent, st.session_state[key], owner()))

        if try_to(save):
            st.query_params[SCENARIO] = saved[0]
            st.session_state.pop(editing.key("undo"), None)
            st.session_state.pop(key, None)
            st.toast("Saved. The scenario is chosen above.", icon=":material/check:")
            st.rerun()


def _undo_and_drop(editing: Editing, undo_place: Any, drop_place: Any) -> None:
    undo: list[PolicyTimeline] = st.session_state.get(editing.key("undo"), [])
    if undo_place.button("Undo", icon=":material/undo:", disabled=not undo, key=editing.key("back"), width="stretch"):
        set_draft(editing, undo.pop(), undoable=False)
        st.rerun()
    nothing = current_draft(editing) is None
    with drop_place.popover("Drop", icon=":material/delete:", width="stretch", disabled=nothing):
        st.write("Forget all edits of this draft?")
        if st.button("Yes, drop the draft", key=editing.key("drop")):
            st.session_state.setdefault(editing.key("undo"), []).append(draft_or_start(editing))
            discard_draft(editing.workspace.store, editing.study, editing.parent, owner())
            st.rerun()


def _table(editing: Editing) -> None:
    """The interventions as a table. What cannot be is refused with its row; the draft stays as it was."""
    draft = draft_or_start(editing)
    state: dict[str, Any] = st.session_state.setdefault(editing.key("table"), {"number": 0, "made": None, "base": None})
    if state["made"] != draft.interventions:
        # Another edit changed the draft: the editor starts again from it, under a new key.
        state.update(number=state["number"] + 1, made=draft.interventions, base=drafts.table_of(draft))
    st.caption(
        "Change a cell, add a row below the last one, or select rows and delete them. Leave “To” empty for a measure "
        "that stays to the last day. Where two rows of one measure overlap, the stricter counts."
    )
    message = st.container()
    base: pd.DataFrame = state["base"]
    edited = st.data_editor(
        base,
        num_rows="dynamic",
        width="stretch",
        height=430,
        hide_index=False,
        placeholder="–",
        column_config=_columns(editing),
        key=editing.key(f"rows-{state['number']}"),
    )
    if edited.equals(base) and state["made"] == draft.interventions:
        return
    with message:
        made: list[PolicyTimeline] = []
        if not try_to(lambda: made.append(drafts.from_table(draft, edited, numbered=len(base)))):
            st.caption("The draft stays as it was until this row is mended; nothing you typed is lost.")
            return
    if made[0].interventions != draft.interventions:
        set_draft(editing, made[0])
        state["made"] = made[0].interventions
        st.rerun()


def _columns(editing: Editing) -> Mapping[str, Any]:
    study, parent = editing.study, editing.parent
    most = max(item.maximum for item in study.indicators)
    level: Any = st.column_config.SelectboxColumn(
        LEVEL, options=list(range(1, most + 1)), width="small", help="What the levels mean is beside this table."
    )
    if any(item.amount for item in study.indicators):
        level = st.column_config.NumberColumn(LEVEL, width="small", help="A level, or an amount in the measure's unit.")
    return {
        MEASURE: st.column_config.SelectboxColumn(
            MEASURE, options=[item.name for item in study.indicators], width="medium"
        ),
        LEVEL: level,
        SCOPE: st.column_config.SelectboxColumn(
            SCOPE, options=list(drafts.all_scopes(study)), help="Empty for a measure that has no scope."
        ),
        START: st.column_config.DateColumn(START, format="YYYY-MM-DD", min_value=parent.start, max_value=parent.end),
        END: st.column_config.DateColumn(END, format="YYYY-MM-DD", min_value=parent.start, max_value=parent.end),
    }


@st.fragment
def _levels(editing: Editing, place: str) -> None:
    """What each level of a measure means, and where that is from. `place` tells two of these on one page apart."""
    names = {item.code: item.name for item in editing.study.indicators}
    code = st.selectbox("Measure", list(names), format_func=names.__getitem__, key=editing.key(f"meaning-{place}"))
    indicator = editing.study.indicator(code)
    if indicator.amount is not None:
        st.text(f"{indicator.none:g} {indicator.amount.unit} is no measure, {indicator.full:g} the measure in full.")
    for level, meaning in enumerate(indicator.levels):
        number, text = st.columns([1, 9])
        number.text(str(level))
        text.text(meaning)
    scopes = drafts.scopes(indicator)
    if scopes:
        st.caption(f"Scope: {scopes[0]} (counts half a level less), or {scopes[1]}.")
    else:
        st.caption("This measure has no scope.")
    if place == "quick":
        with st.expander("Where these descriptions are from"):
            st.text(codebook_of(editing.study).source)
