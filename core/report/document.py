"""What is said of a result, once, in the order of reading: terminal, page and file each have a renderer for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import pandas as pd

Tone: TypeAlias = Literal["plain", "answer", "good", "caution", "bad"]


@dataclass(frozen=True)
class Heading:
    """Begins a part of the document."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Sentences that belong together. `tone` marks the answer itself, what supports a result and what
    speaks against it."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Items:
    """Sentences that stand beside each other."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Rows under a head; a number is shown with `digits` decimals, None as nothing. `strong` rows are set in bold."""

    head: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    caption: str = ""
    digits: int = 2
    strong: frozenset[int] = frozenset()

    @classmethod
    def of(cls, frame: pd.DataFrame, caption: str = "", digits: int = 2) -> Table:
        """The rows of a frame, without its index."""
        return cls(tuple(map(str, frame.columns)), tuple(frame.itertuples(index=False, name=None)), caption, digits)


@dataclass(frozen=True)
class Figure:
    """A figure (drawn by `draw`, a plotly figure), in words for who cannot see it, and the data in it."""

    name: str
    draw: Callable[[], Any]
    words: str
    data: pd.DataFrame = field(repr=False)


@dataclass(frozen=True)
class Code:
    """Lines to copy."""

    text: str
    language: Literal["bash", "python", "toml"]


@dataclass(frozen=True)
class Details:
    """What is there for who asks: a page folds it, a terminal leaves it out unless all is wanted."""

    title: str
    blocks: tuple[Block, ...]


Block: TypeAlias = Heading | Paragraph | Items | Table | Figure | Code | Details


@dataclass(frozen=True)
class Document:
    """A result as it is to be read: the question in the title, then what was found, how sure it is, and what it rests on.

    `source` is where the data come from; `run_id` is "" for what is not kept.
    """

    title: str
    blocks: tuple[Block, ...]
    fictional: bool = False
    source: str = ""
    run_id: str = ""

    def part(self, heading: str) -> tuple[Block, ...]:
        """The blocks under a heading. KeyError where there is none."""
        found: list[Block] = []
        inside = False
        for block in self.blocks:
            if isinstance(block, Heading):
                inside = block.text == heading
            elif inside:
                found.append(block)
        if not found:
            raise KeyError(heading)
        return tuple(found)


def sentences(*texts: str | None) -> tuple[Block, ...]:
    """A paragraph of what is there of these, or nothing."""
    said = " ".join(filter(None, texts))
    return (Paragraph(said),) if said else ()


def duration(seconds: float | None) -> str:
    """A time in the unit that fits; "unknown" where there is none."""
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def number(value: float | None, digits: int = 2) -> str:
    """A number as tables show it; "" for none."""
    return "" if value is None or pd.isna(value) else f"{value:.{digits}f}".replace("-", "−")


def rows_of(items: Sequence[Mapping[str, Any]], *names: str) -> tuple[tuple[Any, ...], ...]:
    """Some values of each item, as the rows of a table."""
    return tuple(tuple(item[name] for name in names) for item in items)


def signed(value: float, digits: int = 1) -> str:
    """A number with its sign, a true minus, and no sign on a zero."""
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text[1:] if not float(text[1:]) else text
