"""The Validation page, and the words it says: they follow the figures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from page_cases import end_jobs
from streamlit.testing.v1 import AppTest

from core.errors import InputError
from core.services import validation, validation_words, validity_words
from core.services.ablations import run_ablations
from core.services.backtests import KIND, BacktestRequest, MeasuredBacktest, keep_backtest, read_exported, shipped_path
from core.services.jobs import DONE, STOPPED
from core.services.known_worlds import known_worlds
from core.services.macro_words import not_observed, note_of_scores
from core.services.results import list_results, verdict
from core.services.texts import run_text
from core.services.texts_ablations import ablations_text
from core.services.validation import ALIKE, ALL, BETTER, UNSURE, WORSE, Contrast, contrast, contrasts, row_frame
from core.store.database import Store
from core.validity.measured import KnownWorlds, read_measured
from core.validity.paired import Difference
from pages.shared.shell import job_board, open_store

APP = Path(__file__).resolve().parent.parent / "app.py"
PATIENCE = 90.0
PARTS = ("Countries", "This study", "Intervals", "Ablations", "Known worlds", "Groups")


# --- the page -----------------------------------------------------------------------------------------------------


@pytest.fixture
def store(meridia_store: Path) -> Iterator[Store]:
    """The store of the page, with one complete run of Meridia; jobs and store end with the test."""
    opened = open_store(str(meridia_store))
    yield opened
    end_jobs()
    opened.close()


def page(**parameters: str) -> AppTest:
    at = AppTest.from_file(str(APP), default_timeout=PATIENCE)
    at.switch_page("pages/6_Validation.py")
    for name, value in {"study": "meridia", **parameters}.items():
        at.query_params[name] = value
    return at.run()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def said(at: AppTest) -> str:
    """All words on the page."""
    parts = [*at.markdown, *at.caption, *at.text, *at.info, *at.warning, *at.error, *at.success, *at.code]
    return "\n".join(str(part.value) for part in parts)


def clean(at: AppTest) -> AppTest:
    assert not at.exception and not at.error, said(at)
    return at


def only_run(store: Store) -> str:
    return str(list_results(store, "meridia")["run_id"].iloc[0])


@pytest.mark.parametrize("part", PARTS)
def test_a_link_opens_each_part(store: Store, part: str) -> None:
    at = clean(page(part=part))
    words = said(at)
    assert "Does the twin forecast better than a simple rule?" in words and "invented" in words
    assert "not a language model" in words and only_run(store) in words, "engine and run are named"
    assert "Backtest shipped with PolicyTwin" in words and "by version" in words
    assert "The code ran" not in words and "policytwin backtest" in words, "how to measure it again"
    assert len(at.get("plotly_chart")) == {"Countries": 3, "This study": 1, "Intervals": 3, "Known worlds": 1}.get(
        part, 0
    )


def test_the_answer_says_the_figures_of_the_shipped_file(store: Store) -> None:
    words = said(clean(page()))
    shipped = read_exported(shipped_path())
    cells = contrasts(row_frame(shipped), shipped.rivals)
    assert validation_words.answer(cells, shipped).split(".")[0] in words.replace("\\", "")
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
    assert "New Zealand" in words and "90 days ahead" in words and len(at.get("plotly_chart")) == 4
    assert at.query_params["country"] == "NZL" or at.query_params["country"] == ["NZL"]
    at.selectbox(key="country-choice").set_value("").run()
    assert "country" not in at.query_params and len(clean(at).get("plotly_chart")) == 3


def test_nonsense_in_the_link_shows_the_page_all_the_same(store: Store) -> None:
    at = page(part="<b>", country="../..", horizon="x", against="nobody", measure="0", run="run-1")
    assert not at.exception and "Does the twin forecast better" in said(at)


def test_a_kept_backtest_takes_the_place_of_the_shipped_one(store: Store, tmp_path: Path) -> None:
    clean(page())
    for name in ("m", "p"):
        (tmp_path / name).write_text(name)
    request = BacktestRequest(tmp_path / "m", tmp_path / "p", None, (date(2020, 6, 30),), (30, 90, 180))
    shipped = read_exported(shipped_path())
    mirrored = {**shipped.values, "rows": turned_round(shipped).rows}
    run_id = keep_backtest(store, mirrored, request)
    words = said(clean(page()))
    assert run_id in words and "Backtest shipped" not in words
    assert "the best single baseline misses by less than the twin" in words, "the words follow the figures"


def test_before_the_first_run_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICYTWIN_DB", str(tmp_path / "empty.duckdb"))
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for part in ("This study", "Ablations", "Groups"):
        words = said(clean(page(part=part)))
        assert "No twin has been fitted to this study yet" in words and "Backtest shipped" in words
    assert "They are not here" in said(page()), "no files of the countries, and so no button"
    end_jobs()
    open_store(str(tmp_path / "empty.duckdb")).close()


def test_a_shipped_file_that_is_broken_is_one_line(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "backtest.json").write_text("{")
    for module in ("core.services.backtests", "pages.shared.validation_data"):
        monkeypatch.setattr(f"{module}.shipped_path", lambda: tmp_path / "backtest.json")
    at = page()
    assert not at.exception and len(at.error) == 1 and "is no backtest" in at.error[0].value


def test_groups_are_measured_beside_the_page(store: Store) -> None:
    at = clean(page(part="Groups"))
    assert "Not checked yet" in said(at)
    at.button(key="measure-groups").click().run()
    job = job_board().latest("groups", only_run(store))
    assert job is not None
    until(lambda: not job.active)
    assert job.status == DONE, job.message
    at = clean(page(part="Groups"))
    words = said(at)
    assert "different people" in words and "Who responds how" in words and len(at.get("plotly_chart")) == 1
    at.selectbox(key="group-attribute").set_value("occupation").run()
    assert "occupation" in "".join(chart.proto.spec for chart in clean(at).get("plotly_chart")).lower()


def test_measured_ablations_are_shown_with_what_was_left_out(store: Store) -> None:
    values = run_ablations(store, only_run(store), only=["uncalibrated", "personas_1"])
    assert values["left_out"]["Without fatigue"] == "not asked for" and "1 persona" not in values["left_out"]
    at = clean(page(part="Ablations"))
    words = said(at)
    assert f"The whole twin misses by {values['macro_rmse']:.1f} points" in words
    assert f"Left out: {len(values['left_out'])} (" in words and "not asked for" in words
    assert len(at.get("plotly_chart")) == 2 and at.button(key="measure-ablations").label == "Measure again"
    assert "Left out: " in ablations_text(values)


def test_a_behaviour_that_was_not_observed_in_the_test_period_is_said_beside_the_mean(store: Store) -> None:
    run = store.run(only_run(store))
    scores = store.read_result("scores", run.run_id)
    assert run.summary["not_observed"] == [] and note_of_scores(scores) == ""
    scores.loc[scores["behaviour"] == "parks", "value"] = np.nan
    note = "parks was not observed in the test period: the mean is over the other 5."
    assert note in verdict(scores, "rmse").notes and note in validation_words.run_statement(scores).text
    assert note in run_text({**run.summary, "not_observed": not_observed(scores)})


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
    assert "does not say whether that difference could be chance" in words and at.button(key="measure-worlds")
    for part in ("by_distance", "working_week"):
        clean(page(part="Known worlds", **{"worlds-by": part}))
    own = known_worlds(["plain"], 1, personas=30, trials=0, store=store)
    words = said(clean(page(part="Known worlds"))).replace("\\", "")
    assert f"Worlds kept in this store as {own['run_id']}: measured on" in words
    twin = own["summary"]["overall"]["estimators"]["twin"]["rmse"]
    assert f"the twin is off by {twin:.1f}" in words and "Worlds shipped" not in words


def test_a_measurement_that_is_stopped_leaves_nothing(store: Store) -> None:
    at = clean(page(part="Known worlds"))
    started = threading.Event()

    def slow(watch: Any, executor: Any) -> None:
        started.set()
        while True:
            time.sleep(0.01)
            watch.report("validate", 1, 4, "worlds")

    job = job_board().start("worlds", "generated", slow)
    assert started.wait(PATIENCE)
    at = clean(page(part="Known worlds"))
    assert not [button for button in at.button if button.key == "measure-worlds"], "one at a time"
    at.button(key=f"stop-{job.id}").click().run()
    until(lambda: not job.active)
    assert job.status == STOPPED
    at = clean(page(part="Known worlds"))
    assert "Nothing of it is kept" in said(at) and at.button(key="measure-worlds")
    assert store.runs(kind="worlds").empty and store.runs(kind=KIND).empty


# --- the words follow the figures ---------------------------------------------------------------------------------


def turned_round(measured: MeasuredBacktest) -> MeasuredBacktest:
    """The same, with a twin that misses by twice as much as the best rival of each row."""
    rows = []
    for row in measured.rows:
        scores = dict(row["macro_rmse"])
        best = min(value for name, value in scores.items() if name != "twin")
        rows.append({**row, "macro_rmse": {**scores, "twin": 2.0 * best}})
    return replace(measured, values={**measured.values, "rows": rows})


def cell(skill: float, low: float | None = None, high: float | None = None, rows: int = 100) -> Contrast:
    low, high = (skill - 0.01 if low is None else low), (skill + 0.01 if high is None else high)
    return Contrast(rows, 40, 10 * (1 - skill), "seasonal_naive", 10.0, skill, low, high, 0.5)


def test_the_answer_turns_round_with_the_figures() -> None:
    shipped = read_exported(shipped_path())
    worse = turned_round(shipped)
    text = validation_words.answer(contrasts(row_frame(worse), worse.rivals), worse)
    assert "the best single baseline misses by less than the twin at 30, 90 and 180 days" in text
    assert "A simple forecast is better" in text and "the twin misses by less" not in text
    card = validation_words.class_statement(contrasts(row_frame(worse), worse.rivals), ALL, "All")
    assert card.verdict == WORSE and "above" in card.text and card.figure.startswith("+")


@pytest.mark.parametrize(
    ("skill", "low", "high", "verdict"),
    [
        (0.12, 0.08, 0.15, BETTER),
        (-0.12, -0.15, -0.08, WORSE),
        (0.04, 0.03, 0.05, ALIKE),
        (-0.04, -0.06, 0.01, ALIKE),
        (0.12, -0.02, 0.2, UNSURE),
        (-0.12, -0.3, 0.02, UNSURE),
    ],
)
def test_a_verdict_needs_size_and_certainty(skill: float, low: float, high: float, verdict: str) -> None:
    assert cell(skill, low, high).verdict == verdict


def test_the_answer_names_where_a_simple_forecast_is_as_good_and_where_it_is_open() -> None:
    measured = read_exported(shipped_path())
    cells = {
        (ALL, 30): cell(0.2), (ALL, 90): cell(-0.2), ("<5", 30): cell(0.01), (">=15", 30): cell(0.2),
        ("<5", 90): cell(-0.2), (">=15", 90): cell(0.3, -0.1, 0.5),
    }  # fmt: skip
    text = validation_words.answer(cells, measured)
    assert "the twin misses by less than the best single baseline at 30 days" in text
    assert "the best single baseline misses by less than the twin at 90 days" in text
    assert "A simple forecast is about as good where policy hardly moved, at 30 days." in text
    assert "A simple forecast is better where policy hardly moved, at 90 days." in text
    assert "Too little was measured to tell where it moved by 15 points or more, at 90 days." in text
    everywhere = {(change, 30): cell(0.2) for change in (ALL, "<5", ">=15")}
    assert "That holds whether policy moved or not." in validation_words.answer(everywhere, measured)
    card = validation_words.class_statement(cells, ALL, "All")
    assert card.verdict == validation_words.MIXED and card.text.endswith("Better at 30 days; worse at 90 days.")


@pytest.mark.parametrize(
    ("twin", "sure", "verdict", "relation"),
    [
        (9.0, True, BETTER, "less"),
        (9.0, False, UNSURE, "less"),
        (10.2, True, ALIKE, "about as"),
        (12.0, True, WORSE, "more"),
        (12.0, False, UNSURE, "more"),
        (12.0, None, UNSURE, "more"),
    ],
)
def test_the_runs_card_follows_its_scores(twin: float, sure: bool | None, verdict: str, relation: str) -> None:
    rows = [("twin", twin), ("last_value", 10.0), ("linear", 14.0), ("uncalibrated", 5.0)]
    scores = pd.DataFrame(
        [{"forecaster": name, "behaviour": "macro", "metric": "rmse", "value": value} for name, value in rows]
    )
    off = 0.1 if sure else 5.0
    found = {"last_value": Difference(twin - 10.0, twin - 10.0 - off, twin - 10.0 + off, 39).as_dict()}
    card = validation_words.run_statement(scores, None if sure is None else found)
    assert card.verdict == verdict and f"{relation}" in card.text and card.figure == f"{twin:.1f} vs 10.0"
    assert ("could turn round" in card.text) == (verdict == UNSURE)


def test_a_contrast_knows_its_answer() -> None:
    generator = np.random.default_rng(3)
    frame = pd.DataFrame({"country": [f"C{number // 4}" for number in range(160)], "a": generator.uniform(8, 12, 160)})
    frame["b"], frame["twin"] = frame["a"] * 2, frame["a"] * 0.9
    found = contrast(frame, ["a", "b"])
    assert (found.rival, found.rows, found.countries, found.wins) == ("a", 160, 40, 1.0)
    assert found.skill == pytest.approx(0.1) and found.low == pytest.approx(0.1) and found.high == pytest.approx(0.1)
    noisy = frame.assign(twin=frame["a"] * generator.uniform(0.5, 1.5, 160))
    wide = contrast(noisy, ["a"])
    assert wide.low < wide.skill < wide.high and wide == contrast(noisy, ["a"]), "the same figures give the same range"


def test_rivals_of_a_comparison() -> None:
    rivals = ["last_value", "last_7_days", "linear", "gradient_boosting", "ets"]
    assert validation.rivals_of(rivals, "best") == rivals
    assert validation.rivals_of(rivals, "persistence") == ["last_value", "last_7_days"]
    assert validation.rivals_of(rivals, "gradient_boosting") == ["gradient_boosting"]
    with pytest.raises(InputError, match="was not measured"):
        validation.rivals_of(["linear"], "persistence")


def test_tables_agree_with_the_rows() -> None:
    measured = read_exported(shipped_path())
    frame = row_frame(measured)
    table = validation.country_table(frame, measured.rivals, 90)
    assert table["skill"].is_monotonic_decreasing and set(table["country"]) == set(frame["country"])
    own = validation.rows_of_country(frame, measured.rivals, "ARE")
    assert len(own) == (frame["country"] == "ARE").sum()
    board = validation.forecaster_table(frame, measured.rivals, 90)
    assert board["mean"].is_monotonic_increasing and len(board) == 1 + len(measured.rivals)
    mean = measured.values["summary"]["by_horizon"]["90"]["mean"]
    assert board.set_index("forecaster")["mean"].to_dict() == pytest.approx(mean, abs=1e-4)
    with pytest.raises(InputError, match="country"):
        validation.rows_of_country(frame, measured.rivals, "ZZZ")


def test_words_on_intervals_follow_the_coverage() -> None:
    measured = read_exported(shipped_path())

    def table(*coverage: float, score: float = 10.0) -> pd.DataFrame:
        rows = [
            {"horizon": horizon, "forecaster": name, "level": 80, "coverage": value, "width": 5.0,
             "score": score if name == "twin" else 10.0, "rows": 9}
            for horizon, value in zip((30, 90), coverage, strict=False)
            for name in ("twin", "seasonal_naive")
        ]  # fmt: skip
        return pd.DataFrame(rows)

    words = validation_words.coverage_words
    assert words(table(0.81, 0.78), 80).endswith("That is about right.")
    assert words(table(0.5, 0.6), 80).endswith("That is too narrow.")
    assert words(table(0.95, 0.8), 80).endswith("That is too wide at 30 days, and about right at 90 days.")
    assert "No intervals" in words(validation.interval_table(replace(measured, values={"rows": []})), 80)
    assert "20%" in validation_words.sharpness_words(table(0.8, 0.8, score=8.0), 80)
    assert "above" in validation_words.sharpness_words(table(0.8, 0.8, score=12.0), 80)


def test_words_on_ablations_and_worlds_follow_their_figures() -> None:
    def part(label: str, price: float, told: bool) -> dict[str, Any]:
        return {"label": label, "price": price, "distinguishable": told}

    words = " ".join(
        validity_words.ablation_words(
            {
                "macro_rmse": 9.0,
                "rows": [part("Without policy", 2.0, True), part("Without age", -1.0, True), part("x", 0.1, False)],
            }
        )
    )
    assert "grows by more points than chance explains: without policy (+2.0)" in words
    assert "shrinks by more points than chance explains: without age (−1.0)" in words and "The other 1" in words
    nothing = validity_words.ablation_words({"macro_rmse": 9.0, "rows": [part("Without policy", 2.0, False)]})
    assert "No part makes a difference" in nothing[-1]

    def worlds(twin: float, overstated: float, coverage: float) -> str:
        own = {"rmse": twin, "overstated": overstated, "right_sign": 0.9, "coverage": coverage}
        against = Difference(twin - 8.0, twin - 9.0, twin - 7.0, 12).as_dict()
        other = {"rmse": 8.0, "overstated": 0.0, "right_sign": 0.9, "coverage": None, "against_twin": against}
        overall = {"rows": 10, "rms_truth": 20.0, "estimators": {"twin": own, "regression": other}}
        values = {
            "summary": {"overall": overall, "by_world": {}},
            "estimators": {"twin": "The twin", "regression": "Least squares"},
        }
        return " ".join(validity_words.world_words(values))

    good, bad = worlds(5.0, 1.0, 0.8), worlds(12.0, -3.0, 0.2)
    assert (
        "3.0 points less (90% interval 2.0 to 4.0, over 12 worlds)" in good
        and "too large" in good
        and "about right" in good
    )
    assert "4.0 points more (90% interval 3.0 to 5.0" in bad and "too small" in bad and "too narrow" in bad
