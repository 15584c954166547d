"""What a valid answer is, and how one is read: strictly, and never with a default.

A model's text is an answer when it holds one JSON object with exactly the keys asked for, each value a JSON number from
0 to 1 or, where whole percents are asked for, a whole number from 0 to 100, and a reason. Anything else raises AnswerError,
whose message tells the model what to mend. Whole percents are what newer prompts ask for: llama.cpp's server holds a model
to the bounds of whole numbers, and ignores those of others. What was read are probabilities from 0 to 1 either way.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.cognition.llm.replies import object_in, shown
from core.cognition.llm.types import AnswerError

#: The schema of one number: from 0 to 1, and as a whole percent.
_NUMBERS = ({"type": "number", "minimum": 0, "maximum": 1}, {"type": "integer", "minimum": 0, "maximum": 100})
REASON, DAYS, CONDITIONS, VALUES = "reason", "days", "conditions", "values"
#: Problems told to the model at once.
MOST_TOLD = 4


@dataclass(frozen=True)
class AnswerShape:
    """What must be in an answer: labels of `conditions` and kinds of `days` (empty where the prompt asks about one),
    `behaviours`, and the longest reason accepted. With `percent` numbers are whole percents."""

    conditions: tuple[str, ...]
    days: tuple[str, ...]
    behaviours: tuple[str, ...]
    longest_reason: int
    percent: bool = False

    @property
    def levels(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The nested objects that hold the values, from the outside: (name, keys)."""
        named = ((CONDITIONS, self.conditions), (DAYS, self.days), (VALUES, self.behaviours))
        return tuple((name, keys) for name, keys in named if keys)

    @property
    def outer(self) -> str:
        """The key beside the reason: conditions, days or values."""
        return self.levels[0][0]

    @property
    def numbers(self) -> int:
        """How many numbers an answer holds."""
        return max(1, len(self.conditions)) * max(1, len(self.days)) * len(self.behaviours)

    def schema(self) -> dict[str, Any]:
        """The JSON schema of an answer, with the reason first, so that it is written before the numbers."""
        inner: dict[str, Any] = dict(_NUMBERS[self.percent])
        for _, keys in reversed(self.levels):
            inner = _object(dict.fromkeys(keys, inner))
        return _object({REASON: {"type": "string", "maxLength": self.longest_reason}, self.outer: inner})

    def form(self) -> str:
        """An answer with null in place of each number, to be shown in the prompt."""
        inner: Any = None
        for _, keys in reversed(self.levels):
            inner = dict.fromkeys(keys, inner)
        return json.dumps({REASON: "…", self.outer: inner}, ensure_ascii=False)

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> AnswerShape:
        """The shape whose schema this is. AnswerError for any other schema."""
        try:
            [outer] = [name for name in schema["properties"] if name != REASON]
            found: dict[str, tuple[str, ...]] = {}
            inner = schema["properties"][outer]
            for name in (CONDITIONS, DAYS, VALUES)[(CONDITIONS, DAYS, VALUES).index(outer) :]:
                if name == DAYS and "properties" not in next(iter(inner["properties"].values())):
                    continue
                found[name] = tuple(inner["properties"])
                inner = next(iter(inner["properties"].values()))
            limit = int(schema["properties"][REASON]["maxLength"])
            shape = cls(found.get(CONDITIONS, ()), found.get(DAYS, ()), found[VALUES], limit, inner == _NUMBERS[True])
        except (KeyError, TypeError, ValueError, AttributeError, StopIteration):
            shape = None
        if shape is None or shape.schema() != schema:
            raise AnswerError("The schema is not one of an answer to a prompt of PolicyTwin.")
        return shape

    def parse(self, text: str) -> dict[str, Any]:
        """The answer in the form asked for, with the reason on one line: {"reason": …, "days": {…}} or the like.

        Raises AnswerError where the text is no valid answer, and nothing else.
        """
        found = object_in(text, (REASON, self.outer))
        problems: list[str] = []
        _same_keys(found, (REASON, self.outer), "the answer", problems)
        reason = self._reason(found[REASON], problems) if REASON in found else ""
        values: Any = None
        if self.outer in found:
            values = self._values(found[self.outer], [keys for _, keys in self.levels], self.outer, problems)
        if problems:
            more = f" And {len(problems) - MOST_TOLD} more of the kind." if len(problems) > MOST_TOLD else ""
            raise AnswerError(" ".join(f"{problem}." for problem in problems[:MOST_TOLD]) + more)
        return {REASON: reason, self.outer: values}

    def array(self, answer: Mapping[str, Any]) -> np.ndarray:
        """The numbers of a parsed answer: float64, (conditions or 1, days or 1, behaviours)."""
        inner = [answer[self.outer]]
        for _, keys in self.levels:
            inner = [item[key] for item in inner for key in keys]
        return np.array(inner, dtype=float).reshape(max(1, len(self.conditions)), max(1, len(self.days)), -1)

    def _reason(self, value: Any, problems: list[str]) -> str:
        if not isinstance(value, str) or not value.strip():
            problems.append(f"{REASON} is {shown(value)}, but must be a sentence or two of text")
            return ""
        # Half surrogate pairs and controls can be written in JSON, but neither stored nor shown.
        text = "".join(item if item.isprintable() else " " for item in value.encode("utf-8", "replace").decode())
        text = " ".join(text.split())
        if not text:
            problems.append(f"{REASON} is {shown(value)}, but must be a sentence or two of text")
        if len(text) > self.longest_reason:
            problems.append(f"{REASON} has {len(text)} characters, but may have {self.longest_reason}")
        return text

    def _values(self, value: Any, levels: Sequence[tuple[str, ...]], where: str, problems: list[str]) -> Any:
        if not levels:
            return (_percent if self.percent else _probability)(value, where, problems)
        if not isinstance(value, dict):
            problems.append(f"{where} is {shown(value)}, but must be an object with {_listed(levels[0])}")
            return None
        _same_keys(value, levels[0], where, problems)
        return {
            key: self._values(value[key], levels[1:], f"{where}.{key}", problems) for key in levels[0] if key in value
        }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _same_keys(value: Mapping[str, Any], keys: Sequence[str], where: str, problems: list[str]) -> None:
    lacking = [key for key in keys if key not in value]
    beyond = [key for key in value if key not in keys]
    if lacking:
        problems.append(f"{where} lacks {_listed(lacking)}")
    if beyond:
        problems.append(f"{where} has {_listed(beyond)}, which was not asked for")


def _probability(value: Any, where: str, problems: list[str]) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        problems.append(f"{where} is {shown(value)}, but must be a JSON number from 0 to 1")
        return None
    if not math.isfinite(value) or not 0.0 <= value <= 1.0:
        hint = f" ({value:g} percent is {value / 100:g})" if 1.0 < value <= 100.0 else ""
        problems.append(f"{where} is {value:g}, but allowed is 0 to 1{hint}")
        return None
    return float(value) + 0.0  # -0.0 is 0


def _percent(value: Any, where: str, problems: list[str]) -> float | None:
    """A whole percent as a probability."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1 or not 0 <= value <= 100:
        hint = f" ({value:g} as a percentage is {100 * value:g})" if isinstance(value, float) and 0 < value < 1 else ""
        problems.append(f"{where} is {shown(value)}, but must be a whole number from 0 to 100{hint}")
        return None
    return value / 100 + 0.0  # -0.0 is 0


def _listed(keys: Sequence[str]) -> str:
    first = [shown(key) for key in keys[:12]]
    return ", ".join(first) + (f" and {len(keys) - 12} more" if len(keys) > 12 else "")
