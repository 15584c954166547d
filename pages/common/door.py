"""Who looks at a page: this machine's user, somebody who logged in, or anybody who reaches it."""

from __future__ import annotations

import streamlit as st

from core.services.dashboard.door import WARNING, only_this_machine
from core.services.language.servers import seen_from_here
from core.settings import adopt_keys, withhold_keys


def guard_door() -> None:
    """Have visitors log in where Streamlit's secrets say with whom, and else warn where others can open the page.

    Without a login the keys of this process are withheld there. Called by every page before it shows anything.
    """
    secrets = st.secrets.load_if_toml_exists()
    if secrets and "auth" in st.secrets:
        if not st.user.is_logged_in:
            st.title("PolicyTwin")
            st.write("Log in to see this dashboard.")
            st.button("Log in", on_click=st.login, type="primary", icon=":material/login:")
            st.stop()
    elif not only_this_machine(_served_at()):
        withhold_keys()
        st.warning(WARNING, icon=":material/public:")
        return
    if secrets:
        adopt_keys(st.secrets)


def opened_from_here() -> bool:
    """Whether only this machine can open the page."""
    return seen_from_here(_served_at(), dict(st.context.headers))


def may_spend_keys() -> bool:
    """Whether who looks may have models asked with the keys of this machine's owner: from this machine, or logged in."""
    if opened_from_here():
        return True
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets and bool(st.user.is_logged_in)


def _served_at() -> str | None:
    served = st.get_option("server.address")
    return None if served is None else str(served)
