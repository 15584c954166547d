"""The Calibration page, driven as an analyst would."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from page_cases import PATIENCE, clean, end_jobs, opened_page, opened_store, prose, said, until
from streamlit.testing.v1 import AppTest

from core.execution.executor import Executor
from core.execution.progress import ProgressReporter
from core.services.dashboard.jobs import DONE
from core.services.runs.reading import list_results
from core.store.database import Store
from pages.common.shell import job_manager, open_store

VIEWS = ("Scores", "Curves", "Parameters", "Trials", "Runs", "Export")


@pytest.fixture
def store(meridia_store: Path) -> Iterator[Store]:
    with opened_store(meridia_store) as opened:
        yield opened


def page(**parameters: str) -> AppTest:
    return opened_page("pages/4_Calibration.py", parameters)


def only_run(store: Store) -> str:
    return str(list_results(store, "meridia")["run_id"].iloc[0])


@pytest.mark.parametrize("view", VIEWS)
def test_a_link_opens_each_view(store: Store, view: str) -> None:
    at = clean(page(view=view))
    assert at.get("button_group") and at.session_state["view"] == view
    words = said(at)
    assert view != "Scores" or prose(at) <= 120, "a picture, and few words"
    assert "The twin misses by" in words and "invented" in words
    assert "not a language model" in words and only_run(store) in words, "engine and run are named"
    assert len(at.get("plotly_chart")) == {"Scores": 1, "Curves": 1, "Trials": 6}.get(view, 0)
    offered = {item.key for item in at.get("download_button")} - {"report-pdf"}
    assert "report" in offered and (offered == {"report"}) == (view == "Runs"), "nothing to compare yet"


def test_scores_follow_the_chosen_measure(store: Store) -> None:
    summary = store.run(only_run(store)).summary
    at = clean(page())
    assert f"The twin misses by {summary['macro_rmse']['twin']:.1f} points" in said(at)
    assert "RMSE by behaviour" in said(at)
    mean = sum(summary["mae"][name]["twin"] for name in summary["mae"]) / len(summary["mae"])
    at = clean(page(measure="MAE"))
    assert f"The twin misses by {mean:.1f} points" in said(at) and "MAE by behaviour" in said(at)
    assert "working week" in said(at)


def test_curves_of_one_behaviour_and_of_all(store: Store) -> None:
    at = clean(page(view="Curves", curve_behaviour="Parks"))
    assert "Visits to parks" in said(at)
    at.multiselect(key="curve_beside").select("linear").run()
    clean(at).toggle(key="curve_weekly").set_value(False).run()
    assert clean(at).multiselect(key="curve_beside").value[-1] == "linear"
    slider = at.slider(key="curve_meridia_days")
    slider.set_value((date(2031, 1, 1), date(2031, 6, 30))).run()
    clean(at)
    at = clean(page(view="Curves", curve_behaviour="All"))
    assert "Visits to parks" not in said(at) and len(at.get("plotly_chart")) == 1


def test_nonsense_in_the_link_shows_the_page_all_the_same(store: Store) -> None:
    at = page(view="Nowhere", measure="x", curve_behaviour="<b>", run="run-1", fit_meridia_trials="many", other="zzz")
    assert not at.exception and "The twin misses by" in said(at)


def test_a_fit_runs_beside_the_page_and_its_results_are_chosen(store: Store) -> None:
    first = only_run(store)
    at = clean(page(view="Runs"))
    at.number_input(key="fit_meridia_personas").set_value(30)
    at.number_input(key="fit_meridia_trials").set_value(2)
    at.number_input(key="fit_meridia_seed").set_value(7).run()
    clean(at).button(key="fit").click().run()
    clean(at)
    job = job_manager().latest("run", "meridia")
    assert job is not None
    until(lambda: not job.active)
    assert job.status == DONE, job.message
    clean(at.run())
    assert at.query_params["run"] == job.result != first
    assert "The twin has been fitted in" in said(at)
    record = store.run(job.result).record
    assert (record.personas, record.parameters["trials"], record.seed) == (30, 2, 7)
    at.selectbox(key=f"compare-{job.result}").set_value(first).run()
    assert "They differ in: personas 30 against 200; trials 2 against 8; seed 7 against 0." in said(clean(at))
    assert at.query_params["other"] == first
    at.selectbox(key=f"shown-{job.result}").set_value(first).run()
    assert clean(at).query_params["run"] == first


def test_progress_survives_a_reload_and_a_stopped_fit_is_resumed(store: Store) -> None:
    at = clean(page(fit_meridia_trials="4000", fit_meridia_personas="30"))
    at.button(key="fit").click().run()
    job = job_manager().latest("run", "meridia")
    assert job is not None and job.active
    assert clean(at).button(key="fit").disabled, "one fit of a study at a time"
    until(lambda: job.progress is not None and job.progress.done >= 8)
    again = clean(page())
    words = said(again)
    assert "The twin is being fitted" in words and "4000 trials, seed 0" in words
    assert len(again.get("plotly_chart")) == 2, "the trials so far, and the scores of the run shown"
    again.button(key=f"stop-{job.id}").click().run()
    until(lambda: not job.active)
    after = clean(page())
    assert "The fit was stopped" in said(after)
    stopped = store.runs(kind="run", status="cancelled").iloc[0]
    kept = len(store.read("trials", unfinished=True, run_id=stopped["run_id"]))
    assert f"was stopped after {kept} of 4000 trials" in said(after)
    after.button(key=f"resume-{stopped['run_id']}").click().run()
    resumed = job_manager().latest("run", "meridia")
    assert resumed is not None and resumed is not job and "The twin is being fitted" in said(clean(after))
    until(lambda: resumed.progress is not None and resumed.progress.done > kept)
    resumed.stop()
    until(lambda: not resumed.active)
    last = clean(page())
    last.button(key=f"discard-{stopped['run_id']}").click().run()
    assert "was stopped after" not in said(clean(last)) and store.runs(kind="run", status="cancelled").empty


def test_a_split_that_is_too_short_is_one_line_and_starts_nothing(store: Store) -> None:
    at = clean(page())
    at.date_input(key="fit_meridia_test_end").set_value(date(2031, 4, 5)).run()
    assert not at.exception
    (error,) = at.error
    assert "2031" in error.value and "Nearest valid" in error.value
    assert at.button(key="fit").disabled and job_manager().latest("run", "meridia") is None


def test_a_study_without_a_run_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICYTWIN_DB", str(tmp_path / "empty.duckdb"))
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    at = clean(page())
    assert "Press “Fit the twin” above" in said(at) and not at.get("plotly_chart")
    assert not at.button(key="fit").disabled
    end_jobs()
    open_store(str(tmp_path / "empty.duckdb")).close()


def test_a_fit_on_a_kept_population(store: Store) -> None:
    kept = str(store.read("populations")["population_id"].iloc[0])
    at = clean(page())
    at.selectbox(key="fit_meridia_people").set_value(kept).run()
    assert clean(at).number_input(key="fit_meridia_personas").disabled
    at.number_input(key="fit_meridia_trials").set_value(1).run()
    at.button(key="fit").click().run()
    job = job_manager().latest("run", "meridia")
    assert job is not None
    until(lambda: not job.active)
    assert job.status == DONE, job.message
    assert store.run(job.result).record.population_id == kept


def test_a_failed_fit_is_one_line_and_nothing_is_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clean(page())
    jobs = job_manager()

    def refuse(watch: object, executor: object) -> None:
        from core.errors import InputError

        raise InputError("something *bold* is wrong", where="<b>here</b>")

    job = jobs.start("run", "meridia", refuse)
    until(lambda: not job.active)
    at = page()
    early = "The fit ended early. What was finished is kept. The reason:"
    assert not at.exception and [item.value for item in at.error] == [early]
    assert "<b>here</b>: something *bold* is wrong." in [item.value for item in at.text], "as plain text, not as markup"
    assert "The twin misses by" in said(at)


def test_a_second_visitor_is_told_whose_run_is_going_on_and_watches_it(store: Store) -> None:
    first, go = only_run(store), threading.Event()

    def work(watch: ProgressReporter, executor: Executor) -> str:
        watch.report("calibrate", 3, 16, "trials")
        go.wait(PATIENCE)
        return first

    second = clean(page())
    job = job_manager().start("run", "meridia", work, what="rules, 777 personas", key="others", by="somebody")
    second.button(key="fit").click().run()
    (told,) = second.error
    assert "Not started. Another visitor started" in told.value and "777 personas" in told.value
    assert any("another visitor" in str(item.value) and "777" in str(item.value) for item in second.caption)
    assert any(item.key == f"stop-{job.id}" for item in second.button), "its progress is shown"
    assert not second.run().error, "said once"
    go.set()
    until(lambda: not job.active)
    assert len(store.runs(kind="run")) == 1
