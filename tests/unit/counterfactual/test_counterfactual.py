"""Counterfactuals: the mapping of levels, support, what is held, intervals, contrasts, and the truth of Meridia."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.calibration.problem import with_known_weeks
from core.cognition.engine import EPIDEMIC, RESTRICTED_DAYS
from core.cognition.rules import PARAMETERS
from core.counterfactual.contrast import category_change, contrasts, group_contrast
from core.counterfactual.fitted import FittedTwin, at_origin, held_days, situation_days
from core.counterfactual.levels import MOST_LEVELS, checked_targets, frozen_policies, mapping_table, policy_ladder
from core.counterfactual.measured import Lines
from core.counterfactual.support import FAR, SLACK, Support
from core.counterfactual.sweep import stringency_sweep
from core.counterfactual.trajectories import category_mean_draws, moves_as_expected, simulate_timeline
from core.counterfactual.uncertainty import drawn_category_means, drawn_means
from core.errors import Cancelled, InputError
from core.execution.progress import ProgressReporter
from core.policy.indices import policy_index
from core.policy.scenario import load_scenario, scenario_file_names, scenario_text
from core.policy.timeline import PolicyTimeline
from core.records import RUNGS
from core.report.sentences.counterfactuals import (
    EDITED_PEOPLE,
    day_words,
    held_sentence,
    reproduce_comparison,
    reproduce_sweep,
    rung_sentence,
    scenario_frame,
    scenario_sentence,
    sweep_sentence,
    why_not_reproducible,
)
from core.services.counterfactuals.results import About, ComparisonResult, SweepResult, comparison_result, sweep_result
from core.services.counterfactuals.run import about_twin, kept_counterfactuals, reference_point, run_compare, run_sweep
from core.services.counterfactuals.tables import (
    contrast_table,
    difference_table,
    level_table,
    path_table,
    reference_table,
    sweep_group_table,
    sweep_table,
)
from core.services.library.archive import load_result
from core.services.policies.timelines import distinct_scenarios, saved_scenarios
from core.services.policies.what_ifs import WHAT_IFS, lifted_earlier, lifted_later, what_if
from core.services.runs.fitted import fitted_twin, horizon_dates, latest_run
from core.services.studies.inputs import StudyInputs, open_study
from core.simulation.simulate import simulate
from core.store.database import Store
from core.store.runs import StoredRun
from core.study import load_codebook, load_study
from core.synthetic.meridia import true_effect

STUDIES = ("meridia", "uae")


@dataclass(frozen=True)
class Case:
    """A finished run of Meridia in a store of this module's own, with its twin."""

    path: Path
    store: Store
    run: StoredRun
    inputs: StudyInputs
    twin: FittedTwin
    dates: pd.DatetimeIndex

    @property
    def first(self) -> date:
        return self.twin.origin + timedelta(days=1)


