"""Survey twins: what twins say to a question is corrected by what people said to others, and judged before it is believed."""

from __future__ import annotations

import streamlit as st

from pages.common.shell import open_page, plain_errors
from pages.views.survey_twins.board import board_view, kept_view
from pages.views.survey_twins.tables import GENERATED, KEPT, OWN, SOURCES, example, own


def main() -> None:
    workspace = open_page("Survey twins")
    with plain_errors():
        source = st.segmented_control(
            "Answers", SOURCES, default=GENERATED, required=True, key="source", bind="query-params"
        )
        if source == KEPT:
            kept_view(workspace)
            return
        pair = own() if source == OWN else example()
        if pair is not None:
            board_view(workspace, pair)


if __name__ == "__main__":
    with plain_errors():
        main()
