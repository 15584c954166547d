"""Each ablation removes what it says and is fitted honestly."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_runs import SHORT

from core.calibration.problem import Problem, build_problem
from core.calibration.search import search, search_sample
from core.calibration.twin import forecast_defaults, twin_forecast
from core.cognition.engine import DAY_TYPE, EPIDEMIC, RAMADAN, RESTRICTED_DAYS
from core.errors import InputError
from core.people.averages import averaged
from core.policy.calendar import Calendar
from core.report.figures.ablations import GROUPS
from core.report.sentences.ablations import part_words
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
from core.services.evaluation.ablations import ablation_rows
from core.services.runs.preparing import Prepared, prepare
from core.services.runs.reading import curves
from core.services.runs.run import run_study
from core.services.studies.inputs import StudyInputs
from core.services.studies.requests import RunRequest
from core.simulation.simulate import simulate
from core.store.database import Store
from core.study import NamedDay, WorkingWeek


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(RunRequest("meridia", personas=60, trials=3))


@pytest.fixture(scope="module")
def brief() -> Prepared:
    """As `prepared`, on the shortest split."""
    return prepare(RunRequest("meridia", personas=40, trials=2, **SHORT))


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
    drawn = pd.DataFrame(0.0, pd.date_range("2031-01-01", periods=14), ["a", "b"])
    _, rows = ablation_rows(drawn, every, {item.name: [drawn] * len(item.seeds) for item in every}, drawn, 0)
    for item, row in zip(every, rows, strict=True):
        words = part_words(row)
        assert words.endswith(".") and words[0] == words[0].upper() and words != row.label
        assert bool(item.refits) != bool(item.stored)
        assert len(item.seeds) == max(len(item.refits), 1) == len(set(item.seeds))


def test_nothing_observed_after_the_origin_matters(brief: Prepared) -> None:
    origin = pd.Timestamp(brief.problem.final.origin)
    observations, cases = brief.inputs.observations.copy(), brief.inputs.cases
    assert cases is not None
    observations.loc[observations.index > origin] = 500.0
    wild = cases.where(cases.index <= origin, 1e6)
    other = told(brief, observations=observations, cases=wild)
    for mine, theirs in zip(ablations_of(brief), ablations_of(other), strict=True):
        for refit, again in list(zip(mine.refits, theirs.refits, strict=True))[:1]:
            pd.testing.assert_frame_equal(
                refit_forecast(refit), refit_forecast(again), obj=f"forecast of {mine.name}", check_exact=True
            )


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
