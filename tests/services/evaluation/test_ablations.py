"""Each ablation removes what it says, is fitted honestly, and is kept with its price."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import SHORT, TEST_END, TRAIN_END

import core.services.evaluation.ablation_parts as ablation_parts
from core.calibration.problem import Problem, build_problem
from core.calibration.search import search, search_sample
from core.calibration.twin import forecast_defaults, twin_forecast
from core.cli import main
from core.cognition.engine import DAY_TYPE, EPIDEMIC, RAMADAN, RESTRICTED_DAYS
from core.errors import Cancelled, InputError
from core.execution.executor import Executor
from core.execution.progress import Progress, ProgressReporter
from core.forecasting.metrics import MACRO, rmse
from core.people.averages import averaged
from core.policy.calendar import Calendar
from core.report.documents import document_of
from core.report.figures.ablations import GROUPS, ablation_bars, persona_count_curve
from core.report.renderers.terminal import terminal_text
from core.report.sentences.ablations import ablations_document, part_words
from core.services.evaluation.ablation_parts import CONTROL, REDRAWS, Ablation, ablations_of
from core.services.evaluation.ablation_refits import (
    Redraw,
    Refit,
    _search_otherwise,
    found_parameters,
    ordinary_days,
    problem_under,
    refit_forecast,
    without_holidays,
)
from core.services.evaluation.ablations import ablate, ablation_rows, latest_ablations, run_ablations
from core.services.evaluation.requests import AblateRequest
from core.services.evaluation.results import AblationRow, AblationsResult
from core.services.library.archive import load_result
from core.services.runs.preparing import Prepared, prepare
from core.services.runs.reading import curves
from core.services.runs.run import run_study
from core.services.studies.inputs import StudyInputs
from core.services.studies.requests import RunRequest
from core.simulation.simulate import simulate
from core.statistics.levels import central
from core.store.database import Store
from core.study import NamedDay, WorkingWeek, load_study
from core.validity.paired import macro_draws

#: The run whose ablations are kept, and its command line, so that the command finds it instead of running it again.
SMALL = RunRequest("meridia", personas=40, trials=8, **SHORT)
SAME = ["meridia", "--personas", "40", "--trials", "8", "--train-end", str(TRAIN_END), "--test-end", str(TEST_END)]
FEW = ["personas_1", "without_policy", "without_anchoring", "paper"]


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(RunRequest("meridia", personas=60, trials=3))


@pytest.fixture(scope="module")
def parts(prepared: Prepared) -> dict[str, Ablation]:
    return {item.name: item for item in ablations_of(prepared)}


@pytest.fixture(scope="module")
def whole(prepared: Prepared, parts: dict[str, Ablation]) -> Refit:
    """The refit with nothing left out."""
    return replace(parts[CONTROL].refits[0], seed=prepared.request.seed)


def told(prepared: Prepared, **changes: Any) -> Prepared:
    """The same run on other inputs."""
    inputs: StudyInputs = replace(prepared.inputs, **changes)
    split = prepared.request.train_end, prepared.request.test_end
    assert split[0] is not None and split[1] is not None
    problem = build_problem(inputs.study, inputs.timeline, inputs.observations, inputs.cases, *split)
    return replace(prepared, inputs=inputs, problem=problem)


def forecast_of(prepared: Prepared, name: str) -> pd.DataFrame:
    """The first forecast of an ablation of this run."""
    return refit_forecast(next(item for item in ablations_of(prepared) if item.name == name).refits[0])


def days_of(problem: Problem) -> pd.DataFrame:
    """The context of each day of the final window."""
    return problem.contexts.iloc[problem.final.actual].set_axis(problem.final.dates)


# ------------------------------------------------------------------------------------------------ an honest refit


def test_with_nothing_left_out_a_refit_is_the_run() -> None:
    request = RunRequest("meridia", personas=60, trials=8, seed=2, train_end=date(2030, 10, 31))
    with Store.memory() as store:
        values = run_study(request, store).as_dict()
        stored = curves(store, values["run_id"], list(values["rmse"])).forecasts["twin"]
    again = prepare(request)
    whole = Refit(again.problem, again.engine, again.population.personas, request.trials, request.seed)
    assert found_parameters(whole, again.population.personas) == values["parameters"]
    np.testing.assert_array_equal(refit_forecast(whole).to_numpy(), stored.to_numpy())


def test_the_search_of_other_forecasts_is_the_same_search(whole: Refit) -> None:
    """Asked for what the twin's own search does, it finds the same parameters."""
    refit = replace(whole, trials=11, seed=5)
    assert isinstance(refit.people, pd.DataFrame)
    sample = search_sample(refit.people)
    theirs = search(refit.problem, refit.engine, sample, trials=11, seed=5).parameters
    assert _search_otherwise(refit, sample) == pytest.approx(theirs, rel=1e-9)


