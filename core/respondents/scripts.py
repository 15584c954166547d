"""Interview scripts, and the interviewer that needs no model: the script's own questions, with follow-ups chosen by rules.

Where an interview stands follows from its turns alone, so that a session goes on after a reload, or another process.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core.errors import InputError, one_of
from core.inputs.files import read_written
from core.records import content_hash
from core.respondents.interviews import INTERVIEWER, SUBJECT, Turn
from core.settings import shipped_data

#: Follow-ups to one question at most, and the words under which an answer is asked further.
MOST_FOLLOW_UPS, SHORT_ANSWER = 3, 12
#: What an answer can be asked to name: how it is recognised, and what is asked where it is not.
NEEDS = {
    "time": (
        re.compile(
            r"\b(?:1[89]|20)\d\d\b|\[DATE|\b(?:January|February|March|April|May|June|July|August|September|October|November|"
            r"December|spring|summer|autumn|winter|morning|evening|night|yesterday|ago|years? old|weeks?|months?|years?|"
            r"last|when I was|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)\b",
            re.I,
        ),
        "When was that?",
    ),
    "place": (
        re.compile(
            r"\b(?:in|at|near|from|to)\s(?:the\s|our\s|my\s|a\s)?(?:[A-Z]\w+|\[\w+ \d+\]|town|city|village|house|home|school|"
            r"street|office|shop|harbour|mountains|coast|country)\b|\[(?:TOWN|PLACE|ADDRESS)"
        ),
        "Where was that?",
    ),
    "person": (
        re.compile(
            r"\[NAME|\b(?:mother|father|mum|dad|parents?|sister|brother|son|daughter|child|children|wife|husband|partner|"
            r"friends?|neighbours?|colleagues?|boss|teacher|doctor|nurse|aunt|uncle|grand\w+|family|nobody|alone)\b",
            re.I,
        ),
        "Who else was part of that?",
    ),
}


@cache
def _common_words() -> frozenset[str]:
    """Words of no topic, about which nothing more is asked."""
    return frozenset((shipped_data() / "interview_scripts" / "common_words.txt").read_text(encoding="utf-8").split())


@dataclass(frozen=True)
class Question:
    """A question of a script: `needs` is what its answer should name, `at_least` the words under which it is asked further."""

    id: str
    text: str
    topic: str
    needs: tuple[str, ...] = ()
    at_least: int = SHORT_ANSWER


@dataclass(frozen=True)
class Script:
    """Questions in order, and the words by which the person stops, skips, or is offered help; sensitive topics are left out
    unless they are asked for."""

    id: str
    title: str
    minutes: int
    welcome: str
    thanks: str
    help: str
    questions: tuple[Question, ...]
    stop: tuple[str, ...]
    skip: tuple[str, ...]
    distress: tuple[str, ...]
    content_hash: str


@dataclass(frozen=True)
class NextTurn:
    """What the interviewer says next; `ended` where that was all."""

    text: str
    question: Question | None
    follow_up: bool = False
    ended: bool = False


def available_scripts() -> tuple[str, ...]:
    """The ids of the scripts that ship."""
    return tuple(sorted(path.stem for path in (shipped_data() / "interview_scripts").glob("*.toml")))


def load_script(name: str | Path, *, sensitive: bool = False) -> Script:
    """A shipped script by its id, or one in a TOML file. InputError says what is wrong with it, and where."""
    path = Path(name)
    if path.suffix.lower() != ".toml":
        one_of(str(name), available_scripts(), what="interview script", where="interview")
        path = shipped_data() / "interview_scripts" / f"{name}.toml"
    raw = read_written(path)
    where = path.name

    def text(key: str) -> str:
        value = raw.get(key)
        if not isinstance(value, str) or not value.strip():
            raise InputError(f"has no {key}", where=where, allowed=f'{key} = "…"')
        return value

    def words(key: str) -> tuple[str, ...]:
        value = raw.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise InputError(f"{key} is no list of words", where=where, allowed=f'{key} = ["stop"]')
        return tuple(item.lower() for item in value)

    questions: list[Question] = []
    for topic in raw.get("topics", []):
        if not isinstance(topic, dict) or not isinstance(topic.get("topic"), str):
            raise InputError("a topic has no name", where=where, allowed='topic = "work"')
        if not topic.get("sensitive", False) or sensitive:
            questions += [_question(item, topic["topic"], where) for item in topic.get("questions", [])]
    if not questions:
        raise InputError("asks nothing", where=where, allowed="[[topics]] with questions")
    twice = [name for name, count in Counter(item.id for item in questions).items() if count > 1]
    if twice:
        raise InputError(f"two questions are called '{twice[0]}'", where=where, allowed="each id once")
    return Script(
        text("id"), text("title"), int(raw.get("minutes", 15)), text("welcome"), text("thanks"), text("help"),
        tuple(questions), words("stop"), words("skip"), words("distress"), content_hash(raw),
    )  # fmt: skip


def _question(raw: Any, topic: str, where: str) -> Question:
    if not isinstance(raw, dict) or not isinstance(raw.get("id"), str) or not isinstance(raw.get("text"), str):
        raise InputError("a question lacks id or text", where=f"{where}, topic {topic}", allowed="{ id, text }")
    needs = tuple(
        one_of(name, NEEDS, what="need", where=f"{where}, question {raw['id']}") for name in raw.get("needs", [])
    )
    at_least = raw.get("at_least", SHORT_ANSWER)
    if not isinstance(at_least, int) or not 0 <= at_least <= 200:
        raise InputError(f"at_least is {at_least}", where=f"{where}, question {raw['id']}", allowed="0 to 200 words")
    return Question(raw["id"], raw["text"], topic, needs, at_least)


def next_turn(script: Script, turns: Sequence[Turn]) -> NextTurn:
    """What the scripted interviewer says after these turns. Pure: the same turns give the same question."""
    if not turns:
        first = script.questions[0]
        return NextTurn(f"{script.welcome} {first.text}", first)
    last = turns[-1]
    if last.speaker == INTERVIEWER:
        asked = next((item for item in script.questions if item.id == last.question_id), None)
        return NextTurn(last.text, asked, last.follow_up_of is not None, ended=asked is None)
    asked_turn = next(turn for turn in reversed(turns) if turn.speaker == INTERVIEWER)
    places = {item.id: place for place, item in enumerate(script.questions)}
    if asked_turn.question_id not in places:
        return NextTurn(script.thanks, None, ended=True)
    here = places[asked_turn.question_id]
    question, said = script.questions[here], last.text.strip()
    command = re.sub(r"\W+$", "", said.lower())
    if command in script.stop:
        return NextTurn(script.thanks, None, ended=True)
    if any(re.search(rf"\b{re.escape(word)}\b", said.lower()) for word in script.distress):
        later = next((item for item in script.questions[here:] if item.topic != question.topic), None)
        return NextTurn(f"{script.help} {later.text if later else script.thanks}", later, ended=later is None)
    if command not in script.skip:
        further = _follow_up(question, turns)
        if further is not None:
            return NextTurn(further, question, follow_up=True)
    if here + 1 == len(script.questions):
        return NextTurn(script.thanks, None, ended=True)
    following = script.questions[here + 1]
    return NextTurn(following.text, following)


def _follow_up(question: Question, turns: Sequence[Turn]) -> str | None:
    """What is asked further of this question; None where it was answered, or asked often enough."""
    own = [turn for turn in turns if turn.question_id == question.id]
    asked = [turn.text for turn in own if turn.speaker == INTERVIEWER]
    if len(asked) > MOST_FOLLOW_UPS:
        return None
    said = " ".join(turn.text for turn in own if turn.speaker == SUBJECT)
    for need in question.needs:
        pattern, ask = NEEDS[need]
        if not pattern.search(said) and ask not in asked:
            return ask
    if len(said.split()) < question.at_least:
        topic = rarest_word(own[-1].text, turns)
        ask = f"Can you say more about “{topic}”?" if topic else "Can you say more about that?"
        return None if ask in asked else ask
    return None


def rarest_word(said: str, turns: Sequence[Turn]) -> str | None:
    """The word of an answer that tells most: not a common one, seldom said in the interview so far, and long."""
    spoken = Counter(word for turn in turns for word in re.findall(r"[a-z'-]{4,}", turn.text.lower()))
    words = [
        word
        for word in re.findall(r"[A-Za-z'-]{4,}", re.sub(r"\[[A-Z]+ \d+\]", " ", said))
        if word.lower() not in _common_words()
    ]
    return min(words, key=lambda word: (spoken[word.lower()], -len(word), word), default=None)
