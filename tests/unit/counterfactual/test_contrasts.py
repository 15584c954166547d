"""Intervals, groups, contrasts and what-ifs of a twin."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from counterfactual_cases import Case
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.counterfactual.contrast import category_change, contrasts, group_contrast
from core.counterfactual.trajectories import category_mean_draws, simulate_timeline
from core.counterfactual.uncertainty import drawn_category_means, drawn_means
from core.errors import InputError
from core.policy.scenario import load_scenario, scenario_text
from core.policy.timeline import PolicyTimeline
from core.services.policies.what_ifs import WHAT_IFS, lifted_earlier, lifted_later, what_if
from core.simulation.simulate import simulate


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
