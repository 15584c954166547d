"""Results of finished runs as pages read them: once per run, then from memory. A finished run never changes."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.services.runs.reading import curves, trials_of
from core.store.database import Store

_BY_NAME: dict[str | type[Any], Any] = {Store: lambda store: store.name}
#: As `curves` and `trials_of`.
curves_of = st.cache_resource(show_spinner=False, max_entries=16, hash_funcs=_BY_NAME)(curves)
finished_trials = st.cache_resource(show_spinner=False, max_entries=32, hash_funcs=_BY_NAME)(trials_of)