def test_every_ablation_is_there_once_with_words(prepared: Prepared, parts: dict[str, Ablation]) -> None:
    every = ablations_of(prepared)
    assert len({item.name for item in every}) == len({item.label for item in every}) == len(every)
    attributes = {f"without_{name}" for name in prepared.attributes}
    wanted = {
        "uncalibrated", "paper", "unsearched", CONTROL, "identical_personas", "without_traits", "without_calendar",
        "without_holidays", "announced_week", "without_anchoring", "without_priors", "without_policy",
        "without_epidemic", "without_fatigue", *(f"personas_{count}" for count in (1, 3, 10, 30, 100, 1000)),
    }  # fmt: skip
    assert set(parts) == wanted | attributes
    assert [item.group for item in every] == sorted((item.group for item in every), key=list(GROUPS).index)
    drawn = frame(np.zeros((14, 2)))
    _, rows = ablation_rows(drawn, every, {item.name: [drawn] * len(item.seeds) for item in every}, drawn, 0)
    for item, row in zip(every, rows, strict=True):
        words = part_words(row)
        assert words.endswith(".") and words[0] == words[0].upper() and words != row.label
        assert bool(item.refits) != bool(item.stored)
        assert len(item.seeds) == max(len(item.refits), 1) == len(set(item.seeds))


def test_nothing_observed_after_the_origin_matters(prepared: Prepared) -> None:
    origin = pd.Timestamp(prepared.problem.final.origin)
    observations, cases = prepared.inputs.observations.copy(), prepared.inputs.cases
    assert cases is not None
    observations.loc[observations.index > origin] = 500.0
    wild = cases.where(cases.index <= origin, 1e6)
    other = told(prepared, observations=observations, cases=wild)
    for mine, theirs in zip(ablations_of(prepared), ablations_of(other), strict=True):
        for refit, again in list(zip(mine.refits, theirs.refits, strict=True))[:1]:
            pd.testing.assert_frame_equal(
                refit_forecast(refit), refit_forecast(again), obj=f"forecast of {mine.name}", check_exact=True
            )


# ------------------------------------------------------------------------------------------------ calibration


def defaults(refit: Refit) -> dict[str, float]:
    return forecast_defaults(refit.problem.study, refit.problem.final.origin)


def test_without_a_search_the_parameters_are_the_defaults(prepared: Prepared, parts: dict[str, Ablation]) -> None:
    (refit,) = parts["unsearched"].refits
    found = found_parameters(refit, prepared.population.personas)
    assert found == {**prepared.engine.parameters, **defaults(refit)}


def test_searching_again_only_changes_the_seed(parts: dict[str, Ablation], whole: Refit) -> None:
    control = parts[CONTROL]
    assert [replace(refit, seed=0) for refit in control.refits] == [replace(whole, seed=0)] * len(control.seeds)
    assert whole.seed not in control.seeds


# ------------------------------------------------------------------------------------------------ people


