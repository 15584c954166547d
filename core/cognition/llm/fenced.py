"""Text that others wrote, as data inside a prompt: cleaned to one line, between marks that it cannot forge.

The mark is a hash of the cleaned text, so it needs no randomness (equal texts give equal prompts, and a cache works),
and a text that holds its own mark would be a fixed point of SHA-256 on 128 bits. The cleaned text also has no line
breaks, so that nothing in it can stand on a line of its own, as the marks do.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

from core.errors import InputError

#: Characters of a text; descriptions of persons are a few hundred. Longer ones would cost more than they tell.
LONGEST = 8_000
#: So many times that may come in: folding and cleaning make texts shorter and longer, but a whole book takes minutes.
RAW_SHARE = 20
#: Unicode's categories of what cannot be seen or has no meaning by itself: controls, formats (direction marks, zero
#: width, tags), surrogates, private use, unassigned.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
#: Marks, letters and symbols by category that show nothing either: variation selectors, which carry hidden bytes as well as
#: the tag characters do, joiners, fillers and blanks.
_UNSEEN = re.compile(
    "[\ufe00-\ufe0f\U000e0100-\U000e01ef\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0]"
)
#: A row of anything that looks like a dash: what marks are made of.
_RULES = re.compile("[-\u2010-\u2015\u2212\u2500\u2501\u2e3a\u2e3b]{3,}")
#: Bracket and backtick have a meaning in the markup and the code fences that models know.
_MARKUP = str.maketrans({"<": "‹", ">": "›", "`": "'"})


def one_line(text: str) -> str:
    """`text` on one line: compatibility forms folded (NFKC), nothing invisible, no markup, single spaces."""
    folded = unicodedata.normalize("NFKC", str(text))
    seen = _UNSEEN.sub("", folded)
    if not seen.isprintable():  # what is printable has none of the invisible, and no space but the plain one
        seen = "".join(
            " " if character.isspace() else "" if unicodedata.category(character) in _INVISIBLE else character
            for character in seen
        )
    # Removing what is invisible can bring halves together that fold once more.
    seen = unicodedata.normalize("NFKC", seen).translate(_MARKUP)
    return " ".join(_RULES.sub("--", seen).split())


def fenced(text: str, label: str, *, where: str) -> str:
    """The text between a BEGIN and an END line that carry its mark. InputError for an empty or too long text."""
    content = _short_enough([text], where)[0]
    if not content:
        raise InputError("has no text to describe it", where=where, allowed="a description in words")
    return fenced_lines([content], label, where=where)


def fenced_lines(lines: Sequence[str], label: str, *, where: str) -> str:
    """Texts of a line each between a BEGIN and an END line that carry the mark of them all.

    No line can be one of the two, for none keeps three dashes in a row. InputError where they are too long together.
    """
    content = "\n".join(_short_enough(lines, where))
    if len(content) > LONGEST:
        raise _too_long(len(content), where)
    mark = hashlib.sha256(content.encode("utf-8")).hexdigest()[:32]
    return f"-----BEGIN {label} {mark}-----\n{content}\n-----END {label} {mark}-----"


def _short_enough(lines: Sequence[str], where: str) -> list[str]:
    """The texts cleaned; InputError for those that are too long to be looked at."""
    length = sum(len(str(line)) for line in lines)
    if length > RAW_SHARE * LONGEST:
        raise _too_long(length, where)
    return [one_line(line) for line in lines]


def _too_long(length: int, where: str) -> InputError:
    return InputError(f"its text has {length} characters", where=where, allowed=f"up to {LONGEST} characters")
