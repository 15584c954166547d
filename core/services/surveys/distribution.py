"""Shares of answers to a new question from weighted twins, judged on questions that were kept out of the weights."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.errors import in_range, one_of
from core.execution.progress import ProgressReporter
from core.options import option
from core.result import Result
from core.services.surveys.share_files import read_shares
from core.survey.calibration.discrepancies import DISCREPANCIES, scores
from core.survey.calibration.ensembles import BOTH, DUMMIES, PERSONAS, WeightedEnsemble, twin_shares, variance_ratio

TRAINING = 0.8
EQUAL, ANSWERS = "equal", "answers"
#: Parts of the trivial mean that shrinkage may mix in.
MIXES = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)


@dataclass(frozen=True)
class DistributionRequest:
    """Twins' answers and people's counts, and what the weights are to minimise."""

    answers: str | Path = option("twins' answers: a row a question, a column a twin (CSV or Parquet)", word="FILE")
    targets: str | Path = option("how many people gave each answer, by question (CSV, Parquet or JSON)", word="FILE")
    objective: str = option(f"what the weights minimise: {', '.join(DISCREPANCIES)}", "tv")
    seeds: int = option("splits of the questions, each with four fifths to train on", 5)
    weigh: str = option("questions count equal, or by answers: the more people answered, the more", EQUAL)

    def __post_init__(self) -> None:
        one_of(self.objective, DISCREPANCIES, what="objective", where="--objective")
        one_of(self.weigh, (EQUAL, ANSWERS), what="way to weigh questions", where="--weigh")
        in_range(self.seeds, 1, 100, f"{self.seeds} splits", where="--seeds")


@dataclass(frozen=True, kw_only=True)
class ShareScores:
    """Means over test questions and splits, with standard errors over questions; KS, ℓ1 and ℓ2 on the ordered options alone, and
    `all_options` as if every option had an order, as was published. `variance_ratio` is the median of predicted over true.
    `gap` bounds what was left to gain by further descent (the worst split)."""

    scores: Mapping[str, float]
    standard_error: Mapping[str, float]
    all_options: Mapping[str, float]
    variance_ratio: float
    gap: float | None = None


@dataclass(frozen=True, kw_only=True)
class DistributionResult(Result, kind="survey_distribution"):
    """Seven discrepancies from people's shares, by way of predicting: `calibrated` (twins and dummies weighted), `personas_only`,
    `dummies_only`, `uniform` (twins as they are), `trivial_mean` (the training questions' mean shares), and `shrunk`
    (calibrated, mixed with the trivial mean by what served best within training)."""

    answers: str
    targets: str
    objective: str
    weigh: str
    questions: int
    twins: int
    seeds: int
    options: tuple[str, ...]
    unordered: tuple[str, ...]
    calibrated: ShareScores
    personas_only: ShareScores
    dummies_only: ShareScores
    uniform: ShareScores
    trivial_mean: ShareScores
    shrunk: ShareScores
    left_out: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def rows(self) -> dict[str, ShareScores]:
        """Every way by its label."""
        return {
            "Calibrated: twins and dummies": self.calibrated, "Calibrated, shrunk to the mean": self.shrunk,
            "Twins only": self.personas_only, "Dummies only": self.dummies_only,
            "Trivial: mean of other questions": self.trivial_mean, "Twins as they are": self.uniform,
        }  # fmt: skip


def distribution(request: DistributionRequest, *, watch: ProgressReporter | None = None) -> DistributionResult:
    """Judge each way on a fifth of the questions, over several splits. InputError for files that do not fit together."""
    began, reporter = time.perf_counter(), watch or ProgressReporter()
    tables = read_shares(request.answers, request.targets)
    people = tables.counts / tables.counts.sum(axis=1, keepdims=True)
    number = tables.counts.sum(axis=1)
    share = number / (number + np.median(number)) if request.weigh == ANSWERS else np.ones(len(number))
    ways = ("calibrated", "shrunk", "personas_only", "dummies_only", "trivial_mean", "uniform")
    kept: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {way: [] for way in ways}
    gaps: dict[str, list[float]] = {way: [] for way in ways}
    for seed in range(request.seeds):
        reporter.report("calibrate", seed, request.seeds, "splits")
        order = np.random.default_rng(seed).permutation(len(people))
        cut = int(TRAINING * len(people))
        train, test = order[:cut], order[cut:]

        def fitted(rows: np.ndarray, members: str = BOTH) -> WeightedEnsemble:
            made = WeightedEnsemble(request.objective, members, ordered=tables.ordered)
            return made.fit(tables.answers[rows], people[rows], share[rows])

        mean = np.average(people[train], axis=0, weights=share[train])
        ensembles = {
            "calibrated": fitted(train),
            "personas_only": fitted(train, PERSONAS),
            "dummies_only": fitted(train, DUMMIES),
        }
        found = {way: made.predict(tables.answers[test]) for way, made in ensembles.items()}
        for way, made in ensembles.items():
            gaps[way].append(made.convergence_.gap)
        inner, held = train[: int(TRAINING * cut)], train[int(TRAINING * cut) :]
        guess, inner_mean = (
            fitted(inner).predict(tables.answers[held]),
            np.average(people[inner], axis=0, weights=share[inner]),
        )
        mix = min(MIXES, key=lambda part: float(
            scores(people[held], (1 - part) * guess + part * inner_mean, tables.ordered)[request.objective].mean()
        ))  # fmt: skip
        found["shrunk"] = (1 - mix) * found["calibrated"] + mix * mean
        found["trivial_mean"] = np.tile(mean, (len(test), 1))
        found["uniform"] = twin_shares(tables.answers[test], people.shape[1])
        for way in ways:
            kept[way].append((test, found[way]))
    scored = {way: _scored(people, kept[way], tables.ordered, tables.values, gaps[way]) for way in ways}
    return DistributionResult(
        answers=Path(request.answers).name, targets=Path(request.targets).name, objective=request.objective,
        weigh=request.weigh, questions=len(people), twins=tables.answers.shape[1], seeds=request.seeds,
        options=tables.options, unordered=tables.options[tables.ordered :], **scored, left_out=tables.left_out,
        seconds=round(time.perf_counter() - began, 3),
    )  # fmt: skip


def _scored(
    people: np.ndarray,
    kept: list[tuple[np.ndarray, np.ndarray]],
    ordered: int,
    values: tuple[float, ...],
    gaps: list[float],
) -> ShareScores:
    by_seed = [scores(people[test], found, ordered) for test, found in kept]
    every = [scores(people[test], found, people.shape[1]) for test, found in kept]
    return ShareScores(
        scores={name: round(float(np.mean([item[name].mean() for item in by_seed])), 6) for name in DISCREPANCIES},
        standard_error={
            name: round(float(np.mean([item[name].std(ddof=1) / np.sqrt(len(item[name])) for item in by_seed])), 6)
            for name in DISCREPANCIES
        },
        all_options={
            name: round(float(np.mean([item[name].mean() for item in every])), 6)
            for name, measure in DISCREPANCIES.items() if measure.ordered
        },
        variance_ratio=round(float(np.median(np.concatenate(
            [variance_ratio(people[test], found, values) for test, found in kept]
        ))), 6),
        gap=round(max(gaps), 6) if gaps else None,
    )  # fmt: skip