def test_populations_are_drawn_anew_for_every_seed(parts: dict[str, Ablation], whole: Refit) -> None:
    for count, draws in REDRAWS.items():
        item = parts[f"personas_{count}"]
        assert len(item.refits) == draws and item.personas == count
        redraws = [refit.people for refit in item.refits]
        assert all(isinstance(redraw, Redraw) and redraw.personas == count for redraw in redraws)
    first, second = (refit.people for refit in parts["personas_10"].refits[:2])
    assert isinstance(first, Redraw) and isinstance(second, Redraw)
    assert len(first.people()) == 10 and first.people().equals(first.people())
    assert not first.people().equals(second.people())


def test_identical_personas_answer_alike(prepared: Prepared, parts: dict[str, Ablation]) -> None:
    people, everybody = parts["identical_personas"].refits[0].people, prepared.population.personas
    assert isinstance(people, pd.DataFrame)
    kinds = people.drop(columns=["persona_id", "weight"]).drop_duplicates()
    assert len(kinds) == 1 and people["weight"].sum() == everybody["weight"].sum()
    spread = prepared.engine.respond(people, prepared.problem.contexts).var(axis=0)
    assert spread.max() == 0.0
    assert prepared.engine.respond(everybody, prepared.problem.contexts).var(axis=0).max() > 0.01


def test_an_attribute_left_out_has_the_mix_of_the_population(prepared: Prepared, parts: dict[str, Ablation]) -> None:
    everybody = prepared.population.personas
    for name in ("occupation", "sex", "transport"):
        people = parts[f"without_{name}"].refits[0].people
        assert isinstance(people, pd.DataFrame) and name not in people and "text" not in people
        shares = people.filter(regex=f"^{name}=")
        assert (shares == shares.iloc[0]).all(axis=None) and shares.iloc[0].sum() == pytest.approx(1.0)
        wanted = everybody["weight"].groupby(everybody[name]).sum() / everybody["weight"].sum()
        for category, share in wanted.items():
            assert shares[f"{name}={category}"].iloc[0] == pytest.approx(share)
        others = [column for column in everybody.columns if column not in (name, "text")]
        pd.testing.assert_frame_equal(people[others], everybody[others])


def test_the_engine_gives_everybody_the_average_effect(prepared: Prepared) -> None:
    """In log-odds: with the average of an attribute, the feature's value is its share, for everybody."""
    everybody, engine = prepared.population.personas, prepared.engine
    people = averaged(everybody, ["sex"])
    features = list(engine.features)  # type: ignore[attr-defined]
    known, unknown = (engine.person_features(frame) for frame in (everybody, people))  # type: ignore[attr-defined]
    weight = everybody["weight"].to_numpy(float)
    for place, feature in enumerate(features):
        if feature.startswith("sex="):
            share = float((known[:, place] * weight).sum() / weight.sum())
            assert 0.0 < share < 1.0
            np.testing.assert_allclose(unknown[:, place], share)
        else:
            np.testing.assert_array_equal(unknown[:, place], known[:, place])
    assert any(feature.startswith("sex=") for feature in features)
    twins = pd.concat([everybody.iloc[[0]].assign(sex=sex) for sex in ("female", "male")], ignore_index=True)
    contexts = prepared.problem.contexts
    assert not np.array_equal(*engine.respond(twins, contexts))
    np.testing.assert_array_equal(*engine.respond(averaged(twins, ["sex"]), contexts))


def test_an_attribute_nobody_reads_is_worth_nothing(
    prepared: Prepared, parts: dict[str, Ablation], whole: Refit
) -> None:
    """What is said without a refit is what a refit gives."""
    unread = [item for item in parts.values() if item.stored == "twin"]
    assert {item.name for item in unread} == {"without_origin", "without_region"}
    for item in unread:
        people = averaged(prepared.population.personas, [item.name.removeprefix("without_")])
        pd.testing.assert_frame_equal(refit_forecast(replace(whole, people=people)), refit_forecast(whole))


def test_without_traits_everybody_has_their_means(prepared: Prepared, parts: dict[str, Ablation]) -> None:
    people, everybody = parts["without_traits"].refits[0].people, prepared.population.personas
    assert isinstance(people, pd.DataFrame)
    for name in prepared.population.spec.trait_names:
        assert np.ptp(people[name]) == 0.0 < np.ptp(everybody[name])
        assert people[name].iloc[0] == pytest.approx(np.average(everybody[name], weights=everybody["weight"]))
    assert people["occupation"].equals(everybody["occupation"])


