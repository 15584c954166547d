"""How sure a counterfactual is of itself: the whole estimate again with other personas and other training weeks.

A draw weighs every persona anew (the Bayesian bootstrap of `core.statistics.bootstrap`), resamples whole training weeks, fits
the lines again and anchors them again at the origin. What another policy changes is multiplied by a drawn factor: how wrong
simulated effects have been elsewhere (`effect_uncertainty`). So is the metric of days that a moved working week turns into
what their weekday never was in training.
Weights follow the persona's place in the population, so that two policies, or a population and an edited copy of it,
are compared draw by draw and share what they have in common.

Not covered: the searched parameters, and the residual of single days.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from core.calibration.anchoring import OriginResidual, follow_policy, measure_origin_residual
from core.calibration.linear import LinearCalibrator
from core.calibration.pace import pace_of
from core.calibration.problem import Problem
from core.calibration.twin import observed_activity, window_activity
from core.calibration.uncertainty import bootstrap_lines
from core.cognition.engine import ResponseEngine
from core.counterfactual.effect_uncertainty import (
    DAYS_OFF_FACTORS,
    EFFECT_FACTORS,
    drawn_factors,
    known_days_off_spread,
    known_effect_spread,
)
from core.counterfactual.measured import Calibration, Lines
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.simulation.simulate import (
    Aggregates,
    BlockResult,
    block_count,
    combine,
    persona_blocks,
    population_groups,
    simulate_block,
)
from core.statistics.bootstrap import exponential_multiples, generator_of

DRAWS = 200
#: Draws whose days are in memory side by side.
DRAWS_AT_ONCE = 25
#: Told (done, total) while a population is simulated; may raise to stop.
Progress = Callable[[int, int], None]


def drawn_means(
    engine: ResponseEngine,
    personas: pd.DataFrame,
    contexts: pd.DataFrame,
    attributes: tuple[str, ...] = (),
    *,
    seed: int,
    draws: int = DRAWS,
    progress: Progress | None = None,
    executor: Executor = IN_THIS_PROCESS,
) -> tuple[Aggregates, np.ndarray]:
    """Mean activity by group, and everyone's under reweighted personas: (draws, contexts, behaviours).

    `progress` is told how many of how many blocks of personas are done, before the first and after each.
    """
    total = block_count(len(personas))
    if progress is not None:
        progress(0, total)
    blocks, sums, totals = [], np.zeros((draws, 1)), np.zeros((draws, 1))
    groups, usual = population_groups(personas, attributes), _usual_weight(personas)
    work = (
        (engine, rows, contexts, groups, block, first, usual, seed, draws)
        for block, first, rows in persona_blocks(engine, personas)
    )
    with executor.share(engine, contexts):
        for item, part, answered in executor.map(_drawn_block, work, in_flight=executor.workers):
            sums, totals = sums + part, totals + answered
            blocks.append(item)
            if progress is not None:
                progress(len(blocks), total)
    aggregates = combine(blocks)
    shape = (draws, *aggregates.everyone.shape)
    return aggregates, np.asarray(_means(sums, totals)).reshape(shape)


def drawn_category_means(
    engine: ResponseEngine,
    personas: pd.DataFrame,
    contexts: pd.DataFrame,
    attribute: str,
    *,
    seed: int,
    draws: int = DRAWS,
    executor: Executor = IN_THIS_PROCESS,
) -> dict[str, np.ndarray]:
    """As `drawn_means`, for each category of one attribute: {category: (draws, contexts, behaviours)}."""
    labels = personas[attribute].astype(str).to_numpy()
    categories = sorted(set(labels))
    sums: dict[str, np.ndarray] = {}
    totals = {category: np.zeros((draws, 1)) for category in categories}
    usual = _usual_weight(personas)
    work = (
        (engine, rows, contexts, block, usual, seed, draws, labels[first : first + len(rows)], categories)
        for block, first, rows in persona_blocks(engine, personas)
    )
    with executor.share(engine, contexts):
        for found in executor.map(_drawn_categories, work, in_flight=executor.workers):
            for category, (part, answered) in found.items():
                sums[category] = sums[category] + part if category in sums else part
                totals[category] = totals[category] + answered
    behaviours = next(iter(sums.values())).shape[1] // len(contexts)
    return {
        category: _means(sums[category], totals[category]).reshape(draws, len(contexts), behaviours)
        for category in categories
    }


def _drawn_block(
    engine: ResponseEngine,
    rows: pd.DataFrame,
    contexts: pd.DataFrame,
    groups: tuple[tuple[str, str], ...],
    block: int,
    first: int,
    usual: float,
    seed: int,
    draws: int,
) -> tuple[BlockResult, np.ndarray, np.ndarray]:
    """One block's sums as they are, and those of everyone in each draw with their weights (`_weighted`)."""
    item = simulate_block(engine, rows, contexts, groups, block, first, True)
    assert item.responses is not None
    weight = _reweighted(rows, usual, block, seed, draws)
    return replace(item, responses=None), *_weighted(weight, item.responses.reshape(len(rows), -1))