@pytest.fixture(scope="module")
def case(meridia_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    path = tmp_path_factory.mktemp("counterfactual") / "store.duckdb"
    shutil.copy(meridia_run, path)
    with Store(path) as store:
        run = latest_run(store, "meridia")
        assert run is not None
        inputs = open_study("meridia")
        twin = fitted_twin(store, run.run_id, inputs=inputs)
        yield Case(path, store, run, inputs, twin, horizon_dates(twin))


# ---- from a level to measures


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


# ---- support of training


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


# ---- a twin rebuilt is the twin of the run


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


# ---- what a sweep holds


def test_held_days_hold_policy_epidemic_and_fatigue_and_keep_the_calendar(case: Case) -> None:
    held = frozen_policies(case.inputs.study, [75])[0]
    days = held_days(case.twin, case.dates, held.row(case.inputs.study))
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


# ---- intervals


def test_the_reweighted_population_agrees_with_the_sampling_error(case: Case) -> None:
    contexts = case.twin.problem.contexts.iloc[:20]
    plain = simulate(case.twin.engine, case.twin.personas, contexts, case.twin.attributes)
    aggregates, drawn = drawn_means(case.twin.engine, case.twin.personas, contexts, case.twin.attributes, seed=5)
    np.testing.assert_array_equal(aggregates.means, plain.means)
    # Linearised sampling error of a weighted mean: sqrt(Σ w²(p − m)²) / Σ w.
    weight = case.twin.personas["weight"].to_numpy(float)
    answers = case.twin.engine.respond(case.twin.personas, contexts).astype(float)
    error = np.sqrt(np.einsum("p,pcb->cb", weight**2, (answers - plain.everyone) ** 2)) / weight.sum()
    ratio = drawn.std(axis=0) / error
    assert 0.8 < np.median(ratio) < 1.2
    assert np.abs((drawn.mean(axis=0) - plain.everyone) / error).max() < 0.5
    _, again = drawn_means(case.twin.engine, case.twin.personas, contexts, seed=5)
    np.testing.assert_array_equal(drawn, again)
    _, other = drawn_means(case.twin.engine, case.twin.personas, contexts, seed=6)
    assert np.abs(drawn - other).max() > 0


def test_one_persona_has_no_sampling_error(case: Case) -> None:
    contexts = case.twin.problem.contexts.iloc[:5]
    aggregates, drawn = drawn_means(case.twin.engine, case.twin.personas.iloc[:1], contexts, seed=0)
    np.testing.assert_allclose(drawn, np.broadcast_to(aggregates.everyone, drawn.shape), rtol=1e-5)


def test_a_category_of_everyone_is_everyone(case: Case) -> None:
    contexts, people = case.twin.problem.contexts.iloc[:10], case.twin.personas.assign(one="x")
    _, drawn = drawn_means(case.twin.engine, people, contexts, seed=3)
    by_category = drawn_category_means(case.twin.engine, people, contexts, "one", seed=3)
    np.testing.assert_allclose(by_category["x"], drawn, rtol=1e-5)
    twin = replace(case.twin, personas=people, attributes=("one",))
    path = simulate_timeline(twin, twin.timeline, case.dates[:21])
    np.testing.assert_allclose(path.group("one", "x"), path.metric, atol=1e-9)
    np.testing.assert_allclose(
        category_mean_draws(twin, [path], "one")[0]["x"], path.draws.mean(axis=1, dtype=float), atol=1e-3
    )


def test_intervals_hold_the_path_and_widen_with_the_horizon(case: Case) -> None:
    path = simulate_timeline(case.twin, case.twin.timeline, case.dates)
    lower, upper = path.interval()
    held = ((lower <= path.metric + 1e-6) & (path.metric <= upper + 1e-6)).to_numpy()
    assert held.mean() > 0.98
    width = (upper - lower) / path.draws.std(axis=0).mean(axis=0)
    first, later = width.iloc[:14].mean(), width.iloc[-60:].mean()
    assert (first < later).all()
    low, high = path.mean_interval()
    assert (low <= path.mean).all() and (path.mean <= high).all()


def test_more_personas_narrow_the_sampling_part(case: Case) -> None:
    contexts = case.twin.problem.contexts.iloc[:10]
    few, many = case.twin.personas.iloc[:50], case.twin.personas
    spread = [drawn_means(case.twin.engine, people, contexts, seed=1)[1].std(axis=0).mean() for people in (few, many)]
    assert spread[1] < 0.75 * spread[0]


# ---- subgroups


def test_groups_weighted_by_their_people_average_to_everyone(case: Case) -> None:
    aggregates = simulate(
        case.twin.engine, case.twin.personas, case.twin.problem.contexts.iloc[:30], case.twin.attributes
    )
    for attribute in case.twin.attributes:
        places = [place for place, group in enumerate(aggregates.groups) if group[0] == attribute]
        weight = aggregates.weights[places]
        assert weight.sum() == aggregates.weights[0]
        mean = (aggregates.means[places] * weight[:, None, None]).sum(axis=0) / weight.sum()
        np.testing.assert_allclose(mean, aggregates.everyone, rtol=1e-9)


def test_a_group_that_does_not_do_it_has_no_value(case: Case) -> None:
    path = simulate_timeline(case.twin, case.twin.timeline, case.dates[:7])
    tall = path.group_tall()
    assert set(tall["attribute"]) == set(case.twin.attributes)
    assert tall["mean"].notna().mean() > 0.9
    with pytest.raises(InputError, match="attribute"):
        category_mean_draws(case.twin, [path], "shoe_size")


def test_groups_of_a_contrast_lie_around_everyone(case: Case) -> None:
    item = contrasts(case.twin, [what_if("no-measures", case.inputs.timeline, case.twin.origin)], case.dates)[0]
    attribute = case.twin.attributes[0]
    table = group_contrast(case.twin, item, attribute)
    assert table["people"].groupby(table["category"]).first().sum() == case.twin.personas["weight"].sum()
    for behaviour, part in table.dropna().groupby("behaviour"):
        assert part["difference"].min() <= item.difference[behaviour] <= part["difference"].max()
        assert (part["lower"] <= part["difference"] + 1e-6).all()
        assert (part["difference"] <= part["upper"] + 1e-6).all()
    whole = category_change(case.twin, item.reference, item.reference, attribute).dropna()
    assert (whole[["difference", "lower", "upper"]] == 0).all().all()


# ---- contrasts


def test_a_policy_against_itself_changes_nothing(case: Case) -> None:
    same = case.inputs.timeline.renamed("Again", parent_id=case.inputs.timeline.id)
    item = contrasts(case.twin, [same], case.dates)[0]
    assert (item.difference == 0).all() and (item.lower == 0).all() and (item.upper == 0).all()
    assert item.changes == []


def test_a_contrast_turns_its_sign_with_its_sides(case: Case) -> None:
    stricter = case.inputs.timeline.tightened(1, start=case.first)
    forth = contrasts(case.twin, [stricter], case.dates)[0]
    back = contrasts(case.twin, [case.inputs.timeline], case.dates, reference=stricter)[0]
    np.testing.assert_allclose(forth.difference, -back.difference, atol=1e-4)
    np.testing.assert_allclose(forth.lower, -back.upper, atol=1e-3)
    assert forth.difference["workplaces"] < 0 < forth.difference["residential"]
    assert back.reference_name == stricter.name


def test_weekly_differences_average_to_the_whole(case: Case) -> None:
    item = contrasts(case.twin, [case.inputs.timeline.tightened(1, start=case.first)], case.dates)[0]
    value, lower, upper = item.over_time(7)
    days = np.diff(np.append(np.arange(0, len(case.dates), 7), len(case.dates)))
    np.testing.assert_allclose((value.T * days).T.sum() / len(case.dates), item.difference, atol=1e-9)
    assert (lower <= value + 1e-3).all().all() and (value <= upper + 1e-3).all().all()
    assert list(value.index) == list(case.dates[::7])


def test_moving_the_weekend_moves_work_on_the_days_concerned(case: Case) -> None:
    moved = case.inputs.timeline.with_working_week(case.first, rest_days=["friday"], weekend_days=["saturday"])
    item = contrasts(case.twin, [moved], case.dates)[0]
    change = (item.path.metric - item.reference.metric)["workplaces"]
    kinds = case.twin.timeline.calendar.days(case.dates, known_by=case.twin.origin)["day_type"]
    weekday = case.dates.day_of_week
    ordinary = (kinds != "holiday").to_numpy()
    assert (change[(weekday == 4) & ordinary] < -10).all()  # Fridays become days of rest
    assert (change[(weekday == 6) & ordinary] > 10).all()  # Sundays become working days
    assert change[np.isin(weekday, (0, 1, 2, 3)) & ordinary].abs().max() < 1e-3
    assert any("working week" in said for said in item.changes)


def test_a_holiday_of_the_scenario_counts_and_one_nobody_knew_of_does_not(case: Case) -> None:
    day, jubilee = date(2031, 9, 3), date(2031, 9, 26)
    holiday = case.inputs.timeline.with_holiday(day, "Rain day")
    item = contrasts(case.twin, [holiday], case.dates)[0]
    change = (item.path.metric - item.reference.metric)["workplaces"]
    assert change.loc[pd.Timestamp(day)] < -5
    assert change.drop(pd.Timestamp(day)).abs().max() < 1e-3
    # The jubilee was announced after the origin: neither the reference nor a scenario without it may know of it.
    assert any(item.day == jubilee for item in case.inputs.timeline.calendar.holidays)
    without = contrasts(case.twin, [case.inputs.timeline.without_holiday(jubilee)], case.dates)[0]
    assert without.difference.abs().max() == 0


def test_a_scenario_that_does_not_cover_the_days_is_refused(case: Case) -> None:
    study = case.inputs.study
    short = PolicyTimeline.from_levels(
        case.inputs.timeline.levels(), study, case.inputs.timeline.calendar, name="Short", end=date(2031, 6, 30)
    )
    with pytest.raises(InputError, match=r"2031-12-31|outside"):
        contrasts(case.twin, [short], case.dates)


# ---- what-ifs


def test_no_measures_lifts_everything_after_the_origin_only(case: Case) -> None:
    made, observed = what_if("no-measures", case.inputs.timeline, case.twin.origin), case.inputs.timeline
    after = made.dates > pd.Timestamp(case.twin.origin)
    assert (made.levels()[list(made.codes)][after] == 0).all().all()
    pd.testing.assert_frame_equal(made.levels()[~after], observed.levels()[~after])
    assert made.parent_id == observed.id


def test_the_strictest_week_holds_a_policy_that_was_in_force_in_training(case: Case) -> None:
    made, observed = what_if("strictest-week", case.inputs.timeline, case.twin.origin), case.inputs.timeline
    index = made.stringency().loc[case.dates]
    assert np.ptp(index) == 0
    train = observed.stringency().loc[: pd.Timestamp(case.twin.origin)]
    week = train.rolling(7).mean()
    assert index.iloc[0] >= week.max() - 1e-9
    assert not case.twin.support.outside(made.intensities(case.dates).to_numpy(), index.to_numpy()).any()


def test_lifting_moves_relaxations_and_leaves_tightenings(case: Case) -> None:
    study, calendar = case.inputs.study, case.inputs.timeline.calendar
    days = pd.date_range("2031-04-01", "2031-05-30", name="date")
    levels = pd.DataFrame(0.0, index=days, columns=list(study.indicator_codes))
    for item in study.indicators:
        if item.has_flag:
            levels[f"{item.code}_Flag"] = np.nan
    levels.loc["2031-04-11":"2031-04-20", ["C1", "C1_Flag"]] = (2.0, 1.0)
    levels.loc["2031-04-21":"2031-04-24", ["C1", "C1_Flag"]] = (1.0, 1.0)
    timeline = PolicyTimeline.from_levels(levels, study, calendar, name="Toy")
    later = lifted_later(timeline, date(2031, 4, 5), 3).levels()["C1"]
    earlier = lifted_earlier(timeline, date(2031, 4, 5), 3).levels()["C1"]
    assert (later["2031-04-11":"2031-04-23"] == 2).all() and (later["2031-04-24":"2031-04-27"] == 1).all()
    assert later["2031-04-10"] == 0 and later["2031-04-28"] == 0
    assert (earlier["2031-04-11":"2031-04-17"] == 2).all() and (earlier["2031-04-18":"2031-04-21"] == 1).all()
    assert earlier["2031-04-10"] == 0 and earlier["2031-04-22"] == 0
    # What was relaxed before the origin stays relaxed.
    assert lifted_later(timeline, date(2031, 4, 26), 10).levels().equals(timeline.levels())


@given(days=st.integers(1, 120))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lifting_later_is_never_looser_and_earlier_never_stricter(case: Case, days: int) -> None:
    observed, origin = case.inputs.timeline, case.twin.origin
    base = observed.intensities()
    later, earlier = (make(observed, origin, days).intensities() for make in (lifted_later, lifted_earlier))
    assert (later >= base - 1e-12).all().all() and (earlier <= base + 1e-12).all().all()
    known = base.index <= pd.Timestamp(origin)
    assert later[known].equals(base[known]) and earlier[known].equals(base[known])


@pytest.mark.parametrize("name", [item.id for item in WHAT_IFS])
def test_a_what_if_survives_its_scenario_file(case: Case, name: str, tmp_path: Path) -> None:
    made = what_if(name, case.inputs.timeline, case.twin.origin, 45)
    file = tmp_path / "scenario.toml"
    file.write_text(scenario_text(made, case.inputs.timeline), encoding="utf-8")
    read = load_scenario(file, case.inputs.timeline)
    pd.testing.assert_frame_equal(read.levels(), made.levels())
    assert read.calendar == made.calendar and read.name == made.name


def test_impossible_what_ifs_are_refused(case: Case) -> None:
    for days in (0, -5, 366):
        with pytest.raises(InputError, match="1 to 365 days"):
            what_if("lifted-later", case.inputs.timeline, case.twin.origin, days)
    with pytest.raises(InputError, match="no-measures"):
        what_if("no-measure", case.inputs.timeline, case.twin.origin)
    with pytest.raises(InputError, match="no policy is known"):
        what_if("strictest-week", case.inputs.timeline, date(1999, 1, 1))


# ---- what is kept, and what commands print

SWEEP_KEYS = {"levels", "monotone", "bounded", "outside_support", "held", "origin", "run_id", "of_run"}


def test_a_kept_sweep_is_a_run_of_its_own(case: Case) -> None:
    before = len(case.store.runs())
    result, sweep = run_sweep(case.store, case.run.run_id, [0, 50, 100], twin=case.twin)
    values = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert load_result(case.store, result.run_id) == result == SweepResult.from_dict(values), "survives store and JSON"
    assert values.keys() >= SWEEP_KEYS
    assert set(values["levels"][0]) >= {"level", "realised_stringency", "metric"}
    assert [item["metric"]["workplaces"] for item in values["levels"]] == [
        round(item.mean["workplaces"], 4) for item in sweep.levels
    ]
    stored = case.store.run(values["run_id"])
    assert stored.complete and stored.record.kind == "sweep" and stored.record.rung == RUNGS[1]
    assert stored.record.parameters["of_run"] == case.run.run_id
    rows = case.store.read_result("sweeps", values["run_id"])
    groups = 1 + len(sweep.levels[0].path.group_names)
    assert len(rows) == 3 * groups * len(case.inputs.study.behaviours)
    everyone = rows[(rows["attribute"] == "all") & (rows["level"] == 50) & (rows["behaviour"] == "retail")].iloc[0]
    assert everyone["mean"] == pytest.approx(sweep.levels[1].mean["retail"])
    assert everyone["lower"] <= everyone["mean"] <= everyone["upper"]
    again, _ = run_sweep(case.store, case.run.run_id, [0, 50, 100], twin=case.twin)
    assert case.store.run(again.run_id).record.result_hash == stored.record.result_hash
    assert again == result and len(case.store.runs()) == before + 1, "found, not stored again"
    kept = kept_counterfactuals(case.store, "meridia", "sweep")
    assert kept["run_id"].iloc[0] == again.run_id and kept["of_run"].iloc[0] == case.run.run_id
    one, _ = run_sweep(case.store, case.run.run_id, [50], twin=case.twin)
    assert one.rung == RUNGS[0]


def test_a_mistake_keeps_nothing(case: Case) -> None:
    before = len(case.store.runs()), len(case.store.read("timelines"))
    for levels, start in (([101], None), ([], None), ([50], date(2020, 1, 1))):
        with pytest.raises(InputError):
            run_sweep(case.store, case.run.run_id, levels, twin=case.twin, start=start)
    with pytest.raises(InputError, match="no scenario given"):
        run_compare(case.store, case.run.run_id, [], twin=case.twin)

    def stop() -> bool:
        return True

    with pytest.raises(Cancelled):
        run_sweep(case.store, case.run.run_id, [0, 100], twin=case.twin, watch=ProgressReporter(should_stop=stop))
    assert (len(case.store.runs()), len(case.store.read("timelines"))) == before


def test_a_sweep_of_a_sweep_is_refused(case: Case) -> None:
    result, _ = run_sweep(case.store, case.run.run_id, [50], twin=case.twin)
    with pytest.raises(InputError, match="a complete run"):
        run_sweep(case.store, result.run_id, [50])


def test_a_kept_comparison_is_a_run_with_its_paths_and_policies(case: Case) -> None:
    observed, origin = case.inputs.timeline, case.twin.origin
    first = what_if("no-measures", observed, origin)
    twins = [
        observed.tightened(1, start=case.first, name="reference"),
        observed.relaxed(1, start=case.first, name="reference"),
    ]
    result, found = run_compare(case.store, case.run.run_id, [first, *twins, first], twin=case.twin)
    values = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert load_result(case.store, result.run_id) == result == ComparisonResult.from_dict(values)
    assert len(found) == 3
    assert len({item["name"] for item in values["scenarios"]}) == 3
    assert values["scenarios"][0]["difference"]["workplaces"] == round(found[0].difference["workplaces"], 4)
    rows = case.store.read_result("forecasts", values["run_id"])
    assert len(rows) == 4 * len(case.dates) * len(case.inputs.study.behaviours)
    part = rows[(rows["forecaster"] == "reference") & (rows["behaviour"] == "transit")].set_index("date")["value"]
    pd.testing.assert_series_equal(part, found[0].reference.metric["transit"], check_names=False, check_freq=False,
                                   check_index_type=False)  # fmt: skip
    assert (rows["lower"] <= rows["upper"]).all()
    assert set(saved_scenarios(case.store, case.inputs.study)["timeline_id"]) >= {first.id}
    kept = kept_counterfactuals(case.store, "meridia", "compare")
    assert kept["run_id"].iloc[0] == values["run_id"]
    assert kept["parameters"].iloc[0]["reference"] == case.run.record.timeline_id


def test_scenarios_of_one_name_are_told_apart(case: Case) -> None:
    observed = case.inputs.timeline
    one, two = observed.tightened(1, name="Plan"), observed.relaxed(1, name="Plan")
    named = distinct_scenarios([one, two, one])
    assert len(named) == 2 and len({item.name for item in named}) == 2
    assert scenario_file_names(["Plan", "plan", "???"]) == ["plan.toml", "plan-2.toml", "scenario.toml"]


def test_the_reference_point_is_the_forecast_and_what_was_seen(case: Case) -> None:
    point = reference_point(case.twin, case.inputs.observations, case.dates)
    seen = case.inputs.observations.loc[case.dates]
    assert point.stringency == pytest.approx(case.inputs.timeline.stringency(case.dates).mean())
    np.testing.assert_allclose(point.observed, seen.mean())
    assert (point.observed_days == seen.notna().sum()).all()
    table = reference_table(point, case.inputs.study)
    assert list(table["behaviour"]) == list(case.inputs.study.behaviour_ids)


def test_tables_for_figures_say_what_the_objects_say(case: Case) -> None:
    study, dates = case.inputs.study, case.dates
    sweep = stringency_sweep(case.twin, [0, 100], dates)
    table = sweep_table(sweep_result(sweep, about_case(case)), study)
    assert len(table) == 2 * len(study.behaviours)
    assert level_table(sweep, case.twin.support)["Support"].str.startswith("outside").tolist() == [True, True]
    grouped = sweep_group_table(sweep, case.twin.attributes[0])
    assert set(grouped["level"]) == {0.0, 100.0}
    found = contrasts(case.twin, [what_if("no-measures", case.inputs.timeline, case.twin.origin)], dates)
    result = comparison_result(found, ["one"], about_case(case))
    assert len(contrast_table(result, study)) == len(study.behaviours)
    paths = path_table(found, "parks", weekly=False, reference="In force", observations=case.inputs.observations)
    assert set(paths["name"]) == {"In force", found[0].name, "Observed data"}
    own = paths[paths["name"] == "In force"].set_index("date")["value"]
    np.testing.assert_allclose(own, found[0].reference.metric["parks"])
    differences = difference_table(found, "parks", weekly=True)
    assert len(differences) == -(-len(dates) // 7)


# ---- words


def about_case(case: Case) -> About:
    return about_twin(case.twin, case.run.run_id, "rules", "")


def test_results_in_words(case: Case) -> None:
    study = case.inputs.study
    item = contrasts(case.twin, [what_if("no-measures", case.inputs.timeline, case.twin.origin)], case.dates)[0]
    result = comparison_result([item], ["one"], about_case(case))
    fixed = replace(
        result.scenarios[0],
        difference={"workplaces": -4.13, "residential": 2.0, "parks": 0.2},
        lower={"workplaces": -5.2, "residential": 1.5, "parks": -0.4},
        upper={"workplaces": -3.04, "residential": 2.5, "parks": 1.0},
    )
    said = {name: scenario_sentence(fixed, study.behaviour(name)) for name in ("workplaces", "residential", "parks")}
    assert said["workplaces"] == "Workplaces, visits: 4.1 points less (80% interval 3.0 to 5.2 less)."
    assert said["residential"] == "Time at home: 2.0 points more (80% interval 1.5 to 2.5 more)."
    assert said["parks"] == "Parks, visits: no clear difference: +0.2 points (80% interval −0.4 to +1.0)."
    around = scenario_frame(result, result.scenarios[0])
    assert f"{item.outside_days} of {len(case.dates)} days are unlike anything in training" in around
    assert "2031-04-01 to 2031-12-31" in around and "the policy that was in force" in around


def test_a_sweep_in_words(case: Case) -> None:
    result = sweep_result(stringency_sweep(case.twin, [0, 100], case.dates), about_case(case))
    work, home = (sweep_sentence(result, case.inputs.study.behaviour(name)) for name in ("workplaces", "residential"))
    assert "Workplaces falls by" in work and "Time at home rises by" in home
    assert "2031-03-31" in held_sentence(result)
    assert RUNGS[1] in rung_sentence(result)
    for days, said in (
        (0, "no restrictions"),
        (7, "1 to 14 days"),
        (450, "365 to 539 days"),
        (700, "540 days or more"),
    ):
        assert said in held_sentence(replace(result, held=replace(result.held, days_under_restrictions=days)))
    assert day_words({"working": 3, "holiday": 1}) == "3 working days, 1 public holiday"
    one = sweep_result(stringency_sweep(case.twin, [50], case.dates[:7]), about_case(case))
    assert "80% interval" in sweep_sentence(one, case.inputs.study.behaviour("parks"))
    assert RUNGS[0] in rung_sentence(one)


# ---- the lines that reproduce a result


def test_the_printed_lines_give_the_same_figures(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from core.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    record, dates = case.run.record, case.dates[30:60]
    assert why_not_reproducible(record) == ""
    assert why_not_reproducible(replace(record, population_hash="0" * 64)) == EDITED_PEOPLE
    gone = replace(record, parameters={**record.parameters, "study": "nowhere.toml"})
    assert "cannot be read now" in why_not_reproducible(gone) and "edited" not in why_not_reproducible(gone)
    window = {"start": dates[0].date(), "end": dates[-1].date()}
    here, _ = run_sweep(case.store, case.run.run_id, [0, 50], twin=case.twin, **window)
    assert main(shlex.split(reproduce_sweep(record, [0.0, 50.0], dates).command)[1:]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["levels"] == here.as_dict()["levels"] and printed["held"] == here.as_dict()["held"]
    space: dict[str, object] = {}
    exec(reproduce_sweep(record, [0.0, 50.0], dates).python, space)
    assert space["result"].levels == here.levels  # type: ignore[attr-defined]

    scenario = what_if("lifted-later", case.inputs.timeline, case.twin.origin)
    (tmp_path / "later.toml").write_text(scenario_text(scenario, case.inputs.timeline), encoding="utf-8")
    there, _ = run_compare(case.store, case.run.run_id, [scenario], twin=case.twin, **window)
    capsys.readouterr()
    assert main(shlex.split(reproduce_comparison(record, ["later.toml"], dates).command)[1:]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["scenarios"][0]["difference"] == there.scenarios[0].difference
    assert printed["scenarios"][0]["lower"] == there.scenarios[0].lower
    against_itself = reproduce_comparison(record, ["later.toml"], dates, None, "later.toml")
    assert main(shlex.split(against_itself.command)[1:]) == 0
    assert set(json.loads(capsys.readouterr().out)["scenarios"][0]["difference"].values()) == {0.0}
    exec(against_itself.python, space)
    assert set(space["result"].scenarios[0].difference.values()) == {0.0}  # type: ignore[attr-defined]


# ---- against the truth of Meridia


def test_contrasts_against_the_known_truth(case: Case) -> None:
    """The engine does not know how Meridia was made. Its contrasts must have the right direction wherever the true effect
    is large and follow the true sizes. This twin has few people and few trials, and makes effects too small; its intervals
    hold what they can: `tests/test_known_worlds.py` has the measure of them."""
    observed, origin, first = case.inputs.timeline, case.twin.origin, case.first
    scenarios = [
        *(what_if(item.id, observed, origin) for item in WHAT_IFS),
        observed.without("C2", start=first),
        observed.with_constant({"C6": 3}, first, name="Stay at home"),
        observed.tightened(1, start=first),
        observed.relaxed(1, start=first),
    ]
    rows = []
    for timeline, item in zip(scenarios, contrasts(case.twin, scenarios, case.dates), strict=True):
        truth = true_effect(timeline.levels(), observed.levels(), case.dates).mean()
        for name in item.difference.index:
            inside = item.lower[name] <= truth[name] <= item.upper[name]
            rows.append((timeline.name, name, item.difference[name], truth[name], inside))
    table = pd.DataFrame(rows, columns=["scenario", "behaviour", "estimate", "truth", "inside"])
    large = table[table["truth"].abs() >= 1]
    print(table.round(2).to_string(index=False))
    print(
        f"mean absolute error {(table['estimate'] - table['truth']).abs().mean():.2f} points at a mean true effect of "
        f"{table['truth'].abs().mean():.2f}; right direction in {(large['estimate'] * large['truth'] > 0).sum()} of "
        f"{len(large)} effects of a point or more; 80% interval held the truth in {table['inside'].mean():.0%}"
    )
    assert (large["estimate"] * large["truth"] > 0).all()
    assert np.corrcoef(table["estimate"], table["truth"])[0, 1] > 0.8
    assert table["inside"].mean() > 0.3
    missed = (table["estimate"] - table["truth"]).abs().mean() / table["truth"].abs().mean()
    assert 0.15 < missed < 0.5


@pytest.mark.real_data
def test_the_uae_answers_in_about_a_second(real_data: Path, tmp_path: Path) -> None:
    import time

    from core.services.runs.run import run_study
    from core.services.studies.requests import RunRequest

    with Store(tmp_path / "uae.duckdb") as store:
        run_id = run_study(RunRequest("uae", data=real_data, personas=400, trials=1), store).run_id
        twin = fitted_twin(store, run_id, real_data)
        assert with_known_weeks(twin.timeline) == twin.timeline
        seconds = []
        for _ in range(3):
            began = time.process_time()
            sweep = stringency_sweep(twin, [0, 25, 50, 75, 100], horizon_dates(twin))
            seconds.append(time.process_time() - began)
        assert sweep.coherent
        # Processor time, for the machine may be busy with other work; a sweep takes about 0.2 s of it.
        assert min(seconds) < 1.5
