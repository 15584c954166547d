"""What other places' past adds to a forecast: recovery and season, and never anything of later days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from learning_cases import ORIGINS, past_of

from core.calibration.transfer_prior import DRIFT_FILE, GAP_AGE, LONGEST, TransferPrior, transfer_prior_after, warming
from core.errors import InputError
from core.forecasting.past import PastForecasts
from core.forecasting.teachers import is_held_out, teachers_of, weekly
from core.forecasting.transfer_prior_learning import LearnedPrior, learn_transfer_prior, transfer_prior_of
from core.study import load_study

LAST = date(2021, 6, 30)


def learned_from(past: list[PastForecasts], known_until: date = LAST) -> LearnedPrior:
    teachers = teachers_of(past)
    return learn_transfer_prior(teachers, weekly(teachers.errors(np.ones(len(teachers.origins)))), known_until)


def test_what_was_put_in_is_learned_but_for_the_penalty() -> None:
    learned = learned_from([past_of(str(n), 0.1, 0.4, lat) for n, lat in enumerate((60.0, 50.0, -45.0, 0.0))])
    recovery, season = learned.everyone[0]
    assert 0.05 < recovery < 0.1 and 0.3 < season < 0.42
    assert learned.everyone[1] == pytest.approx([0.0, 0.0], abs=1e-6)


def test_little_history_teaches_little_about_recovery() -> None:
    early, late = (learned_from([past_of("A", 0.1)], day).everyone[0, 0] for day in (date(2020, 7, 31), LAST))
    assert 0 < early < late < 0.1


@settings(max_examples=15, deadline=None)
@given(st.integers(60, 300), st.integers(0, 5))
def test_no_error_of_a_later_day_is_learned_from(days: int, seed: int) -> None:
    known_until = ORIGINS[0] + timedelta(days=days)
    item = past_of("A", 0.1, 0.3, 50.0, noise=5.0, seed=seed)
    spoiled = item.truth.copy()
    for number, origin in enumerate(ORIGINS):
        spoiled[number, max((known_until - origin).days, 0) :] = 1e6
    one, other = (learned_from([past], known_until).everyone for past in (item, replace(item, truth=spoiled)))
    assert np.array_equal(one, other)


def test_others_learn_as_though_a_place_did_not_exist_but_for_the_clip() -> None:
    past = [past_of(str(number), 0.02 * number, 0.1, 50.0) for number in range(6)]
    learned = learned_from(past)
    alone = learned_from(past[:5]).everyone
    assert learned.others[5] == pytest.approx(alone, abs=2e-3)
    assert learned.others[5, 0, 0] < learned.everyone[0, 0] < learned.others[0, 0, 0]


def test_missing_days_are_left_out_not_counted_as_zero() -> None:
    item = past_of("A", 0.1)
    holes = item.truth.copy()
    holes[:, ::2] = np.nan
    found, whole = (learned_from([past]).everyone[0, 0] for past in (replace(item, truth=holes), item))
    assert found == pytest.approx(whole, rel=0.02)


def test_too_early_a_day_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(InputError, match="months"):
        learned_from([past_of("A", 0.1)], date(2020, 5, 10))


def test_a_drift_of_the_arrays_is_that_of_each_place() -> None:
    teachers = teachers_of([past_of("A", latitude=50.0), past_of("B", latitude=-30.0)])
    learned = np.random.default_rng(0).normal(0, 0.1, (2, len(ORIGINS), 2, 2))
    found = transfer_prior_of(teachers, learned)
    for place, latitude in enumerate((50.0, -30.0)):
        for number, origin in enumerate(ORIGINS):
            days = pd.date_range(origin + timedelta(days=1), periods=LONGEST)
            pair = learned[place, number]
            want = TransferPrior(origin, origin, latitude, pair[:, 0], pair[:, 1]).of(days)
            assert np.allclose(found[place, number], want, atol=1e-5)


def test_the_season_turns_with_the_hemisphere_and_vanishes_in_the_tropics() -> None:
    days = pd.date_range("2021-01-01", "2021-12-31")
    north, south = warming(date(2020, 12, 31), days, 50.0), warming(date(2020, 12, 31), days, -50.0)
    assert np.allclose(north, -south) and days[north.argmax()].month == 8
    assert not warming(date(2020, 12, 31), days, 10.0).any()
    assert not warming(date(2020, 12, 31), days, None).any()
    assert warming(date(2020, 12, 31), pd.DatetimeIndex([pd.Timestamp(date(2020, 12, 31) - GAP_AGE)]), 50.0) == 0.0


def test_recovery_grows_to_half_a_year_and_stays() -> None:
    drift = TransferPrior(date(2021, 1, 1), date(2020, 12, 31), None, np.array([0.2]), np.array([0.5]))
    days = pd.DatetimeIndex(["2021-01-01", "2021-04-02", "2021-07-02", "2022-01-01"])
    assert drift.of(days)[:, 0] == pytest.approx([0.0, 0.1, 0.2, 0.2])


@pytest.mark.parametrize("name", ["meridia", "uae"])
def test_an_origin_knows_the_last_table_before_it_and_never_a_later_one(name: str) -> None:
    study = load_study(name)
    assert study.learned is not None
    days = sorted(set(map(date.fromisoformat, pd.read_csv(study.learned / DRIFT_FILE)["known_until"])))
    assert transfer_prior_after(study, days[0] - timedelta(days=1)).known_until is None
    for earlier, later in pairwise(days):
        assert transfer_prior_after(study, earlier).known_until == earlier
        assert transfer_prior_after(study, later - timedelta(days=1)).known_until == earlier
    assert not transfer_prior_after(replace(study, learned=None), date(2021, 12, 31)).recovery.any()


def test_a_fifth_of_the_countries_teach_nothing() -> None:
    from core.datasets.places import countries

    kept = [code for code in countries() if is_held_out(code)]
    assert 0.12 < len(kept) / len(countries()) < 0.28
