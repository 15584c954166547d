"""Calibrated twins on the real pairs of SYN-DIGITS (arXiv 2604.07513): every method and baseline on every set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.execution.progress import ProgressReporter
from core.services.surveys.calibrate import calibrate
from core.services.surveys.calibration_requests import CalibrateRequest
from core.services.surveys.distribution import DistributionRequest, distribution
from core.services.surveys.share_files import read_shares
from core.survey.calibration.correction import LEVEL, corrected_shares
from core.survey.calibration.discrepancies import DISCREPANCIES
from core.survey.calibration.problem import QUESTION, USER
from core.validity.measured import Header, TwinCorrection, TwinScores, TwinSet, TwinShares, TwinVerdict, TwinVerdicts

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
PEOPLE_FILES = ("people/twin2k/people.csv", "people/twin2k/retest_by_question.csv")
#: Of corrections: twins drawn, known questions, draws.
DRAWN, KNOWN, DRAWS = 100, (12, 20), 80
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


def twin_verdicts(data: Path, watch: ProgressReporter) -> Callable[[Header], TwinVerdicts]:
    """What is said beforehand, on every pair, and corrections of shares on OpinionQA. InputError for unreadable files."""
    folder, found = data / "twins", []
    for place, name in enumerate((*CONSTRUCTIONS, MOVIELENS)):
        watch.check()
        watch.report("calibrate", place, len(CONSTRUCTIONS) + 1, name)
        films = name == MOVIELENS
        people, retest = (None, None) if name != TEXT else (data / file for file in PEOPLE_FILES)
        result = calibrate(CalibrateRequest(
            folder / (FILM_HUMAN if films else HUMAN), folder / (FILM_TWIN if films else TWIN),
            None if films else CONSTRUCTIONS[name], QUESTION, ("ridge", "stack") if people else ("ridge",), people, retest,
        ))  # fmt: skip
        found.append((name, result))
    known = {name: result.verdicts for name, result in found if result.verdicts is not None}
    text = dict(found)[TEXT]
    verdicts = tuple(
        TwinVerdict(name, len(item.chance), sum(item.helps), item.hit_rate, item.base_rate)
        for name, item in known.items()
    )
    corrections = tuple(_corrections(folder, number, watch) for number in KNOWN)
    return lambda header: TwinVerdicts(
        header, verdicts, corrections, TEXT, {name: item.accuracy for name, item in text.accuracy.items()},
        {name: item.normalised for name, item in text.accuracy.items() if item.normalised is not None},
        {name: {way: item.parity_difference(way) for way in ("raw", "stack")} for name, item in text.groups.items()},
    )  # fmt: skip


def _corrections(folder: Path, known: int, watch: ProgressReporter) -> TwinCorrection:
    tables = read_shares(*(folder / file for file in SHARES["OpinionQA"]))
    people = tables.counts / tables.counts.sum(axis=1, keepdims=True)
    random, missed, held = np.random.default_rng(known), [], []
    for draw in range(DRAWS):
        watch.check()
        watch.report("calibrate", draw, DRAWS, f"corrections by {known} questions")
        twins = random.choice(tables.answers.shape[1], DRAWN, replace=False)
        new, *others = random.permutation(len(people))[: known + 1]
        found = corrected_shares(tables.answers[new, twins], tables.answers[np.ix_(others, twins)], people[others])
        ways = {"corrected": found.shares, **found.ways}
        measure = DISCREPANCIES["tv"].of
        missed.append({way: float(measure(people[[new]], shares[None])[0]) for way, shares in ways.items()})
        held.append(float(((found.lower <= people[new]) & (people[new] <= found.upper)).mean()))
    means = {way: float(np.mean([item[way] for item in missed])) for way in missed[0]}
    return TwinCorrection("OpinionQA", DRAWN, known, DRAWS, means, LEVEL, float(np.mean(held)))