def _drawn_categories(
    engine: ResponseEngine,
    rows: pd.DataFrame,
    contexts: pd.DataFrame,
    block: int,
    usual: float,
    seed: int,
    draws: int,
    labels: np.ndarray,
    categories: Sequence[str],
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """One block's sums of each category in each draw, with their weights; `labels` (rows,) are the categories of its people."""
    flat = engine.respond(rows, contexts).reshape(len(rows), -1)
    weight = _reweighted(rows, usual, block, seed, draws)
    return {name: _weighted(weight[:, labels == name], flat[labels == name]) for name in categories}


def drawn_calibration(
    problem: Problem,
    calibrator: LinearCalibrator,
    trust: float,
    means: np.ndarray,
    seed: int,
    *,
    weeks: bool = True,
) -> Calibration:
    """The calibration fitted anew in each draw; `means` is (draws, contexts, behaviours) of the problem's contexts.

    Bounds and share are those of `calibrator`, the forecast's own. Without `weeks` all training
    weeks are kept, and draws differ by their means alone.
    """
    window = problem.final
    train = slice(window.train_days)
    seeds = np.random.SeedSequence(seed, spawn_key=(1,)).generate_state(len(means))
    fitted, own, gaps, days_off = [], [], [], []
    for first in range(0, len(means), DRAWS_AT_ONCE):
        some = slice(first, first + DRAWS_AT_ONCE)
        relative = window_activity(problem, window, means[some])
        observed = observed_activity(problem, window, relative)
        pairs = [
            bootstrap_lines(
                actual,
                seen,
                scale**2,
                draws=1,
                seed=int(own_seed) if weeks else None,
                shares=(1.0, calibrator.share),
                block=pace_of(problem.study).block,
            )
            for actual, seen, scale, own_seed in zip(
                relative.actual[:, train], observed, relative.scale[:, train], seeds[some], strict=True
            )
        ]
        lines, theirs = (
            tuple(np.stack([pair[which][place] for pair in pairs]) for place in (0, 1)) for which in (0, 1)
        )

        def clipped(activity: np.ndarray, line: Sequence[np.ndarray]) -> np.ndarray:
            return np.asarray(np.clip(activity[:, train] * line[0] + line[1], calibrator.lower, calibrator.upper))

        trusted = follow_policy(clipped(relative.frozen_policy, theirs), clipped(relative.actual, theirs), trust)
        actual = clipped(relative.actual, lines)
        gaps.append(
            measure_origin_residual(
                observed, trusted, actual, window.train, window.types[train], problem.study.step, pace_of(problem.study)
            )
        )
        fitted.append(lines)
        own.append(theirs)
        days_off.append(relative.days_off)
    assert calibrator.upper is not None
    study, origin = problem.study, window.origin
    effects = drawn_factors(known_effect_spread(study, origin), len(means), seed, EFFECT_FACTORS)
    days_off_error = drawn_factors(known_days_off_spread(study, origin), len(means), seed, DAYS_OFF_FACTORS)
    # Draws serve intervals, for which 32 bits are more than enough and twice as fast.
    return Calibration(
        lines=_stacked(fitted),
        forecast_lines=_stacked(own),
        share=calibrator.share,
        lower=calibrator.lower,
        upper=calibrator.upper.astype(np.float32),
        origin_residual=OriginResidual(
            np.concatenate([gap.by_weekday for gap in gaps]).astype(np.float32),
            np.concatenate([gap.on_holidays for gap in gaps]).astype(np.float32),
            problem.study.step,
        ),
        trust=trust,
        transfer_prior=window.transfer_prior,
        days_off=np.concatenate(days_off),
        factor=effects[:, None],
        days_off_error=days_off_error,
    )


def _stacked(lines: Sequence[Sequence[np.ndarray]]) -> Lines:
    """Lines of some draws at a time, every array (draws, 1, behaviours), as a stack of all draws."""
    a, b = (np.concatenate([line[place] for line in lines]).astype(np.float32) for place in (0, 1))
    return Lines(a, b)


def _weighted(weight: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted sums of answers, (draws, answers), and the weights of those who gave them: (draws, 1), or (draws, answers)
    where some are missing (NaN)."""
    missing = np.isnan(answers)
    if not missing.any():
        return (weight @ answers).astype(np.float64), weight.sum(axis=1, dtype=np.float64)[:, None]
    given = weight @ np.where(missing, np.float32(0.0), answers)
    return given.astype(np.float64), (weight @ (~missing).astype(np.float32)).astype(np.float64)


def _means(sums: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Means over those who answered; NaN where nobody did."""
    totals = np.broadcast_to(totals, sums.shape)
    return np.divide(sums, totals, out=np.full(sums.shape, np.nan), where=totals > 0)


def _usual_weight(personas: pd.DataFrame) -> float:
    return float(personas["weight"].to_numpy(dtype=float).mean())


def _reweighted(rows: pd.DataFrame, usual: float, block: int, seed: int, draws: int) -> np.ndarray:
    """Weights of a block's personas in each draw, float32 (draws, rows), of the order of 1: in units of the `usual` weight."""
    multiples = exponential_multiples(generator_of(seed, 0, block), draws, len(rows), np.float32)
    return np.asarray(multiples * (rows["weight"].to_numpy(dtype=float) / usual).astype(np.float32))
