"""README's tables and paragraphs in Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from core.report.document import duration
from core.validity.measured import Header

WIDTH = 118


def table_of(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines).replace("| --- ", "|---").replace("|--- |", "|---|")


def paragraph(sentences: Sequence[str], indent: str = "") -> str:
    return textwrap.fill(
        " ".join(sentences), WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )


def measured_line(header: Header) -> str:
    return f"*Measured on {header.made_at} by version {header.code_version}, in {duration(header.seconds)}.*"
