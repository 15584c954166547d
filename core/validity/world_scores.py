"""How near estimates of effects came to a known truth: what is asked in a world, what was answered, and the scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.counterfactual.support import FAR
from core.validity.effect_estimators import EFFECT_ESTIMATORS
from core.validity.paired import Difference, rmse_difference

TWIN = "twin"
ESTIMATORS = (TWIN, *EFFECT_ESTIMATORS)
#: What an alternative changes: measures, or the days on which people work. Points of the two do not compare.
MEASURES, WORKING_WEEK = "measures", "working week"
#: A true effect smaller than this many points has no direction that matters.
CLEAR_EFFECT = 2.0
#: Classes of the mean distance to training, in points of intensity (0 to 100), of scenarios outside its support.
DISTANCES = (FAR, 25.0, 40.0)
INSIDE, FARTHEST = "inside", f"outside, above {DISTANCES[-1]:g}"
DISTANCE_CLASSES = (INSIDE, *(f"outside, up to {limit:g}" for limit in DISTANCES), FARTHEST)
#: The two paths of a contrast agree to about a thousandth of a point; no interval can be held to less.
SLACK = 1e-3


def distance_class(outside_share: float, distance: float) -> str:
    """How far from training a scenario is: inside, or outside on some days, by its mean distance over all days."""
    if outside_share == 0.0:
        return INSIDE
    return next((f"outside, up to {limit:g}" for limit in DISTANCES if distance <= limit), FARTHEST)


@dataclass(frozen=True)
class Estimate:
    """A mean difference over the days asked about, in points, with its 80% interval; None where there is none."""

    estimate: float
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, kw_only=True)
class WorldRow:
    """The `truth` of an alternative for a behaviour of a world, in points, and what each of `ESTIMATORS` said.

    `outside_share` is that of days outside the support of training, `outside_distance` the mean distance to it (0 to 100).
    """

    world: str
    seed: int
    alternative: str
    changes: str
    days: int
    stringency_difference: float
    outside_share: float
    outside_distance: float
    distance_class: str
    behaviour: str
    truth: float
    estimates: Mapping[str, Estimate]


@dataclass(frozen=True, kw_only=True)
class EstimatorScores:
    """An estimator's contrasts against the truth, in points: root mean squared and mean error (estimate − truth), the error in
    the direction of the true effect (`overstated`: above 0 where effects are made too large), the share of right signs among
    clear effects, the share of truths in its 80% intervals and their mean width; None where it says nothing of the kind.
    `against_twin` is the twin's `rmse` less its own, None for the twin and where nothing can be said."""

    rmse: float | None
    mean_error: float | None = None
    overstated: float | None
    right_sign: float | None
    coverage: float | None
    width: float | None = None
    against_twin: Difference | None = None


@dataclass(frozen=True, kw_only=True)
class WorldScores:
    """Scores of every estimator over `rows` true effects of `rms_truth` points (root mean square), `clear` of which have a
    direction that matters."""

    rows: int
    clear: int | None = None
    rms_truth: float | None
    estimators: Mapping[str, EstimatorScores]

    @property
    def best_rival(self) -> tuple[str, Difference] | None:
        """The usual way with the least error, and the twin's error less its own; None where there is no other."""
        rivals = {
            name: (item.rmse, item.against_twin)
            for name, item in self.estimators.items()
            if item.against_twin is not None and item.rmse is not None
        }
        if not rivals:
            return None
        best = min(rivals, key=lambda name: rivals[name][0])
        return best, rivals[best][1]


@dataclass(frozen=True, kw_only=True)
class WorldsSummary:
    """Scores over all rows in which measures differ (`overall`), by world, by alternative and by distance to training, and
    over those in which the working week does, by alternative."""

    overall: WorldScores
    by_world: Mapping[str, WorldScores] = field(default_factory=dict)
    by_alternative: Mapping[str, WorldScores] = field(default_factory=dict)
    by_distance: Mapping[str, WorldScores] = field(default_factory=dict)
    working_week: Mapping[str, WorldScores] = field(default_factory=dict)


def summary_of(rows: Sequence[WorldRow]) -> WorldsSummary:
    """The scores of rows of any worlds."""
    measures = [row for row in rows if row.changes == MEASURES]
    by_distance = _grouped(measures, "distance_class")
    return WorldsSummary(
        overall=scores_of(measures),
        by_world=_grouped(measures, "world"),
        by_alternative=_grouped(measures, "alternative"),
        by_distance={name: by_distance[name] for name in DISTANCE_CLASSES if name in by_distance},
        working_week=_grouped([row for row in rows if row.changes == WORKING_WEEK], "alternative"),
    )


def scores_of(rows: Sequence[WorldRow]) -> WorldScores:
    """Scores of every estimator over some rows. Coverage and width are over the rows with an interval; differences from the
    twin have an interval over worlds, for a world's rows share its luck."""
    truth = np.array([row.truth for row in rows], dtype=float)
    clear = np.abs(truth) >= CLEAR_EFFECT
    return WorldScores(
        rows=len(rows),
        clear=int(clear.sum()),
        rms_truth=_root_mean_square(truth),
        estimators={name: _scores(rows, name, truth, clear) for name in ESTIMATORS},
    )


def _scores(rows: Sequence[WorldRow], name: str, truth: np.ndarray, clear: np.ndarray) -> EstimatorScores:
    said = [row.estimates[name] for row in rows]
    estimate = np.array([item.estimate for item in said], dtype=float)
    lower, upper = (np.array([getattr(item, end) for item in said], dtype=float) for end in ("lower", "upper"))
    error, given = estimate - truth, np.isfinite(lower)
    inside = (lower - SLACK <= truth) & (truth <= upper + SLACK)
    return EstimatorScores(
        rmse=_root_mean_square(error),
        mean_error=_mean(error),
        overstated=_mean(error * np.sign(truth)),
        right_sign=_mean((np.sign(estimate) == np.sign(truth))[clear]),
        coverage=_mean(inside[given]),
        width=_mean((upper - lower)[given]),
        against_twin=None if name == TWIN else _against_twin(rows, error, truth),
    )


def _against_twin(rows: Sequence[WorldRow], error: np.ndarray, truth: np.ndarray) -> Difference | None:
    """The twin's error less another's; None without rows, or where the other does not answer all of them."""
    if not len(rows) or not np.isfinite(error).all():
        return None
    ours = np.array([row.estimates[TWIN].estimate for row in rows], dtype=float) - truth
    return rmse_difference(ours, error, [row.seed for row in rows], [row.world for row in rows])


def _grouped(rows: Sequence[WorldRow], key: str) -> dict[str, WorldScores]:
    names = dict.fromkeys(getattr(row, key) for row in rows)
    return {name: scores_of([row for row in rows if getattr(row, key) == name]) for name in names}


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _root_mean_square(values: np.ndarray) -> float | None:
    return float(np.sqrt(np.mean(values**2))) if len(values) else None
