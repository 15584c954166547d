"""A document on the terminal: text and tables by rich, without colour where nobody reads it on one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import StringIO
from numbers import Real
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from core.report.document import Block, Code, Details, Document, Figure, Heading, Items, Paragraph, Table, number

#: Columns of text that is read by a program or a file: nothing is broken.
UNBROKEN = 100_000
_MARKS = {"plain": "", "answer": "", "good": "✓ ", "caution": "! ", "bad": "✗ "}


def terminal_text(document: Document, *, width: int | None = None, details: bool = False) -> str:
    """The document as text, its lines broken at `width` columns where that is given; what is folded only with `details`."""
    console = Console(file=StringIO(), width=width or UNBROKEN, color_system=None, highlight=False, emoji=False)
    title = f"{document.title}{' (fictional)' * (document.fictional and '(fictional)' not in document.title)}"
    for part in (Text(title), *_parts(document.blocks, details)):
        console.print(part)
    return _stripped(console.file.getvalue())  # type: ignore[attr-defined]


def table_text(head: Sequence[str], rows: Sequence[Sequence[Any]], digits: int = 2) -> str:
    """A table alone."""
    console = Console(file=StringIO(), width=UNBROKEN, color_system=None)
    console.print(_table(Table(tuple(head), tuple(map(tuple, rows)), digits=digits)))
    return _stripped(console.file.getvalue())  # type: ignore[attr-defined]


def _parts(blocks: Sequence[Block], details: bool) -> Iterator[Any]:
    for block in blocks:
        match block:
            case Heading():
                yield Text(f"\n{block.text}")
            case Paragraph():
                yield Text(f"{_MARKS[block.tone]}{block.text}")
            case Items():
                yield from (Text(f"  {text}") for text in block.texts)
            case Table():
                yield Text("")
                yield _table(block)
                if block.caption:
                    yield Text(block.caption)
            case Code():
                yield Text(block.text)
            case Details() if details:
                yield Text(f"\n{block.title}")
                yield from _parts(block.blocks, details)
            case Details() | Figure():
                pass


def _table(block: Table) -> RichTable:
    shown = RichTable(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, name in enumerate(block.head):
        numeric = all(row[place] is None or isinstance(row[place], Real) for row in block.rows) and bool(block.rows)
        shown.add_column(Text(name), justify="right" if numeric else "left", no_wrap=True)
    for row in block.rows:
        shown.add_row(*(Text(_cell(value, block.digits)) for value in row))
    return shown


def _cell(value: Any, digits: int) -> str:
    return number(value, digits) if value is None or isinstance(value, float) else str(value)


def _stripped(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())
