"""Results of finished runs as pages read them: once per run, then from memory. A finished run never changes."""

from __future__ import annotations

import streamlit as st

from core.services.runs.reading import Curves, Trials, curves, trials_of
from core.store.database import Store


def curves_of(store: Store, run_id: str, behaviours: tuple[str, ...]) -> Curves:
    """Fitted and forecast curves of a finished run."""
    return _curves(store, store.name, run_id, behaviours)


def finished_trials(store: Store, run_id: str, behaviours: tuple[str, ...]) -> Trials:
    """The twin's trials of a finished run."""
    return _trials(store, store.name, run_id, behaviours)


@st.cache_resource(show_spinner=False, max_entries=16)
def _curves(_store: Store, store_name: str, run_id: str, behaviours: tuple[str, ...]) -> Curves:
    return curves(_store, run_id, behaviours)


@st.cache_resource(show_spinner=False, max_entries=32)
def _trials(_store: Store, store_name: str, run_id: str, behaviours: tuple[str, ...]) -> Trials:
    return trials_of(_store, run_id, behaviours)
