"""What a forecast's interval is made of: who was drawn, which weeks it was fitted on, and all that is left.

Each part is the standard deviation of the forecast when that alone is drawn anew, averaged over classes of days ahead.
The residual is what of the whole interval (`core.forecasting.intervals`) the others do not account for: everything that
the model does not know. An engine that answers with probabilities says the same each time it is asked, so that repeated
answers add nothing; where it gives samples, their part comes from how much these differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from core.calibration.linear import LinearCalibrator
from core.calibration.twin import novel_calendar_days, window_activity
from core.counterfactual.effect_uncertainty import known_days_off_spread
from core.counterfactual.fitted import FittedTwin
from core.counterfactual.measured import Calibration
from core.counterfactual.uncertainty import DRAWS, drawn_calibration, drawn_means
from core.execution.executor import IN_THIS_PROCESS, Executor

#: Days ahead up to which a class reaches; the last takes all that is left.
CLASSES = (7, 30, 90, 180)
PARTS = ("personas", "calibration", "repeated_answers", "working_week", "residual")
#: An 80% interval of a normal distribution is this many standard deviations to each side.
EIGHTY = 1.2816


def forecast_parts(
    twin: FittedTwin,
    half_width: pd.DataFrame,
    samples: Sequence[np.ndarray] = (),
    executor: Executor = IN_THIS_PROCESS,
) -> pd.DataFrame:
    """Rows behaviour, first_day, last_day (days ahead), part, deviation (points of the metric), and share of the variance.

    `half_width` (days × behaviours) is half of the forecast's 80% interval; `samples` are mean answers (contexts,
    behaviours) of the problem's contexts, one per repetition, where the engine was asked more than once.
    """
    problem = twin.problem
    fitted = twin.fitted
    unfitted = LinearCalibrator(lower=fitted.lower, upper=np.asarray(fitted.upper), share=fitted.share)
    aggregates, drawn = drawn_means(twin.engine, twin.personas, problem.contexts, seed=twin.seed, executor=executor)
    same = np.broadcast_to(aggregates.everyone, (DRAWS, *aggregates.everyone.shape))

    def deviation(means: np.ndarray, *, weeks: bool) -> np.ndarray:
        refitted = drawn_calibration(problem, unfitted, fitted.trust, means, twin.seed, weeks=weeks)
        return np.asarray(_forecasts(twin, refitted, means).std(axis=0, ddof=1, dtype=np.float64))

    repeated = np.zeros(half_width.shape)
    if len(samples) > 1:
        # The forecast stands on the mean of the samples, which varies less than one of them.
        repeated = deviation(np.stack(samples), weeks=False) / np.sqrt(len(samples))
    known = {"personas": deviation(drawn, weeks=False), "calibration": deviation(same, weeks=True)}
    parts = {**known, "repeated_answers": repeated, "working_week": _moved_week(twin, aggregates.everyone)}
    total = (half_width.to_numpy(float) / EIGHTY) ** 2
    explained = np.sum([values**2 for values in parts.values()], axis=0)
    variances = {name: values**2 for name, values in parts.items()}
    variances["residual"] = np.maximum(total - explained, 0.0)
    return _by_class(variances, half_width)


def _moved_week(twin: FittedTwin, means: np.ndarray) -> np.ndarray:
    """The standard deviation that days give a forecast which a moved week makes what their weekday never was in training,
    (days, behaviours)."""
    problem, window = twin.problem, twin.problem.final
    ahead = slice(window.train_days, None)
    moves = np.abs(novel_calendar_days(problem, window, window.horizon, window.types[ahead]))
    spread = known_days_off_spread(problem.study, window.origin)
    offset = window_activity(problem, window, means).part(ahead).offset
    return np.asarray((_forecasts(twin, twin.fitted, means) - offset) * moves[:, None] * spread)


def _forecasts(twin: FittedTwin, calibration: Calibration, means: np.ndarray) -> np.ndarray:
    """The forecast of the final window in each draw, (…, days, behaviours)."""
    window = twin.problem.final
    relative = window_activity(twin.problem, window, means)
    ahead = slice(window.train_days, None)
    part = relative.part(ahead)
    return calibration.metric(part, part.actual, window.horizon, window.types[ahead])


def _by_class(variances: dict[str, np.ndarray], like: pd.DataFrame) -> pd.DataFrame:
    rows = []
    edges = [0, *[last for last in CLASSES if last < len(like)], len(like)]
    for first, last in pairwise(edges):
        mean = {name: values[first:last].mean(axis=0) for name, values in variances.items()}
        whole = np.sum(list(mean.values()), axis=0)
        for place, behaviour in enumerate(like.columns):
            for name in PARTS:
                variance = float(mean[name][place])
                share = variance / whole[place] if whole[place] > 0 else 0.0
                about = {"behaviour": str(behaviour), "first_day": first + 1, "last_day": last, "part": name}
                rows.append({**about, "deviation": float(np.sqrt(variance)), "share": float(share)})
    return pd.DataFrame(rows)
