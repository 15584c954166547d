"""Survey questions in words: versioned files, filled with what a study, a persona and the user say.

A version is a folder of `data/prompts`: `system.md`, `question.md` and `wording.toml`. A published version does not
change: a better wording is a new folder. All that others wrote stands in blocks that it cannot close (`fenced`). No date
is told, also where the policy is that of a day: a model that knows the day knows what came after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Any

from core.cognition.llm.fenced import fenced, fenced_lines, one_line
from core.cognition.llm.letters import LetterShape, turned
from core.cognition.llm.prompts import LETTERS, PromptFiles, PromptWriter, available_prompts, load_prompts
from core.errors import InputError
from core.study import Study
from core.survey.answers import SurveyShape
from core.survey.questions import SCALE, SurveyQuestion

#: The version asked with where none is named.
SURVEY_PROMPTS = "survey-2"
TEXTS = ("system", "question")
WORDING = "wording.toml"


def available_survey_prompts() -> tuple[str, ...]:
    """The versions that ship with PolicyTwin."""
    return available_prompts(WORDING)


def load_survey_prompts(version: str = SURVEY_PROMPTS, *, letters: bool = False) -> PromptFiles:
    """A version's files as they are now, with `letters` those of its own that ask for one letter; InputError for an unknown
    version, and for one without letters."""
    return load_prompts(
        version, WORDING, TEXTS, what="version of the survey prompts", letters=TEXTS if letters else None
    )


@dataclass(frozen=True)
class SurveyWriter:
    """Says one question to the people of a study, in the words of one version.

    `context` is the policy, epidemic and season in force when it is asked (a row of core.simulation.contexts.situations),
    None where nothing is said about them. Raises InputError for a context that the prompts have no words for.
    """

    study: Study
    files: PromptFiles
    question: SurveyQuestion
    context: Mapping[str, Any] | None = None

    @property
    def letters(self) -> LetterShape | None:
        """What a valid answer is where one letter is asked for; None where percents are."""
        return LetterShape(len(self.question.keys)) if self.files.version.endswith(f"/{LETTERS}") else None

    @property
    def shape(self) -> SurveyShape:
        """What a valid answer is, where percents are asked for."""
        limits = self.files.words["limits"]
        return SurveyShape.of_question(
            self.question, int(limits["accepted"]), percent=bool(limits.get("percent", False))
        )

    def system(self) -> str:
        """The system prompt, the same for every persona."""
        years = sorted({self.study.start.year, self.study.end.year})
        return self._fill(
            "system",
            place=one_line(self.study.place),
            years=" to ".join(str(year) for year in years),
            reason_length=str(self.files.words["limits"]["reason"]),
        )

    def persona(self, text: str, *, where: str) -> str:
        """A persona's text as data between marks."""
        return fenced(text, "PERSONA", where=where)

    def situation(self) -> str:
        """What is said about the situation, with empty lines around it; one empty line where nothing is."""
        words, parts = self.files.words["situation"], []
        if self.context is not None:
            condition = PromptWriter(self.study, load_prompts()).condition(self.context)
            parts.append(f"{words['rules']}\n\n{condition.strip()}")
        if self.question.situation:
            parts.append(f"{words['own']}\n\n{fenced(self.question.situation, 'SITUATION', where='situation')}")
        return "".join(f"\n{part}\n" for part in parts)

    def prompt(self, persona: str, order: tuple[int, ...]) -> str:
        """The prompt for the persona in this block, with the answers shown in this order."""
        question, shape = self.question, self.shape
        labels = [question.labels[place] for place in order]
        if self.letters is not None:
            lines = [
                question.text,
                *(f"{key}: {label}" for key, label in zip(self.letters.letters, labels, strict=True)),
            ]
            return self._fill(
                "question",
                place=one_line(self.study.place),
                persona=persona,
                situation=self.situation(),
                question=fenced_lines(lines, "QUESTION", where="question"),
                letters=", ".join(self.letters.letters[:-1]) + f" or {self.letters.letters[-1]}",
            )
        if question.kind == SCALE:
            lines = [question.text, *labels]
            answers = Template(self.files.words["answers"]["scale"]).substitute(
                low=str(question.low), high=str(question.high)
            )
        else:
            lines = [question.text, *(f"{key}: {label}" for key, label in zip(question.keys, labels, strict=True))]
            answers = self.files.words["answers"]["several" if question.several else "one"]
        return self._fill(
            "question",
            place=one_line(self.study.place),
            persona=persona,
            situation=self.situation(),
            question=fenced_lines(lines, "QUESTION", where="question"),
            answers=answers,
            form=shape.form(),
        )

    def order(self, persona: str, sample: int) -> tuple[int, ...]:
        """Which answer stands at each place, for the persona in this block.

        Rotated choices begin with another one for each sample, and for people at large equally often with each: the
        first follows from a hash of the persona, so that it needs no randomness and a question stays in the cache.
        """
        count = len(self.question.labels)
        if not self.question.rotate:
            return tuple(range(count))
        first = (int(hashlib.sha256(persona.encode("utf-8")).hexdigest()[:8], 16) + sample) % count
        return tuple((first + place) % count for place in range(count))

    def turned(self, rotation: int, rotations: int) -> tuple[int, ...]:
        """The order of one of so many rotations that share the answers' places evenly."""
        return turned(len(self.question.labels), rotation, rotations)

    def _fill(self, name: str, **holes: str) -> str:
        try:
            return Template(self.files.texts[name]).substitute(holes)
        except (KeyError, ValueError) as wrong:
            raise InputError(f"cannot be filled ({wrong})", where=f"prompts {self.files.version}, {name}.md") from None