def test_an_average_of_what_is_not_there_is_refused(prepared: Prepared) -> None:
    with pytest.raises(InputError, match="occupatoin") as wrong:
        averaged(prepared.population.personas, ["occupatoin"])
    assert wrong.value.nearest == "occupation"


# ------------------------------------------------------------------------------------------------ calendar


def test_without_calendar_the_forecast_has_no_holiday_dip(prepared: Prepared, parts: dict[str, Ablation]) -> None:
    final = prepared.problem.final
    known = days_of(prepared.problem)[DAY_TYPE]
    holidays = known.index[(known == "holiday") & (known.index.day_of_week < 5)]
    day = next(item for item in holidays if item in final.horizon[7:-7])
    week = pd.Timedelta(days=7)
    for name, dips in (("unsearched", True), ("without_calendar", False), ("without_holidays", False)):
        (refit,) = parts[name].refits
        work = refit_forecast(replace(refit, trials=0))["workplaces"]
        dip = work[day] - (work[day - week] + work[day + week]) / 2
        assert (dip < -20.0) if dips else (abs(dip) < 4.0), f"{name}: {dip}"
    ordinary = days_of(parts["without_calendar"].refits[0].problem)
    assert not (ordinary[DAY_TYPE] == "holiday").any() and not ordinary[RAMADAN].any()
    by_weekday = ordinary.groupby(ordinary.index.day_of_week)[DAY_TYPE].unique()
    assert by_weekday.str.len().tolist() == [1] * 7


def test_ordinary_days_are_those_of_the_baselines_week() -> None:
    old = WorkingWeek(date(2006, 9, 1), (4,), (5,), (), date(2006, 5, 25))
    new = WorkingWeek(date(2022, 1, 1), (6,), (5,), (4,), date(2021, 12, 7))
    ramadan = ((date(2021, 4, 13), date(2021, 5, 12)),)
    feast = NamedDay(date(2021, 5, 13), "Eid", date(2021, 5, 12))
    calendar = Calendar(date(2020, 1, 1), date(2022, 12, 31), (old, new), (feast,), ramadan)
    dates = pd.date_range("2021-04-01", "2022-12-31")
    plain = ordinary_days(calendar, date(2020, 1, 3)).days(dates)
    assert set(plain.loc[plain.index.day_of_week == 4, "day_type"]) == {"rest"}
    assert not plain["ramadan"].any() and not (plain["day_type"] == "holiday").any()
    assert ordinary_days(calendar, date(2022, 2, 1)).working_weeks == (new,)
    assert ordinary_days(calendar, date(2001, 1, 1)).working_weeks == (old,)
    worked, kept = without_holidays(calendar).days(dates), calendar.days(dates)
    assert not (worked["day_type"] == "holiday").any() and worked["ramadan"].equals(kept["ramadan"])
    rest = kept["day_type"] != "holiday"
    assert worked.loc[rest, "day_type"].equals(kept.loc[rest, "day_type"])


def test_a_week_announced_after_the_origin_is_not_known(prepared: Prepared) -> None:
    timeline, origin = prepared.inputs.timeline, prepared.problem.final.origin
    start = origin + timedelta(days=60)
    week = WorkingWeek(start, (4,), (5,), (), origin + timedelta(days=30))
    moved = replace(timeline, calendar=timeline.calendar.edited(working_week=week))
    other = told(prepared, timeline=moved)
    known = days_of(other.problem)[DAY_TYPE]
    refit = next(item for item in ablations_of(other) if item.name == "announced_week").refits[0]
    unknown = days_of(refit.problem)[DAY_TYPE]
    assert unknown.equals(days_of(prepared.problem)[DAY_TYPE])
    after = known.index >= pd.Timestamp(start)
    assert known[~after].equals(unknown[~after]) and not known[after].equals(unknown[after])
    assert days_of(problem_under(other.inputs, other.problem))[DAY_TYPE].equals(known)


