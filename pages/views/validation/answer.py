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
from pages.common.shell import Workspace, engine_caution, engine_note, link, plain_text
from pages.common.terms import linked
from pages.views.validation.data import BacktestView

#: What a verdict says in words, with a sign beside it; the colour only repeats it.
BADGES: dict[str, tuple[str, str, str]] = {
    BETTER: ("Better", ":material/check_circle:", "green"),
    ALIKE: ("About as good", ":material/drag_handle:", "gray"),
    WORSE: ("Worse", ":material/cancel:", "red"),
    UNSURE: ("Not certain", ":material/help:", "orange"),
    MIXED: ("It depends", ":material/alt_route:", "blue"),
}

#: What is told of the countries, by class of policy change.
CLASSES = {ALL: "All countries", MOVED: "Policy moved a lot", STILL: "Policy hardly moved"}
OF_ANOTHER_DOMAIN = (
    "This study's own hold-out answers that. The countries were measured in another domain, and need not speak for it."
)


def answer_view(workspace: Workspace, view: BacktestView) -> None:
    """Four findings side by side beneath one sentence."""
    cells, run, own = view.cells(), workspace.run, view.of_domain(workspace.study)
    st.markdown("## Does the twin forecast better than a simple rule?")
    cards = [class_statement(cells, change, title) for change, title in CLASSES.items()]
    st.markdown(f"**{plain_text(answer(cells))}**" if own else linked(OF_ANOTHER_DOMAIN))
    this = None if run is None else run_statement(RunResult.of(run), step=workspace.study.step)
    columns = st.columns(4 if own else [2, 3])
    with columns[0]:
        if this is None:
            with st.container(border=True, height="stretch"):
                st.caption("This study")
                st.write("No twin has been fitted to this study yet.")
                link("Calibration", "Fit the twin")
        else:
            _card(this, "points")
    horizons = f"{' · '.join(str(item) for item in view.horizons)} days"
    for column, card in zip(columns[1:], cards if own else (), strict=False):
        with column:
            _card(card, horizons)
    if this is not None and run is not None:
        st.markdown(f"**Here:** {plain_text(this.text)}")
        engine_caution(run)


def sources_view(workspace: Workspace, view: BacktestView) -> None:
    """Where the figures come from, folded away."""
    run, own = workspace.run, view.of_domain(workspace.study)
    cells = view.cells()
    with st.expander("Where these figures come from", icon=":material/info:"):
        st.caption(linked(backtest_from(view.measured)))
        if own and workspace.study.fictional:
            st.caption(
                f"What is said of this study is about {plain_text(workspace.study.place)}, which is invented. The countries are "
                f"real, at horizons of {listed([str(item) for item in view.horizons])} days."
            )
        for change, title in CLASSES.items() if own else ():
            st.caption(plain_text(f"{title}: {class_statement(cells, change, title).text}"))
        if run is not None:
            engine_note(run, caution=False)


def _card(statement: Statement, unit: str) -> None:
    text, icon, colour = BADGES[statement.verdict]
    with st.container(border=True, height="stretch", gap="xxsmall"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{plain_text(statement.title)}**", width="content")
            st.badge(text, icon=icon, color=colour)  # type: ignore[arg-type]
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"### {plain_text(statement.figure)}", width="content")
            st.caption(unit, width="content")
