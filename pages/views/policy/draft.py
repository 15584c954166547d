"""The draft of the Policy timeline page: what is edited, and the unsaved edits, which the store keeps."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import date

import pandas as pd
import streamlit as st

from core.errors import InputError
from core.policy.timeline import PolicyTimeline
from core.report.figures.policies import Split
from core.services.policies.drafts import UNNAMED, start_draft
from core.services.policies.timelines import discard_draft, keep_draft, load_draft
from core.study import Study
from pages.common.shell import Workspace

#: The scenario chosen, and whose draft is meant, in the URL.
SCENARIO, OWNER = "scenario", "draft"
MOST_UNDO = 30


@dataclass(frozen=True)
class Editing:
    """What is edited: the timeline chosen, which becomes the parent; the split that is marked; and the days shown."""

    workspace: Workspace
    parent: PolicyTimeline
    split: Split
    first: date
    last: date

    @property
    def study(self) -> Study:
        return self.workspace.study

    @property
    def holdout(self) -> tuple[date, date]:
        return self.study.step.after(self.split.train_end, 1), self.split.test_end

    @property
    def window(self) -> pd.DatetimeIndex:
        """The days shown."""
        return pd.date_range(self.first, self.last, freq="D", unit="us", name="date")

    def base(self, draft: PolicyTimeline | None) -> PolicyTimeline | None:
        """What the timeline shown is compared with: a draft with its parent, a saved scenario with the observed policy."""
        if draft is not None:
            return self.parent
        return None if self.parent.parent_id is None else self.workspace.inputs.timeline

    def key(self, name: str) -> str:
        return f"{name}-{self.parent.id}"


def owner() -> str:
    """Whose drafts this session edits: its own, which the address carries over a reload; nobody else sees them."""
    if OWNER not in st.session_state:
        asked = st.query_params.get(OWNER, "")
        st.session_state[OWNER] = asked if re.fullmatch("[0-9a-f]{12}", asked) else secrets.token_hex(6)
    name = str(st.session_state[OWNER])
    if st.query_params.get(OWNER) != name:
        st.query_params[OWNER] = name
    return name


def _load(editing: Editing) -> PolicyTimeline | None:
    """The draft of this session. One of an earlier version, which had no owner, goes to who comes first."""
    store, study, parent = editing.workspace.store, editing.study, editing.parent
    own = load_draft(store, study, parent, owner())
    if own is None and (nobodys := load_draft(store, study, parent)) is not None:
        keep_draft(store, study, parent, nobodys, owner())
        discard_draft(store, study, parent)
        return nobodys
    return own


def current_draft(editing: Editing) -> PolicyTimeline | None:
    """The unsaved edits of the timeline chosen, or None where nothing is changed."""
    try:
        draft = _load(editing)
    except InputError:
        st.warning("The draft kept from an earlier visit cannot be read with these data any more.")
        return None
    return draft if draft is not None and draft.changes(editing.parent) else None


def draft_or_start(editing: Editing) -> PolicyTimeline:
    """The draft to edit next: the one that is kept, else a fresh one of the timeline chosen."""
    try:
        kept = _load(editing)
    except InputError:
        kept = None
    return kept or start_draft(editing.parent)


def set_draft(editing: Editing, new: PolicyTimeline, *, undoable: bool = True) -> None:
    """Keep `new` as the draft; what it was before can be brought back, unless told otherwise."""
    if undoable:
        undo = st.session_state.setdefault(editing.key("undo"), [])
        undo.append(draft_or_start(editing))
        del undo[:-MOST_UNDO]
    store = editing.workspace.store
    if new.name == UNNAMED and not new.changes(editing.parent):
        discard_draft(store, editing.study, editing.parent, owner())
    else:
        keep_draft(store, editing.study, editing.parent, new, owner())