# ------------------------------------------------------------------------------------------------ anchoring, priors


def test_without_anchoring_the_forecast_is_the_model_alone(parts: dict[str, Ablation]) -> None:
    refit = replace(parts["without_anchoring"].refits[0], trials=0)
    problem = refit.problem.final_only()
    assert isinstance(refit.people, pd.DataFrame)
    means = simulate(refit.engine, refit.people, problem.contexts).everyone
    alone = twin_forecast(problem, problem.final, means, defaults(refit)).structural
    pd.testing.assert_frame_equal(refit_forecast(refit), alone.loc[problem.final.horizon], check_freq=False)


def test_without_anchoring_the_search_scores_what_is_forecast(parts: dict[str, Ablation]) -> None:
    """Trust in the policy says nothing without an anchor: the search cannot prefer one and stays where it starts."""
    (refit,) = parts["without_anchoring"].refits
    assert isinstance(refit.people, pd.DataFrame)
    shallow = found_parameters(replace(refit, trials=1), refit.people)
    assert shallow["policy_effect_weight"] == defaults(refit)["policy_effect_weight"]
    deep, anchored = (
        found_parameters(replace(refit, trials=16, anchor=anchor), refit.people) for anchor in (False, True)
    )
    assert deep != anchored


def test_without_priors_nothing_of_other_places_is_left(prepared: Prepared, parts: dict[str, Ablation]) -> None:
    (refit,) = parts["without_priors"].refits
    for window in (refit.problem.final, *refit.problem.inner):
        assert not window.transfer_prior.of(window.horizon).any() and window.transfer_prior.known_until is None
    assert isinstance(refit.people, pd.DataFrame)
    assert found_parameters(replace(refit, trials=1), refit.people)["policy_effect_weight"] == 0.5
    bold = {
        found_parameters(replace(refit, trials=24, seed=seed), refit.people)["policy_effect_weight"]
        for seed in range(3)
    }
    assert all(0.0 <= value <= 1.0 for value in bold)


def test_a_drift_is_what_the_prior_gives(prepared: Prepared) -> None:
    """Where a drift was learned, leaving it out changes the forecast; where none was, it does not."""
    final = prepared.problem.final
    learned = replace(
        final, transfer_prior=replace(final.transfer_prior, recovery=np.full(len(final.transfer_prior.recovery), 0.3))
    )
    problem = replace(prepared.problem, final=learned)
    whole = Refit(problem, prepared.engine, prepared.population.personas, 0, 0)
    bare = next(i for i in ablations_of(replace(prepared, problem=problem)) if i.name == "without_priors").refits[0]
    changed = refit_forecast(whole) - refit_forecast(replace(bare, trials=0))
    assert (changed.iloc[-1].abs() > 5.0).any()


# ------------------------------------------------------------------------------------------------ what people know of


def test_without_policy_the_forecast_does_not_depend_on_the_timeline(prepared: Prepared) -> None:
    timeline = prepared.inputs.timeline
    other = told(prepared, timeline=timeline.with_constant({"C1": 3, "C2": 3, "C6": 2}))
    mine, theirs = (forecast_of(item, "without_policy") for item in (prepared, other))
    pd.testing.assert_frame_equal(mine, theirs, check_exact=True)
    assert not forecast_of(prepared, "unsearched").equals(forecast_of(other, "unsearched"))


def test_without_the_epidemic_the_forecast_does_not_depend_on_cases(prepared: Prepared) -> None:
    cases = prepared.inputs.cases
    assert cases is not None
    other = told(prepared, cases=cases[::-1].set_axis(cases.index) * 50.0)
    mine, theirs = (forecast_of(item, "without_epidemic") for item in (prepared, other))
    pd.testing.assert_frame_equal(mine, theirs, check_exact=True)
    assert not forecast_of(prepared, "unsearched").equals(forecast_of(other, "unsearched"))


