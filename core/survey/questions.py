"""A survey question: its wording, its answers on a scale or among choices, and the situation in which it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from string import ascii_uppercase
from typing import Annotated, Any

from pydantic import Field

from core.cognition.llm.fenced import one_line
from core.errors import InputError, one_of
from core.inputs.checking import WrittenModel, checked
from core.inputs.files import read_written
from core.inputs.kinds import Day

SCALE, CHOICES = "scale", "choices"
KINDS = (SCALE, CHOICES)
#: Characters: a question of a survey has a sentence or two, and what is longer costs in every call.
LONGEST_TEXT, LONGEST_CHOICE, LONGEST_END, LONGEST_SITUATION = 1_000, 200, 100, 2_000
FEWEST_POINTS, MOST_POINTS = 2, 11
FEWEST_CHOICES, MOST_CHOICES = 2, 12
#: Numbers at the ends of a scale.
LOWEST, HIGHEST = -100, 100


class WrittenQuestion(WrittenModel):
    """The keys of a written question and the kinds of their values; the rest is `SurveyQuestion`'s to check."""

    text: str
    kind: str
    choices: Annotated[list[str], Field(max_length=100)] = Field(default_factory=list)
    several: bool = False
    rotate: bool = False
    low: int = 1
    high: int = 5
    low_label: str = ""
    high_label: str = ""
    situation: str = ""
    as_of: Day | None = None


