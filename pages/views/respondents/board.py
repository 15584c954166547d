"""What of the page is shown to whom: all of it to this machine's user, counts of groups to anybody else."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.respondents.consent import Viewer
from core.services.people.access import page_viewer
from core.services.people.reading import Bank
from core.services.people.withdrawing import finish_withdrawals
from core.store.database import Store
from pages.common.address import pick_part
from pages.common.door import opened_from_here
from pages.common.shell import Workspace, try_to
from pages.views.respondents.bank import bank_view, person_view, shares_view
from pages.views.respondents.interview import interview_view
from pages.views.respondents.log import log_view, own_view, withdraw_view
from pages.views.respondents.memo import NEWS, bank_of
from pages.views.respondents.take_in import import_view

PARTS: dict[str, tuple[str, Callable[[Workspace, Viewer, Bank], None]]] = {
    "bank": ("Bank", bank_view),
    "person": ("A person", person_view),
    "shares": ("Counts", shares_view),
    "interview": ("Interview now", interview_view),
    "import": ("Import", import_view),
    "log": ("Access log", log_view),
    "withdraw": ("Withdraw", withdraw_view),
}


def respondents_view(workspace: Workspace) -> None:
    """The parts for a steward; for a visitor counts, and what is the visitor's own by a code."""
    viewer = page_viewer(opened_from_here())
    if news := st.session_state.pop(NEWS, ""):
        st.success(news, icon=":material/check_circle:")
    if viewer.tier != "steward":
        _visitor(workspace, viewer)
        return
    bank = bank_of(workspace.store, viewer)
    if bank.pending:
        _pending(workspace.store, bank)
    pick_part(workspace.study, "part", PARTS, pills=True)(workspace, viewer, bank)


def _visitor(workspace: Workspace, viewer: Viewer) -> None:
    st.info(
        "This dashboard can be opened from other machines: nobody's words are shown here."
        + " Real people are left out altogether, unless its owner opened it with `--respondents open`."
        * (not viewer.real),
        icon=":material/lock:",
    )
    bank = bank_of(workspace.store, viewer)
    shares_view(workspace, viewer, bank)
    if viewer.real:
        own_view(workspace, viewer)


def _pending(store: Store, bank: Bank) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(
            f"Withdrawals that were cut off: {bank.pending}. Nobody can use these people.", icon=":material/warning:"
        )

        def finish() -> None:
            finish_withdrawals(store)

        if st.button("Finish", key="respondents-finish", icon=":material/play_arrow:") and try_to(finish):
            st.session_state[NEWS] = "Finished."
            st.rerun()
