"""Sentences with holes: `{Sex.they} {occupation}.` filled from categories, which stay plain data.

`{attribute}` is the category's phrase, `{attribute.word}` one of its words, `{age}` a year within the age group and
`{an}` the article that fits it. A hole that begins with a capital letter begins its text with one. What fills a hole is
never looked at again, so braces, markup or instructions in a label come out as they went in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from core.errors import InputError, one_of

if TYPE_CHECKING:
    from core.people.spec import Category, PopulationSpec

_HOLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?:\.([A-Za-z_]+))?\}")
AGE, ARTICLE = "age", "an"


@dataclass(frozen=True)
class Hole:
    """A hole in a template: the attribute (or age, an), the word of its category if any, whether to begin large."""

    name: str
    word: str | None
    capital: bool

    @property
    def needs_age(self) -> bool:
        return self.name in (AGE, ARTICLE)


@cache
def parse_template(template: str) -> tuple[str | Hole, ...]:
    """The template's literal pieces and holes, in order."""
    parts: list[str | Hole] = []
    end = 0
    for match in _HOLE.finditer(template):
        if match.start() > end:
            parts.append(template[end : match.start()])
        name, word = match.groups()
        parts.append(Hole(name[0].lower() + name[1:], word, name[0].isupper()))
        end = match.end()
    if end < len(template):
        parts.append(template[end:])
    return tuple(parts)


def check_template(template: str, spec: PopulationSpec, where: str) -> None:
    """InputError where a hole names an attribute, or a word of its categories, that the population does not have."""
    names = [item.name for item in spec.attributes]
    for part in parse_template(template):
        if isinstance(part, str):
            if "{" in part or "}" in part:
                raise InputError(
                    f"'{template}' has a brace that is no hole", where=where, allowed="{attribute}, {attribute.word}"
                )
            continue
        if part.needs_age:
            if spec.age_attribute is None:
                raise InputError(
                    "a text tells an age, and no attribute has ages", where=where, allowed="`age` in its categories"
                )
            continue
        one_of(part.name, [*names, AGE, ARTICLE], what="hole in a text", where=where)
        if part.word is not None:
            for category in spec.attribute(part.name).categories:
                one_of(part.word, category.words, what=f"word of {part.name} '{category.id}'", where=where)


def fill(template: str, chosen: dict[str, tuple[Category, int]], age: int) -> str:
    """The sentence for categories `chosen` (attribute -> category and number of its phrase) and an age in years."""
    said = []
    for part in parse_template(template):
        if isinstance(part, str):
            said.append(part)
            continue
        if part.name == AGE:
            text = str(age)
        elif part.name == ARTICLE:
            # Eight, eleven, eighteen and the eighties begin with a vowel when read aloud.
            text = "an" if age in (8, 11, 18) or 80 <= age <= 89 else "a"
        else:
            category, phrase = chosen[part.name]
            text = category.words[part.word] if part.word is not None else category.phrases[phrase]
        said.append(text[:1].upper() + text[1:] if part.capital else text)
    return "".join(said)
