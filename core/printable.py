"""Text of others as it may be shown: no character that a terminal would obey, or that would hide or turn what is read."""

from __future__ import annotations

from itertools import islice

_ELLIPSIS = "…"


def printable(text: object, *, keep: str = "") -> str:
    """`text` with every character that cannot be seen written out (`\\x1b`, `\\u202e`); those in `keep` stay.

    Spaces of any width stay; line breaks and tabs become spaces unless they are in `keep`.
    """
    said = str(text)
    if said.isprintable():
        return said
    return "".join(character if character in keep else _shown(character) for character in said)


def shortened(text: str, longest: int) -> str:
    """`text` in `longest` characters at most, its middle left out."""
    if len(text) <= longest:
        return text
    head = (longest - 1) * 2 // 3
    return text[:head] + _ELLIPSIS + text[len(text) - (longest - 1 - head) :]


def quoted(value: object, longest: int = 60) -> str:
    """Any value of a file as a message may show it: printable, short, whatever its size and depth; text in quotes."""
    said = shortened(printable(_plain(value, longest, 3)), longest)
    return f"'{said}'" if isinstance(value, str) else said


def _plain(value: object, longest: int, depth: int) -> str:
    """Text of a value without walking all of it: a file may nest and repeat as it likes."""
    if isinstance(value, str):
        return value if len(value) <= 4 * longest else value[: 2 * longest] + value[-2 * longest :]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 200:
        return "a number of many digits"
    if isinstance(value, dict | list | tuple):
        left, right = "{}" if isinstance(value, dict) else "[]"
        if depth == 0:
            return f"{left}{_ELLIPSIS}{right}"
        if isinstance(value, dict):
            shown = [f"{_plain(k, longest, 0)} = {_plain(v, longest, depth - 1)}" for k, v in islice(value.items(), 4)]
        else:
            shown = [_plain(item, longest, depth - 1) for item in islice(value, 4)]
        return left + ", ".join([*shown, *([_ELLIPSIS] if len(value) > 4 else [])]) + right
    return str(value)


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if character.isspace() and character not in "\x1c\x1d\x1e\x1f\x85\u2028\u2029":
        return " " if character in "\t\n\r\v\f" else character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
