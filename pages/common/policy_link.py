"""Links that carry policies themselves: read from the address, and offered to copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import streamlit as st

from core.errors import InputError
from core.policy.timeline import PolicyTimeline
from core.services.policies.links import link_text, policies_of_link
from pages.common.results_cache import remembered
from pages.common.shell import STUDY, plain_text

EDITS = "edits"
_BY_ID = {PolicyTimeline: lambda item: item.id}


def linked_policies(observed: PolicyTimeline) -> list[PolicyTimeline]:
    """The policies that the page's address holds; where they cannot be read, says so in one line and gives none."""
    text = st.query_params.get(EDITS, "")
    try:
        return _policies(text, observed) if text else []
    except InputError as wrong:
        st.warning(f"The policy in the link is left out: {plain_text(str(wrong))}", icon=":material/link_off:")
        return []


def copy_link(
    study_id: str, timelines: Sequence[PolicyTimeline], observed: PolicyTimeline, more: Mapping[str, str] | None = None
) -> None:
    """Offer an address that shows these policies, made of `observed`, on this page in any store; `more` stands in it too."""
    with st.container(key="page-link"), st.popover("Copy link", icon=":material/link:", type="tertiary"):
        try:
            text = _text(tuple(timelines), observed)
        except InputError as wrong:
            st.markdown(plain_text(str(wrong)))
            return
        page = (st.context.url or "").split("?")[0]
        st.code(f"{page}?{urlencode({STUDY: study_id, **(more or {}), EDITS: text})}", language=None, wrap_lines=True)
        st.caption(
            "The policy itself is in the link: it opens in any PolicyTwin with this study, and nothing is saved there."
        )


@remembered(show_spinner=False, max_entries=32, hash_funcs=_BY_ID)
def _policies(text: str, observed: PolicyTimeline) -> list[PolicyTimeline]:
    return policies_of_link(text, observed)


@remembered(show_spinner=False, max_entries=32, hash_funcs=_BY_ID)
def _text(timelines: tuple[PolicyTimeline, ...], observed: PolicyTimeline) -> str:
    return link_text(timelines, observed)
