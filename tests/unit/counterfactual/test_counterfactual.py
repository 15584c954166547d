"""Counterfactuals: the mapping of levels, the support of training, the twin rebuilt, and what a sweep holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from counterfactual_cases import Case
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.cognition.engine import EPIDEMIC, RESTRICTED_DAYS
from core.cognition.rules import PARAMETERS
from core.counterfactual.fitted import at_origin, held_days, situation_days
from core.counterfactual.levels import MOST_LEVELS, checked_targets, frozen_policies, mapping_table, policy_ladder
from core.counterfactual.measured import Lines
from core.counterfactual.support import FAR, SLACK, Support
from core.counterfactual.sweep import stringency_sweep
from core.counterfactual.trajectories import moves_as_expected, simulate_timeline
from core.errors import InputError
from core.policy.indices import policy_index
from core.services.runs.fitted import fitted_twin, horizon_dates
from core.study import load_codebook, load_study

STUDIES = ("meridia", "uae")


@pytest.mark.parametrize("name", STUDIES)
def test_each_step_of_the_staircase_raises_one_indicator_by_one_level(name: str) -> None:
    study = load_study(name)
    steps = policy_ladder(study)
    assert set(steps[0].values()) == {0}
    assert steps[-1] == {item.code: item.maximum for item in study.indicators}
    assert len(steps) == 1 + sum(item.maximum for item in study.indicators)
    for looser, stricter in pairwise(steps):
        raised = [code for code in looser if stricter[code] != looser[code]]
        assert len(raised) == 1
        assert stricter[raised[0]] == looser[raised[0]] + 1


@pytest.mark.parametrize("name", STUDIES)
@given(targets=st.lists(st.floats(0, 100), min_size=2, max_size=8))
@settings(max_examples=40, deadline=None)
def test_stricter_targets_are_nested_and_realise_what_the_index_says(name: str, targets: list[float]) -> None:
    study = load_study(name)
    held = frozen_policies(study, targets)
    assert [item.target for item in held] == sorted({target + 0.0 for target in targets})
    for looser, stricter in pairwise(held):
        assert all(stricter.levels[code] >= level for code, level in looser.levels.items())
        assert stricter.realised >= looser.realised
    row = pd.DataFrame([item.row(study) for item in held])
    index = policy_index(row, study.index, load_codebook())
    np.testing.assert_allclose(index, [item.realised for item in held], atol=1e-9)


def test_the_realised_stringency_is_the_closest_the_staircase_has() -> None:
    study = load_study("uae")
    steps = pd.DataFrame(
        [replace(frozen_policies(study, [0])[0], levels=step).row(study) for step in policy_ladder(study)]
    )
    index = policy_index(steps, study.index, load_codebook()).to_numpy()
    for target in (0, 3, 24, 25, 50, 62.5, 75, 100):
        held = frozen_policies(study, [target])[0]
        assert abs(held.realised - target) == pytest.approx(np.abs(index - target).min())
    assert frozen_policies(study, [0])[0].realised == 0
    assert frozen_policies(study, [100])[0].realised == 100


def test_a_held_policy_has_the_stringency_of_the_same_policy_on_a_timeline(case: Case) -> None:
    for held in frozen_policies(case.inputs.study, [10, 25, 50, 75, 100]):
        timeline = case.inputs.timeline.with_constant(held.levels)
        assert timeline.stringency().iloc[0] == pytest.approx(held.realised, abs=1e-9)
        assert np.ptp(timeline.stringency()) == 0


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ([], "no level given"),
        (np.array([]), "no level given"),
        ([-1], "Nearest valid: 0"),
        ([101], "Nearest valid: 100"),
        ([float("nan")], "level nan"),
        ([float("inf")], "Nearest valid: 100"),
        (["much"], "'much' is not a number"),
        ([None], "is not a number"),
        (range(MOST_LEVELS + 1), "stringency level 101"),
        (np.linspace(0, 100, MOST_LEVELS + 1), f"1 to {MOST_LEVELS} levels"),
    ],
)
def test_impossible_levels_are_refused_in_one_line(levels: object, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        checked_targets(levels)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_levels_come_once_and_in_order() -> None:
    assert checked_targets(["50", 0.0, -0.0, np.float64(25), 50]) == [0.0, 25.0, 50.0]
    assert str(checked_targets([-0.0])[0]) == "0.0"


def test_a_study_with_fewer_indicators_still_has_a_staircase() -> None:
    study = load_study("uae")
    small = replace(study, indicators=study.indicators[:3])
    held = frozen_policies(small, [0, 100])
    assert held[1].levels == {"C1": 3, "C2": 3, "C3": 2}
    assert held[1].realised == pytest.approx(100 * 3 / 9)


def test_the_mapping_says_each_level_in_words() -> None:
    study = load_study("uae")
    table = mapping_table(study, frozen_policies(study, [0, 100]))
    assert list(table.columns) == ["code", "name", "0", "100"]
    assert set(table["0"]) == {"no measure"}
    assert table["100"].str.contains("of").all()


def test_the_distance_to_training_is_that_of_the_nearest_day() -> None:
    training = pd.DataFrame({"A": [0.0, 0.0, 1.0], "B": [0.0, 0.0, 0.5]})
    support = Support.of(training, pd.Series([0.0, 0.0, 75.0]))
    asked = np.array([[0.5, 0.5], [0.0, 0.1], [1.0, 0.5]])
    np.testing.assert_allclose(support.distance(asked), [25.0, 5.0, 0.0])
    assert list(support.similar_days(asked)) == [0, 2, 1]
    assert list(support.outside(asked, np.array([40.0, 5.0, 75.0]))) == [True, False, False]


def test_the_edges_of_support_are_inside() -> None:
    support = Support.of(pd.DataFrame({"A": [0.2], "B": [0.2]}), pd.Series([20.0]))
    at_far = np.array([[0.2 + FAR / 100, 0.2 + FAR / 100]])
    assert not support.outside(at_far, np.array([20.0]))[0]
    assert support.outside(at_far + 1e-6, np.array([20.0]))[0]
    same = np.array([[0.2, 0.2]])
    assert not support.outside(same, np.array([20.0 + SLACK]))[0]
    assert support.outside(same, np.array([20.0 + SLACK + 1e-6]))[0]
    assert support.outside(same, np.array([20.0 - SLACK - 1e-6]))[0]


def test_no_training_day_lies_outside_training(case: Case) -> None:
    train = case.twin.problem.final.train
    policy, index = case.twin.timeline.intensities(train).to_numpy(), case.twin.timeline.stringency(train).to_numpy()
    assert case.twin.support.distance(policy).max() == 0
    assert not case.twin.support.outside(policy, index).any()
    assert (case.twin.support.similar_days(policy) >= 1).all()
    assert case.twin.support.days.sum() == len(train)


def test_the_observed_policy_gives_the_stored_forecast(case: Case) -> None:
    path = simulate_timeline(case.twin, case.twin.timeline, case.dates)
    stored = case.store.read_result("forecasts", case.run.run_id, forecaster="twin", phase="test")
    table = stored.pivot_table(index="date", columns="behaviour", values="value")[list(path.metric.columns)]
    assert list(table.index) == list(case.dates)
    np.testing.assert_allclose(path.metric.to_numpy(), table.to_numpy(), atol=1e-4)


def test_a_part_of_the_days_has_the_same_values(case: Case) -> None:
    part = case.dates[40:61]
    whole, some = (simulate_timeline(case.twin, case.twin.timeline, days) for days in (case.dates, part))
    np.testing.assert_allclose(some.metric, whole.metric.loc[part], atol=1e-4)


def test_a_twin_that_no_longer_gives_its_forecast_is_refused(case: Case) -> None:
    study = replace(case.inputs.study, epidemic_thresholds=(1e-6, 2e-6))
    with pytest.raises(InputError, match="has changed since"):
        fitted_twin(case.store, case.run.run_id, inputs=replace(case.inputs, study=study))
    other = {**case.inputs.hashes, "policy": "0" * 64}
    with pytest.raises(InputError, match="made from other policy"):
        fitted_twin(case.store, case.run.run_id, inputs=replace(case.inputs, hashes=other))
    with pytest.raises(InputError, match="unknown run"):
        fitted_twin(case.store, "run-19990101-0000000000", inputs=case.inputs)


def test_unchanged_personas_give_the_identical_path(case: Case) -> None:
    again = case.twin.with_personas(case.twin.personas.copy())
    ours, theirs = (simulate_timeline(item, case.twin.timeline, case.dates[:30]) for item in (case.twin, again))
    pd.testing.assert_frame_equal(ours.metric, theirs.metric, check_exact=True)
    np.testing.assert_array_equal(ours.draws, theirs.draws)


def test_an_edited_person_keeps_the_calibration_and_moves_the_response(case: Case) -> None:
    people = case.twin.personas.copy()
    attribute = case.twin.attributes[0]
    people[attribute] = people[attribute].mode().iloc[0]
    edited = case.twin.with_personas(people)
    assert edited.fitted is case.twin.fitted and edited.drawn is case.twin.drawn
    ours, theirs = (simulate_timeline(item, case.twin.timeline, case.dates) for item in (case.twin, edited))
    assert np.abs(ours.mean - theirs.mean).max() > 0.01


def test_a_population_of_nobody_is_refused(case: Case) -> None:
    people = case.twin.personas
    for wrong in (people.iloc[:0], people.assign(weight=0), people.assign(weight=-1), people.drop(columns="weight")):
        with pytest.raises(InputError, match="nobody in it"):
            case.twin.with_personas(wrong)


def test_held_days_hold_policy_epidemic_and_fatigue_and_keep_the_calendar(case: Case) -> None:
    held = frozen_policies(case.inputs.study, [75])[0]
    days = held_days(case.twin, case.dates, held)
    observed = situation_days(case.twin, case.twin.timeline, case.dates)
    for column in [*held.row(case.inputs.study), EPIDEMIC, RESTRICTED_DAYS]:
        assert len(days[column].drop_duplicates()) == 1
    # The forecast's own epidemic level after the origin is frozen too: both must be the same.
    assert set(observed[EPIDEMIC]) == {at_origin(case.twin)[EPIDEMIC]} == set(days[EPIDEMIC])
    origin = situation_days(case.twin, case.twin.timeline, pd.DatetimeIndex([pd.Timestamp(case.twin.origin)]))
    assert days[RESTRICTED_DAYS].iloc[0] == origin[RESTRICTED_DAYS].iloc[0]
    assert list(days["day_type"]) == list(observed["day_type"])
    assert len(set(days["day_type"])) > 1


def test_a_sweep_is_bounded_and_monotone_and_says_where_it_leaves_training(case: Case) -> None:
    sweep = stringency_sweep(case.twin, [100, 0, 50, 25, 75], case.dates)
    assert [item.policy.target for item in sweep.levels] == [0, 25, 50, 75, 100]
    assert sweep.bounded and sweep.monotone and sweep.coherent and sweep.not_monotone == ()
    assert sum(sweep.day_types.values()) == len(case.dates)
    means = pd.DataFrame({item.policy.target: item.mean for item in sweep.levels})
    assert (means.loc["residential"].diff().dropna() >= -1e-3).all()
    assert (means.drop("residential").diff(axis=1).iloc[:, 1:] <= 1e-3).all().all()
    assert means.loc["residential", 100] > means.loc["residential", 0] + 1
    assert means.loc["workplaces", 100] < means.loc["workplaces", 0] - 1
    for item in sweep.levels:
        assert item.path.stringency.eq(item.policy.realised).all()
        assert item.outside == bool(item.path.outside.all()) == bool(item.path.outside.any())
        assert (item.lower <= item.mean + 1e-9).all() and (item.mean <= item.upper + 1e-9).all()
    assert 100 in sweep.outside_support


def test_one_level_alone_is_no_coherent_sweep(case: Case) -> None:
    sweep = stringency_sweep(case.twin, [50], case.dates[:7])
    assert sweep.monotone and sweep.bounded and not sweep.coherent


_UNIT = st.floats(0, 1)


@given(shares=st.tuples(*[_UNIT] * len(PARAMETERS)), start=st.integers(0, 260))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_monotone_and_bounded_whatever_the_engine_parameters(case: Case, shares: tuple[float, ...], start: int) -> None:
    bounds = {name: (item.low, item.high) for name, item in PARAMETERS.items()}
    parameters = {
        name: min(max(low + share * (high - low), low), high)
        for (name, (low, high)), share in zip(bounds.items(), shares, strict=True)
    }
    twin = replace(case.twin, engine=case.twin.engine.with_parameters(parameters))
    sweep = stringency_sweep(twin, range(0, 101, 10), case.dates[start : start + 10])
    assert sweep.monotone and sweep.bounded


def test_a_response_in_the_wrong_direction_is_found(case: Case) -> None:
    fitted = case.twin.fitted
    slopes = fitted.lines.a.copy()
    wrong = list(case.inputs.study.behaviour_ids).index("residential")
    slopes[wrong] *= -1
    bounds = fitted.lines.b.copy()
    bounds[wrong] += 2 * abs(float(fitted.lines.a[wrong]))
    twin = replace(case.twin, fitted=replace(fitted, lines=Lines(slopes, bounds)))
    sweep = stringency_sweep(twin, [0, 50, 100], case.dates[:14])
    assert sweep.not_monotone == ("residential",)
    assert not sweep.monotone and not sweep.coherent


def test_a_value_beyond_the_bounds_is_found(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    assert simulate_timeline(case.twin, case.twin.timeline, case.dates[:14]).bounded
    measured = type(case.twin.fitted).metric
    for wrong in (np.nan, 1e4, -101.0):

        def spoilt(self: object, *arguments: object, wrong: float = wrong) -> np.ndarray:
            values = measured(self, *arguments).copy()  # type: ignore[arg-type]
            values[..., 3, 0] = wrong
            return values

        monkeypatch.setattr(type(case.twin.fitted), "metric", spoilt)
        assert not simulate_timeline(case.twin, case.twin.timeline, case.dates[:14]).bounded
        assert not stringency_sweep(case.twin, [0, 100], case.dates[:14]).bounded


def test_expected_signs_are_less_going_out_and_more_at_home() -> None:
    looser, stricter = np.array([[10.0, 1.0]]), np.array([[5.0, 2.0]])
    assert list(moves_as_expected([-1, 1], looser, stricter)) == [True, True]
    assert list(moves_as_expected([-1, 1], stricter, looser)) == [False, False]
    assert list(moves_as_expected([1, -1], looser, stricter)) == [False, False]
    assert list(moves_as_expected([-1, 1], looser, looser)) == [True, True]


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (date(2031, 3, 31), None, "Nearest valid: 2031-04-01"),
        (None, date(2032, 1, 1), "Nearest valid: 2031-12-31"),
        (date(2031, 6, 2), date(2031, 6, 1), "before start"),
        (date(1999, 1, 1), date(1999, 1, 2), "outside the hold-out"),
    ],
)
def test_days_outside_the_hold_out_are_refused(case: Case, start: date | None, end: date | None, said: str) -> None:
    with pytest.raises(InputError, match=said):
        horizon_dates(case.twin, start, end)


def test_a_single_day_can_be_looked_at(case: Case) -> None:
    day = horizon_dates(case.twin, date(2031, 5, 5), date(2031, 5, 5))
    assert len(stringency_sweep(case.twin, [0, 100], day).dates) == 1
