"""Whether the twin's intervals hold what they promise, and at what width."""

from __future__ import annotations

import streamlit as st

from core.report.sentences.backtests import interval_blocks
from pages.common.render import render
from pages.views.validation.data import BacktestView


def intervals_view(view: BacktestView) -> None:
    """Words, the figure of promised against achieved coverage, and a table with widths and interval scores."""
    blocks = interval_blocks(view.intervals, view.source)
    if not blocks:
        st.info("This backtest measured no intervals.", icon=":material/info:")
        return
    st.markdown("## Over many countries: do the intervals keep their promise?")
    render(blocks, "intervals", terms=True)
