"""How much of the past a forecast needs and looks at, in periods of each step. Choices, not estimates: those of days were made
on the countries that teach, the others stand for about as much experience of a longer period, but for years: a panel seldom has
many before the first law, and two levels with the engine's own slope forecast better than none (51 states' seat belts)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.study import Step, Study


@dataclass(frozen=True)
class Pace:
    """Numbers of periods.

    `inner_step` lies between origins inside training, of which each leaves `fewest_training` to train on and looks up to
    `inner_horizon` ahead; a behaviour needs `fewest_observed` to be calibrated. The residual at the origin has its profile,
    where it is `profiled`, from the last `profile` periods and its level from the last `level`. Intervals have a width for
    each of `classes` of horizon, by the last period ahead, with `fewest_errors` of the many places at least; errors for them
    come from origins `past_step` apart, from `past_training` on, in units of how much a behaviour moved in the last `scale`
    periods, of which `fewest_scale` have to be observed, and of policy effects smoothed over `effect`. Bootstraps draw blocks
    of `block`. A test has at least `fewest_test`.
    """

    inner_step: int
    inner_horizon: int
    fewest_training: int
    fewest_observed: int
    profile: int
    level: int
    classes: tuple[int, ...]
    past_step: int
    past_training: int
    scale: int
    fewest_scale: int
    effect: int
    block: int
    fewest_test: int
    fewest_errors: int = 200
    profiled: bool = True


PACES: Mapping[Step, Pace] = {
    Step.DAY: Pace(60, 180, 120, 14, 28, 7, (7, 14, 28, 56, 91, 126, 182), 28, 75, 28, 14, 14, 7, 28),
    Step.WEEK: Pace(9, 26, 26, 8, 8, 2, (1, 2, 4, 8, 13, 18, 26), 4, 16, 8, 4, 2, 2, 4),
    Step.MONTH: Pace(3, 12, 18, 12, 12, 3, (1, 3, 6, 12, 18, 24, 36), 3, 15, 12, 6, 3, 6, 3),
    Step.YEAR: Pace(1, 5, 3, 2, 3, 1, (1, 2, 3, 4, 5, 7, 10), 1, 2, 5, 2, 1, 2, 1, 40),
}


def pace_of(study: Study) -> Pace:
    """The pace of a study's step, with what the study says itself."""
    usual, said = PACES[study.step], study.forecast
    level = usual.level if said.level is None else said.level
    training = usual.past_training if said.training is None else said.training
    return replace(
        usual, level=level, profile=max(usual.profile, level), past_training=training,
        fewest_observed=min(usual.fewest_observed, training), profiled=said.level is None,
    )  # fmt: skip