def test_without_fatigue_the_time_under_restrictions_does_not_count(
    prepared: Prepared, parts: dict[str, Ablation]
) -> None:
    contexts = parts["without_fatigue"].refits[0].problem.contexts
    assert not contexts[RESTRICTED_DAYS].any() and prepared.problem.contexts[RESTRICTED_DAYS].any()
    people = prepared.population.personas.head(5)
    answers = [
        prepared.engine.with_parameters({"fatigue": fatigue}).respond(people, contexts) for fatigue in (0.0, 0.9)
    ]
    np.testing.assert_array_equal(*answers)
    for name, column in (("without_epidemic", EPIDEMIC), ("without_policy", "C1")):
        assert not parts[name].refits[0].problem.contexts[column].any()


# ------------------------------------------------------------------------------------------------ the price


def frame(values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(values, pd.date_range("2031-01-01", periods=len(values)), ["a", "b"])


def test_a_constant_error_is_the_same_in_every_draw() -> None:
    truth = frame(np.random.default_rng(1).normal(size=(31, 2)))
    off = truth + np.array([3.0, -5.0])
    scores = macro_draws([off, truth], truth, draws=50, seed=0)
    np.testing.assert_allclose(scores[0], 4.0)
    np.testing.assert_array_equal(scores[1], 0.0)


def test_days_without_an_observation_do_not_count() -> None:
    truth = frame(np.zeros((28, 2)))
    truth.iloc[:14, 0] = np.nan
    wrong = frame(np.ones((28, 2)))
    wrong.iloc[:14, 0] = 1e6
    np.testing.assert_allclose(macro_draws([wrong], truth, draws=200, seed=3), 1.0)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.1, 20.0), st.integers(15, 120))
def test_draws_of_weeks_scale_with_the_error_and_lie_around_it(seed: int, factor: float, days: int) -> None:
    generator = np.random.default_rng(seed)
    truth, error = frame(np.zeros((days, 2))), generator.normal(size=(days, 2))
    one, many = macro_draws([frame(error), frame(factor * error)], truth, draws=64, seed=seed)
    np.testing.assert_allclose(many, factor * one, rtol=1e-9)
    weekly = [np.sqrt((error[at : at + 7] ** 2).mean(axis=0)) for at in range(0, days, 7)]
    assert (
        min(item.min() for item in weekly) - 1e-9 <= one.min() <= one.max() <= max(item.max() for item in weekly) + 1e-9
    )


def test_an_interval_tells_a_lasting_difference_from_a_lucky_week() -> None:
    generator = np.random.default_rng(7)
    truth = frame(np.zeros((280, 2)))
    twin = generator.normal(0.0, 2.0, size=(280, 2))
    lucky = twin.copy()
    lucky[70:77] *= 3.0
    lasting = twin * 1.2
    rows = rows_of({"twin": frame(twin), "lasting": frame(lasting), "lucky": frame(lucky), "same": frame(twin)}, truth)
    assert rows["lasting"].price_low > 0 and rows["lasting"].distinguishable
    assert rows["lucky"].price > 0 and rows["lucky"].price_low <= 0.01
    assert rows["same"].price == rows["same"].price_low == rows["same"].price_high == 0.0
    assert not rows["same"].distinguishable
    assert rows["lasting"].price == pytest.approx(0.2 * rmse(frame(twin), truth).mean(), abs=1e-4)


def test_what_chance_in_the_search_can_do_is_not_called_worth() -> None:
    generator = np.random.default_rng(8)
    truth, twin = frame(np.zeros((140, 2))), generator.normal(0.0, 2.0, size=(140, 2))
    forecasts = {
        "twin": frame(twin),
        "lasting": frame(1.2 * twin),
        "costly": frame(2.0 * twin),
        CONTROL: frame(1.3 * twin),
    }
    rows = rows_of(forecasts, truth)
    assert rows["lasting"].price_low > 0 and not rows["lasting"].distinguishable
    assert rows["costly"].distinguishable and not rows[CONTROL].distinguishable


