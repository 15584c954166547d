"""What says who somebody is goes; what only looks like it stays."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import InputError
from core.respondents.redaction import Redactor, Roster, redact_all


def redacted(text: str, roster: str = "") -> str:
    return Redactor(Roster.from_text(roster, "roster")).redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "anna.keller+x@mail.example.org", "anna (at) example.org", "anna@exa\u200bmple.org", "+44 20 7946 0958",
        "(020) 7946 0958", "0171/1234567", "０７９４６ ０９５８ ４４", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00",
        "123-45-6789", "784-1990-1234567-1", "https://me.example.org/a?b=1", "192.168.10.7", "3 May 1980", "May 3rd, 1980",
        "03/05/1980", "1980-05-03", "12 Baker Street", "221B Old Harbour Road, Flat 3", "51.5074, -0.1278", "@annakeller",
        "AB12 CDE", "D 12345",
    ],
)  # fmt: skip
def test_what_says_who_somebody_is_goes(text: str) -> None:
    said = redacted(f"I say {text} now")
    assert said.startswith("I say [") and said.endswith("] now"), said
    assert not set("0123456789") & set(said.replace(" 1]", "")), said


@pytest.mark.parametrize(
    "text",
    [
        "I earn 2,000 a month, 1,500,000 in all, 12 500 in rent", "In 2019 and 2020 I walked 10 000 steps", "at 10:30 or 18.45",
        "between 1990-2010 I moved", "about 3.5 per cent, 37.2 degrees", "I mark papers in the summer and will rest in may",
        "50/50, or 7-8 of 10", "C1 and H6 were in force from week 12",
    ],
)  # fmt: skip
def test_what_says_nobody_stays(text: str) -> None:
    assert redacted(text, "Mark\nMay\nWill\nSummer Stone") == text


def test_a_name_is_the_same_placeholder_throughout_and_however_it_is_written() -> None:
    texts, counts = redact_all(
        [
            "zoe said that Zoë's brother, Zoe KELLER, came.",
            "My sister is called Berta.",
            "Berta works at harbour foods.",
        ],
        Roster.from_text("kind,name\nNAME,Zoë\nNAME,Zoë Keller\nEMPLOYER,Harbour Foods", "roster"),
    )
    assert texts == (
        "[NAME 1] said that [NAME 1]'s brother, [NAME 2], came.",
        "My sister is called [NAME 3].",
        "[NAME 3] works at [EMPLOYER 1].",
    )
    assert counts == {"EMPLOYER": 1, "NAME": 5}


def test_a_roster_says_what_is_wrong_with_it() -> None:
    with pytest.raises(InputError, match=r"line 2.*Nearest valid: TOWN"):
        Roster.from_text("Anna\nTOWNE,Karsk", "names.txt")


def test_planted_identifiers_are_found() -> None:
    """Structured identifiers and listed names among ordinary talk: recall and precision as the bar asks."""
    random = np.random.default_rng(7)
    first, last = (
        ["Anna", "Boris", "Chloé", "Dmitri", "Esra", "Farid"],
        ["Keller", "Novak", "Ünal", "O'Brien", "Haddad"],
    )
    names = [f"{a} {b}" for a in first for b in last]
    roster = Roster.from_text("\n".join(names), "roster")
    makers = (
        lambda: f"{first[random.integers(6)].lower()}{random.integers(99)}@mail{random.integers(9)}.example",
        lambda: (
            f"+{random.integers(1, 99)} {random.integers(100, 999)} {random.integers(100, 999)} {random.integers(1000, 9999)}"
        ),
        lambda: f"{random.integers(1, 28)}/{random.integers(1, 13)}/{random.integers(1930, 2010)}",
        lambda: f"{random.integers(1, 200)} Station Road",
        lambda: names[random.integers(len(names))],
    )
    talk = [
        "We kept 20 hens and 3 goats.",
        "In 2021 it was quiet.",
        "I paid 1,200 for it.",
        "The Monday market closed.",
    ]
    found = planted = wrong = 0
    for _ in range(100):
        parts = [make() for make in makers]
        said, counts = redact_all([f"{talk[random.integers(4)]} Write {part}, please." for part in parts], roster)
        planted += len(parts)
        found += sum(part not in text for part, text in zip(parts, said, strict=True))
        wrong += sum(counts.values()) - len(parts)
    assert found >= 0.99 * planted and wrong <= 0.05 * planted
