"""Prompts in words: versioned files of text, filled with what a study, a context and a persona say.

A version is a folder of `data/prompts`: `system.md` and `system_aggregate.md`, one file for each design, and
`words.toml`. A published version does not change: a better wording is a new folder, so that a run record's prompt version
says what was asked. Prompts hold levels, times and kinds of day in words, never codes. The only date is the season, by name
and months and with its year: days with equal contexts are asked about once, and a finer date would leave few of them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Template
from typing import Any

from core.cognition.engine import CONTEXT, EPIDEMIC, RAMADAN, RESTRICTED_DAYS, SEASON
from core.cognition.llm.domain_words import hears_of_an_epidemic, letters_of, text_of, words_of
from core.cognition.llm.fenced import fenced, fenced_lines, one_line
from core.cognition.llm.letters import LetterShape
from core.cognition.llm.types import PROMPTS
from core.content_cache import cached_by_content
from core.errors import InputError, one_of
from core.policy.calendar import DAY_TYPES, period_kinds
from core.records import content_hash
from core.settings import shipped_data
from core.study import Indicator, Step, Study

WORDS = "words.toml"
TEXTS = ("system", "system_aggregate", "blinded", "unblinded", "levels", "aggregate")
#: The folder of a version that holds what asks for one letter, and how the name of a version read so ends; its texts, and
#: the file of its own words.
LETTERS = "letters"
LETTER_TEXTS = tuple(name for name in TEXTS if name != "levels")
LETTER_WORDS = f"{LETTERS}.toml"
#: Who is asked: one person, or about everybody together.
PERSONA, AGGREGATE = "persona", "aggregate"
#: Closer to the equator than this the year has no winter and no summer to name: its months are said alone.
TROPICS = 15.0
_SEASON = re.compile(r"(\d{4})-(03|06|09|12)")
_FLAG = re.compile(r"([01])\s*:\s*([^;]+)")


@dataclass(frozen=True)
class PromptFiles:
    """A version's texts by name and its words; `hash` is over their content."""

    version: str
    texts: Mapping[str, str]
    words: Mapping[str, Any]
    hash: str


def available_prompts(words: str = WORDS) -> tuple[str, ...]:
    """The versions that ship with PolicyTwin, of the kind that has its words in a file of this name."""
    return tuple(sorted(path.parent.name for path in (shipped_data() / "prompts").glob(f"*/{words}")))


def load_prompts(
    version: str = PROMPTS,
    words: str = WORDS,
    texts: tuple[str, ...] = TEXTS,
    *,
    what: str = "prompt version",
    letters: tuple[str, ...] | None = None,
) -> PromptFiles:
    """A version's files as they are now; with `letters` instead those of its texts of these names that ask for one letter.
    InputError for an unknown version, and for one without letters."""
    one_of(version, available_prompts(words), what=what)
    folder = shipped_data() / "prompts" / version
    if letters is None:
        return _read_prompts(folder, version, words, texts)
    able = [name for name in available_prompts(words) if (shipped_data() / "prompts" / name / LETTERS).is_dir()]
    if version not in able:
        raise InputError("has no prompts for letters", where=f"{what} {version}", allowed=", ".join(able))
    return _read_letters(folder, version, words, texts, letters)


def base_version(version: str) -> str:
    """The version of prompts without what says that letters were asked for."""
    return version.removesuffix(f"/{LETTERS}")


@cached_by_content()
def _read_prompts(folder: Path, version: str, file: str, names: tuple[str, ...]) -> PromptFiles:
    texts = {name: (folder / f"{name}.md").read_text(encoding="utf-8").strip() for name in names}
    words = (folder / file).read_text(encoding="utf-8")
    return PromptFiles(version, texts, tomllib.loads(words), content_hash({"texts": texts, "words": words}))


@cached_by_content()
def _read_letters(
    folder: Path, version: str, file: str, names: tuple[str, ...], letters: tuple[str, ...]
) -> PromptFiles:
    words = dict(_read_prompts(folder, version, file, names).words)
    texts = {name: (folder / LETTERS / f"{name}.md").read_text(encoding="utf-8").strip() for name in letters}
    own = folder / LETTERS / LETTER_WORDS
    if own.is_file():
        words[LETTERS] = tomllib.loads(own.read_text(encoding="utf-8"))
    return PromptFiles(f"{version}/{LETTERS}", texts, words, content_hash({"texts": texts, "words": words}))


