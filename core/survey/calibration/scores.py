"""How well predicted answers follow people's: Pearson's correlation of each unit, and the mean over units.

The mean counts an undefined correlation (a prediction, or the twins' answer, that is the same for everybody) as 0, as the
published figures do; beside it stands the mean over the units where it is defined. A unit is scored on the cells that people
and twins both answered, so that every method is judged on the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.survey.calibration.problem import CalibrationProblem

#: Fewer common answers than these are no correlation.
FEWEST_ANSWERS = 3
#: A spread below this part of the answers' size is none: rounding leaves such traces.
FLAT = 1e-9


@dataclass(frozen=True, kw_only=True)
class MethodScore:
    """Means over `units`; `standard_error` is that of the mean with undefined ones as 0. `correlations` by unit, None where
    undefined."""

    mean_correlation: float
    mean_correlation_defined: float | None
    standard_error: float
    defined: int
    units: int
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    correlations: tuple[float | None, ...] = ()


def correlations(problem: CalibrationProblem, answers: np.ndarray) -> np.ndarray:
    """Of answers (rows, units) with the people's, (units,), NaN where undefined."""
    people = np.where(np.isnan(problem.twins), np.nan, problem.people)
    people = people.T if problem.by_user else people
    seen = ~np.isnan(people) & ~np.isnan(answers)
    count = np.maximum(seen.sum(axis=0), 1)

    def centred(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = np.where(seen, table, 0.0).sum(axis=0) / count
        about = np.where(seen, table - mean, 0.0)
        spread = np.sqrt((about**2).sum(axis=0))
        size = np.sqrt(np.where(seen, table**2, 0.0).sum(axis=0))
        return about, np.where(spread > FLAT * np.maximum(size, FLAT), spread, np.nan)

    (one, own), (other, its) = centred(people), centred(answers)
    found = (one * other).sum(axis=0) / (own * its)
    return np.where(seen.sum(axis=0) < FEWEST_ANSWERS, np.nan, found)


def by_group(problem: CalibrationProblem, answers: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """The mean correlation of predicted questions (people, questions) within each group of people, undefined ones as 0."""
    found = {}
    for name in dict.fromkeys(groups.tolist()):
        own = groups == name
        part = CalibrationProblem(problem.twins[own], problem.people[own])
        found[str(name)] = float(np.nan_to_num(correlations(part, answers[own])).mean())
    return found


def score(found: np.ndarray, seconds: float = 0.0, cpu_seconds: float = 0.0) -> MethodScore:
    """The score of correlations by unit."""
    filled = np.nan_to_num(found)
    defined = np.isfinite(found)
    error = float(filled.std(ddof=1) / np.sqrt(len(filled))) if len(filled) > 1 else 0.0
    return MethodScore(
        mean_correlation=round(float(filled.mean()), 6),
        mean_correlation_defined=round(float(found[defined].mean()), 6) if defined.any() else None,
        standard_error=round(error, 6),
        defined=int(defined.sum()),
        units=len(found),
        seconds=round(seconds, 3),
        cpu_seconds=round(cpu_seconds, 3),
        correlations=tuple(round(float(value), 6) if np.isfinite(value) else None for value in found),
    )
