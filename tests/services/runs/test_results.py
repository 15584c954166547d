"""A run's stored results as pages read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_results import run_result

from core.calibration.calibrators import slope_shares
from core.calibration.search import search_bounds
from core.calibration.twin import SLOPE_SHRINKAGE
from core.cognition.registry import engine_for
from core.errors import InputError
from core.forecasting.baselines import run_baselines
from core.forecasting.metrics import MACRO, mae, rmse
from core.report.figures.calibration import (
    comparison_figure,
    curves_figure,
    explorer_figure,
    leaderboard_figure,
    trial_history_figure,
)
from core.report.renderers.html import html_text
from core.report.sentences.calibration import PARAMETER_LABELS, asked_otherwise, found_parameters, in_words
from core.report.sentences.runs import run_document, verdict, working_week_note
from core.report.sentences.sources import source_line, twin_source
from core.services.library.archive import load_result
from core.services.runs.forecasters import FORECASTERS, TWINS, family, label
from core.services.runs.reading import (
    compared,
    curve_table,
    curves,
    fitted_lines,
    holidays,
    journal_bytes,
    list_results,
    trials_of,
    weekly,
)
from core.services.runs.results import RunResult
from core.services.studies.inputs import open_study
from core.store.database import Store
from core.study import load_study
from core.validity.paired import Difference

STUDY = load_study("meridia")


@pytest.fixture(scope="module")
def store(meridia_run: Path) -> Iterator[Store]:
    with Store(meridia_run) as opened:
        yield opened


@pytest.fixture(scope="module")
def run_id(store: Store) -> str:
    return str(store.runs(kind="run", status="complete")["run_id"].iloc[0])


def test_every_forecaster_has_words_and_a_family() -> None:
    assert {family(name) for name in TWINS} == {"twin", "ablation"}
    assert {family(name) for name in run_baselines()} == {"baseline"}
    assert set(FORECASTERS) == {*TWINS, *run_baselines()}
    assert all(label(name) != name for name in FORECASTERS)
    assert label("of another version") == "of another version"


def test_the_verdict_says_so_when_the_twin_wins() -> None:
    found = verdict(run_result(twin=15.1, last_7_days=15.4, train_mean=23.0, gradient_boosting=19.2))
    assert found.headline == (
        "The twin misses by 15.1 points on average, the best baseline (the mean of the last 7 days) by 15.4."
    )
    assert found.beats_all
    assert found.notes == (
        "The twin's error is 2% below that of the best of 3 baselines here; whether other weeks would say the same was not "
        "measured.",
    )


def test_better_is_said_only_where_other_weeks_would_say_it_too() -> None:
    def note(lower: float, upper: float) -> str:
        differences = {"last_7_days": Difference(-0.3, lower, upper, 39)}
        return verdict(run_result({"differences": differences}, twin=15.1, last_7_days=15.4, train_mean=23.0)).notes[0]

    assert note(-0.5, -0.1) == (
        "The twin does better than all 2 baselines: its error is 2% below that of the best of 2 baselines (90% interval of "
        "the difference 0.1 to 0.5 points, over 39 weeks)."
    )
    assert "could turn round (90% interval of the difference −0.9 to +0.2 points)" in note(-0.9, 0.2)
    assert "better" not in note(-0.9, 0.2)


def test_a_run_keeps_its_differences_with_intervals_over_weeks(store: Store, run_id: str) -> None:
    summary = store.run(run_id).summary
    macro, found = summary["macro_rmse"], summary["differences"]
    assert set(found) == set(macro) - {"twin"}
    for name, item in found.items():
        assert item["value"] == pytest.approx(macro["twin"] - macro[name], abs=1e-3)
        assert item["lower"] is None or item["lower"] <= item["value"] <= item["upper"]
        assert item["verdict"] == Difference(item["value"], item["lower"], item["upper"], item["units"]).verdict


def test_the_verdict_is_plain_when_the_twin_loses() -> None:
    result = run_result(
        twin=15.1, identical_personas=14.0, uncalibrated=40.0, last_7_days=15.4, linear=12.0, gradient_boosting=19.2,
        gradient_boosting_trend=13.0,
    )  # fmt: skip
    found = verdict(result)
    assert not found.beats_all
    assert found.headline.endswith("the best baseline (a straight line on stringency, and weekday) by 12.0.")
    first, second = found.notes
    assert first == (
        "2 of 4 baselines miss by less than the twin here; for a forecast of these days alone, use the best."
    )
    assert "the twin with identical personas (14.0)" in second and "without any calibration" not in second


def test_that_a_baseline_is_better_is_said_only_where_other_weeks_would_say_it_too() -> None:
    def note(lower: float, upper: float) -> str:
        differences = {"linear": Difference(3.1, lower, upper, 39)}
        return verdict(run_result({"differences": differences}, twin=15.1, last_7_days=15.4, linear=12.0)).notes[0]

    assert note(1.0, 5.0).endswith("use the best (90% interval of the difference 1.0 to 5.0 points, over 39 weeks).")
    assert note(-0.5, 5.0).endswith("could turn round (90% interval of the difference −0.5 to +5.0 points).")
    assert "use the best" not in note(-0.5, 5.0)


@given(
    st.dictionaries(st.sampled_from(list(run_baselines())), st.floats(0.1, 99), min_size=1),
    st.floats(0.1, 99),
)
def test_the_verdict_never_claims_a_win_that_is_none(rivals: dict[str, float], twin: float) -> None:
    found = verdict(run_result(twin=twin, **rivals), "mae")
    assert found.beats_all == all(value >= twin for value in rivals.values())
    assert ("below that of the best" in " ".join(found.notes)) == found.beats_all
    assert "better" not in " ".join(found.notes), "no interval, no word"


def test_the_leaderboard_is_sorted_and_agrees_with_the_summary(store: Store, run_id: str) -> None:
    result = RunResult.of(store.run(run_id))
    found = result.leaderboard("rmse")
    assert found["value"].is_monotonic_increasing
    assert set(found["forecaster"]) == set(FORECASTERS)
    macro = store.run(run_id).summary["macro_rmse"]
    for row in found.itertuples():
        assert row.value == pytest.approx(macro[row.forecaster], abs=1e-4)
    matrix = result.score_matrix("rmse")
    assert list(matrix.index) == list(found["forecaster"])
    assert list(matrix.columns) == [*STUDY.behaviour_ids, MACRO]
    np.testing.assert_allclose(matrix[MACRO], matrix[list(STUDY.behaviour_ids)].mean(axis=1), atol=2e-4)
    assert load_result(store, run_id) == result == RunResult.from_dict(json.loads(json.dumps(result.as_dict())))


def test_the_curves_give_the_stored_scores_again(store: Store, run_id: str) -> None:
    inputs = open_study("meridia")
    found = curves(store, run_id, STUDY.behaviour_ids)
    record = store.run(run_id).record
    assert found.structural.index.max() == pd.Timestamp(record.train_end)
    result = RunResult.of(store.run(run_id))
    for metric, function in (("rmse", rmse), ("mae", mae)):
        matrix = result.score_matrix(metric)
        for name, frame in found.forecasts.items():
            assert frame.index.min() == pd.Timestamp(record.train_end) + pd.Timedelta(days=1)
            truth = inputs.observations.reindex(frame.index)
            np.testing.assert_allclose(function(frame, truth), matrix.loc[name, list(STUDY.behaviour_ids)], atol=1e-4)


def test_weekly_means_keep_missing_days_out() -> None:
    days = pd.date_range("2030-01-01", periods=14)
    frame = pd.DataFrame({"retail": np.arange(14.0)}, index=days)
    assert weekly(frame).loc[days[7], "retail"] == 7.0
    frame.iloc[:8] = np.nan
    smooth = weekly(frame)["retail"]
    assert np.isnan(smooth.iloc[7]), "three days are no week"
    assert smooth.iloc[8] == pytest.approx(np.mean([8, 9, 10, 11]))


def test_the_curves_as_a_table(store: Store, run_id: str) -> None:
    found = curves(store, run_id, STUDY.behaviour_ids)
    observed = open_study("meridia").observations
    table = curve_table(observed, found, ("retail",))
    day = found.forecasts["twin"].index[3]
    assert table.index.name == "date"
    assert table.loc[day, "retail twin"] == found.forecasts["twin"].loc[day, "retail"]
    assert (
        np.isnan(table.loc[day, "retail fitted"]) and table.loc[day, "retail observed"] == observed.loc[day, "retail"]
    )
    assert not [name for name in table if name.startswith("parks")]


def test_trials_are_in_order_with_the_best_so_far(store: Store, run_id: str) -> None:
    found = trials_of(store, run_id, STUDY.behaviour_ids)
    assert len(found) == 8 and list(found.macro.index) == list(range(1, 9))
    assert found.best.is_monotonic_decreasing
    assert store.run(run_id).summary["inner_score"] <= found.macro.iloc[0]
    np.testing.assert_allclose(found.objectives.mean(axis=1), found.macro)
    for name, value in store.run(run_id).summary["parameters"].items():
        if name.startswith(SLOPE_SHRINKAGE):
            assert value in slope_shares()
            continue
        assert found.parameters[name].min() <= value <= found.parameters[name].max()
    assert {"macro", "best_so_far", "error_retail", "fatigue"} <= set(found.table().columns)


def test_a_run_at_work_shows_its_trials_only_to_those_who_ask(store: Store) -> None:
    found = trials_of(store, "run-of-nobody", STUDY.behaviour_ids, unfinished=True)
    assert len(found) == 0 and list(found.objectives.columns) == list(STUDY.behaviour_ids)
    figure = trial_history_figure(found.macro, found.best, found.objectives, {}, total=8, unit="points", source="none")
    assert len(figure.data) == 2 + 2 * len(STUDY.behaviours)


def test_parameters_found_come_with_words_units_and_bounds(store: Store, run_id: str) -> None:
    result = RunResult.of(store.run(run_id))
    found = {item.name: item for item in found_parameters(result, STUDY)}
    bounds = search_bounds(engine_for(STUDY), STUDY, STUDY.train_end)
    assert set(found) == set(bounds) == set(PARAMETER_LABELS)
    for name, (low, high) in bounds.items():
        item = found[name]
        assert low <= item.value <= high and (item.low, item.high) == (low, high)
        assert item.text and item.unit and item.label != name
    before = found_parameters(replace(result, bounds=None), STUDY)
    assert {item.name for item in before} == set(found), "of a run from before bounds were kept"


def test_a_parameter_held_by_its_bound_is_marked(store: Store, run_id: str) -> None:
    result = RunResult.of(store.run(run_id))
    held = {**result.parameters, "fatigue": 0.8999, "policy_effect_weight": 0.3, "epidemic": 1.4}
    edge = {item.name: item.at_edge for item in found_parameters(replace(result, parameters=held), STUDY)}
    assert edge["fatigue"] and edge["policy_effect_weight"] and not edge["epidemic"]
    assert "at the edge of what was searched" in html_text(run_document(replace(result, parameters=held), STUDY))


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(0.7389, "share", "74%"), (62.53, "days", "63 days"), (1560.8, "days", "1,561 days"), (2.514, "multiple", "2.51 times"),
     (0.0, "log-odds", "odds × 1.00"), (-0.6931, "log-odds", "odds × 0.50"), (3.14159, "hours", "3.14 hours")],
)  # fmt: skip
def test_values_are_said_as_an_analyst_reads_them(value: float, unit: str, words: str) -> None:
    assert in_words(value, unit) == words


def test_lines_are_in_the_order_of_the_study(store: Store, run_id: str) -> None:
    ours, theirs = fitted_lines(store, run_id, STUDY), fitted_lines(store, run_id, STUDY, "paper")
    assert tuple(ours["behaviour"]) == tuple(theirs["behaviour"]) == STUDY.behaviour_ids
    assert (ours["a"] >= 0).all() and (ours["upper"] > ours["lower"]).all() and (ours["train_rmse"] > 0).all()
    assert list(ours["flat"]) == list(ours["a"] < 0.05)
    assert dict(zip(ours["behaviour"], ours["chosen"], strict=True)) == store.run(run_id).summary["calibrators"]
    assert theirs["chosen"].isna().all(), "the published calibration has no choice"


def test_runs_are_listed_with_what_was_asked_and_found(store: Store, run_id: str) -> None:
    found = list_results(store, "meridia")
    assert len(found) == 1
    row = found.iloc[0].to_dict()
    summary = store.run(run_id).summary
    assert (row["run_id"], row["personas"], row["trials"], row["seed"]) == (run_id, 200, 8, 0)
    assert row["twin"] == summary["macro_rmse"]["twin"]
    assert row["best_baseline"] == min(summary["macro_rmse"][name] for name in run_baselines())
    assert list(list_results(store, "uae").columns) == list(found.columns) and list_results(store, "uae").empty
    assert asked_otherwise(row, row) == []
    assert asked_otherwise(row, {**row, "seed": 3, "twin": 0.0}) == ["seed 0 against 3"]
    assert asked_otherwise(row, {**row, "seed": 3, "population_id": "pop-2"}) == ["seed 0 against 3"], (
        "other people follow from it"
    )
    assert asked_otherwise(row, {**row, "population_id": "pop-2"}) == [
        f"population {row['population_id']} against pop-2"
    ]


def test_two_runs_side_by_side(store: Store, run_id: str) -> None:
    errors = compared(store, [run_id], "rmse")
    matrix = RunResult.of(store.run(run_id)).score_matrix("rmse")
    assert errors.index.names == ["forecaster", "behaviour"]
    assert errors.loc[("twin", "parks"), run_id] == matrix.loc["twin", "parks"]
    assert len(errors) == matrix.size


def test_the_working_week_is_owned_up_to(store: Store, run_id: str) -> None:
    told = working_week_note(run_result(twin=26.2, twin_announced_calendar=30.9), "rmse")
    assert "as part of that policy" in told and "misses by 30.9" in told
    assert "gave it nothing" in working_week_note(run_result(twin=26.2, twin_announced_calendar=26.2), "rmse")


def test_fictional_data_are_called_so() -> None:
    assert "fictional" in source_line(STUDY)
    assert "Google" in source_line(load_study("uae")) and "fictional" not in source_line(load_study("uae"))


def test_holidays_are_those_of_the_calendar() -> None:
    names = holidays(open_study("meridia"), pd.date_range("2031-01-01", "2031-01-31"))
    assert names[pd.Timestamp("2031-01-01")] == "New Year" and (names != "").all() and len(names) < 10


def test_optuna_reads_the_exported_trials_back(store: Store, run_id: str, tmp_path: Path) -> None:
    import optuna

    path = tmp_path / "trials.journal"
    path.write_bytes(journal_bytes(store, run_id))
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    (name,) = optuna.study.get_all_study_names(storage)
    assert run_id in name
    study = optuna.load_study(study_name=name, storage=storage)
    ours = trials_of(store, run_id, STUDY.behaviour_ids)
    assert study.metric_names == [*STUDY.behaviour_ids, MACRO]
    assert len(study.trials) == len(ours)
    for trial, number in zip(study.trials, ours.macro.index, strict=True):
        assert trial.params == dict(ours.parameters.loc[number])
        assert trial.values == [*ours.objectives.loc[number], ours.macro[number]]
        assert trial.state == optuna.trial.TrialState.COMPLETE
    for name, (low, high) in search_bounds(engine_for(STUDY), STUDY, STUDY.train_end).items():
        assert (study.trials[0].distributions[name].low, study.trials[0].distributions[name].high) == (low, high)


def test_optuna_dashboard_opens_the_exported_trials(store: Store, run_id: str, tmp_path: Path) -> None:
    dashboard = pytest.importorskip("optuna_dashboard", reason="optuna-dashboard is not installed")
    import json

    import optuna

    path = tmp_path / "trials.journal"
    path.write_bytes(journal_bytes(store, run_id))
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    asked = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/api/studies",
        "SERVER_NAME": "x",
        "SERVER_PORT": "1",
        "wsgi.url_scheme": "http",
    }
    answered: list[str] = []
    body = b"".join(dashboard.wsgi(storage)(asked, lambda status, headers, *rest: answered.append(status)))
    assert answered[0].startswith("200")
    (summary,) = json.loads(body)["study_summaries"]
    assert run_id in summary["study_name"] and len(summary["directions"]) == len(STUDY.behaviours) + 1


def test_a_run_without_trials_has_no_journal(store: Store) -> None:
    with pytest.raises(InputError, match="unknown run"):
        journal_bytes(store, "run-of-nobody")


def test_figures_say_what_they_show(store: Store, run_id: str) -> None:
    found = curves(store, run_id, STUDY.behaviour_ids)
    tried = trials_of(store, run_id, STUDY.behaviour_ids)
    labels = {item.id: item.label for item in STUDY.behaviours}
    source = source_line(STUDY)
    observed = open_study("meridia").observations
    shown = {name: found.forecasts[name] for name in ("twin", "last_7_days")}
    free = holidays(open_study("meridia"), pd.DatetimeIndex(observed.index))
    one = curves_figure(observed, found.structural, shown, {"parks": labels["parks"]}, pd.Timestamp(STUDY.train_end),
                        FORECASTERS, STUDY.metric_unit, "Parks", source, free)  # fmt: skip
    every = curves_figure(observed, found.structural, shown, labels, pd.Timestamp(STUDY.train_end), FORECASTERS,
                          STUDY.metric_unit, "All", source)  # fmt: skip
    errors = compared(store, [run_id], "rmse").xs("twin", level="forecaster")
    figures = [
        leaderboard_figure(RunResult.of(store.run(run_id)).leaderboard("rmse"), "RMSE", "points", source),
        trial_history_figure(tried.macro, tried.best, tried.objectives, labels, 8, "points", source),
        explorer_figure(tried.parameters, tried.macro, PARAMETER_LABELS, "points", source),
        comparison_figure(pd.DataFrame(errors), "RMSE", "points", source),
        one,
        every,
    ]
    for figure in figures:
        texts = " ".join(str(note.text) for note in figure.layout.annotations)
        assert "fictional" in texts and figure.layout.title.text
        figure.to_json()
    bars = {name: value for trace in figures[0].data for name, value in zip(trace.y, trace.x, strict=True)}
    assert len(bars) == len(FORECASTERS)
    twin = next(trace for trace in one.data if trace.name == FORECASTERS["twin"])
    np.testing.assert_array_equal(twin.y, found.forecasts["twin"]["parks"])
    assert [trace.name for trace in one.data].count("Public holiday") == 1
    assert "Training ends 31 March 2031" in str(one.layout.annotations)
    assert sum(trace.name == "Observed" for trace in every.data) == len(STUDY.behaviours)
    assert figures[2].data[0].dimensions[-1].label == "Error"


def test_names_are_never_markup_in_a_figure() -> None:
    frame = pd.DataFrame({"label": ["<b>bold</b> & co"], "family": ["baseline"], "value": [1.0]})
    figure = leaderboard_figure(frame, "RMSE", "points", "<i>nobody</i>")
    assert list(figure.data[2].y) == ["&lt;b&gt;bold&lt;/b&gt; &amp; co"]
    assert "&lt;i&gt;nobody" in figure.layout.annotations[0].text


def test_beneath_a_twins_figure_stand_the_data_and_the_engine() -> None:
    text = twin_source(load_study("meridia"), "rules", "run-7")
    assert "fictional" in text and "not a language model" in text and "run-7" in text
    assert twin_source(load_study("uae"), "gemini").endswith("Twin: language model, Gemini.")
    assert twin_source(load_study("uae"), "replay", "run-1", "smollm2-135m").endswith(
        "Twin: language model, replayed: smollm2-135m (135 million parameters: for trying the pipe, not for findings), run run-1."
    )