@dataclass(frozen=True)
class PromptWriter:
    """Says a study's situations in the words of one version.

    Raises InputError for a study that counts in a unit, or divides the epidemic into levels, that the version has no
    words for.
    """

    study: Study
    files: PromptFiles

    def __post_init__(self) -> None:
        where = f"study {self.study.id}, prompts {self.files.version}"
        for behaviour in self.study.behaviours:
            one_of(behaviour.unit, self.words["answers"], what="unit", where=where)
        levels = self.files.words["epidemic"]["levels"]
        if len(self.study.epidemic_thresholds) + 1 != len(levels):
            raise InputError(
                f"{len(self.study.epidemic_thresholds)} thresholds of the epidemic level",
                where=where,
                allowed=str(len(levels) - 1),
            )
        for indicator in self.study.indicators:
            if indicator.has_flag and len(_flags(indicator)) != 2:
                raise InputError(
                    f"the meaning of the flag of {indicator.code} is '{indicator.flag_meaning}'",
                    where=where,
                    allowed="0: …; 1: …",
                )

    @cached_property
    def words(self) -> Mapping[str, Any]:
        """The words of the version in the study's domain."""
        return words_of(self.study, self.files.words)

    @property
    def longest_reason(self) -> int:
        """Characters of a reason that are accepted."""
        return int(self.files.words["limits"]["accepted"])

    @property
    def percent(self) -> bool:
        """Whether numbers are asked for as whole percents; the first version asked for numbers from 0 to 1."""
        return bool(self.files.words["limits"].get("percent", False))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of day that the study's own calendar has, in the order of DAY_TYPES; of longer periods, their kinds."""
        calendar = self.study.calendar
        if self.study.step is not Step.DAY:
            return period_kinds(calendar)
        weeks = calendar.working_weeks
        has = {
            "working": True,
            "half": any(week.half_days for week in weeks),
            "weekend": any(week.weekend_days for week in weeks),
            "rest": any(week.rest_days for week in weeks),
            "holiday": calendar.country is not None or bool(calendar.holidays),
        }
        return tuple(kind for kind in DAY_TYPES if has[kind])

    def system(self, respondent: str) -> str:
        """The system prompt; `respondent` is PERSONA or AGGREGATE. The same for every question of a study."""
        years = sorted({self.study.start.year, self.study.end.year})
        return self._fill(
            "system" if respondent == PERSONA else "system_aggregate",
            place=one_line(self.study.place),
            years=" to ".join(str(year) for year in years),
            reason_length=str(self.files.words["limits"]["reason"]),
        )

    def prompt(self, design: str, **holes: str) -> str:
        """The prompt of a design, filled; nothing in what is filled in is read as a hole."""
        return self._fill(design, place=one_line(self.study.place), **holes)

    def persona(self, text: str, *, where: str) -> str:
        """A persona's text as data between marks; see `fenced`."""
        return fenced(text, "PERSONA", where=where)

    def condition(self, context: Mapping[str, Any]) -> str:
        """Everything of a context but the kind of day, in words: paragraphs of lines."""
        return f"{self.rules(context)}\n\n{self.common(context)}\n"

    def rules(self, context: Mapping[str, Any]) -> str:
        """The rules in force and what is as usual, one line for each indicator."""
        words = self.files.words["rules"]
        said = [(self._in_force(context, item), self._rule(context, item)) for item in self.study.indicators]
        in_force = [f"- {rule}" for measure, rule in said if measure]
        usual = [f"- {rule}" for measure, rule in said if not measure]
        lines = [words["in_force"], *in_force] if in_force else [words["none"]]
        return "\n".join([*lines, *([words["usual"], *usual] if usual else [])])

    def arm(self, context: Mapping[str, Any]) -> str:
        """The rules of another condition on one line."""
        in_force = [self._rule(context, item) for item in self.study.indicators if self._in_force(context, item)]
        return f"- {' '.join(in_force)}" if in_force else f"- {self.files.words['rules']['none']}"

    def common(self, context: Mapping[str, Any]) -> str:
        """Time under restrictions where people tire of them, epidemic, what else the study says people live with, Ramadan and,
        where the context has one, the season: one line each."""
        lines: list[str] = []
        if self.study.fatigue:
            lines.append(f"- {self._lasting(float(context[RESTRICTED_DAYS]) * self.study.step.usual_days)}")
        if hears_of_an_epidemic(self.study):
            lines.append(f"- {self._epidemic(int(context[EPIDEMIC]))}")
        for item in self.study.context:
            said = one_line(item.words[int(context[f"{item.code}{CONTEXT}"])])
            lines.append(f"- {said[:1].upper()}{said[1:]}.")
        if self.study.calendar.ramadan:
            lines.append(f"- {self.files.words['ramadan']['yes' if context[RAMADAN] else 'no']}")
        if context.get(SEASON) is not None:
            lines.append(f"- {self._season(str(context[SEASON]))}")
        return "\n".join(lines or ["- Everything else is as usual."])

    def days(self, kinds: Sequence[str], *, together: bool) -> str:
        """The kinds of day asked about, with the names that they have in the answer where there are several."""
        words = self.words["days"]
        lines = [
            f'- "{kind}": {words["kinds"][kind]}' if together else f"- {words['kinds'][kind]}"
            for kind in (one_of(kind, words["kinds"], what="kind of day") for kind in kinds)
        ]
        return "\n".join([words["together" if together else "apart"], *lines]) + "\n"

    def behaviours(self, respondent: str) -> str:
        """What is counted, and what a number means, one line for each behaviour."""
        answers = self.words["answers"]
        return "\n".join(
            f'- "{item.id}": {one_line(item.text)} – {answers[item.unit][respondent]}' for item in self.study.behaviours
        )

    def letter_options(self, behaviour: int) -> tuple[tuple[str, ...], tuple[float, ...]]:
        """What a letter may stand for where one of the behaviours is asked about, and the number that each option is."""
        words = self._letter_words(self.study.behaviours[behaviour].unit)
        return tuple(words["options"]), tuple(words["values"])

    def _letter_words(self, unit: str) -> Mapping[str, Any]:
        known: Mapping[str, Any] = self.files.words[LETTERS]
        return known[unit] if unit in known else letters_of(self.words["answers"][unit])

    def letter_question(self, behaviour: int, kind: str, order: Sequence[int], respondent: str) -> dict[str, str]:
        """What a prompt that asks for one letter says of the kind of day and the behaviour, its options in this order."""
        item = self.study.behaviours[behaviour]
        options, _ = self.letter_options(behaviour)
        letters = LetterShape(len(options)).letters
        lines = [
            f"It is {self.words['days']['kinds'][one_of(kind, self.words['days']['kinds'], what='kind of day')]}.",
            f"{one_line(item.text)}. {self._letter_words(item.unit)[respondent]}",
            *(f"{letter}: {options[place]}" for letter, place in zip(letters, order, strict=True)),
        ]
        return {
            "question": fenced_lines(lines, "QUESTION", where="question"),
            "letters": ", ".join(letters[:-1]) + f" or {letters[-1]}",
        }

    def _fill(self, name: str, **holes: str) -> str:
        try:
            return Template(text_of(self.study, self.files.texts[name])).substitute(holes)
        except (KeyError, ValueError) as wrong:
            raise InputError(f"cannot be filled ({wrong})", where=f"prompts {self.files.version}, {name}.md") from None

    def _in_force(self, context: Mapping[str, Any], item: Indicator) -> bool:
        return float(context[item.code]) != item.none if item.amount is not None else self._level(context, item) > 0

    def _level(self, context: Mapping[str, Any], item: Indicator) -> int:
        value = float(context[item.code])
        if not (value == value and value.is_integer() and 0 <= value <= item.maximum):
            raise InputError(
                f"a context has {item.code} at {value:g}", where="prompts", allowed=f"whole levels 0 to {item.maximum}"
            )
        return int(value)

    def _rule(self, context: Mapping[str, Any], item: Indicator) -> str:
        if item.amount is not None:
            return f"{one_line(item.name)}: {float(context[item.code]):g} {one_line(item.amount.unit)}."
        level = self._level(context, item)
        reach = ""
        if level > 0 and item.has_flag:
            flag = float(context[f"{item.code}_Flag"])
            if flag not in (0.0, 1.0):
                raise InputError(
                    f"a context has {item.code} at level {level} without saying where it holds",
                    where="prompts",
                    allowed="a flag of 0 or 1",
                )
            reach = f" ({one_line(_flags(item)[str(int(flag))])})"
        return f"{one_line(item.name)}: {one_line(item.levels[level])}{reach}."

    def _lasting(self, days: float) -> str:
        words = self.files.words["lasting"]
        if days <= 0:
            return str(words["none"])
        time = next((row["text"] for row in words["times"] if days <= row["to"]), words["longer"])
        return Template(words["some"]).substitute(time=time)

    def _season(self, first: str) -> str:
        """The season that begins with this month, such as 2021-06."""
        words = self.files.words["season"]
        month = season_number(first)
        year, quarter = int(first[:4]), int(month) % 12 // 3
        months = Template(words["months"][quarter]).substitute(year=year, next=year + 1)
        latitude = self.study.latitude
        if latitude is None or abs(latitude) < TROPICS:
            return Template(words["unnamed"]).substitute(months=months)
        # Half a year apart from the north.
        name = words["names"][quarter if latitude > 0 else (quarter + 2) % 4]
        return Template(words["named"]).substitute(name=name, months=months)

    def _epidemic(self, level: int) -> str:
        levels = self.files.words["epidemic"]["levels"]
        if not 0 <= level < len(levels):
            raise InputError(f"epidemic level {level}", where="prompts", allowed=f"0 to {len(levels) - 1}")
        thresholds = self.study.epidemic_thresholds
        return Template(levels[level]).substitute(
            {f"t{number}": f"{value:g}" for number, value in enumerate(thresholds, start=1)}
        )


def season_number(first: object) -> float:
    """Months up to the season that begins with this month ("2021-06"), for an order; -1 for None.

    InputError for what is no first month of a season.
    """
    if first is None:
        return -1.0
    found = _SEASON.fullmatch(str(first))
    if found is None:
        raise InputError(
            f"a context has the season '{first}'", where="prompts", allowed="its first month, such as 2021-06"
        )
    return float(int(found.group(1)) * 12 + int(found.group(2)) - 1)


def _flags(item: Indicator) -> dict[str, str]:
    """What flag 0 and flag 1 mean, in words."""
    return {number: meaning.strip() for number, meaning in _FLAG.findall(item.flag_meaning)}
