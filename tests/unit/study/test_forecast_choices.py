"""What a study says of its forecasts and levers beyond the usual: pace, announcements, carried policies, prices beside taxes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from core.calibration.anchoring import measure_origin_residual
from core.calibration.pace import PACES, pace_of
from core.calibration.policy_effect_weight import UNINFORMED, known_policy_weight
from core.policy.path import told_of
from core.study import ForecastChoices, Step, load_study


def test_a_study_that_says_nothing_has_the_pace_of_its_step() -> None:
    assert pace_of(load_study("orlo")) == PACES[Step.MONTH]
    assert known_policy_weight(load_study("orlo"), date(2035, 1, 1)).value == UNINFORMED


def test_what_it_says_counts() -> None:
    study = replace(load_study("orlo"), forecast=ForecastChoices(policy_effect_weight=1.0, level=12, training=6))
    pace = pace_of(study)
    assert (pace.level, pace.past_training, pace.fewest_observed, pace.profiled) == (12, 6, 6, False)
    assert known_policy_weight(study, date(2035, 1, 1)).value == 1.0


def test_a_level_of_its_own_is_the_same_for_all_of_a_cycle() -> None:
    study = replace(load_study("orlo"), forecast=ForecastChoices(level=12))
    months = Step.MONTH.periods(date(2030, 1, 1), date(2031, 12, 1))
    observed = np.arange(24.0)[:, None]
    none, kinds = np.zeros_like(observed), np.full(24, "month", dtype=object)
    found = measure_origin_residual(observed, none, none, months, kinds, Step.MONTH, pace_of(study))
    assert np.allclose(found.by_weekday, observed[-12:].mean())


def test_people_act_on_a_measure_from_its_announcement_on() -> None:
    level = np.array([0.0, 0.0, 0.0, 2.0, 1.0, 0.0])
    assert told_of(level, 0).tolist() == level.tolist()
    assert told_of(level, 2).tolist() == [0.0, 2.0, 2.0, 2.0, 1.0, 0.0], "what is eased is felt when it is"


def test_a_tax_counts_with_the_price_that_it_is_added_to() -> None:
    lever = load_study("cigarettes_us").indicator("total_tax_2019usd")
    assert lever.amount is not None
    points = lever.sub_index(np.array([0.0, 2.0, 6.5]))
    assert points == pytest.approx([0.0, 100 * np.log(2) / np.log(8.5 / 2), 100.0])