def test_several_draws_give_median_and_range() -> None:
    truth = frame(np.zeros((70, 2)))
    draws = [frame(np.full((70, 2), value)) for value in (1.0, 2.0, 6.0)]
    item = Ablation("drawn", "people", "Drawn", (1, 2, 3), 10)
    own, (row,) = ablation_rows(frame(np.full((70, 2), 1.5)), [item], {"drawn": draws}, truth, 0)
    assert own.mean() == 1.5
    assert (row.macro_rmse, row.macro_rmse_min, row.macro_rmse_max) == (2.0, 1.0, 6.0)
    assert row.price == 0.5 and row.price_low == -0.5 and row.price_high == 4.5
    assert row.rmse == {"a": 2.0, "b": 2.0} and row.macro_rmse_by_seed == (1.0, 2.0, 6.0)


def rows_of(forecasts: dict[str, pd.DataFrame], truth: pd.DataFrame) -> dict[str, AblationRow]:
    chosen = [Ablation(name, "people", name, (0,), 1) for name in forecasts if name != "twin"]
    alone = {name: [frame] for name, frame in forecasts.items()}
    return {row.ablation: row for row in ablation_rows(forecasts["twin"], chosen, alone, truth, 0)[1]}


def test_the_central_interval() -> None:
    assert central(np.arange(101.0)) == (10.0, 90.0)
    assert central(np.arange(101.0), 50) == (25.0, 75.0)


# ------------------------------------------------------------------------------------------------ kept in the store


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str]]:
    with Store(tmp_path_factory.mktemp("ablations") / "store.duckdb") as store:
        yield store, run_study(SMALL, store).run_id


def test_ablations_are_stored_and_found_again(kept: tuple[Store, str]) -> None:
    store, run_id = kept
    assert latest_ablations(store, run_id) is None
    seen: list[Progress] = []
    values = run_ablations(store, run_id, only=FEW, watch=ProgressReporter(seen.append))
    assert latest_ablations(store, run_id) == values == load_result(store, values.run_id)
    assert AblationsResult.from_dict(json.loads(json.dumps(values.as_dict(), allow_nan=False))) == values
    assert document_of(store, values.run_id).fictional
    assert latest_ablations(store, "run-20200101-0000000000") is None
    run, stored = store.run(run_id), store.run(values.run_id)
    assert stored.record.kind == "ablations" and stored.record.parameters["of_run"] == run_id and stored.complete
    assert values.macro_rmse == run.summary["macro_rmse"]["twin"]
    rows = {row.ablation: row for row in values.rows}
    assert set(rows) == set(FEW)
    assert rows["paper"].macro_rmse == run.summary["macro_rmse"]["paper"], "the same number as on the leaderboard"
    assert rows["paper"].price == pytest.approx(rows["paper"].macro_rmse - values.macro_rmse, abs=2e-4)
    scores = store.read_result("scores", values.run_id)
    assert set(scores["forecaster"]) == {"twin", *FEW}
    macro = scores[(scores["behaviour"] == MACRO)].set_index(["forecaster", "metric"])["value"]
    for name, row in rows.items():
        assert macro[name, "rmse"] == row.macro_rmse
        assert [macro[name, key] for key in ("price", "price_low", "price_high")] == [
            row.price,
            row.price_low,
            row.price_high,
        ]
    assert [item.done for item in seen if item.stage == "validate"] == list(range(8)), "0 to 7 refits"


