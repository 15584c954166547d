"""How validation was done and what it does not show, and how to get the same figures again."""

from __future__ import annotations

import streamlit as st

from core.report.sentences.backtests import methods, reproduce_backtest
from core.report.sentences.left_out import left_out_items
from core.services.runs.fits import Reproduce, reproduce
from core.settings import observed_data
from core.store.runs import StoredRun
from core.study import Study
from pages.common.charts import download
from pages.common.render import render
from pages.common.rerun_view import rerun_view
from pages.common.results_cache import remembered
from pages.common.shell import Workspace
from pages.views.validation.data import BacktestView


def methods_view(view: BacktestView) -> None:
    """The expander with methods and limits, in plain words."""
    told = methods(view.rows, view.result.rivals)
    with st.expander(told.title, icon=":material/menu_book:"):
        render((*told.blocks, *left_out_items(view.result.left_out)), "methods")


def reproduce_view(workspace: Workspace, view: BacktestView) -> None:
    """Command and Python lines for the countries' figures and for the run's."""
    with st.expander("Reproduce this", icon=":material/replay:", key="reproduce"):
        st.caption("Measure the countries again:")
        render(reproduce_backtest(view.measured.request).details().blocks, "reproduce-countries")
        download(view.rows.drop(columns="change"), "backtest-rows", "rows-data", "All rows (CSV)", index=False)
        if workspace.run is None:
            return
        lines = _lines(workspace.run, workspace.study, str(observed_data() or ""), workspace.store.name)
        st.caption("This study's run, and with it its leaderboard:")
        if lines.note:
            st.text(lines.note)
        if lines.command:
            st.code(lines.command, language="bash", wrap_lines=True)
        st.code(lines.python, language="python")
        rerun_view(workspace.run.run_id, workspace.store.name)


@remembered(
    show_spinner=False, max_entries=32, hash_funcs={StoredRun: lambda run: run.run_id, Study: lambda study: study.id}
)
def _lines(run: StoredRun, study: Study, data: str, store_name: str) -> Reproduce:
    return reproduce(run.record, study, observed_data(), store_name)
