"""Data: a study of another place, or of tables of one's own, made in the browser; and those that were made."""

from __future__ import annotations

import streamlit as st

from pages.common.shell import open_page, plain_errors
from pages.views.data.loaded import loaded_view
from pages.views.data.mine import mine_view, news_view
from pages.views.data.tables import tables_view

LOADED, TABLES, MINE = "A loaded country", "Tables of mine", "My studies"
VIEWS = {LOADED: loaded_view, TABLES: tables_view, MINE: mine_view}


def main() -> None:
    workspace = open_page("Data")
    news_view()
    with plain_errors():
        chosen = st.segmented_control(
            "From", list(VIEWS), default=LOADED, required=True, key="from", bind="query-params", label_visibility="collapsed"
        )  # fmt: skip
        VIEWS[str(chosen)](workspace)


if __name__ == "__main__":
    with plain_errors():
        main()
