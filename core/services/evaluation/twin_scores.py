"""Calibrated twins on the real pairs of SYN-DIGITS (arXiv 2604.07513): every method and baseline on every set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from core.execution.progress import ProgressReporter
from core.services.surveys.calibrate import calibrate
from core.services.surveys.calibration_requests import CalibrateRequest
from core.services.surveys.distribution import DistributionRequest, distribution
from core.survey.calibration.problem import QUESTION, USER
from core.validity.measured import TwinScores, TwinSet, TwinShares

HUMAN, TWIN = "twin2k_wave4_human.parquet", "twin2k_wave4_llm.parquet"
FILM_HUMAN, FILM_TWIN = "movielens_human.parquet", "movielens_llm.parquet"
MOVIELENS = "MovieLens"
#: Label and what the file calls it.
CONSTRUCTIONS = {
    "Text, GPT-4.1-mini": "Text Persona - GPT4.1-mini",
    "Text, Gemini Flash 2.5": "Text Persona - Gemini-Flash2.5",
    "JSON, GPT-4.1": "JSON Persona - GPT4.1",
    "Text + reasoning": "Text Persona (Reasoning) - GPT4.1-mini",
    "Fine-tuned": "LLM Finetuning (500 training samples) - GPT4.1-mini",
    "Demographics only": "Demographics Only - GPT4.1-mini",
}
SHARES = {
    "OpinionQA": ("opinionqa_persona_answers.parquet", "opinionqa_questions.json"),
    MOVIELENS: ("movielens_persona_ratings.parquet", "movielens_top500_targets.csv"),
}
OBJECTIVES = ("l1", "tv")
TWIN_FILES = tuple(
    f"twins/{name}"
    for name in (HUMAN, TWIN, FILM_HUMAN, FILM_TWIN, *(name for pair in SHARES.values() for name in pair))
)
TEXT = "Text, GPT-4.1-mini"
WORK = ((TEXT, QUESTION), (MOVIELENS, QUESTION), (MOVIELENS, USER), *((name, QUESTION) for name in CONSTRUCTIONS if name != TEXT),
        (TEXT, USER))  # fmt: skip


def twin_scores(folder: Path, done: TwinScores, watch: ProgressReporter) -> Iterator[TwinScores]:
    """The measurement after each part that `done` lacks. InputError for files that cannot be read."""
    for objective in OBJECTIVES:
        for name, (answers, targets) in SHARES.items():
            if any((item.name, item.objective) == (name, objective) for item in done.shares):
                continue
            result = distribution(DistributionRequest(folder / answers, folder / targets, objective), watch=watch)
            ways = {
                "calibrated": result.calibrated, "shrunk": result.shrunk, "personas_only": result.personas_only,
                "dummies_only": result.dummies_only, "trivial_mean": result.trivial_mean, "uniform": result.uniform,
            }  # fmt: skip
            made = TwinShares(
                name, objective, {way: dict(item.scores) for way, item in ways.items()},
                {way: dict(item.all_options) for way, item in ways.items()},
                {way: dict(item.standard_error) for way, item in ways.items()},
                {way: item.variance_ratio for way, item in ways.items()},
            )  # fmt: skip
            done = replace(done, shares=(*done.shares, made))
            yield done
    for name, target in WORK:
        if any((item.name, item.target) == (name, target) for item in done.sets):
            continue
        films = name == MOVIELENS
        request = CalibrateRequest(
            folder / (FILM_HUMAN if films else HUMAN), folder / (FILM_TWIN if films else TWIN),
            None if films else CONSTRUCTIONS[name], target, ("all", "adaptive", "stack"),
        )  # fmt: skip
        found = calibrate(request, watch=watch)
        scores = {"raw": found.raw, "trivial": found.trivial, **found.methods}
        one = TwinSet(
            name, target, found.people, found.questions,
            {way: item.mean_correlation for way, item in scores.items()},
            {way: item.standard_error for way, item in scores.items()},
            {way: item.mean_correlation_defined for way, item in scores.items()},
            {way: item.cpu_seconds for way, item in scores.items()},
        )  # fmt: skip
        done = replace(done, sets=(*done.sets, one))
        yield done
