"""Three steps for who is here for the first time: in the sidebar, so that nothing moves, and gone once closed."""

from __future__ import annotations

import streamlit as st

STEP, CLOSED = "tour-step", "tour-closed"
#: What there is to do.
STEPS = (
    ("Ask", "Choose a question: the picture shows what another policy would change."),
    ("Change", "On Policy timeline make a policy of your own, its effect beside it."),
    ("Check", "Validation says where to trust the forecast; Reference, what it rests on."),
)


def tour(title: str) -> None:
    """Draw the step on Home, until it is closed or another page is looked at."""
    if title != "Home":
        st.session_state[CLOSED] = True
    if st.session_state.get(CLOSED):
        return
    place = int(st.session_state.get(STEP, 0))
    name, text = STEPS[place]
    with st.container(border=True, key="tour"):
        st.markdown(f"**New here? {place + 1} of {len(STEPS)}: {name}**")
        st.caption(text)
        with st.container(horizontal=True):
            last = place + 1 == len(STEPS)
            if not last:
                st.button("Next", key="tour-next", on_click=_go, args=(place + 1,))
            st.button("Close", key="tour-close", on_click=_close, type="primary" if last else "tertiary")


def _go(place: int) -> None:
    st.session_state[STEP] = place


def _close() -> None:
    st.session_state[CLOSED] = True
