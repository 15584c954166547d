"""What was read of the bank in this session, for as long as the bank stays as it is: a rerun of the page is no new use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from core.respondents.consent import Viewer
from core.services.people.reading import Bank, bank_state, list_people
from core.store.database import Store

T = TypeVar("T")
NEWS = "respondents-news"
_KEPT = "respondents-read"


def read_once(store: Store, key: tuple[object, ...], read: Callable[[], T]) -> T:
    """What `read` gave for this key since the bank last changed; somebody who withdraws is forgotten in every session."""
    state = bank_state(store)
    kept: dict[object, Any] = st.session_state.get(_KEPT, {})
    if kept.get("state") != state:
        kept = st.session_state[_KEPT] = {"state": state}
    if key not in kept:
        kept[key] = read()
        kept["state"] = bank_state(store)
    found: T = kept[key]
    return found


def bank_of(store: Store, viewer: Viewer) -> Bank:
    """Who is in the bank, as far as this viewer may know."""
    return read_once(store, ("bank", viewer), lambda: list_people(store, viewer))
