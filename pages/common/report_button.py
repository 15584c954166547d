"""What is on the screen as one file to keep: made when it is asked for, and not before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from core.report.document import Document
from core.report.files import pdf_bytes
from core.report.renderers.html import html_text
from core.settings import browser_program


def report_button(document: Callable[[], Document], name: str, *, corner: bool = True) -> None:
    """Offer a document, in the page's upper right `corner` or in place, as a self-contained web page, and as PDF where this
    machine can make one; the files are called `name`."""
    side: Literal["left", "right"] = "right" if corner else "left"
    with st.container(
        horizontal=True, horizontal_alignment=side, key="page-actions" if corner else "actions", gap="small"
    ):
        st.download_button(
            "Report",
            data=lambda: html_text(document()),
            file_name=f"{name}.html",
            mime="text/html",
            key="report",
            on_click="ignore",
            icon=":material/docs:",
            type="tertiary",
            help="One file to keep: the question, the answer, figures, how sure, what it rests on, and how to make it again.",
        )
        if browser_program() is not None:
            st.download_button(
                "PDF",
                data=lambda: pdf_bytes(document()),
                file_name=f"{name}.pdf",
                mime="application/pdf",
                key="report-pdf",
                on_click="ignore",
                type="tertiary",
                help="The same report as PDF. Printing takes some seconds.",
            )
