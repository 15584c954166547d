"""How well predicted answers follow people's: Pearson's correlation of each unit, and the mean over units.

The mean counts an undefined correlation (a prediction, or the twins' answer, that is the same for everybody) as 0, as the
published figures do; beside it stands the mean over the units where it is defined. A unit is scored on the cells that people
and twins both answered, so that every method is judged on the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.statistics.bootstrap import MANY_DRAWS, unit_counts
from core.statistics.levels import SHOWN, tails
from core.survey.calibration.problem import CalibrationProblem

#: Fewer common answers than these are no correlation.
FEWEST_ANSWERS = 3
#: A spread below this part of the answers' size is none: rounding leaves such traces.
FLAT = 1e-9
#: Draws of the intervals of correlations.
DRAWS = 300


@dataclass(frozen=True, kw_only=True)
class MethodScore:
    """Means over `units`; `standard_error` is that of the mean with undefined ones as 0. `correlations` by unit, None where
    undefined. Intervals of `level` percent: `lower` and `upper` of the mean from drawing units anew, `each_lower` and
    `each_upper` of each correlation from drawing anew the rows that it is over (people of a question, questions of a user)."""

    mean_correlation: float
    mean_correlation_defined: float | None
    standard_error: float
    defined: int
    units: int
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    correlations: tuple[float | None, ...] = ()
    level: int = SHOWN
    lower: float | None = None
    upper: float | None = None
    each_lower: tuple[float | None, ...] = ()
    each_upper: tuple[float | None, ...] = ()


def correlations(problem: CalibrationProblem, answers: np.ndarray) -> np.ndarray:
    """Of answers (rows, units) with the people's, (units,), NaN where undefined."""
    people = _judged(problem)
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


def correlation_intervals(
    problem: CalibrationProblem, answers: np.ndarray, level: int = SHOWN, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Ends (units,) of each correlation's interval: percentiles over `DRAWS` draws of the rows with replacement."""
    people = _judged(problem)
    seen = (~np.isnan(people) & ~np.isnan(answers)).astype(np.float32)
    count = np.maximum(seen.sum(axis=0), 1)

    def about(table: np.ndarray) -> np.ndarray:
        filled = np.where(seen > 0, table, 0.0)
        about = np.where(seen > 0, filled - filled.sum(axis=0) / count, 0.0)
        size = np.sqrt((about**2).sum(axis=0) / count)
        return np.asarray(about / np.where(size > FLAT, size, 1.0), dtype=np.float32)

    one, other = about(people), about(answers)
    drawn = unit_counts(len(people), DRAWS, seed).astype(np.float32)
    total = np.maximum(drawn @ seen, 1.0)
    (mean_one, mean_other), (square_one, square_other) = (
        tuple(drawn @ table**power / total for table in (one, other)) for power in (1, 2)
    )
    covariance = drawn @ (one * other) / total - mean_one * mean_other
    scale = np.sqrt(np.maximum((square_one - mean_one**2) * (square_other - mean_other**2), 1e-12))
    ends = np.quantile(np.clip(covariance / scale, -1, 1), tails(level), axis=0)
    known = np.isfinite(correlations(problem, answers))
    return np.where(known, ends[0], np.nan), np.where(known, ends[1], np.nan)


def _judged(problem: CalibrationProblem) -> np.ndarray:
    """People's answers (rows, units) beside which there is a twin's."""
    people = np.where(np.isnan(problem.twins), np.nan, problem.people)
    return people.T if problem.by_user else people


def by_group(problem: CalibrationProblem, answers: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """The mean correlation of predicted questions (people, questions) within each group of people, undefined ones as 0."""
    found = {}
    for name in dict.fromkeys(groups.tolist()):
        own = groups == name
        part = CalibrationProblem(problem.twins[own], problem.people[own])
        found[str(name)] = float(np.nan_to_num(correlations(part, answers[own])).mean())
    return found


def score(
    problem: CalibrationProblem, answers: np.ndarray, seconds: float = 0.0, cpu_seconds: float = 0.0
) -> MethodScore:
    """The score of answers (rows, units)."""
    found = correlations(problem, answers)
    lower, upper = correlation_intervals(problem, answers)
    filled = np.nan_to_num(found)
    means = unit_counts(len(filled), MANY_DRAWS, 1) @ filled / len(filled)
    ends = np.quantile(means, tails(SHOWN))
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
        correlations=_listed(found),
        lower=round(float(ends[0]), 6),
        upper=round(float(ends[1]), 6),
        each_lower=_listed(lower),
        each_upper=_listed(upper),
    )


def _listed(found: np.ndarray) -> tuple[float | None, ...]:
    return tuple(round(float(value), 6) if np.isfinite(value) else None for value in found)
