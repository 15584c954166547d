"""What twins of many places of a panel teach each other: how much of a simulated policy effect to follow, and a damped drift.

Forecasts from origins of the past (`core.forecasting.past`) missed in the same way. By behaviour, least squares on what they
missed, in units of the metric, say how much of what the policy changed came (one weight for all behaviours), and how far
things drifted a period for reasons outside the levers; the damping is the one that leaves least. Only errors of periods up to a
day count for what is known then, and none of the place itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from core.calibration.pace import PACES
from core.calibration.policy_effect_weight import prior_weight
from core.calibration.transfer_prior import DampedTrend, Priors, damped
from core.forecasting.intervals import PastErrors
from core.forecasting.past import PastForecasts, errors_given
from core.study import Step, Study

DAMPINGS = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
#: Causes of errors are shared by all places at a time: a drift seen from n origins is drawn to none as by this many more.
ORIGINS_WITHOUT_DRIFT = 1.0
#: Effects with a source may be too small for a domain as well as too large; a study that says how much of its own to follow
#: can learn up to this multiple of them.
MOST_OF_SOURCED = 2.0


@dataclass(frozen=True)
class Learned:
    """What is known on a day: a drift of relative activity by behaviour, its damping, and the weight of policy effects."""

    drift: np.ndarray
    damping: float
    weight: float


@dataclass(frozen=True)
class PanelPriors(Priors):
    """What a place may know of others: `known` by the last day that had a say, in order."""

    step: Step
    behaviours: tuple[str, ...]
    known: Mapping[date, Learned]
    usual: float

    def at(self, origin: date) -> Learned:
        days = [day for day in self.known if day <= origin]
        return self.known[max(days)] if days else Learned(np.zeros(len(self.behaviours)), 1.0, self.usual)

    def after(self, origin: date) -> DampedTrend:
        found = self.at(origin)
        return DampedTrend(origin, self.step, found.drift, found.damping)

    def parameters(self, origin: date) -> Mapping[str, float]:
        return {"policy_effect_weight": self.at(origin).weight}


@dataclass(frozen=True)
class _Sums:
    """Sums over the errors of one place known on a day, for each damping: of drift², effect·drift, effect², error·drift,
    error·effect and error², each (dampings, behaviours)."""

    values: np.ndarray

    def learned(self, origins: int, usual: float, *, sourced: bool) -> Learned:
        """The weight, drawn to `usual`, drift and damping that leave least; `sourced`: see MOST_OF_SOURCED."""
        gg, eg, ee, rg, re, rr = self.values
        gg = gg * (1.0 + ORIGINS_WITHOUT_DRIFT / max(origins, 1))
        safe = np.where(gg > 0, gg, 1.0)
        # The drift is profiled out of the weight, which all behaviours share.
        above, below = (re - rg * eg / safe).sum(axis=1), (ee - eg**2 / safe).sum(axis=1)
        # As much again of what was seen says the usual, at first; less and less as origins add up.
        doubt = ee.sum(axis=1) / max(origins, 1)
        if sourced:
            # Places err together at a time, so that an origin is one observation: as long as effects are small beside errors,
            # what is known beforehand stays.
            doubt = doubt + rr.sum(axis=1) / max(origins, 1)
        weight = (above + usual * doubt) / np.where(below + doubt > 0, below + doubt, 1.0)
        weight = np.where(below + doubt > 0, np.clip(weight, 0.0, MOST_OF_SOURCED if sourced else 1.0), usual)[:, None]
        drift = np.where(gg > 0, (rg - weight * eg) / safe, 0.0)
        left = (rr - 2 * weight * re - 2 * drift * rg + 2 * weight * drift * eg + weight**2 * ee + drift**2 * gg).sum(
            axis=1
        )
        # Where errors tell no damping from another, as of one period ahead, rounding has no say: the strongest is taken.
        best = int(np.argmax(left <= left.min() + 1e-9 * np.abs(left).max()))
        return Learned(drift[best], DAMPINGS[best], float(weight[best, 0]))


class PanelTeachers:
    """The past of a panel's places, summed up by place and day so that any of them can be left out."""

    def __init__(self, past: Sequence[PastForecasts], study: Study, days: Sequence[date]) -> None:
        """`days` are those on which something may be asked; others lie as far apart as origins of the past do."""
        self.behaviours, self.step = study.behaviour_ids, study.step
        self.usual, step = prior_weight(study), study.step
        self.sourced = study.forecast.policy_effect_weight is not None
        origins = sorted({origin for item in past for origin in item.origins})
        last = max(days)
        grid = (
            [
                step.after(origins[0], count)
                for count in range(0, step.between(origins[0], last) + 1, PACES[step].past_step)
            ]
            if origins
            else []
        )
        self.days = sorted({*grid, *days})
        self.origins = {day: sum(origin < day for origin in origins) for day in self.days}
        self.sums = {item.place: {day: _sums(item, self.behaviours, day) for day in self.days} for item in past}
        self.everyone = {day: sum(own[day] for own in self.sums.values()) for day in self.days}

    def priors(self, without: str, behaviours: Sequence[str] | None = None) -> PanelPriors:
        """What a place may know of all others, of its `behaviours` (None: all)."""
        names = self.behaviours if behaviours is None else tuple(behaviours)
        columns = [self.behaviours.index(name) for name in names]
        own = self.sums.get(without)
        known = {}
        for day in self.days:
            total = self.everyone[day] - own[day] if own else self.everyone[day]
            if np.any(total):
                found = _Sums(np.asarray(total)).learned(self.origins[day], self.usual, sourced=self.sourced)
                known[day] = Learned(found.drift[columns], found.damping, found.weight)
        return PanelPriors(self.step, names, known, self.usual)

    def weights_drawn(self, day: date, counts: np.ndarray) -> np.ndarray:
        """The weight that all places together teach by `day`, and in each draw that with each place so many times, `counts`
        (draws, places in the order given): (1 + draws,)."""
        own = np.stack([of_days[day] for of_days in self.sums.values()])
        totals = np.concatenate([np.asarray(self.everyone[day])[None], np.tensordot(counts, own, axes=1)])
        return np.array(
            [_Sums(total).learned(self.origins[day], self.usual, sourced=self.sourced).weight for total in totals]
        )

    def errors(self, item: PastForecasts) -> PastErrors:
        """The errors of a place with what it could know at each origin."""
        priors = self.priors(item.place, item.behaviours)
        weights = np.array([priors.at(origin).weight for origin in item.origins])
        return errors_given(item, weights, [priors.after(origin) for origin in item.origins])


