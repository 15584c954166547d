"""Learn from many places how far activity on days off differs from what the engine says of it.

Per place and behaviour the median, over public holidays on former working days, of activity against the working days
around, in units of what the engine says of holidays (`core.calibration.attendance`). How widely these medians spread over
places, less what they would by chance alone, is how little is known of a day off that nobody has observed. A place's own
holidays correct the engine there, but a weekly day of rest is not a holiday, and no same-weekday metric shows how the two
differ; so the whole spread is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from core.calibration.attendance import AROUND, holiday_ratios
from core.calibration.problem import build_problem
from core.calibration.twin import observed_activity, window_activity
from core.cognition.engine import ResponseEngine
from core.forecasting.effect_learning import FEWEST_PLACES, QUARTILES_APART
from core.forecasting.places import Place
from core.simulation.simulate import simulate

#: A place with fewer observed holidays tells nothing about a behaviour.
FEWEST_HOLIDAYS = 4
#: The standard error of a median of normal values, in units of that of their mean.
MEDIAN_ERROR = 1.2533


def holidays_of(place: Place, engine: ResponseEngine, personas: pd.DataFrame, last: date) -> pd.DataFrame:
    """Logarithms of what activity on each public holiday up to `last` was, over what the engine says, against the working
    days around: (holidays × behaviours), NaN where not observed."""
    # A horizon of a day, for nothing is forecast.
    problem = build_problem(
        place.study, place.timeline, place.observations, place.cases, last, last + timedelta(days=1), inner=False
    )
    window = problem.final
    relative = window_activity(
        problem, window, simulate(engine, personas, problem.contexts).everyone, holidays_tell=False
    )
    activity, types = observed_activity(problem, window, relative), window.types[: window.train_days]
    days, ratios = holiday_ratios(activity, window.train, types, problem.baseline_off)
    logs = np.log(np.where(ratios > 0, ratios, np.nan))
    return pd.DataFrame(logs, window.train[days], list(place.study.behaviour_ids))


def days_off_spread(places: Sequence[pd.DataFrame], known_until: date) -> dict[str, tuple[float, float, int]]:
    """Per behaviour the median factor on the engine's days off, the standard deviation between places of its logarithm, and
    the number of places; from `holidays_of` each place, of those whose days around were over by `known_until`."""
    over = pd.Timestamp(known_until) - pd.Timedelta(days=AROUND)
    known = [item.loc[:over] for item in places]
    found = {}
    for behaviour in dict.fromkeys(name for item in known for name in item.columns):
        told = [item[behaviour].dropna() for item in known if behaviour in item]
        told = [values for values in told if len(values) >= FEWEST_HOLIDAYS]
        if len(told) < FEWEST_PLACES:
            continue
        medians = [float(values.median()) for values in told]
        low, median, high = np.quantile(medians, [0.25, 0.5, 0.75])
        by_chance = float(np.median([MEDIAN_ERROR * values.std() / np.sqrt(len(values)) for values in told]))
        spread = np.sqrt(max(((high - low) / QUARTILES_APART) ** 2 - by_chance**2, 0.0))
        found[str(behaviour)] = (float(np.exp(median)), float(spread), len(told))
    return found
