"""A document on a page: what a result means, as the terminal and the report say it too."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.report.document import Block, Code, Details, Figure, Heading, Items, Paragraph, Table
from pages.common.charts import chart
from pages.common.shell import plain_text
from pages.common.terms import linked

_MARKS = {
    "plain": "",
    "answer": "",
    "good": ":green[:material/check_circle:] ",
    "caution": ":orange[:material/warning:] ",
    "bad": ":red[:material/error:] ",
}


def render(blocks: Sequence[Block], key: str, *, terms: bool = False) -> None:
    """Draw the blocks in order; `key` tells their widgets from those of other documents on the page. With `terms`, words of the
    glossary are links to it where they first appear."""
    seen: set[str] = set()

    def words(text: str) -> str:
        return linked(text, seen) if terms else plain_text(text)

    for place, block in enumerate(blocks):
        own = f"{key}-{place}"
        match block:
            case Heading():
                st.markdown(f"## {plain_text(block.text)}")
            case Paragraph():
                st.markdown(_MARKS[block.tone] + words(block.text))
            case Items():
                st.markdown("\n".join(f"- {words(text)}" for text in block.texts))
            case Table():
                frame = pd.DataFrame(list(block.rows), columns=_distinct(block.head))
                numbers = st.column_config.NumberColumn(format=f"%.{block.digits}f")
                formats = dict.fromkeys(frame.select_dtypes("float").columns, numbers)
                st.dataframe(frame, width="stretch", hide_index=True, key=own, column_config=formats)
                if block.caption:
                    st.caption(words(block.caption))
            case Figure():
                chart(block.draw(), block.data, block.name, own, block.words)
            case Code():
                st.code(block.text, language=block.language, wrap_lines=block.language == "bash")
            case Details():
                with st.expander(plain_text(block.title), key=own):
                    render(block.blocks, own, terms=terms)


def _distinct(head: Sequence[str]) -> list[str]:
    """The names of columns, each another to the browser: what stands twice looks the same and has a space more."""
    return [name + " " * list(head[:place]).count(name) for place, name in enumerate(head)]