def _sums(item: PastForecasts, behaviours: Sequence[str], day: date) -> np.ndarray:
    """`_Sums.values` of a place, (6, dampings, behaviours); zero where nothing is known."""
    found = np.zeros((6, len(DAMPINGS), len(behaviours)))
    rows = [number for number, origin in enumerate(item.origins) if origin < day]
    if not rows:
        return found
    ahead = np.arange(1, item.longest + 1)
    known = ahead <= np.array([item.step.between(item.origins[row], day) for row in rows])[:, None]
    columns = [list(behaviours).index(name) for name in item.behaviours]
    scale = np.abs(item.scale[rows]).astype(float)
    error = (item.truth[rows] - item.offset[rows]) / item.scale[rows] - item.base[rows]
    seen = np.isfinite(error) & np.isfinite(item.effect[rows]) & known[:, :, None]
    error, effect = (np.where(seen, values * scale, 0.0) for values in (error, item.effect[rows]))
    for place, damping in enumerate(DAMPINGS):
        drift = np.where(seen, damped(ahead, damping)[None, :, None] * scale, 0.0)
        pairs = ((drift, drift), (effect, drift), (effect, effect), (error, drift), (error, effect), (error, error))
        found[:, place, columns] = [(left * right).sum(axis=(0, 1)) for left, right in pairs]
    return found
