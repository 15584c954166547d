"""Counterfactuals: hold stringency at several levels, compare policies, seek a goal, or look ahead."""

from __future__ import annotations

import streamlit as st

from core.report.sentences.domain import index_word
from core.services.counterfactuals.claims import claims_of
from pages.common.address import from_address, into_address
from pages.common.shell import engine_note, need_run, open_page, plain_errors, plain_text
from pages.views.counterfactuals.ahead import ahead_view
from pages.views.counterfactuals.choices import asked, reset_choices
from pages.views.counterfactuals.compare import compare_view
from pages.views.counterfactuals.goal import goal_view
from pages.views.counterfactuals.sweep import sweep_view

VIEWS = {"sweep": "Sweep {index}", "compare": "Compare policies", "goal": "Seek a goal", "ahead": "Look ahead"}

VIEW_OF = {"sweep": sweep_view, "compare": compare_view, "goal": goal_view}


def main() -> None:
    workspace = open_page("Counterfactuals")
    run = need_run(workspace)
    study = workspace.study
    reset_choices(study)
    # A link that names policies wants to see them compared.
    named = "view" not in st.query_params and ("scenario" in st.query_params or "what" in st.query_params)
    key = from_address(study, "view", "sweep", lambda text: list(VIEWS)[list(VIEWS).index(text)])
    if named:
        st.session_state[key] = "compare"
    view = st.segmented_control(
        "What to look at",
        list(VIEWS),
        format_func=lambda name: VIEWS[name].format(index=index_word(study)),
        key=key,
        required=True,
        label_visibility="collapsed",
    )
    into_address("view", str(view), "")
    with plain_errors():
        assert run.record.train_end is not None
        claims = claims_of(study, run.record.engine, run.record.train_end)
        if view == "ahead":
            ahead_view(workspace, run)
        else:
            VIEW_OF[str(view)](asked(workspace, run))
        st.subheader("What may be claimed")
        st.markdown(plain_text(claims.headline))
        with st.expander("What the intervals cover"):
            st.markdown(plain_text(claims.details))
        engine_note(run)


if __name__ == "__main__":
    with plain_errors():
        main()
