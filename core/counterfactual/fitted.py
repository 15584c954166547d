"""A calibrated twin, ready to answer what if: population, engine and calibration are held, only the policy moves.

Nothing here refits. An edited population is expressed relative to its own baseline week, as the metric is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from core.calibration.problem import Problem
from core.cognition.engine import EPIDEMIC, RESTRICTED_DAYS, ResponseEngine
from core.counterfactual.levels import FrozenPolicy
from core.counterfactual.measured import Calibration
from core.counterfactual.support import Support
from core.errors import InputError
from core.policy.timeline import PolicyTimeline
from core.simulation.contexts import origin_moment, situations


@dataclass(frozen=True)
class FittedTwin:
    """What a finished run leaves behind.

    `timeline` is the observed policy; `fitted` the calibration, `drawn` the same in each bootstrap draw; `support` the
    policies of training; `seed` that of the run.
    """

    problem: Problem
    timeline: PolicyTimeline
    personas: pd.DataFrame
    attributes: tuple[str, ...]
    engine: ResponseEngine
    fitted: Calibration
    drawn: Calibration
    support: Support
    cases: pd.Series | None
    seed: int

    @property
    def origin(self) -> date:
        """The last day of training."""
        return self.problem.final.origin

    def with_personas(self, personas: pd.DataFrame) -> FittedTwin:
        """The same calibration over an edited population. InputError for one without people."""
        weight = personas["weight"].to_numpy(dtype=float) if "weight" in personas else np.empty(0)
        if not len(weight) or not np.isfinite(weight).all() or (weight < 0).any() or not weight.sum() > 0:
            raise InputError(
                "the population has nobody in it", where="counterfactual", allowed="personas with weights above 0"
            )
        kept = tuple(name for name in self.attributes if name in personas.columns)
        return replace(self, personas=personas, attributes=kept)


def situation_days(twin: FittedTwin, timeline: PolicyTimeline, dates: pd.DatetimeIndex) -> pd.DataFrame:
    """One row per day under `timeline`, with cases and calendar as known at the origin."""
    return situations(
        timeline,
        dates,
        twin.problem.study,
        twin.cases,
        cases_until=twin.origin,
        calendar_known_by=twin.origin,
        seasons=twin.problem.seasons,
    )


def at_origin(twin: FittedTwin) -> pd.Series:
    """The situation at the end of the origin under the observed policy: what is held where something is held."""
    origin = pd.Timestamp(twin.origin)
    around = pd.DatetimeIndex([origin, pd.Timestamp(twin.problem.study.step.after(twin.origin, 1))])
    return origin_moment(situation_days(twin, twin.timeline, around), twin.origin)


def held_days(twin: FittedTwin, dates: pd.DatetimeIndex, policy: FrozenPolicy) -> pd.DataFrame:
    """One row per day under a constant policy, with the epidemic and the fatigue of the origin held."""
    study, moment = twin.problem.study, at_origin(twin)
    held: dict[str, float] = {**policy.row(study), **{name: moment[name] for name in (EPIDEMIC, RESTRICTED_DAYS)}}
    constant = twin.timeline
    if study.dynamics:  # effects build up and wear away from the origin on
        constant = constant.with_constant(policy.levels, dates[0].date(), dates[-1].date())
    return situation_days(twin, constant, dates).assign(**held)
