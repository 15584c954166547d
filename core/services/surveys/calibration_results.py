"""Calibrated twins as results: what commands print and pages draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from core.result import Result
from core.survey.calibration.accuracy import DEMOGRAPHICS, MODE, AccuracyScore, GroupScores
from core.survey.calibration.base import TWIN_METHODS
from core.survey.calibration.correction import WAYS, CorrectedShares
from core.survey.calibration.diagnostics import TwinDiagnostics
from core.survey.calibration.scores import MethodScore
from core.survey.calibration.verdicts import QuestionVerdicts
from core.survey.distribution import Estimate

DIGITS = 6
WORDS = {
    "raw": "Twins as they are", "trivial": "Trivial baseline, no twin", MODE: "Most frequent answer, no twin",
    DEMOGRAPHICS: "Ridge on demographics, no twin",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CalibrationResult(Result, kind="survey_calibration"):
    """How well each method predicts people's answers to a `target` that was hidden: mean Pearson correlation over units, an
    undefined one counted as 0, and over those that are defined.

    `people` and `questions` are counted after `left_out` ({question: why}); `unmatched` ids are in one table only; `blanked`
    answers of people have no twin's beside them; `missing` is the share of cells that people left empty. `seconds` of a
    method are on this machine with whatever else ran, `cpu_seconds` its own. `verdicts` are of questions, by `names`;
    `accuracy` by method, and the mode and a ridge on demographics, `groups` by attribute.
    """

    run_id: str = ""
    human: str
    twin: str
    construction: str | None
    target: str
    raw: MethodScore
    trivial: MethodScore
    methods: Mapping[str, MethodScore]
    people: int
    questions: int
    missing: float
    left_out: Mapping[str, str] = field(default_factory=dict)
    unmatched: int = 0
    blanked: int = 0
    names: tuple[str, ...] = ()
    diagnostics: TwinDiagnostics | None = None
    verdicts: QuestionVerdicts | None = None
    accuracy: Mapping[str, AccuracyScore] = field(default_factory=dict)
    groups: Mapping[str, GroupScores] = field(default_factory=dict)
    result_hash: str = ""
    seconds: float = 0.0

    def scores(self) -> dict[str, MethodScore]:
        """Raw twins, the trivial baseline and every method, by name."""
        return {"raw": self.raw, "trivial": self.trivial, **self.methods}

    def rows(self) -> pd.DataFrame:
        """Best first: method, label, mean_correlation, mean_correlation_defined, standard_error, defined, cpu_seconds."""
        rows = [
            (name, method_label(name), item.mean_correlation, item.mean_correlation_defined, item.standard_error, item.defined,
             item.cpu_seconds)
            for name, item in self.scores().items()
        ]  # fmt: skip
        columns = ["method", "label", "mean_correlation", "mean_correlation_defined", "standard_error", "defined"]
        return pd.DataFrame(rows, columns=[*columns, "cpu_seconds"]).sort_values(
            "mean_correlation", ascending=False, ignore_index=True
        )


@dataclass(frozen=True, kw_only=True)
class PredictedShares:
    """What share of people would give each of the answers `labels`: `shares` with intervals of `level` percent over questions.
    `raw` are twins as they are, `trivial` the mean of people's shares on the other questions, `calibrated` twins weighted anew;
    `mixture` says what each counts, and `missed` how far each, and the mixture ("corrected"), were from people's shares on the
    `questions` that they answered, each left out in turn: the mean total variation."""

    labels: tuple[str, ...]
    shares: tuple[Estimate, ...]
    raw: tuple[float, ...]
    trivial: tuple[float, ...]
    calibrated: tuple[float, ...]
    level: int
    mixture: Mapping[str, float]
    missed: Mapping[str, float]
    questions: int

    @classmethod
    def of(cls, found: CorrectedShares, labels: Sequence[str]) -> PredictedShares:
        """Rounded."""
        ways = {name: tuple(round(float(value), DIGITS) for value in found.ways[name]) for name in WAYS}
        ends = zip(found.shares, found.lower, found.upper, strict=True)
        return cls(
            labels=tuple(labels), level=found.level, mixture=found.mixture, questions=len(found.missed_by_question["raw"]),
            shares=tuple(Estimate(*(round(float(end), DIGITS) for end in each)) for each in ends), **ways,
            missed={name: round(value, DIGITS) for name, value in found.missed.items()},
        )  # fmt: skip

    @property
    def helps(self) -> bool:
        """Whether correcting came closer to people on the questions left out than twins as they are."""
        return self.missed["corrected"] < self.missed["raw"]


@dataclass(frozen=True, kw_only=True)
class PredictionResult(Result, kind="survey_prediction"):
    """People's answers to a `question` as `method` predicts them from their twins' and from their answers to other questions.

    `answers` by id. `mean` is over people, with an interval of `level` percent: how far the predicted means of the other
    questions, each hidden in turn, were from people's, in the twins' spread of each question. `correlation` is what the method
    reached on them, from its `level` percent's lower to upper end. `shares` are of the answers, where people answered five other
    questions or more in the same numbers.
    """

    run_id: str = ""
    human: str = ""
    twin: str = ""
    question: str
    method: str
    answers: Mapping[str, float]
    mean: float
    lower: float
    upper: float
    level: int
    twin_mean: float
    correlation: float
    correlation_lower: float
    correlation_upper: float
    people: int
    questions: int
    shares: PredictedShares | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    result_hash: str = ""
    seconds: float = 0.0


def method_label(name: str) -> str:
    """What a row of a board is called."""
    return WORDS.get(name) or TWIN_METHODS.label(name)
