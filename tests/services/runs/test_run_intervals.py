"""Intervals of one study's forecast, and what they are made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from learning_cases import past_of

from core.calibration.learned import WEIGHTS_FILE, known_rows
from core.calibration.problem import build_problem
from core.calibration.twin import forecast_defaults, twin_forecast
from core.cognition.registry import engine_for
from core.counterfactual.effect_uncertainty import (
    DAYS_OFF_FACTORS,
    DAYS_OFF_FILE,
    EFFECT_FACTORS,
    EFFECTS_FILE,
    drawn_factors,
    known_days_off_spread,
    known_effect_spread,
)
from core.counterfactual.forecast_parts import PARTS, forecast_parts
from core.execution.progress import ProgressReporter
from core.forecasting.days_off_learning import days_off_spread
from core.forecasting.effect_learning import effect_spread, weekly_effects
from core.forecasting.intervals import (
    LEVELS,
    PastErrors,
    Widths,
    borrowed,
    conformal_widths,
    day_scales,
    interval_ends,
    place_scale,
)
from core.forecasting.learned_widths import WIDTHS_FILE, widths_after, widths_rows
from core.forecasting.own_widths import own_widths
from core.forecasting.teachers import teachers_of
from core.report.renderers.terminal import terminal_text
from core.report.sentences.intervals import held_sentence, intervals_document, parts_words, widths_words
from core.services.populations.synthesis import make_population
from core.services.runs.fitted import fitted_twin
from core.services.runs.interval_parts import intervals_of_run, stored_intervals
from core.services.runs.intervals import NO_SCALE, NO_WIDTHS, run_intervals
from core.services.runs.results import HeldIntervals, IntervalPart, IntervalsResult
from core.services.studies.inputs import StudyInputs, open_study
from core.simulation.simulate import simulate
from core.store.database import Store
from core.study import load_study

ORIGIN, END = date(2031, 3, 31), date(2031, 9, 30)


def forecast_of(inputs: StudyInputs, origin: date = ORIGIN, end: date = END):  # type: ignore[no-untyped-def]
    problem = build_problem(inputs.study, inputs.timeline, inputs.observations, inputs.cases, origin, end, inner=False)
    people = make_population(inputs.study, 40, 0).personas
    engine = engine_for(inputs.study)
    means = simulate(engine, people, problem.contexts).everyone
    return problem, people, twin_forecast(problem, problem.final, means, forecast_defaults(inputs.study, origin))


def test_intervals_hold_the_forecast_grow_with_the_level_and_keep_what_the_metric_can_be() -> None:
    inputs = open_study("meridia")
    problem, people, twin = forecast_of(inputs)
    found = run_intervals(inputs, problem, people, twin, ProgressReporter())
    before = None
    for level in LEVELS:
        lower, upper = found.ends[level]
        assert (lower.to_numpy() >= -100).all()
        assert (lower.to_numpy() <= twin.forecast.to_numpy()).all() and (
            upper.to_numpy() >= twin.forecast.to_numpy()
        ).all()
        if before is not None:
            assert ((upper - lower).to_numpy() >= before).all()
        before = (upper - lower).to_numpy()
    rows = found.rows()
    assert len(rows) == len(LEVELS) * twin.forecast.size and rows[["lower", "upper"]].notna().all(axis=None)


def test_without_learned_tables_the_study_s_own_past_gives_the_widths() -> None:
    inputs = open_study("meridia")
    own = replace(inputs, study=replace(inputs.study, learned=None))
    problem, people, twin = forecast_of(own)
    found = run_intervals(own, problem, people, twin, ProgressReporter())
    assert found.widths.of == "own" and found.widths.fewest > 0
    lower, upper = found.ends[80]
    assert ((upper - lower).to_numpy() > 0).all()
    later = own.observations.copy()
    later.loc[pd.Timestamp("2031-04-01") :] = 999.0
    spoiled = replace(own, observations=later)
    problem, people, twin = forecast_of(spoiled)
    again = run_intervals(spoiled, problem, people, twin, ProgressReporter())
    assert again.ends[80][0].equals(lower), "nothing observed after the origin has a say"


def test_scales_are_wider_where_the_simulated_policy_matters() -> None:
    days = pd.date_range("2021-01-01", periods=40)
    usual = pd.Series({"parks": 3.0})
    effect = pd.DataFrame({"parks": np.where(np.arange(40) < 20, 0.0, 30.0)}, days)
    scales = day_scales(usual, effect)["parks"]
    assert scales.iloc[0] == pytest.approx(3.0) and scales.iloc[-1] == pytest.approx(np.hypot(3.0, 0.45 * 30))
    observed = pd.DataFrame({"parks": np.tile([0.0, 20.0], 28)}, pd.date_range("2020-11-01", periods=56))
    calm, wild = (place_scale(observed * size, date(2020, 12, 26))["parks"] for size in (0.01, 1.0))
    assert calm < wild


@pytest.mark.parametrize("level", [50, 80, 95])
def test_no_interval_ever_has_no_width(level: int) -> None:
    """Meridia without learned tables, trained on half a year: widths of 0 were stored and scored for the first fortnight."""
    inputs = open_study("meridia")
    own = replace(inputs, study=replace(inputs.study, learned=None))
    problem, people, twin = forecast_of(own, date(2030, 8, 15), date(2030, 11, 30))
    found = run_intervals(own, problem, people, twin, ProgressReporter())
    lower, upper = found.ends[level]
    width = (upper - lower).to_numpy()
    assert (width[np.isfinite(width)] > 0).all() and np.isfinite(width).any()
    assert found.rows()[["lower", "upper"]].notna().all(axis=None)


def test_a_behaviour_of_which_nothing_is_known_has_no_interval_and_the_result_says_why() -> None:
    inputs = open_study("meridia")
    seen = inputs.observations.copy()
    seen.loc[pd.Timestamp("2031-03-01") : pd.Timestamp("2031-03-31"), "parks"] = np.nan
    blind = replace(inputs, observations=seen)
    problem, people, twin = forecast_of(blind)
    found = run_intervals(blind, problem, people, twin, ProgressReporter())
    assert set(found.unknown) == {"parks"} and found.unknown["parks"] == NO_SCALE
    rows = found.rows()
    assert "parks" not in set(rows["behaviour"]) and set(rows["behaviour"]) == set(seen.columns) - {"parks"}
    about = found.held(inputs.observations)
    assert set(about.levels) == {"50", "80", "95"} and "No interval for parks: too little" in held_sentence(about)
    assert all(np.isfinite(list(vars(item).values())).all() for item in about.levels.values())


def test_too_short_a_past_gives_no_interval_at_all() -> None:
    inputs = open_study("meridia")
    own = replace(inputs, study=replace(inputs.study, learned=None))
    problem, people, twin = forecast_of(own, date(2030, 6, 14), date(2030, 8, 31))
    found = run_intervals(own, problem, people, twin, ProgressReporter())
    assert found.rows().empty and found.widths.of == "nothing"
    assert found.unknown["retail"] == NO_WIDTHS
    assert found.held(inputs.observations).levels == {}


def test_widths_round_trip_through_the_table_and_no_origin_knows_a_later_one(tmp_path: Path) -> None:
    study = load_study("uae")
    early, late = (widths_after(study, day) for day in (date(2020, 7, 1), date(2021, 12, 31)))
    assert early is not None and late is not None
    rows = [{"without": "", "known_until": "2020-06-30", **row} for row in widths_rows(late, "twin", 3)]
    pd.DataFrame(rows).to_csv(tmp_path / WIDTHS_FILE, index=False)
    (tmp_path / WEIGHTS_FILE).write_text("without,known_until,weight,places\n")
    again = widths_after(replace(study, learned=tmp_path), date(2021, 12, 31))
    assert again is not None
    for name, values in late.by_behaviour.items():
        assert np.allclose(again.by_behaviour[name], values)
        assert (np.diff(values, axis=0) > 0).all() and (np.diff(values, axis=1) >= 0).all()
    assert widths_after(study, date(2020, 6, 29)) is None
    assert any((early.by_behaviour[name] != values).any() for name, values in late.by_behaviour.items())


def test_a_table_that_lacks_a_level_gives_no_widths(tmp_path: Path) -> None:
    study = load_study("uae")
    late = widths_after(study, date(2021, 12, 31))
    assert late is not None
    rows = [{"without": "", "known_until": "2020-06-30", **row} for row in widths_rows(late, "twin", 3)]
    pd.DataFrame(rows[1:]).to_csv(tmp_path / WIDTHS_FILE, index=False)
    (tmp_path / WEIGHTS_FILE).write_text("without,known_until,weight,places\n")
    assert widths_after(replace(study, learned=tmp_path), date(2021, 12, 31)) is None


def test_factors_have_mean_one_and_the_spread_learned_and_never_turn_an_effect_round() -> None:
    spread = np.array([0.2, 0.5, 1.0])
    drawn = drawn_factors(spread, 40_000, 1, EFFECT_FACTORS)
    assert drawn.shape == (40_000, 3) and (drawn > 0).all()
    assert drawn.mean(axis=0) == pytest.approx([1, 1, 1], abs=0.03)
    assert drawn.std(axis=0) == pytest.approx(spread, rel=0.06)
    other = drawn_factors(spread, 40_000, 1, DAYS_OFF_FACTORS)
    assert abs(np.corrcoef(np.log(drawn[:, 0]), np.log(other[:, 0]))[0, 1]) < 0.02, "drawn apart"
    study = load_study("uae")
    nothing = replace(study, learned=None)
    for known, file, unknown in (
        (known_effect_spread, EFFECTS_FILE, 0.5),
        (known_days_off_spread, DAYS_OFF_FILE, 0.35),
    ):
        rows, _ = known_rows(study, file, ("spread",), date(2021, 12, 31))
        last = dict(zip(rows["behaviour"], rows["spread"], strict=True))
        assert known(study, date(2021, 12, 31)).tolist() == [last[name] for name in study.behaviour_ids]
        assert (known(study, date(2020, 6, 29)) == unknown).all(), "nothing was known by then"
        assert (known(nothing, date(2021, 12, 31)) == unknown).all()


def test_the_spread_of_effects_between_places_is_found_and_chance_is_not_taken_for_it() -> None:
    generator = np.random.default_rng(5)
    origins = tuple(date(2020, 5, 1 + 7 * step) for step in range(4))

    def found_with(spread: float) -> tuple[float, float, int]:
        places, ratios = [], generator.normal(1.0, spread, 80)
        for number, ratio in enumerate(ratios):
            item = past_of(str(number), followed=float(ratio), policy=0.1, noise=2.0, seed=number, origins=origins)
            places.append(item)
        teachers = teachers_of(places)
        weight = np.full(4, 0.6)
        return effect_spread(teachers, *weekly_effects(teachers, teachers.errors(weight)), weight, date(2020, 12, 31))[
            "parks"
        ]

    ratio, spread, count = found_with(0.4)
    assert ratio == pytest.approx(1.0, abs=0.15) and spread == pytest.approx(0.4, abs=0.12) and count == 80
    assert found_with(0.0)[1] < 0.1


def test_a_moved_week_widens_the_days_it_makes_new_and_no_others() -> None:
    forecast = pd.DataFrame({"parks": [0.0, 50.0]}, pd.date_range("2021-07-01", periods=2))
    widths, scales = Widths({"parks": np.tile([[1.0], [2.0], [4.0]], (1, 7))}), forecast * 0 + 3.0
    plain = interval_ends(forecast, widths, scales, date(2021, 6, 30), -100.0)
    beside = pd.DataFrame({"parks": [0.0, 20.0]}, forecast.index)
    moved = interval_ends(forecast, widths, scales, date(2021, 6, 30), -100.0, beside)
    for level, deviations in ((50, 0.6745), (80, 1.2816), (95, 1.96)):
        half, wider = (ends[level][1] - forecast for ends in (plain, moved))
        assert wider["parks"].iloc[0] == pytest.approx(half["parks"].iloc[0])
        assert wider["parks"].iloc[1] == pytest.approx(np.hypot(half["parks"].iloc[1], deviations * 20), rel=1e-4)


def test_a_width_that_is_not_known_is_borrowed_or_stays_unknown() -> None:
    widths = np.full((3, 7), np.nan)
    widths[:, 2] = [1.0, 2.0, 4.0]
    widths[0, 5] = 1.1
    found = borrowed(widths, 0.15)
    assert found[:, :3] == pytest.approx(np.tile([[1.0], [2.0], [4.0]], (1, 3))), (
        "the next known class's, for shorter ones"
    )
    assert found[1:, 3:] == pytest.approx(found[1:, 2:3] * (np.array([56, 91, 126, 182]) / 28) ** 0.15)
    assert found[0, 5] == pytest.approx((91 / 28) ** 0.15), "no class is narrower than the one before"
    assert np.isnan(borrowed(np.full((3, 7), np.nan), 0.15)).all(), "what nobody knows is not a number"


def test_few_errors_say_nothing_and_one_place_s_blocks_say_how_many_they_are() -> None:
    errors = np.full((1, 182, 1), np.nan)
    errors[0, :28, 0] = np.random.default_rng(1).normal(0, 1, 28)
    past = PastErrors(("parks",), (date(2020, 6, 1),), {"twin": np.ones((1, 182, 1))}, {"twin": errors}, 0 * errors)
    assert np.isnan(conformal_widths([past], "twin", date(2021, 6, 1)).by_behaviour["parks"]).all()
    own = own_widths(past, "twin", date(2021, 6, 1))
    assert own.blocks["parks"].tolist() == [1, 1, 1, 0, 0, 0, 0]
    assert np.isnan(own.widths.by_behaviour["parks"]).all()


def test_overlapping_origins_do_not_count_twice() -> None:
    origins = tuple(date(2020, 1, 1) + timedelta(days=28 * step) for step in range(10))
    errors = np.random.default_rng(2).normal(0, 1, (10, 182, 1))
    past = PastErrors(("parks",), origins, {"twin": np.ones((10, 182, 1))}, {"twin": errors}, 0 * errors)
    blocks = own_widths(past, "twin", date(2021, 12, 31)).blocks["parks"]
    assert blocks.tolist() == [10, 10, 10, 10, 5, 5, 5], "origins 28 days apart, of classes of 7 to 56 days"


def test_widths_of_one_place_hold_what_they_promise_where_its_errors_hang_together() -> None:
    """Errors that are equal within an origin: each day's error counted for itself, the widths would be far too sure."""
    generator = np.random.default_rng(3)
    inside = np.zeros(3)
    for _ in range(400):
        shift = generator.normal(0, 1, (7, 1, 1)) * np.ones((7, 28, 1))
        origins = tuple(date(2020, 1, 1) + timedelta(days=28 * step) for step in range(7))
        past = PastErrors(("parks",), origins[:6], {"twin": np.ones((6, 28, 1))}, {"twin": shift[:6]}, 0 * shift[:6])
        widths = own_widths(past, "twin", origins[6]).widths.by_behaviour["parks"][:, 0]
        inside += np.abs(shift[6, 0, 0]) <= widths
    held = inside / 400
    assert (held >= np.array([0.5, 0.8, 0.95]) - 0.06).all() and held[0] < 0.72 and held[1] < 0.97


