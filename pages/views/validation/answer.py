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
from pages.views.validation.data import BacktestView

#: What a verdict says in words, with a sign beside it; the colour only repeats it.
BADGES: dict[str, tuple[str, str, str]] = {
    BETTER: ("Better", ":material/check_circle:", "green"),
    ALIKE: ("About as good", ":material/drag_handle:", "gray"),
    WORSE: ("Worse", ":material/cancel:", "red"),
    UNSURE: ("Not certain", ":material/help:", "orange"),
    MIXED: ("It depends", ":material/alt_route:", "blue"),
}

OF_ANOTHER_DOMAIN = (
    "This study's own hold-out answers that. The countries below were measured in another domain: what they show need not hold "
    "here."
)


def answer_view(workspace: Workspace, view: BacktestView) -> None:
    """Four findings side by side beneath one sentence, and where they come from."""
    cells, run, own = view.cells(), workspace.run, view.of_domain(workspace.study)
    st.markdown("## Does the twin forecast better than a simple rule?")
    countries = view.rows["country"].nunique()
    cards = [
        class_statement(cells, ALL, f"All {countries} countries"),
        class_statement(cells, MOVED, "Policy moved a lot"),
        class_statement(cells, STILL, "Policy hardly moved"),
    ]
    st.markdown(f"**{plain_text(answer(cells))}**" if own else OF_ANOTHER_DOMAIN)
    columns = st.columns(4 if own else [2, 3])
    with columns[0]:
        if run is None:
            with st.container(border=True, height="stretch"):
                st.caption("This study")
                st.write("No twin has been fitted to this study yet.")
                link("Calibration", "Fit the twin")
        else:
            _card(run_statement(RunResult.of(run), step=workspace.study.step), "points, twin and baseline")
    horizons = f"error against the baseline's, {' · '.join(str(item) for item in view.horizons)} days ahead"
    for column, card in zip(columns[1:], cards if own else (), strict=False):
        with column:
            _card(card, horizons, short=True)
    with st.expander("Where these figures come from", icon=":material/info:"):
        st.caption(plain_text(backtest_from(view.measured)))
        if own and workspace.study.fictional:
            st.caption(
                f"The first figure is about {plain_text(workspace.study.place)}, which is invented. The other three are about "
                f"real countries, at horizons of {listed([str(item) for item in view.horizons])} days."
            )
        for card in cards if own else ():
            st.caption(plain_text(f"{card.title}: {card.text}"))
        if run is not None:
            engine_note(run, caution=False)
    if run is not None:
        engine_caution(run)


def _card(statement: Statement, unit: str, short: bool = False) -> None:
    text, icon, colour = BADGES[statement.verdict]
    with st.container(border=True, height="stretch"):
        st.markdown(f"**{plain_text(statement.title)}**")
        st.badge(text, icon=icon, color=colour)  # type: ignore[arg-type]
        st.markdown(f"### {plain_text(statement.figure)}")
        st.caption(unit)
        if not short:
            st.markdown(plain_text(statement.text))
