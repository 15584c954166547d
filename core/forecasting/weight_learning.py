"""Learn from many places how much of a simulated effect a forecast should follow (`core.calibration.policy_effect_weight`).

For each day up to which something may be known, the weight with which twins of these places would have missed least:
1. forecasts of the past with each weight of a grid, with what drift can be learned beside it;
2. per place and origin the mean over behaviours of the root mean squared error on days up to the day;
3. the weight of the least mean, drawn towards half-way while the history is short.
A place's own errors have no say in the drift that its forecasts are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from core.calibration.policy_effect_weight import UNINFORMED
from core.forecasting.teachers import Teachers, weekly
from core.forecasting.transfer_prior_learning import LearnedPrior, learn_transfer_prior, transfer_prior_of

GRID = np.round(np.linspace(0.0, 1.0, 11), 2)
#: Months of history that count as much as knowing nothing: as few months teach little about recovery, so here.
MONTHS_OF_DOUBT = 3.0
#: An origin with fewer observed days ahead by then says nothing yet.
FEWEST_DAYS = 7


@dataclass(frozen=True)
class LearnedForecast:
    """What was learned by each of `days`: the policy `weights`, and the `drifts` learned beside them; and the twin's `errors`
    (places, origins, days ahead, behaviours) where each origin has what was known by then and no place has taught itself,
    with the `weight` of each origin."""

    days: tuple[date, ...]
    weights: tuple[float, ...]
    drifts: tuple[LearnedPrior, ...]
    errors: np.ndarray
    weight: np.ndarray


def learn_forecast(teachers: Teachers, days: Sequence[date]) -> LearnedForecast:
    """Policy weight and drift by each of `days` (ascending), and errors with them. InputError for a day too early."""
    scores = np.array([_scores(teachers, days, weight) for weight in GRID])
    weights = tuple(_shrunk(_least(scores[:, number]), teachers.months(day)) for number, day in enumerate(days))
    drifts = tuple(
        learn_transfer_prior(teachers, weekly(teachers.errors(np.full(len(teachers.origins), weight))), day)
        for day, weight in zip(days, weights, strict=True)
    )
    place = _known(teachers, days)
    weight = np.array([UNINFORMED if number < 0 else weights[number] for number in place])
    errors = teachers.errors(weight, transfer_prior_of(teachers, _by_origin(drifts, place)))
    return LearnedForecast(tuple(days), weights, drifts, errors, weight)


def _known(teachers: Teachers, days: Sequence[date]) -> list[int]:
    """Which of `days` each origin knows, −1 for none."""
    return [sum(day <= origin for day in days) - 1 for origin in teachers.origins]


def _by_origin(drifts: Sequence[LearnedPrior], place: Sequence[int]) -> np.ndarray:
    nothing = np.zeros_like(drifts[0].others)
    return np.stack([nothing if number < 0 else drifts[number].others for number in place], axis=1)


def _scores(teachers: Teachers, days: Sequence[date], weight: float) -> np.ndarray:
    """Mean error of forecasts with this weight on days up to each of `days`, (days,)."""
    followed = np.full(len(teachers.origins), weight)
    plain = weekly(teachers.errors(followed))
    drifts = [learn_transfer_prior(teachers, plain, day) for day in days]
    errors = teachers.errors(followed, transfer_prior_of(teachers, _by_origin(drifts, _known(teachers, days))))
    seen = np.isfinite(errors)
    squares = np.cumsum(np.where(seen, errors, 0.0).astype(float) ** 2, axis=2)
    counts = np.cumsum(seen, axis=2)
    scores = []
    for day in days:
        known = teachers.known_days(day)
        last = np.maximum(known - 1, 0)
        at = np.arange(len(known))
        count = np.where((known > 0)[:, None], counts[:, at, last], 0)
        total = squares[:, at, last]
        rmse = np.sqrt(np.divide(total, count, out=np.full(total.shape, np.nan), where=count >= FEWEST_DAYS))
        told = np.isfinite(rmse).any(axis=-1)
        scores.append(float(np.nanmean(rmse[told], axis=-1).mean()) if told.any() else np.nan)
    return np.array(scores)


def _least(scores: np.ndarray) -> float:
    """The weight of the least score: the vertex of the parabola through it and its neighbours."""
    if not np.isfinite(scores).all():
        return UNINFORMED
    at = int(np.clip(scores.argmin(), 1, len(GRID) - 2))
    before, here, after = scores[at - 1 : at + 2]
    bend = before - 2 * here + after
    step = GRID[1] - GRID[0]
    vertex = GRID[at] + (step * (before - after) / (2 * bend) if bend > 0 else 0.0)
    best = GRID[scores.argmin()]
    return float(np.clip(vertex if abs(vertex - best) <= step else best, 0.0, 1.0))


def _shrunk(weight: float, months: float) -> float:
    return UNINFORMED + (weight - UNINFORMED) * months / (months + MONTHS_OF_DOUBT)
