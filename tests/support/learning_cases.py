"""Places whose forecasts of the past miss in a way that is known."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from core.calibration.transfer_prior import LONGEST, TransferPrior
from core.forecasting.past import PastForecasts

BEHAVIOURS = ("parks", "workplaces")
ORIGINS = tuple(date(2020, 4, 30) + timedelta(days=28 * step) for step in range(12))


def past_of(
    place: str,
    recovery: float = 0.0,
    season: float = 0.0,
    latitude: float | None = None,
    *,
    followed: float = 1.0,
    policy: float = 0.0,
    noise: float = 0.0,
    seed: int = 0,
    origins: tuple[date, ...] = ORIGINS,
) -> PastForecasts:
    """A place where parks do what drift of this size does, and `followed` of what policy does (relative activity of size
    `policy`); workplaces stay. Noise is in metric points."""
    generator = np.random.default_rng(seed)
    shape = (len(origins), LONGEST, 2)
    effect = np.zeros(shape)
    effect[..., 0] = policy * generator.choice([-1.0, 1.0], (len(origins), 1))
    truth = np.empty(shape)
    for number, origin in enumerate(origins):
        days = pd.date_range(origin + timedelta(days=1), periods=LONGEST)
        drift = TransferPrior(origin, origin, latitude, np.array([recovery, 0.0]), np.array([season, 0.0]))
        truth[number] = 100 * (drift.of(days) + followed * effect[number])
    truth += generator.normal(0, noise, shape)
    one = np.ones(shape, dtype=np.float32)
    return PastForecasts(
        place=place,
        latitude=latitude,
        behaviours=BEHAVIOURS,
        origins=origins,
        truth=truth.astype(np.float32),
        naive=truth.astype(np.float32),
        base=one,
        effect=effect.astype(np.float32),
        offset=-100 * one,
        scale=100 * one,
        policy_effect=100 * effect.astype(np.float32),
        usual=np.ones((len(origins), 2), dtype=np.float32),
        upper=np.full(2, 9.0),
        left_out={},
    )
