"""The glossary: the term that a link asked for first, then all, or those that a search finds."""

from __future__ import annotations

import streamlit as st

from core.report.sentences.glossary import GLOSSARY
from pages.common.shell import plain_text
from pages.common.terms import TERM


def glossary_view() -> None:
    """Terms with their meaning, in the order of the alphabet."""
    by_name = {name.lower(): name for name in GLOSSARY}
    asked = by_name.get(str(st.query_params.get(TERM, "")).lower())
    if asked is not None:
        with st.container(border=True):
            st.markdown(f"**{plain_text(asked)}**")
            st.markdown(plain_text(GLOSSARY[asked]))
    sought = str(st.text_input("Find a term", key="find-term", width=320) or "").strip().lower()
    shown = [name for name in GLOSSARY if sought in name.lower() or sought in GLOSSARY[name].lower()]
    if not shown:
        st.info("No term or meaning has these words.", icon=":material/search_off:")
    names = sorted(shown, key=str.lower)
    half = (len(names) + 1) // 2
    for column, part in zip(st.columns(2, gap="large"), (names[:half], names[half:]), strict=True):
        column.markdown("\n\n".join(f"**{plain_text(name)}**: {plain_text(GLOSSARY[name])}" for name in part))
