"""A place made of other places by the calibrators of twins: days stand for people, places for questions.

Weights that make a place's metric from its donors' on the days before an event are carried over to the days after it
(Abadie et al. 2010, JASA 105, 493). All places are on one scale. What the donors did after the event is used: this is what the
place would have been like, and no forecast.
"""

from __future__ import annotations

import numpy as np

from core.errors import InputError
from core.survey.calibration.base import TWIN_METHODS
from core.survey.calibration.methods.transfer import SyntheticControl, TransferCalibrator
from core.survey.calibration.problem import CalibrationProblem, Scale

#: Methods that give donors weights.
WEIGHING = tuple(name for name in TWIN_METHODS if isinstance(TWIN_METHODS[name].make("question"), TransferCalibrator))


def synthetic_place(table: np.ndarray, place: int, before: int, method: str) -> tuple[np.ndarray, np.ndarray]:
    """(weights (places,), 0 for itself; the place as its donors make it (days,)) from a complete table (days, places) of which
    the first `before` days are fitted. Of the days after, only the donors' are read. InputError for a method without weights."""
    made = TWIN_METHODS[method].make("question")
    if not isinstance(made, TransferCalibrator):
        raise InputError(f"{method} gives donors no weights", where="--method", allowed=", ".join(WEIGHING))
    fitted = np.asarray(table[:before], float)
    ones = np.ones(table.shape[1])
    scale = Scale(fitted.mean() * ones, max(float(fitted.std()), 1e-9) * ones)
    problem = CalibrationProblem(fitted, fitted, scale=scale)
    kept, hidden = np.delete(np.arange(table.shape[1]), place), np.array([place])
    weights = np.zeros(table.shape[1])
    weights[kept] = made.weights(problem, kept, hidden)[:, 0]
    # Weights on the simplex make a mean of donors; the others have an intercept.
    level = 0.0 if isinstance(made, SyntheticControl) else problem.centre[place] - problem.centre @ weights
    return weights, (scale.off(table) @ weights + level) * scale.spread[place] + scale.mean[place]