def test_ablations_of_everything_come_before_a_later_selection(
    kept: tuple[Store, str], processes: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, run_id = kept
    monkeypatch.setattr(ablation_parts, "SEARCHES", 2)
    monkeypatch.setattr(ablation_parts, "REDRAWS", {1: 3, 3: 2, 10: 2, 1000: 1})
    whole = run_ablations(store, run_id, executor=processes)
    later = ablate(AblateRequest(SMALL, ("paper",)), store)
    assert later.of_run == run_id, "a request finds the run that was made of it"
    found = latest_ablations(store, run_id)
    assert found is not None and found == whole and len(found.rows) > 20
    bars = ablation_bars(found.rows, {}, "a source")
    assert sum(len(trace.y) for trace in bars.data) == len(found.rows)
    assert "points of macro RMSE" in bars.layout.xaxis.title.text
    curve = persona_count_curve(found.rows)
    median = next(trace for trace in curve.data if trace.name == "Median of the draws")
    assert list(median.x) == [1, 3, 10, 1000] and "RMSE, points" in curve.layout.yaxis.title.text
    drawn = next(trace for trace in curve.data if trace.name == "A draw")
    assert list(drawn.x) == [1, 1, 1, 3, 3, 10, 10, 1000]
    assert len(persona_count_curve([]).data) == 3 and len(ablation_bars([], {}).data) == 0


def test_rows_do_not_depend_on_the_executor(kept: tuple[Store, str], processes: Executor) -> None:
    store, run_id = kept
    names = ["personas_3", "without_occupation", "without_calendar", "without_priors"]
    alone = run_ablations(store, run_id, only=names)
    shared = run_ablations(store, run_id, only=names[::-1], executor=processes)
    assert alone.rows == shared.rows
    records = [store.run(values.run_id).record for values in (alone, shared)]
    assert records[0].result_hash == records[1].result_hash is not None
    assert records[0].inputs_hash() == records[1].inputs_hash()


def test_stopped_ablations_leave_nothing(kept: tuple[Store, str]) -> None:
    store, run_id = kept
    before = len(store.runs())
    seen: list[Progress] = []
    watch = ProgressReporter(seen.append, lambda: any(item.stage == "validate" and item.done >= 2 for item in seen))
    with pytest.raises(Cancelled):
        run_ablations(store, run_id, only=["personas_1"], watch=watch)
    assert len(store.runs()) == before and seen[-1].done == 2


def test_what_cannot_be_ablated_is_refused(kept: tuple[Store, str]) -> None:
    store, run_id = kept
    with pytest.raises(InputError, match="without_calender") as wrong:
        run_ablations(store, run_id, only=["without_calender"])
    assert wrong.value.nearest == "without_calendar"
    with pytest.raises(InputError, match="unknown run"):
        run_ablations(store, "run-20200101-0000000000")
    other = str(store.runs(kind="ablations")["run_id"].iloc[0])
    with pytest.raises(InputError, match="a complete run"):
        run_ablations(store, other)
    record = store.run(run_id).record
    asked = replace(record, run_id="run-asked", engine="gemini", parameters=dict(record.parameters))
    store.begin_run(asked)
    store.finish_run("run-asked", {}, {})
    with pytest.raises(InputError, match="gemini") as costly:
        run_ablations(store, "run-asked")
    assert "rules" in str(costly.value)


def test_the_command_prints_one_object_or_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.duckdb"
    with Store(path) as store:
        run_study(SMALL, store)
    words = ["ablate", *SAME, "--db", str(path), "--only", "without_policy,personas_1", "--workers", "1"]
    assert main([*words, "--json"]) == 0
    out = capsys.readouterr().out
    printed = json.loads(out)
    assert out.count("\n") == 1
    assert {
        "study",
        "engine",
        "of_run",
        "macro_rmse",
        "unit",
        "interval",
        "rows",
        "run_id",
        "seconds",
    } <= set(printed)
    values = AblationsResult.from_dict(printed)
    assert [row.ablation for row in values.rows] == ["personas_1", "without_policy"]
    wanted = {
        "ablation", "group", "label", "personas", "macro_rmse", "macro_rmse_min", "macro_rmse_max", "price",
        "price_low", "price_high", "distinguishable", "rmse", "seeds", "macro_rmse_by_seed",
    }  # fmt: skip
    assert all(set(row) == wanted for row in printed["rows"])
    text = terminal_text(ablations_document(values, load_study("meridia")))
    assert (
        "Without policy" in text and values.of_run in text and "not a language model" in text and "80% interval" in text
    )
    with Store(path) as store:
        assert len(store.runs(kind="run")) == 1, "the run that was there is taken"
        assert latest_ablations(store, values.of_run) == values
