"""Who used whose words, and withdrawal: for a steward, and for a participant by the code."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import streamlit as st

from core.report.sentences.respondents import OUT_OF_REACH, log_check_document, log_document
from core.respondents.consent import Viewer
from core.services.people.audit import AccessLog
from core.services.people.reading import Bank, access_log, check_log
from core.services.people.withdrawing import Receipt, plan_withdrawal, withdraw
from pages.common.render import render
from pages.common.shell import Workspace, plain_text, try_to
from pages.views.respondents.bank import choose_person
from pages.views.respondents.memo import read_once

RECEIPT, PLANNED = "respondents-receipt", "respondents-plan"
ALL = ""
STAGES = {
    "begun": "Nobody can use this person any more", "files": "Files are deleted",
    "copies": "Copies of the store are written anew",
    "rows": "All rows are gone", "file": "The store's file is written anew", "done": "Done",
}  # fmt: skip


def log_view(workspace: Workspace, viewer: Viewer, bank: Bank) -> None:
    """The log, of all or of one person, and whether it is whole."""
    names = {ALL: "Everybody", **{item.subject: item.label for item in bank.people}}
    chosen = st.selectbox("About", list(names), format_func=names.__getitem__, key="log-about")
    checked = check_log(workspace.store)
    line = log_check_document(checked).title
    (st.success if checked.sound else st.error)(
        line, icon=":material/verified:" if checked.sound else ":material/gpp_bad:"
    )
    found = read_once(
        workspace.store, ("log", viewer, chosen), lambda: access_log(workspace.store, viewer, chosen or None)
    )
    _table(found)
    st.caption(f"Last hash {checked.last_hash}. Kept elsewhere, it shows whether rows were cut off.")


def withdraw_view(workspace: Workspace, viewer: Viewer, bank: Bank) -> None:
    """Take a person out: what would go is said first."""
    receipt: Receipt | None = st.session_state.get(RECEIPT)
    if receipt is not None:
        _receipt(receipt)
        return
    if not bank.people:
        st.info("Nobody is in the bank.", icon=":material/group:")
        return
    subject = choose_person(workspace, bank)
    _withdraw(workspace, viewer, subject, None)


def own_view(workspace: Workspace, viewer: Viewer) -> None:
    """What a participant may do from anywhere, by the code: see who used their words, and withdraw."""
    with st.expander("I took part"):
        subject = st.text_input("My id", key="own-subject", autocomplete="off").strip()
        code = st.text_input("My code", key="own-code", type="password", autocomplete="off").strip()
        receipt: Receipt | None = st.session_state.get(RECEIPT)
        if receipt is not None and receipt.subject == subject:
            _receipt(receipt)
        elif subject and code and try_to(lambda: _table(access_log(workspace.store, viewer, subject, code))):
            _withdraw(workspace, viewer, subject, code)


def _withdraw(workspace: Workspace, viewer: Viewer, subject: str, code: str | None) -> None:
    if st.button("What would go?", key="withdraw-plan", icon=":material/search:"):
        st.session_state[PLANNED] = (subject, plan_withdrawal(workspace.store, viewer, subject, code))
    planned = st.session_state.get(PLANNED)
    if not planned or planned[0] != subject:
        st.caption("Withdrawal takes a person out of the store, its copies and every file made of them, for good.")
        return
    plan = planned[1]
    rows = pd.DataFrame(
        [
            *((f"rows of {name}", count) for name, count in plan.rows.items()),
            *((f"file {name}", 1) for name in plan.files),
            *((f"written anew: {name}", 1) for name in plan.copies),
            *((f"stays and is marked: {name}", 1) for name in plan.marked_runs),
        ],
        columns=[f"With {plan.label} go", "How many"],
    )
    st.dataframe(rows, hide_index=True, width="stretch")
    st.caption(OUT_OF_REACH)
    if st.checkbox(f"Take {plain_text(plan.label)} out for good", key=f"withdraw-sure-{subject}") and st.button(
        "Withdraw", type="primary", key="withdraw-go", icon=":material/person_remove:"
    ):

        def work() -> None:
            with st.status("Withdrawing", expanded=True) as status:
                st.session_state[RECEIPT] = withdraw(
                    workspace.store, viewer, subject, code, lambda stage: status.write(STAGES[stage])
                )

        if try_to(work):
            st.session_state.pop(PLANNED)
            st.cache_data.clear()
            st.rerun()


def _receipt(receipt: Receipt) -> None:
    st.success(
        f"{receipt.subject} has withdrawn: {sum(receipt.rows.values()):,} rows and {receipt.files:,} files are gone, "
        f"{receipt.copies:,} copies of the store were written anew.",
        icon=":material/check_circle:",
    )
    for name in receipt.left:
        st.warning(plain_text(f"Could not be told to be ours, look at it: {name}"), icon=":material/warning:")
    st.caption(f"Receipt {receipt.receipt_hash}. {OUT_OF_REACH}")
    st.download_button(
        "Receipt", json.dumps(receipt.as_dict(), indent=1), file_name=f"receipt-{receipt.subject}.json",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip
    if st.button("Close", key="receipt-close"):
        st.session_state.pop(RECEIPT)
        st.rerun()


def _table(log: AccessLog) -> None:
    newest_first = replace(log, entries=tuple(reversed(log.entries)))
    render(log_document(newest_first).blocks, "access-log")
