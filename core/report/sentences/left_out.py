"""What a measurement left out, in a few lines: by reason, with how many and which."""

from __future__ import annotations

from collections.abc import Mapping

from core.report.document import Block, Items

#: Lines, and names in a line; the JSON names all.
MOST_REASONS, MOST_NAMES = 8, 4


def left_out_lines(left_out: Mapping[str, str]) -> list[str]:
    """One line per reason, the most frequent first; `left_out` is {what: why}."""
    by_reason: dict[str, list[str]] = {}
    for what, why in left_out.items():
        by_reason.setdefault(why.rstrip("."), []).append(what)
    ordered = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    lines = [f"{_names(names)}: {why}." for why, names in ordered[:MOST_REASONS]]
    rest = sum(len(names) for _, names in ordered[MOST_REASONS:])
    return [*lines, f"{rest} more for {len(ordered) - MOST_REASONS} other reasons."] if rest else lines


def left_out_items(left_out: Mapping[str, str]) -> tuple[Block, ...]:
    """The same as they stand in a document; nothing where nothing was left out."""
    lines = left_out_lines(left_out)
    return (Items(tuple(f"Left out: {line}" for line in lines)),) if lines else ()


def _names(names: list[str]) -> str:
    shown = "; ".join(names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else f"{len(names)} ({shown}; …)"
