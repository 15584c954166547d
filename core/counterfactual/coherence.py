"""Whether the agents behave coherently: more policy moves every behaviour in its expected direction, on every kind of day."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.cognition.engine import DAY_TYPE, EPIDEMIC, RAMADAN, RESTRICTED_DAYS, ResponseEngine
from core.counterfactual.levels import HeldPolicy, staircase
from core.policy.calendar import DAY_TYPES
from core.simulation.simulate import simulate
from core.study import Study

#: Mean activity is a share of people; 32-bit answers differ in the last digits.
RESOLUTION = 1e-6


def behaves_coherently(engine: ResponseEngine, personas: pd.DataFrame, study: Study) -> bool:
    """Whether mean activity lies in [0, 1] and each step of the staircase from no measure to every measure moves each
    behaviour in its expected direction or not at all, on every kind of day."""
    steps = [HeldPolicy(0.0, 0.0, step).row(study) for step in staircase(study)]
    situation = {RAMADAN: False, EPIDEMIC: 0, RESTRICTED_DAYS: 0}
    rows = [{**step, DAY_TYPE: kind, **situation} for kind in DAY_TYPES for step in steps]
    means = simulate(engine, personas, pd.DataFrame(rows)).everyone.reshape(len(DAY_TYPES), len(steps), -1)
    signs = np.array([item.expected_sign for item in study.behaviours])
    bounded = bool((means >= -RESOLUTION).all() and (means <= 1 + RESOLUTION).all())
    return bounded and bool((np.diff(means, axis=1) * signs >= -RESOLUTION).all())
