"""Terms in a text link to what they mean on the page Reference."""

from __future__ import annotations

from urllib.parse import urlencode

from core.report.sentences.glossary import with_terms
from pages.common.shell import link_parameters, plain_text

TERM, PART, GLOSSARY_PART = "term", "part", "Glossary"


def linked(text: str, seen: set[str] | None = None) -> str:
    """Plain text as Markdown, in which the first appearance of each term of the glossary is a link to it; texts of one view
    share what was `seen`."""
    return with_terms(plain_text(text), _link, set() if seen is None else seen)


def _link(term: str, words: str) -> str:
    # Relative, so that it holds behind a proxy too.
    return f"[{words}](Reference?{urlencode({PART: GLOSSARY_PART, TERM: term, **link_parameters()})})"
