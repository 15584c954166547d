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

from core.calibration.drift import DRIFT_FILE, GAP_AGE, LONGEST, Drift, drift_after, learned_drifts, warming
from core.errors import InputError
from core.forecasting.drift_learning import PlaceErrors, drift_table, kept_for_exams, learn_drift
from core.forecasting.intervals import PastErrors
from core.study import available_studies, load_study

BEHAVIOURS = ("parks", "workplaces")
ORIGINS = tuple(date(2020, 4, 30) + timedelta(days=28 * step) for step in range(12))


def errors_of(recovery: float, season: float, latitude: float | None, noise: float = 0.0, seed: int = 0) -> PlaceErrors:
    """A place whose forecasts miss exactly what drift of this size does (parks), and nothing (workplaces)."""
    generator = np.random.default_rng(seed)
    missed = np.zeros((len(ORIGINS), LONGEST, 2), dtype=np.float32)
    for number, origin in enumerate(ORIGINS):
        days = pd.date_range(origin + timedelta(days=1), periods=LONGEST)
        drift = Drift(origin, origin, latitude, np.array([recovery, 0.0]), np.array([season, 0.0]))
        missed[number] = 100 * drift.of(days) + generator.normal(0, noise, (LONGEST, 2))
    return PlaceErrors(
        PastErrors(BEHAVIOURS, ORIGINS, {"twin": np.ones_like(missed)}, {"twin": missed}, np.zeros_like(missed)),
        latitude,
    )


def test_what_was_put_in_is_learned_but_for_the_penalty() -> None:
    places = [errors_of(0.1, 0.4, latitude, seed=seed) for seed, latitude in enumerate((60.0, 50.0, -45.0, 0.0))]
    learned = learn_drift(places, date(2021, 6, 30))
    assert 0.05 < learned["parks"][0] < 0.1
    assert 0.3 < learned["parks"][1] < 0.42
    assert learned["workplaces"] == pytest.approx((0.0, 0.0), abs=1e-9)


def test_little_history_teaches_little_about_recovery() -> None:
    places = [errors_of(0.1, 0.0, 0.0)]
    early, late = (learn_drift(places, day)["parks"][0] for day in (date(2020, 7, 31), date(2021, 6, 30)))
    assert 0 < early < late < 0.1


@settings(max_examples=15, deadline=None)
@given(st.integers(60, 300), st.integers(0, 5))
def test_no_error_of_a_later_day_is_learned_from(days: int, seed: int) -> None:
    known_until = ORIGINS[0] + timedelta(days=days)
    item = errors_of(0.1, 0.3, 50.0, noise=5.0, seed=seed)
    spoiled = item.past.errors["twin"].copy()
    for number, origin in enumerate(ORIGINS):
        spoiled[number, max((known_until - origin).days, 0) :] = 1e6
    other = replace(item, past=replace(item.past, errors={"twin": spoiled}))
    assert learn_drift([item], known_until) == learn_drift([other], known_until)


def test_missing_days_are_left_out_not_counted_as_zero() -> None:
    item = errors_of(0.1, 0.0, None)
    holes = item.past.errors["twin"].copy()
    holes[:, ::2] = np.nan
    learned = learn_drift([replace(item, past=replace(item.past, errors={"twin": holes}))], date(2021, 6, 30))
    assert learned["parks"][0] == pytest.approx(learn_drift([item], date(2021, 6, 30))["parks"][0], rel=0.02)


def test_too_early_a_day_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(InputError, match="months"):
        drift_table([errors_of(0.1, 0.0, None)], [date(2020, 5, 10)])


def test_the_season_turns_with_the_hemisphere_and_vanishes_in_the_tropics() -> None:
    days = pd.date_range("2021-01-01", "2021-12-31")
    north, south = warming(date(2020, 12, 31), days, 50.0), warming(date(2020, 12, 31), days, -50.0)
    assert np.allclose(north, -south) and days[north.argmax()].month == 8
    assert not warming(date(2020, 12, 31), days, 10.0).any()
    assert not warming(date(2020, 12, 31), days, None).any()
    assert warming(date(2020, 12, 31), pd.DatetimeIndex([pd.Timestamp(date(2020, 12, 31) - GAP_AGE)]), 50.0) == 0.0


def test_recovery_grows_to_half_a_year_and_stays() -> None:
    drift = Drift(date(2021, 1, 1), date(2020, 12, 31), None, np.array([0.2]), np.array([0.5]))
    days = pd.DatetimeIndex(["2021-01-01", "2021-04-02", "2021-07-02", "2022-01-01"])
    assert drift.of(days)[:, 0] == pytest.approx([0.0, 0.1, 0.2, 0.2])


@pytest.mark.parametrize("name", available_studies())
def test_an_origin_knows_the_last_table_before_it_and_never_a_later_one(name: str) -> None:
    study = load_study(name)
    assert study.learned is not None
    days = sorted(learned_drifts(study.learned / DRIFT_FILE))
    assert drift_after(study, days[0] - timedelta(days=1)).known_until is None
    for earlier, later in pairwise(days):
        assert drift_after(study, earlier).known_until == earlier
        assert drift_after(study, later - timedelta(days=1)).known_until == earlier
    assert not drift_after(replace(study, learned=None), date(2021, 12, 31)).recovery.any()


def test_a_fifth_of_the_countries_teach_nothing() -> None:
    from core.datasets.places import countries

    kept = [code for code in countries() if kept_for_exams(code)]
    assert 0.12 < len(kept) / len(countries()) < 0.28


def test_a_strange_table_is_refused_in_one_line(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "drift.csv"
    path.write_text("known_until,behaviour\n2020-06-30,parks\n")
    with pytest.raises(InputError, match="learned drift"):
        learned_drifts(path)
    with pytest.raises(InputError, match="no such file"):
        learned_drifts(tmp_path / "absent.csv")