def test_the_spread_of_days_off_between_places_is_found_and_later_holidays_have_no_say() -> None:
    generator = np.random.default_rng(6)
    days = pd.date_range("2020-03-02", "2021-05-31", periods=14).normalize()

    def places(spread: float) -> list[pd.DataFrame]:
        own = generator.normal(np.log(0.8), spread, 80)
        return [pd.DataFrame({"parks": value + generator.normal(0, 0.2, 14)}, days) for value in own]

    known = date(2021, 6, 30)
    factor, spread, count = days_off_spread(places(0.3), known)["parks"]
    assert factor == pytest.approx(0.8, abs=0.08) and spread == pytest.approx(0.3, abs=0.08) and count == 80
    assert days_off_spread(places(0.0), known)["parks"][1] < 0.08
    some = places(0.3)
    early = days_off_spread(some, date(2021, 1, 31))
    for item in some:
        item.loc[item.index > pd.Timestamp(2021, 1, 10)] = 9.0
    assert days_off_spread(some, date(2021, 1, 31)) == early
    assert days_off_spread(some[:5], known) == {}, "few places say nothing"


def test_parts_are_kept_apart_and_add_up_to_the_interval(meridia_store: Path) -> None:
    with Store(meridia_store) as store:
        run_id = str(store.runs(kind="run")["run_id"].iloc[0])
        ends = stored_intervals(store, run_id)
        twin = fitted_twin(store, run_id)
        result = intervals_of_run(store, run_id)
    assert set(ends) == set(LEVELS)
    order = list(twin.problem.study.behaviour_ids)
    half = ((ends[80][1] - ends[80][0]) / 2)[order]
    parts = forecast_parts(twin, half)
    assert set(parts["part"]) == set(PARTS)
    assert parts.groupby(["behaviour", "last_day"])["share"].sum().to_numpy() == pytest.approx(1.0)
    assert (parts[parts["part"] == "repeated_answers"]["deviation"] == 0).all(), "an engine of rules repeats itself"
    assert (parts[parts["part"] == "working_week"]["deviation"] == 0).all(), "Meridia's week never moves"
    assert (parts[parts["part"].isin(["personas", "calibration"])]["deviation"] > 0).all()
    first = parts[(parts["last_day"] == 7)].groupby("behaviour")["deviation"].apply(lambda item: (item**2).sum())
    total = ((half.iloc[:7] / 1.2816) ** 2).mean()
    assert first[order].to_numpy() == pytest.approx(total.to_numpy(), rel=1e-6)
    means = [np.full((len(twin.problem.contexts), len(order)), level) for level in (0.3, 0.5, 0.4)]
    noisy = forecast_parts(twin, half, samples=means)
    assert (noisy[noisy["part"] == "repeated_answers"]["deviation"] >= 0).all()
    assert IntervalsResult.from_dict(result.as_dict()) == result and set(result.as_dict()["levels"]) == {
        "50",
        "80",
        "95",
    }
    text = terminal_text(intervals_document(result, twin.problem.study))
    assert "80%" in text and "Which personas were drawn" in text
    assert "other places" in widths_words(result) or "own errors" in widths_words(result)


def test_widths_of_earlier_versions_are_said_in_their_words() -> None:
    assert (
        widths_words(HeldIntervals(levels={}, source="the errors of 84 other places"))
        == "the errors of 84 other places"
    )


def test_the_words_follow_the_parts() -> None:
    def rows(**shares: float) -> list[IntervalPart]:
        about: dict[str, Any] = {"behaviour": "parks", "first_day": 1, "last_day": 7, "deviation": 2.0}
        return [IntervalPart(**about, part=name, share=shares.get(name, 0.0)) for name in PARTS]

    assert "more personas would narrow it" in parts_words(rows(personas=0.8, residual=0.2))
    assert "hardly narrow" in parts_words(rows(residual=0.9))
