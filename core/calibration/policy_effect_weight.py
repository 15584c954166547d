"""How much of what the simulation says of changes of policy since the origin a forecast follows.

A share that other places' past taught: the one with which their forecasts would have missed least on days up to
`known_until` (`core.forecasting.weight_learning`). An origin is given the last that was known by then; where nothing was,
half-way between following nothing and all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.calibration.learned import WEIGHTS_FILE, known_rows
from core.study import Study

UNINFORMED = 0.5
#: A search may go this far from what was learned; without, anywhere from nothing to all.
REACH = 0.3


@dataclass(frozen=True)
class PolicyWeight:
    """The share of a simulated effect that a forecast follows, the range that a search may choose it from, and the last day
    that it has seen of any place (None: nothing was learned)."""

    value: float
    bounds: tuple[float, float]
    known_until: date | None


def prior_weight(study: Study) -> float:
    """The share that is followed before anything was learned."""
    said = study.forecast.policy_effect_weight
    return UNINFORMED if said is None else said


def known_policy_weight(study: Study, origin: date) -> PolicyWeight:
    """What may be known at `origin` in this place."""
    rows, day = known_rows(study, WEIGHTS_FILE, ("weight", "places"), origin)
    if day is None:
        return PolicyWeight(prior_weight(study), (0.0, 1.0), None)
    value = float(rows["weight"].iloc[0])
    return PolicyWeight(value, (max(value - REACH, 0.0), min(value + REACH, 1.0)), day)
