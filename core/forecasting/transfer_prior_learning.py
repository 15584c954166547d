"""Learn recovery and season (`core.calibration.transfer_prior`) from what twins of many places missed at origins of the past.

For each day up to which something may be known, errors of forecasts on days up to it are averaged over weeks ahead and
regressed on two things: how far ahead the week lies, and how much warmer its time of year is. The regression is a ridge:
an error's cause is shared by all places at a time, so few months of history tell little, however many places there are;
the penalty on recovery falls with the months seen. Penalties were chosen on the countries that are not kept for exams.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from core.calibration.transfer_prior import LONGEST
from core.errors import InputError
from core.forecasting.teachers import WEEK, Teachers
from core.simulation.measurement import PERCENT

#: Ridge penalties as shares of the number of errors: on recovery this much divided by the months seen, on season this.
RECOVERY_PENALTY = 3.0
SEASON_PENALTY = 0.1
#: Errors beyond these quantiles count as at them: a few places had weeks that no other had.
CLIPPED_AT = (0.02, 0.98)
#: Less history than this teaches nothing.
FEWEST_MONTHS = 1.5


@dataclass(frozen=True)
class LearnedPrior:
    """Recovery and season in relative activity: `everyone` (behaviours, 2) from all places, and `others` (places, behaviours,
    2) from all but each; 0 for a behaviour without any error."""

    everyone: np.ndarray
    others: np.ndarray


def learn_transfer_prior(teachers: Teachers, missed: np.ndarray, known_until: date) -> LearnedPrior:
    """From weekly errors (`weekly`, metric points) of forecasts that know of no drift, in weeks up to `known_until` alone.

    InputError where there is too little history.
    """
    months = teachers.months(known_until)
    if months < FEWEST_MONTHS:
        raise InputError(
            f"errors up to {known_until} span {months:.1f} months",
            where="learning drift",
            allowed=f"{FEWEST_MONTHS} months or more",
        )
    weeks = np.arange(missed.shape[2])
    known = (weeks + 1) * WEEK <= teachers.known_days(known_until)[:, None]
    ahead = np.broadcast_to((weeks + 0.5) * WEEK / LONGEST, missed.shape[:3])
    middle = teachers.warm[:, :, WEEK // 2 :: WEEK][:, :, : len(weeks)]
    penalty = np.array([RECOVERY_PENALTY / months, SEASON_PENALTY])
    places, behaviours = len(teachers.places), len(teachers.behaviours)
    everyone, others = np.zeros((behaviours, 2)), np.zeros((places, behaviours, 2))
    for column in range(behaviours):
        error = missed[..., column] / PERCENT
        seen = np.isfinite(error) & known
        if not seen.any():
            continue
        error = np.where(seen, np.clip(error, *np.quantile(error[seen], CLIPPED_AT)), 0.0)
        rows = np.stack([np.where(seen, part, 0.0) for part in (ahead, middle)], axis=-1)
        flat = rows.reshape(places, -1, 2)
        squares = np.swapaxes(flat, 1, 2) @ flat
        products = (np.swapaxes(flat, 1, 2) @ error.reshape(places, -1, 1))[..., 0]
        count = seen.sum(axis=(1, 2))
        total = squares.sum(axis=0), products.sum(axis=0), count.sum()
        everyone[column] = _ridge(total[0][None], total[1][None], total[2][None], penalty)[0]
        others[:, column] = _ridge(total[0] - squares, total[1] - products, total[2] - count, penalty)
    return LearnedPrior(everyone, others)


def _ridge(squares: np.ndarray, products: np.ndarray, count: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """Coefficients (n, 2) of n ridges from their squares (n, 2, 2), products (n, 2) and numbers of errors; 0 without any."""
    size = np.maximum(count, 1)
    a, d = (squares[:, part, part] + penalty[part] * size for part in (0, 1))
    b = squares[:, 0, 1]
    x, y = products[:, 0], products[:, 1]
    return np.column_stack([d * x - b * y, a * y - b * x]) / (a * d - b * b)[:, None]


def transfer_prior_of(teachers: Teachers, learned: np.ndarray) -> np.ndarray:
    """The drift of relative activity, (places, origins, days ahead, behaviours), where each place's origins know the recovery
    and season `learned`, (places, origins, behaviours, 2)."""
    ahead = np.minimum(np.arange(1, teachers.truth.shape[2] + 1), LONGEST) / LONGEST
    recovery, season = (learned[:, :, None, :, part] for part in (0, 1))
    return np.asarray(ahead[:, None] * recovery + teachers.warm[..., None] * season, dtype=np.float32)
