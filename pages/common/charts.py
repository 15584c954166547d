"""A figure with its data beneath it, as every page shows one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.csv_out import csv_text, stamped
from core.report.figures.style import darkened, without_source, without_title
from pages.common.shell import plain_text

#: The bar over a figure: a picture of it and the whole screen are what a reader needs.
CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["zoomIn2d", "zoomOut2d", "autoScale2d", "pan2d"]}


def chart(
    figure: go.Figure, data: pd.DataFrame, name: str, key: str, alt: str, *, select: bool = False, offer: bool = True
) -> tuple[int, ...]:
    """Draw a figure with its source beneath, and offer its data as a CSV file called `name`; `alt` says in a sentence
    what it shows. With `select`, marks can be chosen: returns the rows of `data`, in the figure's order, that were. Without
    `offer` the page offers the data elsewhere."""
    shown, source = without_source(figure)
    shown, title = without_title(shown)
    if title:
        st.markdown(f"**{plain_text(title)}**")
    if st.context.theme.type == "dark":
        shown = darkened(shown)
    state = st.plotly_chart(
        shown, width="stretch", key=key, alt=alt, config=CONFIG, on_select="rerun" if select else "ignore"
    )
    if offer:
        with st.container(horizontal=True, horizontal_alignment="right"):
            if source:
                st.caption(plain_text(source), width="stretch")
            download(stamped(data, source), name, f"{key}-data", "Data", kind="tertiary")
    points = state["selection"]["points"] if isinstance(state, Mapping) else ()
    return tuple(int(item["point_index"]) for item in points)


def download(
    data: pd.DataFrame,
    name: str,
    key: str,
    label: str = "Download the data",
    index: bool = True,
    kind: Literal["secondary", "tertiary"] = "secondary",
) -> None:
    """A button for a frame as CSV that starts no formula; the file is made when it is asked for."""
    st.download_button(
        label,
        data=lambda: csv_text(data, index=index),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=key,
        on_click="ignore",
        icon=":material/download:",
        type=kind,
    )
