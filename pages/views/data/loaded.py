"""A study of one country of the tables that are loaded."""

from __future__ import annotations

import shlex

import streamlit as st

from core.errors import InputError
from core.options import command_words
from core.report.sentences.own_studies import country_blocks
from core.services.studies.countries import (
    CountryStudy,
    CountryStudyRequest,
    country_study,
    loaded_countries,
    prepare_country,
)
from core.settings import observed_data
from pages.common.render import render
from pages.common.shell import Workspace, plain_text
from pages.views.data.adding import add_button, naming


def loaded_view(workspace: Workspace) -> None:
    """Pick a country, see what was observed there, and add it."""
    try:
        offered = loaded_countries()
    except InputError as wrong:
        st.info(
            f"No tables of countries are loaded: {plain_text(str(wrong))} Tables of your own need none.",
            icon=":material/folder_off:",
        )
        return
    left, right = st.columns([2, 3], gap="large")
    with left:
        code = st.selectbox(
            f"Country ({len(offered)} are loaded)", list(offered), format_func=offered.__getitem__, key="country",
            bind="query-params",
        )  # fmt: skip
        usual = _prepared(code, str(observed_data()))
        name, title = naming(usual.study.id, usual.study.title, code)
        own = usual.study
        request = CountryStudyRequest(
            code, id=None if name == own.id else name, title=None if title == own.title else title
        )
        add_button(name, lambda: country_study(request), code)
        st.code(
            shlex.join(["policytwin", "study", "country", *command_words(request)]), language="bash", wrap_lines=True
        )
    with right:
        render(country_blocks(usual), f"country-{code}")


@st.cache_data(show_spinner="Reading the country's rows…", max_entries=8, ttl=60)
def _prepared(code: str, folder: str) -> CountryStudy:
    return prepare_country(CountryStudyRequest(code))
