"""How sure a counterfactual is of itself: the whole estimate again with other personas and other training weeks.

A draw weighs every persona anew (the Bayesian bootstrap: standard exponential weights, Rubin 1981, doi
10.1214/aos/1176345338), resamples whole training weeks, fits the lines again and anchors them again at the origin.
Weights follow the persona's place in the population, so that two policies, or a population and an edited copy of it,
are compared draw by draw and share what they have in common.

Not covered: the engine's own assumptions, the searched parameters, and the residual of single days.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from core.calibration.anchoring import FLOOR, activity_gap
from core.calibration.linear import LinearCalibrator
from core.calibration.problem import Problem
from core.calibration.twin import measurement_for
from core.calibration.uncertainty import bootstrap_lines
from core.cognition.engine import ResponseEngine
from core.counterfactual.measured import Calibration
from core.simulation.simulate import Aggregates, block_count, combine, simulate_blocks

DRAWS = 200
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
) -> tuple[Aggregates, np.ndarray]:
    """Mean activity by group, and everyone's under reweighted personas: (draws, contexts, behaviours).

    `progress` is told how many of how many blocks of personas are done, before the first and after each.
    """
    total = block_count(len(personas))
    if progress is not None:
        progress(0, total)
    blocks, sums, totals = [], 0.0, np.zeros(draws)
    for item in simulate_blocks(engine, personas, contexts, attributes, keep_responses=True):
        assert item.responses is not None
        weight = _reweighted(personas, item.first, len(item.responses), item.block, seed, draws)
        flat = item.responses.reshape(len(item.responses), -1)
        sums = sums + (weight @ flat).astype(np.float64)
        totals += weight.sum(axis=1, dtype=np.float64)
        blocks.append(item)
        if progress is not None:
            progress(len(blocks), total)
    aggregates = combine(blocks)
    shape = (draws, *aggregates.everyone.shape)
    return aggregates, np.asarray(sums / totals[:, None]).reshape(shape)


def drawn_category_means(
    engine: ResponseEngine,
    personas: pd.DataFrame,
    contexts: pd.DataFrame,
    attribute: str,
    *,
    seed: int,
    draws: int = DRAWS,
) -> dict[str, np.ndarray]:
    """As `drawn_means`, for each category of one attribute: {category: (draws, contexts, behaviours)}."""
    labels = personas[attribute].astype(str).to_numpy()
    categories = sorted(set(labels))
    sums: dict[str, np.ndarray] = {}
    totals = {category: np.zeros(draws) for category in categories}
    for item in simulate_blocks(engine, personas, contexts, (), keep_responses=True):
        assert item.responses is not None
        size = len(item.responses)
        weight = _reweighted(personas, item.first, size, item.block, seed, draws)
        flat = item.responses.reshape(size, -1)
        here = labels[item.first : item.first + size]
        for category in categories:
            members = here == category
            part = (weight[:, members] @ flat[members]).astype(np.float64)
            sums[category] = sums[category] + part if category in sums else part
            totals[category] += weight[:, members].sum(axis=1, dtype=np.float64)
    behaviours = next(iter(sums.values())).shape[1] // len(contexts)
    return {
        category: (sums[category] / totals[category][:, None]).reshape(draws, len(contexts), behaviours)
        for category in categories
    }


def drawn_calibration(problem: Problem, calibrator: LinearCalibrator, means: np.ndarray, seed: int) -> Calibration:
    """The calibration fitted anew in each draw; `means` is (draws, contexts, behaviours) of the problem's contexts."""
    window = problem.final
    observed = problem.observed.reindex(window.train).to_numpy(float)
    memory = calibrator.memory_days
    age = (window.train.max() - window.train).days.to_numpy(dtype=float)
    weight = np.ones(len(age)) if memory is None else np.exp2(-age / memory)
    multiples = np.array([item.upper for item in problem.study.behaviours])
    seeds = np.random.SeedSequence(seed, spawn_key=(1,)).generate_state(len(means))
    slopes, intercepts, uppers, measurements = [], [], [], []
    gaps: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for drawn, own_seed in zip(means, seeds, strict=True):
        measurement = measurement_for(problem, drawn)
        offset, scale = measurement.affine(window.train)
        activity = drawn[window.train_context]
        lines = bootstrap_lines(activity, observed, offset, scale, weight, draws=1, seed=int(own_seed))
        a, b = lines[0][0], lines[1][0]
        upper = measurement.upper(multiples)
        gap = activity_gap(
            (observed - offset) / scale,
            np.clip(activity * a + b, calibrator.lower, upper),
            window.train_types,
            FLOOR * measurement.upper(np.ones(len(multiples))),
        )
        slopes.append(a)
        intercepts.append(b)
        uppers.append(upper)
        measurements.append(measurement)
        for kind, value in gap.items():
            gaps[kind].append(value)
    return Calibration(
        a=np.stack(slopes)[:, None, :],
        b=np.stack(intercepts)[:, None, :],
        lower=calibrator.lower,
        upper=np.stack(uppers)[:, None, :],
        gap={kind: np.stack(values)[:, None, :] for kind, values in gaps.items()},
        baseline=means[:, problem.baseline_context],
        measurements=tuple(measurements),
    )


def _reweighted(personas: pd.DataFrame, first: int, size: int, block: int, seed: int, draws: int) -> np.ndarray:
    """Weights of a block's personas in each draw, float32 (draws, size), of the order of 1."""
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(0, block))))
    own = personas["weight"].to_numpy(dtype=float)
    multiples = generator.standard_exponential((draws, size), dtype=np.float32)
    return np.asarray(multiples * (own[first : first + size] / own.mean()).astype(np.float32))
