"""Text as Markdown shows it as it is."""

from __future__ import annotations

import re


def plain_text(text: str) -> str:
    """Text that Markdown shows as it is: names and file contents are data, not formatting."""
    for mark in "\\`*_{}[]<>#|$~":
        text = text.replace(mark, f"\\{mark}")
    # Addresses become links and :names: become pictures even so, unless something without width stands in them.
    return re.sub(r"(:)(?=//|[A-Za-z+-][\w/+-]*:)|(www)(?=\.)", "\\1\\2\u2060", text)


def bold(text: str) -> str:
    """Text of ours around names from files: the stars that make it bold stay, everything else is shown as it is."""
    return "**".join(plain_text(part) for part in text.split("**"))
