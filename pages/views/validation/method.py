"""How validation was done and what it does not show, and how to get the same figures again."""

from __future__ import annotations

import streamlit as st

from core.report.sentences.backtests import methods, reproduce_backtest
from core.report.sentences.left_out import left_out_items
from pages.common.charts import download
from pages.common.render import render
from pages.common.rerun_view import reproduce_run_view
from pages.common.shell import Workspace
from pages.views.validation.data import BacktestView


def methods_view(view: BacktestView) -> None:
    """The expander with methods and limits, in plain words."""
    told = methods(view.rows, view.result.rivals)
    with st.expander(told.title, icon=":material/menu_book:"):
        render((*told.blocks, *left_out_items(view.result.left_out)), "methods", terms=True)


def reproduce_view(workspace: Workspace, view: BacktestView) -> None:
    """Command and Python lines for the countries' figures and for the run's."""
    with st.expander("Reproduce this", icon=":material/replay:", key="reproduce"):
        st.caption("Measure the countries again:")
        render(reproduce_backtest(view.measured.request).details().blocks, "reproduce-countries")
        download(view.rows.drop(columns="change"), "backtest-rows", "rows-data", "All rows (CSV)", index=False)
        if workspace.run is not None:
            reproduce_run_view(workspace, workspace.run, "This study's run, and with it its leaderboard:")
