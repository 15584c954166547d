"""The calibrator of arXiv 2601.06111 as published: TPE over a and b, straight onto the metric, with clipping.

Kept for comparison. From wide bounds the joint search of all twelve numbers ends several times above least squares; the
problem separates by behaviour and has a closed-form start, so each behaviour has a study of its own that begins there.
"""

from __future__ import annotations

import numpy as np

from core.calibration.calibrators import CALIBRATORS, Calibrator
from core.calibration.linear import FEWEST_DAYS, LinearCalibrator, least_squares_lines
from core.calibration.trials import TrialLog, quiet_optuna

#: Half-width of the search box around the closed-form start, as a share of the metric's spread.
REACH = 1.0
LOWEST_METRIC = -100.0
#: A training error below this is none, and no error to compare with.
SMALLEST_ERROR = 1e-9


class PaperCalibrator(LinearCalibrator):
    """TPE over (a, b) per behaviour on training RMSE; `trials` studies of that length, warm-started.

    After fit: `gap_` is training RMSE (macro, without clip) over that of least squares, minus 1; `log_` the trials.
    """

    def __init__(
        self,
        trials: int = 100,
        seed: int = 0,
        lower: float = LOWEST_METRIC,
        warm_start: bool = True,
        fewest: int = FEWEST_DAYS,
    ) -> None:
        super().__init__(lower=lower, upper=None, positive=False, fewest=fewest)
        self.trials = trials
        self.seed = seed
        self.warm_start = warm_start

    def _solve(self, activity: np.ndarray, observed: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        metric = observed
        optuna = quiet_optuna()
        start_a, start_b = least_squares_lines(activity, metric, weight, positive=False)
        behaviours = activity.shape[1]
        a, b = np.empty(behaviours), np.empty(behaviours)
        best, floor = np.empty(behaviours), np.empty(behaviours)
        self.log_ = TrialLog("paper")
        seeds = np.random.SeedSequence(self.seed).generate_state(behaviours)
        for column in range(behaviours):
            seen = np.isfinite(metric[:, column])
            x, y = activity[seen, column], metric[seen, column]
            spread_x, spread_y = max(float(x.std()), 1e-6), max(float(y.std()), 1e-6)

            def rmse(slope: float, intercept: float, x: np.ndarray = x, y: np.ndarray = y) -> float:
                return float(np.sqrt(np.mean((y - slope * x - intercept) ** 2)))

            reach_a = REACH * spread_y / spread_x
            reach_b = REACH * spread_y + reach_a * abs(float(x.mean()))
            study = optuna.create_study(
                sampler=optuna.samplers.TPESampler(seed=int(seeds[column]), multivariate=True), direction="minimize"
            )
            if self.warm_start:
                study.enqueue_trial({"a": start_a[column], "b": start_b[column]})
            for _ in range(self.trials):
                trial = study.ask()
                slope = trial.suggest_float("a", start_a[column] - reach_a, start_a[column] + reach_a)
                intercept = trial.suggest_float("b", start_b[column] - reach_b, start_b[column] + reach_b)
                value = rmse(slope, intercept)
                study.tell(trial, value)
                self.log_.add({"behaviour": column, "a": slope, "b": intercept}, [value], value)
            a[column], b[column] = study.best_params["a"], study.best_params["b"]
            best[column], floor[column] = study.best_value, rmse(start_a[column], start_b[column])
        self.gap_ = float((best.mean() - floor.mean()) / max(floor.mean(), SMALLEST_ERROR))
        return a, b


CALIBRATORS.register(
    Calibrator(
        name="paper",
        order=40,
        label="The published calibration: TPE over a and b, straight onto the metric",
        help="A tree-structured Parzen search of slope and intercept for each behaviour, from the closed-form start.",
        make=lambda upper: PaperCalibrator(),
        on_metric=True,
    )
)
