"""The Validation page."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_cases import PATIENCE, clean, end_jobs, opened_page, opened_store, prose, said, until, wait_for_jobs
from streamlit.testing.v1 import AppTest
from validation_cases import turned_round

from core.report.renderers.terminal import terminal_text
from core.report.sentences import skill as validation_words
from core.report.sentences.ablations import ablations_document
from core.report.sentences.runs import run_document, unobserved_note, verdict
from core.services.dashboard.jobs import DONE, STOPPED
from core.services.evaluation.ablations import run_ablations
from core.services.evaluation.backtests import keep_backtest, read_exported, shipped_path
from core.services.evaluation.known_worlds import known_worlds
from core.services.evaluation.requests import BacktestRequest, WorldsRequest
from core.services.evaluation.skill import row_frame, skill_comparisons
from core.services.runs.reading import list_results
from core.services.runs.results import RunResult
from core.store.database import Store
from core.study import load_study
from core.validity.measured import KnownWorlds, read_measured
from pages.common.shell import job_manager, open_store

PARTS = ("Countries", "This study", "Residuals", "Intervals", "Ablations", "Known worlds", "Groups", "Donor places")


@pytest.fixture
def store(meridia_store: Path) -> Iterator[Store]:
    with opened_store(meridia_store) as opened:
        yield opened


def page(**parameters: str) -> AppTest:
    return opened_page("pages/6_Validation.py", parameters)


def only_run(store: Store) -> str:
    return str(list_results(store, "meridia")["run_id"].iloc[0])


@pytest.mark.parametrize("part", PARTS)
def test_a_link_opens_each_part(store: Store, part: str) -> None:
    at = clean(page(part=part))
    words = said(at)
    assert ("Does the twin forecast better than a simple rule?" in words) == (
        part == "Countries"
    ) and "invented" in words
    assert part != "Countries" or prose(at) <= 120, "a picture, and few words"
    assert "not a language model" in words and only_run(store) in words, "engine and run are named"
    assert "Backtest shipped with PolicyTwin" in words and "by version" in words
    assert "The code ran" not in words and "policytwin backtest" in words, "how to measure it again"
    charts = {
        "Countries": 4, "This study": 1, "Residuals": 4, "Intervals": 4, "Ablations": 2, "Known worlds": 1, "Groups": 1,
    }  # fmt: skip
    assert len(at.get("plotly_chart")) == charts.get(part, 0), "no part is empty at the first visit"


def test_the_answer_says_the_figures_of_the_shipped_file(store: Store) -> None:
    words = said(clean(page()))
    shipped = read_exported(shipped_path()).result
    cells = skill_comparisons(row_frame(shipped), shipped.rivals)
    assert validation_words.answer(cells).split(".")[0] in words.replace("\\", "")
    macro = store.run(only_run(store)).summary["macro_rmse"]
    assert f"The twin misses by {macro['twin']:.1f} points on average" in words


def test_the_leaderboard_has_every_forecaster_of_the_run(store: Store) -> None:
    at = clean(page(part="This study"))
    macro = store.run(only_run(store)).summary["macro_rmse"]
    (table,) = at.dataframe
    assert len(table.value) == len(macro) and set(table.value["Kind"]) == {"Twin", "Twin, part left out", "Baseline"}
    assert table.value["macro"].is_monotonic_increasing
    at = clean(page(part="This study", measure="MAE"))
    assert "MAE in points" in said(at)
    assert not np.allclose(at.dataframe[0].value["macro"], table.value["macro"])


def test_a_country_and_a_horizon_in_the_link(store: Store) -> None:
    at = clean(page(country="NZL", horizon="90 days", against="Persistence"))
    words = said(at)
    assert "New Zealand" in words and "90 days ahead" in words and len(at.get("plotly_chart")) == 5
    assert at.query_params["country"] == "NZL" or at.query_params["country"] == ["NZL"]
    at.selectbox(key="country-choice").set_value("").run()
    assert "country" not in at.query_params and len(clean(at).get("plotly_chart")) == 4


def test_a_country_leads_to_a_study_of_it(store: Store) -> None:
    at = clean(page(country="NZL"))
    (to_data,) = [item.proto for item in at.get("page_link") if item.proto.label == "Make a study of it"]
    assert "country=New+Zealand" in to_data.query_string and to_data.page.endswith("Data")


def test_a_countrys_curve_is_computed_beside_the_page(
    store: Store, real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLICYTWIN_DATA", str(real_data))
    at = clean(page(country="NZL"))
    at.button(key="measure-country_forecast").click().run()
    wait_for_jobs()
    at = clean(page(country="NZL"))
    assert len(at.get("plotly_chart")) == 6 and "forecast from 31 December 2020" in said(at)


def test_a_study_of_another_domain_begins_with_its_own_hold_out(store: Store) -> None:
    at = clean(page(study="orlo@Alder"))
    assert "measured in another domain" in said(at) and "No twin has been fitted" in said(at)
    assert at.segmented_control(key="part").value == "This study"


def test_nonsense_in_the_link_shows_the_page_all_the_same(store: Store) -> None:
    at = page(part="<b>", country="../..", horizon="x", against="nobody", measure="0", run="run-1")
    assert not at.exception and "Does the twin forecast better" in said(at)


def test_a_kept_backtest_takes_the_place_of_the_shipped_one(store: Store, tmp_path: Path) -> None:
    clean(page())
    for name in ("m", "p"):
        (tmp_path / name).write_text(name)
    request = BacktestRequest(tmp_path / "m", tmp_path / "p", (date(2020, 6, 30),), (30, 90, 180))
    run_id = keep_backtest(store, turned_round(read_exported(shipped_path()).result), request).run_id
    words = said(clean(page()))
    assert run_id in words and "Backtest shipped" not in words
    assert "the best single baseline misses by less than the twin" in words, "the words follow the figures"


def test_before_the_first_run_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICYTWIN_DB", str(tmp_path / "empty.duckdb"))
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for part in ("This study", "Ablations", "Groups"):
        words = said(clean(page(part=part)))
        assert "has no fitted twin yet" in words and "Backtest shipped" in words
    assert "No twin has been fitted to this study yet" in said(clean(page()))
    assert "They are not here" in said(page()), "no files of the countries, and so no button"
    end_jobs()
    open_store(str(tmp_path / "empty.duckdb")).close()


def test_a_shipped_file_that_is_broken_is_one_line(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "backtest.json").write_text("{")
    for module in ("core.services.evaluation.backtests", "pages.views.validation.data"):
        monkeypatch.setattr(f"{module}.shipped_path", lambda: tmp_path / "backtest.json")
    at = page()
    assert not at.exception and len(at.error) == 1 and "is no backtest" in at.error[0].value


def test_groups_are_measured_beside_the_page(store: Store) -> None:
    at = clean(page(part="Groups"))
    assert "Not checked yet" in said(at)
    at.button(key="measure-groups").click().run()
    job = job_manager().latest("groups", only_run(store))
    assert job is not None
    until(lambda: not job.active)
    assert job.status == DONE, job.message
    at = clean(page(part="Groups"))
    words = said(at)
    assert "different people" in words and "Who responds how" in words and len(at.get("plotly_chart")) == 1
    at.selectbox(key="group-attribute").set_value("occupation").run()
    assert "occupation" in "".join(chart.proto.spec for chart in clean(at).get("plotly_chart")).lower()


def test_measured_ablations_are_shown_with_what_was_left_out(store: Store) -> None:
    result = run_ablations(store, only_run(store), only=["uncalibrated", "personas_1"])
    assert result.left_out["Without fatigue"] == "not asked for" and "1 persona" not in result.left_out
    at = clean(page(part="Ablations"))
    words = said(at)
    assert f"The whole twin misses by {result.macro_rmse:.1f} points" in words
    assert f"Left out: {len(result.left_out)} (" in words and "not asked for" in words
    assert len(at.get("plotly_chart")) == 2 and at.button(key="measure-ablations").label == "Measure again"
    assert "Left out: " in terminal_text(ablations_document(result, load_study("meridia")))


def test_a_behaviour_that_was_not_observed_in_the_test_period_is_said_beside_the_mean(store: Store) -> None:
    result = RunResult.of(store.run(only_run(store)))
    assert result.not_observed == () and unobserved_note(result) == ""
    blind = replace(result, not_observed=("parks",))
    note = "parks was not observed in the test period: the mean is over the other 5."
    assert note in verdict(blind).notes and note in validation_words.run_statement(blind).text
    assert note in terminal_text(run_document(blind, load_study("meridia")))


def test_worlds_are_those_of_the_store_else_those_that_ship(store: Store) -> None:
    shipped = read_measured(KnownWorlds, "worlds")
    assert shipped is not None
    at = clean(page(part="Known worlds"))
    words = said(at).replace("\\", "")
    head = shipped.header
    assert (
        f"Worlds shipped with PolicyTwin: measured on {head.made_at:%-d %B %Y} by version {head.code_version}" in words
    )
    assert head.command in words and f"{shipped.overall.rows:,} questions" in words
    assert f"the twin is off by {shipped.overall.estimators['twin'].rmse:.1f}" in words
    best = min(
        (item for item in shipped.overall.estimators.values() if item.against_twin is not None),
        key=lambda item: item.rmse,
    )
    assert f"over {best.against_twin.units} worlds)" in words and at.button(key="measure-worlds")
    for part in ("by_distance", "working_week"):
        clean(page(part="Known worlds", **{"worlds-by": part}))
    own = known_worlds(WorldsRequest(("plain",), 1, 30, 0), store)
    words = said(clean(page(part="Known worlds"))).replace("\\", "")
    assert f"Worlds kept in this store as {own.run_id}: measured on" in words
    twin = own.summary.overall.estimators["twin"].rmse
    assert f"the twin is off by {twin:.1f}" in words and "Worlds shipped" not in words


def test_a_measurement_that_is_stopped_leaves_nothing(store: Store) -> None:
    at = clean(page(part="Known worlds"))
    started = threading.Event()

    def slow(watch: Any, executor: Any) -> None:
        started.set()
        while True:
            time.sleep(0.01)
            watch.report("validate", 1, 4, "worlds")

    job = job_manager().start("worlds", "generated", slow)
    assert started.wait(PATIENCE)
    at = clean(page(part="Known worlds"))
    assert not [button for button in at.button if button.key == "measure-worlds"], "one at a time"
    at.button(key=f"stop-{job.id}").click().run()
    until(lambda: not job.active)
    assert job.status == STOPPED
    at = clean(page(part="Known worlds"))
    assert "Nothing of it is kept" in said(at) and at.button(key="measure-worlds")
    assert store.runs(kind="worlds").empty and store.runs(kind="backtest").empty
