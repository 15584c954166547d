"""The ten-second answer: where the twin helps and where a simple forecast is as good, in words and four figures."""

from __future__ import annotations

import streamlit as st

from core.report.sentences.backtests import backtest_from
from core.report.sentences.skill import (
    MIXED,
    MOVED,
    STILL,
    Statement,
    answer,
    class_statement,
    listed,
    run_statement,
)
from core.services.evaluation.skill import ALIKE, ALL, BETTER, UNSURE, WORSE
from core.services.runs.results import RunResult
from pages.common.shell import Workspace, engine_note, link, plain_text
from pages.views.validation.data import BacktestView

#: What a verdict says in words, with a sign beside it; the colour only repeats it.
BADGES: dict[str, tuple[str, str, str]] = {
    BETTER: ("Better", ":material/check_circle:", "green"),
    ALIKE: ("About as good", ":material/drag_handle:", "gray"),
    WORSE: ("Worse", ":material/cancel:", "red"),
    UNSURE: ("Not certain", ":material/help:", "orange"),
    MIXED: ("It depends", ":material/alt_route:", "blue"),
}


def answer_view(workspace: Workspace, view: BacktestView) -> None:
    """Four findings side by side beneath one sentence, and where they come from."""
    cells = view.cells()
    st.markdown("#### Does the twin forecast better than a simple rule?")
    st.markdown(f"**{plain_text(answer(cells))}**")
    countries = view.rows["country"].nunique()
    run = workspace.run
    cards = [
        class_statement(cells, ALL, f"All {countries} countries"),
        class_statement(cells, MOVED, "Policy moved a lot"),
        class_statement(cells, STILL, "Policy hardly moved"),
    ]
    columns = st.columns(4)
    with columns[0]:
        if run is None:
            with st.container(border=True, height="stretch"):
                st.caption("This study")
                st.write("No twin has been fitted to this study yet.")
                link("Calibration", "Fit the twin")
        else:
            _card(run_statement(RunResult.of(run)), "points, twin and baseline")
    horizons = f"at {' · '.join(str(item) for item in view.horizons)} days"
    for column, card in zip(columns[1:], cards, strict=True):
        with column:
            _card(card, horizons)
    st.caption(plain_text(backtest_from(view.measured)))
    if workspace.study.fictional:
        st.caption(
            f"The first figure is about {plain_text(workspace.study.place)}, which is invented. The other three are about real "
            f"countries, at horizons of {listed([str(item) for item in view.horizons])} days."
        )
    if run is not None:
        engine_note(run)


def _card(statement: Statement, unit: str) -> None:
    text, icon, colour = BADGES[statement.verdict]
    with st.container(border=True, height="stretch"):
        st.markdown(f"**{plain_text(statement.title)}**")
        st.badge(text, icon=icon, color=colour)  # type: ignore[arg-type]
        st.markdown(f"##### {plain_text(statement.figure)}")
        st.caption(unit)
        st.markdown(plain_text(statement.text))
