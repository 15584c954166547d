"""How validation was done and what it does not show, and how to get the same figures again."""

from __future__ import annotations

import streamlit as st

from core.report.sentences.left_out import left_out_lines
from core.report.sentences.skill import METHODS, kept_out_statement, reproduce_backtest
from core.services.runs.fits import Reproduce, reproduce
from core.settings import observed_data
from core.store.runs import StoredRun
from core.study import Study
from pages.common.charts import download
from pages.common.rerun_view import rerun_view
from pages.common.results_cache import remembered
from pages.common.shell import Workspace, plain_text
from pages.views.validation.data import BacktestView


def methods_view(view: BacktestView) -> None:
    """The expander with methods and limits, in plain words."""
    with st.expander("Methods and limits", icon=":material/menu_book:"):
        for title, text in METHODS:
            st.markdown(f"**{title}.** {plain_text(text)}")
        held = view.rows[view.rows["kept_out"]]
        st.markdown(
            f"**Countries kept out.** {plain_text(kept_out_statement(view.cells(kept_out_only=True) if len(held) else {}))}"
        )
        if len(held):
            names = ", ".join(sorted(held["name"].unique()))
            st.caption(
                plain_text(f"Chosen by a hash of the country's code, which knows nothing else about it: {names}.")
            )
        left_out = view.measured.values.get("left_out", {})
        if left_out:
            st.markdown(f"**Left out.** {plain_text(' '.join(left_out_lines(left_out)))}")
        st.markdown(
            "**What this does not show.** A forecast that is right need not be right for the right reason: that the mechanism "
            "holds in a place is never shown by a backtest. The months are those of one pandemic; another domain is another "
            "question. Rows of one country share its data, and countries share the pandemic, so the ranges are if anything too "
            "narrow."
        )


def reproduce_view(workspace: Workspace, view: BacktestView) -> None:
    """Command and Python lines for the countries' figures and for the run's."""
    with st.expander("Reproduce this", icon=":material/replay:", key="reproduce"):
        command, python = reproduce_backtest(view.measured)
        st.caption("Measure the countries again (DIR is a folder with the tables of all countries):")
        st.code(command, language="bash", wrap_lines=True)
        st.caption("The table of this page from what was measured, in Python:")
        st.code(python, language="python")
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
