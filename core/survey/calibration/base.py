"""What a calibrator of twins is: a scikit-learn estimator that never sees what it predicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from core.registry import Kind, Registry
from core.survey.calibration.problem import QUESTION, CalibrationProblem


class TwinCalibrator(BaseEstimator):
    """Base of all. `fit(X, y)` takes twins' and people's answers, two tables (people, questions) in one order with NaN where
    nobody answered, or a `CalibrationProblem` as X, whose shared work is then used. `predict(units)` gives people's answers
    to each of these questions (people, units), or of each of these users (questions, units); always as if the people had
    said nothing there: their own answers in a predicted column are not read.

    A subclass gives `_predict`: predictions on the scale of people's donors, for the units of each part.
    """

    def fit(self, X: Any, y: Any = None, target: str = QUESTION) -> Self:
        self.problem_ = X if isinstance(X, CalibrationProblem) else CalibrationProblem(X, y, target)
        return self

    def predict(self, units: Sequence[int] | None = None) -> np.ndarray:
        """Answers (rows, units asked for), in the questions' own units."""
        check_is_fitted(self)
        problem = self.problem_
        found = np.full((len(problem.design), problem.units), np.nan)
        for hidden, answers in self._predict(problem, units):
            found[:, hidden] = answers
        return found if units is None else found[:, list(units)]

    def _predict(self, problem: CalibrationProblem, units: Sequence[int] | None) -> Any:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class TwinMethod(Kind):
    """A calibrator of twins. `make` gives the estimator for a target; with `standard` it is one of those that `all` means."""

    make: Callable[[str], TwinCalibrator]
    standard: bool = False


TWIN_METHODS: Registry[TwinMethod] = Registry(
    TwinMethod, "method", "core.survey.calibration.methods", "policytwin.twin_methods"
)
