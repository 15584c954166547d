"""What may be asked of calibrating twins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.errors import one_of
from core.options import option
from core.survey.calibration.board import ALL, method_names
from core.survey.calibration.problem import QUESTION, TARGETS


@dataclass(frozen=True)
class CalibrateRequest:
    """A pair of tables, and who is to predict what: each question (or user) as if people had not answered it."""

    human: str | Path = option("people's answers: a row a person, a column a question (CSV or Parquet)", word="FILE")
    twin: str | Path = option("their twins' answers, in the same layout", word="FILE")
    construction: str | None = option("which twins, of a file that has several", None, word="NAME")
    target: str = option("what is predicted: question (a new one) or user (a new person)", QUESTION)
    methods: tuple[str, ...] = option("methods by name; all: the ten of SYN-DIGITS", (ALL,), word="NAME,…")
    demographics: str | Path | None = option("what is known of the people, by id: accuracy by group", None, word="FILE")
    retest: str | Path | None = option("by question, the share who give the same answer again", None, word="FILE")

    def __post_init__(self) -> None:
        one_of(self.target, TARGETS, what="target", where="--target")
        method_names(self.methods)


@dataclass(frozen=True)
class PredictRequest:
    """A question that people were not asked, or whose answers are not to be looked at."""

    human: str | Path = option("people's answers to other questions", word="FILE")
    twin: str | Path = option("twins' answers, those to the new question too", word="FILE")
    question: str = option("the new question: a column of the twins' table", word="NAME")
    construction: str | None = option("which twins, of a file that has several", None, word="NAME")
    method: str = option("the method", "stack", word="NAME")

    def __post_init__(self) -> None:
        method_names((self.method,))
