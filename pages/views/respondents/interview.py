"""An interview now: consent first, then a question at a time; a reload goes on where it was."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.respondents.consent import FICTIONAL, REAL, SCOPES, Viewer
from core.respondents.scripts import available_scripts, load_script
from core.services.people.interviewing import Session, interview_session, open_sessions, reply, start_interview
from core.services.people.reading import Bank
from pages.common.shell import Workspace, try_to
from pages.views.respondents.bank import transcript
from pages.views.respondents.memo import read_once

ASKED = "interview"
CODE = "respondents-code"
#: What a person types to agree.
AGREED = "I agree"


def interview_view(workspace: Workspace, viewer: Viewer, bank: Bank) -> None:
    """The interview of the address; without one, the consent that comes before it, and those that can be gone on with."""
    asked = st.query_params.get(ASKED)
    if asked:
        _session(workspace, viewer, asked)
        return
    begun = read_once(workspace.store, ("sessions", viewer), lambda: open_sessions(workspace.store, viewer))
    for session in begun[:5]:
        label = f"Go on: {session.title}, question {session.question} of {session.questions}"
        st.button(
            label, key=f"go-on-{session.interview}", on_click=_open, args=(session.interview,), icon=":material/resume:"
        )
    with st.form("respondents-start"):
        scripts = {name: load_script(name) for name in available_scripts()}
        script = st.selectbox(
            "Script", list(scripts), format_func=lambda name: f"{scripts[name].title} ({scripts[name].minutes} minutes)"
        )
        st.markdown("**What I agree to**")
        scope = [
            name for name, words in SCOPES.items() if st.checkbox(words[0].upper() + words[1:], key=f"agree-{name}")
        ]
        sensitive = st.checkbox("Ask about health, belief and politics too", key="agree-sensitive")
        simulated = st.checkbox("I am trying the script: the person is invented", key="agree-simulated")
        typed = st.text_input(f"Type “{AGREED}” to begin", key="agree-typed", autocomplete="off")
        st.caption(
            "What says who you are is taken out before anything is stored. You get a code by which you see who used your words, "
            "and withdraw."
        )
        if st.form_submit_button("Begin", type="primary", icon=":material/mic:"):
            if typed.strip().lower() != AGREED.lower() and not simulated:
                st.error(f"Nothing was begun: type “{AGREED}”, or leave.", icon=":material/error:")
                return
            _begin(workspace, viewer, script, tuple(scope), sensitive, simulated)


def _begin(
    workspace: Workspace, viewer: Viewer, script: str, scope: tuple[str, ...], sensitive: bool, simulated: bool
) -> None:
    def work() -> None:
        session = start_interview(
            workspace.store, viewer, script, scope, "a script is tried" if simulated else f"typed “{AGREED}” on the screen",
            kind=FICTIONAL if simulated else REAL, sensitive=sensitive,
        )  # fmt: skip
        st.session_state[CODE] = (session.interview, session.code)
        _open(session.interview)

    if try_to(work):
        st.rerun()


def _open(interview: str | None) -> None:
    if interview is None:
        st.query_params.pop(ASKED, None)
    else:
        st.query_params[ASKED] = interview


def _session(workspace: Workspace, viewer: Viewer, interview: str) -> None:
    session: Session = read_once(
        workspace.store, ("session", viewer, interview), lambda: interview_session(workspace.store, viewer, interview)
    )
    kept = st.session_state.get(CODE)
    if kept and kept[0] == interview:
        st.markdown("Your code, told this once: with it you see who used your words, and withdraw.")
        st.code(f"{session.subject} {kept[1]}", language=None)
    st.progress(session.question / session.questions, f"Question {session.question} of {session.questions}")
    transcript([(turn.speaker, turn.text) for turn in session.turns])
    if session.ended:
        st.success("The interview has ended.", icon=":material/check_circle:")
    else:
        said = st.chat_input("Your answer, “skip” or “stop”", key="respondents-answer")
        if said and try_to(partial(_reply, workspace, viewer, interview, said)):
            st.rerun()
    st.button("Leave", on_click=_open, args=(None,), icon=":material/logout:", type="tertiary")


def _reply(workspace: Workspace, viewer: Viewer, interview: str, said: str) -> None:
    reply(workspace.store, viewer, interview, said)
