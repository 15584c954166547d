"""A document as one HTML file that loads nothing: every word of it is escaped, and its figures are in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from core.report.document import Block, Details, Document, Figure, number
from core.report.figures.style import without_source


def html_text(document: Document) -> str:
    """The document as a page of its own; the same document gives the same bytes."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["cell"] = _cell
    environment.globals["drawn"] = _drawn
    environment.tests["numeric"] = lambda value: isinstance(value, int | float) and not isinstance(value, bool)
    drawn = any(_figures(document.blocks))
    # The library is text of a package, not of anybody's file.
    library = Markup(get_plotlyjs()) if drawn else ""  # noqa: S704
    return environment.get_template("report.html.j2").render(document=document, library=library)


def _figures(blocks: Sequence[Block]) -> list[Figure]:
    found: list[Figure] = []
    for block in blocks:
        if isinstance(block, Figure):
            found.append(block)
        elif isinstance(block, Details):
            found += _figures(block.blocks)
    return found


def _drawn(figure: Figure) -> Markup:
    shown, source = without_source(figure.draw())
    drawn: str = shown.to_html(full_html=False, include_plotlyjs=False, div_id=f"figure-{figure.name}")
    # Plotly writes names into JSON, where it escapes what would end a script.
    return Markup(drawn) + Markup("<figcaption>{} {}</figcaption>").format(figure.words, source)  # noqa: S704


def _cell(value: Any, digits: int) -> str:
    return number(value, digits) if value is None or isinstance(value, float) else str(value)