@dataclass(frozen=True)
class SurveyQuestion:
    """What is asked; the same for every persona.

    A `scale` has the whole numbers from `low` to `high`, 2 to 11 of them, and a label for either end. `choices` are 2 to
    12 labels; with `several` any number of them may be chosen; with `rotate` each persona and sample sees them from
    another one on, so that no choice gains from its place (choices with an order of their own are not rotated).
    `situation` says in words what holds at the time; `as_of` takes the policy in force on that day from a timeline.

    Texts are kept as they are asked: on one line, without invisible characters or markup. Raises InputError for a
    question that cannot be asked.
    """

    text: str
    kind: str
    choices: tuple[str, ...] = ()
    several: bool = False
    rotate: bool = False
    low: int = 1
    high: int = 5
    low_label: str = ""
    high_label: str = ""
    situation: str = ""
    as_of: date | None = None

    def __post_init__(self) -> None:
        settle = object.__setattr__
        one_of(self.kind, KINDS, what="kind of question")
        settle(self, "text", _checked(self.text, "question", LONGEST_TEXT))
        settle(self, "situation", one_line(self.situation))
        _short(self.situation, "situation", LONGEST_SITUATION)
        if self.as_of is not None and not isinstance(self.as_of, date):
            settle(self, "as_of", date.fromisoformat(self.as_of))
        if self.kind == SCALE:
            self._check_scale()
        else:
            self._check_choices()

    @classmethod
    def of_scale(
        cls,
        text: str,
        low: int,
        high: int,
        low_label: str,
        high_label: str,
        *,
        situation: str = "",
        as_of: date | None = None,
    ) -> SurveyQuestion:
        """A question answered by a number from `low` to `high`."""
        return cls(
            text,
            SCALE,
            low=low,
            high=high,
            low_label=low_label,
            high_label=high_label,
            situation=situation,
            as_of=as_of,
        )

    @classmethod
    def of_choices(
        cls,
        text: str,
        choices: Sequence[str],
        *,
        several: bool = False,
        rotate: bool = False,
        situation: str = "",
        as_of: date | None = None,
    ) -> SurveyQuestion:
        """A question answered by one of the choices, or by `several` of them."""
        return cls(
            text, CHOICES, choices=tuple(choices), several=several, rotate=rotate, situation=situation, as_of=as_of
        )

    @property
    def values(self) -> tuple[float, ...]:
        """The numbers of a scale; none of choices, which have no distance from one another."""
        return tuple(float(point) for point in range(self.low, self.high + 1)) if self.kind == SCALE else ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Each answer in words, in order: the choices, or the numbers with the labels of the ends."""
        if self.kind == CHOICES:
            return self.choices
        ends = {self.low: self.low_label, self.high: self.high_label}
        return tuple(
            f"{point} ({ends[point]})" if point in ends else str(point) for point in range(self.low, self.high + 1)
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """What each answer is called in a model's reply, so that no words of the user's are in its form."""
        if self.kind == CHOICES:
            return tuple(ascii_uppercase[: len(self.choices)])
        return tuple(str(point) for point in range(self.low, self.high + 1))

    @property
    def exclusive(self) -> bool:
        """Whether exactly one answer is given, so that probabilities sum to 1."""
        return not self.several

    def to_dict(self) -> dict[str, Any]:
        """In JSON's own types; `from_dict` is the way back."""
        raw = {item.name: getattr(self, item.name) for item in fields(self)}
        return raw | {"choices": list(self.choices), "as_of": None if self.as_of is None else self.as_of.isoformat()}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], *, where: str = "question") -> SurveyQuestion:
        """The question that `to_dict`, or a file called `where`, says. Raises InputError for what no question has, and as
        the constructor does."""
        said = checked(WrittenQuestion, raw, where)
        try:
            return cls(**said.model_dump() | {"choices": tuple(said.choices)})
        except InputError as wrong:
            place = where if wrong.where is None else f"{where}, {wrong.where}"
            raise InputError(wrong.problem, where=place, allowed=wrong.allowed, nearest=wrong.nearest) from None

    def _check_scale(self) -> None:
        if self.choices or self.several or self.rotate:
            raise InputError("has choices too", where="scale", allowed="a scale or choices")
        for name in ("low", "high"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not LOWEST <= value <= HIGHEST:
                raise InputError(
                    f"its {name} end is {value}", where="scale", allowed=f"a whole number from {LOWEST} to {HIGHEST}"
                )
            label = f"{name}_label"
            object.__setattr__(self, label, _checked(getattr(self, label), f"label of the {name} end", LONGEST_END))
        points = self.high - self.low + 1
        if not FEWEST_POINTS <= points <= MOST_POINTS:
            raise InputError(
                f"{self.low} to {self.high} has {max(points, 0)} points",
                where="scale",
                allowed=f"{FEWEST_POINTS} to {MOST_POINTS} whole numbers, the lowest first",
            )
        if self.low_label.casefold() == self.high_label.casefold():
            raise InputError(f"both ends are called '{self.low_label}'", where="scale", allowed="two different labels")

    def _check_choices(self) -> None:
        if not FEWEST_CHOICES <= len(self.choices) <= MOST_CHOICES:
            raise InputError(
                f"{len(self.choices)} given", where="choices", allowed=f"{FEWEST_CHOICES} to {MOST_CHOICES} choices"
            )
        cleaned = tuple(
            _checked(choice, f"choice {number}", LONGEST_CHOICE) for number, choice in enumerate(self.choices, start=1)
        )
        seen: set[str] = set()
        for choice in cleaned:
            if choice.casefold() in seen:
                raise InputError(f"'{choice}' is given twice", where="choices", allowed="each once")
            seen.add(choice.casefold())
        object.__setattr__(self, "choices", cleaned)
        if (self.low, self.high, self.low_label, self.high_label) != (1, 5, "", ""):
            raise InputError("has a scale too", where="choices", allowed="a scale or choices")


def load_question(path: str | Path) -> SurveyQuestion:
    """The question in a TOML or JSON file, with the keys of `SurveyQuestion`. InputError says what the file has wrong."""
    return SurveyQuestion.from_dict(read_written(Path(path)), where=str(path))


def _checked(text: str, where: str, longest: int) -> str:
    cleaned = one_line(text)
    if not cleaned:
        raise InputError("is empty", where=where, allowed=f"up to {longest} characters")
    return _short(cleaned, where, longest)


def _short(text: str, where: str, longest: int) -> str:
    if len(text) > longest:
        raise InputError(f"has {len(text)} characters", where=where, allowed=f"up to {longest:,}")
    return text
