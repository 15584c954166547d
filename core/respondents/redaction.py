"""What says who somebody is, out of a text before it is stored: patterns, names that the importer lists, words after a cue.

Placeholders keep the sense and are the same for the same thing within an interview ([NAME 2], [PHONE 1]). Text is brought to
one form first, for signs without width and look-alike digits would hide a number from a pattern and not from a reader.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.errors import InputError, one_of

ROSTER_KINDS = ("NAME", "EMPLOYER", "SCHOOL", "TOWN", "PLACE")
_MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December|"
    "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"
)
_STREETS = "Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Way|Court|Ct|Square|Sq|Close|Terrace|Place|Row"
_CUES = (
    r"my name is|my name's|I am called|I'm called|call me|named|called|Mr\.?|Mrs\.?|Ms\.?|Miss|Dr\.?|Prof\.?|Professor|"
    r"Sister|Brother|Aunt|Uncle|Sheikh"
)
#: Words with a capital that follow a cue and name nobody.
_COMMON = frozenset((
    "I", "The", "A", "An", "It", "He", "She", "They", "We", "You", "In", "On", "At", "And", "But", "So", "Then",
    "God", "Mum", "Mom", "Dad", "Mother", "Father", "Grandma", "Grandpa", "Monday", "Tuesday", "Wednesday",
    "Thursday", "Friday", "Saturday", "Sunday",
))  # fmt: skip


#: Names that are words too: only with a capital are they names.
_WORDS = frozenset((
    "mark", "will", "rose", "grace", "may", "june", "april", "august", "hope", "faith", "joy", "bill", "frank",
    "dawn", "summer", "art", "rob", "sue", "pat", "jack", "gene", "ray", "dean", "sky", "star", "amber", "ruby",
    "pearl", "iris", "ivy", "lily", "violet", "daisy", "chase", "grant", "miles", "drew",
))  # fmt: skip


def _luhn(text: str) -> bool:
    digits = [int(sign) for sign in re.sub(r"\D", "", text)][::-1]
    total = sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return 13 <= len(digits) <= 19 and total % 10 == 0


def _iban(text: str) -> bool:
    compact = re.sub(r"\s", "", text).upper()
    if not 15 <= len(compact) <= 34:
        return False
    return int("".join(str(int(sign, 36)) for sign in compact[4:] + compact[:4])) % 97 == 1


def _phone(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    grouped = re.fullmatch(r"\d{1,3}(?:[ .,]\d{3})+", text.strip()) is not None and not text.strip().startswith("0")
    return 7 <= len(digits) <= 15 and not grouped and not re.fullmatch(r"(?:19|20)\d\d\D+(?:19|20)\d\d", text.strip())


#: Kind, pattern, and what else must hold; in this order, for a card's number holds what looks like a telephone's.
_PATTERNS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool] | None], ...] = (
    ("URL", re.compile(r"\b(?:https?://|www\.)[^\s<>\"']+", re.I), None),
    ("EMAIL", re.compile(r"[\w.+-]+\s?(?:@|\(at\)|\[at\])\s?[\w-]+(?:\.[\w-]+)+", re.I), None),
    (
        "IBAN",
        re.compile(r"\b[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){2,7}(?:\s?[A-Z0-9]{1,3})?\b|\b[A-Za-z]{2}\d{2}[A-Za-z0-9]{11,30}\b"),
        _iban),
    ("CARD", re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])"), _luhn),
    ("ID", re.compile(r"\b\d{3}-\d{2}-\d{4}\b|\b784-?\d{4}-?\d{7}-?\d\b|\b[A-CEGHJ-PR-TW-Z]{2}\s?(?:\d{2}\s?){3}[A-D]\b"), None),
    ("ID", re.compile(r"(?<=passport )(?:number |no\.? )?[A-Z]{0,2}\d{6,9}\b", re.I), None),
    ("IP", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b|\b(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{1,4}\b", re.I), None),
    (
        "COORDINATES",
        re.compile(r"-?\d{1,3}\.\d{3,}(?:\s?°)?(?:\s?[NS]\b)?\s?[,;]\s?-?\d{1,3}\.\d{3,}(?:\s?°)?(?:\s?[EW]\b)?"),
        None,
    ),
    (
        "DATE",
        re.compile(
            rf"\b\d{{1,2}}[./-]\d{{1,2}}[./-](?:\d{{4}}|\d{{2}})\b|\b(?:19|20)\d\d-\d\d-\d\d\b|"
            rf"\b\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?(?:{_MONTHS})\.?,?\s(?:19|20)\d\d\b|"
            rf"\b(?:{_MONTHS})\.?\s\d{{1,2}}(?:st|nd|rd|th)?,?\s(?:19|20)\d\d\b"
        ),
        None,
    ),
    ("PHONE", re.compile(r"(?<![\w.])(?:\+|00)?\(?\d{1,4}\)?(?:[ ./-]?\(?\d{2,4}\)?){2,5}(?!\w)"), _phone),
    (
        "ADDRESS",
        re.compile(
            rf"\b\d{{1,5}}[A-Za-z]?,?\s(?:[A-Z][\w'’-]+\s){{1,3}}(?:{_STREETS})\b\.?(?:,?\s(?:Apt|Flat|Unit)\.?\s\w+)?"
        ),
        None,
    ),
    ("HANDLE", re.compile(r"(?<![\w@])@[A-Za-z_][\w.]{2,29}"), None),
    ("PLATE", re.compile(r"\b[A-Z]{1,3}[ -]\d{3,5}(?:[ -]?[A-Z]{1,3})?\b|\b[A-Z]{2}\d{2}\s?[A-Z]{3}\b"), None),
)  # fmt: skip
_NAME = r"[A-Z][\w'’-]+(?:\s(?:(?:de|van|von|bin|al|el|bint|di|la)\s)?[A-Z][\w'’-]+){0,3}"
_CUED = re.compile(rf"\b((?i:{_CUES}))\s({_NAME})")


@dataclass(frozen=True)
class Roster:
    """Names that the importer knows, with their kinds; never stored."""

    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_text(cls, text: str, where: str) -> Roster:
        """A name to a line, or `KIND,name`. InputError for an unknown kind."""
        found = {}
        for number, line in enumerate(text.splitlines(), start=1):
            kind, comma, name = line.partition(",")
            if not line.strip() or (number == 1 and kind.strip().lower() == "kind"):
                continue
            kind, name = (kind.strip().upper(), name.strip()) if comma else ("NAME", line.strip())
            one_of(kind, ROSTER_KINDS, what="kind", where=f"{where}, line {number}")
            if len(name) < 2:
                raise InputError("a name needs two letters", where=f"{where}, line {number}")
            found[plain(name)] = kind
        return cls(found)


def plain(text: str) -> str:
    """Text in one form: compatible signs alike, none without width, none that commands a terminal."""
    found = unicodedata.normalize("NFKC", text).replace("’", "'")
    return "".join(
        sign for sign in found if sign in "\n\t" or unicodedata.category(sign) not in ("Cf", "Cc", "Co", "Cs", "Cn")
    )


class Redactor:
    """Redacts the texts of one interview, so that the same thing has the same placeholder throughout."""

    def __init__(self, roster: Roster | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self._numbers: dict[tuple[str, str], int] = {}
        self._last: Counter[str] = Counter()
        self._kinds = {_folded(name): kind for name, kind in (roster or Roster()).names.items()}
        self._pattern: re.Pattern[str] | None = None

    def learn(self, text: str) -> None:
        """Take in the names that a text says are some ("my sister is called …"), for this text and all others."""
        for found in _CUED.finditer(plain(text)):
            words = found[2].split()
            if words[0] in _COMMON:
                continue
            for name in (found[2], *(word for word in words if len(word) > 2 and word[0].isupper())):
                self._kinds.setdefault(_folded(name), "NAME")
        self._pattern = None

    def go_on_after(self, texts: Iterable[str]) -> None:
        """Number on from redacted texts of the same interview, whose names are not known any more."""
        for kind, number in re.findall(r"\[([A-Z]+) (\d+)\]", " ".join(texts)):
            self._last[kind] = max(self._last[kind], int(number))

    def redact(self, text: str) -> str:
        """The text with placeholders."""
        self.learn(text)
        text = plain(text)
        for kind, pattern, holds in _PATTERNS:
            text = pattern.sub(lambda found, kind=kind, holds=holds: self._sub(kind, found[0], holds), text)  # type: ignore[misc]
        return self._listed(text)

    def _sub(self, kind: str, found: str, holds: Callable[[str], bool] | None) -> str:
        if holds is not None and not holds(found):
            return found
        end = found[len(found.rstrip(".,;:!?)")) :] if kind == "URL" else ""
        return self._placeholder(kind, found) + end

    def _listed(self, text: str) -> str:
        if not self._kinds:
            return text
        if self._pattern is None:
            names = sorted(self._kinds, key=len, reverse=True)
            self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)")
        folded = _folded(text)
        if len(folded) != len(text):
            # Signs that fold to several: places would not agree, so that the folded text is kept.
            text = folded
        parts, last = [], 0
        for found in self._pattern.finditer(folded):
            name = found[0]
            if name in _WORDS and not text[found.start()].isupper():
                continue
            parts += [text[last : found.start()], self._placeholder(self._kinds[name], name)]
            last = found.end()
        return "".join([*parts, text[last:]])

    def _placeholder(self, kind: str, found: str) -> str:
        key = kind, re.sub(r"\W+", "", _folded(found))
        if key not in self._numbers:
            self._last[kind] += 1
            self._numbers[key] = self._last[kind]
        self.counts[kind] += 1
        return f"[{kind} {self._numbers[key]}]"


def redact_all(texts: Sequence[str], roster: Roster | None = None) -> tuple[tuple[str, ...], dict[str, int]]:
    """Texts of one interview, redacted together, and how many of each kind went."""
    redactor = Redactor(roster)
    for text in texts:
        redactor.learn(text)
    return tuple(map(redactor.redact, texts)), dict(sorted(redactor.counts.items()))


def _folded(text: str) -> str:
    """Small letters without marks; as long as the text wherever that can be."""
    parts = []
    for sign in text:
        base = "".join(part for part in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(part))
        parts.append((base or sign).lower())
    return "".join(parts)
