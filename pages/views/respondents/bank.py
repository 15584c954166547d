"""The bank as a table, one person of it, and counts of groups."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.report.sentences.respondents import KINDS, kind_note, shares_rows
from core.respondents.consent import FICTIONAL, SCOPES, Viewer
from core.services.people.importing import import_fictional
from core.services.people.reading import Bank, ListedPerson, catalogue, shares, show_person
from pages.common.address import key_of, pick
from pages.common.shell import Workspace, plain_text, try_to
from pages.views.respondents.memo import NEWS, read_once

ALL = "all"


def bank_view(workspace: Workspace, viewer: Viewer, bank: Bank) -> None:
    """Who is there and what they agreed to, narrowed by kind and scope."""
    if not bank.people:
        st.info(
            "Nobody is in the bank yet. Import interviews, hold one, or begin with invented ones.",
            icon=":material/group:",
        )
        if st.button("Take in Meridia's sixty invented interviews", icon=":material/theater_comedy:", type="primary"):
            _take_in_fictional(workspace, viewer)
        return
    left, right = st.columns(2)
    kinds = [ALL, *(kind for kind in KINDS if any(item.kind == kind for item in bank.people))]
    with left:
        kind = pick(workspace.study, "kind", "Who", kinds, lambda name: KINDS.get(name, "Everybody"), ALL)
    with right:
        scope = pick(
            workspace.study, "scope", "Agreed to", [ALL, *SCOPES], lambda name: SCOPES.get(name, "Anything"), ALL
        )
    found = [item for item in bank.people if kind in (ALL, item.kind) and (scope == ALL or scope in item.scope)]
    st.caption(
        f"{len(found):,} of {bank.total:,} people, {bank.items:,} questions. What they said is under “A person”."
    )

    def choose() -> None:
        rows = st.session_state["respondents-table"]["selection"]["rows"]
        if rows:
            st.session_state[key_of(workspace.study, "subject")] = found[rows[0]].subject

    st.dataframe(
        _table(found), width="stretch", height=min(35 * (len(found) + 1) + 3, 520), hide_index=True,
        key="respondents-table", on_select=choose, selection_mode="single-row",
    )  # fmt: skip


def person_view(workspace: Workspace, viewer: Viewer, bank: Bank) -> None:
    """What one person agreed to, said and answered; nothing of it is formatting."""
    if not bank.people:
        st.info("Nobody is in the bank yet.", icon=":material/group:")
        return
    subject = choose_person(workspace, bank)
    shown = read_once(
        workspace.store, ("person", viewer, subject), lambda: show_person(workspace.store, viewer, subject)
    )
    person = shown.person
    if kind_note(person.kind):
        st.warning(f"{plain_text(person.label)} is {kind_note(person.kind)}.", icon=":material/theater_comedy:")
    left, right = st.columns([3, 2], gap="medium")
    with right, st.container(border=True):
        st.markdown("**Agreed to**" if person.scope else "**Agreed to nothing**")
        for name in person.scope:
            st.markdown(f"- {SCOPES[name]}")
        until = f", until {person.until}" if person.until else ""
        st.caption(plain_text(f"Seen alone from tier {person.tier}{until}. Ground: {shown.basis}."))
        for name, value in shown.attributes.items():
            st.caption(plain_text(f"{name.replace('_', ' ')}: {value}"))
    with left:
        for interview in shown.interviews:
            taken = ", ".join(f"{count} {kind.lower()}" for kind, count in interview.redactions.items())
            st.caption(plain_text(f"Interview, {interview.mode}. Taken out before storing: {taken or 'nothing'}."))
            transcript([(turn.speaker, turn.text) for turn in interview.turns])
        if shown.answers:
            with st.expander(f"{len(shown.answers)} answers"):
                table = pd.DataFrame(
                    [(item.item, item.occasion, item.code, item.text) for item in shown.answers],
                    columns=["Question", "Occasion", "Code", "Answer"],
                )
                st.dataframe(table, hide_index=True, width="stretch")


def shares_view(workspace: Workspace, viewer: Viewer, bank: Bank) -> None:
    """How people answered a question, by an attribute; what would tell of a few is not said."""
    questions, attributes = read_once(
        workspace.store, ("catalogue", viewer), lambda: catalogue(workspace.store, viewer)
    )
    if not questions:
        st.info("No questions with counts are in the bank.", icon=":material/quiz:")
        return
    left, right = st.columns([3, 1])
    with left:
        item = pick(workspace.study, "item", "Question", list(questions), questions.__getitem__, next(iter(questions)))
    with right:
        by = pick(
            workspace.study, "by", "By", [ALL, *attributes],
            lambda name: "Everybody" if name == ALL else name.replace("_", " "), ALL,
        )  # fmt: skip
    found = read_once(
        workspace.store,
        ("shares", viewer, item, by),
        lambda: shares(workspace.store, viewer, item, None if by == ALL else by),
    )
    head = ["Group", "People", *found.options]
    rows = [[str(cell) for cell in row] for row in shares_rows(found)]
    st.dataframe(pd.DataFrame(rows, columns=head), hide_index=True, width="stretch")
    if found.people_kind == FICTIONAL:
        st.badge("These people are invented", icon=":material/theater_comedy:", color="orange")
    hidden = "“–” is not said: fewer than ten people, or they could be had from it. " * bool(found.suppressed)
    near = "Counts are to the nearest five." * found.rounded
    if hidden or near:
        st.caption(hidden + near)


def choose_person(workspace: Workspace, bank: Bank) -> str:
    """A person by name, kept in the address by the random id."""
    names = {item.subject: f"{item.label} ({KINDS[item.kind].lower()})" for item in bank.people}
    return pick(workspace.study, "subject", "Person", list(names), names.__getitem__, next(iter(names)))


def transcript(turns: list[tuple[str, str]]) -> None:
    """What the two said, as they said it."""
    for speaker, text in turns:
        asks = speaker == "interviewer"
        with st.chat_message("assistant" if asks else "user", avatar=f":material/{'mic' if asks else 'person'}:"):
            st.markdown(plain_text(text))


def _take_in_fictional(workspace: Workspace, viewer: Viewer) -> None:
    def work() -> None:
        import_fictional(workspace.store, viewer)

    if try_to(work):
        st.session_state[NEWS] = "Sixty invented people are in the bank."
        st.rerun()


def _table(people: list[ListedPerson]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Person": [item.label for item in people],
            "Kind": [KINDS[item.kind] for item in people],
            "Interviews": [item.interviews for item in people],
            "Words": [item.words for item in people],
            "Answers": [item.answers for item in people],
            "Agreed to": [
                "everything" if set(item.scope) == set(SCOPES) else ", ".join(item.scope).replace("_", " ")
                for item in people
            ],
            "From tier": [item.tier for item in people],
            "Until": [item.until or "" for item in people],
            "Id": [item.subject for item in people],
        }
    )
