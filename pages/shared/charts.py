"""A figure with its data beneath it, as every page shows one."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st


def chart(figure: go.Figure, data: pd.DataFrame, name: str, key: str, alt: str) -> None:
    """Draw a figure and offer its data as a CSV file called `name`; `alt` says in a sentence what it shows."""
    st.plotly_chart(figure, width="stretch", key=key, alt=alt)
    download(data, name, f"{key}-data")


def download(data: pd.DataFrame, name: str, key: str, label: str = "Download the data", index: bool = True) -> None:
    """A button for a frame as CSV; the file is made when it is asked for."""
    st.download_button(
        label,
        data=lambda: data.to_csv(index=index, lineterminator="\n"),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=key,
        on_click="ignore",
        icon=":material/download:",
    )
