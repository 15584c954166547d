"""How wrong the engine can be, as other countries' past tells: a spread of factors per behaviour.

Where a contrast says −10 points, the truth may be −6 or −15: not because people were drawn or weeks were few, but because
the engine is a model. Of many countries, the effects that came about after changes of policy were simulated ones times a
factor around 1 whose spread was learned (`core.forecasting.effect_learning`); each draw of a counterfactual takes one
factor per behaviour.

The same holds of what it says of days off against working days, which is all that is known where a moved working week
makes a weekday what it never was in training: countries' public holidays showed activity that was what the engine says of
days off times a factor (`core.forecasting.days_off_learning`).
"""

from __future__ import annotations

from datetime import date

import numpy as np

from core.calibration.learned import known_rows
from core.statistics.bootstrap import generator_of
from core.study import Study

EFFECTS_FILE = "effects.csv"
DAYS_OFF_FILE = "days_off.csv"
#: Where nothing was learned: half of an effect either way is as likely as not outside of one standard deviation.
UNKNOWN_SPREAD = 0.5
#: As much, of a day off's activity: near the largest of any behaviour that was learned.
UNKNOWN_DAYS_OFF = 0.35
#: Which stream of the seed each kind of factor is drawn from, so that a run's draws of one never move with the other.
EFFECT_FACTORS, DAYS_OFF_FACTORS = 2, 3


def known_effect_spread(study: Study, origin: date) -> np.ndarray:
    """Standard deviation of the factor on each behaviour's simulated effects, as known at `origin`, (behaviours,)."""
    return _spread_after(study, EFFECTS_FILE, UNKNOWN_SPREAD, origin)


def known_days_off_spread(study: Study, origin: date) -> np.ndarray:
    """Standard deviation of the factor on each behaviour's simulated activity of days off, as known at `origin`."""
    return _spread_after(study, DAYS_OFF_FILE, UNKNOWN_DAYS_OFF, origin)


def _spread_after(study: Study, file: str, unknown: float, origin: date) -> np.ndarray:
    rows, day = known_rows(study, file, ("spread",), origin)
    values = {} if day is None else dict(zip(rows["behaviour"], rows["spread"], strict=True))
    return np.array([values.get(name, unknown) for name in study.behaviour_ids])


def drawn_factors(spread: np.ndarray, draws: int, seed: int, stream: int) -> np.ndarray:
    """Factors with mean 1 and this standard deviation, float32 (draws, behaviours): log-normal, for an engine may overstate
    an effect or understate it, but not turn its direction round."""
    generator = generator_of(seed, stream)
    width = np.sqrt(np.log1p(spread**2))
    logs = generator.standard_normal((draws, len(spread))) * width - width**2 / 2
    return np.exp(logs).astype(np.float32)
