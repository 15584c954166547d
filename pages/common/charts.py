"""A figure with its data beneath it, as every page shows one."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.csv_out import csv_text
from core.report.figures.style import without_source
from pages.common.shell import plain_text


def chart(figure: go.Figure, data: pd.DataFrame, name: str, key: str, alt: str) -> None:
    """Draw a figure with its source beneath, and offer its data as a CSV file called `name`; `alt` says in a sentence
    what it shows."""
    shown, source = without_source(figure)
    st.plotly_chart(shown, width="stretch", key=key, alt=alt)
    if source:
        st.caption(plain_text(source))
    download(data, name, f"{key}-data")


def download(data: pd.DataFrame, name: str, key: str, label: str = "Download the data", index: bool = True) -> None:
    """A button for a frame as CSV that starts no formula; the file is made when it is asked for."""
    st.download_button(
        label,
        data=lambda: csv_text(data, index=index),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=key,
        on_click="ignore",
        icon=":material/download:",
    )
