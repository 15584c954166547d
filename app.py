"""Home: what would people do if… with the answer, how sure it is, and the next step."""

from __future__ import annotations

import streamlit as st

from core.report.sentences.overview import overview
from core.services.runs.fitted import changed_inputs
from core.settings import read_only
from pages.common.fit_panel import adopt_finished_run, fit_panel
from pages.common.shell import link, open_page, plain_errors, plain_text
from pages.views.home.answer import answer_view
from pages.views.home.start import observed_view

NEWS = "home-news"
DONE, TO_DO = ":material/check_circle:", ":material/radio_button_unchecked:"


def main() -> None:
    workspace = open_page("Home", heading="What would people in {place} do if…")
    adopt_finished_run(workspace, NEWS, lambda job: "The twin is fitted. Ask it.")
    if (news := st.session_state.pop(NEWS, None)) is not None:
        st.success(news, icon=":material/check_circle:")
    with plain_errors():
        if workspace.run is None or changed_inputs(workspace.run, workspace.inputs):
            observed_view(workspace)
            if not read_only():
                fit_panel(workspace)
        else:
            answer_view(workspace, workspace.run)
    state = overview(workspace.store, workspace.inputs, workspace.run)
    with st.container(horizontal=True, key="steps"):
        link("Policy timeline", "Ask your own question", ":material/edit_calendar:")
        for step in state.steps:
            link(step.page, step.title, DONE if step.done else TO_DO, plain_text(step.text))
    with st.expander("About this study"):
        st.markdown(plain_text(workspace.study.summary))
        st.caption(plain_text(state.claims))
        st.caption(plain_text(state.sources))


if __name__ == "__main__":
    with plain_errors():
        main()
