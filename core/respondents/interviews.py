"""An interview as its turns, and a person as interviews and answers: what every layout of a file becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.errors import InputError
from core.records import content_hash
from core.respondents.redaction import Roster, plain, redact_all

INTERVIEWER, SUBJECT = SPEAKERS = ("interviewer", "subject")
#: Characters of a turn; the longest of a published interview has 9,000.
LONGEST_TURN = 50_000
#: Turns of an interview.
MOST_TURNS = 5_000
CLOSED, OPEN_TEXT, NUMBER = ITEM_KINDS = ("closed", "open", "number")


@dataclass(frozen=True)
class Turn:
    """What one of the two said. `position` counts from 1; `follow_up_of` is the position of the question that it follows."""

    position: int
    speaker: str
    text: str
    topic: str | None = None
    question_id: str | None = None
    follow_up_of: int | None = None
    said_at: datetime | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Item:
    """A question with its answers; codes of closed ones count from 1 in the order of `options`."""

    item_id: str
    wording: str
    options: tuple[str, ...] = ()
    kind: str = CLOSED
    instrument: str = ""
    construct: str = ""
    reverse: bool = False


@dataclass(frozen=True)
class Answer:
    """An answer on an occasion (1 the first): a code, or words."""

    item_id: str
    occasion: int
    code: float | None = None
    text: str | None = None


@dataclass(frozen=True)
class Person:
    """A person of a file: the name that the file has for them (never stored), attributes, turns and answers."""

    source_id: str
    turns: tuple[Turn, ...] = ()
    answers: tuple[Answer, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    rendered: bool = False

    @property
    def words(self) -> int:
        """Words that the person said."""
        return sum(len(turn.text.split()) for turn in self.turns if turn.speaker == SUBJECT)


@dataclass(frozen=True)
class Redacted:
    """A person whose texts have been redacted, and how many of each kind went."""

    person: Person
    counts: Mapping[str, int]

    @property
    def content_hash(self) -> str:
        """Of what is kept, not of the file: a guess at what was taken out could be checked against that."""
        person = self.person
        return content_hash(
            {
                "turns": [[turn.speaker, turn.text] for turn in person.turns],
                "answers": [[item.item_id, item.occasion, item.code, item.text] for item in person.answers],
            }
        )


def redacted(person: Person, roster: Roster | None = None) -> Redacted:
    """The person with turns, open answers and attributes redacted together."""
    answered = [item for item in person.answers if item.text is not None]
    names = list(person.attributes)
    said = [
        *(turn.text for turn in person.turns),
        *(str(item.text) for item in answered),
        *(person.attributes[name] for name in names),
    ]
    done, counts = redact_all(said, roster)
    turns = tuple(replace(turn, text=text) for turn, text in zip(person.turns, done, strict=False))
    texts = iter(done[len(turns) :])
    answers = tuple(item if item.text is None else replace(item, text=next(texts)) for item in person.answers)
    attributes = dict(zip(names, texts, strict=True))
    return Redacted(replace(person, turns=turns, answers=answers, attributes=attributes), counts)


def turns_of(said: Sequence[tuple[str, str]], where: str) -> tuple[Turn, ...]:
    """Turns from speakers and texts in order; empty ones are left out. InputError where there are none, or a turn is a book."""
    kept = [(speaker, plain(text).strip()) for speaker, text in said]
    kept = [(speaker, text) for speaker, text in kept if text]
    if not kept:
        raise InputError("nothing was said", where=where)
    if len(kept) > MOST_TURNS:
        raise InputError(f"has {len(kept):,} turns", where=where, allowed=f"{MOST_TURNS:,} at most")
    for number, (_, text) in enumerate(kept, start=1):
        if len(text) > LONGEST_TURN:
            raise InputError(
                f"turn {number} has {len(text):,} characters", where=where, allowed=f"{LONGEST_TURN:,} at most"
            )
    return tuple(Turn(place, speaker, text) for place, (speaker, text) in enumerate(kept, start=1))


def rendered_turns(answers: Sequence[Answer], items: Mapping[str, Item]) -> tuple[Turn, ...]:
    """Answers of the first occasion as an interview: each question read out, and the answer in the words of its option."""
    turns: list[Turn] = []
    for answer in (item for item in answers if item.occasion == 1):
        item = items[answer.item_id]
        words = answer.text
        if words is None and answer.code is not None:
            place = int(answer.code) - 1
            words = item.options[place] if 0 <= place < len(item.options) else f"{answer.code:g}"
        if words:
            for speaker, text in ((INTERVIEWER, item.wording), (SUBJECT, words)):
                turns.append(Turn(len(turns) + 1, speaker, text, item.instrument or None, item.item_id))
    return tuple(turns)
