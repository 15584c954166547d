"""Baselines that learn from many places find what the places have in common, and nothing of the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.forecasting.baselines import BASELINES, BaselineInputs, learned_from
from core.forecasting.baselines.panel import learn_differences, learn_drift, learn_effects
from core.study import Step

TRAINED, AHEAD = 48, 12
SLOPE, DRIFT = -0.5, 0.25


def place(number: int, step: Step = Step.MONTH, *, drift: float = DRIFT, season: float = 4.0) -> BaselineInputs:
    """A place of its own level, whose lever rises once, and once more after the origin."""
    first = {Step.MONTH: "2010-01-01", Step.YEAR: "1960-01-01", Step.WEEK: "2018-01-01", Step.DAY: "2020-01-06"}[step]
    start = pd.Timestamp(first).date()
    periods = step.periods(start, step.after(start, TRAINED + AHEAD - 1))
    when = np.arange(len(periods))
    lever = np.where(when < 20 + number, 0.0, np.where(when < TRAINED + 3, 10.0 + number, 30.0))
    cycle = season * np.sin(2 * np.pi * step.in_cycle(periods) / step.cycle) * (step is Step.MONTH)
    values = 100.0 * number + SLOPE * lever + drift * when + cycle
    policy = pd.DataFrame({"S": lever}, periods)
    return BaselineInputs(
        observed=pd.DataFrame({"use": values[:TRAINED]}, periods[:TRAINED]),
        horizon=periods[TRAINED:],
        stringency=policy["S"],
        indicators=policy,
        cases=None,
        step=step,
    )


def truth(number: int, step: Step = Step.MONTH, **how: float) -> np.ndarray:
    whole = place(number, step, **how)
    when = np.arange(TRAINED, TRAINED + AHEAD)
    lever = whole.indicators["S"].to_numpy()[TRAINED:]
    cycle = (
        how.get("season", 4.0) * np.sin(2 * np.pi * step.in_cycle(whole.horizon) / step.cycle) * (step is Step.MONTH)
    )
    return np.asarray(100.0 * number + SLOPE * lever + how.get("drift", DRIFT) * when + cycle)


def test_a_common_drift_is_the_mean_of_all_places() -> None:
    pool = [place(number, drift=drift, season=0.0) for number, drift in ((0, 0.1), (1, 0.5))]
    flat = [
        replace(item, observed=item.observed + (-SLOPE * item.indicators.iloc[:TRAINED].to_numpy())) for item in pool
    ]
    assert learn_drift(flat)["use"].iloc[0] == pytest.approx(0.3)


def test_differences_find_slope_and_drift() -> None:
    found = learn_differences([place(number, Step.YEAR) for number in range(5)])
    assert found.levers.loc["S", "use"] == pytest.approx(SLOPE, abs=0.01)
    assert found.others["use"].iloc[0] == pytest.approx(DRIFT, abs=0.02)


def test_place_effects_take_the_levels_of_places_away() -> None:
    found = learn_effects([place(number, drift=0.0) for number in range(5)])
    assert found.levers.loc["S", "use"] == pytest.approx(SLOPE, abs=0.02)


@pytest.mark.parametrize(
    ("name", "step", "how", "within"),
    [
        ("first_differences", Step.YEAR, {}, 0.5),
        ("panel_effects", Step.YEAR, {}, 0.5),
        ("panel_effects", Step.MONTH, {"drift": 0.0}, 0.6),
    ],
)
def test_what_is_in_common_forecasts_each_place(name: str, step: Step, how: dict[str, float], within: float) -> None:
    pool = [place(number, step, **how) for number in range(8)]
    learned = learned_from(pool)
    for number in (0, 5):
        known, true = replace(pool[number], learned=learned), truth(number, step, **how)
        missed, naive = (np.abs(BASELINES[one](known)["use"].to_numpy() - true).max() for one in (name, "last_value"))
        assert missed < min(within, naive)


def test_a_lever_that_never_moved_has_no_slope() -> None:
    pool = [replace(place(number), indicators=place(number).indicators * 0.0) for number in range(3)]
    for learn in (learn_differences, learn_effects):
        assert learn(pool).levers.loc["S", "use"] == 0.0


@pytest.mark.parametrize("step", list(Step))
def test_without_a_pool_a_place_is_its_own(step: Step) -> None:
    alone = place(2, step)
    for name in ("own_drift", "pooled_drift", "first_differences", "panel_effects", "pooled_boosting", "mean_of_12"):
        found = BASELINES[name](alone)
        assert np.isfinite(found.to_numpy()).all() and found.index.equals(alone.horizon)
        told = replace(alone, learned=learned_from([alone]))
        assert BASELINES[name](told).equals(found)
