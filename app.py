"""Overview: where the study stands, what the twin is worth, and the next step."""

from __future__ import annotations

import streamlit as st

from core.report.sentences.overview import overview
from pages.common.shell import engine_note, link, open_page, plain_errors


def main() -> None:
    workspace = open_page("Overview")
    study, run = workspace.study, workspace.run
    st.subheader(study.title)
    st.write(study.summary)
    state = overview(workspace.store, workspace.inputs, run)

    if run is None:
        st.info("No twin has been fitted to this study yet. Start on the Calibration page.", icon=":material/flag:")
    else:
        st.markdown("#### How good is the twin on days it had not seen?")
        st.write(state.headline)
        columns = st.columns(4)
        for column, tile in zip(columns, state.tiles, strict=False):
            column.metric(
                tile.label,
                tile.value,
                delta=tile.delta,
                delta_color="red" if tile.worse else "green" if tile.certain else "gray",
                delta_arrow="off",
                help=tile.help,
                border=True,
                height="stretch",
            )
        engine_note(run)
        link("Validation", "Where the twin helps, and where a simple forecast is as good")

    st.markdown("#### Where the study stands")
    for step in state.steps:
        left, right = st.columns([4, 1], vertical_alignment="center")
        icon = ":material/check_circle:" if step.done else ":material/radio_button_unchecked:"
        left.markdown(f"{icon} **{step.title}**")
        left.caption(step.text)
        with right:
            link(step.page, step.action)

    if run is not None:
        from pages.common.curve_view import curve_view

        st.markdown("#### The forecast against what happened")
        curve_view(workspace, run, key="overview")

    with st.expander("What may be concluded from this"):
        st.write(state.claims)
    with st.expander("Data and sources"):
        st.write(state.sources)


if __name__ == "__main__":
    with plain_errors():
        main()
